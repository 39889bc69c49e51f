/* tap-input: frames from Linux's end of a tap into buffers, a read each.
 *
 *   frame -> [ virtio header ][ small buffer: first 2 KB ][ large buffer: the rest ]
 *
 * The header goes in front of the first bytes, into the headroom. Both buffers stay with the queue
 * until a frame used them, or the queue is idle; a large one is touched only by what the small one
 * has no room for. */
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "engine/trace.h"
#include "plugins/tap/tap_internal.h"

#define FRAMES_A_CALL 64
/* Of large frames fewer: what is received is sent on before it has left the CPU's caches. */
#define BYTES_A_CALL (256u << 10)

struct received {
    u32 n;
    u64 bytes;
    u32 bi[FRAMES_A_CALL];
    u16 next[FRAMES_A_CALL];
};

/* --- where a packet goes --- */

/* Packets of a tun interface go by their version. */
static u16 tap_ip_node(struct thread *t, struct node *n, const struct tap_queue *q,
                       struct buffer *b)
{
    u8 version = b->len ? *(const u8 *)buffer_current(b) >> 4 : 0;
    b->l3_start = b->start;
    if (likely(version == 4))
        return TAP_INPUT_NEXT_IP4;
    if (version != 6)
        return node_drop(n, b, TAP_INPUT_ERR_NO_IP, TAP_INPUT_NEXT_DROP);
    interface_count(t, IF_IP6, q->rx.interface, 1, 0);
    return q->tap->has_ip6 ? TAP_INPUT_NEXT_IP6
                           : node_drop(n, b, TAP_INPUT_ERR_IP6, TAP_INPUT_NEXT_DROP);
}

static COLD void tap_trace_packet(struct thread *t, struct node *n, const struct tap_queue *q,
                                  struct buffer *b, u16 next, const struct virtio_header *vnet)
{
    struct tap_trace trace = {.interface = q->rx.interface,
                              .queue = q->rx.queue,
                              .len = buffer_packet_len(b),
                              .vnet = *vnet};
    if (trace_start(t, n, b))
        trace_input_hop(t, n, b, next, &trace, sizeof(trace));
}

ALWAYS_INLINE void tap_received_add(struct thread *t, struct node *n, const struct tap_queue *q,
                                    struct received *r, struct buffer *b,
                                    const struct virtio_header *vnet)
{
    b->rx_if = q->rx.interface;
    r->bytes += buffer_packet_len(b);
    u16 next = unlikely(q->tap->is_tun) ? tap_ip_node(t, n, q, b)
                                        : feature_start(q->tap->device_input, q->rx.interface, b,
                                                        TAP_INPUT_NEXT_ETHERNET);
    if (unlikely(trace_wants(n)))
        tap_trace_packet(t, n, q, b, next, vnet);
    r->next[r->n] = next;
    r->bi[r->n++] = buffer_index(b);
}

/* --- reading --- */

/* A frame is taken and thrown away. Returns whether there was one. */
static COLD bool tap_discard(struct thread *t, struct node *n, const struct tap_queue *q)
{
    u8 header[VIRTIO_HEADER_BYTES + 1];
    if (read(q->rx.fd, header, sizeof(header)) < 0)
        return false;
    node_count(n, TAP_INPUT_ERR_NO_BUFFER, 1);
    interface_count(t, IF_RX_NO_BUF, q->rx.interface, 1, 0);
    return true;
}

/* Makes a packet of the frame of len bytes in the queue's buffers, which it then no longer has.
 * NULL: it is dropped, and counted. */
static struct buffer *take_frame(struct node *n, struct tap_queue *q, u32 len, u32 room,
                                 struct virtio_header *vnet)
{
    struct buffer *b = buffer_at(q->small);
    *vnet = virtio_header_read((const u8 *)buffer_current(b) - VIRTIO_HEADER_BYTES, VIRTIO_NATIVE);
    b->len = (u16)min_u64(len, room);
    if (len > room) {
        struct buffer *rest = buffer_at(q->large);
        rest->len = (u16)(len - room);
        b->flags |= BUFFER_NEXT;
        b->next = q->large;
        b->tail_len = rest->len;
    }
    enum virtio_fault fault = virtio_header_take(b, vnet, q->tap->is_tun, VIRTIO_TAKES_ALL);
    if (unlikely(fault)) {
        node_count(n, fault == VIRTIO_FAULT_GSO ? TAP_INPUT_ERR_GSO : TAP_INPUT_ERR_BAD_VNET, 1);
        b->flags = 0;
        return NULL;
    }
    q->small = BUFFER_NONE;
    if (len > room)
        q->large = BUFFER_NONE;
    return b;
}

/* Reads a frame: false when there is none. *out: its packet, or NULL when it was dropped. */
static bool tap_read(struct thread *t, struct node *n, struct tap_queue *q, struct buffer **out,
                     struct virtio_header *vnet)
{
    *out = NULL;
    if (q->small == BUFFER_NONE && unlikely(!buffer_alloc(t, BUFFER_POOL_DEFAULT, &q->small, 1))) {
        q->small = BUFFER_NONE;
        return tap_discard(t, n, q);
    }
    if (q->large == BUFFER_NONE && unlikely(!buffer_alloc(t, BUFFER_POOL_LARGE, &q->large, 1)))
        q->large = BUFFER_NONE; /* small frames need none */
    struct buffer *b = buffer_at(q->small);
    u32 room = buffer_storage_bytes(b) - BUFFER_HEADROOM_BYTES, most = room;
    struct iovec iov[2] = {
        {(u8 *)buffer_current(b) - VIRTIO_HEADER_BYTES, VIRTIO_HEADER_BYTES + room}};
    if (likely(q->large != BUFFER_NONE)) {
        const struct buffer *rest = buffer_at(q->large);
        iov[1] = (struct iovec){buffer_current(rest),
                                buffer_storage_bytes(rest) - BUFFER_HEADROOM_BYTES};
        most += (u32)iov[1].iov_len;
    }
    ssize_t got = readv(q->rx.fd, iov, q->large != BUFFER_NONE ? 2 : 1);
    if (got < 0) {
        if (unlikely(errno == EBADFD))
            tap_tell_gone(t, q);
        return false;
    }
    /* Linux cuts off what there is no room for, and does not say so */
    if (unlikely(got < VIRTIO_HEADER_BYTES || (u32)got - VIRTIO_HEADER_BYTES >= most))
        node_count(n, TAP_INPUT_ERR_TRUNCATED, 1);
    else
        *out = take_frame(n, q, (u32)got - VIRTIO_HEADER_BYTES, room, vnet);
    return true;
}

u32 NODE_FN(tap_input)(struct thread *t, struct node *n, struct rx_queue *rx)
{
    struct tap_queue *q = rx->port;
    struct received r;
    struct virtio_header vnet;
    struct buffer *b;
    u32 frames = 0;
    r.n = 0;
    r.bytes = 0;
    while (frames < FRAMES_A_CALL && r.bytes < BYTES_A_CALL && tap_read(t, n, q, &b, &vnet)) {
        frames++;
        if (likely(b))
            tap_received_add(t, n, q, &r, b, &vnet);
    }
    interface_count(t, IF_RX, rx->interface, r.n, r.bytes);
    node_enqueue_each(t, n, r.bi, r.next, r.n);
    return frames;
}
