/* Slabs; see slab.h. Page 0 is not used: no object is named 0. */
#include "base/slab.h"

#include <sys/mman.h>

#include "base/log.h"

#define SLAB_PAGE_BYTES ((u64)SLAB_UNIT_BYTES * SLAB_PAGE_UNITS)
/* So many are a huge page, all but the first of which are asked for: so few objects that small
 * pages do. */
#define HUGE_PAGES (u32)(MEM_HUGE_PAGE_BYTES / SLAB_PAGE_BYTES)

void slabs_init(struct slabs *s, const char *name, const u16 *units, u32 n_sizes, u64 max_bytes)
{
    assert(n_sizes <= SLAB_SIZES_MAX);
    *s = (struct slabs){.n_sizes = n_sizes, .high = 1};
    s->max_pages = (u32)(max_bytes / SLAB_PAGE_BYTES);
    for (u32 i = 0; i < n_sizes; i++)
        s->units[i] = units[i];
    u8 *map = mem_reserve(&s->map, name, s->max_pages * SLAB_PAGE_BYTES + MEM_HUGE_PAGE_BYTES);
    s->base = map + (-(uintptr_t)map & (MEM_HUGE_PAGE_BYTES - 1));
    s->pages = mem_reserve(&s->page_map, name, (u64)s->max_pages * sizeof(struct slab_page));
}

void slabs_fini(struct slabs *s)
{
    mem_map_free(&s->map);
    mem_map_free(&s->page_map);
    *s = (struct slabs){0};
}

static void page_link(struct slabs *s, u32 page)
{
    struct slab_page *p = &s->pages[page];
    u32 *head = &s->with_room[p->size];
    p->prev = 0;
    p->next = *head;
    if (*head)
        s->pages[*head].prev = page;
    *head = page;
}

static void page_unlink(struct slabs *s, u32 page)
{
    struct slab_page *p = &s->pages[page];
    if (p->prev)
        s->pages[p->prev].next = p->next;
    else
        s->with_room[p->size] = p->next;
    if (p->next)
        s->pages[p->next].prev = p->prev;
}

/* Names of objects that a page has, and the place where the n-th has its link. */
static u32 page_objects(const struct slabs *s, u32 size)
{
    return SLAB_PAGE_UNITS / s->units[size];
}

static u32 slab_name(const struct slabs *s, u32 page, u32 n)
{
    return page * SLAB_PAGE_UNITS + n * s->units[s->pages[page].size];
}

static u16 *slab_link(const struct slabs *s, u32 page, u32 n)
{
    return slab_at(s->base, slab_name(s, page, n));
}

/* The next page that was never used comes into use. Many are huge pages: else nearly every look at
 * an object waits for the page tables. */
static u32 page_first_used(struct slabs *s)
{
    u32 page = s->high++;
    if (page % HUGE_PAGES == 0 && page + HUGE_PAGES <= s->max_pages)
        mem_prefer_huge_pages(s->base + page * SLAB_PAGE_BYTES, MEM_HUGE_PAGE_BYTES);
    return page;
}

static u32 page_new(struct slabs *s, u32 size)
{
    u32 page = s->free_pages;
    if (page)
        s->free_pages = s->pages[page].next;
    else if (s->high < s->max_pages)
        page = page_first_used(s);
    else
        return 0;
    s->n_used_pages++;
    s->pages[page] = (struct slab_page){.size = (u8)size};
    page_link(s, page);
    return page;
}

u32 slab_get(struct slabs *s, u32 size)
{
    u32 page = s->with_room[size], n;
    if (!page)
        page = page_new(s, size);
    if (!page)
        return 0;
    struct slab_page *p = &s->pages[page];
    if (p->free_head) {
        n = p->free_head - 1u;
        p->free_head = *slab_link(s, page, n);
    } else {
        n = p->high++;
    }
    if (++p->n_used == page_objects(s, size))
        page_unlink(s, page);
    s->used_bytes += s->units[size] * SLAB_UNIT_BYTES;
    return slab_name(s, page, n);
}

static void page_is_no_memory(struct slabs *s, u32 page)
{
    if (s->map.page_size_bytes <= SLAB_PAGE_BYTES)
        madvise(s->base + page * SLAB_PAGE_BYTES, SLAB_PAGE_BYTES, MADV_DONTNEED);
}

/* An idle page of a huge one stays memory while half of that is in use: what is given back of a
 * huge page makes it many small ones. */
static void page_to_system(struct slabs *s, u32 page)
{
    u32 first = page - page % HUGE_PAGES, idle[HUGE_PAGES], n = 0;
    if (!first) {
        page_is_no_memory(s, page);
        return;
    }
    for (u32 i = first; i < first + HUGE_PAGES && i < s->max_pages; i++)
        if (s->pages[i].idle || i >= s->high)
            idle[n++] = i;
    for (u32 i = 0; i < n && n >= HUGE_PAGES / 2; i++)
        page_is_no_memory(s, idle[i]);
}

/* One that is the only one with room stays: objects come and go one by one. */
static void page_give_back(struct slabs *s, u32 page)
{
    struct slab_page *p = &s->pages[page];
    if (!p->next && !p->prev)
        return;
    page_unlink(s, page);
    p->idle = true;
    page_to_system(s, page);
    p->next = s->free_pages;
    s->free_pages = page;
    s->n_used_pages--;
}

void slab_put(struct slabs *s, u32 object, u32 size)
{
    u32 page = object / SLAB_PAGE_UNITS, n = object % SLAB_PAGE_UNITS / s->units[size];
    struct slab_page *p = &s->pages[page];
    assert(p->size == size && p->n_used);
    if (p->n_used-- == page_objects(s, size))
        page_link(s, page);
    *slab_link(s, page, n) = p->free_head;
    p->free_head = (u16)(n + 1);
    s->used_bytes -= s->units[size] * SLAB_UNIT_BYTES;
    if (!p->n_used)
        page_give_back(s, page);
}
