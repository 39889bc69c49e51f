/* The FIB's instance, its queue of changes, and what waits for data threads. */
#include "net/ip/fib/fib.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/byteorder.h"
#include "base/clock.h"
#include "control/module.h"
#include "control/piste.h"
#include "net/ip/fib/fib_internal.h"

#define WORK_AT_ONCE 1024
#define WORK_A_PIECE 1024

static struct log_class fib_log = {.name = "fib"};

/* --- what data threads may still see --- */

static void limbo_free(struct fib *f, const struct limbo_item *item)
{
    switch ((enum limbo_kind)item->kind) {
    case LIMBO_ENTRY:
        fib_entry_free_now(f, item->index);
        break;
    case LIMBO_NODE:
        trie_put(&f->tries, item->index, (u32)item->more);
        break;
    case LIMBO_BUCKETS:
        lb_buckets_put(&f->lbs, item->index, (u32)item->more);
        break;
    case LIMBO_ADJ:
        adj_free_now(f, item->index);
        break;
    case LIMBO_TABLE: {
        struct fib_table *t = (struct fib_table *)(uintptr_t)item->more;
        fib_protocol(t->family)->table_free(t);
        vec_add(&f->free_tables[t->family], item->index);
        free(t);
        break;
    }
    case LIMBO_HEAP:
        free((void *)(uintptr_t)item->more);
        break;
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

static void fib_retire_node(void *ctx, u32 object, u32 size)
{
    fib_limbo(ctx, LIMBO_NODE, object, size);
}

static void fib_retire_hash(void *ctx, void *hash)
{
    fib_limbo(ctx, LIMBO_HEAP, 0, (u64)(uintptr_t)hash);
}

/* --- the queue --- */

/* Sets or clears the bit that says that something is in the queue; returns what it was. */
static bool mark_queued(struct fib *f, enum work_kind kind, u32 index, bool on)
{
    u8 *flags = NULL, bit = 0;
    switch (kind) {
    case WORK_ENTRY:
        flags = &fib_entry_at(f, index)->flags;
        bit = ENTRY_QUEUED;
        break;
    case WORK_LIST:
        flags = &path_list_at(f, index)->flags;
        bit = LIST_QUEUED;
        break;
    case WORK_VIA:
        flags = &via_at(f, index)->state;
        bit = VIA_QUEUED;
        break;
    }
    bool was = *flags & bit;
    *flags = (u8)(on ? *flags | bit : *flags & ~bit);
    return was;
}

void fib_queue(struct fib *f, enum work_kind kind, u32 index)
{
    if (!f->stopping && !mark_queued(f, kind, index, true))
        vec_add(&f->work, ((struct work){kind, index}));
}

/* An index in the queue may have been freed since, or used again: only the bit makes it count. */
static void work_one(struct fib *f, struct work w)
{
    const struct pool *const pools[] = {
        [WORK_ENTRY] = &f->entries, [WORK_LIST] = &f->lists, [WORK_VIA] = &f->vias};
    if (!pool_is_used(pools[w.kind], w.index) ||
        !mark_queued(f, (enum work_kind)w.kind, w.index, false))
        return;
    if (w.kind == WORK_ENTRY)
        (void)fib_entry_evaluate(f, w.index); /* no room: logged there */
    else if (w.kind == WORK_LIST)
        path_list_evaluate(f, w.index);
    else
        via_moved(f, w.index);
}

/* What is in the queue from `from` on waits until others had their turn: until then routes go by
 * what they went by. */
static void work_put_off(struct fib *f, u32 from)
{
    for (u32 i = from; i < f->work.n; i++)
        vec_add(&f->put_off, f->work.v[i]);
    f->work.n = from;
}

void fib_settle_more(struct fib *f)
{
    for (u32 n = 0; n < WORK_A_PIECE && f->put_off.n; n++)
        vec_add(&f->work, f->put_off.v[--f->put_off.n]);
    if (!f->put_off.n)
        vec_free(&f->put_off);
    fib_settle(f);
}

void fib_settle(struct fib *f)
{
    if (f->settling)
        return;
    f->settling = true;
    fib_stamp_begin_settle(f);
    for (u32 rounds = 0; rounds < 16; rounds++) {
        for (u32 i = 0; i < f->work.n; i++) {
            if (i == WORK_AT_ONCE && f->ops.work) {
                work_put_off(f, i);
                break;
            }
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
    fib_stamp_end_settle(f);
    if (f->moved.n)
        fib_tell_moved(f);
}

void fib_tell_changed(struct fib *f)
{
    if (f->ops.changed)
        f->ops.changed(f->ops.ctx);
}

/* --- the instance --- */

/* Route 0 drops: what is in no table leads there. */
static void fib_first_entry(struct fib *f)
{
    bool taken = pool_get_at(&f->entries, 0);
    assert(taken);
    fib_entry_at(f, 0)->flags = ENTRY_ALONE;
    lb_set(0, (struct lb){ADJ_DROP.i, 0});
    struct fib_path drop = fib_path_special(FIB_PATH_DROP);
    for (u32 k = 0; k < IP_FAMILY_N; k++) {
        drop.family = (u8)k;
        f->drop_list[k] = path_list_get(f, (enum ip_family)k, &drop, 1);
    }
}

void fib_set_classifier(struct fib *f, const struct fib_classifier *c)
{
    f->classifier = c ? *c : (struct fib_classifier){0};
}

bool fib_classifier_has(const struct fib *f, u32 table)
{
    return f->classifier.has && f->classifier.has(table);
}

struct fib *fib_new(struct piste *p, const struct fib_ops *ops)
{
    struct fib *f = mem_alloc(sizeof(*f));
    struct error e = {0};
    f->piste = p;
    f->ops = *ops;
    f->walk_quota = FIB_STAMPS_A_PIECE;
    f->leaving = IF_NONE;
    f->link_local = ADJ_NONE;
    f->begun_ns = clock_ns();
    f->stamping = INDEX_LIST_EMPTY;
    pool_init(&f->entries, "routes", sizeof(struct fib_entry), 8, FIB_ROUTES_MAX);
    pool_init(&f->more, "route sources", sizeof(struct fib_more), 8, FIB_ROUTES_MAX);
    pool_init(&f->lists, "path lists", sizeof(struct path_list), 8, FIB_ROUTES_MAX);
    pool_init(&f->paths, "paths", sizeof(struct path), 8, FIB_ROUTES_MAX * 2);
    pool_init(&f->vias, "recursive next hops", sizeof(struct via), 8, FIB_ROUTES_MAX);
    pool_init(&f->tracks, "tracked addresses", sizeof(struct track), 8, FIB_TRACKS_MAX);
    fib_table_base = mem_reserve(&f->table_map, "ip tables, data plane",
                                 FIB_TABLES_ALL * sizeof(struct fib_table_data));
    f->tables =
        mem_reserve(&f->tables_map, "ip tables", FIB_TABLES_ALL * sizeof(struct fib_table *));
    f->ifs = mem_reserve(&f->ifs_map, "fib interfaces", FIB_IF_MAX * sizeof(struct fib_if));
    hash_init(&f->list_by_hash, sizeof(u64));
    hash_init(&f->table_by_id, 2 * sizeof(u32));
    hash_init(&f->import_by_entry, sizeof(u32));
    hash_init(&f->path_mtu_by_entry, sizeof(u32));
    hash_init(&f->mtu_by_neighbor, sizeof(struct link_host));
    lb_store_init(&f->lbs, FIB_ROUTES_MAX);
    adj_init(f);
    tries_init(&f->tries, FIB_ROUTES_MAX, fib_retire_node, fib_retire_hash, f);
    for (u32 k = 0; k < IP_FAMILY_N; k++)
        if (fib_protocol((enum ip_family)k)->init)
            fib_protocol((enum ip_family)k)->init(f);
    fib_first_entry(f);

    struct fib_index t;
    const struct fib_settings *settings = p ? module_settings(p, fib_module_name) : NULL;
    const char *name = settings ? settings->ip4_table_name : NULL;
    if (fib_table_lock(f, IP_FAMILY_4, 0, name, FIB_SOURCE_DEFAULT_ROUTE, &t, &e))
        panic("%s", e.text);
    return f;
}

static void fib_free_tables(struct fib *f)
{
    for (u32 k = 0; k < IP_FAMILY_N; k++)
        for (struct fib_index t; !fib_is_none(t = fib_table_next(f, (enum ip_family)k, 0));)
            fib_table_drop(f, t.i);
    for (u32 k = 0; k < 2; k++) {
        limbo_vec *v = k ? &f->waiting : &f->limbo;
        for (u32 i = 0; i < v->n; i++)
            if (v->v[i].kind == LIMBO_TABLE || v->v[i].kind == LIMBO_HEAP)
                limbo_free(f, &v->v[i]);
        vec_free(v);
    }
}

void fib_free(struct fib *f)
{
    if (!f)
        return;
    f->stopping = true;
    fib_free_tables(f);
    for (u32 k = 0; k < IP_FAMILY_N; k++) {
        if (fib_protocol((enum ip_family)k)->fini)
            fib_protocol((enum ip_family)k)->fini(f);
        vec_free(&f->free_tables[k]);
    }
    tries_fini(&f->tries);
    adj_fini(f);
    lb_store_fini(&f->lbs);
    hash_fini(&f->list_by_hash);
    hash_fini(&f->table_by_id);
    hash_fini(&f->import_by_entry);
    hash_fini(&f->path_mtu_by_entry);
    hash_fini(&f->mtu_by_neighbor);
    mem_map_free(&f->table_map);
    mem_map_free(&f->tables_map);
    mem_map_free(&f->ifs_map);
    fib_table_base = NULL;
    struct pool *const pools[] = {&f->tracks, &f->vias, &f->paths,
                                  &f->lists,  &f->more, &f->entries};
    for (u32 i = 0; i < array_len(pools); i++)
        pool_fini(pools[i]);
    vec_free(&f->work);
    vec_free(&f->put_off);
    vec_free(&f->looped);
    vec_free(&f->moved);
    vec_free(&f->held_buckets);
    if (!f->in_grace)
        free(f); /* else when the grace period that runs has ended */
}
