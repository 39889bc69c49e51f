/* Flows over the transmit queues of a thread. See interface_tx.h. */
#include "net/link/interface/interface_tx.h"

#include "engine/trace.h"
#include "net/link/gso/gso.h"
#include "net/link/interface/interface.h"
#include "net/packet/flow_hash.h"

void interface_tx_trace(struct thread *t, const struct tx_queue *q, struct buffer **b, u32 count)
{
    struct tx_trace x = {q->queue};
    for (u32 i = 0; i < count; i++)
        if (b[i]->flags & BUFFER_TRACED)
            trace_note(t, b[i], &x, sizeof(x));
}

/* Sends the segments of b; those that were not taken are dropped for the port's reason. Returns
 * whether there were any. */
static bool send_segments(struct thread *t, struct node *n, struct tx_queue *q,
                          const struct buffer *b, tx_send_fn *send)
{
    u32 bi[GSO_SEGMENTS_MAX], made = gso_segment(t, b, bi, GSO_SEGMENTS_MAX);
    struct buffer *seg[FRAME_PKTS];
    u16 next[FRAME_PKTS];
    for (u32 done = 0, k; done < made; done += k) {
        k = (u32)min_u64(made - done, FRAME_PKTS);
        for (u32 i = 0; i < k; i++)
            seg[i] = buffer_at(bi[done + i]);
        send(t, n, q, seg, next, k);
        node_enqueue_each(t, n, bi + done, next, k);
    }
    return made;
}

void interface_tx_cut(struct thread *t, struct node *n, struct tx_queue *q, struct buffer **b,
                      u16 *next, u32 count, tx_send_fn *send, const struct interface_tx_errors *e)
{
    const u32 both = BUFFER_TUNNEL | BUFFER_GSO;
    bool takes = if_data(q->interface)->caps & IF_CAP_GSO_TUNNEL;
    for (u32 from = 0, i = 0; from < count; from = ++i) {
        while (i < count && (takes || (b[i]->flags & both) != both))
            i++;
        if (i > from)
            send(t, n, q, b + from, next + from, i - from);
        if (i == count)
            return;
        next[i] = NEXT_CONSUMED;
        if (send_segments(t, n, q, b[i], send))
            buffer_free_one(t, buffer_index(b[i]));
        else
            next[i] = node_drop(n, b[i], e->not_cut, e->drop);
    }
}

void interface_tx_spread(struct thread *t, struct node *n, const struct tx_map *map,
                         struct buffer **b, u16 *next, u32 count, tx_send_fn *send,
                         const struct interface_tx_errors *e)
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
        interface_tx_by(t, n, map->queue[mine.first + k], part, part_next, n_part, send, e);
        for (u32 i = 0, j = 0; i < count; i++)
            if (choice[i] == k)
                next[i] = part_next[j++];
    }
}
