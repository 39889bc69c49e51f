/* Path lists: sets of paths, shared by all routes that were given the same ones, and the word by
 * which those routes forward. */
#include <errno.h>
#include <string.h>

#include "base/byteorder.h"
#include "net/ip/fib/fib_internal.h"

/* --- paths --- */

static u32 path_adj(struct fib *f, struct path *pa)
{
    const struct fib_path *c = &pa->cfg;
    enum ip_family link = (enum ip_family)path_list_at(f, pa->list)->family;
    struct link_host host = {c->next_hop, c->interface, c->family};
    if (c->flags & FIB_PATH_DEAD)
        return ADJ_DROP.i;
    switch ((enum fib_path_kind)c->kind) {
    case FIB_PATH_NEXT_HOP:
        if (!if_is_none(c->interface))
            return adj_get_neighbor(f, &host, link);
        pa->via = via_get(f, c->table.i, &c->next_hop);
        if (pa->via == NONE)
            return NONE;
        adj_ref(f, via_at(f, pa->via)->adj);
        return via_at(f, pa->via)->adj;
    case FIB_PATH_ATTACHED:
        return adj_get_glean(f, &host, c->prefix_len, link);
    case FIB_PATH_PUNT:
        return ADJ_PUNT.i;
    case FIB_PATH_UNREACHABLE:
        return ADJ_UNREACHABLE.i;
    case FIB_PATH_PROHIBIT:
        return ADJ_PROHIBIT.i;
    case FIB_PATH_LOCAL:
        return ADJ_RECEIVE.i;
    case FIB_PATH_RECEIVE:
        return c->adj.i == ADJ_NONE.i ? adj_get_receive(f, &host, link)
                                      : adj_get_classify(f, c->classify_table, &host, link);
    case FIB_PATH_LOOKUP:
    case FIB_PATH_LOOKUP_SRC: {
        bool src = c->kind == FIB_PATH_LOOKUP_SRC;
        u32 a = adj_get_lookup(f, src ? ADJ_KIND_LOOKUP_SRC : ADJ_KIND_LOOKUP, c->table.i);
        if (a != NONE)
            fib_tables_lock_rr(f, c->table.i);
        return a;
    }
    case FIB_PATH_INTERFACE_RX:
        return adj_get_interface_rx(f, c->interface, link);
    case FIB_PATH_ADJ:
        adj_ref(f, c->adj.i);
        return c->adj.i;
    case FIB_PATH_CLASSIFY:
        host.interface = IF_NONE;
        return adj_get_classify(f, c->classify_table, &host, link);
    case FIB_PATH_NO_ROUTE:
        return ADJ_NO_ROUTE.i;
    case FIB_PATH_DROP:
        break;
    }
    return ADJ_DROP.i;
}

static bool path_resolves(const struct fib *f, const struct path *pa)
{
    const struct fib_path *c = &pa->cfg;
    if (c->flags & FIB_PATH_DEAD)
        return false;
    if (fib_path_drops(c))
        return false;
    if (pa->via != NONE) {
        u8 state = via_at(f, pa->via)->state;
        u8 wanted = VIA_RESOLVED | (c->flags & FIB_PATH_RESOLVE_HOST ? VIA_HOST : 0) |
                    (c->flags & FIB_PATH_RESOLVE_ATTACHED ? VIA_ATTACHED : 0);
        return (state & wanted) == wanted;
    }
    if (c->kind == FIB_PATH_NEXT_HOP || c->kind == FIB_PATH_ATTACHED ||
        c->kind == FIB_PATH_INTERFACE_RX)
        return f->ops.if_state(f->ops.ctx, c->interface) == FIB_IF_UP;
    return true;
}

/* Among the paths of its interface. A dead path is not: the index may be another's. */
static void path_if_add(struct fib *f, u32 k)
{
    struct path *pa = path_at(f, k);
    if (if_is_none(pa->cfg.interface) || (pa->cfg.flags & FIB_PATH_DEAD))
        return;
    u32 *head = &fib_if_at(f, pa->cfg.interface)->paths;
    pa->if_prev = NONE;
    pa->if_next = *head - 1;
    if (pa->if_next != NONE)
        path_at(f, pa->if_next)->if_prev = k;
    *head = k + 1;
}

static void path_if_del(struct fib *f, u32 k)
{
    struct path *pa = path_at(f, k);
    if (if_is_none(pa->cfg.interface) || (pa->cfg.flags & FIB_PATH_DEAD))
        return;
    if (pa->if_prev != NONE)
        path_at(f, pa->if_prev)->if_next = pa->if_next;
    else
        fib_if_at(f, pa->cfg.interface)->paths = pa->if_next + 1;
    if (pa->if_next != NONE)
        path_at(f, pa->if_next)->if_prev = pa->if_prev;
}

