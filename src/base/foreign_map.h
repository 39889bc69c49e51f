/* Maps of memory that another process made, shares with us and may change at any time: its length,
 * too. Who touches a page behind the end of a file gets SIGBUS, and would die of what a peer did.
 * The crash handler asks here first: an area of one of these maps gets empty pages of our own in
 * its place, so that who touched it goes on, and the map's owner is told.
 *
 * What is read there may be another value the next time: copy, then check, then use. */
#pragma once

#include "base/error.h"
#include "base/types.h"

#define FOREIGN_MAPS_MAX 16384

struct foreign_map {
    u8 *base; /* NULL: none */
    u64 bytes;
    u32 place; /* this file's */
};

/* Maps the first bytes of fd, which stays the caller's, to be read and written. tell_fd: an eventfd
 * that is written when the map was cut short; -1: none. -EINVAL: fd has not so many bytes.
 * Context: control thread. */
int foreign_map_new(struct foreign_map *m, int fd, u64 bytes, int tell_fd,
                    struct error *e) MUST_CHECK;
/* Nobody looks there any more. Of none: nothing. */
void foreign_map_free(struct foreign_map *m);
/* Whether its memory is gone: what is there now is zeros, and nobody else's. Any thread. */
bool foreign_map_is_cut(const struct foreign_map *m);
/* Whether the address of a SIGBUS was in one of these maps, which can be used again now. Any
 * thread, async-signal-safe. */
bool foreign_map_mend(const void *address);
