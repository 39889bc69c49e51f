/* ip4-pmtu-dpo, ip6-pmtu-dpo: packets to a peer, or through it as a next hop, whose path takes less
 * than the links on the way: ip4-rewrite's work for its own link, done for that path. Source: RFC
 * 1191, RFC 8201; names are VPP's. */
#include "net/ip/fib/fib_forward.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_flow_hash.h"
#include "net/ip/ip6/ip6.h"
#include "net/ip/ip6/ip6_flow_hash.h"
#include "net/ip/pmtu/pmtu_peer.h"
#include "net/link/gso/gso.h"
#include "net/packet/ip4_packet.h"

/* Of the protocol: where a packet goes that is too long. */
typedef u16 pmtu_peer_too_long(struct node *n, struct buffer *b, u32 mtu);

ALWAYS_INLINE u16 pmtu_peer_one(struct thread *t, struct node *n, struct buffer *b,
                                struct counter_pair *via, fib_flow_hash *flow_hash,
                                pmtu_peer_too_long *too_long)
{
    struct ip_scratch *s = ip_scratch(b);
    u32 least = s->adj.i, mtu = UINT32_MAX;
    const struct adj *a = adj_at(least);
    struct adj_head head = adj_head(a);
    u16 edge = FIB_NEXT_DROP;
    /* a peer's own next hop may have one, too */
    for (; head.kind == ADJ_KIND_PATH_MTU && ++s->lookups <= FIB_LOOKUPS_MOST; head = adj_head(a)) {
        u32 route = (u32)a->data;
        if (head.mtu < mtu) {
            mtu = head.mtu;
            least = s->adj.i;
        }
        fib_count_route(via, route, b);
        edge = fib_forward(t, b, s->fib.i, route, lb_load(route), s->flow_hash, flow_hash);
        a = adj_at(s->adj.i);
    }
    if (head.kind == ADJ_KIND_PATH_MTU || mtu == UINT32_MAX)
        return node_drop(n, b, PMTU_PEER_ERR_LOOP, FIB_NEXT_DROP);
    if (gso_longest_bytes(b) > mtu) {
        s->adj.i = least;
        return too_long(n, b, mtu);
    }
    return edge < FIB_NEXT_N ? edge : FIB_NEXT_LOAD_BALANCE;
}

ALWAYS_INLINE void pmtu_peer_all(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                 u32 count, fib_flow_hash *flow_hash, pmtu_peer_too_long *too_long)
{
    struct counter_pair *via = counter_combined(fib_counters_via, thread_index(t));
    for (u32 i = 0; i < count; i++)
        next[i] = pmtu_peer_one(t, n, b[i], via, flow_hash, too_long);
}

static u16 pmtu_peer_too_long_ip4(struct node *n, struct buffer *b, u32 mtu)
{
    struct ip4_header *h = buffer_current(b);
    bool passes = !(b->flags & BUFFER_LOCAL);
    if (passes && h->ttl <= 1) {
        ip4_note_icmp_error(b, ICMP4_TIME_EXCEEDED, ICMP4_TTL_EXCEEDED, 0);
        return node_drop(n, b, PMTU_PEER_ERR_TTL, PMTU_PEER_NEXT_ICMP_ERROR);
    }
    if (be16_has(h->fragment, IP4_DF)) {
        ip4_note_icmp_error(b, ICMP4_DESTINATION_UNREACHABLE, ICMP4_FRAGMENTATION_NEEDED, mtu);
        return node_drop(n, b, IP_FRAG_ERROR_DONT_FRAGMENT_SET, PMTU_PEER_NEXT_ICMP_ERROR);
    }
    if (passes)
        ip4_decrement_ttl(h);
    return PMTU_PEER_NEXT_FRAGMENT;
}

/* No router cuts a packet, but who sends it does. */
static u16 pmtu_peer_too_long_ip6(struct node *n, struct buffer *b, u32 mtu)
{
    const struct ip6_header *h = buffer_current(b);
    if (b->flags & BUFFER_LOCAL)
        return PMTU_PEER_NEXT_FRAGMENT;
    if (h->hop_limit <= 1) {
        ip6_note_icmp_error(b, ICMP6_TIME_EXCEEDED, ICMP6_HOP_LIMIT_EXCEEDED, 0);
        return node_drop(n, b, PMTU_PEER_ERR_TTL, PMTU_PEER_NEXT_ICMP_ERROR);
    }
    ip6_note_icmp_error(b, ICMP6_PACKET_TOO_BIG, 0, mtu);
    return node_drop(n, b, IP_FRAG_ERROR_DONT_FRAGMENT_SET, PMTU_PEER_NEXT_ICMP_ERROR);
}

void NODE_FN(ip4_pmtu_dpo)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                           u32 count)
{
    pmtu_peer_all(t, n, b, next, count, ip4_flow_hash, pmtu_peer_too_long_ip4);
}

void NODE_FN(ip6_pmtu_dpo)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                           u32 count)
{
    pmtu_peer_all(t, n, b, next, count, ip6_flow_hash, pmtu_peer_too_long_ip6);
}
