/* Leaving by an interface without its X-output nodes, while they would only count: nothing is
 * enabled on the arc "interface-output", and the interface is up. For the expresses of
 * ethernet-input; see ethernet/express.h. Context: data threads. */
#pragma once

#include "engine/feature_data.h"
#include "net/link/interface/interface.h"

/* The X-output nodes on the way: the interface's, and its super-interface's. */
#define LEAVE_OUTPUTS_MOST 2

struct leave {
    const struct if_output *output[LEAVE_OUTPUTS_MOST];
    u32 n;
};

/* false: packets for that interface have to pass its X-output. node: which that is to be. */
ALWAYS_INLINE bool leave_find(struct leave *l, struct if_index tx, struct node_index node)
{
    l->n = 0;
    if (unlikely(if_is_none(tx)))
        return false;
    const struct if_output *o = __atomic_load_n(&if_data(tx)->output, __ATOMIC_ACQUIRE);
    if (unlikely(!o || o->node.i != node.i))
        return false;
    for (; o; o = o->super) {
        u8 flags = __atomic_load_n(&if_data(o->index)->flags, __ATOMIC_RELAXED);
        if (unlikely(!(flags & IF_DATA_ADMIN_UP) || feature_any(o->arc, o->index) ||
                     l->n == LEAVE_OUTPUTS_MOST))
            return false;
        l->output[l->n++] = o;
    }
    return true;
}

/* tx_if of a packet behind them all. */
ALWAYS_INLINE struct if_index leave_port(const struct leave *l)
{
    return l->output[l->n - 1]->index;
}

/* Packets that have left: counts them, and gives them to the port. bytes: of all, from the link's
 * header on. */
ALWAYS_INLINE void leave_send(const struct leave *l, struct thread *t, const u32 *bi, u32 count,
                              u64 bytes)
{
    for (u32 i = 0; i < l->n; i++) {
        const struct if_output *o = l->output[i];
        struct node *n = thread_node(t, o->node);
        interface_count(t, IF_TX, o->index, count, bytes);
        if (i + 1 < l->n) {
            node_did(n, o->next_tx, count);
            continue;
        }
        node_had(n, count);
        node_enqueue(t, n, o->next_tx, bi, count);
    }
}
