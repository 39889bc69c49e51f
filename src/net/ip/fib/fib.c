/* The FIB's instance, its queue of changes, and routes as other modules see them. */
#include "net/ip/fib/fib.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/byteorder.h"
#include "control/module.h"
#include "control/piste.h"
#include "net/ip/fib/fib_internal.h"

static struct log_class fib_log = {.name = "fib"};

/* --- what data threads may still see --- */

static void limbo_free(struct fib *f, const struct limbo_item *item)
{
    switch ((enum limbo_kind)item->kind) {
    case LIMBO_ENTRY:
        fib_entry_free_now(f, item->index);
        break;
    case LIMBO_BLOCK:
        ip4_trie_block_put(&f->tries, item->index);
        break;
    case LIMBO_BUCKETS:
        lb_buckets_put(&f->lbs, item->index, (u32)item->more);
        break;
    case LIMBO_ADJ:
        adj_free_now(f, item->index);
        break;
    case LIMBO_ROOT: {
        struct fib_table *t = (struct fib_table *)(uintptr_t)item->more;
        mem_map_free(&t->root_map);
        free(t);
        vec_add(&f->free_tables, item->index);
        break;
    }
    }
}

static void grace_begin(struct fib *f);

/* No data thread sees what was in limbo when the grace period began. */
static void grace_end(void *arg)
{
    struct fib *f = arg;
    for (u32 i = 0; i < f->waiting.n; i++)
        limbo_free(f, &f->waiting.v[i]);
    f->waiting.n = 0;
    if (f->waiting.cap > 4096)
        vec_free(&f->waiting);
    f->in_grace = false;
    if (f->stopping)
        free(f);
    else if (f->limbo.n)
        grace_begin(f);
}

static void grace_begin(struct fib *f)
{
    limbo_vec swap = f->waiting;
    f->waiting = f->limbo;
    f->limbo = swap;
    f->in_grace = true;
    f->ops.defer(f->ops.ctx, grace_end, f);
}

void fib_limbo(struct fib *f, enum limbo_kind kind, u32 index, u64 more)
{
    vec_add(&f->limbo, ((struct limbo_item){kind, index, more}));
    if (!f->in_grace && !f->stopping)
        grace_begin(f);
}

static void free_block(void *ctx, u32 block)
{
    fib_limbo(ctx, LIMBO_BLOCK, block, 0);
}

/* --- the queue --- */

void fib_queue(struct fib *f, enum work_kind kind, u32 index)
{
    if (f->stopping)
        return;
    if (kind == WORK_ENTRY) {
        struct fib_entry *e = fib_entry_at(f, index);
        if (e->flags & ENTRY_QUEUED)
            return;
        e->flags |= ENTRY_QUEUED;
    } else {
        struct path_list *l = path_list_at(f, index);
        if (l->flags & LIST_QUEUED)
            return;
        l->flags |= LIST_QUEUED;
    }
    vec_add(&f->work, ((struct work){kind, index}));
}

/* An index in the queue may have been freed since, or used again: only the flag makes it count. */
static void work_one(struct fib *f, struct work w)
{
    if (w.kind == WORK_ENTRY) {
        struct fib_entry *e = fib_entry_at(f, w.index);
        if (!pool_is_used(&f->entries, w.index) || !(e->flags & ENTRY_QUEUED))
            return;
        e->flags &= (u8)~ENTRY_QUEUED;
        (void)fib_entry_evaluate(f, w.index); /* no room: logged there */
    } else {
        struct path_list *l = path_list_at(f, w.index);
        if (!pool_is_used(&f->lists, w.index) || !(l->flags & LIST_QUEUED))
            return;
        l->flags &= (u8)~LIST_QUEUED;
        path_list_evaluate(f, w.index);
    }
}

void fib_settle(struct fib *f)
{
    if (f->settling)
        return;
    f->settling = true;
    for (u32 rounds = 0; rounds < 16; rounds++) {
        for (u32 i = 0; i < f->work.n; i++) {
            work_one(f, f->work.v[i]);
            if (i > 50000000) {
                log_error(&fib_log, "routes do not settle: the change is left as it is");
                break;
            }
        }
        f->work.n = 0;
        if (!f->changed || !f->looped.n)
            break;
        f->changed = false;
        for (u32 i = 0; i < f->looped.n; i++)
            fib_queue(f, WORK_ENTRY, f->looped.v[i]);
    }
    f->changed = false;
    if (f->work.cap > 65536)
        vec_free(&f->work);
    f->settling = false;
}

