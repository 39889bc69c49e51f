/* Bounded lock-free ring of fixed-size elements, many producers and one consumer (sequence number a
 * slot, after D. Vyukov's bounded queue). Never blocks: push fails when full, pop when empty. */
#pragma once

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/types.h"

struct ring {
    u8 *slots; /* each: _Atomic u32 sequence, padding to 8, element */
    u32 mask;
    u32 stride;
    u32 elt_bytes;
    _Atomic u32 tail CACHE_ALIGNED; /* producers */
    u32 head CACHE_ALIGNED;         /* consumer */
};

static inline _Atomic u32 *ring_sequence(const struct ring *r, u32 pos)
{
    return (_Atomic u32 *)(void *)(r->slots + (size_t)(pos & r->mask) * r->stride);
}

/* n_slots: a power of two. */
static inline void ring_init(struct ring *r, u32 n_slots, u32 elt_bytes)
{
    memset(r, 0, sizeof(*r));
    r->mask = n_slots - 1;
    r->elt_bytes = elt_bytes;
    r->stride = (u32)round_up_u64(8 + elt_bytes, 8);
    r->slots = mem_alloc((size_t)n_slots * r->stride);
    for (u32 i = 0; i < n_slots; i++)
        atomic_init(ring_sequence(r, i), i);
}

static inline void ring_fini(struct ring *r)
{
    free(r->slots);
    r->slots = NULL;
}

static inline bool ring_push(struct ring *r, const void *elt, u32 bytes)
{
    u32 pos = atomic_load_explicit(&r->tail, memory_order_relaxed);
    for (;;) {
        _Atomic u32 *seq = ring_sequence(r, pos);
        i32 diff = (i32)(atomic_load_explicit(seq, memory_order_acquire) - pos);
        if (diff < 0)
            return false;
        if (diff > 0) {
            pos = atomic_load_explicit(&r->tail, memory_order_relaxed);
            continue;
        }
        if (atomic_compare_exchange_weak_explicit(&r->tail, &pos, pos + 1, memory_order_relaxed,
                                                  memory_order_relaxed)) {
            memcpy((u8 *)seq + 8, elt, bytes);
            atomic_store_explicit(seq, pos + 1, memory_order_release);
            return true;
        }
    }
}

/* The one consumer. */
static inline bool ring_pop(struct ring *r, void *elt)
{
    _Atomic u32 *seq = ring_sequence(r, r->head);
    if (atomic_load_explicit(seq, memory_order_acquire) != r->head + 1)
        return false;
    memcpy(elt, (u8 *)seq + 8, r->elt_bytes);
    atomic_store_explicit(seq, r->head + r->mask + 1, memory_order_release);
    r->head++;
    return true;
}

/* From the consumer: whether a pop would fail. */
static inline bool ring_empty(struct ring *r)
{
    return atomic_load_explicit(ring_sequence(r, r->head), memory_order_acquire) != r->head + 1;
}
