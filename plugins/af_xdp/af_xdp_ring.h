/* Rings that the kernel shares with an AF_XDP socket: free-running counters of who gives and who
 * takes, and a power of two entries. Each is one thread's on our side. What the kernel wrote is
 * read behind its counter; ours is moved when all is written. Source: Linux
 * Documentation/networking/af_xdp.rst. */
#pragma once

#include "base/types.h"

struct xdp_ring {
    u8 *map;
    size_t map_bytes;
    u32 *producer, *consumer, *flags;
    void *entries;
    u32 size; /* a power of two */
    u32 next; /* our counter */
};

/* How many the kernel has given that we have not taken: for rings that we take from. */
ALWAYS_INLINE u32 xdp_ring_ready(const struct xdp_ring *r)
{
    u32 n = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE) - r->next;
    return n <= r->size ? n : r->size;
}

/* How many more may be given: for rings that we give to. */
ALWAYS_INLINE u32 xdp_ring_room(const struct xdp_ring *r)
{
    u32 n = r->next - __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE);
    return n <= r->size ? r->size - n : 0;
}

ALWAYS_INLINE u32 xdp_ring_place(const struct xdp_ring *r, u32 i)
{
    return (r->next + i) & (r->size - 1);
}

/* n more were taken or given. */
ALWAYS_INLINE void xdp_ring_take(struct xdp_ring *r, u32 n)
{
    r->next += n;
    __atomic_store_n(r->consumer, r->next, __ATOMIC_RELEASE);
}

ALWAYS_INLINE void xdp_ring_give(struct xdp_ring *r, u32 n)
{
    r->next += n;
    __atomic_store_n(r->producer, r->next, __ATOMIC_RELEASE);
}

/* The kernel wants a system call to go on. */
ALWAYS_INLINE bool xdp_ring_wants_wakeup(const struct xdp_ring *r)
{
    return __atomic_load_n(r->flags, __ATOMIC_RELAXED) & 1; /* XDP_RING_NEED_WAKEUP */
}
