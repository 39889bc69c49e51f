/* Hashes of flows: both directions, both versions of IP, what is no flow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/byteorder.h"
#include "net/packet/ethernet_packet.h"
#include "net/packet/flow_hash.h"
#include "net/packet/l4_packet.h"

#define LINK 14

static u8 frame[256];

static u32 ip4(u32 src, u32 dst, u8 protocol, u16 sport, u16 dport)
{
    memset(frame, 0, sizeof(frame));
    put_be16(frame + 12, ETHERTYPE_IP4);
    u8 *h = frame + LINK;
    h[0] = 0x45;
    h[9] = protocol;
    put_be32(h + 12, src);
    put_be32(h + 16, dst);
    put_be16(h + 20, sport);
    put_be16(h + 22, dport);
    return LINK + 28;
}

static u8 *set_ip6(u8 last_src, u8 last_dst, u8 next)
{
    memset(frame, 0, sizeof(frame));
    put_be16(frame + 12, ETHERTYPE_IP6);
    u8 *h = frame + LINK;
    h[0] = 0x60;
    h[6] = next;
    h[8] = h[24] = 0x20;
    h[23] = last_src;
    h[39] = last_dst;
    return h + 40;
}

static u32 ip6(u8 src, u8 dst, u16 sport, u16 dport)
{
    u8 *l4 = set_ip6(src, dst, IP_PROTOCOL_TCP);
    put_be16(l4, sport);
    put_be16(l4 + 2, dport);
    return LINK + 60;
}

static u32 hash(u32 len, enum flow_hash_kind kind)
{
    return flow_hash(frame, len, false, kind);
}

static void both_directions(void **state)
{
    u32 there = hash(ip4(1, 2, IP_PROTOCOL_UDP, 10, 20), FLOW_HASH_SYMMETRIC);
    u32 one_way = hash(LINK + 28, FLOW_HASH_ONE_WAY);
    assert_int_equal(hash(ip4(2, 1, IP_PROTOCOL_UDP, 20, 10), FLOW_HASH_SYMMETRIC), there);
    assert_int_not_equal(hash(LINK + 28, FLOW_HASH_ONE_WAY), one_way);
    /* only ports say which way it goes */
    there = hash(ip4(7, 7, IP_PROTOCOL_TCP, 10, 20), FLOW_HASH_SYMMETRIC);
    assert_int_equal(hash(ip4(7, 7, IP_PROTOCOL_TCP, 20, 10), FLOW_HASH_SYMMETRIC), there);
    there = hash(ip6(1, 2, 10, 20), FLOW_HASH_SYMMETRIC);
    assert_int_equal(hash(ip6(2, 1, 20, 10), FLOW_HASH_SYMMETRIC), there);
    assert_int_not_equal(hash(ip6(1, 2, 20, 10), FLOW_HASH_SYMMETRIC), there);
}

static void each_field_counts(void **state)
{
    u32 base = hash(ip4(1, 2, IP_PROTOCOL_UDP, 10, 20), FLOW_HASH_SYMMETRIC);
    assert_int_not_equal(hash(ip4(3, 2, IP_PROTOCOL_UDP, 10, 20), FLOW_HASH_SYMMETRIC), base);
    assert_int_not_equal(hash(ip4(1, 3, IP_PROTOCOL_UDP, 10, 20), FLOW_HASH_SYMMETRIC), base);
    assert_int_not_equal(hash(ip4(1, 2, IP_PROTOCOL_TCP, 10, 20), FLOW_HASH_SYMMETRIC), base);
    assert_int_not_equal(hash(ip4(1, 2, IP_PROTOCOL_UDP, 11, 20), FLOW_HASH_SYMMETRIC), base);
    assert_int_not_equal(hash(ip4(1, 2, IP_PROTOCOL_UDP, 10, 21), FLOW_HASH_SYMMETRIC), base);
    /* what follows the ports does not, nor do ports of protocols that have none */
    ip4(1, 2, IP_PROTOCOL_UDP, 10, 20);
    frame[LINK + 26] = 99;
    assert_int_equal(hash(LINK + 28, FLOW_HASH_SYMMETRIC), base);
    base = hash(ip4(1, 2, IP_PROTOCOL_ICMP, 10, 20), FLOW_HASH_SYMMETRIC);
    assert_int_equal(hash(ip4(1, 2, IP_PROTOCOL_ICMP, 11, 20), FLOW_HASH_SYMMETRIC), base);
}

