/* Entries: what the sources say about a prefix, and which of it goes to the data plane. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/byteorder.h"
#include "net/ip/fib/fib_internal.h"

static struct log_class fib_log = {.name = "fib", .sub = "entry"};

/* --- the table's hash of entries --- */

static u32 entry_slot_of(const struct fib_table *t, u32 addr, u8 len)
{
    u64 h = ((u64)addr << 6 | len) * 0x9e3779b97f4a7c15ull;
    return (u32)(h >> 32) & (t->n_slots - 1);
}

static bool is_prefix(const struct fib *f, u32 entry, u32 addr, u8 len)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    return e->addr == addr && e->len == len;
}

u32 fib_entry_find(const struct fib *f, const struct fib_table *t, u32 addr, u8 len)
{
    if (!t->n_slots)
        return NONE;
    for (u32 i = entry_slot_of(t, addr, len); t->slots[i] != NONE; i = (i + 1) & (t->n_slots - 1))
        if (is_prefix(f, t->slots[i], addr, len))
            return t->slots[i];
    return NONE;
}

static void slot_put(const struct fib *f, struct fib_table *t, u32 entry)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    u32 i = entry_slot_of(t, e->addr, e->len);
    while (t->slots[i] != NONE)
        i = (i + 1) & (t->n_slots - 1);
    t->slots[i] = entry;
}

static void slots_resize(const struct fib *f, struct fib_table *t, u32 n_slots)
{
    u32 *old = t->slots, n_old = t->n_slots;
    t->slots = mem_resize(NULL, n_slots * sizeof(u32));
    memset(t->slots, 0xff, n_slots * sizeof(u32));
    t->n_slots = n_slots;
    for (u32 i = 0; i < n_old; i++)
        if (old[i] != NONE)
            slot_put(f, t, old[i]);
    free(old);
}

static void slots_add(const struct fib *f, struct fib_table *t, u32 entry)
{
    if ((t->n_used + 1) * 4 > t->n_slots * 3)
        slots_resize(f, t, t->n_slots ? t->n_slots * 2 : 16);
    slot_put(f, t, entry);
    t->n_used++;
}

static void slots_del(const struct fib *f, struct fib_table *t, u32 entry)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    u32 mask = t->n_slots - 1, i = entry_slot_of(t, e->addr, e->len);
    while (t->slots[i] != entry)
        i = (i + 1) & mask;
    /* close the gap: what lies behind moves up unless it is where its own search starts */
    for (u32 k = (i + 1) & mask; t->slots[k] != NONE; k = (k + 1) & mask) {
        const struct fib_entry *other = fib_entry_at(f, t->slots[k]);
        u32 home = entry_slot_of(t, other->addr, other->len);
        if (((k - home) & mask) < ((k - i) & mask))
            continue;
        t->slots[i] = t->slots[k];
        i = k;
    }
    t->slots[i] = NONE;
    t->n_used--;
    if (t->n_slots > 1024 && t->n_used * 8 < t->n_slots)
        slots_resize(f, t, t->n_slots / 4);
}

void fib_table_slots_free(struct fib_table *t)
{
    free(t->slots);
    t->slots = NULL;
    t->n_slots = t->n_used = 0;
}

u32 fib_entry_cover(const struct fib *f, const struct fib_table *t, u32 addr, u8 len)
{
    for (int k = len - 1; k >= 0; k--) {
        if (!t->n_by_len[k])
            continue;
        u32 e = fib_entry_find(f, t, addr & prefix_mask((u8)k), (u8)k);
        if (e != NONE && (fib_entry_at(f, e)->flags & ENTRY_INSTALLED))
            return e;
    }
    return NONE;
}

/* --- walking in order --- */

/* Sorts keys by their upper 43 bits, 11 at a time from below. */
static void radix_sort(u64 *keys, u64 *spare, u32 n)
{
    for (unsigned shift = 21; shift < 64; shift += 11) {
        u32 count[2049] = {0};
        for (u32 i = 0; i < n; i++)
            count[((keys[i] >> shift) & 2047) + 1]++;
        for (u32 i = 0; i < 2048; i++)
            count[i + 1] += count[i];
        for (u32 i = 0; i < n; i++)
            spare[count[(keys[i] >> shift) & 2047]++] = keys[i];
        u64 *swap = keys;
        keys = spare;
        spare = swap;
    }
}

u32 *fib_table_sorted(const struct fib *f, const struct fib_table *t, u32 *n)
{
    static_assert(FIB_ROUTES_MAX - 1 <= 0x1fffff, "an index fits below the prefix");
    u64 *keys = mem_resize(NULL, (size_t)(t->n_used + 1) * 2 * sizeof(u64));
    u32 *out = mem_resize(NULL, (size_t)(t->n_used + 1) * sizeof(u32));
    *n = 0;
    for (u32 i = 0; i < t->n_slots; i++) {
        if (t->slots[i] == NONE)
            continue;
        const struct fib_entry *e = fib_entry_at(f, t->slots[i]);
        keys[(*n)++] = (u64)e->addr << 27 | (u64)e->len << 21 | t->slots[i];
    }
    /* 4 passes: the result is where it began */
    radix_sort(keys, keys + t->n_used, *n);
    for (u32 i = 0; i < *n; i++)
        out[i] = (u32)keys[i] & (FIB_ROUTES_MAX - 1);
    free(keys);
    return out;
}

