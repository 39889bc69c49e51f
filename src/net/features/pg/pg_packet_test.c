/* Packets that streams make, byte for byte as the real generator makes them (frames of VPP 26.06),
 * and held against sums over the whole packet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/packet/ethernet_packet.h"
#include "net/packet/ip4_packet.h"
#include "net/features/pg/pg_packet.h"

#define MACS "02:00:00:00:00:01 -> 02:00:00:00:00:02 "

static struct pg_random rnd = {.state = 1};

static void parse_ok(struct pg_packet *k, enum pg_start start, const char *text, u32 size)
{
    struct error e;
    if (pg_packet_parse(k, start, text, size, &e))
        fail_msg("%s: %s", text, e.text);
}

static void make(struct pg_packet *k, u8 *out, u32 size)
{
    memcpy(out, k->bytes, size);
    pg_fields_write(k, out, size, &rnd);
    pg_sums_write(k, out, size);
}

static u32 from_hex(const char *hex, u8 *out)
{
    u32 n = 0, digits = 0;
    for (; *hex; hex++) {
        unsigned x;
        if (*hex == ' ')
            continue;
        sscanf((char[2]){*hex, 0}, "%1x", &x);
        out[n] = (u8)(digits++ & 1 ? out[n] << 4 | x : x);
        n += !(digits & 1);
    }
    return n;
}

/* Bytes from `offset` on as in hex, zeros behind them. */
static void assert_bytes(const u8 *packet, u32 size, u32 offset, const char *hex)
{
    u8 want[256] = {0};
    u32 n = from_hex(hex, want);
    for (u32 i = 0; i < n; i++)
        if (packet[offset + i] != want[i])
            fail_msg("byte %u is %02x, not %02x, of %s", offset + i, packet[offset + i], want[i],
                     hex);
    for (u32 i = offset + n; i < size; i++)
        assert_int_equal(packet[i], 0);
}

