/* af-packet-input: frames from a packet socket into buffers, by recvmmsg or from a TPACKET_V2 ring.
 *
 * By recvmmsg:
 *
 *   frame -> [ virtio header ][ small buffer: first 2 KB ][ large buffer: the rest ]
 *
 * Buffers are posted for a whole batch and stay posted until a frame used them, or the queue is
 * idle. A frame of up to 2 KB touches the small one only; a GSO frame continues in the large one as
 * a chain of two, without a copy.
 *
 * From the ring: slots of 2 KB, copied into buffers and given back at once. A frame that does not
 * fit its slot is also queued whole on the socket (PACKET_COPY_THRESH) and fetched there.
 *
 * A frame longer than 64 KB, which IP has no length for (BIG TCP), goes into several large buffers
 * and is cut into packets that it has one for. */
#include <errno.h>
#include <netinet/in.h>

#include "engine/probe.h"
#include "engine/trace.h"
#include "net/link/gso/gso.h"
#include "net/packet/ethernet_packet.h"
#include "net/packet/ip4_packet.h"
#include "ports/af_packet/af_packet_internal.h"

#define SPLIT_MAX 16             /* packets that one frame can make */
#define LONG_FRAMES_A_CALL 32    /* of them */
#define LONG_FRAMES_FORGET 10000 /* frames in a row that were not so long */

/* What a call has received. */
struct received {
    u32 n;
    u32 small, large; /* frames, as they came */
    u64 bytes;
    u32 bi[FRAME_PKTS + SPLIT_MAX];
    u16 next[FRAME_PKTS + SPLIT_MAX];
};

/* What the kernel says beside the frame. */
struct beside {
    struct virtio_header vnet;
    u32 status; /* TP_STATUS_* */
    u16 tci, tpid;
};

ALWAYS_INLINE void received_begin(struct received *r)
{
    r->n = r->small = r->large = 0;
    r->bytes = 0;
}

/* --- frames --- */

/* Packets without a link header go by their version. */
static u16 ip_node(struct thread *t, struct node *n, const struct af_packet_queue *q,
                   struct buffer *b)
{
    u8 version = b->len ? *(const u8 *)buffer_current(b) >> 4 : 0;
    b->l3_start = b->start;
    if (likely(version == 4))
        return AF_PACKET_INPUT_NEXT_IP4;
    if (version != 6)
        return node_drop(n, b, AF_PACKET_INPUT_ERR_NO_IP, AF_PACKET_INPUT_NEXT_DROP);
    interface_count(t, IF_IP6, q->rx.interface, 1, 0);
    return q->port->has_ip6 ? AF_PACKET_INPUT_NEXT_IP6
                            : node_drop(n, b, AF_PACKET_INPUT_ERR_IP6, AF_PACKET_INPUT_NEXT_DROP);
}

ALWAYS_INLINE u16 first_node(struct thread *t, struct node *n, const struct af_packet_queue *q,
                             struct buffer *b)
{
    if (unlikely(q->port->args.mode == AF_PACKET_MODE_IP))
        return ip_node(t, n, q, b);
    return feature_start(q->port->device_input, q->rx.interface, b, AF_PACKET_INPUT_NEXT_ETHERNET);
}

static COLD void trace_packet(struct thread *t, struct node *n, const struct af_packet_queue *q,
                              struct buffer *b, u16 next, const struct beside *x)
{
    struct af_packet_trace trace = {
        .interface = q->rx.interface,
        .queue = q->rx.queue,
        .len = buffer_packet_len(b),
        .vlan_tci = x->tci,
        .vlan_tpid = x->tpid,
        .vnet = x->vnet,
    };
    if (trace_start(t, n, b))
        trace_input_hop(t, n, b, next, &trace, sizeof(trace));
}

