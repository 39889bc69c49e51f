/* vhost-user-input: packets out of the guest's transmit queues into buffers, copied: a packet that
 * is checked must not change under the checker's eyes. Descriptors go back at once. */
#include "engine/trace.h"
#include "plugins/vhost/vhost_ring.h"

#define RUN_PKTS 32          /* whose descriptors are read before their data is */
#define LARGE_MIN_BYTES 4096 /* of what is left of a packet, for which a large buffer is taken */
#define FRAME_MIN_BYTES 14

struct vhost_received {
    u32 n; /* in bi */
    u64 bytes;
    u32 bi[FRAME_PKTS];
    u16 next[FRAME_PKTS];
    struct virtio_header vnet[FRAME_PKTS]; /* for the trace */
};

static COLD void vhost_input_drop(struct thread *t, struct node *n, const struct vhost_rx *q,
                                  enum vhost_input_error error)
{
    node_count(n, error, 1);
    interface_count(t, error == VHOST_INPUT_ERR_NO_BUFFER ? IF_RX_NO_BUF : IF_RX_ERROR,
                    q->q.interface, 1, 0);
}

/* What the header says of the packet in bi, which is whole; then it is received, or dropped. */
ALWAYS_INLINE void vhost_received_add(struct thread *t, struct node *n, const struct vhost_rx *q,
                                      struct vhost_received *r, u32 bi,
                                      const struct virtio_header *vnet)
{
    struct buffer *b = buffer_at(bi);
    enum virtio_fault fault = virtio_header_take(b, vnet, false, q->ring.takes);
    if (unlikely(fault)) {
        vhost_input_drop(
            t, n, q, fault == VIRTIO_FAULT_GSO ? VHOST_INPUT_ERR_GSO : VHOST_INPUT_ERR_BAD_VNET);
        buffer_free_one(t, bi);
        return;
    }
    b->rx_if = q->q.interface;
    r->bytes += buffer_packet_len(b);
    if (unlikely(trace_wants(n)))
        r->vnet[r->n] = *vnet;
    r->bi[r->n++] = bi;
}

/* Nobody has checked what the guest calls valid. */
ALWAYS_INLINE struct virtio_header vhost_header_read(const struct vhost_ring *r, const u8 *p)
{
    struct virtio_header h = virtio_header_read(p, r->order);
    vhost_copied();
    h.flags &= VIRTIO_NEEDS_CSUM;
    return h;
}

/* --- packets of several pieces, and those about which something is odd --- */

/* Room for more of the packet b, whose last buffer is *last and full. */
static bool vhost_grow(struct thread *t, const struct buffer *b, struct buffer **last, u64 left)
{
    u32 bi;
    if ((left < LARGE_MIN_BYTES || !buffer_alloc(t, BUFFER_POOL_LARGE, &bi, 1)) &&
        !buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1))
        return false;
    (*last)->flags |= BUFFER_NEXT;
    (*last)->next = bi;
    *last = buffer_at(bi);
    return true;
}

/* Fills b with what is in s behind its first `skip` bytes. */
static bool vhost_fill(struct thread *t, struct buffer *b, const struct vhost_segments *s, u32 skip)
{
    struct buffer *last = b;
    u64 left = s->bytes - skip;
    for (u32 i = 0; i < s->n; i++) {
        const u8 *from = s->v[i].at;
        u32 len = s->v[i].len, k = (u32)min_u64(skip, len);
        skip -= k;
        for (from += k, len -= k; len; from += k, len -= k, left -= k) {
            u32 room = buffer_storage_bytes(last) - (u32)last->start - last->len;
            if (!room) {
                if (!vhost_grow(t, b, &last, left))
                    return false;
                room = buffer_storage_bytes(last) - (u32)last->start;
            }
            k = (u32)min_u64(room, len);
            memcpy((u8 *)buffer_current(last) + last->len, from, k);
            last->len = (u16)(last->len + k);
            b->tail_len += last == b ? 0 : k;
        }
    }
    return true;
}

/* The first bytes of s. */
static void vhost_peek(const struct vhost_segments *s, u8 *to, u32 bytes)
{
    for (u32 i = 0; bytes; i++) {
        u32 k = (u32)min_u64(s->v[i].len, bytes);
        memcpy(to, s->v[i].at, k);
        to += k;
        bytes -= k;
    }
    vhost_copied();
}

