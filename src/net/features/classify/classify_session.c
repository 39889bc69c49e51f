/* Sessions of the classifier. See classify.h. */
#include <errno.h>
#include <stdlib.h>

#include "net/features/classify/classify_internal.h"
#include "net/ip/fib/fib.h"

void classify_sessions_prepare(struct classify *c, u32 match)
{
    struct pool *pool = &c->sessions[match - 1];
    u32 words = CLASSIFY_KEY_WORDS(match);
    if (pool->base)
        return;
    pool_init(pool, "classify-sessions",
              (u32)(sizeof(struct classify_session) + words * sizeof(u64)), 8,
              CLASSIFY_SESSIONS_MAX);
    shared_hash_init(&c->by_key[match - 1],
                     &(struct shared_hash_args){
                         .name = "classify-hash",
                         .max = CLASSIFY_SESSIONS_MAX,
                         .keys = &((struct classify_session *)(void *)pool->base)->serial,
                         .stride_bytes = pool->stride_bytes,
                         .key_words = words,
                         .gives_back = true,
                     });
}

void classify_sessions_fini(struct classify *c)
{
    for (u32 k = 0; k < CLASSIFY_MATCH_MAX; k++) {
        shared_hash_fini(&c->by_key[k]);
        pool_fini(&c->sessions[k]);
    }
}

static void session_key(const struct classify_table *t, const u8 *match, u64 *key)
{
    *key++ = t->serial;
    memcpy(key, match + (size_t)t->skip * CLASSIFY_VECTOR_BYTES,
           t->match * (size_t)CLASSIFY_VECTOR_BYTES);
    for (u32 i = 0; i < t->match * 2u; i++)
        key[i] &= t->mask[i];
}

/* --- places --- */

struct freed {
    struct pool *pool;
    u32 index;
};

/* No data thread can still be reading it. */
static void session_is_free(void *arg)
{
    struct freed *f = arg;
    pool_put(f->pool, f->index);
    free(f);
}

static void session_free_later(struct piste *p, const struct classify_table_full *t, u32 i)
{
    struct freed *f = mem_alloc(sizeof(*f));
    *f = (struct freed){&classify_of(p)->sessions[t->data.match - 1], i};
    engine_defer_free(engine_of(p), session_is_free, f);
}

/* NULL: i is behind the last one. */
static struct classify_session *session_of(const struct classify_table_full *t, u32 i)
{
    return i == CLASSIFY_NONE ? NULL : classify_session_at(t->data.match, i);
}

static void list_add(struct piste *p, struct classify_table_full *t, u32 i)
{
    index_list_add(&t->sessions, &session_of(t, 0)->of_table,
                   classify_of(p)->sessions[t->data.match - 1].stride_bytes, i);
}

/* Walks that stand there go on behind it. */
static void list_remove(struct piste *p, struct classify_table_full *t, u32 i)
{
    struct classify_session_walk *w = classify_of(p)->walks;
    for (; w; w = w->other)
        if (w->serial == t->data.serial && w->next == i)
            w->next = session_of(t, i)->of_table.next;
    index_list_remove(&t->sessions, &session_of(t, 0)->of_table,
                      classify_of(p)->sessions[t->data.match - 1].stride_bytes, i);
}

/* --- what a session holds --- */

/* What an action needs, for as long as the session is there. */
static int hold_metadata(struct piste *p, const struct classify_session_args *a, u32 *metadata,
                         struct error *e)
{
    struct fib_index f;
    *metadata = a->action ? a->metadata : 0; /* without an action nobody looks at it */
    if (a->action == CLASSIFY_ACTION_NONE)
        return 0;
    if (a->action == CLASSIFY_ACTION_SET_METADATA)
        return error_set(e, EOPNOTSUPP, "there is nobody yet who looks at metadata of packets");
    int rc = fib_table_lock(fib_of(p), ip_family_of(a->action == CLASSIFY_ACTION_SET_IP6_FIB),
                            a->metadata, NULL, FIB_SOURCE_CLASSIFY, &f, e);
    if (!rc)
        *metadata = f.i;
    return rc;
}

static void release_metadata(struct piste *p, u8 action, u32 metadata)
{
    if (action == CLASSIFY_ACTION_SET_IP4_FIB || action == CLASSIFY_ACTION_SET_IP6_FIB)
        fib_table_unlock(fib_of(p), (struct fib_index){metadata}, FIB_SOURCE_CLASSIFY);
}

static int no_room(struct error *e)
{
    return error_set(e, ENOSPC, "at most %u classifier sessions are possible",
                     CLASSIFY_SESSIONS_MAX);
}

/* --- changes --- */

/* What a session says, at a place of its own; POOL_NONE. */
static u32 classify_session_new(struct classify *c, u32 match,
                                const struct classify_session_args *a, u32 metadata, const u64 *key,
                                u32 id)
{
    u32 i = pool_get(&c->sessions[match - 1]);
    if (i == POOL_NONE)
        return i;
    struct classify_session *s = classify_session_at(match, i);
    *s = (struct classify_session){
        .next = a->next,
        .opaque = a->opaque,
        .advance = a->advance,
        .metadata = metadata,
        .action = a->action,
        .is_policer = a->is_policer,
        .id = id,
    };
    memcpy(&s->serial, key, CLASSIFY_KEY_WORDS(match) * sizeof(u64));
    return i;
}

