/* Routes as other modules see them: checked, changed, found. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/ip/fib/fib_internal.h"

struct fib_path fib_path_special(enum fib_path_kind kind)
{
    return (struct fib_path){
        .kind = (u8)kind, .weight = 1, .interface = IF_NONE, .table = FIB_NONE, .adj = ADJ_NONE};
}

struct fib_path fib_path_via(enum ip_family f, struct ip_address next_hop,
                             struct if_index interface)
{
    struct fib_path path = fib_path_special(FIB_PATH_NEXT_HOP);
    path.family = (u8)f;
    path.next_hop = next_hop;
    path.interface = interface;
    return path;
}

/* A path without an interface that leads on by a table. */
static int table_check(const struct fib *f, struct fib_path *path, enum ip_family family, u32 table,
                       struct error *e)
{
    if (fib_is_none(path->table))
        path->table.i = table;
    if (!fib_table_exists(f, path->table))
        return error_set(e, EINVAL, "no such table");
    if (fib_family(path->table) != family)
        return error_set(e, EINVAL, "a table of the other protocol");
    return 0;
}

/* Takes out what was said and counts for nothing, so that paths that lead the same way are equal.
 */
static void path_plain(struct fib_path *path)
{
    bool lookup = path->kind == FIB_PATH_LOOKUP || path->kind == FIB_PATH_LOOKUP_SRC;
    bool next_hop = path->kind == FIB_PATH_NEXT_HOP;
    if (!lookup && !(next_hop && if_is_none(path->interface)))
        path->table = FIB_NONE;
    if (!next_hop && path->kind != FIB_PATH_ATTACHED && path->kind != FIB_PATH_RECEIVE &&
        path->kind != FIB_PATH_ADJ)
        memset(&path->next_hop, 0, sizeof(path->next_hop));
    if (path->kind != FIB_PATH_ADJ && path->kind != FIB_PATH_CLASSIFY &&
        path->kind != FIB_PATH_RECEIVE)
        path->adj = ADJ_NONE;
}

/* prefix: of the route, NULL for paths alone; table: that paths without one lead on by. */
static int path_check(const struct fib *f, struct fib_path *path, enum ip_family family, u32 table,
                      const struct ip_prefix *prefix, struct error *e)
{
    if (!path->weight)
        path->weight = 1;
    path_plain(path);
    bool has_if = !if_is_none(path->interface);
    if (has_if && f->ops.if_state(f->ops.ctx, path->interface) == FIB_IF_NONE)
        return error_set(e, EINVAL, "no such interface");
    if (path->kind != FIB_PATH_NEXT_HOP)
        path->family = (u8)family; /* counts for nothing else */
    else if (path->family >= IP_FAMILY_N || (!has_if && path->family != family))
        return error_set(e, EINVAL, "a next hop of the other protocol needs an interface");
    switch ((enum fib_path_kind)path->kind) {
    case FIB_PATH_ATTACHED:
        if (!has_if)
            return error_set(e, EINVAL, "a path needs a next hop or an interface");
        if (prefix && prefix->len == ip_family_bits(family) && !(path->flags & FIB_PATH_GLEAN)) {
            path->kind = FIB_PATH_NEXT_HOP;
            path->next_hop = prefix->addr;
        }
        return 0;
    case FIB_PATH_NEXT_HOP:
        if (has_if)
            return 0;
        if (ip_address_is_zero(&path->next_hop))
            return error_set(e, EINVAL, "a path needs a next hop or an interface");
        return table_check(f, path, family, table, e);
    case FIB_PATH_LOOKUP:
    case FIB_PATH_LOOKUP_SRC:
        return table_check(f, path, family, table, e);
    case FIB_PATH_RECEIVE:
    case FIB_PATH_INTERFACE_RX:
        return has_if ? 0 : error_set(e, EINVAL, "a receive path needs an interface");
    case FIB_PATH_ADJ:
        if (path->adj.i == ADJ_NONE.i || !pool_is_used(&f->adjs, path->adj.i))
            return error_set(e, EINVAL, "no such adjacency");
        return 0;
    case FIB_PATH_CLASSIFY:
        return fib_classifier_has(f, path->classify_table)
                   ? 0
                   : error_set(e, EINVAL, "no such classifier table %u", path->classify_table);
    default:
        return 0;
    }
}

