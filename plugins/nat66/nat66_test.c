/* Holds what NAT66 does to packets against sums made anew: all kinds of headers, with what errors
 * quote, both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/packet/checksum.h"
#include "net/packet/ip6_packet.h"
#include "net/packet/random_test.h"
#include "plugins/nat66/nat66_packet.h"

static struct nat66_mapping some_mapping(void)
{
    struct nat66_mapping m = {{{0}}, {{0}}};
    m.local.addr = random_ip6();
    m.external.addr = random_ip6();
    return m;
}

/* Of a packet that lies in p. */
struct made {
    u32 bytes, upper;
    u8 protocol;
    struct ip_address last; /* destination, as the sum has it */
};

static u32 sum_at(u8 protocol)
{
    return protocol == IP_PROTOCOL_TCP ? 16 : protocol == IP_PROTOCOL_ICMP6 ? 2 : 6;
}

static u16 whole_sum(const u8 *p, const struct made *m)
{
    const struct ip6_header *ip = (const struct ip6_header *)p;
    u32 n = m->bytes - m->upper;
    const u8 *dst = ip_address_is_zero(&m->last) ? ip->dst : m->last.bytes;
    return csum_fold(csum_add(csum_pseudo_ip6(ip->src, dst, m->protocol, n), p + m->upper, n));
}

static void make_right(u8 *p, const struct made *m)
{
    u8 *field = p + m->upper + sum_at(m->protocol);
    store_u16(field, 0);
    store_be16(field, csum_finish_udp((u64)whole_sum(p, m)));
}

enum { PLAIN, OPTIONS, FIRST_FRAGMENT, ROUTED, SHAPES };

/* n bytes of the upper layer, behind extensions. */
static struct made make_packet(u8 *p, const struct ip_address *src, const struct ip_address *dst,
                               u8 protocol, u32 shape, u32 n)
{
    struct ip6_header *ip = (struct ip6_header *)p;
    struct made m = {.upper = sizeof(*ip), .protocol = protocol};
    for (u32 i = 0; i < 200 + n; i++)
        p[i] = (u8)random_u32();
    *ip = (struct ip6_header){
        .version_class_flow = IP6_VERSION_PLAIN, .protocol = protocol, .hop_limit = 64};
    memcpy(ip->src, src, 16);
    memcpy(ip->dst, dst, 16);
    u8 *h = p + m.upper;
    if (shape != PLAIN) {
        ip->protocol = shape == OPTIONS          ? IP_PROTOCOL_IP6_DESTINATION
                       : shape == FIRST_FRAGMENT ? IP_PROTOCOL_IP6_FRAGMENT
                                                 : IP_PROTOCOL_IP6_ROUTE;
        h[0] = protocol;
        h[1] = shape == ROUTED ? 2 : 0;
        m.upper += 8;
    }
    if (shape == FIRST_FRAGMENT)
        store_be16(h + 2, be16_from_host(1));
    if (shape == ROUTED) {
        h[2] = 0;
        h[3] = 1;
        m.upper += 16;
        m.last = random_ip6();
        memcpy(h + 8, &m.last, 16);
    }
    m.bytes = m.upper + n;
    ip->payload_length = be16_from_host((u16)(m.bytes - sizeof(*ip)));
    make_right(p, &m);
    return m;
}

static const u8 protocols[] = {IP_PROTOCOL_TCP, IP_PROTOCOL_UDP, IP_PROTOCOL_UDP_LITE,
                               IP_PROTOCOL_ICMP6};

/* Sources, destinations, and both at once. */
static struct nat66_change change_of(u32 k, const struct nat66_mapping *src,
                                     const struct nat66_mapping *dst)
{
    return (struct nat66_change){k % 3 != 1 ? src : NULL, k % 3 != 0 ? dst : NULL};
}

static void test_sums(void **state)
{
    u8 p[1024];
    for (u32 k = 0; k < 20000; k++) {
        struct nat66_mapping a = some_mapping(), b = some_mapping();
        struct nat66_change c = change_of(k, &a, &b);
        u8 protocol = protocols[random_u32() % sizeof(protocols)];
        struct made m = make_packet(p, &a.local.addr, &b.external.addr, protocol,
                                    random_u32() % SHAPES, 24 + random_u32() % 100);
        if (protocol == IP_PROTOCOL_ICMP6) {
            p[m.upper] = ICMP6_ECHO_REQUEST;
            make_right(p, &m);
        }
        assert_true(nat66_translate(p, m.bytes, &c, 0));
        const struct ip6_header *ip = (const struct ip6_header *)p;
        assert_memory_equal(ip->src, c.src ? &a.external.addr : &a.local.addr, 16);
        assert_memory_equal(ip->dst, c.dst ? &b.local.addr : &b.external.addr, 16);
        assert_int_equal(whole_sum(p, &m), 0xffff);
    }
}

