/* Buffer pools: see buffer.h and buffer_pool.h. Free buffers sit in per-thread caches; what
 * overflows goes in batches to the pool's depot, a lock-free stack (index and tag in one word).
 * Buffers that were never used are not in any list: a mark says how far the pool has been opened.
 */
#include "engine/buffer_pool.h"

#include <errno.h>
#include <stdio.h>

#include "control/loop.h"
#include "engine/engine_internal.h"

struct buffer *buffer_base;

struct buffer_pool {
    /* what every free looks at */
    void (*release)(void *owner, struct thread *t, struct buffer *b) CACHE_ALIGNED;
    void *owner;
    u32 cache_max;    /* how many a thread keeps */
    u32 batch;        /* how many a cache takes at once */
    char name[32];    /* "": the place is free */
    u32 first, total; /* of metadata */
    u32 data_bytes;   /* behind the headroom */
    u32 stride_bytes; /* 0: data is borrowed */
    u8 *data;
    struct mem_map map; /* base NULL: the memory is a port's */
    void (*gone)(void *owner);
    struct engine *engine;           /* when it is a port's */
    u32 generation;                  /* another one for each pool that had this place */
    _Atomic u64 depot CACHE_ALIGNED; /* tag << 32 | index of the first batch + 1 */
    _Atomic bool closing;            /* unregistered: buffers only come back */
    _Atomic u32 opened;              /* buffers below were used at least once */
    _Atomic u32 n_depot;
    _Atomic u64 failures;
};

/* One set of pools in a process, as the metadata array is one. */
static struct {
    struct buffer_pool pool[BUFFER_POOLS_MAX];
    u32 n; /* places that were ever used */
    u32 n_closing;
    u32 generations;
    struct mem_map metadata, batches;
    /* By index, of a buffer that heads a batch in a depot: the batch below it, + 1. Not in the
     * buffer, as a thread looks here while another one may take the buffer and write to it. */
    u32 *below;
} pools;

/* Metadata for so many buffers that no pool has: the first gap that is large enough. */
static u32 metadata_find(u32 total)
{
    u32 first = 0;
    for (u32 i = 0; i < pools.n; i++) {
        const struct buffer_pool *p = &pools.pool[i];
        if (p->name[0] && first < p->first + p->total && p->first < first + (u64)total) {
            first = p->first + p->total;
            i = UINT32_MAX; /* from the beginning */
        }
    }
    return total <= BUFFERS_MAX - first ? first : BUFFER_NONE;
}

/* A place and metadata for a pool; NULL when there is no room. */
static struct buffer_pool *pool_new(const char *name, u32 total, u32 batch, struct error *err)
{
    u32 i = 0, first = metadata_find(total);
    while (i < pools.n && pools.pool[i].name[0])
        i++;
    if (i == BUFFER_POOLS_MAX || first == BUFFER_NONE) {
        error_set(err, ENOSPC, "too many buffers: %u asked for, at most %u, in %u pools", total,
                  BUFFERS_MAX, BUFFER_POOLS_MAX);
        return NULL;
    }
    struct buffer_pool *p = &pools.pool[i];
    *p = (struct buffer_pool){.first = first,
                              .total = total,
                              .batch = batch,
                              .cache_max = batch == BUFFER_BATCH ? BUFFER_CACHE : 4 * batch,
                              .generation = ++pools.generations};
    snprintf(p->name, sizeof(p->name), "%s", name);
    pools.n = (u32)max_u64(pools.n, i + 1);
    return p;
}

static int pool_add(const char *name, u32 total, u32 data_bytes, u32 batch,
                    struct mem_page_size page, struct error *err)
{
    struct buffer_pool *p = pool_new(name, total, batch, err);
    if (!p)
        return -ENOSPC;
    p->data_bytes = data_bytes;
    p->stride_bytes = (u32)round_up_u64(data_bytes + BUFFER_HEADROOM_BYTES, CACHE_LINE_BYTES);
    int rc = mem_map_new(&p->map, p->name, (u64)total * p->stride_bytes, page, false, err);
    if (rc) {
        p->name[0] = 0;
        return rc;
    }
    p->data = p->map.base;
    return 0;
}

