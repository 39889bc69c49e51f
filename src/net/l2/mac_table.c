/* See mac_table.h. */
#include "net/l2/mac_table.h"

#include <errno.h>

#define FAST_GROWTH_BUCKETS (1u << 16) /* below: four times as large each time */
#define OWNERS (1u << 16)              /* interfaces, or domains */

static struct mac_bucket *mac_table_probe(const struct mac_generation *g,
                                          const struct mac_bucket *home, u32 k)
{
    return &g->buckets[((u32)(home - g->buckets) + k) & g->mask];
}

/* A slot and where it lies in probing order. */
struct place {
    struct mac_bucket *bucket;
    int slot;
    u32 order; /* probe * MAC_SLOTS + slot */
};

/* First live entry of key in g from place `from` on. */
static u32 find_from(const struct mac_generation *g, u64 key, u32 from, struct place *at)
{
    struct mac_bucket *home = mac_home(g, key);
    u32 last = __atomic_load_n(&home->overflow, __ATOMIC_ACQUIRE) ? MAC_PROBES : 1;
    for (u32 k = from / MAC_SLOTS; k < last; k++) {
        struct mac_bucket *b = mac_table_probe(g, home, k);
        for (int i = k == from / MAC_SLOTS ? (int)(from % MAC_SLOTS) : 0; i < MAC_SLOTS; i++) {
            if (__atomic_load_n(&b->key[i], __ATOMIC_RELAXED) != key)
                continue;
            u32 v = mac_slot_value(b, i);
            if (!v)
                continue;
            *at = (struct place){b, i, k * MAC_SLOTS + (u32)i};
            return v;
        }
    }
    return 0;
}

/* Live entry of key in g, or in the generation that g is being filled from. That one is asked for
 * first: when it is gone, all that it had is in g. */
static u32 find_both(const struct mac_generation *g, u64 key, struct place *at, bool *in_cur)
{
    const struct mac_generation *old = __atomic_load_n(&g->old, __ATOMIC_ACQUIRE);
    u32 v = find_from(g, key, 0, at);
    *in_cur = v != 0;
    return v || !old ? v : find_from(old, key, 0, at);
}

u32 mac_table_find_far(const struct mac_generation *g, u64 key)
{
    struct place at;
    bool in_cur;
    return find_both(g, key, &at, &in_cur);
}

static void count_learned(struct mac_table *t, u64 key, int n)
{
    __atomic_fetch_add(&t->n_learned, (u64)(i64)n, __ATOMIC_RELAXED);
    __atomic_fetch_add(&t->n_learned_of[mac_key_bd(key)], (u32)n, __ATOMIC_RELAXED);
}

static void mac_table_count(struct mac_table *t, u64 key, u32 value, int n)
{
    __atomic_fetch_add(&t->n_entries, (u64)(i64)n, __ATOMIC_RELAXED);
    if (!(value & MAC_PROVISIONED))
        count_learned(t, key, n);
}

