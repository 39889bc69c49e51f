/* Entries: what the sources say about a prefix, and which of it goes to the data plane. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/byteorder.h"
#include "net/ip/fib/fib_internal.h"

static struct log_class fib_log = {.name = "fib", .sub = "entry"};

struct ip_prefix fib_entry_prefix(const struct fib *f, u32 entry)
{
    return (struct ip_prefix){.addr = fib_entry_address(f, entry),
                              .family = (u8)fib_entry_family(f, entry),
                              .len = fib_entry_at(f, entry)->len};
}

/* --- sources --- */

struct fib_src *fib_entry_source(const struct fib *f, u32 entry, enum fib_source s)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    if (e->first.source == s)
        return &e->first;
    for (u32 m = e->more; m != NONE;) {
        struct fib_more *more = pool_at(&f->more, m);
        if (more->src.source == s)
            return &more->src;
        m = more->next;
    }
    return NULL;
}

/* Puts src among the entry's, by priority. */
static bool source_insert(struct fib *f, struct fib_entry *e, struct fib_src src)
{
    if (e->first.source == FIB_SOURCE_N) {
        e->first = src;
        return true;
    }
    u32 m = pool_get(&f->more);
    if (m == POOL_NONE)
        return false;
    if (fib_source_is_before(src.source, e->first.source)) {
        struct fib_src was = e->first;
        e->first = src;
        src = was;
    }
    u32 *link = &e->more;
    while (
        *link != NONE &&
        fib_source_is_before(((struct fib_more *)pool_at(&f->more, *link))->src.source, src.source))
        link = &((struct fib_more *)pool_at(&f->more, *link))->next;
    *(struct fib_more *)pool_at(&f->more, m) = (struct fib_more){src, *link};
    *link = m;
    return true;
}

static void source_remove(struct fib *f, struct fib_entry *e, enum fib_source s)
{
    u32 *link = &e->more, m;
    if (e->first.source == s) {
        m = e->more;
        if (m == NONE) {
            e->first = (struct fib_src){.list = NONE, .source = FIB_SOURCE_N};
            return;
        }
        e->first = ((struct fib_more *)pool_at(&f->more, m))->src;
    } else {
        while (((struct fib_more *)pool_at(&f->more, *link))->src.source != s)
            link = &((struct fib_more *)pool_at(&f->more, *link))->next;
        m = *link;
    }
    *link = ((struct fib_more *)pool_at(&f->more, m))->next;
    pool_put(&f->more, m);
}

/* --- which source forwards --- */

/* The path list of a next hop that others go through: its own neighbour when its cover is a link,
 * else as its cover forwards. Returns an owned reference. */
static u32 rr_list(struct fib *f, u32 entry, bool *looped)
{
    enum ip_family family = fib_entry_family(f, entry);
    u32 cover = fib_linked_cover(f, entry), list = f->drop_list[family];
    if (cover != NONE) {
        list = fib_entry_at(f, cover)->list;
        struct if_index link = path_list_attached(f, list);
        if (!if_is_none(link)) {
            struct fib_path path = fib_path_via(family, fib_entry_address(f, entry), link);
            u32 own = path_list_get(f, family, &path, 1);
            if (own != NONE)
                return own;
            list = f->drop_list[family];
        } else if (via_loops(f, entry, list)) {
            *looped = true;
            list = f->drop_list[family];
        }
    }
    path_list_ref(f, list);
    return list;
}

static void source_set_list(struct fib *f, struct fib_src *src, u32 list)
{
    u32 was = src->list;
    src->list = list;
    path_list_unref(f, was);
}

/* A neighbour's entry refines the subnet of its link, and nothing else. */
static bool adj_is_active(struct fib *f, u32 entry, const struct fib_src *src)
{
    u32 cover = fib_linked_cover(f, entry);
    if (cover == NONE)
        return false;
    struct if_index link = path_list_attached(f, fib_entry_at(f, cover)->list);
    const struct path *own = path_at(f, path_list_at(f, src->list)->first);
    return !if_is_none(link) && if_equal(link, own->cfg.interface);
}

static bool source_is_active(struct fib *f, u32 entry, struct fib_src *src, bool *looped)
{
    if (src->source == FIB_SOURCE_RR)
        source_set_list(f, src, rr_list(f, entry, looped));
    return src->source != FIB_SOURCE_ADJ || adj_is_active(f, entry, src);
}

