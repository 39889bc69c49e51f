/* Counter vectors: see counter.h. */
#include "engine/counter.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "engine/engine_internal.h"

struct counter_vec {
    struct engine *engine;
    char *name;
    bool combined;
    u32 max;
    struct mem_map map;  /* n_threads vectors, then the base of clears */
    u64 *base;
    u64 stride_words; /* from one thread's vector to the next */
};

struct counter_vec *counter_vec_new(struct engine *e, const char *name, bool combined, u32 max)
{
    struct counter_vec *v = mem_alloc(sizeof(*v));
    struct mem_page_size page = {.kind = MEM_PAGE_DEFAULT};
    struct error err;
    v->engine = e;
    v->name = mem_strdup(name);
    v->combined = combined;
    v->max = max;
    /* a page and more between threads: no line is shared */
    u64 bytes = round_up_u64((u64) max * (combined ? 16 : 8), 4096);
    v->stride_words = bytes / 8;
    if (mem_map_new(&v->map, v->name, bytes * (e->n_threads + 1), page, false, &err))
        panic("counters %s: %s", name, err.text);
    v->base = (u64 *) v->map.base + v->stride_words * e->n_threads;
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
    mem_map_free(&v->map);
    free(v->name);
    free(v);
}

u64 *counter_simple(const struct counter_vec *v, u32 thread)
{
    return (u64 *) v->map.base + v->stride_words * thread;
}

struct counter_pair *counter_combined(const struct counter_vec *v, u32 thread)
{
    return (struct counter_pair *) counter_simple(v, thread);
}

/* Sum over threads of word w of a thread's vector. */
static u64 raw_sum(const struct counter_vec *v, u64 w)
{
    u64 sum = 0;
    for (u32 t = 0; t < v->engine->n_threads; t++)
        sum += __atomic_load_n(counter_simple(v, t) + w, __ATOMIC_RELAXED);
    return sum;
}

u64 counter_get(const struct counter_vec *v, u32 index)
{
    return raw_sum(v, index) - v->base[index];
}

struct counter_pair counter_get_pair(const struct counter_vec *v, u32 index)
{
    u64 w = 2ull * index;
    return (struct counter_pair){raw_sum(v, w) - v->base[w], raw_sum(v, w + 1) - v->base[w + 1]};
}

void counter_clear(struct counter_vec *v, u32 index)
{
    u64 words = v->combined ? 2 : 1, w = index * words;
    for (u64 i = w; i < w + words; i++) {
        u64 sum = raw_sum(v, i);
        if (sum != v->base[i]) /* leaves untouched pages alone */
            v->base[i] = sum;
    }
}

void counter_zero(struct counter_vec *v, u32 index)
{
    u64 words = v->combined ? 2 : 1, w = index * words;
    for (u64 i = w; i < w + words; i++) {
        for (u32 t = 0; t < v->engine->n_threads; t++)
            if (counter_simple(v, t)[i])
                counter_simple(v, t)[i] = 0;
        if (v->base[i])
            v->base[i] = 0;
    }
}
