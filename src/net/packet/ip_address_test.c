/* Text and bits of addresses: the system's own text for IPv6, and bit by bit for masks. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/packet/ip_address.h"

static struct ip_address random_address(void)
{
    struct ip_address a;
    for (u32 i = 0; i < 16; i++)
        a.bytes[i] = random() % 3 ? 0 : (u8)random();
    return a;
}

static void text_can_be_read_back(void **state)
{
    char text[IP_ADDRESS_TEXT_BYTES];
    srandom(1);
    for (u32 i = 0; i < 20000; i++) {
        struct ip_address a = random_address(), back;
        ip_address_text(IP_FAMILY_6, &a, text);
        assert_int_equal(inet_pton(AF_INET6, text, back.bytes), 1);
        assert_true(ip_address_equal(&a, &back));
    }
}

static void text_is_as_short_as_can_be(void **state)
{
    static const char *const same[] = {
        "::",
        "::1",
        "2001:db8::",
        "2001:db8::1",
        "fe80::fe:18ff:fe5e:50eb",
        "2001:db8:0:1:1:1:1:1", /* RFC 5952 4.2.2: one word is no row */
        "2001:0:0:1::1",        /* 4.2.3: the longest */
        "2001:db8::1:0:0:1",    /* the first of two */
        "1:2:3:4:5:6:7:8",
        "0:1::",
        "1::8",
    };
    char text[IP_ADDRESS_TEXT_BYTES];
    for (u32 i = 0; i < array_len(same); i++) {
        struct ip_address a;
        assert_int_equal(inet_pton(AF_INET6, same[i], a.bytes), 1);
        assert_string_equal(ip_address_text(IP_FAMILY_6, &a, text), same[i]);
    }
    struct ip_address four = ip_address_from_ip4(be32_from_host(0x0a0102ff));
    assert_string_equal(ip_address_text(IP_FAMILY_4, &four, text), "10.1.2.255");
    struct ip_prefix p = ip4_prefix(be32_from_host(0x0a010000), 16);
    char prefix[IP_PREFIX_TEXT_BYTES];
    assert_string_equal(ip_prefix_text(&p, prefix), "10.1.0.0/16");
}

static bool bit(const struct ip_address *a, u32 i)
{
    return a->bytes[i / 8] >> (7 - i % 8) & 1;
}

static void masks_are_right_bit_by_bit(void **state)
{
    for (u32 family = 0; family < IP_FAMILY_N; family++)
        for (u32 len = 0; len <= ip_family_bits((enum ip_family)family); len++) {
            struct ip_address a = {{{0}}};
            for (u32 i = 0; i < ip_family_bits((enum ip_family)family) / 8u; i++)
                a.bytes[i] = (u8)random();
            struct ip_address m = ip_address_mask(&a, len);
            struct ip_address last = ip_address_last((enum ip_family)family, &m, len);
            for (u32 i = 0; i < 128; i++) {
                bool is_host = i >= len && i < ip_family_bits((enum ip_family)family);
                assert_int_equal(bit(&m, i), i < len && bit(&a, i));
                assert_int_equal(bit(&last, i), is_host || bit(&m, i));
            }
            struct ip_prefix p = {.addr = a, .family = (u8)family, .len = (u8)len};
            assert_true(ip_prefix_has(&p, &m) && ip_prefix_has(&p, &last));
            if (len) {
                last.bytes[(len - 1) / 8] ^= (u8)(0x80 >> (len - 1) % 8);
                assert_false(ip_prefix_has(&p, &last));
            }
        }
}

static void the_next_prefix(void **state)
{
    struct ip_address a = ip_address_from_ip4(be32_from_host(0x0a00ffff));
    assert_true(ip_address_next(&a, 32));
    assert_int_equal(be32_to_host(a.ip4), 0x0a010000);
    a.ip4 = be32_from_host(0x0a00ff07);
    assert_true(ip_address_next(&a, 24));
    assert_int_equal(be32_to_host(a.ip4), 0x0a010007);
    a.ip4 = be32_from_host(0x0a000000);
    assert_true(ip_address_next(&a, 13));
    assert_int_equal(be32_to_host(a.ip4), 0x0a080000);
    a.ip4 = be32_from_host(0xfff80001);
    assert_false(ip_address_next(&a, 13));
    assert_int_equal(be32_to_host(a.ip4), 1);
    assert_false(ip_address_next(&a, 0));
    memset(&a, 0xff, 16);
    assert_false(ip_address_next(&a, 128));
    assert_true(ip_address_is_zero(&a));
    memset(&a.bytes[8], 0xff, 8);
    assert_true(ip_address_next(&a, 128));
    assert_int_equal(a.bytes[7], 1);
    assert_int_equal(a.bytes[15], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_can_be_read_back),
        cmocka_unit_test(text_is_as_short_as_can_be),
        cmocka_unit_test(masks_are_right_bit_by_bit),
        cmocka_unit_test(the_next_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
