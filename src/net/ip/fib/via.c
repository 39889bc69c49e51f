/* Vias: the next hops of recursive paths, and the addresses that somebody follows. Each is an entry
 * of source RR, whose load balance stays for as long as there is one. */
#include <errno.h>

#include "net/ip/fib/fib_internal.h"

u32 via_get(struct fib *f, u32 table, const struct ip_address *a)
{
    enum ip_family family = fib_table_at(f, table)->family;
    u8 len = ip_family_bits(family);
    u32 e = fib_entry_find(f, fib_table_at(f, table), a, len);
    if (e != NONE && fib_entry_at(f, e)->via != NONE) {
        via_at(f, fib_entry_at(f, e)->via)->refs++;
        return fib_entry_at(f, e)->via;
    }
    u32 v = pool_get(&f->vias);
    if (v == POOL_NONE)
        return NONE;
    path_list_ref(f, f->drop_list[family]);
    e = fib_entry_source_set(f, table, a, len, FIB_SOURCE_RR, f->drop_list[family]);
    if (e == NONE) {
        pool_put(&f->vias, v);
        return NONE;
    }
    u32 adj = adj_get_lb(f, e);
    if (adj == NONE) {
        fib_entry_source_del(f, e, FIB_SOURCE_RR);
        pool_put(&f->vias, v);
        return NONE;
    }
    *via_at(f, v) = (struct via){.refs = 1, .entry = e, .adj = adj, .paths = NONE, .tracks = NONE};
    fib_entry_set_via(f, e, v);
    fib_tables_lock_rr(f, table);
    fib_entry_evaluate(f, e);
    return v;
}

void via_put(struct fib *f, u32 v)
{
    struct via *via = via_at(f, v);
    assert(via->refs);
    if (--via->refs)
        return;
    u32 e = via->entry, table = fib_entry_at(f, e)->table;
    fib_entry_set_via(f, e, NONE);
    adj_put(f, via->adj);
    pool_put(&f->vias, v);
    fib_entry_source_del(f, e, FIB_SOURCE_RR);
    fib_tables_unlock_rr(f, table);
}

void via_evaluate(struct fib *f, u32 v)
{
    struct via *via = via_at(f, v);
    const struct fib_entry *e = fib_entry_at(f, via->entry);
    u8 state = 0;
    if (e->list != NONE && path_list_is_resolved(f, e->list)) {
        state = VIA_RESOLVED;
        if (fib_entry_best(f, e) != FIB_SOURCE_RR)
            state |= VIA_HOST;
        const struct path *first = path_at(f, path_list_at(f, e->list)->first);
        if (first->cfg.kind == FIB_PATH_NEXT_HOP && !if_is_none(first->cfg.interface))
            state |= VIA_ATTACHED;
    }
    if (state == (via->state & ~VIA_QUEUED))
        return;
    via->state = state | (via->state & VIA_QUEUED);
    for (u32 k = via->paths; k != NONE; k = path_at(f, k)->via_next)
        fib_queue(f, WORK_LIST, path_at(f, k)->list);
}

/* --- circles --- */

/* The via that a path leads on through: its own, or that of the tunnel that it goes into; NONE. */
static u32 path_leads_to(const struct fib *f, const struct path *pa)
{
    return pa->via != NONE ? pa->via : adj_via(f, pa->adj);
}

/* Depth-first over recursive paths, bounded: a structure that deep is as good as a loop. */
static bool leads_to(const struct fib *f, u32 start, u32 list, u32 depth, u32 *steps)
{
    if (depth > FIB_LOOKUPS_MAX || ++*steps > 1000)
        return true;
    for (u32 k = path_list_at(f, list)->first; k != NONE; k = path_at(f, k)->next) {
        u32 v = path_leads_to(f, path_at(f, k));
        if (v == NONE)
            continue;
        const struct via *via = via_at(f, v);
        if (via->entry == start)
            return true;
        u32 next = fib_entry_at(f, via->entry)->list;
        if (next != NONE && leads_to(f, start, next, depth + 1, steps))
            return true;
    }
    return false;
}

bool via_loops(const struct fib *f, u32 start, u32 list)
{
    u32 steps = 0;
    return leads_to(f, start, list, 1, &steps);
}

/* --- who follows an address --- */

void via_moved(struct fib *f, u32 v)
{
    for (u32 k = via_at(f, v)->tracks; k != NONE; k = track_at(f, k)->next)
        if (!track_at(f, k)->queued && track_at(f, k)->fn) {
            track_at(f, k)->queued = true;
            vec_add(&f->moved, k);
        }
    /* vias stand in front among the entries of a list */
    for (u32 k = via_at(f, v)->paths; k != NONE; k = path_at(f, k)->via_next)
        for (u32 e = path_list_at(f, path_at(f, k)->list)->entries;
             e != NONE && fib_entry_at(f, e)->via != NONE; e = fib_entry_at(f, e)->next)
            fib_queue(f, WORK_VIA, fib_entry_at(f, e)->via);
}

void fib_tell_moved(struct fib *f)
{
    if (f->telling)
        return;
    f->telling = true;
    while (f->moved.n) {
        u32 k = f->moved.v[--f->moved.n];
        struct track *t = pool_is_used(&f->tracks, k) ? track_at(f, k) : NULL;
        if (!t || !t->queued)
            continue; /* it has gone meanwhile */
        t->queued = false;
        t->fn(f->piste, t->arg);
    }
    vec_free(&f->moved);
    f->telling = false;
}

int fib_track(struct fib *f, struct fib_index t, const struct ip_address *addr,
              void (*fn)(struct piste *p, void *arg), void *arg, struct fib_track_index *out,
              struct error *e)
{
    if (!fib_table_exists(f, t))
        return error_set(e, EINVAL, "no such table");
    struct ip_address a = ip_address_mask(addr, ip_family_bits(fib_family(t)));
    u32 k = pool_get(&f->tracks), v = k == POOL_NONE ? NONE : via_get(f, t.i, &a);
    fib_settle(f);
    if (v == NONE) {
        if (k != POOL_NONE)
            pool_put(&f->tracks, k);
        return error_set(e, ENOSPC, "no room to follow more addresses");
    }
    struct via *via = via_at(f, v);
    *track_at(f, k) =
        (struct track){.via = v, .next = via->tracks, .prev = NONE, .fn = fn, .arg = arg};
    if (via->tracks != NONE)
        track_at(f, via->tracks)->prev = k;
    via->tracks = k;
    out->i = k;
    return 0;
}

void fib_untrack(struct fib *f, struct fib_track_index track)
{
    struct track t = *track_at(f, track.i);
    if (t.prev != NONE)
        track_at(f, t.prev)->next = t.next;
    else
        via_at(f, t.via)->tracks = t.next;
    if (t.next != NONE)
        track_at(f, t.next)->prev = t.prev;
    pool_put(&f->tracks, track.i);
    via_put(f, t.via);
    fib_settle(f);
}

struct lb_index fib_track_lb(const struct fib *f, struct fib_track_index track)
{
    return (struct lb_index){via_at(f, track_at(f, track.i)->via)->entry};
}

bool fib_track_is_resolved(const struct fib *f, struct fib_track_index track)
{
    return via_at(f, track_at(f, track.i)->via)->state & VIA_RESOLVED;
}
