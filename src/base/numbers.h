/* Numbers in use, and the lowest that is free: for indices and instances that people see, which are
 * the same whenever the same is made in the same order. Finding one costs the same however many are
 * in use.
 *
 *     struct numbers n = {0};
 *     u32 i = numbers_lowest(&n);
 *     numbers_take(&n, i);
 *     numbers_give(&n, i);
 *     numbers_fini(&n);
 */
#pragma once

#include "base/types.h"
#include "base/vec.h"

struct numbers {
    VEC(u64) taken; /* a bit each */
    u32 low;        /* words in front are full */
};

void numbers_fini(struct numbers *n);
/* The lowest that is free. It stays free. */
u32 numbers_lowest(struct numbers *n);
/* i is free. */
void numbers_take(struct numbers *n, u32 i);
/* i is taken. */
void numbers_give(struct numbers *n, u32 i);
