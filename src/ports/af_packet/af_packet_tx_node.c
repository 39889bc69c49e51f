/* host-X-tx: buffers out through a packet socket, a batch a system call.
 *
 * Several small packets go by a ring of slots, copied: the kernel takes a slot in less time than a
 * message. The header length given covers all of the packet, so that the kernel copies it once
 * more, into one piece, and the slot is free at once; else it would send the slot's own pages,
 * which a veth copies into pages of its own at more cost than the message had.
 *
 * All others go by sendmmsg, chains as iovecs, without a copy; also what the ring did not take, so
 * that what is wrong with a packet or the device is found in one place. */
#include <errno.h>
#include <string.h>

#include "base/byteorder.h"
#include "net/link/interface/interface_tx.h"
#include "net/packet/ethernet_packet.h"
#include "ports/af_packet/af_packet_internal.h"

#define TX_BATCH 64
#define TX_IOVS 512
#define CHAIN_MAX (TX_IOVS - 1)
#define RING_PACKETS_MIN 4 /* fewer are sent sooner as messages */
#define SLOT_DATA TPACKET_ALIGN(sizeof(struct tpacket2_hdr))

struct tx_batch {
    u32 n, n_iov;
    u16 packet[TX_BATCH]; /* position in the vector */
    struct mmsghdr msg[TX_BATCH];
    u8 vnet[TX_BATCH][VIRTIO_HEADER_BYTES];
    struct iovec iov[TX_IOVS];
};

static u32 af_packet_tx_segments(const struct buffer *b)
{
    u32 n = 1;
    for (; b->flags & BUFFER_NEXT; b = buffer_at(b->next))
        n++;
    return n;
}

static void af_packet_tx_add(struct tx_batch *x, struct buffer *b, u32 at)
{
    struct iovec *first = &x->iov[x->n_iov];
    struct virtio_header h = virtio_header_make(b);
    virtio_header_write(x->vnet[x->n], &h, VIRTIO_NATIVE);
    x->iov[x->n_iov++] = (struct iovec){x->vnet[x->n], VIRTIO_HEADER_BYTES};
    for (struct buffer *s = b;; s = buffer_at(s->next)) {
        x->iov[x->n_iov++] = (struct iovec){buffer_current(s), s->len};
        if (!(s->flags & BUFFER_NEXT))
            break;
    }
    x->msg[x->n] = (struct mmsghdr){
        .msg_hdr = {.msg_iov = first, .msg_iovlen = (size_t)(&x->iov[x->n_iov] - first)}};
    x->packet[x->n++] = (u16)at;
}

static u32 reason_of(int err)
{
    switch (err) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
        return AF_PACKET_TX_ERR_CONGESTED;
    case ENETDOWN:
    case ENXIO:
    case ENODEV:
        return AF_PACKET_TX_ERR_DOWN;
    case EMSGSIZE: /* this packet */
        return AF_PACKET_TX_ERR_TOO_LONG;
    default: /* EINVAL: this packet */
        return AF_PACKET_TX_ERR_REFUSED;
    }
}

static bool is_of_the_packet(u32 reason)
{
    return reason == AF_PACKET_TX_ERR_REFUSED || reason == AF_PACKET_TX_ERR_TOO_LONG;
}

/* Sends the batch; packets that the kernel did not take go to the drop edge with the reason. */
static u32 af_packet_tx_flush(struct node *n, struct tx_batch *x, int fd, struct buffer **b,
                              u16 *next)
{
    u32 done = 0, failed = 0;
    while (done < x->n) {
        int sent = sendmmsg(fd, x->msg + done, x->n - done, MSG_DONTWAIT);
        if (sent > 0) {
            done += (u32)sent;
            continue;
        }
        if (errno == EINTR)
            continue;
        u32 reason = reason_of(errno);
        /* a packet that is refused is skipped; when the device takes none, the rest is lost too */
        u32 until = is_of_the_packet(reason) ? done + 1 : x->n;
        for (; done < until; done++, failed++)
            next[x->packet[done]] =
                node_drop(n, b[x->packet[done]], reason, AF_PACKET_TX_NEXT_DROP);
    }
    x->n = x->n_iov = 0;
    return failed;
}

static bool fits_slot(const struct af_packet_ring *r, const struct buffer *b)
{
    return !(b->flags & (BUFFER_NEXT | BUFFER_GSO)) && b->len >= ETHERNET_HEADER_BYTES &&
           b->len <= r->frame_bytes - SLOT_DATA - VIRTIO_HEADER_BYTES;
}

static bool is_unsent(const struct tpacket2_hdr *h)
{
    return __atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) &
           (TP_STATUS_SEND_REQUEST | TP_STATUS_WRONG_FORMAT);
}

/* Sends packets from the first on, until one does not fit or the ring is full. Returns how many
 * were sent. */
