/* X-tx of a layer 3 tunnel: packets that are behind the tunnel's header, to the load balance of the
 * way to its end. */
#include "engine/thread.h"
#include "net/ip/fib/encap.h"
#include "net/ip/fib/fib_data.h"
#include "net/ip/fib/midchain_tx.h"

void NODE_FN(adj_midchain_tx)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                              u32 count)
{
    for (u32 i = 0; i < count; i++) {
        struct ip_scratch *s = ip_scratch(b[i]);
        /* what else may be sent to an interface (a mirror's copy) went by no adjacency of it */
        const struct adj *a = s->adj.i < FIB_ADJS_MAX ? adj_at(s->adj.i) : adj_at(ADJ_DROP.i);
        if (adj_head(a).kind != ADJ_KIND_MIDCHAIN || !if_equal(a->tx_if, b[i]->tx_if)) {
            next[i] = node_drop(n, b[i], MIDCHAIN_TX_ERR_NO_ADJACENCY, MIDCHAIN_TX_NEXT_DROP);
            continue;
        }
        const struct encap *e = adj_encap(a);
        s->lb.i = e->lb;
        s->fib.i = e->fib;
        b[i]->tx_if = IF_NONE;
        next[i] = e->is_ip6 ? MIDCHAIN_TX_NEXT_IP6 : MIDCHAIN_TX_NEXT_IP4;
    }
}
