/* Load balances. Source of the share of buckets: what VPP does with weights (2:1 is 5 and 3 of 8).
 */
#include "net/ip/fib/lb.h"

#include "base/log.h"

struct lb *lb_base;
u32 *lb_group_adj, *lb_region_adj;
u32 *lb_buckets;

void lb_store_init(struct lb_store *s, u32 max_lbs)
{
    *s = (struct lb_store){0};
    lb_base = mem_reserve(&s->map, "load balances", (u64)max_lbs * sizeof(struct lb));
    lb_group_adj = mem_reserve(&s->group_map, "load balances, groups",
                               ((u64)max_lbs + LB_GROUP - 1) / LB_GROUP * sizeof(u32));
    lb_region_adj = mem_reserve(&s->region_map, "load balances, regions",
                                ((u64)max_lbs + LB_REGION - 1) / LB_REGION * sizeof(u32));
    lb_buckets =
        mem_reserve(&s->bucket_map, "load-balance buckets", LB_BUCKET_WORDS_MAX * sizeof(u32));
}

void lb_store_fini(struct lb_store *s)
{
    lb_base = NULL;
    lb_group_adj = lb_region_adj = NULL;
    lb_buckets = NULL;
    mem_map_free(&s->map);
    mem_map_free(&s->group_map);
    mem_map_free(&s->region_map);
    mem_map_free(&s->bucket_map);
    for (u32 i = 0; i <= LB_BUCKETS_LOG2_MAX; i++)
        vec_free(&s->free[i]);
}

static u64 lb_word(struct lb lb)
{
    u64 w;
    __builtin_memcpy(&w, &lb, sizeof(w));
    return w;
}

static bool group_has_only(u32 group, struct lb lb)
{
    const struct lb *at = &lb_base[group * LB_GROUP];
    u64 differ = 0;
    for (u32 i = 0; i < LB_GROUP; i++)
        differ |= lb_word(at[i]) ^ lb_word(lb);
    return !differ;
}

static bool region_has_only(u32 region, u32 adj)
{
    const u32 *at = &lb_group_adj[region * (LB_REGION / LB_GROUP)];
    u32 differ = 0;
    for (u32 i = 0; i < LB_REGION / LB_GROUP; i++)
        differ |= at[i] ^ adj;
    return !differ;
}

/* While the word is replaced, its group and region say nothing of it: so all are either the old or
 * the new. */
void lb_set(u32 index, struct lb lb)
{
    u32 group = index / LB_GROUP, region = index / LB_REGION;
    u32 adj = lb.mask ? LB_DIFFER : lb.first, was = lb_group_adj[group];
    if (was != adj) {
        __atomic_store_n(&lb_region_adj[region], LB_DIFFER, __ATOMIC_RELAXED);
        __atomic_store_n(&lb_group_adj[group], LB_DIFFER, __ATOMIC_RELAXED);
    }
    __atomic_store_n((u64 *)(void *)&lb_base[index], lb_word(lb), __ATOMIC_RELEASE);
    if (was == adj || !group_has_only(group, lb))
        return;
    __atomic_store_n(&lb_group_adj[group], adj, __ATOMIC_RELEASE);
    if (region_has_only(region, adj))
        __atomic_store_n(&lb_region_adj[region], adj, __ATOMIC_RELEASE);
}

u32 lb_buckets_get(struct lb_store *s, u32 log2)
{
    u32 n = 1u << log2, first;
    if (s->free[log2].n) {
        first = s->free[log2].v[--s->free[log2].n];
    } else {
        if (s->bucket_top + n > LB_BUCKET_WORDS_MAX)
            return UINT32_MAX;
        first = s->bucket_top;
        s->bucket_top += n;
    }
    s->n_bucket_words += n;
    return first;
}

void lb_buckets_put(struct lb_store *s, u32 first, u32 log2)
{
    vec_add(&s->free[log2], first);
    s->n_bucket_words -= 1u << log2;
}

/* One try with 1 << log2 buckets; the sum of what each path is off its share, or more than all when
 * a path got none. */
static double share_out(const u32 *weights, u32 n, u32 sum, u32 log2, u32 *counts)
{
    double per_weight = (double)(1u << log2) / sum, error = 0;
    u32 left = 1u << log2;
    for (u32 i = 0; i < n; i++) {
        double share = weights[i] * per_weight;
        u32 count = (u32)(share + 0.5);
        if (count > left)
            count = left;
        left -= count;
        if (!count)
            return 1u << (log2 + 1);
        error += share > count ? share - count : count - share;
        counts[i] = count;
    }
    counts[0] += left;
    return error;
}

static u32 sum_of(const u32 *weights, u32 n)
{
    u32 sum = 0;
    for (u32 i = 0; i < n; i++)
        sum += weights[i];
    return sum;
}

u32 lb_log2(const u32 *weights, u32 n)
{
    u32 counts[FIB_PATHS_MAX], sum = sum_of(weights, n), log2 = LB_BUCKETS_LOG2_MIN;
    while ((1u << log2) < n)
        log2++;
    while (log2 < LB_BUCKETS_LOG2_MAX &&
           share_out(weights, n, sum, log2, counts) > 0.1 * (1u << log2))
        log2++;
    return log2;
}

void lb_share(const u32 *weights, u32 n, u32 log2, u32 *counts)
{
    u32 sum = sum_of(weights, n), left = (1u << log2) - n;
    if (share_out(weights, n, sum, log2, counts) <= 1u << log2)
        return;
    /* weights so far apart that somebody got nothing: one each first, the rest by weight */
    for (u32 i = 0, rest = left; i < n; i++) {
        u32 more = (u32)((u64)rest * weights[i] / sum);
        counts[i] = 1 + more;
        left -= more;
    }
    counts[0] += left;
}
