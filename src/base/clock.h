/* Time: nanoseconds since boot for what people see, CPU cycles for what nodes cost. */
#pragma once

#include <time.h>

#include "base/types.h"

#define NS_PER_SEC 1000000000ull
#define NS_PER_MSEC 1000000ull
#define NS_PER_USEC 1000ull

/* CLOCK_MONOTONIC: what the kernel's timers go by. */
static inline u64 clock_kernel_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (u64)ts.tv_sec * NS_PER_SEC + (u64)ts.tv_nsec;
}

/* How far clock_ns is ahead of the kernel's time: 0, but for tests of what takes long. */
extern u64 clock_ahead_ns; /* atomic */

/* The time that everything here goes by; it never goes back. */
static inline u64 clock_ns(void)
{
    return clock_kernel_ns() + __atomic_load_n(&clock_ahead_ns, __ATOMIC_RELAXED);
}

/* CPU time of the calling thread: what it worked, not what it waited. A system call. */
static inline u64 clock_thread_cpu_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (u64)ts.tv_sec * NS_PER_SEC + (u64)ts.tv_nsec;
}

/* CLOCK_REALTIME at clock_ns() 0: what to add to such a time for the time of day. */
static inline u64 clock_wall_base_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (u64)ts.tv_sec * NS_PER_SEC + (u64)ts.tv_nsec - clock_ns();
}

/* The CPU's own counter: cheap, monotonic on one core. */
static inline u64 clock_cycles(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    u64 x;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(x));
    return x;
#else
    return clock_ns();
#endif
}

/* Cycles a second, measured lazily against the kernel's clock between the first call and now; never
 * 0.
 */
double clock_cycles_per_sec(void);
