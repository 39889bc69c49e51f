/* af_xdp-input: frames out of a socket's ring. A frame stays in the chunk in which the kernel put
 * it, and the kernel gets another one in its place; where the pool has none the frame is copied
 * into an ordinary buffer, and the kernel gets the chunk back. So it has as many at any time, and
 * is never without. A frame that is longer than a chunk comes in pieces, which become a chain. */
#include <linux/if_xdp.h>
#include <string.h>
#include <sys/socket.h>

#include "engine/trace.h"
#include "plugins/af_xdp/af_xdp_internal.h"

static COLD void af_xdp_trace_packet(struct thread *t, struct node *n, const struct af_xdp_queue *q,
                                     struct buffer *b, u16 next, const struct xdp_desc *d)
{
    struct af_xdp_trace trace = {.interface = q->rx.interface,
                                 .queue = q->rx.queue,
                                 .len = buffer_packet_len(b),
                                 .address = d->addr};
    if (trace_start(t, n, b))
        trace_input_hop(t, n, b, next, &trace, sizeof(trace));
}

/* The driver sleeps until it is told that there are chunks, or is run by us. */
static COLD void wake_driver(struct node *n, const struct af_xdp_queue *q)
{
    node_count(n, AF_XDP_INPUT_ERR_SYSCALL_REQUIRED, 1);
    if (recvfrom(q->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL) < 0)
        node_count(n, AF_XDP_INPUT_ERR_SYSCALL_FAILURE, 1);
}

/* A packet of its own with what is in the chunk; NULL: no buffer is free. */
static COLD struct buffer *copy_chunk(struct thread *t, struct node *n,
                                      const struct af_xdp_queue *q, const u8 *from, u32 len)
{
    u32 bi;
    if (buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1)) {
        if (!buffer_append(t, buffer_at(bi), from, len))
            return buffer_at(bi);
        buffer_free_one(t, bi);
    }
    node_count(n, AF_XDP_INPUT_ERR_NO_BUFFER, 1);
    interface_count(t, IF_RX_NO_BUF, q->rx.interface, 1, 0);
    return NULL;
}

/* Adds a piece to the frame that it belongs to; NULL: it is lost, and so is the frame. Returns the
 * frame when it is whole. */
static struct buffer *af_xdp_join(struct thread *t, struct node *n, struct af_xdp_queue *q,
                                  struct buffer *piece, bool more)
{
    struct buffer *first = q->begun.first != BUFFER_NONE ? buffer_at(q->begun.first) : piece;
    u32 before = first != piece ? buffer_packet_len(first) : 0;
    q->begun.first = BUFFER_NONE;
    if (unlikely(!piece || q->begun.lost || before + buffer_packet_len(piece) > UINT16_MAX)) {
        if (piece && !q->begun.lost) /* it is too long */
            node_count(n, AF_XDP_INPUT_ERR_BAD_DESCRIPTOR, 1);
        if (piece && piece != first)
            buffer_free_one(t, buffer_index(piece));
        if (first)
            buffer_free_one(t, buffer_index(first));
        q->begun.lost = more;
        return NULL;
    }
    if (first != piece) {
        struct buffer *last = buffer_at(q->begun.last);
        first->tail_len += buffer_packet_len(piece);
        last->flags |= BUFFER_NEXT;
        last->next = buffer_index(piece);
    }
    while (piece->flags & BUFFER_NEXT) /* it was copied */
        piece = buffer_at(piece->next);
    q->begun.last = buffer_index(piece);
    if (!more)
        return first;
    q->begun.first = buffer_index(first);
    return NULL;
}

u32 NODE_FN(af_xdp_input)(struct thread *t, struct node *n, struct rx_queue *rx)
{
    struct af_xdp_queue *q = rx->port;
    struct af_xdp_umem *u = q->port->umem;
    const struct xdp_desc *ring = q->received.entries;
    u64 *fill = q->fill.entries;
    u8 *base = u->map.base;
    bool in_pieces = q->port->in_pieces;
    u32 bi[FRAME_PKTS], spare[FRAME_PKTS], n_packets = 0, bytes = 0;
    u16 next[FRAME_PKTS];
    u32 got =
        (u32)min_u64(min_u64(xdp_ring_ready(&q->received), xdp_ring_room(&q->fill)), FRAME_PKTS);
    if (!got) {
        if (unlikely(q->port->args.busy_poll || xdp_ring_wants_wakeup(&q->fill)))
            wake_driver(n, q);
        return 0;
    }
    u32 n_spare = buffer_alloc(t, u->pool, spare, got), n_filled = 0;
    for (u32 i = 0; i < got; i++) {
        const struct xdp_desc d = ring[xdp_ring_place(&q->received, i)];
        u64 chunk = d.addr / u->chunk_bytes;
        u32 at = (u32)(d.addr % u->chunk_bytes);
        /* the kernel's word is good; what holds packets is looked at twice */
        if (unlikely(chunk >= u->n_chunks || !d.len || d.len > u->chunk_bytes - at ||
                     u->holder[chunk] != AF_XDP_WITH_RX)) {
            node_count(n, AF_XDP_INPUT_ERR_BAD_DESCRIPTOR, 1);
            if (in_pieces)
                af_xdp_join(t, n, q, NULL, d.options & XDP_PKT_CONTD);
            continue;
        }
        struct buffer *b = buffer_at(u->first + (u32)chunk);
        u64 give = d.addr - at;
        if (likely(n_spare)) {
            u32 other = spare[--n_spare] - u->first;
            u->holder[chunk] = AF_XDP_OURS;
            u->holder[other] = AF_XDP_WITH_RX;
            give = (u64)other * u->chunk_bytes;
            b->start = (i16)at;
            b->len = (u16)d.len;
        } else {
            b = copy_chunk(t, n, q, base + d.addr, d.len);
        }
        fill[xdp_ring_place(&q->fill, n_filled++)] = give;
        if (in_pieces)
            b = af_xdp_join(t, n, q, b, d.options & XDP_PKT_CONTD);
        if (unlikely(!b))
            continue;
        __builtin_prefetch(buffer_current(b));
        b->rx_if = rx->interface;
        bytes += buffer_packet_len(b);
        next[n_packets] =
            feature_start(q->port->device_input, rx->interface, b, AF_XDP_INPUT_NEXT_ETHERNET);
        if (unlikely(trace_wants(n)))
            af_xdp_trace_packet(t, n, q, b, next[n_packets], &d);
        bi[n_packets++] = buffer_index(b);
    }
    if (unlikely(n_spare))
        buffer_free(t, spare, n_spare);
    xdp_ring_take(&q->received, got);
    xdp_ring_give(&q->fill, n_filled);
    if (unlikely(xdp_ring_wants_wakeup(&q->fill)))
        wake_driver(n, q);
    interface_count(t, IF_RX, rx->interface, n_packets, bytes);
    node_enqueue_each(t, n, bi, next, n_packets);
    return got;
}
