/* Tables and sessions of the classifier. See classify.h. */
#include "net/features/classify/classify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/vec.h"
#include "control/module.h"
#include "net/features/classify/classify_internal.h"
#include "net/ip/fib/fib.h"

struct classify_table **classify_tables;
struct counter_vec *classify_hits;

const char classify_module_name[] = "classify";

static struct classify *classify_of(const struct piste *p)
{
    return module_state(p, classify_module_name);
}

/* Beside struct classify_table, which data threads read. */
struct table {
    struct classify_table data; /* first: it is what classify_tables points to */
    u32 n_sessions;
    u32 n_slots_used; /* with deleted ones */
    u32 buckets;      /* as was asked for */
    u32 users;
    u32 high; /* sessions' indices below are in use, or in free */
    VEC(u32) free;
};

static struct table *table_at(u32 i)
{
    return (struct table *)(void *)(i < CLASSIFY_TABLES_MAX ? classify_tables[i] : NULL);
}

static struct table *classify_must_find(u32 i, struct error *e)
{
    struct table *t = table_at(i);
    if (!t)
        error_set(e, ENOENT, "no such classifier table %u", i);
    return t;
}

/* --- stores --- */

#define STORE_HEAD_BYTES round_up_u64(sizeof(struct classify_store), 16)

/* All of it in one piece of memory: slots, then sessions, half as many. */
static size_t store_bytes(u32 n_slots, u32 stride)
{
    return STORE_HEAD_BYTES + (size_t)n_slots * sizeof(u64) + (size_t)n_slots / 2 * stride;
}

static struct classify_store *store_new(u32 n_slots, u32 stride)
{
    struct classify_store *s = mem_alloc(store_bytes(n_slots, stride));
    s->slot_mask = n_slots - 1;
    s->capacity = n_slots / 2;
    s->slots = (u64 *)(void *)((u8 *)s + STORE_HEAD_BYTES);
    s->sessions = (u8 *)(s->slots + n_slots);
    return s;
}

static void slot_set(const struct classify_store *s, u64 hash, u32 i)
{
    u32 at = (u32)hash;
    while (s->slots[at & s->slot_mask])
        at++;
    __atomic_store_n(&s->slots[at & s->slot_mask], (hash >> 32) << 32 | (i + 1), __ATOMIC_RELEASE);
}

/* A store of n_slots with the same sessions at the same places, and no deleted ones. */
static void store_replace(struct piste *p, struct table *t, u32 n_slots)
{
    const struct classify_store *old = t->data.store;
    struct classify_store *new = store_new(n_slots, t->data.stride);
    if (old) {
        memcpy(new->sessions, old->sessions,
               (size_t)min_u64(old->capacity, new->capacity) * t->data.stride);
        for (u32 k = 0; k <= old->slot_mask; k++) {
            u32 i = (u32)old->slots[k];
            if (!i || i == CLASSIFY_DELETED)
                continue;
            const struct classify_session *e = classify_session_at(&t->data, new, i - 1);
            slot_set(new, classify_hash(e->key, t->data.match * 2u), i - 1);
        }
    }
    t->n_slots_used = t->n_sessions;
    __atomic_store_n(&t->data.store, new, __ATOMIC_RELEASE);
    if (old)
        engine_defer_free(engine_of(p), free, (void *)(uintptr_t)old);
}

/* Room for one more. */
static void store_grow(struct piste *p, struct table *t)
{
    const struct classify_store *s = t->data.store;
    if (t->high == s->capacity && !t->free.n)
        store_replace(p, t, 2 * (s->slot_mask + 1));
    else if (t->n_slots_used >= (s->slot_mask + 1) / 4 * 3)
        store_replace(p, t, s->slot_mask + 1);
}

/* --- tables --- */

