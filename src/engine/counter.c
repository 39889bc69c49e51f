/* Counter vectors: see counter.h. */
#include "engine/counter.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/engine_internal.h"

static void rows_of_its_own(struct counter_vec *v, u32 max)
{
    u64 stride = round_up_u64((u64)max * (v->combined ? 16 : 8), 4096);
    u32 n = v->engine->n_threads;
    v->rows = (struct stats_rows){
        STATS_NO_HANDLE, mem_reserve(&v->own, "counters", stride * n), stride, n, max, max};
}

struct counter_vec *counter_vec_new(struct engine *e, const char *name, bool combined, u32 max)
{
    struct counter_vec *v = mem_alloc(sizeof(*v));
    v->engine = e;
    v->combined = combined;
    if (stats_add_rows(e->stats, combined ? STAT_COMBINED : STAT_SIMPLE, name, e->n_threads, max,
                       &v->rows))
        rows_of_its_own(v, max);
    vec_add(&e->counters, v);
    return v;
}

void counter_vec_free(struct counter_vec *v)
{
    if (!v)
        return;
    for (u32 i = 0; i < v->engine->counters.n; i++)
        if (v->engine->counters.v[i] == v)
            vec_del(&v->engine->counters, i);
    stats_remove(v->engine->stats, v->rows.handle);
    mem_map_free(&v->own);
    free(v);
}

struct stats_handle counter_handle(const struct counter_vec *v)
{
    return v->rows.handle;
}

/* Sum over threads of word w of a thread's row. */
static u64 raw_sum(const struct counter_vec *v, u64 w)
{
    u64 sum = 0;
    for (u32 t = 0; t < v->rows.n_rows; t++)
        sum += tally_read(counter_simple(v, t) + w);
    return sum;
}

u64 counter_get(const struct counter_vec *v, u32 index)
{
    return raw_sum(v, index);
}

struct counter_pair counter_get_pair(const struct counter_vec *v, u32 index)
{
    u64 w = 2ull * index;
    return (struct counter_pair){raw_sum(v, w), raw_sum(v, w + 1)};
}

/* Leaves pages alone that nobody touched. */
static void zero_in_row(const struct counter_vec *v, u32 thread, u32 index)
{
    u32 words = v->combined ? 2 : 1;
    u64 *at = counter_simple(v, thread) + (u64)words * index;
    for (u32 i = 0; i < words; i++)
        if (tally_read(&at[i]))
            tally_set(&at[i], 0);
}

void counter_zero(struct counter_vec *v, u32 index)
{
    if (index >= v->rows.n && v->rows.handle.i != UINT32_MAX) {
        stats_grow_rows(&v->rows, index + 1); /* new columns are zero */
        return;
    }
    for (u32 t = 0; t < v->rows.n_rows; t++)
        zero_in_row(v, t, index);
}

struct clear {
    struct counter_vec *const *vecs;
    const u32 *indices;
    u32 n_vecs, n;
};

static void clear_rows(struct thread *t, void *arg)
{
    const struct clear *c = arg;
    for (u32 k = 0; k < c->n_vecs; k++)
        for (u32 i = 0; i < c->n; i++)
            zero_in_row(c->vecs[k], t->index, c->indices[i]);
}

void counter_clear(struct engine *e, struct counter_vec *const *vecs, u32 n_vecs,
                   const u32 *indices, u32 n)
{
    struct clear c = {vecs, indices, n_vecs, n};
    for (u32 t = 0; t < e->n_threads; t++)
        thread_call(e->threads[t], clear_rows, &c);
}