int buffer_pools_init(struct engine *e, struct error *err)
{
    const struct engine_config *c = &e->config;
    if (pools.n)
        return 0; /* a second engine in the process (tests) shares them */
    struct mem_page_size normal = {.kind = MEM_PAGE_DEFAULT};
    int rc = mem_map_new(&pools.metadata, "buffer-metadata",
                         (u64)BUFFERS_MAX * sizeof(struct buffer), normal, false, err);
    if (rc)
        return rc;
    buffer_base = pools.metadata.base;
    pools.below =
        mem_reserve(&pools.batches, "buffer-batches", (u64)BUFFERS_MAX * sizeof(*pools.below));
    rc = pool_add("default-numa-0", c->buffers_per_numa, c->buffer_data_bytes, BUFFER_BATCH,
                  c->buffer_page, err);
    if (!rc)
        rc = pool_add("large-numa-0", (u32)max_u64(c->buffers_per_numa / 16, 64),
                      65536 - BUFFER_HEADROOM_BYTES, 4, normal, err);
    return rc;
}

/* --- depot --- */

/* Pushes a batch: bi[0] heads it, the rest hang on its `next`. Once they are counted the pool may
 * be gone, and another one have its place. */
static void depot_push(struct buffer_pool *p, const u32 *bi, u32 n)
{
    struct loop *waits = NULL;
    u32 opened = 0;
    if (unlikely(atomic_load_explicit(&p->closing, memory_order_relaxed))) {
        waits = p->engine->piste->loop;
        opened = atomic_load_explicit(&p->opened, memory_order_relaxed);
    }
    for (u32 i = 0; i < n; i++)
        buffer_at(bi[i])->next = i + 1 < n ? bi[i + 1] : BUFFER_NONE;
    u64 old = atomic_load_explicit(&p->depot, memory_order_relaxed), new;
    do {
        __atomic_store_n(&pools.below[bi[0]], (u32)old, __ATOMIC_RELAXED);
        new = ((old >> 32) + 1) << 32 | (bi[0] + 1);
    } while (!atomic_compare_exchange_weak_explicit(&p->depot, &old, new, memory_order_release,
                                                    memory_order_relaxed));
    u32 back = atomic_fetch_add_explicit(&p->n_depot, n, memory_order_acq_rel) + n;
    if (unlikely(waits != NULL) && back >= opened)
        loop_wake(waits); /* that was the last one */
}

static u32 depot_pop(struct buffer_pool *p, u32 *bi)
{
    u64 old = atomic_load_explicit(&p->depot, memory_order_acquire), new;
    do {
        if (!(u32)old)
            return 0;
        /* the head may be taken by another thread meanwhile: the value read is then thrown away,
         * because the tag has changed */
        u32 below = __atomic_load_n(&pools.below[(u32)old - 1], __ATOMIC_RELAXED);
        new = ((old >> 32) + 1) << 32 | below;
    } while (!atomic_compare_exchange_weak_explicit(&p->depot, &old, new, memory_order_acquire,
                                                    memory_order_acquire));
    u32 n = 0;
    for (u32 i = (u32)old - 1; i != BUFFER_NONE; i = buffer_at(i)->next)
        bi[n++] = i;
    atomic_fetch_sub_explicit(&p->n_depot, n, memory_order_relaxed);
    return n;
}

/* Opens up to n buffers that were never used. */
static u32 pool_open(struct buffer_pool *p, u32 pool, u32 *bi, u32 n)
{
    u32 at = atomic_load_explicit(&p->opened, memory_order_relaxed), got;
    do {
        got = (u32)min_u64(n, p->total - at);
        if (!got)
            return 0;
    } while (!atomic_compare_exchange_weak_explicit(&p->opened, &at, at + got, memory_order_relaxed,
                                                    memory_order_relaxed));
    for (u32 i = 0; i < got; i++) {
        u32 index = p->first + at + got - 1 - i; /* the lowest index is taken first */
        struct buffer *b = buffer_at(index);
        b->data = p->data ? p->data + (size_t)(index - p->first) * p->stride_bytes : NULL;
        b->storage_bytes = (u16)(p->data_bytes + BUFFER_HEADROOM_BYTES);
        b->pool = (u8)pool;
        bi[i] = index;
    }
    return got;
}

/* --- alloc and free --- */

/* The thread's own; `show buffers` reads it. */
ALWAYS_INLINE void cache_set(struct buffer_cache *c, u32 n)
{
    __atomic_store_n(&c->n, n, __ATOMIC_RELAXED);
}

static void cache_refill(struct buffer_pool *p, u32 pool, struct buffer_cache *c)
{
    if (atomic_load_explicit(&p->closing, memory_order_relaxed))
        return;
    u32 n = depot_pop(p, c->bi + c->n);
    if (!n)
        n = pool_open(p, pool, c->bi + c->n, p->batch);
    cache_set(c, c->n + n);
}