static int classify_check_args(const struct classify_table_args *a, struct error *e)
{
    if (!a->match || a->match > CLASSIFY_MATCH_MAX)
        return error_set(e, EINVAL, "a classifier table matches 1 to %d vectors of %d bytes",
                         CLASSIFY_MATCH_MAX, CLASSIFY_VECTOR_BYTES);
    if (a->skip > CLASSIFY_SKIP_MAX)
        return error_set(e, EINVAL, "a classifier table skips up to %d vectors", CLASSIFY_SKIP_MAX);
    if (a->offset < INT16_MIN || a->offset > INT16_MAX)
        return error_set(e, EINVAL, "the offset %d is too far away", a->offset);
    if (a->next_table != CLASSIFY_NONE && !table_at(a->next_table))
        return error_set(e, ENOENT, "no such classifier table %u", a->next_table);
    return 0;
}

int classify_table_add(struct piste *p, const struct classify_table_args *a, u32 *index,
                       struct error *e)
{
    u32 i = *index, n_slots = 16;
    int rc = classify_check_args(a, e);
    if (rc)
        return rc;
    if (i == CLASSIFY_NONE)
        for (i = 0; i < CLASSIFY_TABLES_MAX && classify_tables[i];)
            i++;
    if (i >= CLASSIFY_TABLES_MAX)
        return error_set(e, ENOSPC, "at most %d classifier tables are possible",
                         CLASSIFY_TABLES_MAX);
    if (classify_tables[i])
        return error_set(e, EEXIST, "there is a classifier table %u", i);
    struct table *t = mem_alloc(sizeof(*t));
    u32 words = a->match * 2;
    memcpy(t->data.mask, a->mask, words * sizeof(u64));
    t->data.index = i;
    t->data.next_table = a->next_table;
    t->data.miss_next = a->miss_next;
    t->data.stride = (u32)(sizeof(struct classify_session) + words * sizeof(u64));
    t->data.offset = (i16)a->offset;
    t->data.skip = (u16)a->skip;
    t->data.match = (u16)a->match;
    t->data.current = a->current;
    t->buckets = a->buckets;
    while (n_slots / 2 < a->buckets && n_slots < 65536)
        n_slots *= 2;
    store_replace(p, t, n_slots);
    __atomic_store_n(&classify_tables[i], &t->data, __ATOMIC_RELEASE);
    classify_of(p)->n_tables++;
    *index = i;
    return 0;
}

int classify_table_set(struct piste *p, u32 index, u32 next_table, u32 miss_next, struct error *e)
{
    struct table *t = classify_must_find(index, e);
    if (!t || (next_table != CLASSIFY_NONE && !classify_must_find(next_table, e)))
        return -ENOENT;
    __atomic_store_n(&t->data.next_table, next_table, __ATOMIC_RELAXED);
    __atomic_store_n(&t->data.miss_next, miss_next, __ATOMIC_RELAXED);
    return 0;
}

static void classify_table_free(void *arg)
{
    struct table *t = arg;
    free((void *)(uintptr_t)t->data.store);
    vec_free(&t->free);
    free(t);
}

static void release_fib(struct piste *p, const struct classify_session *s)
{
    if (s->action == CLASSIFY_ACTION_SET_IP4_FIB)
        fib_table_unlock(fib_of(p), (struct fib_index){s->metadata}, FIB_SOURCE_CLASSIFY);
}

static void release_session(struct piste *p, const struct classify_session *s)
{
    release_fib(p, s);
    pool_put(&classify_of(p)->ids, s->id);
}

static void release_sessions(struct piste *p, const struct table *t)
{
    const struct classify_store *s = t->data.store;
    for (u32 k = 0; k <= s->slot_mask; k++) {
        u32 i = (u32)s->slots[k];
        if (i && i != CLASSIFY_DELETED)
            release_session(p, classify_session_at(&t->data, s, i - 1));
    }
}

