#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"

static void test_bytes(void **state)
{
    u8 b[4];
    assert_int_equal(hex_digits(""), 0);
    assert_int_equal(hex_digits("x"), 0);
    assert_int_equal(hex_digits("09afAFg"), 6);
    hex_bytes("09afAF1f", b, 4);
    assert_memory_equal(b, "\x09\xaf\xaf\x1f", 4);
}

static void test_mac(void **state)
{
    static const struct {
        const char *text;
        int taken; /* characters; -1: none */
        const char *mac;
    } cases[] = {
        {"01:23:45:67:89:aB", 17, "\x01\x23\x45\x67\x89\xab"},
        {"1:2:3:4:5:6 x", 11, "\x01\x02\x03\x04\x05\x06"},
        {"0123.4567.89ab/", 14, "\x01\x23\x45\x67\x89\xab"},
        {"1.2.3", 5, "\x00\x01\x00\x02\x00\x03"},
        {"01:23:45:67:89:ab:cd", 17, "\x01\x23\x45\x67\x89\xab"},
        {"", -1, ""},
        {":", -1, ""},
        {"01", -1, ""},
        {"01:23:45:67:89", -1, ""},
        {"01:23:45:67:89:", -1, ""},
        {"01:23:45.67:89:ab", -1, ""},
        {"012:3:4:5:6:7", -1, ""},
        {"01234.5.6", -1, ""},
        {"1.2", -1, ""},
        {"1.2.", -1, ""},
        {"1-2-3-4-5-6", -1, ""},
    };
    for (u32 i = 0; i < array_len(cases); i++) {
        const char *s = cases[i].text;
        u8 mac[6];
        bool ok = hex_mac(&s, mac);
        assert_int_equal(ok ? (int)(s - cases[i].text) : -1, cases[i].taken);
        if (ok)
            assert_memory_equal(mac, cases[i].mac, 6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_mac),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
