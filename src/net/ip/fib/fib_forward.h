/* The end of a lookup, which knows no protocol: from the route to the adjacency that a packet
 * takes, and what is counted on the way. For the nodes of IPv4 and IPv6, whose own part is how a
 * route is found and what a flow is. */
#pragma once

#include "engine/counter.h"
#include "engine/node.h"
#include "engine/thread.h"
#include "net/ip/fib/fib_data.h"

#define FIB_LOOKUPS_MOST 8 /* load balances, and tables, that a packet may pass */

/* Why the nodes that end so drop packets. */
enum { FIB_LOOKUP_ERR_LOOP, FIB_LOOKUP_ERR_N };
extern const struct node_error fib_lookup_errors[FIB_LOOKUP_ERR_N];

/* The record of one; edges: FIB_LOOKUP_NEXT_IP4 or its like. */
#define FIB_LOOKUP_NODE(text_name, c_name, edges, format, its_plain)                               \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name), .next = edges, .n_next = FIB_NEXT_N,      \
        .errors = fib_lookup_errors, .n_errors = FIB_LOOKUP_ERR_N, .format_trace = format,         \
        .plain = its_plain,                                                                        \
    }

/* Of the protocol: a hash that all packets of a flow have in common, by FLOW_* fields; never 0. */
typedef u32 fib_flow_hash(const struct buffer *b, u32 fields);

ALWAYS_INLINE void fib_count_route(struct counter_pair *c, u32 lb, const struct buffer *b)
{
    counter_pair_add(&c[lb], 1, buffer_packet_len(b));
}

/* Load balances of a vector, and their counters: neighbours in it often take the same route. leaf:
 * 2 * load balance + 1. */
ALWAYS_INLINE void fib_load_routes(struct counter_pair *to, struct buffer **b, const u32 *leaf,
                                   struct lb *lb, u32 count)
{
    if (unlikely(!count))
        return;
    u32 route = leaf[0] >> 1;
    u64 packets = 0, bytes = 0;
    for (u32 i = 0; i < count; i++) {
        u32 next = leaf[i] >> 1;
        lb[i] = lb_load(next);
        if (next != route) {
            counter_pair_add(&to[route], packets, bytes);
            packets = bytes = 0;
            route = next;
        }
        packets++;
        bytes += buffer_packet_len(b[i]);
    }
    counter_pair_add(&to[route], packets, bytes);
}

/* A load balance of several paths, or one that leads to another's. Returns the adjacency at the
 * end. */
static inline u32 fib_pick_slowly(struct thread *t, struct buffer *b, u32 fib, struct lb lb,
                                  u32 *hash, fib_flow_hash *flow_hash)
{
    struct counter_pair *via = counter_combined(fib_counters_via, thread_index(t));
    if (lb.mask && !*hash)
        *hash = flow_hash(b, fib_flow_fields(&fib_table_base[fib]));
    u32 a = lb_pick(lb, *hash);
    for (u32 depth = 0; adj_head(adj_at(a)).kind == ADJ_KIND_LB; depth++) {
        u32 next = (u32)adj_at(a)->data;
        if (depth == FIB_LOOKUPS_MOST)
            return ADJ_DROP.i;
        fib_count_route(via, next, b);
        lb = lb_load(next);
        /* other bits of the hash than at the level before */
        if (lb.mask && !*hash)
            *hash = flow_hash(b, fib_flow_fields(&fib_table_base[fib]));
        a = lb_pick(lb, *hash >> (depth + 1));
    }
    return a;
}

/* The packet's words for what comes next, and the edge to it. hash: the flow's; 0: made here if it
 * is needed. */
ALWAYS_INLINE u16 fib_forward(struct thread *t, struct buffer *b, u32 fib, u32 route, struct lb lb,
                              u32 hash, fib_flow_hash *flow_hash)
{
    struct ip_scratch *s = ip_scratch(b);
    u32 a = lb.first;
    struct adj_head head = {0};
    if (likely(!lb.mask))
        head = adj_head(adj_at(a));
    if (unlikely(lb.mask) || unlikely(head.kind == ADJ_KIND_LB)) {
        a = fib_pick_slowly(t, b, fib, lb, &hash, flow_hash);
        head = adj_head(adj_at(a));
    }
    s->adj.i = a;
    s->lb.i = route;
    s->fib.i = fib;
    s->flow_hash = hash;
    return head.lookup_next;
}

