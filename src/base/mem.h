/* Memory: the checked allocator for control-thread objects, and page maps for everything large.
 * Large maps are reserved and touched lazily, so that what is not used costs nothing resident. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/types.h"

/* Never return NULL: the process ends with a clear message when there is no memory, because nothing
 * that is small enough to be asked for here can be done without. Zeroed, except mem_resize's
 * growth. */
void *mem_alloc(size_t bytes);
void *mem_resize(void *p, size_t bytes);
char *mem_strdup(const char *s);
char *mem_printf(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Words about the limit that a process may have been given, for behind a message that memory is not
 * to be had; "" when there is none. */
#define MEM_LIMIT_TEXT_BYTES 96
const char *mem_limit_text(char out[MEM_LIMIT_TEXT_BYTES]);

enum mem_page_kind { MEM_PAGE_DEFAULT, MEM_PAGE_DEFAULT_HUGE, MEM_PAGE_SIZE };

struct mem_page_size {
    enum mem_page_kind kind;
    u64 bytes; /* for MEM_PAGE_SIZE: 4K, 2M, 1G */
};

struct mem_map {
    void *base;
    u64 size_bytes;
    u64 page_size_bytes; /* what was really got */
    int fd;              /* memfd when shared, else -1 */
    const char *name;    /* borrowed */
};

/* Parses "default", "default-hugepage", "4K", "2M", "1G", ... */
int mem_page_size_parse(const char *s, struct mem_page_size *out, struct error *e) MUST_CHECK;
/* Overrides the kernel's default huge page size; 0 takes the kernel's again. Before any map. */
void mem_set_default_huge_page_bytes(u64 bytes);

/* The most that there may be of what address space is reserved for at the start: n, and an eighth
 * of it where a process has 32 bits of addresses. A constant. */
#define MEM_MOST(n) ((n) >> (sizeof(void *) < 8 ? 3 : 0))

/* Maps size_bytes of zeroed, lazily backed memory. With huge pages wanted and none to be had it
 * falls back to normal pages and says so once in the log. shared: memfd-backed, so that it can be
 * passed to peers. Returns 0 or -errno. */
int mem_map_new(struct mem_map *m, const char *name, u64 size_bytes, struct mem_page_size page,
                bool shared, struct error *e) MUST_CHECK;
/* The same with normal pages, for what cannot be done without: the process ends with a sentence
 * when there is no address space for it. */
void *mem_reserve(struct mem_map *m, const char *name, u64 size_bytes);
/* A shared map: its size is fixed, and nobody else who gets its fd can write, now or later (kernels
 * before 5.1 only fix the size). */
int mem_map_seal(struct mem_map *m, struct error *e) MUST_CHECK;
void mem_map_free(struct mem_map *m);
/* Asks for transparent huge pages behind [p, p + bytes); where there are none, small ones are. */
#define MEM_HUGE_PAGE_BYTES (2u << 20)
void mem_prefer_huge_pages(void *p, u64 bytes);
/* Calls fn for every live map (for `show physmem`), under a lock: fn neither maps nor frees. */
void mem_map_each(void (*fn)(const struct mem_map *m, void *arg), void *arg);
/* Pages of [p, p + bytes) that are resident, in bytes. */
u64 mem_resident_bytes(const void *p, u64 bytes);
/* Of a map; a shared one is not walked. */
u64 mem_map_resident_bytes(const struct mem_map *m);
/* Resident set of the process, in bytes. */
u64 mem_process_rss_bytes(void);
