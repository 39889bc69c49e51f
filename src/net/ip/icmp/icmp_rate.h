/* How many errors a data thread sends, of each protocol. */
#pragma once

#include "base/types.h"

/* At most so many a second; a burst may come at once. */
#define ICMP_ERRORS_PER_SEC 1000
#define ICMP_ERRORS_BURST 100

/* Limits a rate: room for one more now? tat_ns is its state, 0 at first (generic cell rate
 * algorithm). */
static inline bool icmp_rate_take(u64 *tat_ns, u64 now_ns, u64 per_sec, u64 burst)
{
    u64 interval_ns = 1000000000u / per_sec, from = *tat_ns > now_ns ? *tat_ns : now_ns;
    if (from - now_ns > interval_ns * (burst - 1))
        return false;
    *tat_ns = from + interval_ns;
    return true;
}