/* --- followers --- */

/* First follower at or behind addr. */
static u32 follower_at(const struct fib_table *t, u32 addr)
{
    u32 low = 0, high = t->followers.n;
    while (low < high) {
        u32 mid = (low + high) / 2;
        if (t->followers.v[mid].addr < addr)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void entry_follow(struct fib *f, u32 entry)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    if (e->flags & ENTRY_FOLLOWS)
        return;
    struct fib_table *t = fib_table_at(f, e->table);
    u32 at = follower_at(t, e->addr);
    vec_reserve(&t->followers, t->followers.n + 1);
    memmove(&t->followers.v[at + 1], &t->followers.v[at],
            (t->followers.n - at) * sizeof(*t->followers.v));
    t->followers.v[at] = (struct follower){e->addr, entry, 255};
    t->followers.n++;
    e->flags |= ENTRY_FOLLOWS;
}

static void entry_unfollow(struct fib *f, u32 entry)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    if (!(e->flags & ENTRY_FOLLOWS))
        return;
    struct fib_table *t = fib_table_at(f, e->table);
    vec_del(&t->followers, follower_at(t, e->addr));
    if (!t->followers.n)
        vec_free(&t->followers);
    e->flags &= (u8)~ENTRY_FOLLOWS;
}

/* Followers under this prefix look at it again, unless something longer covers them. */
static void notify_followers(struct fib *f, u32 entry)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    const struct fib_table *t = fib_table_at(f, e->table);
    u32 last = e->addr | ~prefix_mask(e->len);
    if (e->len == 32)
        return;
    for (u32 i = follower_at(t, e->addr); i < t->followers.n && t->followers.v[i].addr <= last; i++)
        if (t->followers.v[i].cover_len == 255 || t->followers.v[i].cover_len <= e->len)
            fib_queue(f, WORK_ENTRY, t->followers.v[i].entry);
}

