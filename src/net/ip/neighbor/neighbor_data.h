/* Nodes where packets wait for a neighbour: ip4-arp, for those whose next hop's address on the link
 * is not known; ip4-glean, for those to a host of a link that is none yet; and their like of IPv6.
 * They give the packet to the control thread, which asks and keeps it for the answer (hold.c). How
 * many it may have at a time is bounded, here. */
#pragma once

#include <string.h>

#include "base/clock.h"
#include "engine/control_packet.h"
#include "engine/node.h"
#include "net/ip/fib/fib_data.h"
#include "net/ip/neighbor/neighbor.h"
#include "net/packet/ethernet_packet.h"

enum {
    PENDING_PER_ADJ = 64, /* packets handed over for one adjacency */
    PENDING_MAX = 2048,   /* and for all */
};

enum { HOLD_NEXT_DROP, HOLD_NEXT_REWRITE, HOLD_N_NEXT };

/* Packets that the control thread was handed and still has; all threads. */
extern u32 neighbor_pending;

/* What is said of a packet without a rewrite. */
struct hold_packet {
    u32 adj;
    struct link_host host; /* whose MAC address it waits for */
    u8 link;               /* enum ip_family of the packet */
    u8 glean;
};
static_assert(sizeof(struct hold_packet) <= CONTROL_PACKET_ABOUT_BYTES, "goes with a packet");
void neighbor_on_packet(struct piste *p, u32 bi, const void *about);

/* The control thread is done with a packet that came by adj. */
static inline void hold_packet_done(u32 adj)
{
    u32 *pending = &adj_base[adj].pending;
    u32 was = __atomic_load_n(pending, __ATOMIC_RELAXED);
    while (was && !__atomic_compare_exchange_n(pending, &was, was - 1, false, __ATOMIC_RELAXED,
                                               __ATOMIC_RELAXED))
        ;
    __atomic_fetch_sub(&neighbor_pending, 1, __ATOMIC_RELAXED);
}

static inline bool hold_take(u32 *count, u32 most)
{
    if (__atomic_load_n(count, __ATOMIC_RELAXED) >= most)
        return false;
    if (__atomic_fetch_add(count, 1, __ATOMIC_RELAXED) < most)
        return true;
    __atomic_fetch_sub(count, 1, __ATOMIC_RELAXED);
    return false;
}

/* Gives the packet away; false: it stays ours. */
static inline bool hold_hand_over(struct thread *t, u32 bi, const struct hold_packet *x)
{
    if (!hold_take(&neighbor_pending, PENDING_MAX))
        return false;
    if (!hold_take(&adj_base[x->adj].pending, PENDING_PER_ADJ)) {
        __atomic_fetch_sub(&neighbor_pending, 1, __ATOMIC_RELAXED);
        return false;
    }
    if (control_packet_give(t, neighbor_on_packet, bi, x, sizeof(*x)))
        return true;
    hold_packet_done(x->adj);
    return false;
}

/* --- what is learnt --- */

#define NEIGHBOR_LEARN_PER_SECOND 2000 /* packets that the control thread looks at, per node */

/* A bucket of tokens in the node's own words: refills with time. */
static inline bool neighbor_may_tell(struct thread *t, struct node *n)
{
    u64 now = thread_now_ns(t), step = NS_PER_SEC / NEIGHBOR_LEARN_PER_SECOND;
    u64 *filled_ns = &n->local[0], *tokens = &n->local[1];
    u64 more = (now - *filled_ns) / step;
    if (more) {
        *tokens = min_u64(*tokens + more, NEIGHBOR_LEARN_PER_SECOND / 4);
        *filled_ns = now;
    }
    if (!*tokens)
        return false;
    --*tokens;
    return true;
}

static inline bool neighbor_is_station(const u8 *mac)
{
    static const u8 none[6];
    return !(mac[0] & 1) && memcmp(mac, none, 6) != 0;
}

/* The frame's source address; NULL when the frame does not begin where it should. */
static inline const u8 *neighbor_frame_source(const struct buffer *b)
{
    i32 header = b->start - b->l2_start;
    return header >= ETHERNET_HEADER_BYTES && b->l2_start >= 0 ? b->data + b->l2_start + 6 : NULL;
}

/* --- packets that wait --- */

/* One packet of protocol link to dst. Returns its edge. */
static inline u16 hold_one(struct thread *t, struct node *n, struct buffer *b, enum ip_family link,
                           bool glean, struct ip_address dst)
{
    u32 a = ip_scratch(b)->adj.i;
    u8 kind = adj_head(adj_at(a)).kind;
    if (kind == ADJ_KIND_REWRITE) {
        /* answered while the packet was on its way here */
        node_count(n, HOLD_ERR_RESOLVED, 1);
        return HOLD_NEXT_REWRITE;
    }
    if (kind != (glean ? ADJ_KIND_GLEAN : ADJ_KIND_INCOMPLETE))
        return node_drop(n, b, HOLD_ERR_NON_ARP_ADJ, HOLD_NEXT_DROP);
    struct hold_packet x = {.adj = a, .host = adj_data_host(a), .link = (u8)link, .glean = glean};
    if (glean) {
        x.host.addr = dst;
        x.host.family = link;
    }
    return hold_hand_over(t, buffer_index(b), &x)
               ? NEXT_CONSUMED
               : node_drop(n, b, HOLD_ERR_THROTTLED, HOLD_NEXT_DROP);
}
