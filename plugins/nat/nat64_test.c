/* Holds what NAT64 makes of packets against sums made anew, and against what was sent: there and
 * back again all is as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/packet/checksum.h"
#include "net/packet/random_test.h"
#include "plugins/nat/nat64_packet.h"

#define START 128

static u8 storage[4096];

static struct buffer buffer_of(u32 bytes)
{
    return (struct buffer){.data = storage,
                           .start = START,
                           .len = (u16)bytes,
                           .refs = 1,
                           .storage_bytes = sizeof(storage)};
}

static u32 sum_at(u8 protocol)
{
    return protocol == IP_PROTOCOL_TCP ? 16 : protocol == IP_PROTOCOL_UDP ? 6 : 2;
}

/* Of a packet of either protocol, without extensions: whether its upper layer's sum is right. */
static bool is_right(const u8 *p)
{
    const struct ip4_header *h4 = (const struct ip4_header *)p;
    const struct ip6_header *h6 = (const struct ip6_header *)p;
    if (!ip6_is_version(h6)) {
        u64 pseudo = h4->protocol == IP_PROTOCOL_ICMP ? 0 : ip4_pseudo_sum(h4);
        return ip4_checksum_is_right(h4) &&
               csum_fold(csum_add(pseudo, p + 20, ip4_length(h4) - 20)) == 0xffff;
    }
    u32 n = be16_to_host(h6->payload_length);
    return csum_fold(csum_add(csum_pseudo_ip6(h6->src, h6->dst, h6->protocol, n), p + 40, n)) ==
           0xffff;
}

/* A packet of IPv6 with n bytes behind its header, right. */
static void make(u8 *p, const struct ip_address *src, const struct ip_address *dst, u8 protocol,
                 u32 n)
{
    struct ip6_header *h = (struct ip6_header *)p;
    for (u32 i = 0; i < 40 + n; i++)
        p[i] = (u8)random_u32();
    *h = (struct ip6_header){.version_class_flow = IP6_VERSION_PLAIN,
                             .payload_length = be16_from_host((u16)n),
                             .protocol = protocol,
                             .hop_limit = (u8)(2 + random_u32() % 200)};
    ip6_set_traffic_class(h, (u8)random_u32());
    memcpy(h->src, src, 16);
    memcpy(h->dst, dst, 16);
    if (protocol == IP_PROTOCOL_ICMP6) {
        p[40] = random_u32() % 2 ? ICMP6_ECHO_REQUEST : ICMP6_ECHO_REPLY;
        p[41] = 0;
    }
    u8 *sum = p + 40 + sum_at(protocol);
    store_u16(sum, 0);
    store_be16(sum,
               csum_finish_udp(csum_add(csum_pseudo_ip6(h->src, h->dst, protocol, n), p + 40, n)));
}

static const u8 protocols[] = {IP_PROTOCOL_TCP, IP_PROTOCOL_UDP, IP_PROTOCOL_ICMP6};

static void test_there_and_back(void **state)
{
    for (u32 k = 0; k < 20000; k++) {
        struct ip_address src = random_ip6(), dst = random_ip6();
        u8 protocol = protocols[random_u32() % sizeof(protocols)], was[512];
        u32 n = 20 + random_u32() % 300;
        static struct buffer b; /* static: its alignment is asked for */
        b = buffer_of(40 + n);
        struct nat64_packet p;
        make(storage + START, &src, &dst, protocol, n);
        memcpy(was, storage + START, 40 + n);
        nat64_parse6(buffer_current(&b), b.len, NULL, &p);
        assert_int_equal(p.kind, protocol == IP_PROTOCOL_ICMP6 ? NAT64_QUERY : NAT64_PORTS);
        struct nat64_to4 to4 = {.src = {random_u32()},
                                .dst = {random_u32()},
                                .sport = {(u16)random_u32()},
                                .dport = p.dport,
                                .id = {(u16)random_u32()}};
        be16 sport = p.sport;
        assert_int_equal(nat64_bytes_as4(&b, &p), 20 + n);
        assert_true(nat64_to_ip4(NULL, &b, &p, &to4));
        assert_int_equal(b.len, 20 + n);
        const struct ip4_header *h = buffer_current(&b);
        assert_true(is_right((const u8 *)h));
        assert_true(be32_equal(h->src, to4.src) && be32_equal(h->dst, to4.dst));
        assert_int_equal(h->ttl, was[7]);
        /* and back, as if it were an answer: the same ends */
        nat64_parse4(buffer_current(&b), b.len, NULL, &p);
        struct nat64_to6 to6 = {.src = src, .dst = dst, .sport = sport, .dport = p.dport};
        if (protocol == IP_PROTOCOL_ICMP6)
            to6.dport = sport; /* the identifier */
        assert_int_equal(nat64_bytes_as6(&b, &p), 40 + n);
        assert_true(nat64_to_ip6(NULL, &b, &p, &to6));
        assert_int_equal(b.len, 40 + n);
        assert_int_equal(b.start, START);
        assert_true(is_right(buffer_current(&b)));
        if (protocol != IP_PROTOCOL_UDP) /* whose sum may be the other zero */
            assert_memory_equal(buffer_current(&b), was, 40 + n);
    }
}

