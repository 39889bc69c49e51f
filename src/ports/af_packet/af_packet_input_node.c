/* af-packet-input: frames from a packet socket into buffers, by recvmmsg or from a TPACKET_V2 ring.
 *
 * By recvmmsg:
 *
 *   frame -> [ virtio header ][ small buffer: first 2 KB ][ large buffer: the rest ]
 *
 * Buffers are posted for a whole batch and stay posted until a frame used them. A frame of up to 2
 * KB touches the small one only; a GSO frame continues in the large one as a chain of two, without
 * a copy.
 *
 * From the ring: slots of 2 KB, copied into buffers and given back at once. A frame that does not
 * fit its slot is also queued whole on the socket (PACKET_COPY_THRESH) and fetched there. */
#include <errno.h>
#include <netinet/in.h>

#include "engine/trace.h"
#include "net/packet/ethernet_packet.h"
#include "ports/af_packet/af_packet_internal.h"

/* What both ways of receiving do to a frame: what is to be done to it, and a tag that the kernel
 * took out. Returns false when the frame is refused, and counted; b is as it was. */
static bool finish_frame(struct node *n, const struct af_packet_queue *q, struct buffer *b,
                         const struct virtio_header *h, u32 status, u16 tci, u16 tpid)
{
    bool is_ip = q->port->args.mode == AF_PACKET_MODE_IP;
    enum virtio_fault fault = virtio_header_take(b, h, is_ip, VIRTIO_TAKES_ALL);
    if (unlikely(fault)) {
        bool gso = fault == VIRTIO_FAULT_GSO;
        node_count(n, gso ? AF_PACKET_INPUT_ERR_GSO : AF_PACKET_INPUT_ERR_BAD_VNET, 1);
        b->flags = 0;
        return false;
    }
    if (unlikely(status & TP_STATUS_VLAN_VALID) && b->len >= 12)
        ethernet_insert_tag(b, status & TP_STATUS_VLAN_TPID_VALID ? tpid : ETHERTYPE_VLAN, tci);
    return true;
}

static void af_packet_input_post(struct af_packet_queue *q, u32 i)
{
    struct buffer *small = buffer_at(q->small[i]), *large = buffer_at(q->large[i]);
    q->iov[i][0] = (struct iovec){q->vnet[i], sizeof(q->vnet[i])};
    q->iov[i][1] =
        (struct iovec){buffer_current(small), buffer_storage_bytes(small) - BUFFER_HEADROOM_BYTES};
    q->iov[i][2] =
        (struct iovec){buffer_current(large), buffer_storage_bytes(large) - BUFFER_HEADROOM_BYTES};
    q->msg[i].msg_hdr = (struct msghdr){
        .msg_iov = q->iov[i],
        .msg_iovlen = 3,
        .msg_control = q->control[i],
        .msg_controllen = sizeof(q->control[i]),
    };
}

/* Posts buffers in the places [n_posted, n); fewer when a pool is empty. */
static void af_packet_input_fill(struct thread *t, struct af_packet_queue *q, u32 n)
{
    if (q->n_posted >= n)
        return;
    u32 first = q->n_posted, want = n - first;
    u32 small = buffer_alloc(t, BUFFER_POOL_DEFAULT, q->small + first, want);
    u32 large = buffer_alloc(t, BUFFER_POOL_LARGE, q->large + first, small);
    if (unlikely(large < small))
        buffer_free(t, q->small + first + large, small - large);
    for (u32 i = first; i < first + large; i++)
        af_packet_input_post(q, i);
    q->n_posted = first + large;
}

/* No buffers: frames are taken from the socket and thrown away, so that it does not keep the thread
 * awake. */
static u32 af_packet_input_discard(struct thread *t, struct node *n, struct af_packet_queue *q,
                                   u32 most)
{
    u32 lost = 0;
    while (lost < most && recv(q->fd, NULL, 0, MSG_DONTWAIT | MSG_TRUNC) >= 0)
        lost++;
    node_count(n, AF_PACKET_INPUT_ERR_NO_BUFFER, lost);
    interface_count(t, IF_RX_NO_BUF, q->rx.interface, lost, 0);
    return lost;
}

/* The kernel's own drops, when the socket's queue was full. */
static void count_kernel_drops(struct thread *t, struct node *n, struct af_packet_queue *q)
{
    struct tpacket_stats stats;
    socklen_t len = sizeof(stats);
    q->pressure = 0;
    if (getsockopt(q->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) || !stats.tp_drops)
        return;
    node_count(n, AF_PACKET_INPUT_ERR_KERNEL_DROP, stats.tp_drops);
    interface_count(t, IF_RX_MISS, q->rx.interface, stats.tp_drops, 0);
}

