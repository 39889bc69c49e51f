/* Timers of data threads. A node of kind NODE_TIMER is called, between two rounds of packets, with
 * the numbers of timers that have fired: say, of its sessions. Each data thread has timers of its
 * own, which only it starts and stops; it sleeps no longer than until the next, and for as long as
 * it likes when none runs.
 *
 *     kind = timer_kind_new(e, node, SESSIONS_MAX);          control thread
 *     wheel = thread_timers(t);                              data thread
 *     timer_start(wheel, kind, session, thread_now_ns(t) + TIMEOUT_NS);
 *
 * Starting, stopping and restarting take a write to 8 bytes each, most often (see base/wheel.h). A
 * timer fires in the tick that contains its time, or the next. */
#pragma once

#include "base/mem.h"
#include "base/wheel.h"
#include "engine/node.h"
#include "engine/thread.h"

#define TIMER_TICK_SHIFT 20           /* ticks of 2^20 ns: about a millisecond */
#define TIMERS_MAX MEM_MOST(1u << 24) /* of a thread, all kinds together */

struct timer_kind {
    u32 i;
};

/* ---- data path ---- */

struct wheel *thread_timers(struct thread *t);

/* at_ns: by clock_ns(), within 24 days from now; what has passed is now. */
ALWAYS_INLINE void timer_start(struct wheel *w, struct timer_kind k, u32 timer, u64 at_ns)
{
    u64 tick = (at_ns + (1u << TIMER_TICK_SHIFT) - 1) >> TIMER_TICK_SHIFT;
    wheel_start(w, k.i, timer, (u32)tick);
}

ALWAYS_INLINE void timer_stop(struct wheel *w, struct timer_kind k, u32 timer)
{
    wheel_stop(w, k.i, timer);
}

ALWAYS_INLINE bool timer_is_running(const struct wheel *w, struct timer_kind k, u32 timer)
{
    return wheel_is_running(w, k.i, timer);
}

/* ---- control thread ---- */

/* For timers 0 .. max - 1 of each data thread. */
struct timer_kind timer_kind_new(struct engine *e, struct node_index node, u32 max);
/* None of them runs. What they took is for the next kind that is no larger, since old handles may
 * still lead there. */
void timer_kind_free(struct engine *e, struct timer_kind k);
