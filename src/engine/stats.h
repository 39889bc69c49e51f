/* The stats segment: shared memory in which other programs read counters, laid out as in
 * base/stat_segment.h.
 *
 *   0            one page        header
 *   4096         directory_bytes the directory
 *   behind it    the rest        a block for each vector: row pointers, then rows, each at a page
 * of its own
 *
 * Everything is reserved for the most that it may become, so that nothing moves while somebody
 * looks: not what a thread counts in, not what a client has mapped. Of a reservation only what was
 * touched is resident.
 *
 * Context: control thread. Entries are found by handle: a gauge or link may change its place in the
 * directory when another goes, so that there are no holes. Names are made as printf does, and cut
 * off at 127 characters. When there is no room, one line in the log says so, and what did not fit
 * is not published: no handle is returned, which all functions take. */
#pragma once

#include "base/error.h"
#include "base/mem.h"
#include "base/stat_segment.h"
#include "base/types.h"

struct engine;
struct stats;
struct thread;

struct stats_handle {
    u32 i;
};
#define STATS_NO_HANDLE ((struct stats_handle){UINT32_MAX})

struct stats_config {
    u32 n_threads;
    u64 directory_bytes;
    struct mem_page_size page;
};

struct stats *stats_new(const struct stats_config *c, struct error *e);
void stats_free(struct stats *s);
/* The engine's. */
struct stats *stats_of(const struct engine *e);
/* For clients: read-only from now on for everybody but this process. Owned by s. */
int stats_fd(const struct stats *s);

/* Somebody reads it: what is copied into it is kept up to date from now on. */
void stats_collect_from_now(struct engine *e);

/* Clients take what changes between the two as one change. May be nested; all functions below take
 * it themselves. */
void stats_lock(struct stats *s);
void stats_unlock(struct stats *s);

struct stats_handle stats_add_scalar(struct stats *s, const char *name, ...) PRINTF_LIKE(2, 3);
struct stats_handle stats_add_gauge(struct stats *s, const char *name, ...) PRINTF_LIKE(2, 3);
/* Shows one column of target's rows under a name of its own. */
struct stats_handle stats_add_link(struct stats *s, struct stats_handle target, u32 column,
                                   const char *name, ...) PRINTF_LIKE(4, 5);
void stats_set(struct stats *s, struct stats_handle h, u64 value);
void stats_rename(struct stats *s, struct stats_handle h, const char *name, ...) PRINTF_LIKE(3, 4);
void stats_remove(struct stats *s, struct stats_handle h);

/* Rows of a vector of numbers or pairs. Row r begins at first + r * stride_bytes. */
struct stats_rows {
    struct stats_handle handle;
    u8 *first;
    u64 stride_bytes;
    u32 n_rows;
    u32 n, max; /* columns that clients see; that there is room for */
};

/* type: STAT_SIMPLE or STAT_COMBINED. All zero, no columns. -ENOSPC when there is no room: rows is
 * as it was. */
int stats_add_rows(struct stats *s, enum stat_type type, const char *name, u32 n_rows, u32 max,
                   struct stats_rows *rows) MUST_CHECK;
/* At least n columns. */
void stats_grow_rows(struct stats_rows *rows, u32 n);

/* A vector of up to max names of up to 63 characters. */
struct stats_names {
    struct stats_handle handle;
    u64 *pointers;
    u8 *texts;
    u32 max;
};

struct stats_names stats_add_names(struct stats *s, const char *name, u32 max);
void stats_set_name(struct stats *s, const struct stats_names *names, u32 index, const char *text);

/* name with every '/' as '_': as a part of the name of an entry. */
const char *stats_path_part(const char *name, char out[STAT_NAME_BYTES]);

/* ---- for show, and the collector ---- */

u32 stats_count(const struct stats *s);
const struct stat_entry *stats_entry_at(const struct stats *s, u32 slot);
/* Of a pointer in an entry. */
u64 stats_offset(const struct stats *s, u64 pointer);
/* The first byte of the segment from `at' on in a page that has been written: at itself, or behind
 * what would be all zero and is no memory. Not less than at. */
const u8 *stats_next_written(const struct stats *s, const u8 *at);
void stats_room(const struct stats *s, u64 *total_bytes, u64 *used_bytes);
