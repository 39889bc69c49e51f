/* Layout of the stats segment, version 2, as clients of VPP map it. All numbers are of the host's
 * byte order; a pointer is an address in the process that writes the segment: less the header's
 * `base` it is an offset. 0: nothing there.
 *
 *   header ──directory──► entry[n] ──► row pointers, a thread each ──► row: a number or pair per
 * index
 *
 * A reader notes the epoch, waits while something is in progress, reads, and has read something
 * whole when the epoch is still the same and nothing is in progress. Counters change without that:
 * by the thread whose row it is. */
#pragma once

#include "base/types.h"

#define STAT_SEGMENT_VERSION 2
#define STAT_NAME_BYTES 128 /* of an entry, with the NUL */

enum stat_type {
    STAT_ILLEGAL,
    STAT_SCALAR,
    STAT_SIMPLE,   /* rows of u64 */
    STAT_COMBINED, /* rows of packets and bytes */
    STAT_NAMES,    /* one row of pointers to vectors of characters, NUL included */
    STAT_EMPTY,    /* free; index1 is the next that is, or UINT32_MAX */
    STAT_SYMLINK,  /* column index2 of entry index1 */
    STAT_HISTOGRAM,
    STAT_RING,
    STAT_GAUGE,
    STAT_TYPE_N
};

/* At offset 0. What follows in its page stays 0: old clients look there. */
struct stat_header {
    u64 version, base, epoch, in_progress, directory;
};

struct stat_entry {
    u32 type, unused;
    union {
        u64 value;
        u64 data; /* pointer */
        struct {
            u32 index1, index2;
        };
    };
    char name[STAT_NAME_BYTES];
};

static_assert(sizeof(struct stat_entry) == 144, "clients know the size");

/* Stands right before element 0 of every vector: of the directory, of row pointers, rows, names. */
struct stat_vector {
    u32 n;
    u8 header_words; /* 8 bytes each */
    u8 align_log2;
    u8 spare, unused;
};

static_assert(sizeof(struct stat_vector) == 8, "clients look 8 bytes back");