/* The path list to forward by; NONE: no source is active. */
static u32 entry_choose(struct fib *f, u32 entry, bool *looped)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    u32 list = NONE, drop = f->drop_list[fib_entry_family(f, entry)];
    if (e->first.source == FIB_SOURCE_N)
        return NONE;
    struct fib_src *src = &e->first;
    for (u32 m = e->more;;) {
        if (list != NONE) {
            /* not needed now: holds on to nothing */
            if (src->source == FIB_SOURCE_RR && src->list != drop) {
                path_list_ref(f, drop);
                source_set_list(f, src, drop);
            }
        } else if (source_is_active(f, entry, src, looped)) {
            list = src->list;
        }
        if (m == NONE)
            break;
        struct fib_more *more = pool_at(&f->more, m);
        src = &more->src;
        m = more->next;
    }
    if (list != NONE && e->via != NONE && list != drop && via_loops(f, entry, list)) {
        *looped = true;
        list = drop;
    }
    return list;
}

enum fib_source fib_entry_best(const struct fib *f, const struct fib_entry *e)
{
    if (e->list == NONE || e->first.source == FIB_SOURCE_N)
        return FIB_SOURCE_N;
    if (e->first.list == e->list)
        return e->first.source;
    for (u32 m = e->more; m != NONE;) {
        const struct fib_more *more = pool_at(&f->more, m);
        if (more->src.list == e->list)
            return more->src.source;
        m = more->next;
    }
    return e->first.source; /* looped: it drops in its name */
}

/* --- to the data plane --- */

static void unlink_list(struct fib *f, u32 entry)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    struct path_list *l = path_list_at(f, e->list);
    fib_stamp_skip(f, e->list, entry);
    if (e->prev != NONE)
        fib_entry_at(f, e->prev)->next = e->next;
    else
        l->entries = e->next;
    if (e->next != NONE)
        fib_entry_at(f, e->next)->prev = e->prev;
    else
        l->last = e->prev;
    l->n_entries--;
    u32 was = e->list;
    e->list = NONE;
    path_list_unref(f, was);
}

/* Vias in front: who looks for those need not pass a million others. */
static void link_list(struct fib *f, u32 entry, u32 list)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    struct path_list *l = path_list_at(f, list);
    bool in_front = e->via != NONE;
    l->refs++;
    if (++l->n_entries >= LIST_MANY_ENTRIES && !(l->flags & LIST_MANY)) {
        l->flags |= LIST_MANY;
        fib_queue(f, WORK_LIST, list);
    }
    e->list = list;
    e->prev = in_front ? NONE : l->last;
    e->next = in_front ? l->entries : NONE;
    *(e->prev != NONE ? &fib_entry_at(f, e->prev)->next : &l->entries) = entry;
    *(e->next != NONE ? &fib_entry_at(f, e->next)->prev : &l->last) = entry;
}

static void tell_route(struct fib *f, u32 entry)
{
    if (f->ops.is_remembered && entry != NONE && f->ops.is_remembered(f->ops.ctx))
        f->ops.route_changed(f->ops.ctx, entry);
}

void fib_entry_set_word(struct fib *f, u32 entry)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    lb_set(entry, e->flags & ENTRY_PATH_MTU ? fib_path_mtu_word(f, entry)
                                            : path_list_at(f, e->list)->word);
    tell_route(f, entry);
}

void fib_entry_set_via(struct fib *f, u32 entry, u32 via)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    u32 list = e->list;
    e->via = via;
    if (list == NONE)
        return;
    path_list_ref(f, list);
    unlink_list(f, entry);
    link_list(f, entry, list);
    path_list_unref(f, list);
    if (path_list_at(f, list)->flags & LIST_STAMPING) { /* which may not have come to it yet */
        fib_entry_set_word(f, entry);
        fib_linked_notify(f, entry);
    }
}

/* What is now entry's went by the route that covers it. */
static void tell_cover(struct fib *f, u32 entry)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    if (!e->len || !f->ops.is_remembered || !f->ops.is_remembered(f->ops.ctx))
        return;
    struct ip_address a = fib_entry_address(f, entry);
    tell_route(f, fib_entry_cover(f, fib_table_at(f, e->table), &a, e->len));
}

