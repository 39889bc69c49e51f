/* List of objects of an array, in the order in which they were added: each has its links, and is
 * named by its index. */
#pragma once

#include "base/types.h"

#define INDEX_LIST_NONE UINT32_MAX

struct index_links {
    u32 previous, next; /* INDEX_LIST_NONE at the ends */
};

struct index_list {
    u32 first, last; /* INDEX_LIST_NONE: it is empty */
    u32 n;
};

#define INDEX_LIST_EMPTY ((struct index_list){INDEX_LIST_NONE, INDEX_LIST_NONE, 0})

/* links: those of index 0; stride_bytes: from one index's to the next's. */
ALWAYS_INLINE struct index_links *index_links_at(void *links, size_t stride_bytes, u32 i)
{
    return (struct index_links *)(void *)((u8 *)links + i * stride_bytes);
}

static inline void index_list_add(struct index_list *l, void *links, size_t stride_bytes, u32 i)
{
    *index_links_at(links, stride_bytes, i) = (struct index_links){l->last, INDEX_LIST_NONE};
    if (l->last == INDEX_LIST_NONE)
        l->first = i;
    else
        index_links_at(links, stride_bytes, l->last)->next = i;
    l->last = i;
    l->n++;
}

/* Its own links still lead to its neighbours. */
static inline void index_list_remove(struct index_list *l, void *links, size_t stride_bytes, u32 i)
{
    struct index_links x = *index_links_at(links, stride_bytes, i);
    if (x.previous == INDEX_LIST_NONE)
        l->first = x.next;
    else
        index_links_at(links, stride_bytes, x.previous)->next = x.next;
    if (x.next == INDEX_LIST_NONE)
        l->last = x.previous;
    else
        index_links_at(links, stride_bytes, x.next)->previous = x.previous;
    l->n--;
}
