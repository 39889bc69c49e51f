/* The stats segment: see stats.h. */
#include "engine/stats.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/vec.h"
#include "engine/engine_internal.h"

#define PAGE_BYTES 4096u
#define NAME_SLOT_BYTES 64u
/* For the vectors of one thread: those of interfaces take 16 MiB, of routes 64 MiB. */
#define THREAD_BYTES MEM_MOST(192ull << 20)
/* And for those of which there is one, the names. */
#define COMMON_BYTES MEM_MOST(64ull << 20)
#define NO_SLOT UINT32_MAX

static struct log_class log_class = {"stats", NULL};

struct stats {
    struct mem_map map;
    struct stat_header *header;
    struct stat_entry *directory;
    u32 max_entries;
    u32 free_slot;  /* first of the list of STAT_EMPTY, or NO_SLOT */
    u64 next_block; /* offset of the first byte that no block has */
    u32 locks;
    bool told_no_room;
    VEC(u32) slot_of;   /* by handle */
    VEC(u32) handle_of; /* by slot */
    VEC(u32) handles_free;
};

static struct stat_vector *vector_of(const void *element0)
{
    return (struct stat_vector *)element0 - 1;
}

static void vector_init(void *element0, u32 n, u8 align_log2)
{
    *vector_of(element0) =
        (struct stat_vector){.n = n, .header_words = 1, .align_log2 = align_log2};
}

static void vector_set_count(void *element0, u32 n)
{
    __atomic_store_n(&vector_of(element0)->n, n, __ATOMIC_RELEASE);
}

struct stats *stats_new(const struct stats_config *c, struct error *e)
{
    struct stats *s = mem_alloc(sizeof(*s));
    u64 directory = round_up_u64(max_u64(c->directory_bytes, 16 * PAGE_BYTES), PAGE_BYTES);
    u64 bytes = PAGE_BYTES + directory + COMMON_BYTES + c->n_threads * THREAD_BYTES;
    if (mem_map_new(&s->map, "stat segment", bytes, c->page, true, e) || mem_map_seal(&s->map, e)) {
        mem_map_free(&s->map);
        free(s);
        return NULL;
    }
    s->header = s->map.base;
    s->directory = (struct stat_entry *)((u8 *)s->map.base + PAGE_BYTES + CACHE_LINE_BYTES);
    s->max_entries =
        (u32)min_u64((directory - CACHE_LINE_BYTES) / sizeof(struct stat_entry), UINT32_MAX - 1);
    s->next_block = PAGE_BYTES + directory;
    s->free_slot = NO_SLOT;
    vector_init(s->directory, 0, 6);
    *s->header = (struct stat_header){
        .version = STAT_SEGMENT_VERSION,
        .base = (u64)(uintptr_t)s->map.base,
        .epoch = 1,
        .directory = (u64)(uintptr_t)s->directory,
    };
    return s;
}

void stats_free(struct stats *s)
{
    if (!s)
        return;
    mem_map_free(&s->map);
    vec_free(&s->slot_of);
    vec_free(&s->handle_of);
    vec_free(&s->handles_free);
    free(s);
}

int stats_fd(const struct stats *s)
{
    return s->map.fd;
}