/* A chain's packet is received, or dropped and counted. */
static void vhost_take_chain(struct thread *t, struct node *n, const struct vhost_rx *q,
                             enum vhost_chain rc, const struct vhost_segments *s,
                             struct vhost_received *r)
{
    u32 header_bytes = q->ring.header_bytes, bi;
    u8 header[VIRTIO_HEADER_MRG_BYTES];
    if (rc) {
        vhost_input_drop(
            t, n, q, rc == VHOST_CHAIN_ADDRESS ? VHOST_INPUT_ERR_MMAP : VHOST_INPUT_ERR_INDIRECT);
        return;
    }
    if (s->bytes < header_bytes + FRAME_MIN_BYTES || s->bytes > header_bytes + VHOST_PACKET_BYTES) {
        vhost_input_drop(t, n, q,
                         s->bytes > VHOST_PACKET_BYTES ? VHOST_INPUT_ERR_OVERSIZED
                                                       : VHOST_INPUT_ERR_UNDERSIZED);
        return;
    }
    vhost_peek(s, header, header_bytes);
    struct virtio_header vnet = vhost_header_read(&q->ring, header);
    if (!buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1)) {
        vhost_input_drop(t, n, q, VHOST_INPUT_ERR_NO_BUFFER);
        return;
    }
    if (vhost_fill(t, buffer_at(bi), s, header_bytes)) {
        vhost_received_add(t, n, q, r, bi, &vnet);
        return;
    }
    vhost_input_drop(t, n, q, VHOST_INPUT_ERR_NO_BUFFER);
    buffer_free_one(t, bi);
}

/* Takes one chain, whatever it is. Returns false when there is none. */
static bool vhost_take_odd(struct thread *t, struct node *n, struct vhost_rx *q, u32 waiting,
                           struct vhost_done *done, struct vhost_received *r)
{
    struct vhost_segments s;
    struct vhost_head h;
    vhost_segments_clear(&s);
    enum vhost_chain rc = vhost_chain_take(&q->ring, done->ahead, waiting, false, &h, &s);
    if (rc == VHOST_CHAIN_NONE)
        return false;
    if (rc == VHOST_CHAIN_BROKEN) {
        vhost_ring_fault(t, &q->ring, q->ring.packed ? VHOST_FAULT_CHAIN : VHOST_FAULT_HEAD);
        return false;
    }
    vhost_take_chain(t, n, q, rc, &s, r);
    vhost_done_add(&q->ring, done, &h);
    return true;
}

/* --- packets of one piece --- */

/* A packet that is one descriptor. */
struct vhost_plain {
    const u8 *from;
    u32 len;
    u16 id;
};

/* Whether chain number `ahead` is such a packet; its data is on its way then. */
ALWAYS_INLINE bool vhost_find_plain(const struct vhost_ring *r, bool packed, u32 ahead, u32 waiting,
                                    struct vhost_plain *p)
{
    struct vhost_desc d;
    vhost_warm(r, packed, ahead);
    if (!vhost_chain_first(r, packed, ahead, waiting, &d))
        return false;
    if (unlikely((d.flags & (VRING_DESC_NEXT | VRING_DESC_INDIRECT | VRING_DESC_WRITE)) ||
                 d.len < (u32)r->header_bytes + FRAME_MIN_BYTES))
        return false;
    p->from = vhost_at_whole(r->memory, d.addr, d.len);
    p->len = d.len - r->header_bytes;
    p->id = d.id;
    if (unlikely(!p->from))
        return false;
    __builtin_prefetch(p->from);
    __builtin_prefetch(p->from + d.len - 1);
    return true;
}

