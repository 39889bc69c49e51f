/* Pool: objects of one size, named by a small index, at an address that never moves.
 * Address space for max objects is reserved; pages are touched when objects are taken, and given
 * back when the pool's tail is empty. For one thread: the control thread, or, when it is steady, a
 * data thread; except pool_at, which any thread may use on an index that was published to it. */
#pragma once

#include "base/mem.h"
#include "base/types.h"

struct pool {
    u8 *base;
    u32 stride_bytes;
    u32 max;
    u32 high;    /* unused indices below are in the free list */
    u32 top;     /* no index at or above is in use */
    u32 touched; /* no index at or above, nor above top, has pages */
    u32 n_used;
    u32 free_head; /* index + 1 of the first free object, 0: none */
    u64 *used;     /* bitmap of max bits, lazily touched */
    bool steady;
    struct mem_map map, used_map;
};

#define POOL_NONE UINT32_MAX

/* Objects are stride_bytes apart: elt_bytes rounded up to align (a power of two, at least 8). */
void pool_init(struct pool *p, const char *name, u32 elt_bytes, u32 align, u32 max);
/* The same, but no call takes long or asks the kernel: memory that was touched stays. */
void pool_init_steady(struct pool *p, const char *name, u32 elt_bytes, u32 align, u32 max);
void pool_fini(struct pool *p);
/* Index of a zeroed object; POOL_NONE when max objects are in use. */
u32 pool_get(struct pool *p) MUST_CHECK;
/* Takes a given index (for numbers that users choose); false when it is in use or >= max. */
bool pool_get_at(struct pool *p, u32 index) MUST_CHECK;
/* The object's bytes are overwritten at once: what other threads may still read is put after a
 * grace period. */
void pool_put(struct pool *p, u32 index);
bool pool_is_used(const struct pool *p, u32 index);
/* Next used index at or after `from`; POOL_NONE at the end. */
u32 pool_next(const struct pool *p, u32 from);

ALWAYS_INLINE void *pool_at(const struct pool *p, u32 index)
{
    return p->base + (size_t)index * p->stride_bytes;
}

#define pool_each(p, i) for (u32 i = pool_next((p), 0); i != POOL_NONE; i = pool_next((p), i + 1))