static void path_free(struct fib *f, u32 k)
{
    struct path *pa = path_at(f, k);
    u32 via = pa->via, adj = pa->adj, table = pa->cfg.table.i;
    bool lookup = pa->cfg.kind == FIB_PATH_LOOKUP || pa->cfg.kind == FIB_PATH_LOOKUP_SRC;
    path_if_del(f, k);
    if (via != NONE) {
        if (pa->via_prev != NONE)
            path_at(f, pa->via_prev)->via_next = pa->via_next;
        else
            via_at(f, via)->paths = pa->via_next;
        if (pa->via_next != NONE)
            path_at(f, pa->via_next)->via_prev = pa->via_prev;
    }
    pool_put(&f->paths, k);
    if (adj != NONE) {
        adj_put(f, adj);
        if (lookup)
            fib_tables_unlock_rr(f, table);
    }
    if (via != NONE)
        via_put(f, via);
}

static u32 path_new(struct fib *f, u32 list, const struct fib_path *cfg)
{
    u32 k = pool_get(&f->paths);
    if (k == POOL_NONE)
        return NONE;
    struct path *pa = path_at(f, k);
    *pa = (struct path){.cfg = *cfg, .list = list, .next = NONE, .via = NONE};
    pa->via_next = pa->via_prev = NONE;
    path_if_add(f, k);
    pa->adj = path_adj(f, pa);
    if (pa->via != NONE) {
        struct via *via = via_at(f, pa->via);
        pa->via_next = via->paths;
        if (via->paths != NONE)
            path_at(f, via->paths)->via_prev = k;
        via->paths = k;
    }
    if (pa->adj == NONE) {
        path_free(f, k);
        return NONE;
    }
    return k;
}

/* --- the word that a list forwards by --- */

/* Marks the paths that resolve; the first of the lowest preference among them, NONE. n: how many
 * there are of that. */
static u32 usable_paths(struct fib *f, const struct path_list *l, u32 *n)
{
    u32 first = NONE;
    *n = 0;
    for (u32 k = l->first; k != NONE; k = path_at(f, k)->next) {
        struct path *pa = path_at(f, k);
        pa->flags = (u8)((pa->flags & ~PATH_RESOLVED) | (path_resolves(f, pa) ? PATH_RESOLVED : 0));
        if (!(pa->flags & PATH_RESOLVED))
            continue;
        if (first == NONE || pa->cfg.preference < path_at(f, first)->cfg.preference) {
            first = k;
            *n = 0;
        }
        *n += pa->cfg.preference == path_at(f, first)->cfg.preference;
    }
    return first;
}

/* moved: set where buckets that its entries have already lead elsewhere now. */
static struct lb word_make(struct fib *f, struct path_list *l, bool *moved)
{
    u32 n, usable = usable_paths(f, l, &n);
    l->flags &= (u8)~LIST_RESOLVED;
    if (n)
        l->flags |= LIST_RESOLVED;
    bool many = l->flags & LIST_MANY && l->n_paths > 1;
    if ((n > 1 || many) && path_buckets_fill(f, l, usable, moved))
        return (struct lb){l->bucket_first, (1u << l->bucket_log2) - 1};
    path_buckets_drop(f, l);
    const struct path *first = path_at(f, n ? usable : l->first);
    return (struct lb){n || first->cfg.kind == FIB_PATH_NO_ROUTE ? first->adj : ADJ_DROP.i, 0};
}

/* Who goes through this list's entries, or follows them: those entries stand in front. */
static void path_list_tell(struct fib *f, const struct path_list *l)
{
    f->changed = true;
    fib_tell_changed(f); /* of whichever routes, in time that does not grow with their number */
    for (u32 e = l->entries; e != NONE && fib_entry_at(f, e)->via != NONE;
         e = fib_entry_at(f, e)->next) {
        via_evaluate(f, fib_entry_at(f, e)->via);
        fib_queue(f, WORK_VIA, fib_entry_at(f, e)->via);
    }
}

void path_list_evaluate(struct fib *f, u32 list)
{
    struct path_list *l = path_list_at(f, list);
    bool was_resolved = l->flags & LIST_RESOLVED, moved = false;
    struct lb was = l->word;
    l->word = word_make(f, l, &moved);
    if (l->word.first != was.first || l->word.mask != was.mask)
        fib_stamp(f, list);
    else if (moved || was_resolved != !!(l->flags & LIST_RESOLVED))
        path_list_tell(f, l);
}

/* --- lists --- */

static bool same_paths(const struct fib *f, const struct path_list *l, enum ip_family family,
                       const struct fib_path *paths, u32 n)
{
    if (l->n_paths != n || l->family != family)
        return false;
    u32 k = l->first;
    for (u32 i = 0; i < n; i++, k = path_at(f, k)->next)
        if (memcmp(&path_at(f, k)->cfg, &paths[i], sizeof(*paths)))
            return false;
    return true;
}

static void path_list_share(struct fib *f, u32 list)
{
    struct path_list *l = path_list_at(f, list);
    u64 head;
    l->hash_next = hash_get(&f->list_by_hash, &l->hash, &head) ? (u32)head : NONE;
    hash_set(&f->list_by_hash, &l->hash, list);
    l->flags |= LIST_SHARED;
}

