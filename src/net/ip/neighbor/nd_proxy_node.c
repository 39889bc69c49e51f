/* ip6-unicast-nd-proxy, ip6-multicast-nd-proxy: solicitations for what is answered for here go to
 * ip6-receive, as those for our own addresses do; all else goes on. */
#include "engine/feature.h"
#include "net/ip/ip6/ip6_errors.h"
#include "net/ip/neighbor/nd_proxy_internal.h"
#include "net/packet/nd_packet.h"

static u16 nd_proxy_receive(struct buffer *b)
{
    *ip_scratch(b) = (struct ip_scratch){
        .adj = ADJ_RECEIVE, .lb = LB_NONE, .fib = ip_if_fib(IP_FAMILY_6, b->rx_if)};
    return ND_PROXY_NEXT_RECEIVE;
}

/* A solicitation. icmp6-neighbor-solicitation answers it, if nothing is wrong with it; to a host
 * from a link-local address it is not passed on, which ip6-input has left to us. */
static COLD u16 nd_proxy_solicited(const struct nd_node *nd, struct node *n, struct buffer *b,
                                   bool unicast)
{
    const struct ip6_header *h = buffer_current(b);
    const struct nd_header *s = (const struct nd_header *)(h + 1);
    if (nd_proxy_answers(nd, b->rx_if, h->src, s->target))
        return nd_proxy_receive(b);
    if (!unicast || !ip6_is_link_local(h->src) || !ip6_is_forwarded(b->rx_if, h->dst))
        return feature_next(b);
    ip6_note_icmp_error(b, ICMP6_DESTINATION_UNREACHABLE, ICMP6_BEYOND_SCOPE, 0);
    return node_drop(n, b, IP6_ERROR_SCOPE, ND_PROXY_NEXT_ICMP_ERROR);
}

ALWAYS_INLINE void nd_proxy_all(struct node *n, struct buffer **b, u16 *next, u32 count,
                                bool unicast)
{
    const struct nd_proxy *s = n->state;
    for (u32 i = 0; i < count; i++)
        next[i] = unlikely(nd_is_solicitation(buffer_current(b[i]), b[i]->len))
                      ? nd_proxy_solicited(s->nd, n, b[i], unicast)
                      : feature_next(b[i]);
}

void NODE_FN(ip6_unicast_nd_proxy)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                   u32 count)
{
    nd_proxy_all(n, b, next, count, true);
}

void NODE_FN(ip6_multicast_nd_proxy)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                     u32 count)
{
    nd_proxy_all(n, b, next, count, false);
}
