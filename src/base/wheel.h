/* Timers of one thread, by the million: a hierarchical wheel of two levels, in ticks.
 *
 *   near: 1024 slots of one tick    far: 256 slots of 1024 ticks    beyond: waits in the last of
 * far slot ─► chunk of handles ─► chunk ..        timers: 8 bytes each, by kind and index
 *
 * Starting, stopping and restarting write to the timer. Its handle lies in a slot, too; when the
 * slot's time comes, the timer says whether it is due, has been stopped, or wants to wait longer:
 * only then does the handle move. So a timer that is restarted with each packet costs a write. A
 * handle goes into a slot before its old one's time only if the timer shall fire earlier than that;
 * the old one is passed over when its time comes, since the timer tells which handle is the right
 * one.
 *
 * All memory is address space that wheel_init reserves: whoever owns the wheel never allocates.
 * Source: own design, after G. Varghese and T. Lauck, "Hashed and Hierarchical Timing Wheels". */
#pragma once

#include "base/mem.h"
#include "base/types.h"

enum {
    WHEEL_NEAR_SLOTS = 1024,
    WHEEL_FAR_SLOTS = 256,
    WHEEL_KINDS_MAX = 64,
    WHEEL_INDEX_BITS = 24,
};

/* Zeroes: neither runs nor has a handle. It outlives what it times: its bytes are nobody else's,
 * also when it was stopped for good. */
struct wheel_timer {
    u32 due;    /* tick; 0: stopped */
    u32 queued; /* time of the slot where its handle is, in ticks; 0: it has none */
};

#define WHEEL_CHUNK_HANDLES 30u

struct wheel_chunk {
    u32 next; /* chunk + 1, 0: none */
    u32 n;
    u32 handle[WHEEL_CHUNK_HANDLES];
};
static_assert(sizeof(struct wheel_chunk) == 128, "two cache lines");

struct wheel {
    u32 now;       /* last tick whose slot was taken out */
    u32 n_running; /* timers that are not stopped */
    u32 drain[2];  /* chunks of slots that were taken out: chunk + 1, 0: none */
    struct wheel_timer *timers[WHEEL_KINDS_MAX];                          /* by index */
    u64 near_bits[WHEEL_NEAR_SLOTS / 64], far_bits[WHEEL_FAR_SLOTS / 64]; /* slots with handles */
    u32 near[WHEEL_NEAR_SLOTS], far[WHEEL_FAR_SLOTS];                     /* chunk + 1, 0: none */
    struct wheel_chunk *chunks;
    u32 free, opened, n_chunks; /* list of chunk + 1; chunks used at least once; in all */
    struct mem_map map;
};

/* For at most max_timers timers of all kinds. now: the tick to begin at, not 0. */
void wheel_init(struct wheel *w, const char *name, u32 max_timers, u32 now);
void wheel_fini(struct wheel *w);
/* timers: zeroed, borrowed for as long as the wheel lives. Once for each kind. */
void wheel_set_kind(struct wheel *w, u32 kind, struct wheel_timer *timers);

void wheel_queue(struct wheel *w, u32 kind, u32 index, u32 due);

/* Starts it, or restarts it, for a tick within 2^31. One that has come already is the next one. */
ALWAYS_INLINE void wheel_start(struct wheel *w, u32 kind, u32 index, u32 tick)
{
    struct wheel_timer *t = &w->timers[kind][index];
    if (unlikely((i32)(tick - w->now) <= 0))
        tick = w->now + 1;
    if (unlikely(!tick))
        tick = 1;
    if (!t->due)
        w->n_running++;
    if (t->queued && (i32)(t->queued - tick) <= 0)
        t->due = tick;
    else
        wheel_queue(w, kind, index, tick);
}

ALWAYS_INLINE void wheel_stop(struct wheel *w, u32 kind, u32 index)
{
    struct wheel_timer *t = &w->timers[kind][index];
    w->n_running -= t->due != 0;
    t->due = 0;
}

ALWAYS_INLINE bool wheel_is_running(const struct wheel *w, u32 kind, u32 index)
{
    return w->timers[kind][index].due != 0;
}

ALWAYS_INLINE u32 wheel_handle_kind(u32 handle)
{
    return handle >> WHEEL_INDEX_BITS;
}

ALWAYS_INLINE u32 wheel_handle_index(u32 handle)
{
    return handle & ((1u << WHEEL_INDEX_BITS) - 1);
}

/* Goes on to `tick`, which never goes back: writes handles of timers that have fired, which are
 * stopped then, at most max of them; looks at a bounded number of others. Returns how many; *more:
 * call again, there is more to do now. */
u32 wheel_advance(struct wheel *w, u32 tick, u32 *handles, u32 max, bool *more);
/* The tick at which there is something to do next; false: never, no timer runs. */
bool wheel_next(const struct wheel *w, u32 *tick);
