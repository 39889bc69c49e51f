/* Load balances: the words that data threads read for each route (fib_data.h), and the buckets
 * behind those that have several paths. Control thread. */
#pragma once

#include "base/mem.h"
#include "base/types.h"
#include "base/vec.h"
#include "net/ip/fib/fib_data.h"

#define LB_BUCKETS_LOG2_MIN 4 /* so many that what a path leaves is shared by all the others */
#define LB_BUCKETS_LOG2_MAX 12
#define LB_BUCKET_WORDS_MAX MEM_MOST(1u << 24)

struct lb_store {
    struct mem_map map, group_map, region_map, bucket_map;
    u32 bucket_top;
    VEC(u32) free[LB_BUCKETS_LOG2_MAX + 1]; /* ranges by size */
    u32 n_bucket_words;                     /* in use */
};

void lb_store_init(struct lb_store *s, u32 max_lbs);
void lb_store_fini(struct lb_store *s);

void lb_set(u32 index, struct lb lb);

/* A range of 1 << log2 buckets; UINT32_MAX when there is no room. */
u32 lb_buckets_get(struct lb_store *s, u32 log2) MUST_CHECK;
void lb_buckets_put(struct lb_store *s, u32 first, u32 log2);

/* log2 of the number of buckets for n paths: the smallest that comes within a tenth of the weights
 * (as VPP), but not fewer than LB_BUCKETS_LOG2_MIN. */
u32 lb_log2(const u32 *weights, u32 n);
/* Shares out 1 << log2 buckets (log2 of lb_log2 or more) to n paths by weight, each at least one:
 * counts[i] of them. The heaviest come first. */
void lb_share(const u32 *weights, u32 n, u32 log2, u32 *counts);
