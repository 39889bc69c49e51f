/* af-packet-input: frames from a packet socket into buffers.
 *
 *   frame -> [ virtio header ][ small buffer: first 2 KB ][ large buffer: the rest ]
 *
 * Buffers are posted for a whole batch and stay posted until a frame used them. A frame of up to 2 KB touches the
 * small one only; a GSO frame continues in the large one as a chain of two, without a copy. */
#include <errno.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/byteorder.h"
#include "engine/trace.h"
#include "net/ethernet/ethernet.h"
#include "ports/af_packet/af_packet_internal.h"

static void post(struct af_packet_queue *q, u32 i)
{
    struct buffer *small = buffer_at(q->small[i]), *large = buffer_at(q->large[i]);
    q->iov[i][0] = (struct iovec){&q->vnet[i], sizeof(q->vnet[i])};
    q->iov[i][1] = (struct iovec){buffer_current(small), buffer_storage_bytes(small) - BUFFER_HEADROOM_BYTES};
    q->iov[i][2] = (struct iovec){buffer_current(large), buffer_storage_bytes(large) - BUFFER_HEADROOM_BYTES};
    q->msg[i].msg_hdr = (struct msghdr){
        .msg_iov = q->iov[i],
        .msg_iovlen = 3,
        .msg_control = q->control[i],
        .msg_controllen = sizeof(q->control[i]),
    };
}

/* Posts buffers in the places [n_posted, n); fewer when a pool is empty. */
static void fill(struct thread *t, struct af_packet_queue *q, u32 n)
{
    if (q->n_posted >= n)
        return;
    u32 first = q->n_posted, want = n - first;
    u32 small = buffer_alloc(t, BUFFER_POOL_DEFAULT, q->small + first, want);
    u32 large = buffer_alloc(t, BUFFER_POOL_LARGE, q->large + first, small);
    if (unlikely(large < small))
        buffer_free(t, q->small + first + large, small - large);
    for (u32 i = first; i < first + large; i++)
        post(q, i);
    q->n_posted = first + large;
}

/* No buffers: frames are taken from the socket and thrown away, so that it does not keep the thread awake. */
static u32 discard(struct thread *t, struct node *n, struct af_packet_queue *q)
{
    u32 lost = 0;
    while (lost < AF_PACKET_BATCH && recv(q->fd, NULL, 0, MSG_DONTWAIT | MSG_TRUNC) >= 0)
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

/* Puts back a tag that the kernel took out of the frame. */
static void restore_vlan(struct buffer *b, const struct tpacket_auxdata *aux)
{
    u16 tpid = (aux->tp_status & TP_STATUS_VLAN_TPID_VALID) ? aux->tp_vlan_tpid : ETHERTYPE_VLAN;
    if (b->len < 12)
        return;
    buffer_advance(b, -VLAN_TAG_BYTES);
    u8 *frame = buffer_current(b);
    memmove(frame, frame + VLAN_TAG_BYTES, 12);
    put_be16(frame + 12, tpid);
    put_be16(frame + 14, aux->tp_vlan_tci);
}

static const struct tpacket_auxdata *auxdata(struct msghdr *h)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(h);
    if (!c || c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA ||
        c->cmsg_len < CMSG_LEN(sizeof(struct tpacket_auxdata)))
        return NULL;
    return (const struct tpacket_auxdata *) (const void *) CMSG_DATA(c);
}

/* Checksum and GSO state of b from its virtio header; start is where the frame began, before a tag was put back.
 * Returns false when they make no sense. */
static bool take_offloads(struct buffer *b, const struct vnet_header *h, int start)
{
    if (h->flags & VNET_DATA_VALID)
        b->flags |= BUFFER_CSUM_VALID;
    if (h->flags & VNET_NEEDS_CSUM) {
        u32 at = h->csum_start, end = at + h->csum_offset + 2u;
        if (h->csum_offset > UINT8_MAX || start + (int) end > b->start + b->len)
            return false;
        b->flags |= BUFFER_CSUM_PARTIAL;
        b->csum_start = (i16) (start + (int) at);
        b->csum_offset = (u8) h->csum_offset;
    }
    u8 type = h->gso_type & (u8) ~VNET_GSO_ECN;
    if (type == VNET_GSO_NONE)
        return true;
    if (!(b->flags & BUFFER_CSUM_PARTIAL) || !h->gso_size || h->header_len <= h->csum_start ||
        h->header_len - h->csum_start > UINT8_MAX)
        return false;
    b->flags |= BUFFER_GSO;
    if (type == VNET_GSO_TCP6)
        b->flags |= BUFFER_GSO_IP6;
    else if (type == VNET_GSO_UDP_L4)
        b->flags |= BUFFER_GSO_UDP;
    else if (type != VNET_GSO_TCP4)
        return false;
    b->gso_size = h->gso_size;
    b->gso_l4_len = (u8) (h->header_len - h->csum_start);
    return true;
}

