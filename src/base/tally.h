/* Counts that one thread bumps while others read them: no value is ever torn, and none is lost; a
 * reader may see a moment ago. On all machines that matter this is what a plain ++ costs. */
#pragma once

#include "base/types.h"

/* The one thread that owns *count. */
ALWAYS_INLINE void tally_add(u64 *count, u64 n)
{
    __atomic_store_n(count, __atomic_load_n(count, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

/* The owner, or who knows that it does not bump now. */
ALWAYS_INLINE void tally_set(u64 *count, u64 n)
{
    __atomic_store_n(count, n, __ATOMIC_RELAXED);
}

/* Any thread. */
ALWAYS_INLINE u64 tally_read(const u64 *count)
{
    return __atomic_load_n(count, __ATOMIC_RELAXED);
}
