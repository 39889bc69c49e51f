/* What nodes know of classifier tables and sessions, see classify.h. */
#pragma once

#include <string.h>

#include "base/types.h"
#include "engine/buffer.h"
#include "engine/counter.h"
#include "engine/thread.h"

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
    tally_add(&counter_simple(classify_hits, thread_index(t))[e->id], 1);
    if (__atomic_load_n(&e->last_heard_s, __ATOMIC_RELAXED) != now)
        __atomic_store_n(&e->last_heard_s, now, __ATOMIC_RELAXED);
}
