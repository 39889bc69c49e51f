/* The classifier: tables of sessions that packets are looked up in by some of their bytes.
 *
 *   bytes from the table's base on:  | skip x 16 | match x 16 .. | rest
 *                                                   & mask = key
 *   key ─► a session: next, opaque, advance, action
 *     └──► none: the next table of the chain; behind the last its miss_next
 *
 * A base is the start of the frame, or (current-data-flag) where the node that looks stands; plus
 * the table's offset. Bytes behind those in the packet's first buffer are 0. Who looks: the nodes
 * of acl.h and l2_classify.h here, policers.
 *
 * The control thread stores words; a session is in its slot when all of it can be read. A table
 * that grows is copied and replaced. Source: behaviour and words of VPP's classifier; own design.
 */
#pragma once

#include <string.h>

#include "base/error.h"
#include "base/types.h"
#include "engine/buffer.h"
#include "engine/counter.h"
#include "engine/thread.h"

struct module;
struct piste;
struct text;

extern const struct module classify_module;

#define CLASSIFY_VECTOR_BYTES 16
#define CLASSIFY_MATCH_MAX 5 /* vectors */
#define CLASSIFY_SKIP_MAX 31
#define CLASSIFY_TABLES_MAX 65536
#define CLASSIFY_SESSIONS_MAX (1u << 20) /* of all tables */
#define CLASSIFY_CHAIN_MAX 64            /* tables that one packet is looked up in */
#define CLASSIFY_NONE UINT32_MAX

enum classify_action {
    CLASSIFY_ACTION_NONE,
    CLASSIFY_ACTION_SET_IP4_FIB, /* metadata: table index */
    CLASSIFY_ACTION_SET_IP6_FIB,
    CLASSIFY_ACTION_SET_METADATA, /* refused: it is for segment routing */
};

/* ---- data path ---- */

struct classify_session {
    u32 next; /* what the node makes of it: an edge, a policer; CLASSIFY_NONE: nothing said */
    u32 opaque;
    i32 advance;  /* bytes; of frames */
    u32 metadata; /* of the action */
    u32 id;       /* of its counter */
    u32 last_heard_s;
    u8 action;       /* enum classify_action */
    bool is_policer; /* next is the index of one */
    u8 spare[6];
    u64 key[]; /* match vectors, masked */
};

/* A slot: 0, or CLASSIFY_DELETED, or the upper half of the key's hash and the session's index + 1.
 */
#define CLASSIFY_DELETED UINT32_MAX

struct classify_store {
    u32 slot_mask, capacity;
    u64 *slots;
    u8 *sessions;
};

struct classify_table {
    u64 mask[CLASSIFY_MATCH_MAX * 2];
    const struct classify_store *store;
    u32 next_table; /* CLASSIFY_NONE: none */
    u32 miss_next;  /* CLASSIFY_NONE: the packet goes on */
    u32 index;
    u32 stride; /* of sessions */
    i16 offset;
    u16 skip, match;
    bool current; /* base is where the node stands */
};

extern struct classify_table **classify_tables; /* CLASSIFY_TABLES_MAX; NULL: there is none */
extern struct counter_vec *classify_hits;       /* simple, by session id */

ALWAYS_INLINE const struct classify_table *classify_table_at(u32 i)
{
    return i < CLASSIFY_TABLES_MAX ? __atomic_load_n(&classify_tables[i], __ATOMIC_ACQUIRE) : NULL;
}

ALWAYS_INLINE u64 classify_hash(const u64 *key, u32 words)
{
    u64 h = 0x9e3779b97f4a7c15ull;
    for (u32 i = 0; i < words; i++) {
        h = (h ^ key[i]) * 0xff51afd7ed558ccdull;
        h ^= h >> 32;
    }
    return h;
}

/* Key of b for table t, from byte `base` of b's data on. */
ALWAYS_INLINE void classify_key(const struct classify_table *t, const struct buffer *b, int base,
                                u64 *key)
{
    u32 bytes = t->match * (u32)CLASSIFY_VECTOR_BYTES;
    int from = base + t->offset + t->skip * CLASSIFY_VECTOR_BYTES;
    int there = b->start + b->len - from;
    if (likely(from >= 0 && there >= (int)bytes)) {
        memcpy(key, b->data + from, bytes);
    } else {
        memset(key, 0, bytes);
        if (from >= 0 && there > 0)
            memcpy(key, b->data + from, (u32)there);
    }
    for (u32 i = 0; i < t->match * 2u; i++)
        key[i] &= t->mask[i];
}

ALWAYS_INLINE struct classify_session *classify_session_at(const struct classify_table *t,
                                                           const struct classify_store *s, u32 i)
{
    return (struct classify_session *)(void *)(s->sessions + (size_t)i * t->stride);
}

/* Session with that key; NULL. */
ALWAYS_INLINE struct classify_session *classify_find_key(const struct classify_table *t,
                                                         const u64 *key)
{
    const struct classify_store *s = __atomic_load_n(&t->store, __ATOMIC_ACQUIRE);
    u64 h = classify_hash(key, t->match * 2u);
    for (u32 at = (u32)h;; at++) {
        u64 slot = __atomic_load_n(&s->slots[at & s->slot_mask], __ATOMIC_ACQUIRE);
        if (!slot)
            return NULL;
        if ((u32)slot == CLASSIFY_DELETED || slot >> 32 != h >> 32)
            continue;
        struct classify_session *e = classify_session_at(t, s, (u32)slot - 1);
        if (likely(!memcmp(e->key, key, t->match * (size_t)CLASSIFY_VECTOR_BYTES)))
            return e;
    }
}

