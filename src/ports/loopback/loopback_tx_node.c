/* loopN-tx: what is sent comes back in. */
#include "net/interface/interface.h"
#include "ports/loopback/loopback_internal.h"

void NODE_FN(loopback_tx)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    const struct loopback *l = n->state;
    u64 bytes = 0;
    for (u32 i = 0; i < count; i++) {
        b[i]->rx_if = l->interface;
        b[i]->tx_if = IF_NONE;
        b[i]->flags &= ~(u32) BUFFER_LOCAL;
        bytes += buffer_packet_len(b[i]);
        next[i] = LOOPBACK_TX_NEXT_ETHERNET;
    }
    interface_count(t, IF_RX, l->interface, count, bytes);
}