static void the_link_does_not_count(void **state)
{
    u32 base = hash(ip4(1, 2, IP_PROTOCOL_UDP, 10, 20), FLOW_HASH_SYMMETRIC);
    assert_int_equal(flow_hash(frame + LINK, 28, true, FLOW_HASH_SYMMETRIC), base);
    memset(frame, 0x22, 12);
    memmove(frame + LINK + 4, frame + LINK, 28);
    put_be16(frame + 12, ETHERTYPE_VLAN);
    put_be16(frame + 14, 7);
    put_be16(frame + 16, ETHERTYPE_IP4);
    assert_int_equal(hash(LINK + 32, FLOW_HASH_SYMMETRIC), base);
}

static void fragments_of_one_datagram(void **state)
{
    ip4(1, 2, IP_PROTOCOL_UDP, 10, 20);
    put_be16(frame + LINK + 6, 0x2000);
    u32 first = hash(LINK + 28, FLOW_HASH_SYMMETRIC);
    ip4(1, 2, IP_PROTOCOL_UDP, 0xabcd, 0xef01); /* payload, where the first has its ports */
    put_be16(frame + LINK + 6, 185);
    assert_int_equal(hash(LINK + 28, FLOW_HASH_SYMMETRIC), first);
}

static void behind_extension_headers(void **state)
{
    u32 plain = hash(ip6(1, 2, 10, 20), FLOW_HASH_SYMMETRIC);
    u8 *options = set_ip6(1, 2, IP_PROTOCOL_HOP_BY_HOP);
    options[0] = IP_PROTOCOL_IP6_DESTINATION;
    options[1] = 1; /* 16 bytes */
    options[16] = IP_PROTOCOL_TCP;
    put_be16(options + 24, 10);
    put_be16(options + 26, 20);
    assert_int_equal(hash(LINK + 100, FLOW_HASH_SYMMETRIC), plain);
    /* of a fragment the ports are not looked at */
    options = set_ip6(1, 2, IP_PROTOCOL_IP6_FRAGMENT);
    options[0] = IP_PROTOCOL_TCP;
    put_be16(options + 8, 10);
    u32 fragment = hash(LINK + 100, FLOW_HASH_SYMMETRIC);
    put_be16(options + 8, 11);
    assert_int_equal(hash(LINK + 100, FLOW_HASH_SYMMETRIC), fragment);
}

static void what_is_no_ip(void **state)
{
    ip4(1, 2, IP_PROTOCOL_UDP, 10, 20);
    put_be16(frame + 12, 0x88cc);
    u32 a = hash(60, FLOW_HASH_SYMMETRIC);
    frame[5] = 1;
    u32 there = hash(60, FLOW_HASH_SYMMETRIC);
    assert_int_not_equal(there, a);
    frame[5] = 0;
    frame[11] = 1;
    assert_int_equal(hash(60, FLOW_HASH_SYMMETRIC), there);
    for (u32 len = 0; len < 60; len++) {
        ip4(1, 2, IP_PROTOCOL_UDP, 10, 20);
        assert_int_not_equal(hash(len, FLOW_HASH_SYMMETRIC), 0);
        ip6(1, 2, 10, 20);
        assert_int_not_equal(hash(len, FLOW_HASH_SYMMETRIC), 0);
    }
}

static void flows_are_spread(void **state)
{
    /* of few queues and many, by what differs in one field */
    for (u32 queues = 2; queues <= 16; queues *= 2)
        for (u32 field = 0; field < 4; field++) {
            u32 n[16] = {0}, flows = queues * 100;
            for (u32 i = 0; i < flows; i++) {
                u32 at[4] = {0x0a000001, 0x0b000001, 1000, 53};
                at[field] += i;
                u32 len = ip4(at[0], at[1], IP_PROTOCOL_UDP, (u16)at[2], (u16)at[3]);
                n[hash(len, FLOW_HASH_SYMMETRIC) % queues]++;
            }
            for (u32 i = 0; i < queues; i++)
                assert_in_range(n[i], 60, 140);
        }
}

static void it_is_kept(void **state)
{
    struct buffer b = {.data = frame, .len = (u16)ip4(1, 2, IP_PROTOCOL_UDP, 10, 20)};
    u32 kept = buffer_flow_hash(&b, false);
    assert_true(b.flags & BUFFER_FLOW_HASH);
    ip4(1, 2, IP_PROTOCOL_UDP, 10, 21);
    assert_int_equal(buffer_flow_hash(&b, false), kept);
    b.flags = 0;
    assert_int_not_equal(buffer_flow_hash(&b, false), kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_directions),          cmocka_unit_test(each_field_counts),
        cmocka_unit_test(the_link_does_not_count),  cmocka_unit_test(fragments_of_one_datagram),
        cmocka_unit_test(behind_extension_headers), cmocka_unit_test(what_is_no_ip),
        cmocka_unit_test(flows_are_spread),         cmocka_unit_test(it_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
