/* How packets leave by an adjacency, which knows no protocol: for the rewrite and midchain nodes of
 * IPv4 and IPv6, whose own part is whether a packet may leave. Data threads. */
#pragma once

#include <string.h>

#include "engine/counter.h"
#include "engine/node.h"
#include "engine/thread.h"
#include "net/ip/fib/fib_data.h"

/* Edges and reasons of the rewrite and midchain nodes; the edges to interfaces come behind. */
enum {
    FIB_REWRITE_NEXT_DROP,
    FIB_REWRITE_NEXT_ICMP_ERROR,
    FIB_REWRITE_NEXT_FRAGMENT, /* of IPv6: what this switch sends */
    FIB_REWRITE_N_NEXT
};
enum {
    FIB_REWRITE_ERR_TTL,
    FIB_REWRITE_ERR_MTU,
    FIB_REWRITE_ERR_NO_ADJACENCY,
    FIB_REWRITE_ERR_NO_ROOM,
    FIB_REWRITE_ERR_TUNNEL_LOOP, /* these are the midchain nodes': enum encap_error */
    FIB_REWRITE_ERR_TUNNEL_TOO_LONG,
    FIB_REWRITE_ERR_TUNNEL_OPEN,
    FIB_REWRITE_ERR_TUNNEL_NO_ROOM,
    FIB_REWRITE_ERR_N
};

/* The table of reasons; ttl, mtu: what the first two are called. */
#define FIB_REWRITE_ERRORS(ttl, mtu)                                                               \
    {                                                                                              \
        [FIB_REWRITE_ERR_TTL] = {"time_expired", ttl, SEVERITY_ERROR},                             \
        [FIB_REWRITE_ERR_MTU] = {"mtu_exceeded", mtu, SEVERITY_ERROR},                             \
        [FIB_REWRITE_ERR_NO_ADJACENCY] = {"no_adjacency", "next hop went away", SEVERITY_ERROR},   \
        [FIB_REWRITE_ERR_NO_ROOM] = {"no_headroom", "no room for the link's header",               \
                                     SEVERITY_ERROR},                                              \
        [FIB_REWRITE_ERR_TUNNEL_LOOP] = {"tunnel_loop", "in too many tunnels", SEVERITY_ERROR},    \
        [FIB_REWRITE_ERR_TUNNEL_TOO_LONG] = {"tunnel_too_long",                                    \
                                             "too long with the tunnel's header", SEVERITY_ERROR}, \
        [FIB_REWRITE_ERR_TUNNEL_OPEN] = {"tunnel_offload", "checksum or segments cannot be made",  \
                                         SEVERITY_ERROR},                                          \
        [FIB_REWRITE_ERR_TUNNEL_NO_ROOM] = {"tunnel_no_room", "no room for the tunnel's header",   \
                                            SEVERITY_ERROR},                                       \
    }

/* The record of one. */
#define FIB_REWRITE_NODE(text_name, c_name, drop, icmp_error, fragment, reasons, format,           \
                         its_plain)                                                                \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name),                                           \
        .next = {[FIB_REWRITE_NEXT_DROP] = drop,                                                   \
                 [FIB_REWRITE_NEXT_ICMP_ERROR] = icmp_error,                                       \
                 [FIB_REWRITE_NEXT_FRAGMENT] = fragment},                                          \
        .n_next = FIB_REWRITE_N_NEXT, .errors = reasons, .n_errors = FIB_REWRITE_ERR_N,            \
        .format_trace = format, .trace_after = true, .plain = its_plain,                           \
    }

#define FIB_LEAVES UINT16_MAX /* no edge: it may */

/* Of the protocol: one hop less to live, unless b was made here. FIB_LEAVES, or where b goes
 * instead. */
typedef u16 fib_leave(struct node *n, struct buffer *b, struct adj_head head);

ALWAYS_INLINE u64 fib_rewrite_word(const struct adj *a, u32 i)
{
    return __atomic_load_n(&a->rewrite[i], __ATOMIC_RELAXED);
}

/* Behind 14 bytes: tags. */
static inline void fib_rewrite_put_tags(u8 *to, const struct adj *a, u32 len)
{
    u64 words[ADJ_REWRITE_BYTES_MAX / 8];
    for (u32 i = 0; i < array_len(words); i++)
        words[i] = fib_rewrite_word(a, i);
    memcpy(to + 14, (const u8 *)words + 14, len - 14);
}

ALWAYS_INLINE void fib_rewrite_put(u8 *to, const struct adj *a, u32 len)
{
    /* 14 bytes in three words, and never a byte in front of the frame: that may be a peer's memory
     */
    u8 tail[8];
    store_u64(to, fib_rewrite_word(a, 0));
    store_u64(tail, fib_rewrite_word(a, 1));
    memcpy(to + 8, tail, 4);
    memcpy(to + 12, tail + 4, 2);
    if (unlikely(len > 14))
        fib_rewrite_put_tags(to, a, len);
}

