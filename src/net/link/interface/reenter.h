/* Packets that leave by an interface and come back in by one in the same moment (loopback, pipe):
 * for their tx nodes.
 *
 * A loop of such interfaces would keep a data thread in one round for ever, and with a bridge
 * domain in it multiply its packets. So a packet comes back a few times in a round only; then it
 * waits for the next one in the thread's own ring, which is bounded, and between two rounds the
 * control thread gets its grace periods and other queues their turn. */
#pragma once

#include "engine/node.h"
#include "engine/thread.h"

#define REENTRY_MAX 2u  /* times in a round */
#define REENTRY_MASK 3u /* bits for them in a buffer's flags */

/* Whether b may come back in this round; for what loses it if not. */
static inline bool reenter_once_more(struct buffer *b)
{
    u32 times = b->flags >> BUFFER_REENTRY_SHIFT & REENTRY_MASK;
    b->flags += (times < REENTRY_MASK) << BUFFER_REENTRY_SHIFT;
    return times < REENTRY_MASK;
}

enum reenter_result { REENTER_NOW, REENTER_LATER, REENTER_LOST };

static inline bool buffer_has_sharers(const struct buffer *b)
{
    for (;; b = buffer_at(b->next)) {
        if (buffer_is_shared(b))
            return true;
        if (!(b->flags & BUFFER_NEXT))
            return false;
    }
}

/* *b goes to the node behind edge `next`, which may write in it: where others hold the data too it
 * is replaced by a copy, and the caller enqueues that. LATER, LOST (no buffer, the ring is full): b
 * is not the caller's any more. */
static inline enum reenter_result reenter(struct thread *t, struct node *n, struct buffer **b,
                                          u16 next)
{
    if (unlikely(buffer_has_sharers(*b))) {
        u32 copy = buffer_copy(t, *b);
        buffer_free_one(t, buffer_index(*b));
        if (copy == BUFFER_NONE)
            return REENTER_LOST;
        *b = buffer_at(copy);
    }
    u32 times = (*b)->flags >> BUFFER_REENTRY_SHIFT & REENTRY_MASK;
    (*b)->flags &= ~(REENTRY_MASK << BUFFER_REENTRY_SHIFT | BUFFER_LINK_GROUP | BUFFER_NATTED);
    if (likely(times < REENTRY_MAX)) {
        (*b)->flags |= (times + 1) << BUFFER_REENTRY_SHIFT;
        return REENTER_NOW;
    }
    u32 bi = buffer_index(*b);
    struct node_index to = {__atomic_load_n(&n->next_nodes, __ATOMIC_ACQUIRE)[next]};
    if (thread_handoff(t, thread_index(t), to, &bi, 1))
        return REENTER_LATER;
    buffer_free_one(t, bi);
    return REENTER_LOST;
}

/* All of a vector, in its order: fills next[]; returns how many were lost. */
static inline u32 reenter_all(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                              u32 count, u16 edge)
{
    u32 bi[FRAME_PKTS], now = 0, lost = 0;
    bool copied = false;
    for (u32 i = 0; i < count; i++) {
        struct buffer *x = b[i];
        enum reenter_result r = reenter(t, n, &x, edge);
        next[i] = r == REENTER_NOW ? edge : NEXT_CONSUMED;
        lost += r == REENTER_LOST;
        if (r != REENTER_NOW)
            continue;
        bi[now++] = buffer_index(x);
        copied |= x != b[i];
    }
    if (unlikely(copied)) { /* what next[] says goes behind what is enqueued: all of it is */
        node_enqueue(t, n, edge, bi, now);
        for (u32 i = 0; i < count; i++)
            next[i] = NEXT_CONSUMED;
    }
    return lost;
}
