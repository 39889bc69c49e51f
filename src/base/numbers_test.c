/* Numbers against an array, over random sequences. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/numbers.h"

#define MOST 300u

static void test_lowest(void **state)
{
    struct numbers n = {0};
    bool taken[MOST] = {false};
    srandom(1);
    for (u32 step = 0; step < 100000; step++) {
        u32 lowest = 0, i = (u32)random() % MOST;
        while (lowest < MOST && taken[lowest])
            lowest++;
        assert_int_equal(numbers_lowest(&n), lowest);
        if (random() % 4) /* mostly the lowest, as users of it do */
            i = lowest;
        if (i == MOST)
            continue;
        if (taken[i])
            numbers_give(&n, i);
        else
            numbers_take(&n, i);
        taken[i] = !taken[i];
        if (random() % 3 == 0) {
            u32 other = (u32)random() % MOST;
            if (taken[other])
                numbers_give(&n, other);
            taken[other] = false;
        }
    }
    numbers_fini(&n);
    assert_int_equal(numbers_lowest(&n), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lowest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
