/* Counters that data threads bump without sharing: a row per thread, in address space reserved for
 * the largest index and touched lazily. Readers add the rows up. They lie in the stats segment
 * (stats.h), where other programs read them under their names. */
#pragma once

#include "base/mem.h"
#include "base/tally.h"
#include "base/types.h"
#include "engine/stats.h"
#include "engine/thread.h"

struct counter_pair {
    u64 packets, bytes;
};

/* For the one thread whose row it is in. */
ALWAYS_INLINE void counter_pair_add(struct counter_pair *c, u64 packets, u64 bytes)
{
    tally_add(&c->packets, packets);
    tally_add(&c->bytes, bytes);
}

/* Its words are counter.c's; here for who bumps. */
struct counter_vec {
    struct engine *engine;
    bool combined;
    uintptr_t *written; /* the control thread's: of each row a page that is memory, or 0 */
    struct stats_rows rows;
    struct mem_map own; /* where the rows are when the segment is full: nobody else sees them */
};

/* simple: a u64 per index; combined: packets and bytes. name is copied ("/if/rx"). Indices are
 * below max. */
struct counter_vec *counter_vec_new(struct engine *e, const char *name, bool combined, u32 max);
void counter_vec_free(struct counter_vec *v);
/* The entry in the stats segment, for links to it. */
struct stats_handle counter_handle(const struct counter_vec *v);

/* This thread's row: v[index] is bumped by thread t only, with tally_add or counter_pair_add. */
ALWAYS_INLINE u64 *counter_simple(const struct counter_vec *v, u32 thread)
{
    return (u64 *)(void *)(v->rows.first + v->rows.stride_bytes * thread);
}

ALWAYS_INLINE struct counter_pair *counter_combined(const struct counter_vec *v, u32 thread)
{
    return (struct counter_pair *)(void *)counter_simple(v, thread);
}

/* Sum over threads. What nobody has counted is no memory behind it, either. Context: control
 * thread. */
u64 counter_get(const struct counter_vec *v, u32 index);
struct counter_pair counter_get_pair(const struct counter_vec *v, u32 index);
/* For a new owner of the index, which no thread bumps now: it is zero, and clients of the segment
 * see it. */
void counter_zero(struct counter_vec *v, u32 index);
/* Sets these indices to 0 in all of vecs while traffic goes on: each thread clears its own row. */
void counter_clear(struct engine *e, struct counter_vec *const *vecs, u32 n_vecs,
                   const u32 *indices, u32 n);