ALWAYS_INLINE void buffer_reset(struct buffer *b)
{
    b->start = BUFFER_HEADROOM_BYTES;
    b->len = 0;
    b->flags = 0;
    b->next = BUFFER_NONE;
    b->tail_len = 0;
    b->rx_if = b->tx_if = IF_NONE;
    b->refs = 1;
    b->error = 0;
    b->error_node.i = 0;
    b->l2_start = b->l3_start = b->l4_start = BUFFER_HEADROOM_BYTES;
}

u32 buffer_alloc(struct thread *t, u32 pool, u32 *bi, u32 n)
{
    struct buffer_pool *p = &pools.pool[pool];
    struct buffer_cache *c = &t->cache[pool];
    u32 got = 0;
    while (got < n) {
        if (unlikely(!c->n)) {
            cache_refill(p, pool, c);
            if (!c->n) {
                atomic_fetch_add_explicit(&p->failures, 1, memory_order_relaxed);
                break;
            }
        }
        u32 left = c->n, k = (u32)min_u64(n - got, left);
        for (u32 i = 0; i < k; i++) {
            u32 index = c->bi[--left];
            buffer_reset(buffer_at(index));
            bi[got++] = index;
        }
        cache_set(c, left);
    }
    return got;
}

static void cache_spill(struct buffer_pool *p, struct buffer_cache *c)
{
    /* the coldest go: what was freed last is used next; of a pool that closes, all */
    u32 n = (u32)min_u64(p->batch, c->n);
    depot_push(p, c->bi, n);
    cache_set(c, c->n - n);
    memmove(c->bi, c->bi + n, c->n * sizeof(c->bi[0]));
}

ALWAYS_INLINE void free_one(struct thread *t, u32 bi)
{
    for (;;) {
        struct buffer *b = buffer_at(bi);
        if (unlikely(__atomic_load_n(&b->refs, __ATOMIC_ACQUIRE) > 1) &&
            __atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL))
            return; /* what follows is held through this one */
        u32 next = (b->flags & BUFFER_NEXT) ? b->next : BUFFER_NONE;
        struct buffer_pool *p = &pools.pool[b->pool];
        struct buffer_cache *c = &t->cache[b->pool];
        if (unlikely(p->release != NULL))
            p->release(p->owner, t, b);
        c->bi[c->n] = bi;
        cache_set(c, c->n + 1);
        if (unlikely(c->n >= __atomic_load_n(&p->cache_max, __ATOMIC_RELAXED)))
            cache_spill(p, c);
        if (likely(next == BUFFER_NONE))
            return;
        bi = next;
    }
}

void buffer_free_one(struct thread *t, u32 bi)
{
    free_one(t, bi);
}

/* Frees packets from the first on that are one buffer of that pool each, which nobody else holds,
 * as many as its cache has room for; returns how many. */
static u32 free_run(struct buffer_cache *c, const struct buffer_pool *p, u32 pool, const u32 *bi,
                    u32 n)
{
    u32 at = c->n, max = __atomic_load_n(&p->cache_max, __ATOMIC_RELAXED), i = 0;
    n = (u32)min_u64(n, max > at ? max - at - 1 : 0);
    for (; i < n; i++) {
        const struct buffer *b = buffer_at(bi[i]);
        if (i + 4 < n)
            __builtin_prefetch(buffer_at(bi[i + 4]));
        if (unlikely((b->flags & BUFFER_NEXT) || b->pool != pool || buffer_is_shared(b)))
            break;
        c->bi[at++] = bi[i];
    }
    cache_set(c, at);
    return i;
}

void buffer_free(struct thread *t, const u32 *bi, u32 n)
{
    for (u32 i = 0; i < n;) {
        u32 pool = buffer_at(bi[i])->pool;
        const struct buffer_pool *p = &pools.pool[pool];
        if (likely(!p->release))
            i += free_run(&t->cache[pool], p, pool, bi + i, n - i);
        if (i < n)
            free_one(t, bi[i++]);
    }
}

static void pool_flush(struct thread *t, u32 pool)
{
    struct buffer_cache *c = &t->cache[pool];
    while (c->n) {
        u32 n = (u32)min_u64(c->n, BUFFER_BATCH);
        depot_push(&pools.pool[pool], c->bi + c->n - n, n);
        cache_set(c, c->n - n);
    }
}

