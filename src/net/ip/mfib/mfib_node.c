/* ip4-mfib-forward-lookup, ip4-mfib-forward-rpf and those of IPv6: the route of a packet to a
 * group, and whether it came the way that packets from its source come. Source: RFC 1112, RFC
 * 4291 2.8 for the groups that this switch is in; checks and their names as VPP has them. */
#include "engine/thread.h"
#include "net/ip/address/address_data.h"
#include "net/ip/ip4/ip4_errors.h"
#include "net/ip/ip6/ip6_errors.h"
#include "net/ip/mfib/mfib_packet.h"

/* Whether no route takes the packet: the lookup fails. */
ALWAYS_INLINE bool mfib_is_miss(enum ip_family f, const struct mfib_data *m, u32 route,
                                const struct buffer *b)
{
    if (route == MFIB_NO_ROUTE)
        return true;
    u32 flags = mfib_forwarding(m, route)->flags;
    if (f == IP_FAMILY_6 && (flags & MFIB_ROUTE_HOST)) {
        const struct ip6_header *h = buffer_current(b);
        return !ip6_if_has_joined(b->rx_if, h->dst);
    }
    return flags & MFIB_ROUTE_MISS;
}

ALWAYS_INLINE void mfib_lookup_all(enum ip_family f, struct node *n, struct buffer **b, u16 *next,
                                   u32 count)
{
    const struct mfib_data *m = n->state;
    for (u32 i = 0; i < count; i++) {
        struct fib_index fib = ip_if_fib(f, b[i]->rx_if);
        struct ip_address src = mfib_source_of(f, b[i]), group = mfib_group_of(f, b[i]);
        u32 route = mfib_lookup(m, fib, &src, &group);
        *mfib_scratch(b[i]) = (struct mfib_scratch){
            .ip = {.adj = ADJ_RECEIVE, .lb = LB_NONE, .fib = fib}, .route = route};
        next[i] = MFIB_LOOKUP_NEXT_RPF;
        if (unlikely(mfib_is_miss(f, m, route, b[i])))
            next[i] = node_drop(n, b[i],
                                f == IP_FAMILY_4 ? IP4_ERROR_DST_LOOKUP_MISS : IP6_ERROR_NOT_JOINED,
                                MFIB_LOOKUP_NEXT_DROP);
    }
}

void NODE_FN(ip4_mfib_forward_lookup)(struct thread *t, struct node *n, struct buffer **b,
                                      u16 *next, u32 count)
{
    mfib_lookup_all(IP_FAMILY_4, n, b, next, count);
}

void NODE_FN(ip6_mfib_forward_lookup)(struct thread *t, struct node *n, struct buffer **b,
                                      u16 *next, u32 count)
{
    mfib_lookup_all(IP_FAMILY_6, n, b, next, count);
}

/* --- where it came from --- */

static bool mfib_accepts(const struct mfib_forwarding *w, struct if_index i)
{
    u32 low = 0, high = w->n_accept;
    if (w->flags & (MFIB_ROUTE_ACCEPT_ALL_ITF | MFIB_ROUTE_HOST))
        return true;
    while (low < high) {
        u32 middle = (low + high) / 2;
        if (w->accept[middle] == i.i)
            return true;
        if (w->accept[middle] < i.i)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

ALWAYS_INLINE void mfib_rpf_all(enum ip_family f, struct node *n, struct buffer **b, u16 *next,
                                u32 count)
{
    const struct mfib_data *m = n->state;
    for (u32 i = 0; i < count; i++) {
        struct mfib_scratch *s = mfib_scratch(b[i]);
        const struct mfib_forwarding *w = mfib_forwarding(m, s->route);
        next[i] = MFIB_RPF_NEXT_REPLICATE;
        if (unlikely(w->flags & MFIB_ROUTE_DROP)) {
            next[i] = node_drop(n, b[i], f == IP_FAMILY_4 ? IP4_ERROR_DROP : IP6_ERROR_DROP,
                                MFIB_RPF_NEXT_DROP);
            continue;
        }
        s->accepted = mfib_accepts(w, b[i]->rx_if);
        if (unlikely(!s->accepted))
            next[i] =
                node_drop(n, b[i], f == IP_FAMILY_4 ? IP4_ERROR_RPF_FAILURE : IP6_ERROR_RPF_FAILURE,
                          MFIB_RPF_NEXT_DROP);
        else if (w->n_to)
            s->ip.adj.i = w->to[0];
    }
}

void NODE_FN(ip4_mfib_forward_rpf)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                   u32 count)
{
    mfib_rpf_all(IP_FAMILY_4, n, b, next, count);
}

void NODE_FN(ip6_mfib_forward_rpf)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                   u32 count)
{
    mfib_rpf_all(IP_FAMILY_6, n, b, next, count);
}