ALWAYS_INLINE void received_add(struct thread *t, struct node *n, const struct af_packet_queue *q,
                                struct received *r, struct buffer *b, const struct beside *x)
{
    b->rx_if = q->rx.interface;
    r->bytes += buffer_packet_len(b);
    u16 next = first_node(t, n, q, b);
    if (unlikely(trace_wants(n)))
        trace_packet(t, n, q, b, next, x);
    r->next[r->n] = next;
    r->bi[r->n++] = buffer_index(b);
}

/* One that is longer than IP can say: as several. */
static COLD void received_split(struct thread *t, struct node *n, const struct af_packet_queue *q,
                                struct received *r, struct buffer *b, const struct beside *x)
{
    u32 part[SPLIT_MAX], made = gso_split(t, b, part, SPLIT_MAX);
    if (!made)
        node_count(n, AF_PACKET_INPUT_ERR_GSO, 1);
    for (u32 i = 0; i < made; i++)
        received_add(t, n, q, r, buffer_at(part[i]), x);
    buffer_free_one(t, buffer_index(b));
}

/* Checks what is to be done to the frame, and puts back a tag that the kernel took out. Returns
 * false when the frame is refused, and counted; b is as it was. */
ALWAYS_INLINE bool finish_frame(struct node *n, const struct af_packet_queue *q, struct buffer *b,
                                const struct beside *x)
{
    bool is_ip = q->port->args.mode == AF_PACKET_MODE_IP;
    enum virtio_fault fault = virtio_header_take(b, &x->vnet, is_ip, VIRTIO_TAKES_ALL);
    if (unlikely(fault)) {
        bool gso = fault == VIRTIO_FAULT_GSO;
        node_count(n, gso ? AF_PACKET_INPUT_ERR_GSO : AF_PACKET_INPUT_ERR_BAD_VNET, 1);
        b->flags &= BUFFER_NEXT;
        return false;
    }
    if (unlikely(x->status & TP_STATUS_VLAN_VALID) && b->len >= 12)
        ethernet_insert_tag(b, x->status & TP_STATUS_VLAN_TPID_VALID ? x->tpid : ETHERTYPE_VLAN,
                            x->tci);
    return true;
}

/* One of those received; in turn with other queues. */
static COLD void probe_one(struct thread *t, struct node *n, struct af_packet_queue *q,
                           const struct received *r)
{
    if (!trace_wants(n) && !(q->probe_turn++ & 1))
        probe_start(t, n, buffer_at(r->bi[(thread_now_ns(t) >> 8) % r->n]));
}

static void af_packet_deliver(struct thread *t, struct node *n, struct af_packet_queue *q,
                              const struct received *r)
{
    interface_count(t, IF_RX, q->rx.interface, r->n, r->bytes);
    if (unlikely(probe_is_due(t)) && r->n && __atomic_load_n(&q->port->is_fast, __ATOMIC_RELAXED))
        probe_one(t, n, q, r);
    node_enqueue_each(t, n, r->bi, r->next, r->n);
    if (unlikely(af_packet_demand_note(&q->demand, thread_now_ns(t), r->small, r->large)))
        af_packet_demand_rx(t, q);
}

/* The kernel's own drops, when the socket's queue or ring was full. */
static void count_kernel_drops(struct thread *t, struct node *n, struct af_packet_queue *q,
                               const struct af_packet_socket *s)
{
    struct tpacket_stats stats;
    socklen_t len = sizeof(stats);
    q->pressure = 0;
    if (getsockopt(s->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) || !stats.tp_drops)
        return;
    q->demand.small += stats.tp_drops; /* it is no large ones that come by the thousand */
    node_count(n, AF_PACKET_INPUT_ERR_KERNEL_DROP, stats.tp_drops);
    interface_count(t, IF_RX_MISS, q->rx.interface, stats.tp_drops, 0);
}

/* --- from a socket --- */

static struct iovec space_of(u32 bi)
{
    const struct buffer *b = buffer_at(bi);
    return (struct iovec){buffer_current(b), buffer_storage_bytes(b) - BUFFER_HEADROOM_BYTES};
}

