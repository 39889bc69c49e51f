/* Flows over the transmit queues of a thread. See interface_tx.h. */
#include "net/link/interface/interface_tx.h"

#include "net/link/interface/interface.h"
#include "net/packet/flow_hash.h"

void interface_tx_trace(struct thread *t, const struct tx_queue *q, struct buffer **b, u32 count)
{
    struct tx_trace x = {q->queue};
    for (u32 i = 0; i < count; i++)
        if (b[i]->flags & BUFFER_TRACED)
            trace_note(t, b[i], &x, sizeof(x));
}

void interface_tx_spread(struct thread *t, struct node *n, const struct tx_map *map,
                         struct buffer **b, u16 *next, u32 count, tx_send_fn *send)
{
    struct tx_share mine = map->of[thread_index(t)];
    struct buffer *part[FRAME_PKTS];
    u16 choice[FRAME_PKTS], part_next[FRAME_PKTS];
    bool is_ip = if_data(b[0]->tx_if)->flags & IF_DATA_IS_IP;
    for (u32 i = 0; i < count; i++)
        choice[i] = (u16)(buffer_flow_hash(b[i], is_ip) % mine.n);
    for (u16 k = 0; k < mine.n; k++) {
        u32 n_part = 0;
        for (u32 i = 0; i < count; i++)
            if (choice[i] == k)
                part[n_part++] = b[i];
        if (!n_part)
            continue;
        interface_tx_by(t, n, map->queue[mine.first + k], part, part_next, n_part, send);
        for (u32 i = 0, j = 0; i < count; i++)
            if (choice[i] == k)
                next[i] = part_next[j++];
    }
}
