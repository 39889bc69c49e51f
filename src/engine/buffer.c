/* Buffer pools: see buffer.h. Free buffers sit in per-thread caches; what overflows goes in batches
 * to the pool's depot, a lock-free stack (index and tag in one word). Buffers that were never used
 * are not in any list: a mark says how far the pool has been opened. */
#include "engine/buffer.h"

#include <errno.h>
#include <stdio.h>

#include "engine/engine_internal.h"

struct buffer *buffer_base;

struct buffer_pool {
    char name[32];
    u32 first, total;
    u32 data_bytes; /* behind the headroom */
    u32 stride_bytes;
    u32 batch;     /* how many a cache takes at once */
    u32 cache_max; /* how many a thread keeps */
    u8 *data;
    struct mem_map map;
    _Atomic u64 depot;  /* tag << 32 | index of the first batch + 1 */
    _Atomic u32 opened; /* buffers below were used at least once */
    _Atomic u32 n_depot;
    _Atomic u64 failures;
};

/* One set of pools in a process, as the metadata array is one. */
static struct {
    struct buffer_pool pool[BUFFER_POOLS_MAX];
    u32 n;
    u32 next_first;
    struct mem_map metadata;
} pools;

static int pool_add(const char *name, u32 total, u32 data_bytes, u32 batch,
                    struct mem_page_size page, struct error *err)
{
    struct buffer_pool *p = &pools.pool[pools.n];
    if (pools.n == BUFFER_POOLS_MAX || total > BUFFERS_MAX - pools.next_first)
        return error_set(err, ENOSPC, "too many buffers: %u asked for, at most %u", total,
                         BUFFERS_MAX - pools.next_first);
    *p = (struct buffer_pool){.first = pools.next_first,
                              .total = total,
                              .data_bytes = data_bytes,
                              .batch = batch,
                              .cache_max = batch == BUFFER_BATCH ? BUFFER_CACHE : 4 * batch};
    snprintf(p->name, sizeof(p->name), "%s", name);
    p->stride_bytes = (u32)round_up_u64(data_bytes + BUFFER_HEADROOM_BYTES, CACHE_LINE_BYTES);
    int rc = mem_map_new(&p->map, p->name, (u64)total * p->stride_bytes, page, false, err);
    if (rc)
        return rc;
    p->data = p->map.base;
    pools.next_first += total;
    pools.n++;
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
    rc = pool_add("default-numa-0", c->buffers_per_numa, c->buffer_data_bytes, BUFFER_BATCH,
                  c->buffer_page, err);
    if (!rc)
        rc = pool_add("large-numa-0", (u32)max_u64(c->buffers_per_numa / 16, 64),
                      65536 - BUFFER_HEADROOM_BYTES, 4, normal, err);
    return rc;
}

/* --- depot --- */

/* Pushes a batch: bi[0] heads it, the rest hang on its `next`. */
static void depot_push(struct buffer_pool *p, const u32 *bi, u32 n)
{
    for (u32 i = 0; i < n; i++)
        buffer_at(bi[i])->next = i + 1 < n ? bi[i + 1] : BUFFER_NONE;
    struct buffer *head = buffer_at(bi[0]);
    u64 old = atomic_load_explicit(&p->depot, memory_order_relaxed), new;
    do {
        __atomic_store_n(&head->tail_len, (u32)old, __ATOMIC_RELAXED);
        new = ((old >> 32) + 1) << 32 | (bi[0] + 1);
    } while (!atomic_compare_exchange_weak_explicit(&p->depot, &old, new, memory_order_release,
                                                    memory_order_relaxed));
    atomic_fetch_add_explicit(&p->n_depot, n, memory_order_relaxed);
}

static u32 depot_pop(struct buffer_pool *p, u32 *bi)
{
    u64 old = atomic_load_explicit(&p->depot, memory_order_acquire), new;
    do {
        if (!(u32)old)
            return 0;
        /* the head may be taken by another thread meanwhile: the value read is then thrown away,
         * because the tag has changed */
        u32 below = __atomic_load_n(&buffer_at((u32)old - 1)->tail_len, __ATOMIC_RELAXED);
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
        b->data = p->data + (size_t)(index - p->first) * p->stride_bytes;
        b->storage_bytes = (u16)(p->data_bytes + BUFFER_HEADROOM_BYTES);
        b->pool = (u8)pool;
        bi[i] = index;
    }
    return got;
}

/* --- alloc and free --- */

static void cache_refill(struct buffer_pool *p, u32 pool, struct buffer_cache *c)
{
    u32 n = depot_pop(p, c->bi + c->n);
    if (!n)
        n = pool_open(p, pool, c->bi + c->n, p->batch);
    c->n += n;
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
        u32 index = c->bi[--c->n];
        buffer_reset(buffer_at(index));
        bi[got++] = index;
    }
    return got;
}

