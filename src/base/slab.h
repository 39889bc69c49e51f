/* Slabs: objects of a few sizes in one map, so that one number of 32 bits names any of them. Pages
 * of 64 KB hold objects of one size each, and are given back when they are empty. For one thread;
 * others may read an object (slab_at) whose name was published to them. */
#pragma once

#include "base/mem.h"
#include "base/types.h"

#define SLAB_UNIT_BYTES 64u
#define SLAB_PAGE_UNITS 1024u
#define SLAB_SIZES_MAX 8

struct slab_page {
    u32 next, prev; /* of those with room: page; 0: none */
    u16 n_used, high;
    u16 free_head; /* object + 1 of the first that is free below high; 0: none */
    u8 size;
    bool idle; /* given back */
};

struct slabs {
    u8 *base;
    struct slab_page *pages;
    u32 n_sizes, max_pages;
    u16 units[SLAB_SIZES_MAX]; /* of an object of each size */
    u32 with_room[SLAB_SIZES_MAX];
    u32 free_pages,
        high; /* first page that was given back, by `next`; those from high on are new */
    u32 n_used_pages;
    u64 used_bytes; /* of objects */
    struct mem_map map, page_map;
};

/* units: of an object of each size, ascending, of SLAB_UNIT_BYTES. max_bytes: of all. */
void slabs_init(struct slabs *s, const char *name, const u16 *units, u32 n_sizes, u64 max_bytes);
void slabs_fini(struct slabs *s);
/* An object, not zeroed; 0: no room. */
u32 slab_get(struct slabs *s, u32 size) MUST_CHECK;
/* size: that it was got with. What other threads may still read is put after a grace period. */
void slab_put(struct slabs *s, u32 object, u32 size);

ALWAYS_INLINE void *slab_at(u8 *base, u32 object)
{
    return base + (u64)object * SLAB_UNIT_BYTES;
}
