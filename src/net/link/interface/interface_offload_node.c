/* interface-offload: for ports that take no GSO or no partial checksums, does in software what the
 * packet still asks for. A feature of the arc "interface-output" that is on for such ports only. */
#include "engine/feature.h"
#include "net/link/gso/gso.h"
#include "net/link/interface/interface_internal.h"
#include "net/link/interface/interface_node.h"

enum { NEXT_DROP };

static u16 interface_offload_segment(struct thread *t, struct node *n, struct buffer *b)
{
    u32 out[GSO_SEGMENTS_MAX];
    u32 count = gso_segment(t, b, out, GSO_SEGMENTS_MAX);
    if (!count)
        return node_drop(n, b, INTERFACE_OFFLOAD_ERR_GSO, NEXT_DROP);
    u16 next = feature_next(b);
    for (u32 i = 0; i < count; i++) {
        struct buffer *seg = buffer_at(out[i]);
        seg->feature = b->feature;
        seg->rx_if = b->rx_if;
        seg->tx_if = b->tx_if;
    }
    node_enqueue(t, n, next, out, count);
    buffer_free_one(t, buffer_index(b));
    return NEXT_CONSUMED;
}

/* Somebody else holds the packet too (it was flooded): a copy gets the checksum. */
static u16 complete_copy(struct thread *t, struct node *n, struct buffer *b)
{
    u32 bi = buffer_copy(t, b);
    if (bi == BUFFER_NONE)
        return node_drop(n, b, INTERFACE_OFFLOAD_ERR_CSUM, NEXT_DROP);
    if (!csum_complete(buffer_at(bi))) {
        buffer_free_one(t, bi);
        return node_drop(n, b, INTERFACE_OFFLOAD_ERR_CSUM, NEXT_DROP);
    }
    node_enqueue(t, n, feature_next(buffer_at(bi)), &bi, 1);
    buffer_free_one(t, buffer_index(b));
    return NEXT_CONSUMED;
}

static u16 interface_offload_complete(struct thread *t, struct node *n, struct buffer *b)
{
    if (b->refs > 1)
        return complete_copy(t, n, b);
    return csum_complete(b) ? feature_next(b)
                            : node_drop(n, b, INTERFACE_OFFLOAD_ERR_CSUM, NEXT_DROP);
}

static bool takes_gso(u32 caps, const struct buffer *b)
{
    u32 needed = IF_CAP_GSO | (b->flags & BUFFER_TUNNEL ? IF_CAP_GSO_TUNNEL : 0);
    return (caps & needed) == needed;
}

void NODE_FN(interface_offload)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                u32 count)
{
    for (u32 i = 0; i < count; i++) {
        u32 caps = if_data(b[i]->tx_if)->caps;
        if ((b[i]->flags & BUFFER_GSO) && !takes_gso(caps, b[i]))
            next[i] = interface_offload_segment(t, n, b[i]);
        else if ((b[i]->flags & (BUFFER_GSO | BUFFER_CSUM_PARTIAL)) == BUFFER_CSUM_PARTIAL &&
                 !(caps & IF_CAP_CSUM_PARTIAL))
            next[i] = interface_offload_complete(t, n, b[i]);
        else
            next[i] = feature_next(b[i]);
    }
}