/* --- the instance --- */

struct fib *fib_new(struct piste *p, const struct fib_ops *ops)
{
    struct fib *f = mem_alloc(sizeof(*f));
    struct error e = {0};
    f->piste = p;
    f->ops = *ops;
    f->leaving = IF_NONE;
    pool_init(&f->entries, "routes", sizeof(struct fib_entry), 8, FIB_ROUTES_MAX);
    pool_init(&f->more, "route sources", sizeof(struct fib_more), 8, FIB_ROUTES_MAX);
    pool_init(&f->lists, "path lists", sizeof(struct path_list), 8, FIB_ROUTES_MAX);
    pool_init(&f->paths, "paths", sizeof(struct path), 8, FIB_ROUTES_MAX * 2);
    pool_init(&f->vias, "recursive next hops", sizeof(struct via), 8, FIB_ROUTES_MAX);
    if (mem_map_new(&f->table_map, "ip4 tables", FIB_TABLES_MAX * sizeof(struct fib_table_data),
                    (struct mem_page_size){0}, false, &e))
        panic("%s", e.text);
    fib_table_base = f->table_map.base;
    hash_init(&f->list_by_hash, sizeof(u64));
    hash_init(&f->table_by_id, sizeof(u32));
    lb_store_init(&f->lbs, FIB_ROUTES_MAX);
    adj_init(f);
    ip4_tries_init(&f->tries, FIB_ROUTES_MAX, free_block, f);

    /* route 0 drops: what is in no table leads there */
    bool taken = pool_get_at(&f->entries, 0);
    assert(taken);
    lb_set(0, (struct lb){ADJ_DROP.i, 0});
    struct fib_path drop = fib_path_special(FIB_PATH_DROP);
    f->drop_list = path_list_get(f, &drop, 1);

    struct fib_index t;
    const struct fib_settings *settings = p ? module_settings(p, fib_module_name) : NULL;
    if (fib_table_lock(f, 0, settings ? settings->ip4_table_name : NULL, FIB_SOURCE_DEFAULT_ROUTE,
                       &t, &e))
        panic("%s", e.text);
    return f;
}

void fib_free(struct fib *f)
{
    if (!f)
        return;
    f->stopping = true;
    for (u32 i = 0; i < f->n_tables; i++)
        if (f->tables[i]) {
            fib_table_slots_free(f->tables[i]);
            vec_free(&f->tables[i]->followers);
            mem_map_free(&f->tables[i]->root_map);
            free(f->tables[i]);
        }
    for (u32 k = 0; k < 2; k++) {
        limbo_vec *v = k ? &f->waiting : &f->limbo;
        for (u32 i = 0; i < v->n; i++)
            if (v->v[i].kind == LIMBO_ROOT)
                limbo_free(f, &v->v[i]);
        vec_free(v);
    }
    ip4_tries_fini(&f->tries);
    adj_fini(f);
    lb_store_fini(&f->lbs);
    hash_fini(&f->list_by_hash);
    hash_fini(&f->table_by_id);
    mem_map_free(&f->table_map);
    fib_table_base = NULL;
    pool_fini(&f->vias);
    pool_fini(&f->paths);
    pool_fini(&f->lists);
    pool_fini(&f->more);
    pool_fini(&f->entries);
    vec_free(&f->work);
    vec_free(&f->looped);
    vec_free(&f->free_tables);
    if (!f->in_grace)
        free(f); /* else when the grace period that runs has ended */
}

/* --- changing routes --- */

struct fib_path fib_path_special(enum fib_path_kind kind)
{
    return (struct fib_path){
        .kind = (u8)kind, .weight = 1, .interface = IF_NONE, .table = FIB_NONE, .adj = ADJ_NONE};
}