/* *checked gets the paths as they are kept. */
static int paths_check(const struct fib *f, enum ip_family family, u32 table,
                       const struct ip_prefix *prefix, const struct fib_path *paths, u32 n,
                       struct fib_path *checked, struct error *e)
{
    if (!n)
        return error_set(e, EINVAL, "a route needs a path");
    if (n > FIB_PATHS_MAX)
        return error_set(e, EINVAL, "a route has at most %u paths", FIB_PATHS_MAX);
    for (u32 i = 0; i < n; i++) {
        checked[i] = paths[i];
        memset(checked[i].spare, 0, sizeof(checked[i].spare));
        int rc = path_check(f, &checked[i], family, table, prefix, e);
        if (rc)
            return rc;
    }
    return 0;
}

static int prefix_check(const struct fib *f, struct fib_index t, struct ip_prefix *prefix,
                        struct error *e)
{
    if (!fib_table_exists(f, t))
        return error_set(e, EINVAL, "no such table");
    if (prefix->family != fib_family(t))
        return error_set(e, EINVAL, "a table of the other protocol");
    if (prefix->len > ip_family_bits(fib_family(t)))
        return error_set(e, EINVAL, "Invalid prefix len: %u", prefix->len);
    prefix->addr = ip_address_mask(&prefix->addr, prefix->len);
    return 0;
}

static int fib_check(const struct fib *f, struct fib_index t, struct ip_prefix *prefix,
                     const struct fib_path *paths, u32 n, struct fib_path *checked, struct error *e)
{
    int rc = prefix_check(f, t, prefix, e);
    return rc ? rc : paths_check(f, fib_family(t), t.i, prefix, paths, n, checked, e);
}

/* The same for paths that are new. */
static int new_check(const struct fib *f, struct fib_index t, struct ip_prefix *prefix,
                     const struct fib_path *paths, u32 n, struct fib_path *checked, struct error *e)
{
    int rc = fib_check(f, t, prefix, paths, n, checked, e);
    if (!rc && !fib_table_is_kept(f, t))
        return error_set(e, EINVAL, "table %u was deleted", fib_table_id(f, t));
    return rc;
}

static int source_set(struct fib *f, u32 table, const struct ip_prefix *prefix, enum fib_source s,
                      const struct fib_path *paths, u32 n, struct error *e)
{
    u32 list = path_list_get(f, (enum ip_family)prefix->family, paths, n);
    u32 entry = NONE;
    if (list != NONE)
        entry = fib_entry_source_set(f, table, &prefix->addr, prefix->len, s, list);
    fib_settle(f);
    return entry == NONE ? error_set(e, ENOSPC, "no room for more routes") : 0;
}

int fib_route_update(struct fib *f, struct fib_index t, struct ip_prefix prefix, enum fib_source s,
                     const struct fib_path *paths, u32 n, struct error *e)
{
    struct fib_path checked[FIB_PATHS_MAX];
    int rc = new_check(f, t, &prefix, paths, n, checked, e);
    return rc ? rc : source_set(f, t.i, &prefix, s, checked, n, e);
}

/* Of a prefix that was checked. */
static u32 fib_entry_of(const struct fib *f, struct fib_index t, const struct ip_prefix *prefix)
{
    return fib_entry_find(f, fib_table_at(f, t.i), &prefix->addr, prefix->len);
}

/* The same way out: weight and preference aside. */
static bool same_path(const struct fib_path *a, const struct fib_path *b)
{
    return a->kind == b->kind && a->family == b->family &&
           ip_address_equal(&a->next_hop, &b->next_hop) && if_equal(a->interface, b->interface) &&
           a->table.i == b->table.i && a->adj.i == b->adj.i;
}

static u32 fib_without(struct fib_path *paths, u32 n, const struct fib_path *gone)
{
    u32 kept = 0;
    for (u32 i = 0; i < n; i++)
        if (!same_path(&paths[i], gone))
            paths[kept++] = paths[i];
    return kept;
}

/* Puts added behind all, where they are not yet; returns how many these are then, 0: too many.
 * Shapes: all[2 * FIB_PATHS_MAX]. */
