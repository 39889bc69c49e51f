/* pipeN.X-tx: what is sent by one end is received on the other; pipe-input: where features of
 * reception start. */
#include "net/link/interface/interface.h"
#include "net/link/interface/reenter.h"
#include "ports/pipe/pipe_internal.h"

void NODE_FN(pipe_tx)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    const struct pipe_end *end = n->state;
    struct if_index to = end->pipe->end[!end->side].interface;
    u64 bytes = 0;
    for (u32 i = 0; i < count; i++) {
        b[i]->rx_if = to;
        b[i]->tx_if = IF_NONE;
        b[i]->flags &= ~(u32)(BUFFER_LOCAL | BUFFER_SPAN);
        b[i]->l2_start = b[i]->start;
        bytes += buffer_packet_len(b[i]);
    }
    u32 lost = reenter_all(t, n, b, next, count, PIPE_TX_NEXT_INPUT);
    node_count(n, PIPE_TX_ERR_LOST, lost);
    interface_count(t, IF_RX, to, count, bytes);
}

/* The pipe that pipeN stands for sends nothing itself. */
void NODE_FN(pipe_parent_tx)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                             u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = node_drop(n, b[i], PIPE_TX_ERR_DOWN, PIPE_TX_NEXT_DROP);
}

void NODE_FN(pipe_input)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    const struct pipes *s = n->state;
    for (u32 i = 0; i < count; i++)
        next[i] = feature_start(s->device_input, b[i]->rx_if, b[i], PIPE_INPUT_NEXT_ETHERNET);
}
