/* Holds what NAT44 does to packets against sums made anew, and its parser against packets of any
 * kind. */
#include "engine/engine_test.h"
#include "net/packet/random_test.h"
#include "plugins/nat/nat44_packet.h"

static be32 some_address(void)
{
    return (be32){random_u32() * 2654435761u};
}

static be16 some_port(void)
{
    return (be16){(u16)random_u32()};
}

static union nat44_key some_key(u8 protocol)
{
    union nat44_key k = {.src = some_address(), .dst = some_address(), .fib_protocol = protocol};
    k.sport = some_port();
    k.dport = protocol == IP_PROTOCOL_ICMP ? k.sport : some_port();
    return k;
}

/* Where the checksum of a header of that protocol is. */
static u32 sum_at(u8 protocol)
{
    return protocol == IP_PROTOCOL_TCP   ? offsetof(struct tcp_header, checksum)
           : protocol == IP_PROTOCOL_UDP ? offsetof(struct udp_header, checksum)
                                         : offsetof(struct icmp_header, checksum);
}

static u64 l4_sum(const struct ip4_header *ip, u32 bytes)
{
    u64 pseudo = ip->protocol == IP_PROTOCOL_ICMP
                     ? 0
                     : csum_pseudo_ip4(ip->src, ip->dst, ip->protocol, bytes);
    return csum_add(pseudo, ip4_payload(ip), bytes);
}

/* A packet of that key with l4_bytes behind its header at p, its sums right. */
static void write_packet(u8 *p, const union nat44_key *k, u32 l4_bytes)
{
    struct ip4_header *ip = (struct ip4_header *)(void *)p;
    u8 protocol = nat44_key_protocol(k), *l4 = p + sizeof(*ip);
    for (u32 i = 0; i < sizeof(*ip) + l4_bytes; i++)
        p[i] = (u8)random_u32();
    *ip = (struct ip4_header){.version_ihl = IP4_VERSION_IHL_PLAIN,
                              .ttl = 64,
                              .protocol = protocol,
                              .length = be16_from_host((u16)(sizeof(*ip) + l4_bytes)),
                              .src = k->src,
                              .dst = k->dst};
    ip4_set_checksum(ip);
    if (protocol == IP_PROTOCOL_ICMP) {
        l4[0] = ICMP4_ECHO_REQUEST;
        store_be16(l4 + 4, k->sport);
    } else {
        store_be16(l4, k->sport);
        store_be16(l4 + 2, k->dport);
    }
    store_be16(l4 + sum_at(protocol), (be16){0});
    store_be16(l4 + sum_at(protocol), csum_finish_udp(l4_sum(ip, l4_bytes)));
}

static u32 test_buffer(u32 bytes)
{
    u32 bi;
    assert_int_equal(buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1), 1);
    buffer_at(bi)->len = (u16)bytes;
    return bi;
}

static const u8 protocols[] = {IP_PROTOCOL_TCP, IP_PROTOCOL_UDP, IP_PROTOCOL_ICMP};

static void check_sums(const struct ip4_header *ip, u32 l4_bytes)
{
    assert_true(ip4_checksum_is_right(ip));
    assert_int_equal(csum_fold(l4_sum(ip, l4_bytes)), 0xffff);
}

static void translated_packets_have_right_sums(void **state)
{
    for (u32 round = 0; round < 30000; round++) {
        u8 protocol = protocols[round % 3];
        union nat44_key key = some_key(protocol), back = some_key(protocol);
        u32 bytes = 20 + random_u32() % 100, bi = test_buffer(20 + bytes);
        struct buffer *b = buffer_at(bi);
        struct nat44_packet p;
        u16 ip_delta, l4_delta;
        struct fib_index fib = {0};

        write_packet(buffer_current(b), &key, bytes);
        assert_true(nat44_parse_plain(b, fib, &p));
        assert_memory_equal(&p.key, &key, sizeof(key));
        nat44_parse(t, b, fib, &p);
        assert_memory_equal(&p.key, &key, sizeof(key));
        nat44_deltas(&key, &back, &ip_delta, &l4_delta);
        nat44_rewrite(b, &back, ip_delta, l4_delta);
        check_sums(buffer_current(b), bytes);
        nat44_parse(t, b, fib, &p);
        union nat44_key turned = nat44_key_back(&back, fib);
        assert_memory_equal(&p.key, &turned, sizeof(turned));
        buffer_free_one(t, bi);
    }
}