static u32 ring_some(int fd, struct af_packet_ring *r, struct buffer **b, u32 count)
{
    u32 n = 0, slot = r->next, last = slot, sent = 0;
    while (n < count && n < r->n_frames && fits_slot(r, b[n]))
        n++;
    if (n < RING_PACKETS_MIN)
        return 0;
    for (u32 i = 0; i < n; i++, last = slot, slot = af_packet_slot_after(r, slot)) {
        struct tpacket2_hdr *h = af_packet_slot(r, slot);
        if (__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) != TP_STATUS_AVAILABLE) {
            n = i; /* the device has not sent it yet */
            break;
        }
        struct virtio_header vnet = virtio_header_make(b[i]);
        vnet.hdr_len = b[i]->len;
        virtio_header_write((u8 *)h + SLOT_DATA, &vnet, VIRTIO_NATIVE);
        memcpy((u8 *)h + SLOT_DATA + VIRTIO_HEADER_BYTES, buffer_current(b[i]), b[i]->len);
        h->tp_len = VIRTIO_HEADER_BYTES + b[i]->len;
        __atomic_store_n(&h->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
    }
    if (!n)
        return 0;
    while (send(fd, NULL, 0, MSG_DONTWAIT) < 0 && errno == EINTR) {
    }
    if (likely(!is_unsent(af_packet_slot(r, last)))) {
        __atomic_store_n(&r->next, slot, __ATOMIC_RELAXED); /* it is shown, too */
        return n;
    }
    for (slot = r->next; !is_unsent(af_packet_slot(r, slot)); sent++)
        slot = af_packet_slot_after(r, slot);
    __atomic_store_n(&r->next, slot, __ATOMIC_RELAXED);
    for (u32 i = sent; i < n; i++, slot = af_packet_slot_after(r, slot))
        __atomic_store_n(&af_packet_slot(r, slot)->tp_status, TP_STATUS_AVAILABLE,
                         __ATOMIC_RELEASE);
    return sent;
}

/* Returns how many packets, from the first on, went by the ring. */
static u32 ring_send(struct af_packet_tx *x, struct buffer **b, u32 count)
{
    u32 done = 0, n;
    if (count < RING_PACKETS_MIN || !__atomic_load_n(&x->has_ring, __ATOMIC_ACQUIRE))
        return 0;
    while ((n = ring_some(x->by_ring.fd, &x->by_ring.ring, b + done, count - done)))
        done += n;
    return done;
}

static void af_packet_tx_note(struct thread *t, const struct node *n, struct af_packet_tx *x,
                              struct buffer **b, u32 count)
{
    u32 large = 0;
    for (u32 i = 0; i < count; i++)
        large += !!(b[i]->flags & (BUFFER_NEXT | BUFFER_GSO));
    if (af_packet_demand_note(&x->demand, thread_now_ns(t), count - large, large))
        af_packet_demand_tx(t, n->state, x);
}

static void send_by(struct thread *t, struct node *n, struct tx_queue *q, struct buffer **b,
                    u16 *next, u32 count)
{
    struct af_packet_tx *tx = q->port;
    struct tx_batch x;
    int fd = __atomic_load_n(&tx->fd, __ATOMIC_ACQUIRE);
    u32 failed = 0, by_ring = fd < 0 ? 0 : ring_send(tx, b, count);
    x.n = x.n_iov = 0;
    if (count >= RING_PACKETS_MIN)
        af_packet_tx_note(t, n, tx, b, count);
    for (u32 i = 0; i < by_ring; i++)
        next[i] = NEXT_CONSUMED;
    for (u32 i = by_ring; i < count; i++) {
        u32 need = 1 + ((b[i]->flags & BUFFER_NEXT) ? af_packet_tx_segments(b[i]) : 1);
        next[i] = NEXT_CONSUMED;
        if (unlikely(fd < 0 || need > CHAIN_MAX)) {
            next[i] = node_drop(n, b[i], fd < 0 ? AF_PACKET_TX_ERR_GONE : AF_PACKET_TX_ERR_REFUSED,
                                AF_PACKET_TX_NEXT_DROP);
            failed++;
            continue;
        }
        if (x.n == TX_BATCH || x.n_iov + need > TX_IOVS)
            failed += af_packet_tx_flush(n, &x, fd, b, next);
        af_packet_tx_add(&x, b[i], i);
    }
    failed += af_packet_tx_flush(n, &x, fd, b, next);
    if (unlikely(failed))
        interface_count(t, IF_TX_ERROR, q->interface, failed, 0);
    for (u32 i = 0; i < count; i++)
        if (likely(next[i] == NEXT_CONSUMED))
            buffer_free_one(t, buffer_index(b[i]));
}

void NODE_FN(af_packet_tx)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                           u32 count)
{
    static const struct interface_tx_errors errors = {
        AF_PACKET_TX_ERR_NO_QUEUE, AF_PACKET_TX_ERR_NOT_CUT, AF_PACKET_TX_NEXT_DROP};
    const struct af_packet *port = n->state;
    interface_tx(t, n, &port->tx_queues, b, next, count, send_by, &errors);
}
