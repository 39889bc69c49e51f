/* ip4-arp: packets to a next hop whose address on the link is not known; ip4-glean: packets to a
 * host of a link that is none yet. Both give the packet to the control thread, which asks and keeps
 * it for the answer. How many it may have at a time is bounded, here. */
#include "engine/thread.h"
#include "net/ip/ip4/ip4.h"
#include "net/packet/ip4_packet.h"
#include "net/ip/neighbor/neighbor_node.h"

ALWAYS_INLINE bool take(u32 *count, u32 most)
{
    if (__atomic_load_n(count, __ATOMIC_RELAXED) >= most)
        return false;
    if (__atomic_fetch_add(count, 1, __ATOMIC_RELAXED) < most)
        return true;
    __atomic_fetch_sub(count, 1, __ATOMIC_RELAXED);
    return false;
}

/* Gives the packet away; false: it stays ours. */
static bool ip4_arp_hand_over(struct thread *t, struct buffer *b, u32 adj, be32 addr, bool glean)
{
    struct adj *a = &adj_base[adj];
    struct arp_packet_event ev = {buffer_index(b), adj, a->tx_if, addr, glean};
    if (!take(&neighbor_pending, PENDING_MAX))
        return false;
    if (!take(&a->pending, PENDING_PER_ADJ)) {
        __atomic_fetch_sub(&neighbor_pending, 1, __ATOMIC_RELAXED);
        return false;
    }
    if (thread_post(t, neighbor_on_packet, &ev, sizeof(ev)))
        return true;
    neighbor_packet_done(adj);
    return false;
}

ALWAYS_INLINE void run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count,
                       bool glean)
{
    for (u32 i = 0; i < count; i++) {
        u32 adj = ip4_scratch(b[i])->adj.i;
        const struct adj *a = adj_at(adj);
        const struct ip4_header *h = buffer_current(b[i]);
        u8 kind = adj_head(a).kind;
        if (kind == ADJ_KIND_REWRITE) {
            /* answered while the packet was on its way here */
            node_count(n, IP4_ARP_ERR_RESOLVED, 1);
            next[i] = IP4_ARP_NEXT_REWRITE;
        } else if (kind != (glean ? ADJ_KIND_GLEAN : ADJ_KIND_INCOMPLETE)) {
            next[i] = node_drop(n, b[i], IP4_ARP_ERR_NON_ARP_ADJ, IP4_ARP_NEXT_DROP);
        } else if (ip4_arp_hand_over(t, b[i], adj, glean ? h->dst : a->next_hop, glean)) {
            next[i] = NEXT_CONSUMED;
        } else {
            next[i] = node_drop(n, b[i], IP4_ARP_ERR_THROTTLED, IP4_ARP_NEXT_DROP);
        }
    }
}

void NODE_FN(ip4_arp)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    run(t, n, b, next, count, false);
}

void NODE_FN(ip4_glean)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    run(t, n, b, next, count, true);
}
