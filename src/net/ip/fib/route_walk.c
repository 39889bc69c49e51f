/* Walks over routes in order and in pieces, see base/ordered_walk.h: keys are a table and a prefix.
 */
#include <errno.h>

#include "net/ip/fib/fib_internal.h"

#define LOOKED_AT 1024 /* entries, before others may want their turn */

struct route_key {
    u32 table;
    struct ip_prefix prefix;
};

static int route_walk_compare(const void *a, const void *b)
{
    const struct route_key *x = a, *y = b;
    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    int order = ip_address_compare(&x->prefix.addr, &y->prefix.addr);
    return order ? order : x->prefix.len - y->prefix.len;
}

/* Entries do not move. */
static int route_walk_scan(void *set, u64 *from, void *key)
{
    const struct fib_walk *w = set;
    struct route_key *k = key;
    u32 i = pool_next(&w->fib->entries, (u32)*from);
    if (i == POOL_NONE)
        return 0;
    *from = (u64)i + 1;
    const struct fib_entry *e = fib_entry_at(w->fib, i);
    if ((e->flags & (ENTRY_DEAD | ENTRY_ALONE)) || fib_entry_family(w->fib, i) != w->family ||
        (!fib_is_none(w->only) && e->table != w->only.i))
        return -EAGAIN;
    *k = (struct route_key){e->table, fib_entry_prefix(w->fib, i)};
    return 1;
}

int fib_walk_next(struct fib_walk *w, struct fib_route *out)
{
    static const struct ordered_walk_ops ops = {sizeof(struct route_key), route_walk_compare,
                                                route_walk_scan};
    struct route_key key;
    if (!w->keys)
        w->keys = ordered_walk_new(&ops);
    int rc = ordered_walk_next(w->keys, &ops, w, LOOKED_AT, &key);
    if (rc != 1)
        return rc;
    /* it may have gone meanwhile, and its table */
    if (!fib_table_exists(w->fib, (struct fib_index){key.table}))
        return -EAGAIN;
    u32 entry =
        fib_entry_find(w->fib, fib_table_at(w->fib, key.table), &key.prefix.addr, key.prefix.len);
    if (entry == NONE)
        return -EAGAIN;
    fib_route_fill(w->fib, entry, out);
    return 1;
}