static int session_replace(struct piste *p, struct classify_table_full *t, u32 old,
                           const struct classify_session_args *a, u32 metadata, struct error *e)
{
    struct classify *c = classify_of(p);
    struct classify_session *before = session_of(t, old);
    u32 i = classify_session_new(c, t->data.match, a, metadata, &before->serial, before->id);
    if (i == POOL_NONE)
        return no_room(e);
    shared_hash_replace(&c->by_key[t->data.match - 1], old, i);
    list_remove(p, t, old);
    list_add(p, t, i);
    release_metadata(p, before->action, before->metadata);
    counter_clear(engine_of(p), &classify_hits, 1, &before->id, 1);
    session_free_later(p, t, old);
    return 0;
}

static int session_insert(struct piste *p, struct classify_table_full *t, const u64 *key,
                          const struct classify_session_args *a, u32 metadata, struct error *e)
{
    struct classify *c = classify_of(p);
    u32 match = t->data.match, id = pool_get(&c->ids);
    if (id == POOL_NONE)
        return no_room(e);
    u32 i = classify_session_new(c, match, a, metadata, key, id);
    if (i == POOL_NONE) {
        pool_put(&c->ids, id);
        return no_room(e);
    }
    counter_zero(classify_hits, id);
    if (!shared_hash_add(&c->by_key[match - 1], i)) {
        pool_put(&c->sessions[match - 1], i);
        pool_put(&c->ids, id);
        return no_room(e);
    }
    list_add(p, t, i);
    return 0;
}

int classify_session_add(struct piste *p, u32 table, const struct classify_session_args *a,
                         struct error *e)
{
    struct classify_table_full *t = classify_table_find(table, e);
    u64 key[CLASSIFY_KEY_WORDS(CLASSIFY_MATCH_MAX)];
    u32 metadata;
    if (!t)
        return -ENOENT;
    int rc = hold_metadata(p, a, &metadata, e);
    if (rc)
        return rc;
    session_key(&t->data, a->match, key);
    u32 old = classify_find_key(t->data.match, key);
    rc = old == CLASSIFY_NONE ? session_insert(p, t, key, a, metadata, e)
                              : session_replace(p, t, old, a, metadata, e);
    if (rc)
        release_metadata(p, a->action, metadata);
    return rc;
}

static void classify_session_delete(struct piste *p, struct classify_table_full *t, u32 i)
{
    struct classify *c = classify_of(p);
    struct classify_session *s = session_of(t, i);
    shared_hash_remove(&c->by_key[t->data.match - 1], i);
    list_remove(p, t, i);
    release_metadata(p, s->action, s->metadata);
    pool_put(&c->ids, s->id);
    session_free_later(p, t, i);
}

int classify_session_del(struct piste *p, u32 table, const u8 *match, struct error *e)
{
    struct classify_table_full *t = classify_table_find(table, e);
    u64 key[CLASSIFY_KEY_WORDS(CLASSIFY_MATCH_MAX)];
    if (!t)
        return -ENOENT;
    session_key(&t->data, match, key);
    u32 i = classify_find_key(t->data.match, key);
    if (i == CLASSIFY_NONE)
        return error_set(e, ENOENT, "no such classifier session");
    classify_session_delete(p, t, i);
    return 0;
}

bool classify_sessions_delete(struct piste *p, struct classify_table_full *t, u32 n)
{
    for (; n && t->sessions.n; n--)
        classify_session_delete(p, t, t->sessions.first);
    return t->sessions.n;
}

/* --- looking --- */

u32 classify_session_count(const struct piste *p, u32 table)
{
    const struct classify_table_full *t = classify_table_find(table, NULL);
    return t ? t->sessions.n : 0;
}

void classify_session_walk_begin(struct classify_session_walk *w, struct piste *p, u32 table)
{
    const struct classify_table_full *t = classify_table_find(table, NULL);
    struct classify *c = classify_of(p);
    *w = (struct classify_session_walk){
        .piste = p,
        .serial = t ? t->data.serial : UINT64_MAX,
        .table = table,
        .next = t ? t->sessions.first : INDEX_LIST_NONE,
        .other = c->walks,
    };
    c->walks = w;
}

const struct classify_session *classify_session_walk_next(struct classify_session_walk *w)
{
    const struct classify_table_full *t = classify_table_find(w->table, NULL);
    if (!t || t->data.serial != w->serial)
        return NULL;
    const struct classify_session *s = session_of(t, w->next);
    if (s)
        w->next = s->of_table.next;
    return s;
}

void classify_session_walk_end(struct classify_session_walk *w)
{
    if (!w->piste)
        return;
    struct classify_session_walk **at = &classify_of(w->piste)->walks;
    while (*at != w)
        at = &(*at)->other;
    *at = w->other;
    w->piste = NULL;
}

void classify_forget_policer(struct piste *p, u32 index)
{
    bool *policed = classify_policed_tables(p);
    for (u32 k = 0; (k = classify_table_next(p, k)) != CLASSIFY_NONE; k++) {
        const struct classify_table_full *t = classify_table_find(k, NULL);
        struct classify_session *s = session_of(t, t->sessions.first);
        for (; s; s = session_of(t, s->of_table.next))
            if (s->next == index && (s->is_policer || policed[k]))
                __atomic_store_n(&s->next, CLASSIFY_NONE, __ATOMIC_RELAXED);
    }
    free(policed);
}