/* A sum that is still to be made stays so, over the other pseudo-header. */
static void test_open_sums(void **state)
{
    for (u32 k = 0; k < 1000; k++) {
        struct ip_address src = random_ip6(), dst = random_ip6();
        static struct buffer b; /* static: its alignment is asked for */
        b = buffer_of(40 + 60);
        struct nat64_packet p;
        make(storage + START, &src, &dst, IP_PROTOCOL_TCP, 60);
        store_u16(storage + START + 40 + 16,
                  csum_fold(csum_pseudo_ip6(src.bytes, dst.bytes, IP_PROTOCOL_TCP, 60)));
        b.flags = BUFFER_CSUM_PARTIAL;
        b.csum_start = START + 40;
        b.csum_offset = 16;
        nat64_parse6(buffer_current(&b), b.len, NULL, &p);
        struct nat64_to4 to = {
            .src = {random_u32()}, .dst = {random_u32()}, .sport = p.sport, .dport = p.dport};
        assert_true(nat64_to_ip4(NULL, &b, &p, &to));
        const struct ip4_header *h = buffer_current(&b);
        assert_int_equal(load_u16((const u8 *)h + 36), csum_fold(ip4_pseudo_sum(h)));
    }
}

/* RFC 6052 2.4, table 1. */
static void test_addresses(void **state)
{
    static const struct {
        u8 len, at[4];
    } of[] = {{32, {4, 5, 6, 7}},   {40, {5, 6, 7, 9}},    {48, {6, 7, 9, 10}},
              {56, {7, 9, 10, 11}}, {64, {9, 10, 11, 12}}, {96, {12, 13, 14, 15}}};
    for (u32 len = 0; len <= 128; len++) {
        bool known = false;
        for (u32 k = 0; k < array_len(of); k++)
            known |= of[k].len == len;
        assert_int_equal(nat64_is_prefix_length(len), known);
    }
    for (u32 k = 0; k < array_len(of); k++) {
        struct ip_address prefix = random_ip6();
        be32 addr = {random_u32()}, back;
        struct ip_address a = nat64_embed(&prefix, of[k].len, addr);
        for (u32 i = 0; i < 4; i++)
            assert_int_equal(a.bytes[of[k].at[i]], ((const u8 *)&addr)[i]);
        assert_memory_equal(&a, &prefix, of[k].len / 8);
        if (of[k].len < 96)
            assert_int_equal(a.bytes[8], 0);
        assert_true(nat64_extract(&prefix, of[k].len, a.bytes, &back) && be32_equal(addr, back));
        a.bytes[of[k].len / 8 - 1] ^= 1;
        assert_false(nat64_extract(&prefix, of[k].len, a.bytes, &back));
        a.bytes[of[k].len / 8 - 1] ^= 1;
        a.bytes[8] ^= 1;
        assert_int_equal(nat64_extract(&prefix, of[k].len, a.bytes, &back), false);
    }
}

/* What ends within its headers is of no session, and is not read behind its end. */
static void test_cut(void **state)
{
    struct ip_address src = random_ip6(), dst = random_ip6();
    struct nat64_packet p;
    for (u32 k = 0; k < sizeof(protocols); k++) {
        u32 need = protocols[k] == IP_PROTOCOL_TCP ? 20 : 8;
        make(storage + START, &src, &dst, protocols[k], 60);
        for (u32 bytes = 40; bytes < 40 + need; bytes++) {
            nat64_parse6(storage + START, bytes, NULL, &p);
            assert_int_equal(p.kind, NAT64_BAD);
        }
        nat64_parse6(storage + START, 40 + need, NULL, &p);
        assert_true(p.kind < NAT64_BAD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_open_sums),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
