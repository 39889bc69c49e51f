/* Times that hosts of a link do not share (RFC 4861 6.2.4, RFC 3810 6.2). */
#pragma once

#include "base/clock.h"
#include "base/hash.h"

/* Below n; 0 for 0. */
static inline u64 nd_random(u64 n)
{
    u64 now = clock_cycles();
    return n ? hash_bytes(&now, sizeof(now), (u64)(uintptr_t)&now) % n : 0;
}