static void af_packet_post(struct af_packet_queue *q, u32 i)
{
    q->iov[i][0] = (struct iovec){q->vnet[i], sizeof(q->vnet[i])};
    q->iov[i][1] = space_of(q->small[i]);
    q->iov[i][2] = space_of(q->large[i]);
    q->msg[i].msg_hdr = (struct msghdr){
        .msg_iov = q->iov[i],
        .msg_iovlen = 3,
        .msg_control = q->control[i],
        .msg_controllen = sizeof(q->control[i]),
    };
}

/* Posts buffers in the places [n_posted, n); fewer when a pool is empty. */
static void post_up_to(struct thread *t, struct af_packet_queue *q, u32 n)
{
    if (q->n_posted >= n)
        return;
    u32 first = q->n_posted, want = n - first;
    u32 small = buffer_alloc(t, BUFFER_POOL_DEFAULT, q->small + first, want);
    u32 large = buffer_alloc(t, BUFFER_POOL_LARGE, q->large + first, small);
    if (unlikely(large < small))
        buffer_free(t, q->small + first + large, small - large);
    for (u32 i = first; i < first + large; i++)
        af_packet_post(q, i);
    q->n_posted = first + large;
}

/* No buffers: frames are taken from the socket and thrown away, so that it does not keep the thread
 * awake. */
static u32 af_packet_discard(struct thread *t, struct node *n, const struct af_packet_queue *q,
                             const struct af_packet_socket *s, u32 most)
{
    u8 header[VIRTIO_HEADER_BYTES];
    u32 lost = 0;
    while (lost < most && recv(s->fd, header, sizeof(header), MSG_DONTWAIT | MSG_TRUNC) >= 0)
        lost++;
    node_count(n, AF_PACKET_INPUT_ERR_NO_BUFFER, lost);
    interface_count(t, IF_RX_NO_BUF, q->rx.interface, lost, 0);
    return lost;
}

static struct beside beside_message(const u8 *vnet, struct msghdr *h)
{
    struct beside x = {.vnet = virtio_header_read(vnet, VIRTIO_NATIVE)};
    struct tpacket_auxdata aux;
    struct cmsghdr *c = CMSG_FIRSTHDR(h);
    if (!c || c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA ||
        c->cmsg_len < CMSG_LEN(sizeof(aux)))
        return x;
    memcpy(&aux, CMSG_DATA(c), sizeof(aux));
    x.status = aux.tp_status;
    x.tci = aux.tp_vlan_tci;
    x.tpid = aux.tp_vlan_tpid;
    return x;
}

/* Makes a packet of the frame in place i. Returns false when it is to be dropped; then the buffers
 * stay posted. */
static bool take_message(struct node *n, struct af_packet_queue *q, u32 i, struct beside *x)
{
    struct mmsghdr *m = &q->msg[i];
    struct buffer *b = buffer_at(q->small[i]);
    u32 room = (u32)q->iov[i][1].iov_len;
    if (unlikely((m->msg_hdr.msg_flags & MSG_TRUNC) || m->msg_len < VIRTIO_HEADER_BYTES)) {
        q->long_frames = LONG_FRAMES_FORGET;
        node_count(n, AF_PACKET_INPUT_ERR_TRUNCATED, 1);
        return false;
    }
    u32 len = m->msg_len - VIRTIO_HEADER_BYTES;
    b->len = (u16)min_u64(len, room);
    if (len > room) {
        struct buffer *rest = buffer_at(q->large[i]);
        rest->len = (u16)(len - room);
        b->flags |= BUFFER_NEXT;
        b->next = q->large[i];
        b->tail_len = rest->len;
    }
    *x = beside_message(q->vnet[i], &m->msg_hdr);
    if (likely(finish_frame(n, q, b, x)))
        return true;
    b->flags = 0;
    return false;
}