static void cache_spill(struct buffer_pool *p, struct buffer_cache *c)
{
    /* the coldest go: what was freed last is used next */
    u32 n = p->batch;
    depot_push(p, c->bi, n);
    c->n -= n;
    memmove(c->bi, c->bi + n, c->n * sizeof(c->bi[0]));
}

void buffer_free_one(struct thread *t, u32 bi)
{
    for (;;) {
        struct buffer *b = buffer_at(bi);
        if (unlikely(__atomic_load_n(&b->refs, __ATOMIC_ACQUIRE) > 1) &&
            __atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL))
            return; /* what follows is held through this one */
        u32 next = (b->flags & BUFFER_NEXT) ? b->next : BUFFER_NONE;
        struct buffer_pool *p = &pools.pool[b->pool];
        struct buffer_cache *c = &t->cache[b->pool];
        c->bi[c->n++] = bi;
        if (unlikely(c->n >= p->cache_max))
            cache_spill(p, c);
        if (likely(next == BUFFER_NONE))
            return;
        bi = next;
    }
}

void buffer_free(struct thread *t, const u32 *bi, u32 n)
{
    for (u32 i = 0; i < n; i++) {
        if (i + 4 < n)
            __builtin_prefetch(buffer_at(bi[i + 4]));
        buffer_free_one(t, bi[i]);
    }
}

void buffer_thread_flush(struct thread *t)
{
    for (u32 i = 0; i < pools.n; i++) {
        struct buffer_cache *c = &t->cache[i];
        while (c->n) {
            u32 n = (u32)min_u64(c->n, BUFFER_BATCH);
            depot_push(&pools.pool[i], c->bi + c->n - n, n);
            c->n -= n;
        }
    }
}

/* --- whole packets --- */

int buffer_append(struct thread *t, struct buffer *b, const void *bytes, u32 n)
{
    struct buffer *last = b;
    while (last->flags & BUFFER_NEXT)
        last = buffer_at(last->next);
    u32 room = buffer_storage_bytes(last) - (u32)last->start - last->len;
    u32 in_last = (u32)min_u64(n, room), per = pools.pool[BUFFER_POOL_DEFAULT].data_bytes;
    u32 need = (n - in_last + per - 1) / per, more[64];
    if (need > array_len(more))
        return -ENOBUFS;
    u32 got = buffer_alloc(t, BUFFER_POOL_DEFAULT, more, need);
    if (got < need) {
        buffer_free(t, more, got);
        return -ENOBUFS;
    }
    const u8 *from = bytes;
    memcpy((u8 *)buffer_current(last) + last->len, from, in_last);
    last->len = (u16)(last->len + in_last);
    if (last != b)
        b->tail_len += in_last;
    from += in_last;
    n -= in_last;
    for (u32 i = 0; i < need; i++) {
        struct buffer *seg = buffer_at(more[i]);
        u32 k = (u32)min_u64(n, per);
        memcpy(buffer_current(seg), from, k);
        seg->len = (u16)k;
        last->flags |= BUFFER_NEXT;
        last->next = more[i];
        last = seg;
        if (i == 0 && !(b->flags & BUFFER_NEXT))
            b->tail_len = 0;
        b->tail_len += k;
        from += k;
        n -= k;
    }
    return 0;
}

u32 buffer_copy_out(const struct buffer *b, u32 offset, void *to, u32 n)
{
    u32 done = 0;
    for (;;) {
        if (offset < b->len) {
            u32 k = (u32)min_u64(n - done, b->len - offset);
            memcpy((u8 *)to + done, (u8 *)buffer_current(b) + offset, k);
            done += k;
            offset = 0;
        } else {
            offset -= b->len;
        }
        if (done == n || !(b->flags & BUFFER_NEXT))
            return done;
        b = buffer_at(b->next);
    }
}

/* What describes the packet. */
static void copy_description(struct buffer *to, const struct buffer *from)
{
    to->start = from->start;
    to->len = from->len;
    to->flags = from->flags & ~(u32)(BUFFER_TRACED | BUFFER_NEXT);
    to->rx_if = from->rx_if;
    to->tx_if = from->tx_if;
    to->l2_start = from->l2_start;
    to->l3_start = from->l3_start;
    to->l4_start = from->l4_start;
    to->gso_l4_len = from->gso_l4_len;
    to->gso_size = from->gso_size;
    to->csum_start = from->csum_start;
    to->csum_offset = from->csum_offset;
    to->flow_hash = from->flow_hash;
    to->inner_l3_start = from->inner_l3_start;
}

static void copy_metadata(struct buffer *to, const struct buffer *from)
{
    copy_description(to, from);
    to->chain = from->chain;
    to->chain_pos = from->chain_pos;
    memcpy(to->scratch, from->scratch, sizeof(to->scratch));
}