static bool entry_install(struct fib *f, u32 entry)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    struct fib_table *t = fib_table_at(f, e->table);
    if (e->flags & (ENTRY_INSTALLED | ENTRY_ALONE))
        return true;
    if (!e->len) {
        __atomic_store_n(&fib_table_base[e->table].default_leaf, trie_leaf(entry),
                         __ATOMIC_RELEASE);
    } else if (!fib_protocol(t->family)->insert(f, t, entry)) {
        log_error(&fib_log, "no room for more routes in the trie");
        return false;
    }
    t->n_by_len[e->len]++;
    e->flags |= ENTRY_INSTALLED;
    tell_cover(f, entry);
    return true;
}

static void entry_uninstall(struct fib *f, u32 entry)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    struct fib_table *t = fib_table_at(f, e->table);
    if (!(e->flags & ENTRY_INSTALLED))
        return;
    e->flags &= (u8)~ENTRY_INSTALLED;
    t->n_by_len[e->len]--;
    if (!e->len) {
        /* route 0 of all tables drops */
        __atomic_store_n(&fib_table_base[e->table].default_leaf, trie_leaf(0), __ATOMIC_RELEASE);
        return;
    }
    struct ip_address a = fib_entry_address(f, entry);
    fib_protocol(t->family)->remove(f, t, entry, fib_entry_cover(f, t, &a, e->len));
}

static void set_looped(struct fib *f, u32 entry, bool looped)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    if (looped == !!(e->flags & ENTRY_LOOPED))
        return;
    e->flags ^= ENTRY_LOOPED;
    if (looped) {
        vec_add(&f->looped, entry);
        return;
    }
    for (u32 i = 0; i < f->looped.n; i++)
        if (f->looped.v[i] == entry) {
            vec_del(&f->looped, i);
            break;
        }
    if (!f->looped.n)
        vec_free(&f->looped);
}

/* What entry forwards by is another thing than before. */
static void entry_tell_changed(struct fib *f, u32 entry)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    f->changed = true;
    if (e->flags & ENTRY_ALONE)
        return;
    fib_linked_notify(f, entry);
    if (e->via != NONE) {
        via_evaluate(f, e->via);
        fib_queue(f, WORK_VIA, e->via);
    }
}

void fib_entry_restamp(struct fib *f, u32 entry)
{
    fib_entry_set_word(f, entry);
    entry_tell_changed(f, entry);
}

/* Makes entry, which has a prefix, forward by `list`, or not at all. false: no room. */
static bool entry_forward_by(struct fib *f, u32 entry, u32 list)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    bool installed = true;
    if (list == NONE) {
        /* its word stays for packets that have read the leaf */
        entry_uninstall(f, entry);
        tell_route(f, entry);
        unlink_list(f, entry);
    } else {
        path_list_ref(f, list);
        if (e->list != NONE)
            unlink_list(f, entry);
        link_list(f, entry, list);
        path_list_unref(f, list);
        if (e->flags & ENTRY_PATH_MTU)
            fib_path_mtu_follow(f, entry);
        fib_entry_set_word(f, entry);
        installed = entry_install(f, entry);
    }
    entry_tell_changed(f, entry);
    fib_import_evaluate(f, entry);
    return installed;
}

bool fib_entry_evaluate(struct fib *f, u32 entry)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    bool looped = false, done = true;
    u32 list = entry_choose(f, entry, &looped);
    set_looped(f, entry, looped);
    if (list != e->list)
        done = entry_forward_by(f, entry, list);
    else if (e->via != NONE)
        via_evaluate(f, e->via); /* the source may have changed under the same list */
    if (fib_table_at(f, e->table)->exports.n)
        fib_export_evaluate(f, entry);
    return done;
}

/* --- making and freeing --- */

/* One without a prefix yet. */
static u32 entry_begin(struct fib *f, u32 table, u8 len)
{
    u32 entry = pool_get(&f->entries);
    if (entry == POOL_NONE)
        return NONE;
    *fib_entry_at(f, entry) = (struct fib_entry){
        .table = table,
        .len = len,
        .first = {.list = NONE, .source = FIB_SOURCE_N},
        .more = NONE,
        .list = NONE,
        .next = NONE,
        .prev = NONE,
        .via = NONE,
    };
    lb_set(entry, (struct lb){ADJ_DROP.i, 0});
    if (f->ops.route_new)
        f->ops.route_new(f->ops.ctx, entry);
    return entry;
}

