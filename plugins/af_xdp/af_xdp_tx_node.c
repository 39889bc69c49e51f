/* NAME-tx of an AF_XDP interface: positions of packets into a socket's ring, and a system call
 * where the kernel asks for one. A packet that is in the UMEM stays where it is until the kernel
 * says that it was sent; others are copied there, in pieces where a chunk does not hold them. */
#include <errno.h>
#include <linux/if_xdp.h>
#include <sys/socket.h>

#include "net/link/interface/interface_tx.h"
#include "plugins/af_xdp/af_xdp_internal.h"

#define KICKS_MAX 64  /* in copy mode each sends 32 */
#define PIECES_MAX 17 /* of a frame: the kernel makes fragments of a packet of them */

static void af_xdp_reclaim(struct thread *t, struct af_xdp_queue *q)
{
    struct af_xdp_umem *u = q->port->umem;
    const u64 *ring = q->completed.entries;
    u32 n = xdp_ring_ready(&q->completed), bi[FRAME_PKTS], k = 0;
    for (u32 i = 0; i < n; i++) {
        u64 chunk = ring[xdp_ring_place(&q->completed, i)] / u->chunk_bytes;
        if (unlikely(chunk >= u->n_chunks || u->holder[chunk] != AF_XDP_WITH_TX))
            continue;
        u->holder[chunk] = AF_XDP_OURS;
        bi[k++] = u->first + (u32)chunk;
        if (k == FRAME_PKTS) {
            buffer_free(t, bi, k);
            k = 0;
        }
    }
    buffer_free(t, bi, k);
    xdp_ring_take(&q->completed, n);
}

/* Has the kernel send what is in the ring. */
static void af_xdp_kick(struct node *n, const struct af_xdp_queue *q, int fd)
{
    for (u32 i = 0; i < KICKS_MAX && xdp_ring_wants_wakeup(&q->sent); i++) {
        if (i == 0)
            node_count(n, AF_XDP_TX_ERR_SYSCALL_REQUIRED, 1);
        if (sendto(fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0)
            return;
        if (errno != EAGAIN) {
            node_count(n, AF_XDP_TX_ERR_SYSCALL_FAILURE, 1);
            return;
        }
        if (xdp_ring_room(&q->sent) == q->sent.size)
            return;
    }
}

/* Whether the kernel may have it where it is. */
ALWAYS_INLINE bool af_xdp_stays(const struct af_xdp_umem *u, const struct buffer *b)
{
    return b->pool == u->pool && !(b->flags & BUFFER_NEXT) && !buffer_is_shared(b);
}

static void af_xdp_place(struct af_xdp_queue *q, u32 place, const struct buffer *c, bool more)
{
    const struct af_xdp_umem *u = q->port->umem;
    struct xdp_desc *ring = q->sent.entries;
    u->holder[buffer_index(c) - u->first] = AF_XDP_WITH_TX;
    ring[xdp_ring_place(&q->sent, place)] =
        (struct xdp_desc){.addr = (u64)((u8 *)buffer_current(c) - (u8 *)u->map.base),
                          .len = c->len,
                          .options = more ? XDP_PKT_CONTD : 0};
}

/* Puts the packet into n places of the ring, from `place` on; false: it is to be copied, and there
 * are not so many chunks. */
ALWAYS_INLINE bool af_xdp_put(struct thread *t, struct af_xdp_queue *q, u32 place, struct buffer *b,
                              u32 n)
{
    const struct af_xdp_umem *u = q->port->umem;
    u32 bi[PIECES_MAX], each = u->chunk_bytes - BUFFER_HEADROOM_BYTES;
    if (likely(af_xdp_stays(u, b))) {
        af_xdp_place(q, place, b, false);
        return true;
    }
    u32 got = buffer_alloc(t, u->pool, bi, n);
    if (got < n) {
        buffer_free(t, bi, got);
        return false;
    }
    for (u32 i = 0; i < n; i++) {
        struct buffer *copy = buffer_at(bi[i]);
        copy->len = (u16)buffer_copy_out(b, i * each, buffer_current(copy), each);
        af_xdp_place(q, place + i, copy, i + 1 < n);
    }
    buffer_free_one(t, buffer_index(b));
    return true;
}

/* Places in the ring that the packet takes; 0: it is too long. */
ALWAYS_INLINE u32 af_xdp_places(const struct af_xdp *port, const struct buffer *b)
{
    u32 each = port->umem->chunk_bytes - BUFFER_HEADROOM_BYTES, len = buffer_packet_len(b);
    if (likely(af_xdp_stays(port->umem, b) || len <= each))
        return 1;
    u32 n = (len + each - 1) / each;
    return port->in_pieces && n <= PIECES_MAX ? n : 0;
}

static void af_xdp_send_by(struct thread *t, struct node *n, struct tx_queue *tx, struct buffer **b,
                           u16 *next, u32 count)
{
    struct af_xdp_queue *q = tx->port;
    int fd = __atomic_load_n(&q->tx_fd, __ATOMIC_ACQUIRE);
    u32 given = 0, failed = 0;
    if (likely(fd >= 0))
        af_xdp_reclaim(t, q);
    u32 room = fd >= 0 ? xdp_ring_room(&q->sent) : 0;
    for (u32 i = 0; i < count; i++) {
        u32 reason = AF_XDP_TX_ERR_GONE, places = 0;
        if (likely(fd >= 0)) {
            places = af_xdp_places(q->port, b[i]);
            reason = places ? AF_XDP_TX_ERR_NO_FREE_SLOTS : AF_XDP_TX_ERR_TOO_LONG;
            if (unlikely(given + places > room)) {
                xdp_ring_give(&q->sent, given);
                af_xdp_kick(n, q, fd);
                af_xdp_reclaim(t, q);
                room = xdp_ring_room(&q->sent);
                given = 0;
            }
        }
        if (unlikely(!places || given + places > room || !af_xdp_put(t, q, given, b[i], places))) {
            next[i] = node_drop(n, b[i], reason, AF_XDP_TX_NEXT_DROP);
            failed++;
            continue;
        }
        next[i] = NEXT_CONSUMED;
        given += places;
    }
    if (likely(fd >= 0)) {
        xdp_ring_give(&q->sent, given);
        af_xdp_kick(n, q, fd);
    }
    if (unlikely(failed))
        interface_count(t, IF_TX_ERROR, tx->interface, failed, 0);
}

void NODE_FN(af_xdp_tx)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    static const struct interface_tx_errors errors = {AF_XDP_TX_ERR_NO_QUEUE, AF_XDP_TX_ERR_NOT_CUT,
                                                      AF_XDP_TX_NEXT_DROP};
    const struct af_xdp *port = n->state;
    interface_tx(t, n, &port->tx_queues, b, next, count, af_xdp_send_by, &errors);
}
