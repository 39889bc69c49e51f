/* Ways: what becomes of packets and whom they are counted for, which many entries have in common.
 * A way has the number of its action, which packets between the kernel's two programs may still
 * have: so its entries, those that rest too, keep it. */
#include "net/features/fast_path/fast_path_internal.h"

/* UINT32_MAX: none is left. */
static u32 way_number_take(struct fast_path *s)
{
    u32 w = s->spare_way - 1;
    if (s->spare_way)
        s->spare_way = s->ways[w].first;
    else if (s->n_ways_used < s->backend->max_actions)
        w = s->n_ways_used++;
    return w;
}

u32 fast_path_way_take(struct fast_path *s, const struct way_key *key)
{
    u64 have;
    u32 w;
    if (hash_get(&s->way_by_key, key, &have)) {
        s->ways[have].n_entries++;
        return (u32)have;
    }
    w = way_number_take(s);
    if (w == UINT32_MAX)
        return w;
    s->ways[w] = (struct fast_path_way){.key = *key, .n_entries = 1, .is_known = true};
    s->backend->actions[w] = key->action;
    hash_set(&s->way_by_key, key, w);
    fast_path_parts_add_way(s, w);
    return w;
}

void fast_path_way_forget(struct fast_path *s, u32 w)
{
    struct fast_path_way *x = &s->ways[w];
    if (!x->is_known)
        return;
    hash_del(&s->way_by_key, &x->key);
    fast_path_parts_del_way(s, w);
    x->is_known = false;
    x->key.counts = (struct way_counts){0};
}

void fast_path_way_leave(struct fast_path *s, u32 w)
{
    if (--s->ways[w].n_entries)
        return;
    fast_path_way_forget(s, w);
    s->ways[w].first = s->spare_way;
    s->spare_way = w + 1;
}

void fast_path_ways_init(struct fast_path *s)
{
    s->ways = mem_reserve(&s->ways_map, "fast-path ways",
                          (u64)s->backend->max_actions * sizeof(s->ways[0]));
    hash_init(&s->way_by_key, sizeof(struct way_key));
}

void fast_path_ways_fini(struct fast_path *s)
{
    if (s->ways) {
        mem_map_free(&s->ways_map);
        hash_fini(&s->way_by_key);
    }
    s->ways = NULL;
    s->n_ways_used = s->spare_way = 0;
}
