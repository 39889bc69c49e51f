/* Against products and quotients that are known, and random ones that lead back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/wide.h"

static u64 random_u64(void)
{
    u64 x = (u64)random() << 42 ^ (u64)random() << 21 ^ (u64)random();
    return x >> random() % 64;
}

static void assert_same(struct u128 a, struct u128 b)
{
    assert_int_equal(a.high, b.high);
    assert_int_equal(a.low, b.low);
}

static void products(void **state)
{
    assert_same(wide_mul(UINT64_MAX, UINT64_MAX), (struct u128){UINT64_MAX - 1, 1});
    assert_same(wide_mul(1ull << 32, 1ull << 32), (struct u128){1, 0});
    for (int i = 0; i < 10000; i++) {
        u64 a = random_u64(), b = random_u64();
        assert_same(wide_mul_by_halves(a, b), wide_mul(a, b));
    }
}

static void quotients(void **state)
{
    assert_int_equal(wide_div((struct u128){7, 0}, 7), UINT64_MAX);
    assert_int_equal(wide_div((struct u128){6, UINT64_MAX}, 7), UINT64_MAX);
    assert_int_equal(wide_div((struct u128){0, 99}, 100), 0);
    for (int i = 0; i < 10000; i++) {
        u64 a = random_u64();
        u32 by = (u32)random_u64() | 1, rest = (u32)(random_u64() % by);
        assert_int_equal(wide_div(wide_add(wide_mul(a, by), rest), by), a);
    }
}

static void shifts(void **state)
{
    assert_int_equal(wide_shift_right((struct u128){3, 1}, 0), 1);
    assert_int_equal(wide_shift_right((struct u128){1, 0}, 63), 2);
    for (int i = 0; i < 10000; i++) {
        u64 a = random_u64() >> 1;
        u32 n = (u32)random() % 64;
        u64 rest = random_u64() & ((1ull << n) - 1);
        assert_int_equal(wide_shift_right(wide_add(wide_mul(a, 1ull << n), rest), n), a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(products), cmocka_unit_test(quotients),
                                       cmocka_unit_test(shifts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