void buffer_thread_flush(struct thread *t)
{
    for (u32 i = 0; i < pools.n; i++)
        pool_flush(t, i);
}

/* --- pools of ports --- */

int buffer_pool_register(struct engine *e, const struct buffer_pool_args *a, u32 *pool,
                         struct error *err)
{
    /* small caches, so that not too many buffers are with threads that take none */
    u32 batch = (u32)max_u64(4, min_u64(BUFFER_BATCH, a->n_buffers / 64));
    if (!a->n_buffers || a->stride_bytes > 65536 || (a->base && a->stride_bytes < 64))
        return error_set(err, EINVAL, "%u buffers of %u bytes: there are none such", a->n_buffers,
                         a->stride_bytes);
    struct buffer_pool *p = pool_new(a->name, a->n_buffers, batch, err);
    if (!p)
        return -ENOSPC;
    p->cache_max = 4 * batch;
    p->data = a->base;
    p->stride_bytes = a->base ? a->stride_bytes : 0;
    p->data_bytes = p->stride_bytes - (u32)min_u64(p->stride_bytes, BUFFER_HEADROOM_BYTES);
    p->owner = a->owner;
    p->release = a->release;
    p->gone = a->gone;
    p->engine = e;
    *pool = (u32)(p - pools.pool);
    return 0;
}

static void flush_on_thread(struct thread *t, void *arg)
{
    const u32 *pool = arg;
    pool_flush(t, *pool);
}

void buffer_pool_unregister(struct engine *e, u32 pool)
{
    struct buffer_pool *p = &pools.pool[pool];
    atomic_store_explicit(&p->closing, true, memory_order_relaxed);
    __atomic_store_n(&p->cache_max, 0, __ATOMIC_RELAXED); /* what is freed goes to the depot */
    for (u32 i = 0; i < e->n_threads; i++)
        thread_call(e->threads[i], flush_on_thread, &pool);
    pools.n_closing++;
    if (e->piste->loop)
        loop_wake(e->piste->loop);
}

/* Ends pools all of whose buffers have come back; `all`: the others, too. */
void buffer_pools_reap(struct engine *e, bool all)
{
    for (u32 i = 0; pools.n_closing && i < pools.n; i++) {
        struct buffer_pool *p = &pools.pool[i];
        if (!p->name[0] || p->engine != e || !atomic_load(&p->closing))
            continue;
        if (!all && atomic_load(&p->n_depot) != atomic_load(&p->opened))
            continue;
        void (*gone)(void *owner) = p->gone;
        p->name[0] = 0;
        p->release = NULL;
        pools.n_closing--;
        if (gone)
            gone(p->owner);
    }
}

u32 buffer_pool_first(u32 pool)
{
    return pools.pool[pool].first;
}

/* --- for show buffers --- */

u32 buffer_pool_count(void)
{
    return pools.n;
}

bool buffer_pool_get_info(const struct engine *e, u32 pool, struct buffer_pool_info *out)
{
    struct buffer_pool *p = &pools.pool[pool];
    *out = (struct buffer_pool_info){0};
    if (!p->name[0])
        return false;
    u32 opened = atomic_load_explicit(&p->opened, memory_order_relaxed);
    u32 depot = atomic_load_explicit(&p->n_depot, memory_order_relaxed), cached = 0;
    for (u32 i = 0; i < e->n_threads && e->threads[i]; i++)
        cached += __atomic_load_n(&e->threads[i]->cache[pool].n, __ATOMIC_RELAXED);
    *out = (struct buffer_pool_info){
        .index = pool,
        .generation = p->generation,
        .size_bytes = p->stride_bytes,
        .data_bytes = p->data_bytes,
        .total = p->total,
        .available = p->total - opened + depot,
        .cached = cached,
        .alloc_failures = atomic_load_explicit(&p->failures, memory_order_relaxed),
    };
    u32 idle = out->available + out->cached;
    out->used = out->total > idle ? out->total - idle : 0;
    memcpy(out->name, p->name, sizeof(out->name));
    return true;
}

u32 buffer_pool_data_bytes(u32 pool)
{
    return pools.pool[pool].data_bytes;
}

u64 buffer_pool_touched_bytes(u32 pool)
{
    const struct buffer_pool *p = &pools.pool[pool];
    return p->data ? mem_resident_bytes(p->data, (u64)p->total * p->stride_bytes) : 0;
}