static void table_delete(struct piste *p, u32 index)
{
    struct table *t = table_at(index);
    __atomic_store_n(&classify_tables[index], NULL, __ATOMIC_RELEASE);
    /* who chains to this index does not come upon a later table of the same index */
    for (u32 k = 0; k < CLASSIFY_TABLES_MAX; k++)
        if (classify_tables[k] && classify_tables[k]->next_table == index)
            __atomic_store_n(&classify_tables[k]->next_table, CLASSIFY_NONE, __ATOMIC_RELAXED);
    release_sessions(p, t);
    classify_of(p)->n_tables--;
    engine_defer_free(engine_of(p), classify_table_free, t);
}

int classify_table_del(struct piste *p, u32 index, bool chain, struct error *e)
{
    struct table *t = classify_must_find(index, e);
    if (!t)
        return -ENOENT;
    u32 depth = 0;
    for (u32 i = index; t; t = table_at(i)) {
        if (t->users)
            return error_set(e, EBUSY, "classifier table %u is in use", i);
        i = t->data.next_table;
        if (!chain || ++depth > CLASSIFY_TABLES_MAX) /* all of them: a ring */
            break;
    }
    while ((t = table_at(index))) {
        u32 next = t->data.next_table;
        table_delete(p, index);
        if (!chain)
            break;
        index = next;
    }
    return 0;
}

int classify_table_ref(struct piste *p, u32 index, struct error *e)
{
    struct table *t = classify_must_find(index, e);
    if (!t)
        return -ENOENT;
    t->users++;
    return 0;
}

void classify_table_unref(struct piste *p, u32 index)
{
    table_at(index)->users--;
}

u32 classify_table_next(const struct piste *p, u32 from)
{
    if (!classify_of(p)->n_tables)
        return CLASSIFY_NONE;
    for (; from < CLASSIFY_TABLES_MAX; from++)
        if (classify_tables[from])
            return from;
    return CLASSIFY_NONE;
}

u32 classify_table_buckets(const struct piste *p, u32 table)
{
    return table_at(table)->buckets;
}

/* --- sessions --- */

static void classify_key_of(const struct table *t, const u8 *match, u64 *key)
{
    u32 bytes = t->data.match * (u32)CLASSIFY_VECTOR_BYTES;
    memcpy(key, match + (size_t)t->data.skip * CLASSIFY_VECTOR_BYTES, bytes);
    for (u32 i = 0; i < t->data.match * 2u; i++)
        key[i] &= t->data.mask[i];
}

/* Slot of the session with that key; NULL. */
static u64 *slot_find(const struct table *t, const u64 *key)
{
    const struct classify_store *s = t->data.store;
    const struct classify_session *e = classify_find_key(&t->data, key);
    if (!e)
        return NULL;
    u32 i = (u32)(((const u8 *)e - s->sessions) / t->data.stride);
    for (u32 at = (u32)classify_hash(key, t->data.match * 2u);; at++)
        if ((u32)s->slots[at & s->slot_mask] == i + 1)
            return &s->slots[at & s->slot_mask];
}

struct freed {
    struct table *table;
    u32 index;
};

/* No data thread can still be reading it. */
static void place_is_free(void *arg)
{
    struct freed *f = arg;
    vec_add(&f->table->free, f->index);
    free(f);
}

static void place_free_later(struct piste *p, struct table *t, u32 index)
{
    struct freed *f = mem_alloc(sizeof(*f));
    *f = (struct freed){t, index};
    engine_defer_free(engine_of(p), place_is_free, f);
}

/* What an action needs, held for as long as the session is there. */
static int hold_metadata(struct piste *p, const struct classify_session_args *a, u32 *metadata,
                         struct error *e)
{
    struct fib_index f;
    *metadata = a->action ? a->metadata : 0; /* without an action nobody looks at it */
    if (a->action == CLASSIFY_ACTION_NONE)
        return 0;
    if (a->action == CLASSIFY_ACTION_SET_METADATA)
        return error_set(e, EOPNOTSUPP, "there is nobody yet who looks at metadata of packets");
    if (a->action != CLASSIFY_ACTION_SET_IP4_FIB)
        return error_set(e, EOPNOTSUPP, "there is no IPv6 yet");
    int rc = fib_table_lock(fib_of(p), a->metadata, NULL, FIB_SOURCE_CLASSIFY, &f, e);
    if (!rc)
        *metadata = f.i;
    return rc;
}

