/* X-output: the last node before a port. Counts, refuses what a port that is down cannot send,
 * starts the arc "interface-output". One per interface. */
#include "engine/feature.h"
#include "net/link/interface/capture_data.h"
#include "net/link/interface/interface_internal.h"
#include "net/link/interface/interface_node.h"

enum { NEXT_DROP };

void NODE_FN(interface_output)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                               u32 count)
{
    const struct if_output *out = n->state;
    struct if_data *d = if_data(out->index);
    if (unlikely(!(__atomic_load_n(&d->flags, __ATOMIC_RELAXED) & IF_DATA_ADMIN_UP))) {
        for (u32 i = 0; i < count; i++)
            next[i] = node_drop(n, b[i], INTERFACE_OUTPUT_ERR_DOWN, NEXT_DROP);
        return;
    }
    capture_packets(t, CAPTURE_TX, out->index, b, count);
    u64 bytes = 0;
    for (u32 i = 0; i < count; i++) {
        if (i + 4 < count)
            __builtin_prefetch(b[i + 4]);
        bytes += buffer_packet_len(b[i]);
        b[i]->tx_if = out->index;
        next[i] = out->next_tx;
    }
    if (unlikely(__atomic_load_n((void **)&out->arc->chains[out->index.i], __ATOMIC_RELAXED) !=
                 NULL))
        for (u32 i = 0; i < count; i++)
            next[i] = feature_start(out->arc, out->index, b[i], out->next_tx);
    interface_count(t, IF_TX, out->index, count, bytes);
}
