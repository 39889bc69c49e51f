/* A walk in order over a set that has none, in pieces, while the set changes: a sweep over all
 * finds the first keys behind the last one that was handed out; when those are through, the next
 * sweep follows. Memory has a bound, and between two calls nothing is kept of the set but keys:
 * what was there all the time comes once, in order; what came or went meanwhile may come or not.
 *
 *     struct ordered_walk *w = ordered_walk_new(&ops);
 *     while ((rc = ordered_walk_next(w, &ops, set, 1024, &key)))
 *         if (rc == 1) use(&key); else let_others_go_on();
 *     free(w); */
#pragma once

#include "base/types.h"

#define ORDERED_WALK_KEYS 65536 /* that a sweep finds at most */

struct ordered_walk_ops {
    u32 key_bytes;
    int (*compare)(const void *a, const void *b);
    /* Writes the key of what is at place *from or behind, and moves *from on: 1; 0 when *from was
     * at the end; -EAGAIN when what it looked at was nothing. Where a thing is must not change
     * while it is there. */
    int (*scan)(void *set, u64 *from, void *key);
};

struct ordered_walk;

/* free() ends it. */
struct ordered_walk *ordered_walk_new(const struct ordered_walk_ops *ops);
/* Writes the next key: 1; 0 at the end; -EAGAIN after looking at `most` places, for the caller to
 * come again. */
int ordered_walk_next(struct ordered_walk *w, const struct ordered_walk_ops *ops, void *set,
                      u32 most, void *key);
/* When things have moved: a sweep that goes on begins again. */
void ordered_walk_sweep_anew(struct ordered_walk *w);