static u32 fib_with(struct fib_path *all, u32 have, const struct fib_path *added, u32 n,
                    struct error *e)
{
    for (u32 i = 0; i < n; i++) {
        have = fib_without(all, have, &added[i]);
        if (have == FIB_PATHS_MAX) {
            error_set(e, EINVAL, "a route has at most %u paths", FIB_PATHS_MAX);
            return 0;
        }
        all[have++] = added[i];
    }
    return have;
}

int fib_route_path_add(struct fib *f, struct fib_index t, struct ip_prefix prefix,
                       enum fib_source s, const struct fib_path *paths, u32 n, struct error *e)
{
    struct fib_path added[FIB_PATHS_MAX], all[2 * FIB_PATHS_MAX];
    int rc = new_check(f, t, &prefix, paths, n, added, e);
    if (rc)
        return rc;
    u32 entry = fib_entry_of(f, t, &prefix), have = 0;
    const struct fib_src *src = entry == NONE ? NULL : fib_entry_source(f, entry, s);
    if (src && !src->stale)
        have = fib_route_paths(f, (struct lb_index){entry}, s, all, FIB_PATHS_MAX);
    have = fib_with(all, have, added, n, e);
    return have ? source_set(f, t.i, &prefix, s, all, have, e) : -EINVAL;
}

int fib_route_path_remove(struct fib *f, struct fib_index t, struct ip_prefix prefix,
                          enum fib_source s, const struct fib_path *paths, u32 n, struct error *e)
{
    struct fib_path gone[FIB_PATHS_MAX], all[FIB_PATHS_MAX];
    int rc = fib_check(f, t, &prefix, paths, n, gone, e);
    if (rc)
        return rc;
    u32 entry = fib_entry_of(f, t, &prefix);
    if (entry == NONE || !fib_entry_source(f, entry, s))
        return error_set(e, ENOENT, "no such route");
    u32 have = fib_route_paths(f, (struct lb_index){entry}, s, all, FIB_PATHS_MAX), kept = have;
    for (u32 i = 0; i < n; i++)
        kept = fib_without(all, kept, &gone[i]);
    if (kept == have)
        return error_set(e, ENOENT, "the route has no such path");
    if (!kept)
        return fib_route_delete(f, t, prefix, s, e);
    return source_set(f, t.i, &prefix, s, all, kept, e);
}

int fib_route_delete(struct fib *f, struct fib_index t, struct ip_prefix prefix, enum fib_source s,
                     struct error *e)
{
    int rc = prefix_check(f, t, &prefix, e);
    if (rc)
        return rc;
    u32 entry = fib_entry_of(f, t, &prefix);
    if (entry == NONE || !fib_entry_source(f, entry, s))
        return error_set(e, ENOENT, "no such route");
    fib_entry_source_del(f, entry, s);
    fib_settle(f);
    return 0;
}

/* Whether it is a route of table t, still. */
static bool entry_is_of(const struct fib_entry *e, struct fib_index t)
{
    return !(e->flags & (ENTRY_DEAD | ENTRY_ALONE)) && e->table == t.i;
}

/* What source s said of entry, when that is of table t still. */
static struct fib_src *fib_said(const struct fib *f, u32 entry, struct fib_index t,
                                enum fib_source s)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    return entry_is_of(e, t) ? fib_entry_source(f, entry, s) : NULL;
}

/* Returns whether the route went. */
static bool sweep_one(struct fib *f, u32 entry, struct fib_index t, enum fib_source s,
                      enum fib_sweep what)
{
    struct fib_src *src = fib_said(f, entry, t, s);
    if (!src)
        return false;
    if (what == FIB_SWEEP_REPLACE_BEGIN)
        src->stale = true;
    else if (what == FIB_SWEEP_FLUSH || src->stale)
        fib_entry_source_del(f, entry, s);
    else
        return false;
    return what != FIB_SWEEP_REPLACE_BEGIN;
}

