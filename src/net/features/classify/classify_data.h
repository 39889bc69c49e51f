/* What nodes know of classifier tables and sessions, see classify.h. */
#pragma once

#include <string.h>

#include "base/index_list.h"
#include "base/mem.h"
#include "base/shared_hash.h"
#include "base/types.h"
#include "engine/buffer.h"
#include "engine/counter.h"
#include "engine/thread.h"

#define CLASSIFY_VECTOR_BYTES 16
#define CLASSIFY_MATCH_MAX 5 /* vectors */
#define CLASSIFY_SKIP_MAX 31
#define CLASSIFY_TABLES_MAX 65536
#define CLASSIFY_SESSIONS_MAX MEM_MOST(1u << 20) /* of all tables */
#define CLASSIFY_CHAIN_MAX 64                    /* tables that one packet is looked up in */
#define CLASSIFY_NONE UINT32_MAX
static_assert(CLASSIFY_NONE == SHARED_HASH_NONE, "no session");

enum classify_action {
    CLASSIFY_ACTION_NONE,
    CLASSIFY_ACTION_SET_IP4_FIB, /* metadata: table index */
    CLASSIFY_ACTION_SET_IP6_FIB,
    CLASSIFY_ACTION_SET_METADATA, /* refused: it is for segment routing */
};

struct classify_session {
    u32 next; /* what the node makes of it: an edge, a policer; CLASSIFY_NONE: nothing said */
    u32 opaque;
    i32 advance;      /* bytes; of frames */
    u32 metadata;     /* of the action */
    u32 id;           /* of its counter */
    u32 last_heard_s; /* data threads write it */
    u8 action;        /* enum classify_action */
    bool is_policer;  /* next is the index of one */
    u8 spare[6];
    struct index_links of_table; /* the control thread's */
    u64 serial;                  /* the table's: where the hash table's key begins */
    u64 key[];                   /* match vectors, masked */
};
static_assert(offsetof(struct classify_session, key) ==
                  offsetof(struct classify_session, serial) + sizeof(u64),
              "one key");

struct classify_table {
    u64 mask[CLASSIFY_MATCH_MAX * 2];
    u64 serial;     /* no other table ever has it */
    u32 next_table; /* CLASSIFY_NONE: none */
    u32 miss_next;  /* CLASSIFY_NONE: the packet goes on */
    u32 index;
    i16 offset;
    u16 skip, match;
    bool current; /* base is where the node stands */
};

extern struct classify_table **classify_tables; /* CLASSIFY_TABLES_MAX; NULL: there is none */
extern struct shared_hash *classify_sessions;   /* of all tables, by match - 1 */
extern struct counter_vec *classify_hits;       /* simple, by session id */

ALWAYS_INLINE const struct classify_table *classify_table_at(u32 i)
{
    return i < CLASSIFY_TABLES_MAX ? __atomic_load_n(&classify_tables[i], __ATOMIC_ACQUIRE) : NULL;
}

#define CLASSIFY_KEY_WORDS(match) (1 + 2 * (match))

/* Key of b for table t, from byte `base` of b's data on: CLASSIFY_KEY_WORDS. */
ALWAYS_INLINE void classify_key(const struct classify_table *t, const struct buffer *b, int base,
                                u64 *key)
{
    *key++ = t->serial;
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

ALWAYS_INLINE struct classify_session *classify_session_at(u32 match, u32 i)
{
    const u64 *key = shared_hash_key(&classify_sessions[match - 1], i);
    return container_of(key, struct classify_session, serial);
}

/* Index of the session with that key, among those of as many vectors; CLASSIFY_NONE. */
ALWAYS_INLINE u32 classify_find_key(u32 match, const u64 *key)
{
    const struct shared_hash *h = &classify_sessions[match - 1];
    switch (match) {
    case 1:
        return shared_hash_find(h, key, CLASSIFY_KEY_WORDS(1));
    case 2:
        return shared_hash_find(h, key, CLASSIFY_KEY_WORDS(2));
    case 3:
        return shared_hash_find(h, key, CLASSIFY_KEY_WORDS(3));
    default:
        return shared_hash_find(h, key, CLASSIFY_KEY_WORDS(match));
    }
}

/* Where b is looked at in table t: node is where the node stands, frame where the frame begins;
 * offsets from b's data. */
ALWAYS_INLINE struct classify_session *classify_find(const struct classify_table *t,
                                                     const struct buffer *b, int node, int frame)
{
    u64 key[CLASSIFY_KEY_WORDS(CLASSIFY_MATCH_MAX)];
    classify_key(t, b, t->current ? node : frame, key);
    u32 i = classify_find_key(t->match, key);
    return i == CLASSIFY_NONE ? NULL : classify_session_at(t->match, i);
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

/* The reasons of n that hits, hits behind the first table and misses are counted by. */
ALWAYS_INLINE void classify_tally_count(struct node *n, const struct classify_tally *sum, u32 hit,
                                        u32 chain_hit, u32 miss)
{
    node_count(n, hit, sum->hits);
    node_count(n, chain_hit, sum->chain_hits);
    node_count(n, miss, sum->misses);
}

ALWAYS_INLINE void classify_hit(struct thread *t, struct classify_session *e)
{
    u32 now = (u32)(thread_now_ns(t) / 1000000000u);
    tally_add(&counter_simple(classify_hits, thread_index(t))[e->id], 1);
    if (__atomic_load_n(&e->last_heard_s, __ATOMIC_RELAXED) != now)
        __atomic_store_n(&e->last_heard_s, now, __ATOMIC_RELAXED);
}
