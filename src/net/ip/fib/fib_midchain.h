/* Packets into a tunnel, for the midchain nodes of both protocols. Behind the tunnel's header they
 * leave by the tunnel's interface, whose last node (adj_midchain_tx) gives them to the load balance
 * of the way to the tunnel's end. Data threads. */
#pragma once

#include "net/ip/fib/encap.h"
#include "net/ip/fib/fib_rewrite.h"
#include "net/link/gso/gso.h"

/* Reasons of encap_packet are those of the node, in the same order. */
static inline u16 fib_midchain_error(struct node *n, struct buffer *b, enum encap_error error)
{
    return node_drop(n, b, FIB_REWRITE_ERR_TUNNEL_LOOP + (u32)error - ENCAP_ERR_LOOP,
                     FIB_REWRITE_NEXT_DROP);
}

/* Those in front leave first, so that what one packet becomes leaves in its place. */
static inline void fib_midchain_send_before(struct thread *t, struct node *n, struct buffer **b,
                                            u16 *next, u32 count)
{
    if (unlikely(adj_is_counting()))
        fib_count_adjs(t, b, next, count);
    node_enqueue_first(t, n, b, next, count);
}

/* Segments that each go into the tunnel. */
static inline u16 fib_midchain_cut(struct thread *t, struct node *n, struct buffer *b,
                                   const struct encap *e, u32 hash, u16 out, enum ip_family f)
{
    u32 bi[GSO_SEGMENTS_MAX];
    u32 count = gso_segment(t, b, bi, GSO_SEGMENTS_MAX);
    if (!count)
        return fib_midchain_error(n, b, ENCAP_ERR_OPEN);
    for (u32 i = 0; i < count; i++) {
        struct buffer *seg = buffer_at(bi[i]);
        enum encap_error error = encap_packet(t, seg, e, f, hash);
        u16 next = error ? fib_midchain_error(n, seg, error) : out;
        seg->tx_if = b->tx_if;
        if (unlikely(adj_is_counting()))
            fib_count_adjs(t, &seg, &next, 1);
        node_enqueue(t, n, next, &bi[i], 1);
    }
    buffer_free_one(t, buffer_index(b));
    return NEXT_CONSUMED;
}

/* b[i] of a vector; those before have their edges. */
static inline u16 fib_midchain_one(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                   u32 i, enum ip_family f, fib_leave *leave)
{
    const struct adj *a = adj_at(ip_scratch(b[i])->adj.i);
    struct adj_head head = adj_head(a);
    if (head.kind != ADJ_KIND_MIDCHAIN)
        return node_drop(n, b[i], FIB_REWRITE_ERR_NO_ADJACENCY, FIB_REWRITE_NEXT_DROP);
    const struct encap *e = adj_encap(a);
    u16 elsewhere = leave(n, b[i], head);
    if (elsewhere != FIB_LEAVES)
        return elsewhere;
    u32 hash = ip_scratch(b[i])->flow_hash;
    b[i]->tx_if = a->tx_if;
    if (unlikely(encap_must_cut(b[i], e))) {
        fib_midchain_send_before(t, n, b, next, i);
        return fib_midchain_cut(t, n, b[i], e, hash, head.rewrite_next, f);
    }
    enum encap_error error = encap_packet(t, b[i], e, f, hash);
    return error ? fib_midchain_error(n, b[i], error) : head.rewrite_next;
}

ALWAYS_INLINE void fib_midchain(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                u32 count, enum ip_family f, fib_leave *leave)
{
    for (u32 i = 0; i < count; i++)
        next[i] = fib_midchain_one(t, n, b, next, i, f, leave);
    if (unlikely(adj_is_counting()))
        fib_count_adjs(t, b, next, count);
}
