/* loopN-tx: what is sent comes back in; what a BVI sends enters its bridge domain. */
#include "net/link/interface/interface.h"
#include "net/link/interface/reenter.h"
#include "net/l2/l2.h"
#include "ports/loopback/loopback_internal.h"

void NODE_FN(loopback_tx)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    const struct loopback *l = n->state;
    bool bvi = __atomic_load_n(&l2_if(l->interface)->flags, __ATOMIC_ACQUIRE) & L2_IF_BVI;
    u64 bytes = 0;
    for (u32 i = 0; i < count; i++) {
        b[i]->rx_if = l->interface;
        b[i]->tx_if = IF_NONE;
        b[i]->flags &= ~(u32)BUFFER_LOCAL;
        b[i]->l2_start = b[i]->start;
        bytes += buffer_packet_len(b[i]);
    }
    u32 lost =
        reenter_all(t, n, b, next, count, bvi ? LOOPBACK_TX_NEXT_L2 : LOOPBACK_TX_NEXT_ETHERNET);
    node_count(n, LOOPBACK_TX_ERR_LOST, lost);
    if (!bvi) /* what a BVI receives comes out of its domain */
        interface_count(t, IF_RX, l->interface, count, bytes);
}