/* Moves what was not used to the front places, where the next batch looks for it. */
static void keep_unused(struct thread *t, struct af_packet_queue *q, const bool *used, u32 got)
{
    u32 k = 0, posted = q->n_posted;
    for (u32 i = 0; i < posted; i++) {
        bool small_gone = i < got && used[i];
        bool large_gone =
            small_gone && q->msg[i].msg_len > VIRTIO_HEADER_BYTES + q->iov[i][1].iov_len;
        if (small_gone && !buffer_alloc(t, BUFFER_POOL_DEFAULT, &q->small[i], 1)) {
            if (!large_gone)
                buffer_free_one(t, q->large[i]);
            continue;
        }
        if (large_gone && !buffer_alloc(t, BUFFER_POOL_LARGE, &q->large[i], 1)) {
            buffer_free_one(t, q->small[i]);
            continue;
        }
        q->small[k] = q->small[i];
        q->large[k] = q->large[i];
        if (k != i || i < got)
            af_packet_post(q, k);
        k++;
    }
    q->n_posted = k;
}

/* A frame into a small and so many large buffers as the longest may need. NULL: there is none, or
 * it was refused, or there are no buffers. */
static struct buffer *receive_long(struct thread *t, struct node *n,
                                   const struct af_packet_queue *q,
                                   const struct af_packet_socket *s, struct beside *x, ssize_t *got)
{
    u8 vnet[VIRTIO_HEADER_BYTES];
    u8 control[AF_PACKET_CONTROL_BYTES] __attribute__((aligned(8)));
    u32 bi[1 + AF_PACKET_PARTS];
    struct iovec iov[2 + AF_PACKET_PARTS] = {{vnet, sizeof(vnet)}};
    struct msghdr h = {.msg_iov = iov,
                       .msg_iovlen = array_len(iov),
                       .msg_control = control,
                       .msg_controllen = sizeof(control)};
    u32 n_bi = buffer_alloc(t, BUFFER_POOL_DEFAULT, bi, 1);
    n_bi += n_bi ? buffer_alloc(t, BUFFER_POOL_LARGE, bi + 1, AF_PACKET_PARTS) : 0;
    if (n_bi < array_len(bi)) {
        buffer_free(t, bi, n_bi);
        *got = af_packet_discard(t, n, q, s, 1) ? 0 : -1;
        return NULL;
    }
    for (u32 i = 0; i < n_bi; i++)
        iov[1 + i] = space_of(bi[i]);
    *got = recvmsg(s->fd, &h, MSG_DONTWAIT);
    if (*got < VIRTIO_HEADER_BYTES || (h.msg_flags & MSG_TRUNC)) {
        buffer_free(t, bi, n_bi);
        node_count(n, AF_PACKET_INPUT_ERR_TRUNCATED, *got >= 0);
        return NULL;
    }
    struct buffer *b = buffer_at(bi[0]), *last = b;
    u32 left = (u32)*got - VIRTIO_HEADER_BYTES, used = 0;
    do {
        struct buffer *part = buffer_at(bi[used]);
        part->len = (u16)min_u64(left, iov[1 + used].iov_len);
        left -= part->len;
        if (used) {
            last->flags |= BUFFER_NEXT;
            last->next = bi[used];
            b->tail_len += part->len;
        }
        last = part;
        used++;
    } while (left);
    buffer_free(t, bi + used, n_bi - used);
    *x = beside_message(vnet, &h);
    if (finish_frame(n, q, b, x))
        return b;
    buffer_free_one(t, bi[0]);
    return NULL;
}

static bool is_too_long(const struct buffer *b)
{
    return buffer_packet_len(b) > IP4_LENGTH_MAX_BYTES && (b->flags & BUFFER_GSO) &&
           buffer_packet_len(b) - (u32)(b->l3_start - b->start) > IP4_LENGTH_MAX_BYTES;
}

