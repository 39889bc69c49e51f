/* ip4-output: starts the features of the interface that a packet leaves by. */
#include "net/ip/ip4/ip4_output.h"

void NODE_FN(ip4_output)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    const struct ip4_output *s = n->state;
    for (u32 i = 0; i < count; i++) {
        struct if_index tx = b[i]->tx_if;
        next[i] =
            feature_start(s->arc, tx, b[i], __atomic_load_n(&s->edges[tx.i], __ATOMIC_RELAXED));
    }
}