static const struct tpacket_auxdata *af_packet_input_auxdata(struct msghdr *h)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(h);
    if (!c || c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA ||
        c->cmsg_len < CMSG_LEN(sizeof(struct tpacket_auxdata)))
        return NULL;
    return (const struct tpacket_auxdata *)(const void *)CMSG_DATA(c);
}

/* Makes a packet of the frame in place i. Returns false when it is to be dropped; then the buffers
 * stay posted. */
static bool af_packet_input_take(struct node *n, struct af_packet_queue *q, u32 i, bool *large)
{
    struct mmsghdr *m = &q->msg[i];
    struct buffer *b = buffer_at(q->small[i]);
    u32 room = (u32)q->iov[i][1].iov_len;
    if (unlikely((m->msg_hdr.msg_flags & MSG_TRUNC) || m->msg_len < VIRTIO_HEADER_BYTES)) {
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
    const struct tpacket_auxdata *aux = af_packet_input_auxdata(&m->msg_hdr);
    struct virtio_header h = virtio_header_read(q->vnet[i], VIRTIO_NATIVE);
    if (!finish_frame(n, q, b, &h, aux ? aux->tp_status : 0, aux ? aux->tp_vlan_tci : 0,
                      aux ? aux->tp_vlan_tpid : 0))
        return false;
    *large = len > room;
    b->rx_if = q->rx.interface;
    return true;
}

ALWAYS_INLINE u16 first_node(const struct af_packet_queue *q, struct buffer *b)
{
    if (q->port->args.mode == AF_PACKET_MODE_IP)
        return AF_PACKET_INPUT_NEXT_IP4;
    return feature_start(q->port->device_input, q->rx.interface, b, AF_PACKET_INPUT_NEXT_ETHERNET);
}

static void trace_frame(struct thread *t, struct node *n, struct af_packet_queue *q,
                        struct buffer *b, u16 next, const struct virtio_header *vnet, u16 tci,
                        u16 tpid)
{
    struct af_packet_trace x = {
        .interface = q->rx.interface,
        .queue = q->rx.queue,
        .len = buffer_packet_len(b),
        .vlan_tci = tci,
        .vlan_tpid = tpid,
        .vnet = *vnet,
    };
    if (trace_start(t, n, b))
        trace_input_hop(t, n, b, next, &x, sizeof(x));
}

static void trace_socket_frame(struct thread *t, struct node *n, struct af_packet_queue *q, u32 i,
                               struct buffer *b, u16 next)
{
    const struct tpacket_auxdata *aux = af_packet_input_auxdata(&q->msg[i].msg_hdr);
    struct virtio_header h = virtio_header_read(q->vnet[i], VIRTIO_NATIVE);
    trace_frame(t, n, q, b, next, &h, aux ? aux->tp_vlan_tci : 0, aux ? aux->tp_vlan_tpid : 0);
}

/* Moves what was not used to the front places, where the next batch looks for it. */
static void keep_unused(struct af_packet_queue *q, const bool *used, const bool *large_used,
                        u32 got, struct thread *t)
{
    u32 k = 0, posted = q->n_posted;
    for (u32 i = 0; i < posted; i++) {
        bool small_gone = i < got && used[i], large_gone = i < got && large_used[i];
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
            af_packet_input_post(q, k);
        k++;
    }
    q->n_posted = k;
}

static u32 socket_input(struct thread *t, struct node *n, struct af_packet_queue *q)
{
    struct rx_queue *rx = &q->rx;
    u32 bi[AF_PACKET_BATCH], count = 0, batch = q->batch;
    u16 next[AF_PACKET_BATCH];
    bool used[AF_PACKET_BATCH], large_used[AF_PACKET_BATCH], any_large = false;
    u64 bytes = 0;
    af_packet_input_fill(t, q, batch);
    if (unlikely(!q->n_posted))
        return af_packet_input_discard(t, n, q, AF_PACKET_BATCH);
    int got = recvmmsg(q->fd, q->msg, (unsigned)min_u64(batch, q->n_posted), MSG_DONTWAIT, NULL);
    if (got <= 0) {
        if (q->pressure)
            count_kernel_drops(t, n, q);
        return 0;
    }
    for (int i = 0; i < got; i++) {
        bool large = false;
        used[i] = af_packet_input_take(n, q, (u32)i, &large);
        large_used[i] = used[i] && large;
        any_large |= large;
        if (!used[i])
            continue;
        struct buffer *b = buffer_at(q->small[i]);
        bytes += buffer_packet_len(b);
        next[count] = first_node(q, b);
        if (unlikely(trace_wants(n)))
            trace_socket_frame(t, n, q, (u32)i, b, next[count]);
        bi[count++] = q->small[i];
    }
    interface_count(t, IF_RX, rx->interface, count, bytes);
    node_enqueue_each(t, n, bi, next, count);
    keep_unused(q, used, large_used, (u32)got, t);
    q->batch = any_large ? AF_PACKET_LARGE_BATCH : (u32)got == batch ? AF_PACKET_BATCH : batch;
    if ((u32)got == batch && ++q->pressure >= 64)
        count_kernel_drops(t, n, q);
    return (u32)got;
}

/* --- from a ring --- */

/* A frame longer than its slot is on the socket, whole; it is put into place 0's buffers. */
static struct buffer *take_from_socket(struct thread *t, struct node *n, struct af_packet_queue *q,
                                       struct virtio_header *vnet)
{
    bool large = false;
    af_packet_input_fill(t, q, 1);
    if (!q->n_posted) {
        af_packet_input_discard(t, n, q, 1);
        return NULL;
    }
    af_packet_input_post(q, 0);
    ssize_t len = recvmsg(q->fd, &q->msg[0].msg_hdr, MSG_DONTWAIT);
    if (len < 0)
        return NULL;
    q->msg[0].msg_len = (unsigned)len;
    if (!af_packet_input_take(n, q, 0, &large))
        return NULL;
    struct buffer *b = buffer_at(q->small[0]);
    *vnet = virtio_header_read(q->vnet[0], VIRTIO_NATIVE);
    u32 last = --q->n_posted;
    if (!large)
        buffer_free_one(t, q->large[0]);
    q->small[0] = q->small[last];
    q->large[0] = q->large[last];
    return b;
}

static struct buffer *take_from_slot(struct node *n, struct af_packet_queue *q,
                                     const struct tpacket2_hdr *h, u32 status, u32 bi,
                                     const struct virtio_header *vnet)
{
    struct buffer *b = buffer_at(bi);
    u32 len = h->tp_snaplen;
    if (unlikely(h->tp_len > len || len > buffer_storage_bytes(b) - BUFFER_HEADROOM_BYTES)) {
        node_count(n, AF_PACKET_INPUT_ERR_TRUNCATED, 1);
        return NULL;
    }
    memcpy(buffer_current(b), (const u8 *)h + h->tp_mac, len);
    b->len = (u16)len;
    if (!finish_frame(n, q, b, vnet, status, h->tp_vlan_tci, h->tp_vlan_tpid))
        return NULL;
    b->rx_if = q->rx.interface;
    return b;
}

static u32 ring_input(struct thread *t, struct node *n, struct af_packet_queue *q)
{
    struct af_packet_ring *r = &q->ring;
    u32 bi[FRAME_PKTS], count = 0, seen = 0, spare = BUFFER_NONE;
    u16 next[FRAME_PKTS];
    u64 bytes = 0;
    u32 losing = 0;
    for (; seen < FRAME_PKTS; seen++) {
        struct tpacket2_hdr *h = af_packet_slot(r, r->next);
        u32 status = __atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE);
        struct virtio_header vnet;
        struct buffer *b = NULL;
        if (!(status & TP_STATUS_USER))
            break;
        losing |= status & TP_STATUS_LOSING;
        r->next = af_packet_slot_after(r, r->next);
        __builtin_prefetch(af_packet_slot(r, r->next));
        if (status & TP_STATUS_COPY) {
            b = take_from_socket(t, n, q, &vnet);
        } else if (spare == BUFFER_NONE && !buffer_alloc(t, BUFFER_POOL_DEFAULT, &spare, 1)) {
            node_count(n, AF_PACKET_INPUT_ERR_NO_BUFFER, 1);
            interface_count(t, IF_RX_NO_BUF, q->rx.interface, 1, 0);
        } else {
            vnet = virtio_header_read((u8 *)h + h->tp_mac - VIRTIO_HEADER_BYTES, VIRTIO_NATIVE);
            b = take_from_slot(n, q, h, status, spare, &vnet);
            if (b) {
                spare = BUFFER_NONE;
            } else {
                buffer_free_one(t, spare);
                spare = BUFFER_NONE;
            }
        }
        u16 tci = h->tp_vlan_tci, tpid = h->tp_vlan_tpid;
        __atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        if (!b)
            continue;
        bytes += buffer_packet_len(b);
        next[count] = first_node(q, b);
        if (unlikely(trace_wants(n)))
            trace_frame(t, n, q, b, next[count], &vnet, tci, tpid);
        bi[count++] = buffer_index(b);
    }
    if (spare != BUFFER_NONE)
        buffer_free_one(t, spare);
    interface_count(t, IF_RX, q->rx.interface, count, bytes);
    node_enqueue_each(t, n, bi, next, count);
    if (unlikely(losing))
        count_kernel_drops(t, n, q);
    return seen;
}

u32 NODE_FN(af_packet_input)(struct thread *t, struct node *n, struct rx_queue *rx)
{
    struct af_packet_queue *q = rx->port;
    return q->ring.map ? ring_input(t, n, q) : socket_input(t, n, q);
}