struct fib_path fib_path_via(be32 next_hop, struct if_index interface)
{
    struct fib_path path = fib_path_special(FIB_PATH_NEXT_HOP);
    path.next_hop = next_hop;
    path.interface = interface;
    return path;
}

static int path_check(const struct fib *f, struct fib_path *path, u32 table, u32 addr, u8 len,
                      struct error *e)
{
    struct fib_interface i;
    if (!path->weight)
        path->weight = 1;
    bool has_if = !if_is_none(path->interface);
    if (has_if && !f->ops.interface(f->ops.ctx, path->interface, &i))
        return error_set(e, EINVAL, "no such interface");
    switch ((enum fib_path_kind)path->kind) {
    case FIB_PATH_ATTACHED:
        if (!has_if)
            return error_set(e, EINVAL, "a path needs a next hop or an interface");
        if (len == 32 && !(path->flags & FIB_PATH_GLEAN)) {
            path->kind = FIB_PATH_NEXT_HOP;
            path->next_hop = be32_from_host(addr);
        }
        break;
    case FIB_PATH_NEXT_HOP:
        if (!has_if && be32_is_zero(path->next_hop))
            return error_set(e, EINVAL, "a path needs a next hop or an interface");
        if (!has_if && fib_is_none(path->table))
            path->table.i = table;
        break;
    case FIB_PATH_LOOKUP:
        if (fib_is_none(path->table))
            path->table.i = table;
        break;
    case FIB_PATH_RECEIVE:
        if (!has_if)
            return error_set(e, EINVAL, "a receive path needs an interface");
        break;
    case FIB_PATH_ADJ:
        if (path->adj.i == ADJ_NONE.i || !pool_is_used(&f->adjs, path->adj.i))
            return error_set(e, EINVAL, "no such adjacency");
        break;
    default:
        break;
    }
    if (!fib_is_none(path->table) && (path->table.i >= f->n_tables || !f->tables[path->table.i]))
        return error_set(e, EINVAL, "no such table");
    return 0;
}

/* Checks prefix and paths; *checked gets the paths as they are kept. */
static int fib_check(const struct fib *f, struct fib_index t, struct ip4_prefix *prefix,
                     const struct fib_path *paths, u32 n, struct fib_path *checked, struct error *e)
{
    if (t.i >= f->n_tables || !f->tables[t.i])
        return error_set(e, EINVAL, "no such table");
    if (prefix->len > 32)
        return error_set(e, EINVAL, "Invalid prefix len: %u", prefix->len);
    if (!n)
        return error_set(e, EINVAL, "a route needs a path");
    if (n > FIB_PATHS_MAX)
        return error_set(e, EINVAL, "a route has at most %u paths", FIB_PATHS_MAX);
    u32 addr = be32_to_host(prefix->addr) & prefix_mask(prefix->len);
    prefix->addr = be32_from_host(addr);
    for (u32 i = 0; i < n; i++) {
        checked[i] = paths[i];
        memset(checked[i].spare, 0, sizeof(checked[i].spare));
        int rc = path_check(f, &checked[i], t.i, addr, prefix->len, e);
        if (rc)
            return rc;
    }
    return 0;
}

static int source_set(struct fib *f, u32 table, struct ip4_prefix prefix, enum fib_source s,
                      const struct fib_path *paths, u32 n, struct error *e)
{
    u32 list = path_list_get(f, paths, n);
    u32 entry = NONE;
    if (list != NONE)
        entry = fib_entry_source_set(f, table, be32_to_host(prefix.addr), prefix.len, s, list);
    fib_settle(f);
    return entry == NONE ? error_set(e, ENOSPC, "no room for more routes") : 0;
}

int fib_route_update(struct fib *f, struct fib_index t, struct ip4_prefix prefix, enum fib_source s,
                     const struct fib_path *paths, u32 n, struct error *e)
{
    struct fib_path checked[FIB_PATHS_MAX];
    int rc = fib_check(f, t, &prefix, paths, n, checked, e);
    return rc ? rc : source_set(f, t.i, prefix, s, checked, n, e);
}

static u32 fib_entry_of(const struct fib *f, struct fib_index t, struct ip4_prefix prefix)
{
    u32 addr = be32_to_host(prefix.addr) & prefix_mask(prefix.len);
    return fib_entry_find(f, fib_table_at(f, t.i), addr, prefix.len);
}