/* What an error quotes went the other way, and is right afterwards, too. */
static void test_errors(void **state)
{
    u8 p[1024], quoted[1024];
    for (u32 k = 0; k < 20000; k++) {
        struct nat66_mapping a = some_mapping(), b = some_mapping();
        struct nat66_change c = change_of(k, &a, &b);
        u32 shape = random_u32() % SHAPES;
        struct made in = make_packet(quoted, &b.external.addr, &a.local.addr,
                                     protocols[random_u32() % sizeof(protocols)], shape, 24);
        struct made m = make_packet(p, &a.local.addr, &b.external.addr, IP_PROTOCOL_ICMP6,
                                    random_u32() % SHAPES, 8 + in.bytes);
        p[m.upper] = ICMP6_PACKET_TOO_BIG;
        memcpy(p + m.upper + 8, quoted, in.bytes);
        make_right(p, &m);
        assert_ptr_equal(nat66_quoted(p, m.bytes), p + m.upper + 8);
        assert_true(nat66_translate(p, m.bytes, &c, 0));
        assert_int_equal(whole_sum(p, &m), 0xffff);
        const u8 *now = p + m.upper + 8;
        assert_memory_equal(now + 8, c.dst ? &b.local.addr : &b.external.addr, 16);
        assert_memory_equal(now + 24, c.src ? &a.external.addr : &a.local.addr, 16);
        assert_int_equal(whole_sum(now, &in), 0xffff);
    }
}

/* A sum that is still to be made, one that is not used, and what has none. */
static void test_other_sums(void **state)
{
    u8 p[1024], was[1024];
    struct nat66_mapping a = some_mapping();
    struct nat66_change c = {&a, NULL};
    struct ip_address dst = random_ip6();
    struct made m = make_packet(p, &a.local.addr, &dst, IP_PROTOCOL_TCP, PLAIN, 60);
    const struct ip6_header *ip = (const struct ip6_header *)p;
    store_u16(p + m.upper + 16, csum_fold(csum_pseudo_ip6(ip->src, ip->dst, IP_PROTOCOL_TCP, 60)));
    assert_true(nat66_translate(p, m.bytes, &c, m.upper));
    assert_int_equal(load_u16(p + m.upper + 16),
                     csum_fold(csum_pseudo_ip6(ip->src, ip->dst, IP_PROTOCOL_TCP, 60)));

    m = make_packet(p, &a.local.addr, &dst, IP_PROTOCOL_UDP, PLAIN, 60);
    store_u16(p + m.upper + 6, 0);
    assert_true(nat66_translate(p, m.bytes, &c, 0));
    assert_int_equal(load_u16(p + m.upper + 6), 0);

    /* of a later fragment the addresses, and of a protocol without a sum */
    m = make_packet(p, &a.local.addr, &dst, IP_PROTOCOL_UDP, FIRST_FRAGMENT, 60);
    store_be16(p + 42, be16_from_host(8));
    memcpy(was, p, m.bytes);
    assert_true(nat66_translate(p, m.bytes, &c, 0));
    assert_memory_equal(p + 8, &a.external.addr, 16);
    assert_memory_equal(p + 24, was + 24, m.bytes - 24);
    m = make_packet(p, &a.local.addr, &dst, IP_PROTOCOL_GRE, PLAIN, 60);
    memcpy(was, p, m.bytes);
    assert_true(nat66_translate(p, m.bytes, &c, 0));
    assert_memory_equal(p + 24, was + 24, m.bytes - 24);
}

/* What ends within its headers is as it was. */
static void test_cut(void **state)
{
    u8 p[1024], was[1024];
    struct nat66_mapping a = some_mapping();
    struct nat66_change c = {&a, NULL};
    struct ip_address dst = random_ip6();
    for (u32 shape = 0; shape < SHAPES; shape++) {
        struct made m = make_packet(p, &a.local.addr, &dst, IP_PROTOCOL_TCP, shape, 60);
        memcpy(was, p, m.bytes);
        for (u32 bytes = 40; bytes < m.upper + 18; bytes++) {
            assert_false(nat66_translate(p, bytes, &c, 0));
            assert_memory_equal(p, was, m.bytes);
        }
        assert_true(nat66_translate(p, m.upper + 18, &c, 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_other_sums),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