/* Makes a packet of the frame in place i. Returns false when it is to be dropped; then the buffers stay posted. */
static bool take(struct node *n, struct af_packet_queue *q, u32 i, bool *large)
{
    struct mmsghdr *m = &q->msg[i];
    struct buffer *b = buffer_at(q->small[i]);
    u32 room = (u32) q->iov[i][1].iov_len;
    if (unlikely((m->msg_hdr.msg_flags & MSG_TRUNC) || m->msg_len < sizeof(struct vnet_header))) {
        node_count(n, AF_PACKET_INPUT_ERR_TRUNCATED, 1);
        return false;
    }
    u32 len = m->msg_len - (u32) sizeof(struct vnet_header);
    int start = b->start;
    b->len = (u16) min_u64(len, room);
    const struct tpacket_auxdata *aux = auxdata(&m->msg_hdr);
    if (aux && unlikely(aux->tp_status & TP_STATUS_VLAN_VALID))
        restore_vlan(b, aux);
    if (unlikely(q->vnet[i].flags || q->vnet[i].gso_type) && !take_offloads(b, &q->vnet[i], start)) {
        node_count(n, AF_PACKET_INPUT_ERR_BAD_VNET, 1);
        b->start = (i16) start;
        b->flags = 0;
        return false;
    }
    if (len > room) {
        struct buffer *rest = buffer_at(q->large[i]);
        rest->len = (u16) (len - room);
        b->flags |= BUFFER_NEXT;
        b->next = q->large[i];
        b->tail_len = rest->len;
        *large = true;
    }
    b->rx_if = q->rx.interface;
    return true;
}

static void trace_one(struct thread *t, struct node *n, struct af_packet_queue *q, u32 i, struct buffer *b, u16 next)
{
    struct msghdr *h = &q->msg[i].msg_hdr;
    const struct tpacket_auxdata *aux = auxdata(h);
    struct af_packet_trace x = {
        .interface = q->rx.interface,
        .queue = q->rx.queue,
        .len = buffer_packet_len(b),
        .vlan_tci = aux ? aux->tp_vlan_tci : 0,
        .vlan_tpid = aux ? aux->tp_vlan_tpid : 0,
        .vnet = q->vnet[i],
    };
    if (trace_start(t, n, b))
        trace_input_hop(t, n, b, next, &x, sizeof(x));
}

/* Moves what was not used to the front places, where the next batch looks for it. */
static void keep_unused(struct af_packet_queue *q, const bool *used, const bool *large_used, u32 got, struct thread *t)
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
            post(q, k);
        k++;
    }
    q->n_posted = k;
}

u32 NODE_FN(af_packet_input)(struct thread *t, struct node *n, struct rx_queue *rx)
{
    struct af_packet_queue *q = rx->port;
    u32 bi[AF_PACKET_BATCH], count = 0, batch = q->batch;
    u16 next[AF_PACKET_BATCH];
    bool used[AF_PACKET_BATCH], large_used[AF_PACKET_BATCH], any_large = false;
    u64 bytes = 0;
    fill(t, q, batch);
    if (unlikely(!q->n_posted))
        return discard(t, n, q);
    int got = recvmmsg(q->fd, q->msg, (unsigned) min_u64(batch, q->n_posted), MSG_DONTWAIT, NULL);
    if (got <= 0) {
        if (q->pressure)
            count_kernel_drops(t, n, q);
        return 0;
    }
    for (int i = 0; i < got; i++) {
        bool large = false;
        used[i] = take(n, q, (u32) i, &large);
        large_used[i] = used[i] && large;
        any_large |= large;
        if (!used[i])
            continue;
        struct buffer *b = buffer_at(q->small[i]);
        bytes += buffer_packet_len(b);
        next[count] = q->port->args.mode == AF_PACKET_MODE_IP
                          ? AF_PACKET_INPUT_NEXT_IP4
                          : feature_start(q->port->device_input, rx->interface, b, AF_PACKET_INPUT_NEXT_ETHERNET);
        if (unlikely(trace_wants(n)))
            trace_one(t, n, q, (u32) i, b, next[count]);
        bi[count++] = q->small[i];
    }
    interface_count(t, IF_RX, rx->interface, count, bytes);
    node_enqueue_each(t, n, bi, next, count);
    keep_unused(q, used, large_used, (u32) got, t);
    q->batch = any_large ? AF_PACKET_LARGE_BATCH : (u32) got == batch ? AF_PACKET_BATCH : batch;
    if ((u32) got == batch && ++q->pressure >= 64)
        count_kernel_drops(t, n, q);
    return (u32) got;
}