/* The same way out: weight and preference aside. */
static bool same_path(const struct fib_path *a, const struct fib_path *b)
{
    return a->kind == b->kind && be32_equal(a->next_hop, b->next_hop) &&
           if_equal(a->interface, b->interface) && a->table.i == b->table.i && a->adj.i == b->adj.i;
}

static u32 fib_without(struct fib_path *paths, u32 n, const struct fib_path *gone)
{
    u32 kept = 0;
    for (u32 i = 0; i < n; i++)
        if (!same_path(&paths[i], gone))
            paths[kept++] = paths[i];
    return kept;
}

int fib_route_path_add(struct fib *f, struct fib_index t, struct ip4_prefix prefix,
                       enum fib_source s, const struct fib_path *paths, u32 n, struct error *e)
{
    struct fib_path added[FIB_PATHS_MAX], all[2 * FIB_PATHS_MAX];
    int rc = fib_check(f, t, &prefix, paths, n, added, e);
    if (rc)
        return rc;
    u32 entry = fib_entry_of(f, t, prefix), have = 0;
    const struct fib_src *src = entry == NONE ? NULL : fib_entry_source(f, entry, s);
    if (src && !src->stale)
        have = fib_route_paths(f, (struct lb_index){entry}, s, all, FIB_PATHS_MAX);
    for (u32 i = 0; i < n; i++) {
        have = fib_without(all, have, &added[i]);
        if (have == FIB_PATHS_MAX)
            return error_set(e, EINVAL, "a route has at most %u paths", FIB_PATHS_MAX);
        all[have++] = added[i];
    }
    return source_set(f, t.i, prefix, s, all, have, e);
}

int fib_route_path_remove(struct fib *f, struct fib_index t, struct ip4_prefix prefix,
                          enum fib_source s, const struct fib_path *paths, u32 n, struct error *e)
{
    struct fib_path gone[FIB_PATHS_MAX], all[FIB_PATHS_MAX];
    int rc = fib_check(f, t, &prefix, paths, n, gone, e);
    if (rc)
        return rc;
    u32 entry = fib_entry_of(f, t, prefix);
    if (entry == NONE || !fib_entry_source(f, entry, s))
        return error_set(e, ENOENT, "no such route");
    u32 have = fib_route_paths(f, (struct lb_index){entry}, s, all, FIB_PATHS_MAX), kept = have;
    for (u32 i = 0; i < n; i++)
        kept = fib_without(all, kept, &gone[i]);
    if (kept == have)
        return error_set(e, ENOENT, "the route has no such path");
    if (!kept)
        return fib_route_delete(f, t, prefix, s, e);
    return source_set(f, t.i, prefix, s, all, kept, e);
}

int fib_route_delete(struct fib *f, struct fib_index t, struct ip4_prefix prefix, enum fib_source s,
                     struct error *e)
{
    if (t.i >= f->n_tables || !f->tables[t.i] || prefix.len > 32)
        return error_set(e, EINVAL, "no such table or prefix");
    u32 entry = fib_entry_of(f, t, prefix);
    if (entry == NONE || !fib_entry_source(f, entry, s))
        return error_set(e, ENOENT, "no such route");
    fib_entry_source_del(f, entry, s);
    fib_settle(f);
    return 0;
}

/* What source s said of entry, when that is of table t still. */
static struct fib_src *fib_said(const struct fib *f, u32 entry, struct fib_index t,
                                enum fib_source s)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    return (e->flags & ENTRY_DEAD) || e->table != t.i ? NULL : fib_entry_source(f, entry, s);
}

static u32 fib_flush(struct fib *f, struct fib_index t, enum fib_source s, bool all_of_them)
{
    u32 n, flushed = 0;
    u32 *all = fib_table_sorted(f, fib_table_at(f, t.i), &n);
    for (u32 i = 0; i < n; i++) {
        const struct fib_src *src = fib_said(f, all[i], t, s);
        if (!src || (!all_of_them && !src->stale))
            continue;
        fib_entry_source_del(f, all[i], s);
        flushed++;
    }
    fib_settle(f);
    free(all);
    return flushed;
}