/* After a frame that two buffers could not take, for a while. */
static u32 long_input(struct thread *t, struct node *n, struct af_packet_queue *q,
                      const struct af_packet_socket *s)
{
    struct received r;
    u32 frames = 0;
    received_begin(&r);
    for (; frames < LONG_FRAMES_A_CALL && r.n < FRAME_PKTS && q->long_frames; frames++) {
        struct beside x;
        ssize_t got;
        struct buffer *b = receive_long(t, n, q, s, &x, &got);
        if (got < 0)
            break;
        r.large++;
        q->long_frames--;
        if (!b)
            continue;
        if (is_too_long(b)) {
            q->long_frames = LONG_FRAMES_FORGET;
            received_split(t, n, q, &r, b, &x);
        } else {
            received_add(t, n, q, &r, b, &x);
        }
    }
    af_packet_deliver(t, n, q, &r);
    return frames;
}

static u32 socket_input(struct thread *t, struct node *n, struct af_packet_queue *q,
                        const struct af_packet_socket *s)
{
    struct received r;
    bool used[AF_PACKET_BATCH];
    u32 batch = q->batch;
    if (unlikely(q->long_frames))
        return long_input(t, n, q, s);
    received_begin(&r);
    post_up_to(t, q, batch);
    if (unlikely(!q->n_posted))
        return af_packet_discard(t, n, q, s, AF_PACKET_BATCH);
    int got = recvmmsg(s->fd, q->msg, (unsigned)min_u64(batch, q->n_posted), MSG_DONTWAIT, NULL);
    if (got <= 0) {
        if (q->pressure)
            count_kernel_drops(t, n, q, s);
        return 0;
    }
    for (int i = 0; i < got; i++) {
        struct beside x;
        used[i] = take_message(n, q, (u32)i, &x);
        bool large = q->msg[i].msg_len > VIRTIO_HEADER_BYTES + q->iov[i][1].iov_len;
        r.small += !large;
        r.large += large;
        if (used[i])
            received_add(t, n, q, &r, buffer_at(q->small[i]), &x);
    }
    af_packet_deliver(t, n, q, &r);
    keep_unused(t, q, used, (u32)got);
    bool full = (u32)got == batch;
    q->batch = r.large || (full && batch == 1) ? AF_PACKET_LARGE_BATCH
               : full                          ? AF_PACKET_BATCH
                                               : batch;
    if (full && batch > 1 && ++q->pressure >= 64)
        count_kernel_drops(t, n, q, s);
    return (u32)got;
}

/* --- from a ring --- */

/* A frame longer than its slot is on the socket, whole; it is put into place 0's buffers. */
static struct buffer *take_from_socket(struct thread *t, struct node *n, struct af_packet_queue *q,
                                       const struct af_packet_socket *s, u32 len, struct beside *x)
{
    ssize_t got;
    post_up_to(t, q, 1);
    if (!q->n_posted) {
        af_packet_discard(t, n, q, s, 1);
        return NULL;
    }
    if (unlikely(len > q->iov[0][1].iov_len + q->iov[0][2].iov_len))
        return receive_long(t, n, q, s, x, &got);
    af_packet_post(q, 0);
    got = recvmsg(s->fd, &q->msg[0].msg_hdr, MSG_DONTWAIT);
    if (got < 0)
        return NULL;
    q->msg[0].msg_len = (unsigned)got;
    if (!take_message(n, q, 0, x))
        return NULL;
    struct buffer *b = buffer_at(q->small[0]);
    u32 last = --q->n_posted;
    if (!(b->flags & BUFFER_NEXT))
        buffer_free_one(t, q->large[0]);
    q->small[0] = q->small[last];
    q->large[0] = q->large[last];
    if (last)
        af_packet_post(q, 0);
    return b;
}