/* Turns a live entry into a dead one; false when it is not what was seen any more. */
static bool kill_entry(const struct mac_generation *g, const struct place *at, u64 key, u32 seen)
{
    if (!__atomic_compare_exchange_n(&at->bucket->value[at->slot], &seen, MAC_DEAD, false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return false;
    struct mac_bucket *home = mac_home(g, key);
    if (at->bucket != home)
        __atomic_fetch_sub(&home->overflow, 1, __ATOMIC_RELEASE);
    return true;
}

static bool mac_table_claim(const struct mac_generation *g, struct mac_bucket *home,
                            struct place *at)
{
    for (u32 k = 0; k < MAC_PROBES; k++) {
        struct mac_bucket *b = mac_table_probe(g, home, k);
        for (int i = 0; i < MAC_SLOTS; i++) {
            u32 free_slot = 0;
            if (__atomic_load_n(&b->value[i], __ATOMIC_RELAXED) ||
                !__atomic_compare_exchange_n(&b->value[i], &free_slot, MAC_BUSY, false,
                                             __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
                continue;
            *at = (struct place){b, i, k * MAC_SLOTS + (u32)i};
            return true;
        }
    }
    return false;
}

enum add_result { ADD_FULL, ADD_DONE, ADD_LOST };

/* One of two entries of a key goes, whatever others make of it meanwhile. */
static void kill_double(struct mac_table *t, const struct mac_generation *g, const struct place *at,
                        u64 key, bool counted)
{
    u32 v;
    do {
        v = mac_slot_value(at->bucket, at->slot);
        if (!v)
            return;
    } while (!kill_entry(g, at, key, v));
    if (counted)
        mac_table_count(t, key, v, -1);
}

/* Adds a key that was not there a moment ago; counted: neither in the generation that g is filled
 * from. LOST: somebody else added it meanwhile, nearer to home. */
static enum add_result mac_table_add(struct mac_table *t, const struct mac_generation *g, u64 key,
                                     u32 value, bool counted)
{
    struct mac_bucket *home = mac_home(g, key);
    struct place own, other;
    if (!mac_table_claim(g, home, &own))
        return ADD_FULL;
    if (own.bucket != home)
        __atomic_fetch_add(&home->overflow, 1, __ATOMIC_RELEASE);
    if (counted)
        mac_table_count(t, key, value, 1);
    __atomic_store_n(&own.bucket->key[own.slot], key, __ATOMIC_RELAXED);
    __atomic_store_n(&own.bucket->value[own.slot], value, __ATOMIC_SEQ_CST);
    /* whoever adds the same key now sees this entry, or is seen here */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (u32 from = 0; find_from(g, key, from, &other); from = other.order + 1) {
        if (other.order == own.order)
            continue;
        bool own_goes = other.order < own.order;
        kill_double(t, g, own_goes ? &own : &other, key, counted);
        if (own_goes)
            return ADD_LOST;
    }
    return ADD_DONE;
}

static void look_at_load(struct mac_table *t, const struct mac_generation *g)
{
    u64 slots = (u64)(g->mask + 1) * MAC_SLOTS;
    if (2 * __atomic_load_n(&t->n_entries, __ATOMIC_RELAXED) > slots &&
        g->mask + 1 < t->max_buckets)
        __atomic_store_n(&t->want_bigger, 1, __ATOMIC_RELAXED);
}

/* Whether a learner may put `value` over `v`. */
static bool may_replace(u32 v, u32 value)
{
    return !(v & MAC_PROVISIONED) && (!(v & MAC_STATIC) || mac_value_if(v) == mac_value_if(value));
}

/* Before an entry of its interface and domain is there. */
static void mac_table_note(const struct mac_table *t, const struct mac_generation *g, u64 key,
                           u32 value)
{
    const u32 owner[MAC_OWNERS] = {mac_value_if(value), mac_key_bd(key)};
    u32 region = (u32)((key * g->multiplier) >> (64 - MAC_REGIONS_LOG2));
    u64 bit = 1ull << region % 64;
    for (u32 k = 0; k < MAC_OWNERS; k++) {
        u64 *bits = &t->regions[k][owner[k]].bits[region / 64];
        if (!(__atomic_load_n(bits, __ATOMIC_RELAXED) & bit))
            __atomic_fetch_or(bits, bit, __ATOMIC_RELAXED);
    }
}

static enum mac_learn_result mac_table_put(struct mac_table *t, u64 key, u32 value, bool force,
                                           u32 *was)
{
    const struct mac_generation *g = mac_table_current(t);
    for (;;) {
        struct place at;
        bool in_cur;
        u32 v = find_both(g, key, &at, &in_cur);
        *was = v;
        if (v && !force && !may_replace(v, value))
            return MAC_LEARN_STATIC;
        mac_table_note(t, g, key, value);
        if (in_cur) {
            if (!__atomic_compare_exchange_n(&at.bucket->value[at.slot], &v, value, false,
                                             __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
                continue;
            if ((v ^ value) & MAC_PROVISIONED)
                count_learned(t, key, value & MAC_PROVISIONED ? -1 : 1);
            return MAC_LEARN_UPDATED;
        }
        if (__atomic_load_n(&g->frozen, __ATOMIC_RELAXED))
            return MAC_LEARN_FULL;
        switch (mac_table_add(t, g, key, value, !v)) {
        case ADD_DONE:
            if (v && (v ^ value) & MAC_PROVISIONED) /* what it is filled from counts it otherwise */
                count_learned(t, key, value & MAC_PROVISIONED ? -1 : 1);
            look_at_load(t, g);
            return v ? MAC_LEARN_UPDATED : MAC_LEARN_NEW;
        case ADD_FULL:
            __atomic_store_n(&t->want_bigger, 1, __ATOMIC_RELAXED);
            return MAC_LEARN_FULL;
        case ADD_LOST:
            break;
        }
    }
}

enum mac_learn_result mac_table_learn(struct mac_table *t, u64 key, u32 value, u32 *was)
{
    return mac_table_put(t, key, value, false, was);
}

/* --- control thread --- */

static struct mac_generation *generation_new(u32 buckets, u64 multiplier, struct error *e)
{
    struct mac_generation *g = mem_alloc(sizeof(*g));
    struct mem_page_size page = {.kind = MEM_PAGE_DEFAULT};
    u64 bytes = (u64)buckets * sizeof(struct mac_bucket);
    if (mem_map_new(&g->map, "mac-table", bytes, page, false, e)) {
        free(g);
        return NULL;
    }
    g->buckets = g->map.base;
    g->multiplier = multiplier | 1;
    g->mask = buckets - 1;
    g->shift = 64 - (u32)__builtin_ctz(buckets);
    if (bytes >= MEM_HUGE_PAGE_BYTES)
        mem_prefer_huge_pages(g->map.base, bytes);
    return g;
}

#define PAGE_BUCKETS (4096u / sizeof(struct mac_bucket))

/* Buckets [from, from + n); returns the next, or how many there are. */
static u32 generation_touch(struct mac_generation *g, u32 from, u32 n)
{
    u32 end = (u32)min_u64((u64)from + n, (u64)g->mask + 1);
    for (u32 k = from; k < end; k += PAGE_BUCKETS)
        *(volatile u32 *)&g->buckets[k].overflow = 0;
    return end;
}

static void generation_free(struct mac_generation *g)
{
    if (!g)
        return;
    mem_map_free(&g->map);
    free(g);
}

int mac_table_new(struct mac_table *t, u32 buckets, u32 max_buckets, u64 multiplier,
                  struct error *e)
{
    struct mem_page_size page = {.kind = MEM_PAGE_DEFAULT};
    *t = (struct mac_table){.max_buckets = max_buckets};
    int rc = mem_map_new(&t->learned_map, "mac-counts", OWNERS * sizeof(u32), page, false, e);
    t->n_learned_of = t->learned_map.base;
    for (u32 k = 0; k < MAC_OWNERS && !rc; k++) {
        rc = mem_map_new(&t->region_map[k], "mac-regions", OWNERS * sizeof(struct mac_regions),
                         page, false, e);
        t->regions[k] = t->region_map[k].base;
    }
    t->cur = rc ? NULL : generation_new(buckets, multiplier, e);
    if (!t->cur) {
        mac_table_free(t);
        return -e->code;
    }
    /* not touched: most switches at rest have no bridge, and the first addresses of one pay a page
     * fault for each of 64 buckets */
    return 0;
}

void mac_table_free(struct mac_table *t)
{
    if (t->cur)
        generation_free(t->cur->old);
    generation_free(t->cur);
    generation_free(t->coming);
    generation_free(t->leaving);
    if (t->n_learned_of)
        mem_map_free(&t->learned_map);
    for (u32 k = 0; k < MAC_OWNERS; k++)
        if (t->regions[k])
            mem_map_free(&t->region_map[k]);
    vec_free(&t->dead);
    *t = (struct mac_table){0};
}

int mac_table_set(struct mac_table *t, u64 key, u32 value, u32 *was)
{
    return mac_table_put(t, key, value, true, was) == MAC_LEARN_FULL ? -ENOSPC : 0;
}

/* A dead slot will be free after a grace period. Whoever looks from now on does not find the key: a
 * reader that the grace period does not wait for could take the next owner's value for it. */
static void list_dead(struct mac_table *t, struct mac_bucket *b, int slot)
{
    __atomic_store_n(&b->key[slot], 0, __ATOMIC_RELAXED);
    vec_add(&t->dead, &b->value[slot]);
}

static bool mac_table_bury(struct mac_table *t, const struct place *at, u64 key, u32 v)
{
    if (!kill_entry(t->cur, at, key, v))
        return false;
    mac_table_count(t, key, v, -1);
    list_dead(t, at->bucket, at->slot);
    return true;
}

bool mac_table_take_over(struct mac_table *t, u64 key)
{
    const struct mac_generation *g = t->cur, *old = g->old;
    struct place at, in_cur;
    u32 v;
    while (old && (v = find_from(old, key, 0, &at))) {
        if (!find_from(g, key, 0, &in_cur) && mac_table_add(t, g, key, v, false) == ADD_FULL)
            return false;
        if (kill_entry(old, &at, key, v)) /* counted it is, in cur */
            return true;
    }
    return true;
}

u32 mac_table_del(struct mac_table *t, u64 key)
{
    for (;;) {
        struct place at;
        u32 v = find_from(t->cur, key, 0, &at);
        if (!v || mac_table_bury(t, &at, key, v))
            return v;
    }
}

struct walk {
    u32 (*fn)(void *arg, u64 key, u32 value);
    void (*gone)(void *arg, u64 key, u32 value);
    void *arg;
};

static void walk_one(struct mac_table *t, struct mac_bucket *b, int i, const struct walk *w)
{
    u64 key = __atomic_load_n(&b->key[i], __ATOMIC_RELAXED);
    for (;;) {
        u32 v = mac_slot_value(b, i), new = v ? w->fn(w->arg, key, v) : v;
        if (new == v)
            return;
        if (new) {
            if (__atomic_compare_exchange_n(&b->value[i], &v, new, false, __ATOMIC_ACQ_REL,
                                            __ATOMIC_RELAXED))
                return;
        } else if (mac_table_bury(t, &(struct place){b, i, 0}, key, v)) {
            if (w->gone)
                w->gone(w->arg, key, v);
            return;
        }
    }
}

static void walk_bucket(struct mac_table *t, struct mac_bucket *b, bool strays,
                        const struct walk *w)
{
    for (int i = 0; i < MAC_SLOTS; i++) {
        u32 v = __atomic_load_n(&b->value[i], __ATOMIC_ACQUIRE);
        if (unlikely(strays && v == MAC_DEAD))
            list_dead(t, b, i);
        if (v & MAC_VALID)
            walk_one(t, b, i, w);
    }
}

u32 mac_table_walk(struct mac_table *t, u32 from, u32 n, u32 (*fn)(void *arg, u64 key, u32 value),
                   void (*gone)(void *arg, u64 key, u32 value), void *arg)
{
    const struct mac_generation *g = t->cur;
    const struct walk w = {fn, gone, arg};
    u32 end = (u32)min_u64((u64)from + n, (u64)g->mask + 1);
    bool strays = !t->dead.n && !from && end > g->mask;
    for (u32 k = from; k < end; k++)
        walk_bucket(t, &g->buckets[k], strays, &w);
    return end <= g->mask ? end : 0;
}

bool mac_table_look(const struct mac_table *t, u64 place, u64 *key, u32 *value)
{
    const struct mac_generation *g = t->cur;
    if (place / MAC_SLOTS > g->mask)
        return false;
    const struct mac_bucket *b = &g->buckets[place / MAC_SLOTS];
    *key = __atomic_load_n(&b->key[place % MAC_SLOTS], __ATOMIC_RELAXED);
    *value = mac_slot_value(b, (int)(place % MAC_SLOTS));
    return true;
}

/* Buckets from `from` on in which entries of that region may lie; returns what is behind the last.
 */
static u32 walk_region(struct mac_table *t, u32 region, u32 from, const struct walk *w)
{
    const struct mac_generation *g = t->cur;
    u64 buckets = (u64)g->mask + 1;
    u32 first = (u32)(region * buckets / MAC_REGIONS);
    u32 end = (u32)(((region + 1) * buckets - 1) / MAC_REGIONS) + MAC_PROBES;
    for (u32 k = (u32)max_u64(first, from); k < end; k++)
        walk_bucket(t, &g->buckets[k & g->mask], false, w);
    return end;
}

bool mac_table_walk_of(struct mac_table *t, enum mac_owner kind, u32 owner, u32 *region, u32 n,
                       u32 (*fn)(void *arg, u64 key, u32 value),
                       void (*gone)(void *arg, u64 key, u32 value), void *arg)
{
    const struct walk w = {fn, gone, arg};
    const struct mac_regions *r = &t->regions[kind][owner];
    u32 per_region = (u32)(((u64)t->cur->mask + MAC_REGIONS) / MAC_REGIONS), walked = 0, from = 0;
    for (; *region < MAC_REGIONS; ++*region) {
        u64 bits = __atomic_load_n(&r->bits[*region / 64], __ATOMIC_RELAXED) >> (*region % 64);
        if (!bits) {
            *region |= 63;
            continue;
        }
        *region += (u32)__builtin_ctzll(bits);
        if (walked >= n)
            return true;
        from = walk_region(t, *region, from, &w);
        walked += per_region;
    }
    return false;
}

void mac_table_forget(struct mac_table *t, enum mac_owner kind, u32 owner)
{
    for (u32 k = 0; k < MAC_REGIONS / 64; k++)
        if (t->regions[kind][owner].bits[k])
            __atomic_store_n(&t->regions[kind][owner].bits[k], 0, __ATOMIC_RELAXED);
}

void mac_table_reap(struct mac_table *t, u32 n_dead)
{
    n_dead = (u32)min_u64(n_dead, t->dead.n);
    if (!n_dead)
        return;
    for (u32 i = 0; i < n_dead; i++)
        __atomic_store_n(t->dead.v[i], 0, __ATOMIC_RELEASE);
    memmove(t->dead.v, t->dead.v + n_dead, (t->dead.n - n_dead) * sizeof(t->dead.v[0]));
    t->dead.n -= n_dead;
    if (!t->dead.n)
        vec_free(&t->dead);
}

static int mac_table_resize_begin(struct mac_table *t, u32 buckets, struct error *e)
{
    struct mac_generation *old = t->cur;
    t->coming = generation_new(buckets, old->multiplier, e);
    if (!t->coming)
        return -e->code;
    t->coming->old = old;
    t->touched = 0;
    return 0;
}

int mac_table_grow_begin(struct mac_table *t, struct error *e)
{
    u64 buckets = (u64)t->cur->mask + 1;
    buckets *= buckets < FAST_GROWTH_BUCKETS ? 4 : 2;
    if (buckets > t->max_buckets)
        return error_set(e, ENOSPC, "the MAC table has %u buckets, its most", t->cur->mask + 1);
    return mac_table_resize_begin(t, (u32)buckets, e);
}

int mac_table_shrink_begin(struct mac_table *t, u32 buckets, struct error *e)
{
    return mac_table_resize_begin(t, buckets, e);
}

bool mac_table_grow_touch(struct mac_table *t, u32 n)
{
    t->touched = generation_touch(t->coming, t->touched, n);
    if (t->touched <= t->coming->mask)
        return true;
    __atomic_store_n(&t->cur->frozen, 1, __ATOMIC_RELAXED);
    return false;
}

void mac_table_grow_follow(struct mac_table *t)
{
    vec_free(&t->dead); /* they go with the old generation */
    __atomic_store_n(&t->cur, t->coming, __ATOMIC_RELEASE);
    t->coming = NULL;
}

u32 mac_table_grow_copy(struct mac_table *t, u32 from, u32 n)
{
    struct mac_generation *g = t->cur;
    const struct mac_generation *old = g->old;
    u32 end = (u32)min_u64((u64)from + n, (u64)old->mask + 1);
    for (u32 k = from; k < end; k++) {
        const struct mac_bucket *b = &old->buckets[k];
        for (int i = 0; i < MAC_SLOTS; i++) {
            struct place at;
            u32 v = mac_slot_value(b, i);
            u64 key = __atomic_load_n(&b->key[i], __ATOMIC_RELAXED);
            if (!v || find_from(g, key, 0, &at))
                continue;
            if (mac_table_add(t, g, key, v, false) == ADD_FULL)
                mac_table_count(t, key, v,
                                -1); /* not for want of space: lost to chance, and learnt again */
        }
    }
    return end <= old->mask ? end : 0;
}

void mac_table_grow_end(struct mac_table *t)
{
    t->leaving = t->cur->old;
    __atomic_store_n(&t->cur->old, NULL, __ATOMIC_RELEASE);
    __atomic_store_n(&t->want_bigger, 0, __ATOMIC_RELAXED);
}

void mac_table_grow_drop(struct mac_table *t)
{
    generation_free(t->leaving);
    t->leaving = NULL;
}