u32 fib_table_flush(struct fib *f, struct fib_index t, enum fib_source s)
{
    return fib_flush(f, t, s, true);
}

void fib_table_replace_begin(struct fib *f, struct fib_index t, enum fib_source s)
{
    u32 n;
    u32 *all = fib_table_sorted(f, fib_table_at(f, t.i), &n);
    for (u32 i = 0; i < n; i++) {
        struct fib_src *src = fib_said(f, all[i], t, s);
        if (src)
            src->stale = true;
    }
    free(all);
}

void fib_table_replace_end(struct fib *f, struct fib_index t, enum fib_source s)
{
    fib_flush(f, t, s, false);
}

/* --- looking --- */

static void route_fill(const struct fib *f, u32 entry, struct fib_route *out)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    *out = (struct fib_route){
        .table = {e->table},
        .prefix = {be32_from_host(e->addr), e->len},
        .lb = {entry},
        .source = fib_entry_best(f, e),
    };
}

bool fib_lookup(const struct fib *f, struct fib_index t, be32 addr, struct fib_route *out)
{
    u32 entry = ip4_trie_lookup(&fib_table_base[t.i], be32_to_host(addr));
    if (!entry)
        return false;
    route_fill(f, entry, out);
    return true;
}

bool fib_lookup_exact(const struct fib *f, struct fib_index t, struct ip4_prefix prefix,
                      struct fib_route *out)
{
    u32 entry = fib_entry_of(f, t, prefix);
    if (entry == NONE)
        return false;
    route_fill(f, entry, out);
    return true;
}

u32 fib_route_paths(const struct fib *f, struct lb_index route, enum fib_source s,
                    struct fib_path *out, u32 max)
{
    const struct fib_src *src = fib_entry_source(f, route.i, s);
    u32 n = 0;
    if (!src)
        return 0;
    for (u32 k = path_list_at(f, src->list)->first; k != NONE; k = path_at(f, k)->next, n++)
        if (n < max)
            out[n] = path_at(f, k)->cfg;
    return n;
}

bool fib_route_has_source(const struct fib *f, struct lb_index route, enum fib_source s)
{
    return fib_entry_source(f, route.i, s) != NULL;
}

void fib_table_walk(const struct fib *f, struct fib_index t,
                    bool (*fn)(const struct fib_route *r, void *arg), void *arg)
{
    u32 n;
    u32 *all = fib_table_sorted(f, fib_table_at(f, t.i), &n);
    for (u32 i = 0; i < n; i++) {
        const struct fib_entry *e = fib_entry_at(f, all[i]);
        struct fib_route r;
        /* fn may have deleted it, and more */
        if ((e->flags & ENTRY_DEAD) || e->table != t.i)
            continue;
        route_fill(f, all[i], &r);
        if (!fn(&r, arg))
            break;
    }
    free(all);
}

bool fib_table_scan(const struct fib *f, struct fib_index t, u32 *from, u32 most,
                    struct fib_route *out)
{
    for (u32 i = pool_next(&f->entries, *from); most--; i = pool_next(&f->entries, i + 1)) {
        *from = i;
        if (i == POOL_NONE)
            return false;
        const struct fib_entry *e = fib_entry_at(f, i);
        if ((e->flags & ENTRY_DEAD) || e->table != t.i)
            continue;
        route_fill(f, i, out);
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

struct adj_index fib_resolve(const struct fib *f, struct fib_index t, be32 dst, u32 hash)
{
    u32 lb = ip4_trie_lookup(&fib_table_base[t.i], be32_to_host(dst));
    for (u32 depth = 0; depth < FIB_LOOKUPS_MAX; depth++) {
        u32 a = lb_pick(lb_load(lb), hash);
        const struct adj *adj = adj_at(a);
        if (adj->head.kind == ADJ_KIND_LB)
            lb = (u32)adj->data;
        else if (adj->head.kind == ADJ_KIND_LOOKUP)
            lb = ip4_trie_lookup(&fib_table_base[adj->data], be32_to_host(dst));
        else
            return (struct adj_index){a};
    }
    return ADJ_DROP;
}
