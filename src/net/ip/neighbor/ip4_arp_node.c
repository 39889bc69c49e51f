/* ip4-arp, ip4-glean: see neighbor_data.h. */
#include "net/ip/neighbor/arp_internal.h"
#include "net/ip/neighbor/neighbor_data.h"
#include "net/packet/ip4_packet.h"

ALWAYS_INLINE void ip4_hold(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                            u32 count, bool glean)
{
    for (u32 i = 0; i < count; i++) {
        const struct ip4_header *h = buffer_current(b[i]);
        next[i] = hold_one(t, n, b[i], IP_FAMILY_4, glean, ip_address_from_ip4(h->dst));
    }
}

void NODE_FN(ip4_arp)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    ip4_hold(t, n, b, next, count, false);
}

void NODE_FN(ip4_glean)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    ip4_hold(t, n, b, next, count, true);
}
