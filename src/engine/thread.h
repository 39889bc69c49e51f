/* Data threads: they own receive queues, run the graph, and sleep when there is nothing to do.
 *
 * Thread 0 is the control thread (`vpp_main`): it forwards nothing, but has counters, a buffer
 * cache and the right to hand packets to data threads. Data threads are 1.. (`vpp_wk_0` ..), one by
 * default.
 *
 *   any thread ── packets: thread_handoff (a bounded ring each, eventfd) ──► data thread
 *   data thread ── events: thread_post (bounded ring, loop_wake) ──► control thread
 */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "engine/buffer.h"
#include "engine/index.h"
#include "engine/node.h"
#include "engine/rx_queue.h"

struct engine;
struct feature_vector;
struct thread;

#define THREADS_MAX 64

/* ---- in node functions ---- */

/* What they look at all the time: struct thread begins so. */
struct thread_head {
    struct node *nodes;
    u64 now_ns;
    u32 index;
    u32 traces;       /* THREAD_TRACES_*: who sees packets at each node; 0: nobody */
    u64 probe_due_ns; /* see probe.h */
    const struct feature_vector *vector; /* see feature_data.h */
    u64 detour_ns;                       /* see thread_detour */
};
enum {
    THREAD_TRACES_PACKETS = 1 << 0,  /* anything was traced since the last clear */
    THREAD_TRACES_DISPATCH = 1 << 1, /* trace_set_dispatch */
    THREAD_TRACES_PROBE = 1 << 2,    /* one packet of this round: probe.h */
};

ALWAYS_INLINE u32 thread_index(const struct thread *t)
{
    return ((const struct thread_head *)(const void *)t)->index;
}
/* Of t, for a node that runs: the counters of another one, and its edges. */
ALWAYS_INLINE struct node *thread_node(struct thread *t, struct node_index n)
{
    return &((const struct thread_head *)(const void *)t)->nodes[n.i];
}
/* Whether hops of packets are being recorded: then each node has to see them. */
ALWAYS_INLINE bool thread_traces(const struct thread *t)
{
    return ((const struct thread_head *)(const void *)t)->traces;
}
/* clock_ns() taken at the start of this round: cheap. */
ALWAYS_INLINE u64 thread_now_ns(const struct thread *t)
{
    return ((const struct thread_head *)(const void *)t)->now_ns;
}

/* A packet goes a longer way to where it leaves than others of its flow: until this round has ended
 * those behind it have to go there, too. */
ALWAYS_INLINE void thread_detour(struct thread *t)
{
    struct thread_head *h = (void *)t;
    h->detour_ns = h->now_ns;
}
ALWAYS_INLINE bool thread_detours(const struct thread *t)
{
    const struct thread_head *h = (const void *)t;
    return h->detour_ns == h->now_ns;
}

/* An event to the control thread: fn(p, ev) runs there. At most EVENT_BYTES of payload are copied.
 * false: the ring is full, counted; the caller keeps what it wanted to pass. A burst of the same
 * thing should be rate-limited by the caller. */
#define EVENT_BYTES 48
bool thread_post(struct thread *t, void (*fn)(struct piste *p, const void *payload),
                 const void *payload, u32 bytes) MUST_CHECK;

/* Packets to another data thread's node (or this one's, in its next round); returns how many were
 * taken, the first ones: the rest stays the caller's, who drops it for a reason of its own. Packets
 * from one thread to another stay in their order. Batches cost less: a packet's share is a write.
 */
u32 thread_handoff(struct thread *from, u32 to_thread, struct node_index node, const u32 *bi,
                   u32 n) MUST_CHECK;

/* What a node's vector has for other data threads. n is 0 at first. */
struct handoff_batch {
    u32 n;
    u32 bi[FRAME_PKTS];
    u8 to[FRAME_PKTS];
};

ALWAYS_INLINE void handoff_add(struct handoff_batch *h, const struct buffer *b, u32 to_thread)
{
    h->bi[h->n] = buffer_index(b);
    h->to[h->n++] = (u8)to_thread;
}

/* All of it to that node of their threads. Those that are not taken, n drops for this reason, by
 * its edge `drop`. */
void thread_handoff_batch(struct thread *from, struct node_index to, const struct handoff_batch *h,
                          struct node *n, u32 error, u16 drop);

/* ---- control thread ---- */

struct engine *engine_of(const struct piste *p);
/* The control thread's own struct thread (index 0): for buffer_alloc and the like. */
struct thread *engine_main_thread(struct engine *e);
u32 engine_n_threads(const struct engine *e); /* with the control thread */
const char *thread_name(const struct engine *e, u32 thread);
struct thread *engine_thread(struct engine *e, u32 thread);
/* Makes t run fn between two rounds, and waits for that: what only t may touch is looked at or
 * changed so. fn takes no longer than a round does, since packets wait meanwhile. A thread that
 * does not run (yet) is called directly. */
void thread_call(struct thread *t, void (*fn)(struct thread *t, void *arg), void *arg);

/* The data thread that has the interface's first receive queue; the first one where it has none. */
u32 thread_of_interface(const struct engine *e, struct if_index i);

/* Frees through fn(arg) when no data thread can still see it. Batched: costs no wait here. */
void engine_defer_free(struct engine *e, void (*fn)(void *arg), void *arg);
/* Waits until every data thread has passed a quiescent point. Rarely needed. */
void engine_synchronize(struct engine *e);

/* A port that must do something when its thread's round ends (send what was batched) sets this in
 * its tx node; run once per round in which it was asked for. A full fence is between what the round
 * has stored and what fn reads: so a port that shows packets in a ring asks here whether its other
 * end sleeps, and one fence does for all rings. */
void thread_at_round_end(struct thread *t, void (*fn)(struct thread *t, void *arg), void *arg);