bool fib_table_sweep_next(struct fib *f, struct fib_index t, enum fib_source s, enum fib_sweep what,
                          struct fib_sweep_place *at)
{
    const struct fib_table_user *other = &f->table_user;
    if (at->is_behind_routes)
        return other->sweep && other->sweep(other->arg, t, s, what, &at->next);
    for (u32 n = 0; n < FIB_SWEEP_PIECE && !at->is_behind_routes; n++) {
        u32 entry = pool_next(&f->entries, at->next);
        at->is_behind_routes = entry == POOL_NONE;
        at->next = at->is_behind_routes ? 0 : entry + 1;
        if (!at->is_behind_routes)
            sweep_one(f, entry, t, s, what);
    }
    fib_settle(f);
    return !at->is_behind_routes || other->sweep;
}

/* What goes may change others: they are all known beforehand, and looked at again. */
u32 fib_table_flush(struct fib *f, struct fib_index t, enum fib_source s)
{
    u32 n, gone = 0;
    u32 *all = fib_table_sorted(f, fib_table_at(f, t.i), &n);
    for (u32 i = 0; i < n; i++)
        gone += sweep_one(f, all[i], t, s, FIB_SWEEP_FLUSH);
    fib_settle(f);
    free(all);
    return gone;
}

/* --- looking --- */

void fib_route_fill(const struct fib *f, u32 entry, struct fib_route *out)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    *out = (struct fib_route){
        .table = {e->table},
        .prefix = fib_entry_prefix(f, entry),
        .lb = {entry},
        .source = fib_entry_best(f, e),
    };
}

static u32 fib_find_lb(struct fib_index t, const struct ip_address *addr)
{
    return fib_protocol(fib_family(t))->lookup(&fib_table_base[t.i], addr);
}

bool fib_lookup(const struct fib *f, struct fib_index t, const struct ip_address *addr,
                struct fib_route *out)
{
    u32 entry = fib_find_lb(t, addr);
    if (!entry)
        return false;
    fib_route_fill(f, entry, out);
    return true;
}

bool fib_lookup_exact(const struct fib *f, struct fib_index t, struct ip_prefix prefix,
                      struct fib_route *out)
{
    u32 entry = prefix_check(f, t, &prefix, NULL) ? NONE : fib_entry_of(f, t, &prefix);
    if (entry == NONE)
        return false;
    fib_route_fill(f, entry, out);
    return true;
}

static u32 route_list_paths(const struct fib *f, u32 list, struct fib_path *out, u32 max)
{
    u32 n = 0;
    for (u32 k = path_list_at(f, list)->first; k != NONE; k = path_at(f, k)->next, n++)
        if (n < max)
            out[n] = path_at(f, k)->cfg;
    return n;
}

u32 fib_route_paths(const struct fib *f, struct lb_index route, enum fib_source s,
                    struct fib_path *out, u32 max)
{
    const struct fib_src *src = fib_entry_source(f, route.i, s);
    return src ? route_list_paths(f, src->list, out, max) : 0;
}

bool fib_route_has_source(const struct fib *f, struct lb_index route, enum fib_source s)
{
    return fib_entry_source(f, route.i, s) != NULL;
}

bool fib_table_scan(const struct fib *f, struct fib_index t, u32 *from, u32 most,
                    struct fib_route *out)
{
    for (u32 i = pool_next(&f->entries, *from); most--; i = pool_next(&f->entries, i + 1)) {
        *from = i;
        if (i == POOL_NONE)
            return false;
        const struct fib_entry *e = fib_entry_at(f, i);
        if (!entry_is_of(e, t))
            continue;
        fib_route_fill(f, i, out);
        *from = i + 1;
        return true;
    }
    ++*from;
    return false;
}

bool fib_route_is_installed(const struct fib *f, struct lb_index route)
{
    return fib_entry_at(f, route.i)->flags & ENTRY_INSTALLED;
}

struct adj_index fib_resolve(const struct fib *f, struct fib_index t, const struct ip_address *dst,
                             u32 hash)
{
    u32 lb = fib_find_lb(t, dst);
    for (u32 depth = 0; depth < FIB_LOOKUPS_MAX; depth++) {
        u32 a = lb_pick(lb_load(lb), hash);
        const struct adj *adj = adj_at(a);
        if (adj->head.kind == ADJ_KIND_LB || adj->head.kind == ADJ_KIND_PATH_MTU)
            lb = (u32)adj->data;
        else if (adj->head.kind == ADJ_KIND_LOOKUP)
            lb = fib_find_lb((struct fib_index){(u32)adj->data}, dst);
        else
            return (struct adj_index){a};
    }
    return ADJ_DROP;
}