static void path_list_unshare(struct fib *f, u32 list)
{
    struct path_list *l = path_list_at(f, list);
    u64 head;
    if (!(l->flags & LIST_SHARED) || !hash_get(&f->list_by_hash, &l->hash, &head))
        return;
    l->flags &= (u8)~LIST_SHARED;
    if ((u32)head != list) {
        u32 k = (u32)head;
        while (path_list_at(f, k)->hash_next != list)
            k = path_list_at(f, k)->hash_next;
        path_list_at(f, k)->hash_next = l->hash_next;
    } else if (l->hash_next != NONE) {
        hash_set(&f->list_by_hash, &l->hash, l->hash_next);
    } else {
        hash_del(&f->list_by_hash, &l->hash);
    }
}

static void list_free(struct fib *f, u32 list)
{
    struct path_list *l = path_list_at(f, list);
    assert(!l->n_entries);
    fib_stamp_end(f, list);
    path_list_unshare(f, list);
    path_buckets_drop(f, l);
    u32 k = l->first;
    while (k != NONE) {
        u32 next = path_at(f, k)->next;
        path_free(f, k);
        k = next;
    }
    pool_put(&f->lists, list);
}

u32 path_list_get(struct fib *f, enum ip_family family, const struct fib_path *paths, u32 n)
{
    u64 hash = hash_bytes(paths, n * sizeof(*paths), family), head;
    if (hash_get(&f->list_by_hash, &hash, &head))
        for (u32 k = (u32)head; k != NONE; k = path_list_at(f, k)->hash_next)
            if (same_paths(f, path_list_at(f, k), family, paths, n)) {
                path_list_ref(f, k);
                return k;
            }

    u32 list = pool_get(&f->lists);
    if (list == POOL_NONE)
        return NONE;
    struct path_list *l = path_list_at(f, list);
    *l = (struct path_list){.refs = 1, .first = NONE, .bucket_first = NONE, .family = (u8)family};
    l->entries = l->last = l->hash_next = NONE;
    l->hash = hash;
    l->n_paths = (u16)n;
    /* making a path may come back here for other lists: the pool does not move */
    u32 *tail = &l->first;
    for (u32 i = 0; i < n; i++) {
        u32 k = path_new(f, list, &paths[i]);
        if (k == NONE) {
            list_free(f, list);
            return NONE;
        }
        *tail = k;
        tail = &path_at(f, k)->next;
    }
    bool moved;
    l->word = word_make(f, l, &moved);
    path_list_share(f, list);
    return list;
}

void path_list_ref(struct fib *f, u32 list)
{
    path_list_at(f, list)->refs++;
}

void path_list_unref(struct fib *f, u32 list)
{
    struct path_list *l = path_list_at(f, list);
    assert(l->refs);
    if (!--l->refs)
        list_free(f, list);
}

bool path_list_is_resolved(const struct fib *f, u32 list)
{
    return path_list_at(f, list)->flags & LIST_RESOLVED;
}

struct if_index path_list_attached(const struct fib *f, u32 list)
{
    for (u32 k = path_list_at(f, list)->first; k != NONE; k = path_at(f, k)->next)
        if (path_at(f, k)->cfg.kind == FIB_PATH_ATTACHED &&
            !(path_at(f, k)->cfg.flags & FIB_PATH_DEAD))
            return path_at(f, k)->cfg.interface;
    return IF_NONE;
}

/* --- interfaces --- */

void fib_interface_changed(struct fib *f, struct if_index i)
{
    bool up = f->ops.if_state(f->ops.ctx, i) == FIB_IF_UP;
    f->walk_reason = up ? FIB_WALK_IF_UP : FIB_WALK_IF_DOWN;
    adj_interface_changed(f, i);
    for (u32 k = fib_if_at(f, i)->paths - 1; k != NONE; k = path_at(f, k)->if_next)
        fib_queue(f, WORK_LIST, path_at(f, k)->list);
    fib_settle(f);
    f->walk_reason = FIB_WALK_EVALUATE;
}

void fib_interface_deleted(struct fib *f, struct if_index i)
{
    f->walk_reason = FIB_WALK_IF_DELETE;
    for (u32 k = fib_if_at(f, i)->paths - 1; k != NONE; k = path_at(f, k)->if_next) {
        /* the index may come back as another interface: none of its routes is given such a path */
        path_at(f, k)->cfg.flags |= FIB_PATH_DEAD;
        fib_queue(f, WORK_LIST, path_at(f, k)->list);
    }
    fib_import_interface(f, i);
    fib_if_at(f, i)->paths = 0;
    adj_interface_deleted(f, i);
    *fib_if_at(f, i) = (struct fib_if){0};
    fib_settle(f);
    f->walk_reason = FIB_WALK_EVALUATE;
}
