/* ip6-unicast-nd-proxy, ip6-multicast-nd-proxy: solicitations for what is answered for here go to
 * ip6-receive, as those for our own addresses do; all else goes on. */
#include "engine/feature.h"
#include "net/ip/neighbor/nd_proxy_internal.h"
#include "net/packet/nd_packet.h"

/* Whether it is one that icmp6-neighbor-solicitation answers, if nothing is wrong with it. */
ALWAYS_INLINE bool nd_proxy_takes(const struct nd_node *nd, const struct buffer *b)
{
    const struct ip6_header *h = buffer_current(b);
    const struct nd_header *s = (const struct nd_header *)(h + 1);
    if (likely(h->protocol != IP_PROTOCOL_ICMP6 || h->hop_limit != ND_HOP_LIMIT))
        return false;
    return b->len >= sizeof(*h) + sizeof(*s) && s->icmp.type == ICMP6_NEIGHBOR_SOLICITATION &&
           nd_proxy_answers(nd, b->rx_if, h->src, s->target);
}

ALWAYS_INLINE void nd_proxy_all(struct node *n, struct buffer **b, u16 *next, u32 count)
{
    const struct nd_proxy *s = n->state;
    for (u32 i = 0; i < count; i++) {
        next[i] = feature_next(b[i]);
        if (likely(!nd_proxy_takes(s->nd, b[i])))
            continue;
        *ip_scratch(b[i]) = (struct ip_scratch){
            .adj = ADJ_RECEIVE, .lb = LB_NONE, .fib = ip_if_fib(IP_FAMILY_6, b[i]->rx_if)};
        next[i] = ND_PROXY_NEXT_RECEIVE;
    }
}

void NODE_FN(ip6_unicast_nd_proxy)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                   u32 count)
{
    nd_proxy_all(n, b, next, count);
}

void NODE_FN(ip6_multicast_nd_proxy)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                     u32 count)
{
    nd_proxy_all(n, b, next, count);
}