/* An error from outside about a translated packet arrives inside as one about the packet that was
 * sent, with all sums right, however much of it is quoted. */
static void errors_quote_what_was_sent(void **state)
{
    for (u32 round = 0; round < 30000; round++) {
        u8 protocol = protocols[round % 3];
        struct fib_index fib = {0};
        union nat44_key i2o = some_key(protocol), o2i = some_key(protocol);
        union nat44_key sent = nat44_key_back(&o2i, fib);
        u32 quoted = 20 + 8 + random_u32() % 60, bytes = 8 + quoted;
        u32 bi = test_buffer(20 + bytes);
        struct buffer *b = buffer_at(bi);
        struct ip4_header *ip = buffer_current(b);
        struct ip4_header *in = (struct ip4_header *)(void *)((u8 *)ip + 28);
        union nat44_key outer = {
            .src = some_address(), .dst = o2i.dst, .fib_protocol = IP_PROTOCOL_ICMP};
        u8 whole[200];
        struct nat44_packet p;

        write_packet((u8 *)ip, &outer, bytes);
        write_packet(whole, &sent, 100);
        memcpy(in, whole, quoted);
        u8 *icmp = (u8 *)ip + 20;
        icmp[0] = ICMP4_TIME_EXCEEDED;
        store_be16(icmp + 2, (be16){0});
        store_be16(icmp + 2, csum_finish(csum_add(0, icmp, bytes)));

        nat44_parse(t, b, fib, &p);
        assert_int_equal(p.kind, NAT44_ERROR);
        assert_memory_equal(&p.key, &o2i, sizeof(o2i));
        nat44_rewrite_error(b, &o2i, &i2o, NAT44_O2I);
        check_sums(ip, bytes);
        assert_true(be32_equal(ip->dst, i2o.src) && be32_equal(ip->src, outer.src));
        assert_true(be32_equal(in->src, i2o.src) && be32_equal(in->dst, i2o.dst));
        assert_true(ip4_checksum_is_right(in));
        memcpy(whole, in, 28); /* the rest was not changed but for TCP's checksum */
        if (protocol == IP_PROTOCOL_TCP && quoted >= 38)
            memcpy(whole + 36, (u8 *)in + 36, 2);
        if (protocol != IP_PROTOCOL_TCP || quoted >= 38)
            check_sums((struct ip4_header *)(void *)whole, 100);
        buffer_free_one(t, bi);
    }
}

static void any_bytes_are_parsed(void **state)
{
    for (u32 round = 0; round < 100000; round++) {
        u32 bytes = 20 + random_u32() % 120, bi = test_buffer(bytes);
        struct buffer *b = buffer_at(bi);
        u8 *at = buffer_current(b);
        struct ip4_header *ip = (struct ip4_header *)(void *)at;
        struct nat44_packet p;
        for (u32 i = 0; i < bytes; i++)
            at[i] = (u8)random_u32();
        u32 words = 5 + random_u32() % 11;
        ip->version_ihl = (u8)(0x40 | (words * 4 <= bytes ? words : 5));
        ip->length = be16_from_host((u16)bytes);
        ip->fragment = round % 5 ? (be16){0} : some_port();
        ip->protocol = protocols[round % 3];
        if (round % 2 && ip4_header_bytes(ip) + 8 <= bytes) {
            ((u8 *)ip4_payload(ip))[0] = ICMP4_TIME_EXCEEDED;
            b->flags |= BUFFER_CSUM_VALID;
        }
        nat44_parse(t, b, (struct fib_index){0}, &p);
        assert_true(p.kind <= NAT44_UNSUPPORTED);
        buffer_free_one(t, bi);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(translated_packets_have_right_sums),
        cmocka_unit_test(errors_quote_what_was_sent),
        cmocka_unit_test(any_bytes_are_parsed),
    };
    return cmocka_run_group_tests(tests, engine_setup, engine_teardown);
}