void stats_lock(struct stats *s)
{
    if (s->locks++)
        return;
    __atomic_store_n(&s->header->in_progress, 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* before anything that changes */
}

void stats_unlock(struct stats *s)
{
    if (--s->locks)
        return;
    __atomic_store_n(&s->header->epoch, s->header->epoch + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&s->header->in_progress, 0, __ATOMIC_RELEASE);
}

/* --- entries --- */

static void tell_no_room(struct stats *s, const char *name)
{
    if (!s->told_no_room)
        log_warn(&log_class,
                 "no room for %s and what comes after it: statseg { size } says how much there is",
                 name);
    s->told_no_room = true;
}

static u32 take_slot(struct stats *s)
{
    u32 slot = s->free_slot;
    if (slot != NO_SLOT) {
        s->free_slot = s->directory[slot].index1;
        return slot;
    }
    slot = s->handle_of.n;
    if (slot == s->max_entries)
        return NO_SLOT;
    vec_add(&s->handle_of, 0);
    return slot;
}

static u32 take_handle(struct stats *s)
{
    if (s->handles_free.n)
        return s->handles_free.v[--s->handles_free.n];
    vec_add(&s->slot_of, 0);
    return s->slot_of.n - 1;
}

static struct stats_handle stats_add(struct stats *s, enum stat_type type, u64 value,
                                     const char *name)
{
    u32 slot = take_slot(s);
    if (slot == NO_SLOT) {
        tell_no_room(s, name);
        return STATS_NO_HANDLE;
    }
    u32 handle = take_handle(s);
    struct stat_entry *entry = &s->directory[slot];
    stats_lock(s);
    memset(entry, 0, sizeof(*entry));
    entry->type = type;
    entry->value = value;
    snprintf(entry->name, sizeof(entry->name), "%s", name);
    s->slot_of.v[handle] = slot;
    s->handle_of.v[slot] = handle;
    vector_set_count(s->directory, s->handle_of.n);
    stats_unlock(s);
    return (struct stats_handle){handle};
}

static struct stat_entry *stats_entry_of(const struct stats *s, struct stats_handle h)
{
    return h.i == UINT32_MAX ? NULL : &s->directory[s->slot_of.v[h.i]];
}

#define FORMAT_NAME(buffer, format)                                                                \
    do {                                                                                           \
        va_list ap_;                                                                               \
        va_start(ap_, format);                                                                     \
        vsnprintf((buffer), sizeof(buffer), (format), ap_);                                        \
        va_end(ap_);                                                                               \
    } while (0)

struct stats_handle stats_add_scalar(struct stats *s, const char *name, ...)
{
    char text[STAT_NAME_BYTES];
    FORMAT_NAME(text, name);
    return stats_add(s, STAT_SCALAR, 0, text);
}

struct stats_handle stats_add_gauge(struct stats *s, const char *name, ...)
{
    char text[STAT_NAME_BYTES];
    FORMAT_NAME(text, name);
    return stats_add(s, STAT_GAUGE, 0, text);
}

struct stats_handle stats_add_link(struct stats *s, struct stats_handle target, u32 column,
                                   const char *name, ...)
{
    char text[STAT_NAME_BYTES];
    FORMAT_NAME(text, name);
    if (target.i == UINT32_MAX)
        return STATS_NO_HANDLE;
    struct stat_entry link = {.index1 = s->slot_of.v[target.i], .index2 = column};
    return stats_add(s, STAT_SYMLINK, link.value, text);
}

void stats_set(struct stats *s, struct stats_handle h, u64 value)
{
    struct stat_entry *entry = stats_entry_of(s, h);
    if (entry)
        __atomic_store_n(&entry->value, value, __ATOMIC_RELAXED);
}

void stats_rename(struct stats *s, struct stats_handle h, const char *name, ...)
{
    char text[STAT_NAME_BYTES] = "";
    struct stat_entry *entry = stats_entry_of(s, h);
    FORMAT_NAME(text, name);
    if (!entry)
        return;
    stats_lock(s);
    memset(entry->name, 0, sizeof(entry->name));
    memcpy(entry->name, text, strlen(text));
    stats_unlock(s);
}

/* No other entry refers to it by its place. */
static bool stats_may_move(const struct stat_entry *entry)
{
    return entry->type == STAT_SYMLINK || entry->type == STAT_GAUGE;
}

/* The last entry takes the place of the one that goes. */
void stats_remove(struct stats *s, struct stats_handle h)
{
    if (h.i == UINT32_MAX)
        return;
    u32 slot = s->slot_of.v[h.i], last = s->handle_of.n - 1;
    struct stat_entry *entry = &s->directory[slot], *end = &s->directory[last];
    stats_lock(s);
    if (slot == last || stats_may_move(end)) {
        u32 moved = s->handle_of.v[last];
        *entry = *end;
        s->handle_of.v[slot] = moved;
        s->slot_of.v[moved] = slot;
        s->handle_of.n--;
        vector_set_count(s->directory, s->handle_of.n);
        memset(end, 0, sizeof(*end));
    } else {
        memset(entry, 0, sizeof(*entry));
        entry->type = STAT_EMPTY;
        entry->index1 = s->free_slot;
        s->free_slot = slot;
    }
    stats_unlock(s);
    vec_add(&s->handles_free, h.i);
}

/* --- vectors --- */

/* A block of zeroes that begins a page; NULL: no room. */
static u8 *take_block(struct stats *s, u64 bytes, const char *name)
{
    bytes = round_up_u64(bytes, PAGE_BYTES);
    if (bytes > s->map.size_bytes - s->next_block) {
        tell_no_room(s, name);
        return NULL;
    }
    u8 *block = (u8 *)s->map.base + s->next_block;
    s->next_block += bytes;
    return block;
}

int stats_add_rows(struct stats *s, enum stat_type type, const char *name, u32 n_rows, u32 max,
                   struct stats_rows *rows)
{
    u64 width = type == STAT_COMBINED ? 16 : 8;
    /* row pointers are in the block's first page, and rows begin at this offset in a page: with
     * what stands before them, that is one page for as long as few columns are used */
    u64 pointers_bytes = 8 + 8ull * n_rows;
    u64 at = round_up_u64(pointers_bytes + sizeof(struct stat_vector), CACHE_LINE_BYTES);
    u64 stride = round_up_u64(at + max * width, PAGE_BYTES);
    u8 *block = take_block(s, stride * n_rows, name);
    if (!block)
        return -ENOSPC;
    u64 *pointers = (u64 *)(block + 8);
    struct stats_rows r = {
        .first = block + at, .stride_bytes = stride, .n_rows = n_rows, .max = max};
    for (u32 i = 0; i < n_rows; i++) {
        vector_init(r.first + i * stride, 0, 6);
        pointers[i] = (u64)(uintptr_t)(r.first + i * stride);
    }
    vector_init(pointers, n_rows, 3);
    r.handle = stats_add(s, type, (u64)(uintptr_t)pointers, name);
    *rows = r;
    return 0;
}

void stats_grow_rows(struct stats_rows *rows, u32 n)
{
    if (n <= rows->n)
        return;
    rows->n = n;
    /* row 0 last: clients take its length for that of all */
    for (u32 i = rows->n_rows; i-- > 0;)
        vector_set_count(rows->first + i * rows->stride_bytes, n);
}

struct stats_names stats_add_names(struct stats *s, const char *name, u32 max)
{
    u64 pointers_bytes = round_up_u64(8 + 8ull * max, CACHE_LINE_BYTES);
    u8 *block = take_block(s, pointers_bytes + max * (8ull + NAME_SLOT_BYTES), name);
    if (!block)
        return (struct stats_names){.handle = STATS_NO_HANDLE};
    struct stats_names n = {
        .pointers = (u64 *)(block + 8), .texts = block + pointers_bytes, .max = max};
    vector_init(n.pointers, 0, 3);
    n.handle = stats_add(s, STAT_NAMES, (u64)(uintptr_t)n.pointers, name);
    return n;
}

void stats_set_name(struct stats *s, const struct stats_names *names, u32 index, const char *text)
{
    if (index >= names->max)
        return;
    char *to = (char *)names->texts + index * (8 + NAME_SLOT_BYTES) + 8;
    stats_lock(s);
    memset(to, 0, NAME_SLOT_BYTES);
    snprintf(to, NAME_SLOT_BYTES, "%s", text);
    vector_init(to, (u32)strlen(to) + 1, 3);
    names->pointers[index] = (u64)(uintptr_t)to;
    if (index >= vector_of(names->pointers)->n)
        vector_set_count(names->pointers, index + 1);
    stats_unlock(s);
}

const char *stats_path_part(const char *name, char out[STAT_NAME_BYTES])
{
    snprintf(out, STAT_NAME_BYTES, "%s", name);
    for (char *p = out; (p = strchr(p, '/'));)
        *p = '_';
    return out;
}

/* --- for show, and the collector --- */

u32 stats_count(const struct stats *s)
{
    return s->handle_of.n;
}

const struct stat_entry *stats_entry_at(const struct stats *s, u32 slot)
{
    return &s->directory[slot];
}

u64 stats_offset(const struct stats *s, u64 pointer)
{
    return pointer - s->header->base;
}

const u8 *stats_next_written(const struct stats *s, const u8 *at)
{
    const u8 *base = s->map.base;
    off_t next = lseek(s->map.fd, at - base, SEEK_DATA);
    if (next < 0)
        return errno == ENXIO ? base + s->map.size_bytes : at;
    return base + next;
}

void stats_room(const struct stats *s, u64 *total_bytes, u64 *used_bytes)
{
    *total_bytes = s->map.size_bytes;
    *used_bytes = mem_map_resident_bytes(&s->map);
}