static u32 entry_new(struct fib *f, u32 table, const struct ip_address *a, u8 len)
{
    struct fib_table *t = fib_table_at(f, table);
    u32 entry = entry_begin(f, table, len);
    if (entry == NONE)
        return NONE;
    fib_protocol(t->family)->set_address(f, entry, a);
    fib_prefixes_add(f, t, entry);
    return entry;
}

static void entry_free(struct fib *f, u32 entry)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    fib_prefixes_del(f, fib_table_at(f, e->table), entry);
    e->flags = ENTRY_DEAD;
    fib_limbo(f, LIMBO_ENTRY, entry, 0);
}

void fib_entry_free_now(struct fib *f, u32 entry)
{
    pool_put(&f->entries, entry);
}

static bool source_links(enum fib_source s)
{
    return s == FIB_SOURCE_ADJ || s == FIB_SOURCE_RR || s == FIB_SOURCE_INTERFACE;
}

static bool is_linked_by_any(const struct fib *f, u32 entry)
{
    return fib_entry_source(f, entry, FIB_SOURCE_ADJ) ||
           fib_entry_source(f, entry, FIB_SOURCE_RR) ||
           fib_entry_source(f, entry, FIB_SOURCE_INTERFACE);
}

u32 fib_entry_source_set(struct fib *f, u32 table, const struct ip_address *a, u8 len,
                         enum fib_source s, u32 list)
{
    struct fib_table *t = fib_table_at(f, table);
    u32 entry = fib_entry_find(f, t, a, len);
    if (entry == NONE)
        entry = entry_new(f, table, a, len);
    if (entry == NONE) {
        path_list_unref(f, list);
        return NONE;
    }
    struct fib_src *src = fib_entry_source(f, entry, s);
    if (src) {
        source_set_list(f, src, list);
        src->stale = false;
    } else if (source_insert(f, fib_entry_at(f, entry),
                             (struct fib_src){.list = list, .source = (u8)s})) {
        t->n_by_source[s]++;
        if (source_links(s))
            fib_link(f, entry);
    } else {
        path_list_unref(f, list);
        return NONE; /* the entry had a source, and keeps it */
    }
    if (fib_entry_evaluate(f, entry))
        return entry;
    fib_entry_source_del(f, entry, s);
    return NONE;
}

void fib_entry_source_del(struct fib *f, u32 entry, enum fib_source s)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    struct fib_table *t = fib_table_at(f, e->table);
    struct fib_src *src = fib_entry_source(f, entry, s);
    if (!src)
        return;
    u32 list = src->list;
    source_remove(f, e, s);
    t->n_by_source[s]--;
    if ((e->flags & ENTRY_LINKED) && !is_linked_by_any(f, entry))
        fib_unlink(f, entry);
    (void)fib_entry_evaluate(f, entry); /* what was installed before still fits */
    if (e->first.source == FIB_SOURCE_N)
        entry_free(f, entry);
    path_list_unref(f, list);
}

/* --- without a prefix --- */

u32 fib_entry_alone_new(struct fib *f, enum ip_family family, u32 list)
{
    u32 entry = entry_begin(f, family == IP_FAMILY_4 ? 0 : FIB_TABLES_MAX, 0);
    if (entry == NONE) {
        path_list_unref(f, list);
        return NONE;
    }
    fib_entry_at(f, entry)->flags = ENTRY_ALONE;
    fib_entry_alone_set(f, entry, list);
    return entry;
}

void fib_entry_alone_set(struct fib *f, u32 entry, u32 list)
{
    if (fib_entry_at(f, entry)->list != NONE)
        unlink_list(f, entry);
    link_list(f, entry, list);
    path_list_unref(f, list); /* it is the entry's */
    fib_entry_set_word(f, entry);
}

void fib_entry_alone_free(struct fib *f, u32 entry)
{
    unlink_list(f, entry);
    fib_entry_at(f, entry)->flags = ENTRY_DEAD;
    fib_limbo(f, LIMBO_ENTRY, entry, 0);
}