/* What a session says, at a place of its own. */
static u32 place_fill(struct table *t, const struct classify_session_args *a, u32 metadata,
                      const u64 *key, u32 id)
{
    u32 i = t->free.n ? t->free.v[--t->free.n] : t->high++;
    struct classify_session *e = classify_session_at(&t->data, t->data.store, i);
    *e = (struct classify_session){
        .next = a->next,
        .opaque = a->opaque,
        .advance = a->advance,
        .metadata = metadata,
        .action = a->action,
        .is_policer = a->is_policer,
        .id = id,
    };
    memcpy(e->key, key, t->data.match * (size_t)CLASSIFY_VECTOR_BYTES);
    return i;
}

static u32 new_id(struct classify *c, struct error *e)
{
    u32 id = pool_get(&c->ids);
    if (id == POOL_NONE)
        (void)error_set(e, ENOSPC, "at most %u classifier sessions are possible",
                        CLASSIFY_SESSIONS_MAX);
    return id;
}

int classify_session_add(struct piste *p, u32 table, const struct classify_session_args *a,
                         struct error *e)
{
    struct table *t = classify_must_find(table, e);
    u64 key[CLASSIFY_MATCH_MAX * 2];
    u32 metadata;
    if (!t)
        return -ENOENT;
    int rc = hold_metadata(p, a, &metadata, e);
    if (rc)
        return rc;
    store_grow(p, t);
    classify_key_of(t, a->match, key);
    u64 *slot = slot_find(t, key);
    if (slot) {
        u32 old = (u32)*slot - 1;
        const struct classify_session *before = classify_session_at(&t->data, t->data.store, old);
        u32 i = place_fill(t, a, metadata, key, before->id);
        __atomic_store_n(slot, *slot >> 32 << 32 | (i + 1), __ATOMIC_RELEASE);
        release_fib(p, before);
        counter_clear(engine_of(p), &classify_hits, 1, &before->id, 1);
        place_free_later(p, t, old);
        return 0;
    }
    u32 id = new_id(classify_of(p), e);
    if (id == POOL_NONE) {
        release_fib(p, &(struct classify_session){.action = a->action, .metadata = metadata});
        return -ENOSPC;
    }
    counter_zero(classify_hits, id);
    u32 i = place_fill(t, a, metadata, key, id);
    slot_set(t->data.store, classify_hash(key, t->data.match * 2u), i);
    t->n_sessions++;
    t->n_slots_used++;
    return 0;
}

int classify_session_del(struct piste *p, u32 table, const u8 *match, struct error *e)
{
    struct table *t = classify_must_find(table, e);
    u64 key[CLASSIFY_MATCH_MAX * 2];
    if (!t)
        return -ENOENT;
    classify_key_of(t, match, key);
    u64 *slot = slot_find(t, key);
    if (!slot)
        return error_set(e, ENOENT, "no such classifier session");
    u32 i = (u32)*slot - 1;
    __atomic_store_n(slot, CLASSIFY_DELETED, __ATOMIC_RELEASE);
    release_session(p, classify_session_at(&t->data, t->data.store, i));
    place_free_later(p, t, i);
    t->n_sessions--;
    return 0;
}

u32 classify_session_count(const struct piste *p, u32 table)
{
    const struct table *t = table_at(table);
    return t ? t->n_sessions : 0;
}

