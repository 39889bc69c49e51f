/* Maps of memory that another process made, shares with us and may change at any time: its length,
 * too. Who touches a page behind the end of a file gets SIGBUS, and would die of what a peer did.
 * The crash handler asks here first: an area of one of these maps gets empty pages of our own in
 * its place, so that who touched it goes on, and the map's owner is told.
 *
 * What is read there may be another value the next time: copy, then check, then use. */
#pragma once

#include <string.h>

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

/* Exactly so many bytes: what is behind them is nobody else's business, and may not be there. */
ALWAYS_INLINE void foreign_copy(u8 *to, const u8 *from, u32 n)
{
    if (likely(n >= 64 && n <= 256)) {
        for (u32 i = 0; i + 64 < n; i += 64)
            memcpy(to + i, from + i, 64);
        memcpy(to + n - 64, from + n - 64, 64);
    } else if (n >= 32 && n < 64) {
        memcpy(to, from, 32);
        memcpy(to + n - 32, from + n - 32, 32);
    } else {
        memcpy(to, from, n);
    }
}