u32 buffer_copy(struct thread *t, const struct buffer *b)
{
    u32 first = BUFFER_NONE;
    struct buffer *last = NULL;
    for (const struct buffer *seg = b;; seg = buffer_at(seg->next)) {
        u32 pool = buffer_storage_bytes(seg) > pools.pool[BUFFER_POOL_DEFAULT].stride_bytes
                       ? BUFFER_POOL_LARGE
                       : BUFFER_POOL_DEFAULT;
        u32 bi;
        if (!buffer_alloc(t, pool, &bi, 1)) {
            if (first != BUFFER_NONE)
                buffer_free_one(t, first);
            return BUFFER_NONE;
        }
        struct buffer *c = buffer_at(bi);
        copy_metadata(c, seg);
        memcpy(buffer_current(c), buffer_current(seg), seg->len);
        if (last) {
            last->flags |= BUFFER_NEXT;
            last->next = bi;
        } else {
            first = bi;
            c->tail_len = b->tail_len;
        }
        last = c;
        if (!(seg->flags & BUFFER_NEXT))
            return first;
    }
}

u32 buffer_copy_head(struct thread *t, const struct buffer *b, u32 n)
{
    u32 bi;
    if (!buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1))
        return BUFFER_NONE;
    struct buffer *c = buffer_at(bi);
    int shift = c->start - b->start;
    copy_description(c, b);
    c->start = (i16)(c->start + shift);
    c->l2_start = (i16)(c->l2_start + shift);
    c->l3_start = (i16)(c->l3_start + shift);
    c->l4_start = (i16)(c->l4_start + shift);
    c->csum_start = (i16)(c->csum_start + shift);
    c->inner_l3_start = (i16)(c->inner_l3_start + shift);
    c->flags |= b->flags & BUFFER_TRACED;
    c->trace = b->trace;
    c->len = (u16)n;
    memcpy(buffer_current(c), buffer_current(b), n);
    return bi;
}

bool buffer_share(struct buffer *b)
{
    if (b->refs >= 254)
        return false;
    __atomic_add_fetch(&b->refs, 1, __ATOMIC_RELAXED);
    return true;
}

/* Moves what b holds to the front of its storage, behind the headroom. */
static void move_to_front(struct buffer *b)
{
    int shift = b->start - BUFFER_HEADROOM_BYTES;
    memmove(b->data + BUFFER_HEADROOM_BYTES, buffer_current(b), b->len);
    b->start = BUFFER_HEADROOM_BYTES;
    b->l2_start = (i16)(b->l2_start - shift);
    b->l3_start = (i16)(b->l3_start - shift);
    b->l4_start = (i16)(b->l4_start - shift);
    b->csum_start = (i16)(b->csum_start - shift);
    b->inner_l3_start = (i16)(b->inner_l3_start - shift);
}

bool buffer_pull(struct thread *t, struct buffer *b, u32 bytes)
{
    if (b->len >= bytes)
        return true;
    if (buffer_packet_len(b) < bytes || buffer_storage_bytes(b) - BUFFER_HEADROOM_BYTES < bytes ||
        b->refs > 1)
        return false;
    if (buffer_storage_bytes(b) - (u32)b->start < bytes)
        move_to_front(b);
    while (b->len < bytes) {
        struct buffer *seg = buffer_at(b->next);
        u32 k = (u32)min_u64(bytes - b->len, seg->len);
        if (seg->refs > 1)
            return false; /* others hold it as it is */
        memcpy((u8 *)buffer_current(b) + b->len, buffer_current(seg), k);
        b->len = (u16)(b->len + k);
        b->tail_len -= k;
        buffer_advance(seg, (int)k);
        if (seg->len)
            continue;
        u32 gone = b->next;
        if (seg->flags & BUFFER_NEXT)
            b->next = seg->next;
        else
            b->flags &= ~(u32)BUFFER_NEXT;
        seg->flags &= ~(u32)BUFFER_NEXT;
        buffer_free_one(t, gone);
    }
    return true;
}

/* --- for show buffers --- */

u32 buffer_pool_count(void)
{
    return pools.n;
}

void buffer_pool_get_info(const struct engine *e, u32 pool, struct buffer_pool_info *out)
{
    struct buffer_pool *p = &pools.pool[pool];
    u32 opened = atomic_load_explicit(&p->opened, memory_order_relaxed);
    u32 depot = atomic_load_explicit(&p->n_depot, memory_order_relaxed), cached = 0;
    for (u32 i = 0; i < e->n_threads; i++)
        cached += __atomic_load_n(&e->threads[i]->cache[pool].n, __ATOMIC_RELAXED);
    *out = (struct buffer_pool_info){
        .index = pool,
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
}

const char *buffer_pool_name(u32 pool)
{
    return pools.pool[pool].name;
}

u64 buffer_pool_touched_bytes(u32 pool)
{
    const struct buffer_pool *p = &pools.pool[pool];
    return mem_resident_bytes(p->data, (u64)p->total * p->stride_bytes);
}
