/* interface-rx-dpo-ip4: a route says that packets are as if another interface had received them.
 * They begin anew at ip4-input, with that interface's features and table. Source: VPP's behaviour.
 */
#include "engine/thread.h"
#include "net/ip/ip4/ip4_forward.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/reenter.h"

void NODE_FN(interface_rx_dpo_ip4)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                   u32 count)
{
    for (u32 i = 0; i < count; i++) {
        const struct adj *a = adj_at(ip_scratch(b[i])->adj.i);
        struct if_index rx = a->tx_if;
        if (adj_head(a).kind != ADJ_KIND_INTERFACE_RX || if_is_none(rx)) {
            next[i] =
                node_drop(n, b[i], IP4_INTERFACE_RX_ERR_NO_INTERFACE, IP4_INTERFACE_RX_NEXT_DROP);
            continue;
        }
        if (!reenter_once_more(b[i])) {
            next[i] = node_drop(n, b[i], IP4_INTERFACE_RX_ERR_LOOP, IP4_INTERFACE_RX_NEXT_DROP);
            continue;
        }
        b[i]->rx_if = rx;
        b[i]->flags &= ~(u32)(BUFFER_LOCAL | BUFFER_IN_FIB | BUFFER_NATTED);
        interface_count(t, IF_RX, rx, 1, buffer_packet_len(b[i]));
        next[i] = IP4_INTERFACE_RX_NEXT_INPUT;
    }
}
