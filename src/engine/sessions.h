/* Sessions: what data threads remember of flows (reassembly, NAT, reflexive ACLs, whatever comes).
 * Each data thread has a table of its own, which only it changes:
 *
 *   key ─► shared_hash ─► index ─► object (the feature's struct, its keys among the fields)
 *                           └────► timer ─► the feature's node of kind NODE_TIMER
 *
 * so that no lookup waits and no packet needs a lock; fragments and packets of a flow that come in
 * on another thread are handed over (thread_handoff). All memory is address space that is reserved
 * when the table is made: a data thread never allocates, and no step takes long.
 *
 * The control thread makes and frees the tables, and looks at sessions in pieces: each piece is
 * copied by the thread that owns them, between two rounds, so every session is whole, and traffic
 * waits for microseconds. A session takes its object, 13 bytes for each key, and 12 for its timer.
 */
#pragma once

#include "base/pool.h"
#include "base/shared_hash.h"
#include "control/module.h"
#include "engine/thread.h"
#include "engine/timer.h"

#define SESSION_KEYS_MAX 2
#define SESSION_NONE POOL_NONE
#define SESSIONS_A_PIECE 256 /* looked at at a time */

struct session_key {
    u32 offset_bytes; /* in the object; whole words */
    u32 words;
};

struct sessions_args {
    const char *name; /* borrowed for as long as they live */
    u32 object_bytes;
    u32 max;                                   /* of each thread */
    struct session_key keys[SESSION_KEYS_MAX]; /* words 0: there is no second one */
    struct node_index expire;                  /* called with what has timed out: NODE_TIMER */
};

/* Of one thread. */
struct session_table {
    struct pool pool;
    struct shared_hash by_key[SESSION_KEYS_MAX];
    u32 n_keys;
    struct wheel *wheel;
    struct timer_kind kind;
};

struct sessions {
    struct engine *engine;
    struct sessions_args args;
    struct timer_kind kind;
    struct session_table
        *of_thread[THREADS_MAX]; /* NULL: the control thread, and where there is none */
};

/* ---- control thread ---- */

struct sessions *sessions_new(struct engine *e, const struct sessions_args *a);
/* No data thread looks at them any more. Objects are not looked at: what they hold is the feature's
 * to give back first (sessions_each). */
void sessions_free(struct sessions *s);
/* How many there are on a thread: a moment's value. */
u32 sessions_count(const struct sessions *s, u32 thread);
/* Copies whole sessions of a thread from index *from on: at most max, and SESSIONS_A_PIECE, of
 * those that it comes upon. *from: where to go on, SESSION_NONE behind the last one. Shapes:
 * out[max] objects of object_bytes; index[max] or NULL. Returns how many. What was not there in
 * time, or had gone, is left out; what was there all the time is in one piece. */
u32 sessions_copy(const struct sessions *s, u32 thread, u32 *from, void *out, u32 *index, u32 max);
/* fn for each session of a thread, on that thread, a piece between two rounds each time; it may
 * remove the session. */
void sessions_each(const struct sessions *s, u32 thread,
                   void (*fn)(struct thread *t, struct session_table *table, u32 session,
                              void *arg),
                   void *arg);
/* A module's answer to `show bihash`. */
void sessions_tables(const struct sessions *s, module_table_fn *tell, void *arg);

/* ---- the table's data thread ---- */

ALWAYS_INLINE struct session_table *session_table_of(const struct sessions *s,
                                                     const struct thread *t)
{
    return s->of_thread[thread_index(t)];
}

ALWAYS_INLINE void *session_at(const struct session_table *t, u32 i)
{
    return pool_at(&t->pool, i);
}

/* A zeroed object, not in the table yet; SESSION_NONE: there is no room. */
u32 session_new(struct session_table *t);
/* Its keys are complete, and none is in the table: it can be found from now on. false: there is no
 * room; the session is gone. */
bool session_add(struct session_table *t, u32 i) MUST_CHECK;
/* Takes it out, stops its timer and frees it. */
void session_delete(struct session_table *t, u32 i);

/* words: those of the key, as a constant where it is one. */
ALWAYS_INLINE u32 session_find(const struct session_table *t, u32 key, const u64 *words, u32 n)
{
    return shared_hash_find(&t->by_key[key], words, n);
}

ALWAYS_INLINE void session_set_timer(struct session_table *t, u32 i, u64 at_ns)
{
    timer_start(t->wheel, t->kind, i, at_ns);
}

ALWAYS_INLINE void session_stop_timer(struct session_table *t, u32 i)
{
    timer_stop(t->wheel, t->kind, i);
}