/* The prefix that entry is under, remembered. */
static u32 cover_of(const struct fib *f, u32 entry)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    struct fib_table *t = fib_table_at(f, e->table);
    u32 cover = fib_entry_cover(f, t, e->addr, e->len);
    t->followers.v[follower_at(t, e->addr)].cover_len =
        cover == NONE ? 255 : fib_entry_at(f, cover)->len;
    return cover;
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
    if (src.source < e->first.source) {
        struct fib_src was = e->first;
        e->first = src;
        src = was;
    }
    u32 *link = &e->more;
    while (*link != NONE && ((struct fib_more *)pool_at(&f->more, *link))->src.source < src.source)
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
    const struct fib_entry *e = fib_entry_at(f, entry);
    u32 cover = cover_of(f, entry), list = f->drop_list;
    if (cover != NONE) {
        list = fib_entry_at(f, cover)->list;
        struct if_index link = path_list_attached(f, list);
        if (!if_is_none(link)) {
            struct fib_path path = fib_path_via(be32_from_host(e->addr), link);
            u32 own = path_list_get(f, &path, 1);
            if (own != NONE)
                return own;
            list = f->drop_list;
        } else if (via_loops(f, entry, list)) {
            *looped = true;
            list = f->drop_list;
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
    u32 cover = cover_of(f, entry);
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
    u32 list = NONE;
    if (e->first.source == FIB_SOURCE_N)
        return NONE;
    struct fib_src *src = &e->first;
    for (u32 m = e->more;;) {
        if (list != NONE) {
            /* not needed now: holds on to nothing */
            if (src->source == FIB_SOURCE_RR && src->list != f->drop_list) {
                path_list_ref(f, f->drop_list);
                source_set_list(f, src, f->drop_list);
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
    if (list != NONE && e->via != NONE && list != f->drop_list && via_loops(f, entry, list)) {
        *looped = true;
        list = f->drop_list;
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
    if (e->prev != NONE)
        fib_entry_at(f, e->prev)->next = e->next;
    else
        l->entries = e->next;
    if (e->next != NONE)
        fib_entry_at(f, e->next)->prev = e->prev;
    l->n_entries--;
    u32 was = e->list;
    e->list = NONE;
    path_list_unref(f, was);
}

static void link_list(struct fib *f, u32 entry, u32 list)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    struct path_list *l = path_list_at(f, list);
    l->refs++;
    e->list = list;
    e->prev = NONE;
    e->next = l->entries;
    if (l->entries != NONE)
        fib_entry_at(f, l->entries)->prev = entry;
    l->entries = entry;
    l->n_entries++;
}

static bool entry_install(struct fib *f, u32 entry)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    struct fib_table *t = fib_table_at(f, e->table);
    if (e->flags & ENTRY_INSTALLED)
        return true;
    if (!e->len) {
        f->tries.lens[entry] = 0;
        __atomic_store_n(&fib_table_base[e->table].default_leaf, ip4_trie_leaf(entry),
                         __ATOMIC_RELEASE);
        t->default_entry = entry;
    } else if (ip4_trie_insert(&f->tries, t->root, e->addr, e->len, entry)) {
        log_error(&fib_log, "no room for more routes in the trie");
        return false;
    }
    e->flags |= ENTRY_INSTALLED;
    return true;
}

static void entry_uninstall(struct fib *f, u32 entry)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    struct fib_table *t = fib_table_at(f, e->table);
    if (!(e->flags & ENTRY_INSTALLED))
        return;
    e->flags &= (u8)~ENTRY_INSTALLED;
    if (!e->len) {
        /* route 0 of all tables drops */
        __atomic_store_n(&fib_table_base[e->table].default_leaf, ip4_trie_leaf(0),
                         __ATOMIC_RELEASE);
        t->default_entry = NONE;
        return;
    }
    u32 cover = fib_entry_cover(f, t, e->addr, e->len);
    bool is_default = cover == NONE || !fib_entry_at(f, cover)->len;
    ip4_trie_remove(&f->tries, t->root, e->addr, e->len, entry,
                    is_default ? 0 : ip4_trie_leaf(cover));
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

void fib_entry_restamp(struct fib *f, u32 entry)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    lb_set(entry, path_list_at(f, e->list)->word);
    f->changed = true;
    notify_followers(f, entry);
    if (e->via != NONE)
        via_evaluate(f, e->via);
}

bool fib_entry_evaluate(struct fib *f, u32 entry)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    bool looped = false;
    u32 list = entry_choose(f, entry, &looped);
    set_looped(f, entry, looped);
    if (list == e->list) {
        /* the source may have changed under the same list */
        if (e->via != NONE)
            via_evaluate(f, e->via);
        return true;
    }
    f->changed = true;
    if (list == NONE) {
        /* its word stays for packets that have read the leaf */
        entry_uninstall(f, entry);
        unlink_list(f, entry);
        notify_followers(f, entry);
        if (e->via != NONE)
            via_evaluate(f, e->via);
        return true;
    }
    path_list_ref(f, list);
    if (e->list != NONE)
        unlink_list(f, entry);
    link_list(f, entry, list);
    path_list_unref(f, list);
    lb_set(entry, path_list_at(f, list)->word);
    bool installed = entry_install(f, entry);
    notify_followers(f, entry);
    if (e->via != NONE)
        via_evaluate(f, e->via);
    return installed;
}

/* --- making and freeing --- */

static u32 entry_new(struct fib *f, u32 table, u32 addr, u8 len)
{
    u32 entry = pool_get(&f->entries);
    if (entry == POOL_NONE)
        return NONE;
    *fib_entry_at(f, entry) = (struct fib_entry){
        .addr = addr,
        .table = (u16)table,
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
    struct fib_table *t = fib_table_at(f, table);
    slots_add(f, t, entry);
    t->n_by_len[len]++;
    return entry;
}

static void entry_free(struct fib *f, u32 entry)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    struct fib_table *t = fib_table_at(f, e->table);
    slots_del(f, t, entry);
    t->n_by_len[e->len]--;
    e->flags = ENTRY_DEAD;
    fib_limbo(f, LIMBO_ENTRY, entry, 0);
}

void fib_entry_free_now(struct fib *f, u32 entry)
{
    pool_put(&f->entries, entry);
}

u32 fib_entry_source_set(struct fib *f, u32 table, u32 addr, u8 len, enum fib_source s, u32 list)
{
    struct fib_table *t = fib_table_at(f, table);
    u32 entry = fib_entry_find(f, t, addr, len);
    if (entry == NONE)
        entry = entry_new(f, table, addr, len);
    if (entry == NONE) {
        path_list_unref(f, list);
        return NONE;
    }
    struct fib_entry *e = fib_entry_at(f, entry);
    struct fib_src *src = fib_entry_source(f, entry, s);
    if (src) {
        src->stale = false;
        source_set_list(f, src, list);
    } else if (source_insert(f, e, (struct fib_src){.list = list, .source = (u8)s})) {
        t->n_by_source[s]++;
        if (s == FIB_SOURCE_ADJ || s == FIB_SOURCE_RR)
            entry_follow(f, entry);
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
    if (!fib_entry_source(f, entry, FIB_SOURCE_ADJ) && !fib_entry_source(f, entry, FIB_SOURCE_RR))
        entry_unfollow(f, entry);
    (void)fib_entry_evaluate(f, entry); /* what was installed before still fits */
    bool last = e->first.source == FIB_SOURCE_N;
    if (last)
        entry_free(f, entry);
    path_list_unref(f, list);
}
