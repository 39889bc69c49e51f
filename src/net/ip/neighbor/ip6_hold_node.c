/* ip6-discover-neighbor, ip6-glean: see neighbor_data.h. */
#include "net/ip/neighbor/nd_internal.h"
#include "net/packet/ip6_packet.h"

ALWAYS_INLINE void ip6_hold(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                            u32 count, bool glean)
{
    for (u32 i = 0; i < count; i++) {
        const struct ip6_header *h = buffer_current(b[i]);
        if (glean && nd_is_anycast(ip_scratch(b[i])->adj.i, h->dst))
            next[i] = GLEAN_NEXT_RECEIVE;
        else
            next[i] = hold_one(t, n, b[i], IP_FAMILY_6, glean, ip6_address_of(h->dst));
    }
}

void NODE_FN(ip6_discover_neighbor)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                    u32 count)
{
    ip6_hold(t, n, b, next, count, false);
}

void NODE_FN(ip6_glean)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    ip6_hold(t, n, b, next, count, true);
}
