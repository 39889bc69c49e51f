/* Reads a stats segment (stat_segment.h) that nobody vouches for: an address in it may lead
 * anywhere, the file may shrink, the process behind it may be gone or hostile. So the segment is
 * not mapped: what is asked for is copied by pread, after its place was checked against the file.
 */
#pragma once

#include "base/error.h"
#include "base/stat_segment.h"
#include "base/types.h"

struct stat_reader {
    int fd; /* owned when got by stat_reader_connect */
    u64 size, base;
};

struct stat_pair {
    u64 packets, bytes;
};

/* One entry with its values. A link has one column of what it leads to, and the type of that. */
struct stat_item {
    char name[STAT_NAME_BYTES];
    enum stat_type type; /* SCALAR, GAUGE, SIMPLE (HISTOGRAM too), COMBINED or NAMES */
    bool link;
    u32 column;   /* of a link: the number of its only column */
    u64 value;    /* SCALAR, GAUGE */
    u32 n_rows;   /* SIMPLE, COMBINED */
    u32 *n;       /* columns of each row; of NAMES: n[0] */
    u64 **simple; /* by row */
    struct stat_pair **combined;
    char **names; /* NULL where an index has no name */
};

struct stat_items {
    struct stat_item *v; /* in the order of the directory */
    u32 n;
    u64 epoch;
};

/* The segment that a switch hands out at a socket; waits at most five seconds for it. */
int stat_reader_connect(struct stat_reader *r, const char *path, struct error *e) MUST_CHECK;
/* fd stays the caller's. */
int stat_reader_open(struct stat_reader *r, int fd, struct error *e) MUST_CHECK;
void stat_reader_close(struct stat_reader *r);

/* Copies all entries whose name is wanted (NULL: all), of one moment: what changes meanwhile is
 * read again, for two seconds. with_values false: names and types only. -EBADMSG: the segment
 * contradicts itself; -EAGAIN: it changes all the time. */
int stat_reader_read(const struct stat_reader *r, bool (*wanted)(const char *name, void *arg),
                     void *arg, bool with_values, struct stat_items *items,
                     struct error *e) MUST_CHECK;
void stat_items_free(struct stat_items *items);
