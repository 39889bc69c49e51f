/* host-X-tx: buffers out through a packet socket, a batch a system call; chains as iovecs, without
 * a copy. */
#include <errno.h>
#include <string.h>

#include "ports/af_packet/af_packet_internal.h"

#define TX_BATCH 64
#define TX_IOVS 512
#define CHAIN_MAX (TX_IOVS - 1)

struct tx_batch {
    u32 n, n_iov;
    u16 packet[TX_BATCH]; /* position in the vector */
    struct mmsghdr msg[TX_BATCH];
    struct vnet_header vnet[TX_BATCH];
    struct iovec iov[TX_IOVS];
};

static void make_vnet(struct vnet_header *h, const struct buffer *b)
{
    *h = (struct vnet_header){0};
    if (!(b->flags & BUFFER_CSUM_PARTIAL))
        return;
    h->flags = VNET_NEEDS_CSUM;
    h->csum_start = (u16)(b->csum_start - b->start);
    h->csum_offset = b->csum_offset;
    if (!(b->flags & BUFFER_GSO))
        return;
    h->gso_type = (b->flags & BUFFER_GSO_UDP)   ? VNET_GSO_UDP_L4
                  : (b->flags & BUFFER_GSO_IP6) ? VNET_GSO_TCP6
                                                : VNET_GSO_TCP4;
    h->gso_size = b->gso_size;
    h->header_len = (u16)(h->csum_start + b->gso_l4_len);
}

static u32 segments(const struct buffer *b)
{
    u32 n = 1;
    for (; b->flags & BUFFER_NEXT; b = buffer_at(b->next))
        n++;
    return n;
}

static void add(struct tx_batch *x, struct buffer *b, u32 at)
{
    struct iovec *first = &x->iov[x->n_iov];
    make_vnet(&x->vnet[x->n], b);
    x->iov[x->n_iov++] = (struct iovec){&x->vnet[x->n], sizeof(x->vnet[0])};
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
    default: /* EINVAL, EMSGSIZE: this packet */
        return AF_PACKET_TX_ERR_REFUSED;
    }
}

/* Sends the batch; packets that the kernel did not take go to the drop edge with the reason. */
static u32 flush(struct node *n, struct tx_batch *x, int fd, struct buffer **b, u16 *next)
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
        u32 until = reason == AF_PACKET_TX_ERR_REFUSED ? done + 1 : x->n;
        for (; done < until; done++, failed++)
            next[x->packet[done]] =
                node_drop(n, b[x->packet[done]], reason, AF_PACKET_TX_NEXT_DROP);
    }
    x->n = x->n_iov = 0;
    return failed;
}

void NODE_FN(af_packet_tx)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                           u32 count)
{
    struct af_packet *port = n->state;
    struct tx_batch x;
    u32 failed = 0;
    int fd = __atomic_load_n(&port->tx_fds[thread_index(t) % port->n_tx], __ATOMIC_ACQUIRE);
    x.n = x.n_iov = 0;
    for (u32 i = 0; i < count; i++) {
        u32 need = 1 + ((b[i]->flags & BUFFER_NEXT) ? segments(b[i]) : 1);
        next[i] = NEXT_CONSUMED;
        if (unlikely(fd < 0 || need > CHAIN_MAX)) {
            next[i] = node_drop(n, b[i], fd < 0 ? AF_PACKET_TX_ERR_GONE : AF_PACKET_TX_ERR_REFUSED,
                                AF_PACKET_TX_NEXT_DROP);
            failed++;
            continue;
        }
        if (x.n == TX_BATCH || x.n_iov + need > TX_IOVS)
            failed += flush(n, &x, fd, b, next);
        add(&x, b[i], i);
    }
    failed += flush(n, &x, fd, b, next);
    if (unlikely(failed))
        interface_count(t, IF_TX_ERROR, port->interface, failed, 0);
    for (u32 i = 0; i < count; i++)
        if (likely(next[i] == NEXT_CONSUMED))
            buffer_free_one(t, buffer_index(b[i]));
}
