/* interface-offload: does in software what a packet still asks for and the port does not do. A
 * feature of the arc "interface-output" that is on for ports that do not do everything. */
#include "engine/feature.h"
#include "net/link/gso/gso.h"
#include "net/link/interface/interface_internal.h"
#include "net/link/interface/interface_node.h"
#include "net/packet/l4_packet.h"
#include "net/packet/layers.h"

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
    if (buffer_is_shared(b))
        return complete_copy(t, n, b);
    return csum_complete(b) ? feature_next(b)
                            : node_drop(n, b, INTERFACE_OFFLOAD_ERR_CSUM, NEXT_DROP);
}

/* Of a packet whose sum is to be made: which kind that is. */
static u32 csum_cap(const struct buffer *b)
{
    bool is_ip = if_data(b->tx_if)->flags & IF_DATA_IS_IP;
    struct layers l;
    if (!layers_find(buffer_current(b), b->len, is_ip, &l) || b->csum_start - b->start != (int)l.l4)
        return IF_CAP_CSUM_OTHER;
    if (l.protocol == IP_PROTOCOL_TCP)
        return l.is_ip6 ? IF_CAP_CSUM_TCP6 : IF_CAP_CSUM_TCP4;
    if (l.protocol == IP_PROTOCOL_UDP)
        return l.is_ip6 ? IF_CAP_CSUM_UDP6 : IF_CAP_CSUM_UDP4;
    return IF_CAP_CSUM_OTHER;
}

static u32 gso_caps(const struct buffer *b)
{
    u32 caps = b->flags & BUFFER_GSO_UDP   ? IF_CAP_USO
               : b->flags & BUFFER_GSO_IP6 ? IF_CAP_TSO6
                                           : IF_CAP_TSO4;
    return caps | (b->flags & BUFFER_TUNNEL ? IF_CAP_GSO_TUNNEL : 0);
}

enum offload { PASS, SEGMENT, COMPLETE };

/* What is left to do for a packet of one of the two flags. */
static enum offload what_is_left(const struct buffer *b)
{
    u32 caps = if_data(b->tx_if)->caps;
    if (b->flags & BUFFER_GSO)
        return gso_caps(b) & ~caps ? SEGMENT : PASS;
    bool takes = (caps & IF_CAP_CSUM_ALL) == IF_CAP_CSUM_ALL || !(csum_cap(b) & ~caps);
    return takes ? PASS : COMPLETE;
}

void NODE_FN(interface_offload)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                u32 count)
{
    for (u32 i = 0, sent = 0; i < count; i++) {
        bool asks = b[i]->flags & (BUFFER_GSO | BUFFER_CSUM_PARTIAL);
        enum offload left = likely(!asks) ? PASS : what_is_left(b[i]);
        if (likely(left == PASS)) {
            next[i] = feature_next(b[i]);
            continue;
        }
        /* what this one makes must not overtake those in front */
        node_enqueue_first(t, n, b + sent, next + sent, i - sent);
        sent = i;
        next[i] = left == SEGMENT ? interface_offload_segment(t, n, b[i])
                                  : interface_offload_complete(t, n, b[i]);
    }
}
