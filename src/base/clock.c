/* The rate of the cycle counter; how far ahead time is. */
#include "base/clock.h"

#include <pthread.h>

/* Long enough for three digits; paid once, by the first caller. */
#define FIRST_MEASURE_NS NS_PER_MSEC

u64 clock_ahead_ns;

static u64 first_ns, first_cycles;
static pthread_once_t first_once = PTHREAD_ONCE_INIT;

static void measure_from_here(void)
{
    first_ns = clock_kernel_ns();
    first_cycles = clock_cycles();
}

double clock_cycles_per_sec(void)
{
#if defined(__aarch64__)
    u64 hz;
    __asm__("mrs %0, cntfrq_el0" : "=r"(hz));
    if (hz)
        return (double)hz;
#endif
    pthread_once(&first_once, measure_from_here);
    u64 ns, cycles;
    do {
        ns = clock_kernel_ns() - first_ns;
        cycles = clock_cycles() - first_cycles;
    } while (ns < FIRST_MEASURE_NS || !cycles);
    return (double)cycles * (double)NS_PER_SEC / (double)ns;
}
