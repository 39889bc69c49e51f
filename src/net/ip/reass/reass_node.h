/* The nodes of reassembly, of either protocol: of what is for this switch, and what passes an
 * interface; and what gives up a datagram when its timer fires. See reass.h.
 *
 *   thread A: a fragment ──(another thread's, by what all fragments of it share)──► thread B: a
 *     ..-handoff node
 *   thread B: its table ─► whole ──(where the first fragment came in)──► thread A: ip4-local,
 *     ip4-input ...
 *
 * so that fragments of one datagram meet that come in by several queues, each table is touched by
 * its own thread only, and the datagram goes on beside what else its flow has sent. */
#pragma once

#include "engine/feature.h"
#include "engine/thread.h"
#include "net/ip/fib/fib_data.h"
#include "net/ip/reass/reass_module.h"

/* What a protocol's nodes do by themselves. */
struct reass_family {
    const struct reass_protocol *protocol;
    u8 success, received, joined, off; /* more reasons, and counts */
    /* Whether b is a fragment. Of IPv6, l4_start is its header then. */
    bool (*is_fragment)(struct thread *t, struct buffer *b);
    /* Notes in a fragment that ended so what its sender is to be told; false: nothing. */
    bool (*tell)(struct buffer *b, enum reass_fate fate);
};

/* What a vector brings about, sent on at its end. */
struct reass_batch {
    const struct reass_family *family;
    struct thread *t;
    struct node *n;
    u32 bi[FRAME_PKTS];
    u16 next[FRAME_PKTS];
    u32 count;
};

static_assert(sizeof(struct ip_scratch) < BUFFER_SCRATCH_BYTES, "leaves the last byte");

static inline void reass_flush(struct reass_batch *batch)
{
    node_enqueue_each(batch->t, batch->n, batch->bi, batch->next, batch->count);
    batch->count = 0;
}

/* Edge of a whole datagram; NEXT_CONSUMED: it went to the thread where its first fragment came in.
 */
static inline u16 reass_whole(struct reass_batch *batch, struct buffer *b)
{
    u32 home = *reass_home(b), bi = buffer_index(b);
    if (home == thread_index(batch->t))
        return REASS_NEXT_WHOLE;
    if (thread_handoff(batch->t, home, reass_target(batch->n), &bi, 1))
        return NEXT_CONSUMED;
    return node_drop(batch->n, b, batch->family->protocol->congestion, REASS_NEXT_DROP);
}

static inline void reass_give(void *arg, u32 bi, enum reass_fate fate)
{
    struct reass_batch *batch = arg;
    struct buffer *b = buffer_at(bi);
    u16 next;

    if (fate == REASS_WHOLE) {
        node_count(batch->n, batch->family->success, 1);
        next = reass_whole(batch, b);
    } else {
        bool told = batch->family->tell(b, fate);
        next = node_drop(batch->n, b, batch->family->protocol->error_of[fate],
                         told ? REASS_NEXT_ICMP_ERROR : REASS_NEXT_DROP);
    }
    batch->bi[batch->count] = bi;
    batch->next[batch->count++] = next;
    if (batch->count == FRAME_PKTS)
        reass_flush(batch);
}

/* b is a fragment of this thread's; takes it over. */
static inline void reass_node_add(struct reass_main *m, struct reass_batch *batch, struct buffer *b,
                                  enum reass_way way)
{
    struct reass_out out = {.give = reass_give, .arg = batch};
    u32 scope = way == REASS_LOCAL ? ip_scratch(b)->fib.i : REASS_SCOPE_INTERFACE | b->rx_if.i;

    reass_add(m->tables[thread_index(batch->t)], batch->t, buffer_index(b), scope,
              thread_now_ns(batch->t), &out);
    node_count(batch->n, batch->family->received, 1);
    node_count(batch->n, batch->family->joined, out.n_joined);
}

/* Fragments that came in on this thread. */
ALWAYS_INLINE void reass_come_in(const struct reass_family *family, struct thread *t,
                                 struct node *n, struct buffer **b, u16 *next, u32 count,
                                 enum reass_way way)
{
    struct reass_main *m = n->state;
    struct reass_batch batch = {.family = family, .t = t, .n = n};
    struct handoff_batch away;
    bool off = way == REASS_LOCAL && !__atomic_load_n(&m->local_enabled, __ATOMIC_RELAXED);
    away.n = 0;

    for (u32 i = 0; i < count; i++) {
        if (way == REASS_FEATURE && likely(!family->is_fragment(t, b[i]))) {
            next[i] = feature_next(b[i]);
            continue;
        }
        if (unlikely(off)) {
            next[i] = node_drop(n, b[i], family->off, REASS_NEXT_DROP);
            continue;
        }
        u32 owner = reass_owner(family->protocol, t, b[i], m->n_owners, m->seed);
        *reass_home(b[i]) = (u8)thread_index(t);
        next[i] = NEXT_CONSUMED;
        if (owner == thread_index(t)) {
            reass_node_add(m, &batch, b[i], way);
            continue;
        }
        handoff_add(&away, b[i], owner);
    }
    reass_flush(&batch);
    thread_handoff_batch(t, m->handoff_nodes[way], &away, n, family->protocol->congestion,
                         REASS_NEXT_DROP);
}

/* Fragments that other threads sent here. */
ALWAYS_INLINE void reass_handed_over(const struct reass_family *family, struct thread *t,
                                     struct node *n, struct buffer **b, u16 *next, u32 count,
                                     enum reass_way way)
{
    struct reass_batch batch = {.family = family, .t = t, .n = n};

    for (u32 i = 0; i < count; i++) {
        reass_node_add(n->state, &batch, b[i], way);
        next[i] = NEXT_CONSUMED;
    }
    reass_flush(&batch);
}

static inline void reass_expire(const struct reass_family *family, struct thread *t, struct node *n,
                                const u32 *timers, u32 count)
{
    const struct reass_main *m = n->state;
    struct reass_batch batch = {.family = family, .t = t, .n = n};
    struct reass_out out = {.give = reass_give, .arg = &batch};

    for (u32 i = 0; i < count; i++)
        reass_timeout(m->tables[thread_index(t)], timers[i], &out);
    reass_flush(&batch);
}
