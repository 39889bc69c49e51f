/* What a port's X-tx node calls: gives each packet to a transmit queue of the thread. */
#pragma once

#include "engine/node.h"
#include "engine/tx_queue.h"

/* Sends b by q, which is this thread's alone until it returns: next[i] as of a node. */
typedef void tx_send_fn(struct thread *t, struct node *n, struct tx_queue *q, struct buffer **b,
                        u16 *next, u32 count);

/* Of the port's tx node: why packets are dropped here, and its edge to error-drop. */
struct interface_tx_errors {
    u16 no_queue; /* the thread has no queue of the interface */
    u16 not_cut;  /* a large packet in a tunnel, which cannot be cut */
    u16 drop;
};

/* What a tx node notes with a traced packet: comes as trace_record's extra. */
struct tx_trace {
    u32 queue;
};

void interface_tx_trace(struct thread *t, const struct tx_queue *q, struct buffer **b, u32 count);
/* The thread has several queues: a flow goes by one of them. */
void interface_tx_spread(struct thread *t, struct node *n, const struct tx_map *map,
                         struct buffer **b, u16 *next, u32 count, tx_send_fn *send,
                         const struct interface_tx_errors *e);

/* Some are in a tunnel, and to be cut, which the port may not do (IF_CAP_GSO_TUNNEL). */
void interface_tx_cut(struct thread *t, struct node *n, struct tx_queue *q, struct buffer **b,
                      u16 *next, u32 count, tx_send_fn *send, const struct interface_tx_errors *e);

/* For who sends by q: fn(arg) is run when the round ends, or, where q is locked because others send
 * by it, now. A full fence is between what was stored before and what fn reads, which nobody else
 * runs for q meanwhile. */
ALWAYS_INLINE void interface_tx_later(struct thread *t, const struct tx_queue *q,
                                      void (*fn)(struct thread *t, void *arg), void *arg)
{
    if (likely(!__atomic_load_n(&q->shared, __ATOMIC_RELAXED))) {
        thread_at_round_end(t, fn, arg);
        return;
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    fn(t, arg);
}

ALWAYS_INLINE void interface_tx_by(struct thread *t, struct node *n, struct tx_queue *q,
                                   struct buffer **b, u16 *next, u32 count, tx_send_fn *send,
                                   const struct interface_tx_errors *e)
{
    u32 flags = 0;
    for (u32 i = 0; i < count; i++)
        flags |= b[i]->flags;
    if (unlikely(flags & BUFFER_TRACED))
        interface_tx_trace(t, q, b, count);
    bool locked = tx_queue_lock(q);
    if (unlikely(flags & BUFFER_TUNNEL))
        interface_tx_cut(t, n, q, b, next, count, send, e);
    else
        send(t, n, q, b, next, count);
    tx_queue_unlock(q, locked);
}

/* The whole of an X-tx node. */
ALWAYS_INLINE void interface_tx(struct thread *t, struct node *n, const struct tx_queues *s,
                                struct buffer **b, u16 *next, u32 count, tx_send_fn *send,
                                const struct interface_tx_errors *e)
{
    const struct tx_map *map = tx_queues_map(s);
    struct tx_share mine = map ? map->of[thread_index(t)] : (struct tx_share){0};
    if (likely(mine.n == 1)) {
        interface_tx_by(t, n, map->queue[mine.first], b, next, count, send, e);
        return;
    }
    if (mine.n) {
        interface_tx_spread(t, n, map, b, next, count, send, e);
        return;
    }
    for (u32 i = 0; i < count; i++)
        next[i] = node_drop(n, b[i], e->no_queue, e->drop);
}
