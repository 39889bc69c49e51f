/* Counters that data threads bump without sharing: a vector per thread, in address space reserved for the
 * largest index and touched lazily. Readers add the threads up. A clear takes a base that is subtracted
 * from what people see; the counters themselves never go back. */
#pragma once

#include "base/types.h"
#include "engine/thread.h"

struct counter_pair {
    u64 packets, bytes;
};

struct counter_vec;

/* simple: a u64 per index; combined: packets and bytes. name is copied ("/if/rx"). Indices are below max. */
struct counter_vec *counter_vec_new(struct engine *e, const char *name, bool combined, u32 max);
void counter_vec_free(struct counter_vec *v);

/* This thread's vector: v[index] may be bumped by thread t only. */
u64 *counter_simple(const struct counter_vec *v, u32 thread);
struct counter_pair *counter_combined(const struct counter_vec *v, u32 thread);

/* Sum over threads since the last clear. */
u64 counter_get(const struct counter_vec *v, u32 index);
struct counter_pair counter_get_pair(const struct counter_vec *v, u32 index);
void counter_clear(struct counter_vec *v, u32 index);
/* For a new owner of the index: as clear, and the raw values are zeroed too. No thread bumps it now. */
void counter_zero(struct counter_vec *v, u32 index);