/* Takes up to `most` such packets. */
ALWAYS_INLINE u32 vhost_take_run(struct thread *t, struct node *n, const struct vhost_rx *q,
                                 bool packed, u32 most, u32 waiting, struct vhost_done *done,
                                 struct vhost_received *r)
{
    const struct vhost_ring *ring = &q->ring;
    struct vhost_plain p[RUN_PKTS];
    u32 bi[RUN_PKTS], found = 0, used = 0;
    while (found < most && vhost_find_plain(ring, packed, done->ahead + found, waiting, &p[found]))
        found++;
    u32 got = found ? buffer_alloc(t, BUFFER_POOL_DEFAULT, bi, found) : 0;
    for (; used < got; used++) {
        struct buffer *b = buffer_at(bi[used]);
        if (unlikely(p[used].len > buffer_storage_bytes(b) - (u32)b->start))
            break; /* it takes several buffers */
        struct virtio_header vnet = vhost_header_read(ring, p[used].from);
        foreign_copy(buffer_current(b), p[used].from + ring->header_bytes, p[used].len);
        b->len = (u16)p[used].len;
        vhost_received_add(t, n, q, r, bi[used], &vnet);
    }
    for (u32 i = 0; i < used; i++) {
        struct vhost_head h = {.id = p[i].id, .slots = 1};
        vhost_done_add(ring, done, &h);
    }
    if (unlikely(used < got))
        buffer_free(t, bi + used, got - used);
    return used;
}

ALWAYS_INLINE void vhost_take(struct thread *t, struct node *n, struct vhost_rx *q, bool packed,
                              u32 waiting, struct vhost_done *done, struct vhost_received *r)
{
    u32 seen = 0;
    while (seen < FRAME_PKTS) {
        u32 most = (u32)min_u64(RUN_PKTS, FRAME_PKTS - seen);
        u32 run = vhost_take_run(t, n, q, packed, most, waiting, done, r);
        seen += run;
        if (likely(run == most))
            continue;
        if (!vhost_take_odd(t, n, q, waiting, done, r))
            break;
        seen++;
    }
}

/* --- all of them --- */

static COLD void vhost_trace_packet(struct thread *t, struct node *n, const struct vhost_rx *q,
                                    struct buffer *b, u16 next, const struct virtio_header *vnet)
{
    struct vhost_trace trace = {.interface = q->q.interface,
                                .queue = q->q.queue,
                                .len = buffer_packet_len(b),
                                .vnet = *vnet};
    if (trace_start(t, n, b))
        trace_input_hop(t, n, b, next, &trace, sizeof(trace));
}

static void vhost_hand_on(struct thread *t, struct node *n, const struct vhost_rx *q,
                          struct vhost_received *r)
{
    struct if_index i = q->q.interface;
    interface_count(t, IF_RX, i, r->n, r->bytes);
    if (likely(!feature_any(q->port->device_input, i) && !trace_wants(n))) {
        node_enqueue(t, n, VHOST_INPUT_NEXT_ETHERNET, r->bi, r->n);
        return;
    }
    for (u32 k = 0; k < r->n; k++) {
        struct buffer *b = buffer_at(r->bi[k]);
        r->next[k] = feature_start(q->port->device_input, i, b, VHOST_INPUT_NEXT_ETHERNET);
        if (unlikely(trace_wants(n)))
            vhost_trace_packet(t, n, q, b, r->next[k], &r->vnet[k]);
    }
    node_enqueue_each(t, n, r->bi, r->next, r->n);
}

static void vhost_input_call(struct thread *t, void *ring)
{
    vhost_ring_call(ring);
}

u32 NODE_FN(vhost_input)(struct thread *t, struct node *n, struct rx_queue *rx)
{
    struct vhost_rx *q = rx->port;
    struct vhost_ring *ring = &q->ring;
    struct vhost_received r;
    struct vhost_done done = {0};
    u32 waiting = vhost_waiting(ring);
    if (!waiting)
        return 0;
    if (unlikely(ring->fault || waiting > ring->size)) {
        vhost_ring_fault(t, ring, VHOST_FAULT_INDEX);
        return 0;
    }
    if (unlikely(ring->armed)) { /* there may be more: until there are none we look by ourselves */
        ring->armed = false;
        vhost_ring_want_kick(ring, false);
    }
    r.n = 0;
    r.bytes = 0;
    if (ring->packed)
        vhost_take(t, n, q, true, waiting, &done, &r);
    else
        vhost_take(t, n, q, false, waiting, &done, &r);
    if (likely(done.ahead)) {
        vhost_done_show(ring, &done);
        thread_at_round_end(t, vhost_input_call, ring);
    }
    if (likely(r.n))
        vhost_hand_on(t, n, q, &r);
    return done.ahead;
}
