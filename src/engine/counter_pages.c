/* See counter_pages.h. */
#include "engine/counter_pages.h"

#include <errno.h>
#include <stdlib.h>

#include "base/huge_page.h"

struct counter_pages {
    u8 *first; /* at a huge page's border */
    u32 n;
    bool tried[];
};

struct counter_pages *counter_pages_new(const struct counter_vec *v)
{
    u64 before = -(uintptr_t)v->rows.first & (MEM_HUGE_PAGE_BYTES - 1);
    u64 bytes = v->rows.stride_bytes * v->rows.n_rows;
    u32 n = bytes > before ? (u32)((bytes - before) / MEM_HUGE_PAGE_BYTES) : 0;
    struct counter_pages *p = mem_alloc(sizeof(*p) + n);
    p->first = v->rows.first + before;
    p->n = n;
    return p;
}

void counter_pages_free(struct counter_pages *p)
{
    free(p);
}

void counter_pages_join(struct counter_pages *p)
{
    for (u32 i = 0; i < p->n; i++) {
        u8 *at = p->first + (u64)i * MEM_HUGE_PAGE_BYTES;
        if (p->tried[i] || mem_resident_bytes(at, MEM_HUGE_PAGE_BYTES) < MEM_HUGE_PAGE_BYTES / 2)
            continue;
        p->tried[i] = huge_page_make(at) != -EAGAIN;
        return;
    }
}
