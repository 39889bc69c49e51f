/* Buckets of a path list with several paths. They stay where they are for as long as the list has
 * any: when a path dies or comes back, single buckets are stored anew, and all routes of the list
 * have moved, however many there are.
 *
 * Each bucket belongs to a path, by weight. While that is not to be used, another one has it: the
 * same for as long as possible, so that no flow moves but those of the path that died, or came
 * back. */
#include "net/ip/fib/fib_internal.h"

struct sharing {
    u32 paths[FIB_PATHS_MAX]; /* of one preference, heaviest first */
    u32 weights[FIB_PATHS_MAX];
    u32 n;
};

static void sharing_add(struct sharing *s, u32 path, u32 weight)
{
    u32 at = s->n++;
    for (; at && s->weights[at - 1] < weight; at--) {
        s->paths[at] = s->paths[at - 1];
        s->weights[at] = s->weights[at - 1];
    }
    s->paths[at] = path;
    s->weights[at] = weight;
}

/* Paths of that preference: those that have all of `flags`. */
static struct sharing sharing_of(const struct fib *f, const struct path_list *l, u8 preference,
                                 u8 flags)
{
    struct sharing s = {.n = 0};
    for (u32 k = l->first; k != NONE; k = path_at(f, k)->next) {
        const struct path *pa = path_at(f, k);
        if (pa->cfg.preference == preference && (pa->flags & flags) == flags)
            sharing_add(&s, k, pa->cfg.weight ? pa->cfg.weight : 1);
    }
    return s;
}

/* Enough for the paths of any preference. */
static u32 path_buckets_log2(const struct fib *f, const struct path_list *l)
{
    u32 log2 = 0;
    for (u32 k = l->first; k != NONE; k = path_at(f, k)->next) {
        struct sharing s = sharing_of(f, l, path_at(f, k)->cfg.preference, 0);
        if (s.paths[0] == k)
            log2 = (u32)max_u64(log2, lb_log2(s.weights, s.n));
    }
    return log2;
}

/* The one of the sharing that lacks the most. */
static u32 sharing_neediest(const u32 *have, const u32 *due, u32 n)
{
    u32 best = 0;
    for (u32 i = 1; i < n; i++)
        if ((i64)due[i] - have[i] > (i64)due[best] - have[best])
            best = i;
    return best;
}

static void bucket_give(const struct fib *f, const struct sharing *usable, u32 to, u32 *have,
                        u32 *bucket)
{
    *bucket = path_at(f, usable->paths[to])->adj;
    have[to]++;
}

/* Which adjacency each bucket is to have. now: what they have; NULL: nothing yet. */
static void path_buckets_share(const struct fib *f, const struct path_list *l, u8 preference,
                               u32 log2, const u32 *now, u32 *out)
{
    struct sharing all = sharing_of(f, l, preference, 0);
    struct sharing usable = sharing_of(f, l, preference, PATH_RESOLVED);
    u32 own[FIB_PATHS_MAX], due[FIB_PATHS_MAX], have[FIB_PATHS_MAX] = {0};
    lb_share(all.weights, all.n, log2, own);
    lb_share(usable.weights, usable.n, log2, due);
    for (u32 i = 0, u = 0, at = 0; i < all.n; i++) {
        bool is_usable = u < usable.n && usable.paths[u] == all.paths[i];
        for (u32 c = 0; c < own[i]; c++, at++) {
            out[at] = NONE;
            if (is_usable)
                bucket_give(f, &usable, u, have, &out[at]);
        }
        u += is_usable;
    }
    for (u32 b = 0; now && b < 1u << log2; b++)
        for (u32 u = 0; u < usable.n && out[b] == NONE; u++)
            if (now[b] == path_at(f, usable.paths[u])->adj && have[u] < due[u])
                bucket_give(f, &usable, u, have, &out[b]);
    for (u32 b = 0; b < 1u << log2; b++)
        if (out[b] == NONE)
            bucket_give(f, &usable, sharing_neediest(have, due, usable.n), have, &out[b]);
}

void path_buckets_drop(struct fib *f, struct path_list *l)
{
    if (l->bucket_first != NONE && l->n_entries) /* they may not all be told at once */
        vec_add(&f->held_buckets, ((struct fib_buckets){l->bucket_first, l->bucket_log2}));
    else if (l->bucket_first != NONE)
        fib_limbo(f, LIMBO_BUCKETS, l->bucket_first, l->bucket_log2);
    l->bucket_first = NONE;
}

bool path_buckets_fill(struct fib *f, struct path_list *l, u32 best, bool *moved)
{
    u32 wanted[1u << LB_BUCKETS_LOG2_MAX];
    bool is_new = l->bucket_first == NONE;
    u32 log2 = is_new ? path_buckets_log2(f, l) : l->bucket_log2;
    u32 first = is_new ? lb_buckets_get(&f->lbs, log2) : l->bucket_first;
    if (first == NONE)
        return false;
    u32 *buckets = &lb_buckets[first];
    if (best != NONE)
        path_buckets_share(f, l, path_at(f, best)->cfg.preference, log2, is_new ? NULL : buckets,
                           wanted);
    for (u32 i = 0; i < 1u << log2; i++) {
        u32 adj = best == NONE ? ADJ_DROP.i : wanted[i];
        if (!is_new && buckets[i] == adj)
            continue;
        *moved = true;
        __atomic_store_n(&buckets[i], adj, __ATOMIC_RELEASE);
    }
    l->bucket_first = first;
    l->bucket_log2 = (u8)log2;
    return true;
}