/* For a node that has a route of its own for a packet, whatever the destination. Counted in to[].
 * Adjacencies of modules' own are behind edges that only lookup nodes have: by ipX-load-balance. */
ALWAYS_INLINE u16 fib_forward_by(struct thread *t, struct counter_pair *to, struct buffer *b,
                                 u32 fib, u32 route, fib_flow_hash *flow_hash)
{
    fib_count_route(to, route, b);
    u16 edge = fib_forward(t, b, fib, route, lb_load(route), 0, flow_hash);
    if (likely(edge < FIB_NEXT_LOOKUP))
        return edge;
    ip_scratch(b)->lookups = 0;
    return edge < FIB_NEXT_N ? edge : FIB_NEXT_LOAD_BALANCE;
}

/* ipX-lookup, when the routes are known: leaf, lb as of fib_load_routes, fib: the table of each. */
ALWAYS_INLINE void fib_forward_all(struct thread *t, struct buffer **b, u16 *next, const u32 *fib,
                                   const u32 *leaf, const struct lb *lb, u32 count,
                                   fib_flow_hash *flow_hash)
{
    for (u32 i = 0; i < count; i++) {
        next[i] = fib_forward(t, b[i], fib[i], leaf[i] >> 1, lb[i], 0, flow_hash);
        if (unlikely(next[i] >= FIB_NEXT_LOOKUP))
            ip_scratch(b[i])->lookups = 0;
    }
}

/* Of the protocol: the table of the interface that a packet came from. */
typedef struct fib_index fib_table_of(const struct buffer *b);

/* ipX-load-balance. The route is known: by recursion of other tables' kinds, or to what this switch
 * sends. */
ALWAYS_INLINE void fib_load_balance(struct thread *t, struct buffer **b, u16 *next, u32 count,
                                    fib_table_of *table_of, fib_flow_hash *flow_hash)
{
    struct counter_pair *via = counter_combined(fib_counters_via, thread_index(t));
    for (u32 i = 0; i < count; i++) {
        struct ip_scratch *s = ip_scratch(b[i]);
        bool local = b[i]->flags & BUFFER_LOCAL;
        u32 route = s->lb.i, fib = local ? s->fib.i : table_of(b[i]).i;
        fib_count_route(via, route, b[i]);
        next[i] =
            fib_forward(t, b[i], fib, route, lb_load(route), local ? s->flow_hash : 0, flow_hash);
        if (unlikely(next[i] >= FIB_NEXT_LOOKUP))
            s->lookups = 0;
    }
}

/* Of the protocol: the load balance in a table for a packet's destination (ADJ_KIND_LOOKUP) or
 * source (ADJ_KIND_LOOKUP_SRC). */
typedef u32 fib_route_of(struct fib_index fib, const struct buffer *b, enum adj_kind kind);

/* lookup-ipX-dst, lookup-ipX-src: once more, in the table that the adjacency says. */
ALWAYS_INLINE void fib_lookup_again(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                    u32 count, enum adj_kind kind, fib_route_of *route_of,
                                    fib_flow_hash *flow_hash)
{
    struct counter_pair *to = counter_combined(fib_counters_to, thread_index(t));
    for (u32 i = 0; i < count; i++) {
        struct ip_scratch *s = ip_scratch(b[i]);
        const struct adj *a = adj_at(s->adj.i);
        if (adj_head(a).kind != kind || ++s->lookups > FIB_LOOKUPS_MOST) {
            next[i] = node_drop(n, b[i], FIB_LOOKUP_ERR_LOOP, FIB_NEXT_DROP);
            continue;
        }
        struct fib_index fib = {(u32)a->data};
        u32 route = route_of(fib, b[i], kind);
        fib_count_route(to, route, b[i]);
        next[i] = fib_forward(t, b[i], fib.i, route, lb_load(route), 0, flow_hash);
    }
}
