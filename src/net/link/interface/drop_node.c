/* Where packets end: error-drop counts the reason, drop frees; error-punt and punt do the same for
 * what nobody here wants. Two nodes each, as in VPP, so that a trace shows the interface and the
 * reason. */
#include "net/link/interface/capture_data.h"
#include "net/link/interface/interface_internal.h"

ALWAYS_INLINE void count_reasons(struct thread *t, struct node *n, struct buffer **b, u32 count,
                                 enum if_counter c)
{
    const struct node *nodes = n - n->index.i; /* the thread's array */
    for (u32 i = 0; i < count; i++) {
        node_count((struct node *)&nodes[b[i]->error_node.i], b[i]->error, 1);
        if (likely(!if_is_none(b[i]->rx_if)))
            interface_count(t, c, b[i]->rx_if, 1, 0);
    }
}

void NODE_FN(error_drop)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    capture_packets(t, CAPTURE_DROP, IF_NONE, b, count);
    count_reasons(t, n, b, count, IF_DROP);
    for (u32 i = 0; i < count; i++)
        next[i] = 0;
}

void NODE_FN(error_punt)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    capture_packets(t, CAPTURE_DROP, IF_NONE, b, count);
    count_reasons(t, n, b, count, IF_PUNT);
    for (u32 i = 0; i < count; i++)
        next[i] = 0;
}

void NODE_FN(drop)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        buffer_free_one(t, buffer_index(b[i]));
        next[i] = NEXT_CONSUMED;
    }
}
