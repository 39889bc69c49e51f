/* Holds the checksum code against a sum made byte by byte. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "net/packet/ip4_packet.h"
#include "net/packet/random_test.h"

/* RFC 1071 as it is written: big-endian words, the last byte padded. */
static u16 oracle(const u8 *p, size_t n)
{
    u32 sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += i & 1 ? p[i] : (u32)p[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (u16)~sum;
}

static void fill(u8 *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (u8)random_u32();
}

static void sums_of_every_length_and_alignment(void **state)
{
    u8 bytes[400];
    for (unsigned round = 0; round < 20; round++) {
        if (round == 0)
            memset(bytes, 0xff, sizeof(bytes));
        else
            fill(bytes, sizeof(bytes));
        for (unsigned from = 0; from < 8; from++)
            for (unsigned n = 0; n < sizeof(bytes) - 8; n++)
                assert_int_equal(be16_to_host(csum_finish(csum_add(0, bytes + from, n))),
                                 oracle(bytes + from, n));
    }
}

static void long_sums_lose_no_carry(void **state)
{
    size_t n = 65535;
    u8 *p = malloc(n);
    memset(p, 0xff, n);
    assert_int_equal(be16_to_host(csum_finish(csum_add(0, p, n))), oracle(p, n));
    fill(p, n);
    assert_int_equal(be16_to_host(csum_finish(csum_add(0, p, n))), oracle(p, n));
    free(p);
}

static void a_change_is_repaired(void **state)
{
    u8 bytes[40];
    for (unsigned round = 0; round < 100000; round++) {
        fill(bytes, sizeof(bytes));
        be16 before = csum_finish(csum_add(0, bytes, sizeof(bytes)));
        unsigned at = random_u32() % (sizeof(bytes) / 4) * 4;
        u32 from = load_u32(bytes + at), to = round & 1 ? random_u32() : (u32) - (int)(round & 2);
        store_u32(bytes + at, to);
        be16 after = csum_finish(csum_add(0, bytes, sizeof(bytes)));
        assert_true(be16_equal(csum_update32(before, (be32){from}, (be32){to}), after));

        be16 to16 = {(u16)random_u32()}, from16 = load_be16(bytes + at);
        store_be16(bytes + at, to16);
        assert_true(be16_equal(csum_update16(after, from16, to16),
                               csum_finish(csum_add(0, bytes, sizeof(bytes)))));
    }
}

static void header_checksums(void **state)
{
    u8 bytes[60];
    for (unsigned round = 0; round < 20000; round++) {
        struct ip4_header *h = (struct ip4_header *)bytes;
        fill(bytes, sizeof(bytes));
        h->version_ihl = (u8)(0x40 | (5 + round % 11));
        ip4_set_checksum(h);
        assert_int_equal(oracle(bytes, ip4_header_bytes(h)), 0);
        assert_true(ip4_checksum_is_right(h));

        if (h->ttl > 0) {
            u8 ttl = h->ttl;
            assert_int_equal(ip4_decrement_ttl(h), ttl - 1);
            assert_true(ip4_checksum_is_right(h));
        }
        ip4_set_ttl(h, (u8)random_u32());
        ip4_set_length(h, random_u32() & 0xffff);
        ip4_set_id(h, (be16){(u16)random_u32()});
        ip4_set_fragment(h, (be16){(u16)random_u32()});
        assert_true(ip4_checksum_is_right(h));

        bytes[random_u32() % ip4_header_bytes(h)] ^= (u8)(1u << (random_u32() & 7));
        if (h->version_ihl >> 4 == 4 && ip4_header_bytes(h) == (5 + round % 11) * 4u)
            assert_false(ip4_checksum_is_right(h));
    }
}

static void pseudo_headers(void **state)
{
    u8 ip[4 + 4 + 1 + 1 + 2], ip6[16 + 16 + 4 + 4];
    for (unsigned round = 0; round < 1000; round++) {
        fill(ip, 8);
        ip[8] = 0;
        ip[9] = (u8)random_u32();
        put_be16(ip + 10, (u16)random_u32());
        u64 sum = csum_pseudo_ip4(load_be32(ip), load_be32(ip + 4), ip[9], get_be16(ip + 10));
        assert_int_equal(be16_to_host(csum_finish(sum)), oracle(ip, sizeof(ip)));

        fill(ip6, 32);
        put_be32(ip6 + 32, random_u32());
        put_be32(ip6 + 36, ip[9]);
        sum = csum_pseudo_ip6(ip6, ip6 + 16, ip[9], get_be32(ip6 + 32));
        assert_int_equal(be16_to_host(csum_finish(sum)), oracle(ip6, sizeof(ip6)));
    }
}

static void udp_never_says_none(void **state)
{
    assert_int_equal(csum_finish_udp(0xffff).raw, 0xffff);
    assert_int_equal(csum_finish_udp(0xfffe).raw, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_of_every_length_and_alignment),
        cmocka_unit_test(long_sums_lose_no_carry),
        cmocka_unit_test(a_change_is_repaired),
        cmocka_unit_test(header_checksums),
        cmocka_unit_test(pseudo_headers),
        cmocka_unit_test(udp_never_says_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