/* Where b is looked at in table t: node is where the node stands, frame where the frame begins;
 * offsets from b's data. */
ALWAYS_INLINE struct classify_session *classify_find(const struct classify_table *t,
                                                     const struct buffer *b, int node, int frame)
{
    u64 key[CLASSIFY_MATCH_MAX * 2];
    classify_key(t, b, t->current ? node : frame, key);
    return classify_find_key(t, key);
}

/* Of one vector. */
struct classify_tally {
    u32 hits, chain_hits, misses;
};

/* The session of b in table *t or those behind it, counted; else NULL, and *t is the last of them.
 * Offsets as in classify_find. */
ALWAYS_INLINE struct classify_session *classify_walk(const struct classify_table **t,
                                                     const struct buffer *b, int node, int frame,
                                                     struct classify_tally *sum)
{
    for (u32 depth = 0; depth < CLASSIFY_CHAIN_MAX; depth++) {
        struct classify_session *e = classify_find(*t, b, node, frame);
        if (e) {
            sum->hits++;
            sum->chain_hits += depth > 0;
            return e;
        }
        const struct classify_table *behind =
            classify_table_at(__atomic_load_n(&(*t)->next_table, __ATOMIC_RELAXED));
        if (!behind)
            break;
        *t = behind;
    }
    sum->misses++;
    return NULL;
}

ALWAYS_INLINE void classify_hit(struct thread *t, struct classify_session *e)
{
    u32 now = (u32)(thread_now_ns(t) / 1000000000u);
    counter_simple(classify_hits, thread_index(t))[e->id]++;
    if (__atomic_load_n(&e->last_heard_s, __ATOMIC_RELAXED) != now)
        __atomic_store_n(&e->last_heard_s, now, __ATOMIC_RELAXED);
}

/* ---- control thread ---- */

struct classify_table_args {
    u8 mask[CLASSIFY_MATCH_MAX * CLASSIFY_VECTOR_BYTES];
    u32 skip, match;           /* vectors */
    u32 next_table, miss_next; /* CLASSIFY_NONE */
    u32 buckets;               /* sessions to expect: the table grows beyond them */
    bool current;
    i32 offset;
};

/* index: CLASSIFY_NONE: the first that is free. -EINVAL, -ENOSPC, -EEXIST. */
int classify_table_add(struct piste *p, const struct classify_table_args *a, u32 *index,
                       struct error *e) MUST_CHECK;
/* -ENOENT. */
int classify_table_set(struct piste *p, u32 index, u32 next_table, u32 miss_next,
                       struct error *e) MUST_CHECK;
/* With chain: the tables behind it too. -ENOENT; -EBUSY: somebody looks in it. */
int classify_table_del(struct piste *p, u32 index, bool chain, struct error *e) MUST_CHECK;
/* Users of a table: counted, it cannot be deleted meanwhile. -ENOENT. */
int classify_table_ref(struct piste *p, u32 index, struct error *e) MUST_CHECK;
void classify_table_unref(struct piste *p, u32 index);

struct classify_session_args {
    const u8 *match; /* (skip + match) vectors of the table; masked here */
    u32 next, opaque;
    i32 advance;
    u8 action;
    bool is_policer;
    u32 metadata; /* of the action; CLASSIFY_ACTION_SET_*_FIB: the id of a table, made if need be */
};

/* Adds, or replaces the session of that key. -ENOENT: table; -ENOSPC; -EOPNOTSUPP: action. */
int classify_session_add(struct piste *p, u32 table, const struct classify_session_args *a,
                         struct error *e) MUST_CHECK;
/* -ENOENT. */
int classify_session_del(struct piste *p, u32 table, const u8 *match, struct error *e) MUST_CHECK;

/* Who knows policers by name: -ENOENT; and names them. */
struct classify_policers {
    int (*find)(struct piste *p, const char *name, u32 *index, struct error *e);
    const char *(*name)(struct piste *p, u32 index); /* NULL: there is none */
    /* Tables that packets are looked up in for a policer; one may come several times. */
    void (*each_table)(struct piste *p, void (*fn)(void *arg, u32 table), void *arg);
};
void classify_set_policers(struct piste *p,
                           const struct classify_policers *x); /* borrowed for ever */
/* Sessions of a policer that is deleted are of none from now on: its index may be another's. */
void classify_forget_policer(struct piste *p, u32 index);

u32 classify_session_count(const struct piste *p, u32 table);
/* In no order; fn must not change the table. */
void classify_session_each(const struct piste *p, u32 table,
                           void (*fn)(const struct classify_session *s, void *arg), void *arg);
/* Next table index at or after from; CLASSIFY_NONE at the end. */
u32 classify_table_next(const struct piste *p, u32 from);
u32 classify_table_buckets(const struct piste *p, u32 table);
