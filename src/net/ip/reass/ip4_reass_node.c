/* ip4-local-full-reassembly, for what is for this switch; ip4-full-reassembly-feature, for what
 * passes an interface; and what gives up a datagram when its timer fires. See ip4_reass.h.
 *
 *   thread A: a fragment ──(another thread's, by source, destination, id, protocol)──► thread B: a
 * ..-handoff node thread B: its table ─► whole ──────────(where the first fragment came
 * in)────────► thread A: ip4-local, ip4-input
 *
 * so that fragments of one datagram meet that come in by several queues, each table is touched by
 * its own thread only, and the datagram goes on beside what else its flow has sent. */
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

static_assert(sizeof(struct ip_scratch) < BUFFER_SCRATCH_BYTES, "leaves the last byte");

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

/* Edge of a whole datagram; NEXT_CONSUMED: it went to the thread where its first fragment came in.
 */
static u16 ip4_reass_whole(struct batch *batch, struct buffer *b)
{
    u32 home = *ip4_reass_home(b), bi = buffer_index(b);
    if (home == thread_index(batch->t))
        return IP4_REASS_NEXT_WHOLE;
    if (thread_handoff(batch->t, home, ip4_reass_target(batch->n), &bi, 1))
        return NEXT_CONSUMED;
    return node_drop(batch->n, b, IP4_ERROR_REASS_CONGESTION, IP4_REASS_NEXT_DROP);
}

static void ip4_reass_give(void *arg, u32 bi, enum ip4_reass_fate fate)
{
    struct batch *batch = arg;
    struct buffer *b = buffer_at(bi);
    u16 next;

    if (fate == IP4_REASS_WHOLE) {
        node_count(batch->n, IP4_ERROR_REASS_SUCCESS, 1);
        next = ip4_reass_whole(batch, b);
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

/* b is a fragment of this thread's; takes it over. */
static void ip4_reass_node_add(struct ip4_reass_main *m, struct batch *batch, struct buffer *b,
                               enum ip4_reass_way way)
{
    struct ip4_reass_out out = {.give = ip4_reass_give, .arg = batch};
    u32 scope =
        way == IP4_REASS_LOCAL ? ip_scratch(b)->fib.i : IP4_REASS_SCOPE_INTERFACE | b->rx_if.i;

    ip4_reass_add(m->tables[thread_index(batch->t)], batch->t, buffer_index(b), scope,
                  thread_now_ns(batch->t), &out);
    node_count(batch->n, IP4_ERROR_REASS_FRAGMENTS_RCVD, 1);
    node_count(batch->n, IP4_ERROR_REASS_FRAGMENTS_REASSEMBLED, out.n_joined);
}

/* The thread that puts together what this fragment is of: whichever thread asks, the same. */
static u32 owner_of(const struct ip4_reass_main *m, const struct ip4_header *h)
{
    u64 x = (((u64)h->src.raw << 32 | h->dst.raw) ^ m->seed) * 0x9e3779b97f4a7c15ull;
    x = (x ^ x >> 29 ^ ((u64)h->id.raw << 8 | h->protocol)) * 0xbf58476d1ce4e5b9ull;
    return 1 + (u32)(x >> 32) % m->n_owners;
}

/* What a vector has for other threads. */
struct away {
    u32 bi[FRAME_PKTS];
    u8 to[FRAME_PKTS];
    u32 n;
};

static void send_away(struct ip4_reass_main *m, struct batch *batch, const struct away *a,
                      enum ip4_reass_way way)
{
    u32 refused[FRAME_PKTS];
    u32 n = thread_handoff_each(batch->t, m->handoff_nodes[way], a->bi, a->to, a->n, refused);
    for (u32 i = 0; i < n; i++)
        node_drop(batch->n, buffer_at(refused[i]), IP4_ERROR_REASS_CONGESTION, 0);
    node_enqueue(batch->t, batch->n, IP4_REASS_NEXT_DROP, refused, n);
}

/* Fragments that came in on this thread. */
ALWAYS_INLINE void come_in(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                           u32 count, enum ip4_reass_way way)
{
    struct ip4_reass_main *m = n->state;
    struct batch batch = {.t = t, .n = n};
    struct away away = {.n = 0};
    bool off = way == IP4_REASS_LOCAL && !__atomic_load_n(&m->local_enabled, __ATOMIC_RELAXED);

    for (u32 i = 0; i < count; i++) {
        const struct ip4_header *h = buffer_current(b[i]);
        if (way == IP4_REASS_FEATURE && likely(!ip4_is_fragment(h))) {
            next[i] = feature_next(b[i]);
            continue;
        }
        if (unlikely(off)) {
            next[i] = node_drop(n, b[i], IP4_ERROR_REASS_LIMIT_REACHED, IP4_REASS_NEXT_DROP);
            continue;
        }
        u32 owner = m->n_owners == 1 ? thread_index(t) : owner_of(m, h);
        *ip4_reass_home(b[i]) = (u8)thread_index(t);
        next[i] = NEXT_CONSUMED;
        if (owner == thread_index(t)) {
            ip4_reass_node_add(m, &batch, b[i], way);
            continue;
        }
        away.bi[away.n] = buffer_index(b[i]);
        away.to[away.n++] = (u8)owner;
    }
    ip4_reass_flush(&batch);
    if (away.n)
        send_away(m, &batch, &away, way);
}

void NODE_FN(ip4_local_full_reassembly)(struct thread *t, struct node *n, struct buffer **b,
                                        u16 *next, u32 count)
{
    come_in(t, n, b, next, count, IP4_REASS_LOCAL);
}

/* A feature of the arc ip4-unicast. A whole datagram begins anew at ip4-input: the features that
 * its fragments were to pass may have changed while they waited. */
void NODE_FN(ip4_full_reassembly_feature)(struct thread *t, struct node *n, struct buffer **b,
                                          u16 *next, u32 count)
{
    come_in(t, n, b, next, count, IP4_REASS_FEATURE);
}

/* Fragments that other threads sent here. */
ALWAYS_INLINE void handed_over(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                               u32 count, enum ip4_reass_way way)
{
    struct batch batch = {.t = t, .n = n};

    for (u32 i = 0; i < count; i++) {
        ip4_reass_node_add(n->state, &batch, b[i], way);
        next[i] = NEXT_CONSUMED;
    }
    ip4_reass_flush(&batch);
}

void NODE_FN(ip4_local_full_reassembly_handoff)(struct thread *t, struct node *n, struct buffer **b,
                                                u16 *next, u32 count)
{
    handed_over(t, n, b, next, count, IP4_REASS_LOCAL);
}

void NODE_FN(ip4_full_reassembly_feature_hoff)(struct thread *t, struct node *n, struct buffer **b,
                                               u16 *next, u32 count)
{
    handed_over(t, n, b, next, count, IP4_REASS_FEATURE);
}

void NODE_FN(ip4_full_reassembly_expire_walk)(struct thread *t, struct node *n, const u32 *timers,
                                              u32 count)
{
    const struct ip4_reass_main *m = n->state;
    struct batch batch = {.t = t, .n = n};
    struct ip4_reass_out out = {.give = ip4_reass_give, .arg = &batch};

    for (u32 i = 0; i < count; i++)
        ip4_reass_timeout(m->tables[thread_index(t)], timers[i], &out);
    ip4_reass_flush(&batch);
}