/* Rewrite of any length. */
ALWAYS_INLINE u16 fib_rewrite_any(struct node *n, struct buffer *b, const struct adj *a,
                                  struct adj_head head, fib_leave *leave)
{
    if (b->start < head.rewrite_len)
        return node_drop(n, b, FIB_REWRITE_ERR_NO_ROOM, FIB_REWRITE_NEXT_DROP);
    u16 elsewhere = leave(n, b, head);
    if (elsewhere != FIB_LEAVES)
        return elsewhere;
    b->l3_start = b->start;
    buffer_advance(b, -(int)head.rewrite_len);
    b->l2_start = b->start;
    b->tx_if = a->tx_if;
    if (head.rewrite_len >= 14)
        fib_rewrite_put(buffer_current(b), a, head.rewrite_len);
    return head.rewrite_next;
}

/* Any adjacency, rewrite of any length. */
static inline u16 fib_rewrite_odd(struct node *n, struct buffer *b, const struct adj *a,
                                  struct adj_head head, fib_leave *leave)
{
    if (head.kind != ADJ_KIND_REWRITE)
        return node_drop(n, b, FIB_REWRITE_ERR_NO_ADJACENCY, FIB_REWRITE_NEXT_DROP);
    return fib_rewrite_any(n, b, a, head, leave);
}

/* What goes out, by adjacency: the other edges are those that the record names. */
static inline void fib_count_adjs(struct thread *t, struct buffer **b, const u16 *next, u32 count)
{
    struct counter_pair *adjs = counter_combined(fib_counters_adj, thread_index(t));
    for (u32 i = 0; i < count; i++) {
        if (next[i] < FIB_REWRITE_N_NEXT || next[i] == NEXT_CONSUMED)
            continue;
        counter_pair_add(&adjs[ip_scratch(b[i])->adj.i], 1, buffer_packet_len(b[i]));
    }
}

/* Of the protocol: the bytes of the packet's group in its MAC address. */
typedef void fib_group_mac(const struct buffer *b, u8 mac[6]);

/* The nodes that rewrite multicast: what comes is this way's own copy. */
ALWAYS_INLINE void fib_rewrite_mcast(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                     u32 count, fib_leave *leave, fib_group_mac *group_mac)
{
    for (u32 i = 0; i < count; i++) {
        const struct adj *a = adj_at(ip_scratch(b[i])->adj.i);
        struct adj_head head = adj_head(a);
        if (unlikely(head.kind != ADJ_KIND_MCAST)) {
            next[i] = node_drop(n, b[i], FIB_REWRITE_ERR_NO_ADJACENCY, FIB_REWRITE_NEXT_DROP);
            continue;
        }
        next[i] = fib_rewrite_any(n, b[i], a, head, leave);
        if (likely(next[i] >= FIB_REWRITE_N_NEXT))
            group_mac(b[i], buffer_current(b[i]));
    }
    if (unlikely(adj_is_counting()))
        fib_count_adjs(t, b, next, count);
}

/* Of the protocol: how many hops the packet has left; and one less. */
typedef u8 fib_hops_left(const struct buffer *b);
typedef void fib_hop(struct buffer *b);

/* The rewrite nodes: one hop less to live, the link's header in front, and out. */
ALWAYS_INLINE void fib_rewrite(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                               u32 count, fib_hops_left *hops_left, fib_hop *hop, fib_leave *leave)
{
    for (u32 i = 0; i < count; i++) {
        if (i + 8 < count)
            __builtin_prefetch((const u8 *)b[i + 8] + CACHE_LINE_BYTES);
        const struct adj *a = adj_at(ip_scratch(b[i])->adj.i);
        struct adj_head head = adj_head(a);

        u32 odd = head.kind != ADJ_KIND_REWRITE || head.rewrite_len != 14;
        odd |= b[i]->flags & (BUFFER_LOCAL | BUFFER_GSO | BUFFER_NEXT);
        odd |= b[i]->len > head.mtu;
        odd |= b[i]->start < 14;
        odd |= hops_left(b[i]) <= 1;
        if (unlikely(odd)) {
            next[i] = fib_rewrite_odd(n, b[i], a, head, leave);
            continue;
        }
        hop(b[i]);
        u8 *frame = (u8 *)buffer_current(b[i]) - 14;
        b[i]->l3_start = b[i]->start;
        b[i]->start = (i16)(b[i]->start - 14);
        b[i]->l2_start = b[i]->start;
        b[i]->len = (u16)(b[i]->len + 14);
        b[i]->tx_if = a->tx_if;
        fib_rewrite_put(frame, a, 14);
        next[i] = head.rewrite_next;
    }
    if (unlikely(adj_is_counting()))
        fib_count_adjs(t, b, next, count);
}
