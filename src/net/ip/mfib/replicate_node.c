/* ip4-replicate, ip6-replicate: a packet to a group, to all who get it, a copy for each.
 *
 * Copies have headers of their own and share what follows; short packets are copied whole, and so
 * is what this switch takes itself, whose nodes look further into it. The last one gets the packet.
 * Nobody writes what is shared. A copy that cannot be had is counted; nothing else suffers.
 *
 * A packet never leaves by the interface that it came by: with routes that accept where they
 * forward it would go round for ever. */
#include "engine/buffer_copies.h"
#include "engine/thread.h"
#include "net/ip/mfib/mfib_packet.h"

#define WHOLE_BYTES 384 /* packets up to this are copied */
#define OWN_BYTES 128   /* of a longer one; all headers that are written or looked at are in it */

/* Where a packet goes: adjacencies, that to this switch itself apart. */
struct replicas {
    u32 n;
    u32 adj[MFIB_PATHS_MAX];
    bool local;
};

static void replicas_find(enum ip_family f, const struct mfib_forwarding *w, const struct buffer *b,
                          struct replicas *r)
{
    bool leaves = mfib_may_leave_link(f, b);
    r->n = 0;
    r->local = false;
    for (u32 k = 0; k < w->n_to; k++) {
        u32 a = w->to[k];
        if (a == ADJ_RECEIVE.i)
            r->local = true;
        else if (leaves && !if_equal(adj_at(a)->tx_if, b->rx_if))
            r->adj[r->n++] = a;
    }
}

/* Sends bi, a packet of its own with the words of `from`, by adjacency a. */
static void replica_send(struct thread *t, struct node *n, const struct mfib_scratch *from, u32 bi,
                         u32 a)
{
    struct ip_scratch *s = ip_scratch(buffer_at(bi));
    *s = from->ip;
    s->adj.i = a;
    node_enqueue(t, n, adj_head(adj_at(a)).lookup_next, &bi, 1);
}

static u32 replica_whole(struct thread *t, const struct buffer *b)
{
    u32 bi = buffer_copy(t, b);
    if (bi != BUFFER_NONE) {
        buffer_at(bi)->flags |= b->flags & BUFFER_TRACED;
        buffer_at(bi)->trace = b->trace;
    }
    return bi;
}

/* Whether copies may have the first bytes alone for themselves: what is still written is there. */
static bool replica_can_share(const struct buffer *b)
{
    i32 end = b->start + OWN_BYTES;
    if (buffer_packet_len(b) <= WHOLE_BYTES || b->len <= OWN_BYTES || buffer_is_shared(b))
        return false;
    return !(b->flags & (BUFFER_CSUM_PARTIAL | BUFFER_GSO)) ||
           b->csum_start + max_u64(b->csum_offset + 2u, b->gso_l4_len) <= (u64)end;
}

/* Copies of b for all but the last; b itself is untouched. Returns how many could not be made. */
static u32 replicate_whole(struct thread *t, struct node *n, const struct buffer *b,
                           const struct mfib_scratch *from, const u32 *adj, u32 count)
{
    u32 failed = 0;
    for (u32 k = 0; k < count; k++) {
        u32 bi = replica_whole(t, b);
        if (bi == BUFFER_NONE)
            failed++;
        else
            replica_send(t, n, from, bi, adj[k]);
    }
    return failed;
}

/* A header whose packet goes on in b. */
static u32 replica_head(struct thread *t, const struct buffer *b)
{
    u32 bi = buffer_copy_head(t, b, OWN_BYTES);
    if (bi == BUFFER_NONE)
        return bi;
    struct buffer *c = buffer_at(bi);
    c->flags |= BUFFER_NEXT;
    c->next = buffer_index(b);
    c->tail_len = buffer_packet_len(b) - OWN_BYTES;
    return bi;
}

/* To all of adj by sharing: takes b over. Returns how many could not be made. They are sent when b
 * is what they share. */
static u32 replicate_shared(struct thread *t, struct node *n, struct buffer *b,
                            const struct mfib_scratch *from, const u32 *adj, u32 count)
{
    u32 bi[MFIB_PATHS_MAX], made = 0;
    for (; made < count; made++) {
        bi[made] = replica_head(t, b);
        if (bi[made] == BUFFER_NONE)
            break;
        if (made && !buffer_share(b)) {
            struct buffer *c = buffer_at(bi[made]);
            c->flags &= ~(u32)BUFFER_NEXT;
            buffer_free_one(t, bi[made]);
            break;
        }
    }
    if (!made) {
        buffer_free_one(t, buffer_index(b));
        return count;
    }
    buffer_advance(b, OWN_BYTES);
    b->flags &= BUFFER_NEXT; /* the rest is no packet of its own */
    for (u32 k = 0; k < made; k++)
        replica_send(t, n, from, bi[k], adj[k]);
    return count - made;
}

