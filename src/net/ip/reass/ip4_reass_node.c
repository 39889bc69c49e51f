/* ip4-local-full-reassembly, for what is for this switch; ip4-full-reassembly-feature, for what
 * passes an interface; and the walk that gives up what no packet reminds of. See ip4_reass.h.
 *
 *   data thread: its first fragment ──► event: there is something to wait for
 *   control thread: a timer, while any table holds something ──► a token packet to each thread's
 * walk node
 *
 * so that each table is touched by its own thread only, and an idle switch has no timer. */
#include "engine/feature.h"
#include "engine/thread.h"
#include "net/ip/icmp/icmp4.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_errors.h"
#include "net/ip/ip4/ip4_nodes.h"
#include "net/packet/ip4_packet.h"
#include "net/ip/reass/ip4_reass_module.h"

/* What a vector brings about, sent on at its end. */
struct batch {
    struct thread *t;
    struct node *n;
    u32 bi[FRAME_PKTS];
    u16 next[FRAME_PKTS];
    u32 count;
};

static void ip4_reass_flush(struct batch *batch)
{
    node_enqueue_each(batch->t, batch->n, batch->bi, batch->next, batch->count);
    batch->count = 0;
}

static enum ip4_error error_of(enum ip4_reass_fate fate)
{
    static const u8 errors[] = {
        [IP4_REASS_DUPLICATE] = IP4_ERROR_REASS_DUPLICATE_FRAGMENT,
        [IP4_REASS_OVERLAP] = IP4_ERROR_REASS_OVERLAP,
        [IP4_REASS_MALFORMED] = IP4_ERROR_REASS_MALFORMED_PACKET,
        [IP4_REASS_TOO_MANY] = IP4_ERROR_REASS_FRAGMENT_CHAIN_TOO_LONG,
        [IP4_REASS_LIMIT] = IP4_ERROR_REASS_LIMIT_REACHED,
        [IP4_REASS_TIMEOUT] = IP4_ERROR_REASS_TIMEOUT,
        [IP4_REASS_TIMEOUT_FIRST] = IP4_ERROR_REASS_TIMEOUT,
        [IP4_REASS_NO_BUFFER] = IP4_ERROR_REASS_NO_BUF,
    };
    return errors[fate];
}

static void ip4_reass_give(void *arg, u32 bi, enum ip4_reass_fate fate)
{
    struct batch *batch = arg;
    struct buffer *b = buffer_at(bi);
    u16 next = IP4_REASS_NEXT_WHOLE;

    if (fate == IP4_REASS_WHOLE) {
        node_count(batch->n, IP4_ERROR_REASS_SUCCESS, 1);
    } else if (fate == IP4_REASS_TIMEOUT_FIRST) {
        ip4_note_icmp_error(b, ICMP4_TIME_EXCEEDED, ICMP4_REASSEMBLY_TIME_EXCEEDED, 0);
        next = node_drop(batch->n, b, error_of(fate), IP4_REASS_NEXT_ICMP_ERROR);
    } else {
        next = node_drop(batch->n, b, error_of(fate), IP4_REASS_NEXT_DROP);
    }
    batch->bi[batch->count] = bi;
    batch->next[batch->count++] = next;
    if (batch->count == FRAME_PKTS)
        ip4_reass_flush(batch);
}

/* b is a fragment; takes it over. */
static void ip4_reass_node_add(struct ip4_reass_main *m, struct batch *batch, struct buffer *b,
                               u32 scope)
{
    struct ip4_reass_out out = {.give = ip4_reass_give, .arg = batch};

    ip4_reass_add(m->tables[thread_index(batch->t)], batch->t, buffer_index(b), scope,
                  thread_now_ns(batch->t), &out);
    node_count(batch->n, IP4_ERROR_REASS_FRAGMENTS_RCVD, 1);
    node_count(batch->n, IP4_ERROR_REASS_FRAGMENTS_REASSEMBLED, out.n_joined);
}

/* The control thread looks after a table that is not empty any more. */
static void tell_if_waiting(struct thread *t, const struct ip4_reass *r, u32 before)
{
    u8 nothing = 0;
    if (before || !ip4_reass_n_datagrams(r))
        return;
    if (!thread_post(t, ip4_reass_on_waiting, &nothing, sizeof(nothing))) {
        /* the next fragment looks after what has timed out meanwhile */
    }
}

void NODE_FN(ip4_local_full_reassembly)(struct thread *t, struct node *n, struct buffer **b,
                                        u16 *next, u32 count)
{
    struct ip4_reass_main *m = n->state;
    const struct ip4_reass *r = m->tables[thread_index(t)];
    struct batch batch = {.t = t, .n = n};
    u32 before = ip4_reass_n_datagrams(r);

    for (u32 i = 0; i < count; i++) {
        if (unlikely(!__atomic_load_n(&m->local_enabled, __ATOMIC_RELAXED))) {
            next[i] = node_drop(n, b[i], IP4_ERROR_REASS_LIMIT_REACHED, IP4_REASS_NEXT_DROP);
            continue;
        }
        ip4_reass_node_add(m, &batch, b[i], ip4_scratch(b[i])->fib.i);
        next[i] = NEXT_CONSUMED;
    }
    ip4_reass_flush(&batch);
    tell_if_waiting(t, r, before);
}

/* A feature of the arc ip4-unicast. A whole datagram begins anew at ip4-input: the features that
 * its fragments were to pass may have changed while they waited. */
void NODE_FN(ip4_full_reassembly_feature)(struct thread *t, struct node *n, struct buffer **b,
                                          u16 *next, u32 count)
{
    struct ip4_reass_main *m = n->state;
    const struct ip4_reass *r = m->tables[thread_index(t)];
    struct batch batch = {.t = t, .n = n};
    u32 before = ip4_reass_n_datagrams(r);

    for (u32 i = 0; i < count; i++) {
        if (likely(!ip4_is_fragment(buffer_current(b[i])))) {
            next[i] = feature_next(b[i]);
            continue;
        }
        ip4_reass_node_add(m, &batch, b[i], IP4_REASS_SCOPE_INTERFACE | b[i]->rx_if.i);
        next[i] = NEXT_CONSUMED;
    }
    ip4_reass_flush(&batch);
    tell_if_waiting(t, r, before);
}

/* b are tokens of the control thread. */
void NODE_FN(ip4_full_reassembly_expire_walk)(struct thread *t, struct node *n, struct buffer **b,
                                              u16 *next, u32 count)
{
    struct ip4_reass_main *m = n->state;
    struct batch batch = {.t = t, .n = n};

    ip4_reass_expire(m->tables[thread_index(t)], t, thread_now_ns(t),
                     &(struct ip4_reass_out){.give = ip4_reass_give, .arg = &batch});
    ip4_reass_flush(&batch);
    for (u32 i = 0; i < count; i++) {
        buffer_free_one(t, buffer_index(b[i]));
        next[i] = NEXT_CONSUMED;
    }
}
