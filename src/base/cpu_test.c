/* The CPU's levels against the compiler's own test, and the clock against itself. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/cpu.h"

static void levels_agree_with_the_compiler(void **state)
{
    assert_true(cpu_level_runs(CPU_LEVEL_BASE));
    assert_true(cpu_level_runs(cpu_level_best()));
#if defined(__x86_64__)
    bool v2 = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
    bool v3 = v2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
    bool v4 = v3 && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    assert_int_equal(cpu_level_runs(CPU_LEVEL_V2), v2);
    assert_int_equal(cpu_level_runs(CPU_LEVEL_V3), v3);
    assert_int_equal(cpu_level_runs(CPU_LEVEL_V4), v4);
    assert_non_null(strstr(cpu_flags(), "sse3 "));
    assert_true(strlen(cpu_microarch()) > 0);
#endif
    print_message("%s | %s | %s\n", cpu_model_name(), cpu_microarch(), cpu_flags());
}

static void the_clock_goes_forward(void **state)
{
    double rate = clock_cycles_per_sec(), measured = 0;
    assert_true(rate > 1e6);
    /* more than once: a thread may have to wait between two clocks */
    for (u32 i = 0; i < 50 && !(measured > rate * 0.8 && measured < rate * 1.25); i++) {
        u64 ns = clock_ns(), cycles = clock_cycles();
        while (clock_ns() - ns < 20 * NS_PER_MSEC)
            ;
        measured = (double)(clock_cycles() - cycles) / (double)(clock_ns() - ns) * 1e9;
    }
    assert_true(measured > rate * 0.8 && measured < rate * 1.25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_agree_with_the_compiler),
        cmocka_unit_test(the_clock_goes_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
