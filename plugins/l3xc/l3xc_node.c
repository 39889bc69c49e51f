/* l3xc-input-ip4, l3xc-input-ip6; see l3xc.h. */
#include "engine/feature.h"
#include "engine/trace.h"
#include "net/ip/address/address_data.h"
#include "net/ip/fib/fib_forward.h"
#include "net/ip/ip4/ip4_flow_hash.h"
#include "net/ip/ip6/ip6_flow_hash.h"
#include "net/packet/nd_packet.h"
#include "plugins/l3xc/l3xc.h"

/* What a link says to itself: neighbour discovery, as ARP is of IPv4, and what has an address of
 * the link's own (RFC 4861 7.1, RFC 4291 2.5.6). It goes its usual way. */
ALWAYS_INLINE bool l3xc_is_of_link(const struct buffer *b)
{
    const struct ip6_header *h = buffer_current(b);
    const struct icmp_header *icmp = (const void *)(h + 1);
    if (unlikely(ip6_is_link_local(h->src) || ip6_is_link_local(h->dst)))
        return true;
    return h->protocol == IP_PROTOCOL_ICMP6 && h->hop_limit == ND_HOP_LIMIT &&
           b->len >= sizeof(*h) + sizeof(*icmp) && icmp->type >= ICMP6_ROUTER_SOLICITATION &&
           icmp->type <= ICMP6_REDIRECT;
}

ALWAYS_INLINE void l3xc_input(struct thread *t, struct buffer **b, u16 *next, u32 count,
                              enum ip_family f, fib_flow_hash *flow_hash)
{
    struct counter_pair *to = counter_combined(fib_counters_to, thread_index(t));
    for (u32 i = 0; i < count; i++) {
        if (f == IP_FAMILY_6 && l3xc_is_of_link(b[i])) {
            next[i] = feature_next(b[i]);
            continue;
        }
        u64 data = feature_data(b[i]);
        u32 lb = (u32)data;
        if (unlikely(b[i]->flags & BUFFER_TRACED)) {
            struct l3xc_trace note = {(u32)(data >> 32), lb};
            trace_note(t, b[i], &note, sizeof(note));
        }
        next[i] = fib_forward_by(t, to, b[i], ip_if_fib(f, b[i]->rx_if).i, lb, flow_hash);
    }
}

void NODE_FN(l3xc_input_ip4)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                             u32 count)
{
    l3xc_input(t, b, next, count, IP_FAMILY_4, ip4_flow_hash);
}

void NODE_FN(l3xc_input_ip6)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                             u32 count)
{
    l3xc_input(t, b, next, count, IP_FAMILY_6, ip6_flow_hash);
}
