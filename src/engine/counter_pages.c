/* See counter_pages.h. */
#include "engine/counter_pages.h"

#include <errno.h>
#include <stdlib.h>

#include "base/huge_page.h"
#include "engine/engine_internal.h"

struct counter_pages {
    const struct counter_vec *v;
    u8 *first; /* at a huge page's border */
    u32 n;
    u64 memory_bytes; /* of the segment, when a look at all of them found nothing to do; 0: never */
    bool tried[];
};

struct counter_pages *counter_pages_new(const struct counter_vec *v)
{
    u64 before = -(uintptr_t)v->rows.first & (MEM_HUGE_PAGE_BYTES - 1);
    u64 bytes = v->rows.stride_bytes * v->rows.n_rows;
    u32 n = bytes > before ? (u32)((bytes - before) / MEM_HUGE_PAGE_BYTES) : 0;
    struct counter_pages *p = mem_alloc(sizeof(*p) + n);
    p->v = v;
    p->first = v->rows.first + before;
    p->n = n;
    return p;
}

void counter_pages_free(struct counter_pages *p)
{
    free(p);
}

/* 0: not known, of rows that are not in the segment. */
static u64 segment_bytes(const struct counter_vec *v)
{
    u64 total, used = 0;
    if (v->rows.handle.i != UINT32_MAX)
        stats_room(v->engine->stats, &total, &used);
    return used;
}

void counter_pages_join(struct counter_pages *p)
{
    u64 memory = segment_bytes(p->v);
    if (memory && memory == p->memory_bytes)
        return;
    for (u32 i = 0; i < p->n; i++) {
        u8 *at = p->first + (u64)i * MEM_HUGE_PAGE_BYTES;
        if (p->tried[i] || mem_resident_bytes(at, MEM_HUGE_PAGE_BYTES) < MEM_HUGE_PAGE_BYTES / 2)
            continue;
        p->tried[i] = huge_page_make(at) != -EAGAIN;
        return;
    }
    p->memory_bytes = memory;
}
