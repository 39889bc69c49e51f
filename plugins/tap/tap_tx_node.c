/* tapN-tx: buffers to Linux's end of a tap, a write each. The virtio header goes in front of the
 * packet, into its headroom where that is ours to write; chains go as they are, without a copy. */
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "net/link/gso/gro.h"
#include "net/link/interface/interface_tx.h"
#include "plugins/tap/tap_internal.h"

#define PARTS_MAX 512 /* of a packet, with its header */

/* -errno: too many parts, or what Linux says. */
static __attribute__((noinline)) int write_parts(int fd, const struct buffer *b,
                                                 struct virtio_header *vnet)
{
    u8 header[VIRTIO_HEADER_BYTES];
    struct iovec iov[PARTS_MAX] = {{header, sizeof(header)}};
    int n = 1;
    virtio_header_write(header, vnet, VIRTIO_NATIVE);
    for (;; b = buffer_at(b->next)) {
        if (n == PARTS_MAX)
            return -EMSGSIZE;
        iov[n++] = (struct iovec){buffer_current(b), b->len};
        if (!(b->flags & BUFFER_NEXT))
            break;
    }
    return writev(fd, iov, n) < 0 ? -errno : 0;
}

ALWAYS_INLINE int tap_write(int fd, const struct buffer *b)
{
    struct virtio_header vnet = virtio_header_make(b);
    if (unlikely((b->flags & BUFFER_NEXT) || buffer_is_shared(b) || b->start < VIRTIO_HEADER_BYTES))
        return write_parts(fd, b, &vnet);
    u8 *from = (u8 *)buffer_current(b) - VIRTIO_HEADER_BYTES;
    virtio_header_write(from, &vnet, VIRTIO_NATIVE);
    return write(fd, from, VIRTIO_HEADER_BYTES + b->len) < 0 ? -errno : 0;
}

static COLD u32 tap_reason_of(int rc)
{
    switch (-rc) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
        return TAP_TX_ERR_FULL;
    case EIO:
        return TAP_TX_ERR_DOWN;
    case EBADF:
    case EBADFD:
        return TAP_TX_ERR_GONE;
    default:
        return TAP_TX_ERR_REFUSED;
    }
}

static void tap_send_by(struct thread *t, struct node *n, struct tx_queue *q, struct buffer **b,
                        u16 *next, u32 count)
{
    const struct tap_tx *x = q->port;
    const struct tap *tap = n->state;
    bool joins = __atomic_load_n(&tap->joins, __ATOMIC_RELAXED);
    int fd = __atomic_load_n(&x->fd, __ATOMIC_ACQUIRE);
    u32 failed = 0;
    if (joins)
        gro_join(b, next, count);
    for (u32 i = 0; i < count; i++) {
        if (joins && next[i] == NEXT_CONSUMED)
            continue; /* it is a part of one before */
        int rc = likely(fd >= 0) ? tap_write(fd, b[i]) : -EBADFD;
        next[i] = NEXT_CONSUMED;
        if (likely(!rc)) {
            buffer_free_one(t, buffer_index(b[i]));
        } else {
            next[i] = node_drop(n, b[i], tap_reason_of(rc), TAP_TX_NEXT_DROP);
            failed++;
        }
    }
    if (unlikely(failed))
        interface_count(t, IF_TX_ERROR, q->interface, failed, 0);
}

void NODE_FN(tap_tx)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    static const struct interface_tx_errors errors = {TAP_TX_ERR_NO_QUEUE, TAP_TX_ERR_NOT_CUT,
                                                      TAP_TX_NEXT_DROP};
    const struct tap *tap = n->state;
    interface_tx(t, n, &tap->tx_queues, b, next, count, tap_send_by, &errors);
}