/* Copies a slot into bi. NULL: refused. */
ALWAYS_INLINE struct buffer *take_from_slot(struct node *n, const struct af_packet_queue *q,
                                            const struct tpacket2_hdr *h, u32 bi, struct beside *x)
{
    struct buffer *b = buffer_at(bi);
    u32 len = h->tp_snaplen;
    if (unlikely(h->tp_len > len || len > buffer_storage_bytes(b) - BUFFER_HEADROOM_BYTES)) {
        node_count(n, AF_PACKET_INPUT_ERR_TRUNCATED, 1);
        return NULL;
    }
    memcpy(buffer_current(b), (const u8 *)h + h->tp_mac, len);
    b->len = (u16)len;
    x->vnet = virtio_header_read((const u8 *)h + h->tp_mac - VIRTIO_HEADER_BYTES, VIRTIO_NATIVE);
    x->tci = h->tp_vlan_tci;
    x->tpid = h->tp_vlan_tpid;
    return finish_frame(n, q, b, x) ? b : NULL;
}

/* It will not last, then. from: the slot that was first, of those that were taken just now. */
static bool ring_was_half_full(const struct af_packet_ring *r, u32 from, u32 taken)
{
    u32 half = r->n_frames / 2;
    if (taken >= half)
        return true;
    const struct tpacket2_hdr *h = af_packet_slot(r, (from + half) % r->n_frames);
    return taken == FRAME_PKTS &&
           (__atomic_load_n(&h->tp_status, __ATOMIC_RELAXED) & TP_STATUS_USER);
}

static u32 ring_input(struct thread *t, struct node *n, struct af_packet_queue *q,
                      struct af_packet_socket *s)
{
    struct af_packet_ring *ring = &s->ring;
    struct received r;
    u32 seen = 0, losing = 0, spare = BUFFER_NONE, from = ring->next;
    received_begin(&r);
    for (; seen < FRAME_PKTS && r.n < FRAME_PKTS; seen++) {
        struct tpacket2_hdr *h = af_packet_slot(ring, ring->next);
        struct beside x = {.status = __atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE)};
        struct buffer *b = NULL;
        if (!(x.status & TP_STATUS_USER))
            break;
        losing |= x.status & TP_STATUS_LOSING;
        ring->next = af_packet_slot_after(ring, ring->next);
        __builtin_prefetch(af_packet_slot(ring, ring->next));
        if (unlikely(x.status & TP_STATUS_COPY)) {
            r.large++;
            b = take_from_socket(t, n, q, s, h->tp_len, &x);
        } else if (unlikely(spare == BUFFER_NONE &&
                            !buffer_alloc(t, BUFFER_POOL_DEFAULT, &spare, 1))) {
            node_count(n, AF_PACKET_INPUT_ERR_NO_BUFFER, 1);
            interface_count(t, IF_RX_NO_BUF, q->rx.interface, 1, 0);
        } else {
            b = take_from_slot(n, q, h, spare, &x);
            if (unlikely(!b))
                buffer_free_one(t, spare);
            spare = BUFFER_NONE;
        }
        __atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        if (unlikely(!b))
            continue;
        if (unlikely(is_too_long(b)))
            received_split(t, n, q, &r, b, &x);
        else
            received_add(t, n, q, &r, b, &x);
    }
    if (spare != BUFFER_NONE)
        buffer_free_one(t, spare);
    r.small = seen - r.large;
    af_packet_deliver(t, n, q, &r);
    if (unlikely(losing))
        count_kernel_drops(t, n, q, s);
    if (unlikely(losing || ring_was_half_full(ring, from, seen)))
        q->demand.is_full = true;
    return seen;
}

static u32 input_from(struct thread *t, struct node *n, struct af_packet_queue *q,
                      struct af_packet_socket *s)
{
    return s->ring.map ? ring_input(t, n, q, s) : socket_input(t, n, q, s);
}

u32 NODE_FN(af_packet_input)(struct thread *t, struct node *n, struct rx_queue *rx)
{
    struct af_packet_queue *q = rx->port;
    u32 got = input_from(t, n, q, &q->now);
    /* what came before the new socket was chosen is in the old one: it is first */
    return got || likely(q->next.fd < 0) ? got : input_from(t, n, q, &q->next);
}