void classify_session_each(const struct piste *p, u32 table,
                           void (*fn)(const struct classify_session *s, void *arg), void *arg)
{
    const struct table *t = table_at(table);
    const struct classify_store *s = t ? t->data.store : NULL;
    for (u32 k = 0; s && k <= s->slot_mask; k++) {
        u32 i = (u32)s->slots[k];
        if (i && i != CLASSIFY_DELETED)
            fn(classify_session_at(&t->data, s, i - 1), arg);
    }
}

void classify_set_policers(struct piste *p, const struct classify_policers *x)
{
    classify_of(p)->policers = x;
}

int classify_policer_find(struct piste *p, const char *name, u32 *index, struct error *e)
{
    const struct classify_policers *x = classify_of(p)->policers;
    return x ? x->find(p, name, index, e) : error_set(e, ENOENT, "no such policer %s", name);
}

const char *classify_policer_name(struct piste *p, u32 index)
{
    const struct classify_policers *x = classify_of(p)->policers;
    return x ? x->name(p, index) : NULL;
}

static void mark_chain(void *arg, u32 table)
{
    bool *marked = arg;
    for (; table_at(table) && !marked[table]; table = table_at(table)->data.next_table)
        marked[table] = true;
}

bool *classify_policed_tables(struct piste *p)
{
    const struct classify_policers *x = classify_of(p)->policers;
    bool *marked = mem_alloc(CLASSIFY_TABLES_MAX * sizeof(*marked));
    if (x)
        x->each_table(p, mark_chain, marked);
    return marked;
}

void classify_forget_policer(struct piste *p, u32 index)
{
    bool *policed = classify_policed_tables(p);
    for (u32 i = 0; (i = classify_table_next(p, i)) != CLASSIFY_NONE; i++) {
        const struct table *t = table_at(i);
        const struct classify_store *s = t->data.store;
        for (u32 k = 0; k <= s->slot_mask; k++) {
            u32 at = (u32)s->slots[k];
            struct classify_session *x =
                at && at != CLASSIFY_DELETED ? classify_session_at(&t->data, s, at - 1) : NULL;
            if (x && x->next == index && (x->is_policer || policed[i]))
                __atomic_store_n(&x->next, CLASSIFY_NONE, __ATOMIC_RELAXED);
        }
    }
    free(policed);
}

/* --- module --- */

int classify_init(struct piste *p, void **state, struct error *e)
{
    struct classify *c = mem_alloc(sizeof(*c));
    struct mem_page_size page = {.kind = MEM_PAGE_DEFAULT};
    int rc = mem_map_new(&c->tables_map, "classify-tables", CLASSIFY_TABLES_MAX * sizeof(void *),
                         page, false, e);
    if (rc) {
        free(c);
        return rc;
    }
    classify_tables = c->tables_map.base;
    classify_hits =
        counter_vec_new(engine_of(p), "/net/classify/hits", false, CLASSIFY_SESSIONS_MAX);
    pool_init(&c->ids, "classify-sessions", 8, 8, CLASSIFY_SESSIONS_MAX);
    *state = c;
    return 0;
}

void classify_stop(struct piste *p, void *state)
{
    struct classify *c = state;
    u32 i = 0;
    while (c->n_tables && (i = classify_table_next(p, i)) != CLASSIFY_NONE)
        table_delete(p, i);
    engine_synchronize(engine_of(p));
    counter_vec_free(classify_hits);
    pool_fini(&c->ids);
    mem_map_free(&c->tables_map);
    classify_tables = NULL;
    free(c);
}

void classify_show_tables(struct piste *p, void *state, module_table_fn *tell, void *arg)
{
    for (u32 i = 0; i < CLASSIFY_TABLES_MAX; i++) {
        const struct table *t = table_at(i);
        char name[32];
        if (!t)
            continue;
        snprintf(name, sizeof(name), "classify table %u", i);
        struct module_table it = {
            name,
            .entries = t->n_sessions,
            .places = t->data.store->slot_mask + 1,
            .bytes = store_bytes(t->data.store->slot_mask + 1, t->data.stride),
        };
        tell(arg, &it);
    }
}