/* --- paths alone --- */

int fib_paths_new(struct fib *f, enum ip_family family, const struct fib_path *paths, u32 n,
                  struct lb_index *out, struct error *e)
{
    struct fib_path checked[FIB_PATHS_MAX];
    u32 table = family == IP_FAMILY_4 ? 0 : FIB_TABLES_MAX;
    int rc = paths_check(f, family, table, NULL, paths, n, checked, e);
    if (rc)
        return rc;
    u32 list = path_list_get(f, family, checked, n);
    u32 entry = list == NONE ? NONE : fib_entry_alone_new(f, family, list);
    fib_settle(f);
    out->i = entry;
    return entry == NONE ? error_set(e, ENOSPC, "no room for more routes") : 0;
}

/* checked: for packets of that load balance. */
static int paths_of_lb_check(const struct fib *f, struct lb_index lb, const struct fib_path *paths,
                             u32 n, struct fib_path *checked, struct error *e)
{
    return paths_check(f, fib_entry_family(f, lb.i), fib_entry_at(f, lb.i)->table, NULL, paths, n,
                       checked, e);
}

static int paths_set(struct fib *f, struct lb_index lb, const struct fib_path *checked, u32 n,
                     struct error *e)
{
    u32 list = path_list_get(f, fib_entry_family(f, lb.i), checked, n);
    if (list == NONE)
        return error_set(e, ENOSPC, "no room for more paths");
    fib_entry_alone_set(f, lb.i, list);
    fib_settle(f);
    return 0;
}

int fib_paths_update(struct fib *f, struct lb_index lb, const struct fib_path *paths, u32 n,
                     struct error *e)
{
    struct fib_path checked[FIB_PATHS_MAX];
    int rc = paths_of_lb_check(f, lb, paths, n, checked, e);
    return rc ? rc : paths_set(f, lb, checked, n, e);
}

void fib_paths_free(struct fib *f, struct lb_index lb)
{
    fib_entry_alone_free(f, lb.i);
    fib_settle(f);
}

u32 fib_paths_get(const struct fib *f, struct lb_index lb, struct fib_path *out, u32 max)
{
    return route_list_paths(f, fib_entry_at(f, lb.i)->list, out, max);
}

int fib_paths_add(struct fib *f, struct lb_index lb, const struct fib_path *paths, u32 n,
                  struct error *e)
{
    struct fib_path added[FIB_PATHS_MAX], all[2 * FIB_PATHS_MAX];
    int rc = paths_of_lb_check(f, lb, paths, n, added, e);
    if (rc)
        return rc;
    u32 have = fib_with(all, fib_paths_get(f, lb, all, FIB_PATHS_MAX), added, n, e);
    return have ? paths_set(f, lb, all, have, e) : -EINVAL;
}

int fib_paths_remove(struct fib *f, struct lb_index lb, const struct fib_path *paths, u32 n,
                     struct error *e)
{
    struct fib_path gone[FIB_PATHS_MAX], all[FIB_PATHS_MAX];
    int rc = paths_of_lb_check(f, lb, paths, n, gone, e);
    if (rc)
        return rc;
    u32 have = fib_paths_get(f, lb, all, FIB_PATHS_MAX), kept = have;
    for (u32 i = 0; i < n; i++)
        kept = fib_without(all, kept, &gone[i]);
    if (kept == have)
        return error_set(e, ENOENT, "there is no such path");
    return kept ? paths_set(f, lb, all, kept, e) : -ENODATA;
}

int fib_paths_forget(struct fib *f, struct lb_index lb, struct if_index gone, struct error *e)
{
    struct fib_path all[FIB_PATHS_MAX];
    u32 have = fib_paths_get(f, lb, all, FIB_PATHS_MAX), kept = 0;
    for (u32 i = 0; i < have; i++)
        if (!(all[i].flags & FIB_PATH_DEAD) && !if_equal(all[i].interface, gone))
            all[kept++] = all[i];
    if (kept == have)
        return 0;
    if (!kept) {
        all[kept] = fib_path_special(FIB_PATH_DROP);
        all[kept++].family = (u8)fib_entry_family(f, lb.i);
    }
    return fib_paths_update(f, lb, all, kept, e);
}
