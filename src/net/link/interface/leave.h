/* Leaving by an interface without its X-output nodes, while they would only count: the interface is
 * up, and nothing is enabled on the arc "interface-output", or of a port interface-offload alone,
 * which lets packets pass that ask for nothing. For the expresses of ethernet-input; see
 * ethernet/express.h. Context: data threads. */
#pragma once

#include "engine/feature_data.h"
#include "net/link/interface/interface.h"

/* The X-output nodes on the way: the interface's, and its super-interface's. */
#define LEAVE_OUTPUTS_MOST 2

struct leave {
    const struct if_output *output[LEAVE_OUTPUTS_MOST];
    const struct feature_chain *offload; /* of the last one; NULL: nothing is enabled there */
    u32 n;
    u32 stay_flags; /* of packets that do not pass without: see leave_stays */
};

/* Whether the chain is interface-offload and nothing else. */
ALWAYS_INLINE bool leave_only_offloads(const struct if_output *o, const struct feature_chain *c)
{
    return c->nodes[0] == o->offload.i && c->nodes[feature_slot(c->step[0].at)] == o->tx.i;
}

/* false: packets for that interface have to pass its X-output. node: which that is to be. */
ALWAYS_INLINE bool leave_find(struct leave *l, struct if_index tx, struct node_index node)
{
    l->n = l->stay_flags = 0;
    l->offload = NULL;
    if (unlikely(if_is_none(tx)))
        return false;
    const struct if_output *o = __atomic_load_n(&if_data(tx)->output, __ATOMIC_ACQUIRE);
    if (unlikely(!o || o->node.i != node.i))
        return false;
    for (; o; o = o->super) {
        u8 flags = __atomic_load_n(&if_data(o->index)->flags, __ATOMIC_RELAXED);
        const struct feature_chain *c = feature_chain_of(o->arc, o->index);
        if (unlikely(!(flags & IF_DATA_ADMIN_UP) || l->n == LEAVE_OUTPUTS_MOST ||
                     (c && (o->super || !leave_only_offloads(o, c)))))
            return false;
        l->output[l->n++] = o;
        l->offload = c;
        l->stay_flags = c ? BUFFER_GSO | BUFFER_CSUM_PARTIAL : 0;
    }
    return true;
}

/* Whether b has to pass the nodes, which send it where others of its flow go: nothing behind it may
 * be taken. */
ALWAYS_INLINE bool leave_stays(const struct leave *l, struct thread *t, const struct buffer *b)
{
    if (likely(!(b->flags & l->stay_flags)))
        return false;
    thread_detour(t);
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
        u16 edge = o->next_tx;
        if (l->offload) {
            const struct feature_step *first = &l->offload->step[0];
            node_did(n, feature_edge(first->at), count);
            n = thread_node(t, o->offload);
            edge = feature_edge(l->offload->step[feature_slot(first->at)].at);
        }
        node_had(n, count);
        node_enqueue(t, n, edge, bi, count);
    }
}
