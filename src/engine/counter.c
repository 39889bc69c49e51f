/* Counter vectors: see counter.h. */
#include "engine/counter.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/engine_internal.h"

#define ZERO_PAGE_BYTES 4096 /* or less than a page, where those are larger */

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
    v->written = mem_alloc(v->rows.n_rows * sizeof(*v->written));
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
    free(v->written);
    free(v);
}

struct stats_handle counter_handle(const struct counter_vec *v)
{
    return v->rows.handle;
}

/* Whether a thread may have written there: reading a page of shared memory that nobody has written
 * to would make it memory; with a million routes, 64 MB for their zeros. */
static bool is_written(const struct counter_vec *v, u32 row, const void *at)
{
    uintptr_t page = (uintptr_t)at & ~(uintptr_t)(ZERO_PAGE_BYTES - 1);
    if (v->rows.handle.i == UINT32_MAX || v->written[row] == page)
        return true;
    if (stats_next_written(v->engine->stats, at) != at)
        return false;
    v->written[row] = page;
    return true;
}

u64 counter_get(const struct counter_vec *v, u32 index)
{
    u64 sum = 0;
    for (u32 t = 0; t < v->rows.n_rows; t++) {
        const u64 *at = counter_simple(v, t) + index;
        if (is_written(v, t, at))
            sum += tally_read(at);
    }
    return sum;
}

struct counter_pair counter_get_pair(const struct counter_vec *v, u32 index)
{
    struct counter_pair sum = {0};
    for (u32 t = 0; t < v->rows.n_rows; t++) {
        const struct counter_pair *at = counter_combined(v, t) + index;
        if (!is_written(v, t, at))
            continue;
        sum.packets += tally_read(&at->packets);
        sum.bytes += tally_read(&at->bytes);
    }
    return sum;
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
