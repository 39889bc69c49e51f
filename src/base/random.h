/* Numbers in no order that shows: cheap, and good enough for choosing among ports and numbers, which
 * others may come to know. No secrets. Source: G. Marsaglia, Xorshift RNGs, 2003. */
#pragma once

#include "base/types.h"

/* The next one. *state: never 0; the caller's, of one thread. */
ALWAYS_INLINE u64 random_u64(u64 *state)
{
    u64 x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}