/* Returns the edge of b itself, or NEXT_CONSUMED. */
static u16 replicate_packet(struct thread *t, struct node *n, struct buffer *b, struct replicas *r)
{
    const struct mfib_scratch from = *mfib_scratch(b);
    u32 failed = 0;
    if (!r->n && !r->local)
        return node_drop(n, b, REPLICATE_ERR_NOWHERE, FIB_NEXT_DROP);
    if (r->local && r->n)
        failed += replicate_whole(t, n, b, &from, &ADJ_RECEIVE.i, 1);
    else if (r->local)
        r->adj[r->n++] = ADJ_RECEIVE.i;
    u16 next = NEXT_CONSUMED;
    bool shared = buffer_is_shared(b);
    if (r->n > 1 && replica_can_share(b)) {
        failed += replicate_shared(t, n, b, &from, r->adj, r->n);
    } else {
        failed += replicate_whole(t, n, b, &from, r->adj, shared ? r->n : r->n - 1);
        if (shared) { /* others hold it too */
            buffer_free_one(t, buffer_index(b));
        } else {
            ip_scratch(b)->adj.i = r->adj[r->n - 1];
            next = adj_head(adj_at(r->adj[r->n - 1])).lookup_next;
            if (!(b->flags & BUFFER_TRACED)) /* behind those that were sent before it */
                node_enqueue_first(t, n, &b, &next, 1);
        }
    }
    if (unlikely(failed))
        node_count(n, REPLICATE_ERR_NO_BUFFER, failed);
    return next;
}

/* --- many alike --- */

/* Whether all copies of a packet are whole ones, and only copies are made of it. */
ALWAYS_INLINE bool replica_is_plain(const struct buffer *b)
{
    return b->len <= WHOLE_BYTES && !(b->flags & BUFFER_TRACED) && !buffer_is_shared(b) &&
           buffer_is_small(b);
}

/* How many packets from b[0] on are plain and go where that goes. */
ALWAYS_INLINE u32 replicas_alike(enum ip_family f, struct buffer **b, u32 count)
{
    bool leaves = mfib_may_leave_link(f, b[0]);
    u32 n = 0;
    while (n < count && replica_is_plain(b[n]) &&
           mfib_scratch(b[n])->route == mfib_scratch(b[0])->route &&
           if_equal(b[n]->rx_if, b[0]->rx_if) && mfib_may_leave_link(f, b[n]) == leaves)
        n++;
    return n;
}

/* Adjacency by adjacency, so that packets behind each other leave by the same one. */
static void replicate_alike(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                            u32 count, const struct replicas *r)
{
    u32 bi[FRAME_PKTS], failed = 0;
    for (u32 k = 0; k + 1 < r->n; k++) {
        u32 got = buffer_copy_each(t, b, bi, count);
        for (u32 i = 0; i < got; i++)
            ip_scratch(buffer_at(bi[i]))->adj.i = r->adj[k];
        failed += count - got;
        node_enqueue(t, n, adj_head(adj_at(r->adj[k])).lookup_next, bi, got);
    }
    for (u32 i = 0; i < count; i++) {
        ip_scratch(b[i])->adj.i = r->adj[r->n - 1];
        next[i] = adj_head(adj_at(r->adj[r->n - 1])).lookup_next;
    }
    node_enqueue_first(t, n, b, next, count);
    if (unlikely(failed))
        node_count(n, REPLICATE_ERR_NO_BUFFER, failed);
}

ALWAYS_INLINE void replicate_all(enum ip_family f, struct thread *t, struct node *n,
                                 struct buffer **b, u16 *next, u32 count)
{
    const struct mfib_data *m = n->state;
    struct counter_pair *counters = counter_combined(m->counters, thread_index(t));
    struct replicas r;
    for (u32 i = 0; i < count; i++)
        counter_pair_add(&counters[mfib_scratch(b[i])->route], 1, buffer_packet_len(b[i]));
    for (u32 i = 0, alike; i < count; i += alike) {
        replicas_find(f, mfib_forwarding(m, mfib_scratch(b[i])->route), b[i], &r);
        alike = r.n && !r.local ? replicas_alike(f, b + i, count - i) : 0;
        if (alike) {
            replicate_alike(t, n, b + i, next + i, alike, &r);
        } else {
            next[i] = replicate_packet(t, n, b[i], &r);
            alike = 1;
        }
    }
}

void NODE_FN(ip4_replicate)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                            u32 count)
{
    replicate_all(IP_FAMILY_4, t, n, b, next, count);
}

void NODE_FN(ip6_replicate)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                            u32 count)
{
    replicate_all(IP_FAMILY_6, t, n, b, next, count);
}
