/* A small stats segment, made by hand: for the tests of its reader. */
#pragma once

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/stat_segment.h"

#define SMALL_BASE 0x10000u
#define SMALL_BYTES 0x4000u
#define SMALL_ENTRIES 5u

static inline u64 small_vector(u8 *to, u64 at, u32 n)
{
    struct stat_vector v = {.n = n, .header_words = 1, .align_log2 = 3};
    memcpy(to + at - sizeof(v), &v, sizeof(v));
    return SMALL_BASE + at;
}

static inline void small_put(u8 *to, u64 at, u64 value)
{
    memcpy(to + at, &value, sizeof(value));
}

static inline void small_entry(u8 *to, u32 slot, enum stat_type type, u64 value, const char *name)
{
    struct stat_entry e = {.type = type};
    e.value = value;
    strncpy(e.name, name, sizeof(e.name) - 1);
    memcpy(to + 0x1010 + slot * sizeof(e), &e, sizeof(e));
}

/* A scalar, a combined vector of one row and two columns, a link to its second, three names of
 * which the first is missing, a gauge. */
static inline void small_segment(u8 to[SMALL_BYTES])
{
    memset(to, 0, SMALL_BYTES);
    small_put(to, 0, STAT_SEGMENT_VERSION);
    small_put(to, 8, SMALL_BASE);
    small_put(to, 16, 1);
    small_put(to, 32, small_vector(to, 0x1010, SMALL_ENTRIES));
    small_entry(to, 0, STAT_SCALAR, 7, "/sys/heartbeat");
    small_entry(to, 1, STAT_COMBINED, small_vector(to, 0x2010, 1), "/if/rx");
    small_entry(to, 2, STAT_SYMLINK, 1 | 1ull << 32, "/interfaces/x/rx");
    small_entry(to, 3, STAT_NAMES, small_vector(to, 0x3010, 3), "/if/names");
    small_entry(to, 4, STAT_GAUGE, 9, "/gauge");
    small_put(to, 0x2010, small_vector(to, 0x2048, 2));
    small_put(to, 0x2058, 5);
    small_put(to, 0x2060, 500);
    small_put(to, 0x3018, small_vector(to, 0x3048, 2));
    memcpy(to + 0x3048, "x", 2);
    small_put(to, 0x3020, small_vector(to, 0x3068, 3)); /* without its zero */
    memcpy(to + 0x3068, "abc", 3);
}

/* A descriptor of memory with these bytes; -1: there is none. */
static inline int small_file(const u8 *bytes, size_t n)
{
    int fd = memfd_create("small", MFD_CLOEXEC);
    if (fd >= 0 && write(fd, bytes, n) != (ssize_t)n) {
        close(fd);
        return -1;
    }
    return fd;
}