static void check(const char *text, u32 size, const char *hex)
{
    struct pg_packet k;
    u8 packet[256];
    parse_ok(&k, PG_START_ETHERNET, text, size);
    assert_int_equal(k.max_bytes, size);
    make(&k, packet, size);
    assert_memory_equal(packet, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01", 12);
    assert_bytes(packet, size, 12, hex);
    assert_true(pg_packet_is_constant(&k));
    assert_memory_equal(packet, k.bytes, size); /* nothing is left to do for each packet */
    pg_packet_free(&k);
}

/* --- frames of the real generator --- */

static void udp(void **state)
{
    check("IP4: " MACS "UDP: 192.0.2.1 -> 198.51.100.2 UDP: 1234 -> 5678 incrementing 56", 98,
          "0800 45000054 00000000 40118e62 c0000201 c6336402 04d2 162e 0040 0124"
          "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
          "202122232425262728292a2b2c2d2e2f3031323334353637");
    check("IP4: " MACS "UDP: 1.1.1.1 -> 2.2.2.2 UDP: 1 -> 2 incrementing 4", 64,
          "0800 45000032 00000000 401174b6 01010101 02020202 0001 0002 001e f7a5 00010203");
    check("IP4: " MACS "UDP: 1.1.1.1 -> 2.2.2.2 UDP: 1 -> 2 hex 0xdeadbeef", 64,
          "0800 45000032 00000000 401174b6 01010101 02020202 0001 0002 001e 5c0c deadbeef");
    check("IP4: " MACS "UDP: 1.1.1.1 -> 2.2.2.2 ttl 3 tos 0x10 UDP: 1 -> 2 length 9 checksum 0 "
          "incrementing 4",
          64, "0800 45100032 00000000 0311b1a6 01010101 02020202 0001 0002 0009 0000 00010203");
}

/* VPP's own sums over TCP (they leave out as many bytes as lie in front of the header) and over UDP
 * in IPv6 (they take its header for IPv4's) are wrong: 99e0, a7b8, fdc3. Ours are right. */
static void tcp(void **state)
{
    check("IP4: " MACS "TCP: 1.1.1.1 -> 2.2.2.2 TCP: 1 -> 2 incrementing 4", 64,
          "0800 45000032 00000000 400674c1 01010101 02020202"
          "0001 0002 00000000 00000000 5000 1000 97ce 0000 00010203");
    check("IP4: " MACS "TCP: 1.1.1.1 -> 2.2.2.2 TCP: 1 -> 2 seqnum 5 acknum 6 window 7 SYN "
          "incrementing 4",
          80,
          "0800 45000042 00000000 400674b1 01010101 02020202"
          "0001 0002 00000005 00000006 5002 0007 a7aa 0000 00010203");
}

static void icmp(void **state)
{
    check("IP4: " MACS "ICMP: 1.1.1.1 -> 2.2.2.2 ICMP echo_request incrementing 4", 64,
          "0800 45000032 00000000 400174c6 01010101 02020202 0800 f5fb 00010203");
}

static void ip6(void **state)
{
    check("IP6: " MACS "UDP: 2001:db8::1 -> 2001:db8::2 UDP: 1 -> 2 incrementing 4", 80,
          "86dd 60000000 001a 11 40 20010db8000000000000000000000001"
          "20010db8000000000000000000000002 0001 0002 001a a23e 00010203");
    check("IP6: " MACS "ICMP6: fe80::1 -> fe80::2 ICMP echo_request incrementing 4", 80,
          "86dd 60000000 001a 3a 40 fe800000000000000000000000000001"
          "fe800000000000000000000000000002 8000 80a2 00010203");
}

static void layer2(void **state)
{
    check("IP4: " MACS "vlan 100 priority 3 vlan 200 UDP: 1.1.1.1 -> 2.2.2.2 UDP: 1 -> 2 "
          "incrementing 4",
          68,
          "8100 6064 8100 00c8 0800 4500002e 00000000 401174ba 01010101 02020202"
          "0001 0002 001a f7ad 00010203");
    check("ARP: " MACS "request: 02:00:00:00:00:01/1.1.1.1 -> 00:00:00:00:00:00/1.1.1.2", 64,
          "0806 0001 0800 06 04 0001 020000000001 01010101 000000000000 01010102");
    check("MPLS: " MACS "MPLS: label 33", 64, "8847 000211ff");
    check("0x88b5: 0200.0000.0001 -> 0200.0000.0002 hex 0x0102", 60, "88b5 0102");
}

static void fragments(void **state)
{
    struct pg_packet k;
    parse_ok(&k, PG_START_ETHERNET,
             "IP4: " MACS
             "UDP: 1.1.1.1 -> 2.2.2.2 fragment id 5 offset 8 mf UDP: 1 -> 2 incrementing 4",
             64);
    assert_int_equal(get_be16(k.bytes + 18), 5);
    assert_int_equal(get_be16(k.bytes + 20), 0x2001);
    assert_true(ip4_checksum_is_right((const struct ip4_header *)(k.bytes + 14)));
    pg_packet_free(&k);
}

static void ranges(void **state)
{
    struct pg_packet k;
    u8 packet[64];
    parse_ok(&k, PG_START_ETHERNET,
             "IP4: " MACS "UDP: 1.1.1.1 - 1.1.1.3 -> 2.2.2.2 UDP: 1 - 3 -> 2 incrementing 4", 64);
    for (u32 round = 0; round < 2; round++) {
        pg_packet_rewind(&k);
        for (u32 i = 0; i < 7; i++) {
            make(&k, packet, 64);
            assert_int_equal(get_be32(packet + 26), 0x01010101 + i % 3);
            assert_int_equal(get_be16(packet + 34), 1 + i % 3);
            if (i % 3 == 0)
                assert_bytes(packet, 64, 12,
                             "0800 45000032 00000000 401174b6 01010101 02020202 0001 0002 001e"
                             "f7a5 00010203");
        }
    }
    pg_packet_free(&k);
}

static void start_at_layer_3(void **state)
{
    struct pg_packet k;
    parse_ok(&k, PG_START_IP4, "UDP: 1.1.1.1 -> 2.2.2.2 UDP: 1 -> 2 incrementing 4", 50);
    assert_bytes(k.bytes, 50, 0,
                 "45000032 00000000 401174b6 01010101 02020202 0001 0002 001e f7a5 "
                 "00010203");
    pg_packet_free(&k);
    parse_ok(&k, PG_START_IP6, "UDP: ::1 -> ::2 UDP: 1 -> 2 hex 0x00", 60);
    assert_int_equal(k.bytes[0], 0x60);
    pg_packet_free(&k);
    parse_ok(&k, PG_START_ETHERNET, "hex 0x0011223344", 60);
    assert_bytes(k.bytes, 60, 0, "0011223344");
    pg_packet_free(&k);
}

/* --- sizes --- */

static void sizes(void **state)
{
    struct pg_packet k;
    struct error e;
    u8 packet[512];
    static const char *const text =
        "IP4: " MACS "UDP: 1.1.1.1 -> 2.2.2.2 UDP: 1 -> 2 incrementing 4";
    parse_ok(&k, PG_START_ETHERNET, text, 64);
    assert_int_equal(k.header_bytes, 64); /* the payload fills the packet */
    pg_packet_set_sizes(&k, 64, 400);
    for (u32 size = 64; size <= 400; size += 7) {
        make(&k, packet, size);
        assert_int_equal(get_be16(packet + 16), 50); /* as it was at creation */
        assert_int_equal(get_be16(packet + 38), size - 34);
        u64 sum = csum_pseudo_ip4(load_be32(packet + 26), load_be32(packet + 30), 17, size - 34);
        assert_int_equal(csum_fold(csum_add(sum, packet + 34, size - 34)), 0xffff);
    }
    pg_packet_set_sizes(&k, 100, 100);
    assert_true(pg_packet_is_constant(&k));
    assert_int_equal(get_be16(k.bytes + 38), 66);
    pg_packet_free(&k);

    parse_ok(&k, PG_START_ETHERNET, text, 20); /* refused by the stream: the headers are longer */
    assert_int_equal(k.header_bytes, 42);
    pg_packet_free(&k);
    parse_ok(&k, PG_START_ETHERNET,
             "ARP: " MACS "request: 02:00:00:00:00:01/1.1.1.1 -> 00:00:00:00:00:00/1.1.1.2", 100);
    assert_int_equal(k.header_bytes, 42); /* no payload: sizes may vary from here */
    pg_packet_free(&k);
    assert_int_equal(pg_packet_parse(&k, PG_START_ETHERNET, "IP4: " MACS, 64, &e), -EINVAL);
}

/* --- against sums over everything --- */

static u16 sum_of(const u8 *packet, u32 from, u32 to, u64 sum)
{
    for (u32 i = from; i < to; i += 2)
        sum += (u32)packet[i] << 8 | (i + 1 < to ? packet[i + 1] : 0u);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (u16)sum;
}

static u16 l4_sum(const u8 *packet, u32 size, u32 addresses, u32 address_bytes, u32 protocol,
                  u32 l4)
{
    u32 n = size - l4;
    return sum_of(packet, l4, size,
                  sum_of(packet, addresses, addresses + address_bytes, protocol + n));
}

static void random_fields(void **state)
{
    static const char *const texts[] = {
        "IP4: 02:00:00:00:00:01 + 02:ff:ff:ff:ff:ff -> 02:00:00:00:00:01-02:00:00:00:00:ff "
        "UDP: 0.0.0.0 + 255.255.255.255 -> 10.0.0.0 - 10.1.2.3 tos 0 + 255 ttl 2 + 255 fragment id "
        "0 + 65535 "
        "UDP: 0 + 65535 -> 1000-2000 incrementing 37",
        "IP4: 02:00:00:00:00:01 -> 02:00:00:00:00:02 vlan 1 - 4094 priority 0 + 7 "
        "TCP: 1.1.1.1 + 9.9.9.9 -> 10.0.0.0 - 10.1.2.3 TCP: 0 + 65535 -> 1 seqnum 0 + 4294967295 "
        "opt mss 536 + 1460 "
        "window 1 + 65535 incrementing 3",
        "IP6: 02:00:00:00:00:01 -> 02:00:00:00:00:02 UDP: ::1 + ffff:ffff::1 -> "
        "2001:db8::ffff:ffff:ffff:fff0 - "
        "2001:db8:0:1::20 traffic-class 0 + 255 hop-limit 1 + 255 UDP: 1 + 9 -> 1 - 1000 hex "
        "0x0102030405",
    };
    static const u32 l3[] = {14, 18, 14}, protocol[] = {17, 6, 17};
    for (u32 i = 0; i < array_len(texts); i++)
        for (u32 mode = 0; mode < 2; mode++) {
            struct pg_packet k;
            u8 packet[512];
            parse_ok(&k, PG_START_ETHERNET, texts[i], 131);
            if (mode)
                pg_packet_set_sizes(&k, 131, 500);
            bool is_ip6 = i == 2;
            u32 l4 = l3[i] + (is_ip6 ? 40 : 20);
            for (u32 round = 0; round < 2000; round++) {
                u32 size = mode ? 131 + round % 370 : 131;
                make(&k, packet, size);
                if (!is_ip6)
                    assert_int_equal(sum_of(packet, l3[i], l4, 0), 0xffff);
                assert_int_equal(l4_sum(packet, size, l3[i] + (is_ip6 ? 8 : 12), is_ip6 ? 32 : 8,
                                        protocol[i], l4),
                                 0xffff);
            }
            pg_packet_free(&k);
        }
}

/* Packets made in blocks are those made one by one. */
static void blocks(void **state)
{
    static const char *const text =
        "IP4: 02:00:00:00:00:01 - 02:00:00:00:00:09 -> 02:00:00:00:00:02 vlan 1 - 100 priority 0 - "
        "7 "
        "UDP: 1.1.1.1 - 1.1.1.7 -> 2.2.2.0 - 2.2.3.9 ttl 1 - 5 UDP: 1 - 6 -> 2 incrementing 40";
    struct pg_packet k, one;
    static u8 made[PG_BLOCK][128], want[128];
    u8 *packets[PG_BLOCK];
    parse_ok(&k, PG_START_ETHERNET, text, 111);
    parse_ok(&one, PG_START_ETHERNET, text, 111);
    for (u32 n = 1; n <= 5 * PG_BLOCK; n++) {
        u32 block = n % PG_BLOCK + 1;
        for (u32 i = 0; i < block; i++) {
            packets[i] = made[i];
            memcpy(made[i], k.bytes, 111);
        }
        pg_block_write(&k, packets, block, &rnd);
        for (u32 i = 0; i < block; i++) {
            make(&one, want, 111);
            assert_memory_equal(made[i], want, 111);
        }
    }
    pg_packet_free(&k);
    pg_packet_free(&one);
}

/* With the pseudo-header's sum in the field, a sum from there to the end makes it right. */
static void sum_left_to_others(void **state)
{
    struct pg_packet k;
    u8 packet[100];
    parse_ok(&k, PG_START_ETHERNET,
             "IP4: " MACS "TCP: 1.1.1.1 - 1.1.1.9 -> 2.2.2.2 TCP: 1 - 9 -> 2 incrementing 40", 100);
    assert_int_equal(pg_packet_leave_l4_sum(&k), 16);
    for (u32 i = 0; i < 20; i++) {
        make(&k, packet, 100);
        u16 rest = sum_of(packet, 34, 100, 0);
        put_be16(packet + 50, (u16)~rest);
        assert_int_equal(l4_sum(packet, 100, 26, 8, 6, 34), 0xffff);
    }
    pg_packet_free(&k);
    parse_ok(&k, PG_START_ETHERNET,
             "IP4: " MACS "ICMP: 1.1.1.1 -> 2.2.2.2 ICMP echo_request hex 0x00", 64);
    assert_int_equal(pg_packet_leave_l4_sum(&k), 0);
    pg_packet_free(&k);
}

/* --- what is refused --- */

static void refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "FOO: " MACS "incrementing 4",
        "IP4: " MACS "udp: 1.1.1.1 -> 2.2.2.2 UDP: 1 -> 2 incrementing 4",
        "IP4: " MACS "17: 1.1.1.1 -> 2.2.2.2 UDP: 1 -> 2 incrementing 4",
        "IP4: " MACS "UDP: 1.1.1.1 -> 2.2.2.2 UDP: 1 -> 2",
        "IP4: " MACS "UDP: 1.1.1.1 -> 2.2.2.2",
        "IP4: " MACS "UDP: 1.1.1.1 -> 2.2.2.2 UDP: 1 -> 65536 incrementing 4",
        "IP4: " MACS "UDP: 1.1.1.1 -> 2.2.2.2 UDP: 9 - 1 -> 2 incrementing 4",
        "IP4: " MACS "UDP: 1.1.1.1 -> 2.2.2.2 UDP: 1 -> 2 incrementing 4 x",
        "IP4: " MACS "UDP: 1.1.1.1 -> 2.2.2.2 UDP: 1 -> 2 hex deadbeef",
        "IP4: " MACS "UDP: 1.1.1.1 -> 2.2.2.2 UDP: 1 -> 2 hex 0xdeadbee",
        "IP4: " MACS "UDP: 1.1.1 -> 2.2.2.2 UDP: 1 -> 2 incrementing 4",
        "IP4: " MACS "ICMP: 1.1.1.1 -> 2.2.2.2 ICMP nothing incrementing 4",
        "IP4: " MACS "vlan 4096 UDP: 1.1.1.1 -> 2.2.2.2 UDP: 1 -> 2 incrementing 4",
        "IP4: 02:00:00:00:00 -> 02:00:00:00:00:02 incrementing 4",
        "IP4: 02:00:00:00:00:01:07 -> 02:00:00:00:00:02 incrementing 4",
        "IP6: " MACS "UDP: 1.1.1.1 -> 2.2.2.2 UDP: 1 -> 2 incrementing 4",
        ("0x88b5: " MACS),
    };
    struct error e;
    struct pg_packet k;
    for (u32 i = 0; i < array_len(texts); i++) {
        if (pg_packet_parse(&k, PG_START_ETHERNET, texts[i], 64, &e) != -EINVAL)
            fail_msg("taken: %s", texts[i]);
        assert_null(k.bytes);
    }
    assert_int_equal(pg_packet_parse(&k, PG_START_ETHERNET, " FOO: bar ", 64, &e), -EINVAL);
    assert_string_equal(e.text, "failed to parse packet data from ` FOO: bar'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(udp),     cmocka_unit_test(tcp),
        cmocka_unit_test(icmp),    cmocka_unit_test(ip6),
        cmocka_unit_test(layer2),  cmocka_unit_test(fragments),
        cmocka_unit_test(ranges),  cmocka_unit_test(start_at_layer_3),
        cmocka_unit_test(sizes),   cmocka_unit_test(random_fields),
        cmocka_unit_test(blocks),  cmocka_unit_test(sum_left_to_others),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
