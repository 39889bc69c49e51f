/* VirtualEthernet0/0/N-tx: packets into buffers that the guest has put into its receive queues,
 * copied. The guest sees all of a vector at once, and is woken once a round, if it wants to be. */
#include "net/link/interface/interface_tx.h"
#include "plugins/vhost/vhost_ring.h"

#define RUN_PKTS 32 /* whose descriptors are read before the first is copied */

/* What became of a vector. */
struct vhost_put {
    struct vhost_done done;
    u32 waiting; /* chains, of a split ring */
    u32 n;       /* sent: in bi */
    u32 bi[FRAME_PKTS];
};

static void vhost_tx_drop(struct thread *t, struct node *n, const struct tx_queue *q,
                          struct buffer *b, u16 *next, enum vhost_tx_error error)
{
    *next = node_drop(n, b, error, VHOST_TX_NEXT_DROP);
    interface_count(t, IF_TX_ERROR, q->interface, 1, 0);
}

ALWAYS_INLINE void vhost_header_put(const struct vhost_ring *r, u8 *to, const struct buffer *b,
                                    u16 n_buffers)
{
    struct virtio_header h = virtio_header_make(b);
    if (!r->takes_ecn)
        h.gso_type &= (u8)~VIRTIO_GSO_ECN;
    virtio_header_write(to, &h, r->order);
    if (r->header_bytes == VIRTIO_HEADER_MRG_BYTES)
        store_u16(to + VIRTIO_HEADER_BYTES, virtio_u16(n_buffers, r->order));
}

/* --- packets of several pieces, or in several --- */

/* A place in segments that are written. */
struct vhost_writer {
    const struct vhost_segment *s;
    u32 at; /* bytes of it that are written */
};

static void vhost_write(const struct vhost_ring *r, struct vhost_writer *w, const u8 *from, u32 len)
{
    while (len) {
        u32 k = (u32)min_u64(w->s->len - w->at, len);
        memcpy(w->s->at + w->at, from, k);
        vhost_log(r, w->s->addr + w->at, k);
        from += k;
        len -= k;
        w->at += k;
        if (w->at == w->s->len) {
            w->s++;
            w->at = 0;
        }
    }
}

static void vhost_write_packet(const struct vhost_ring *r, const struct vhost_segments *s,
                               const struct buffer *b, u32 n_heads)
{
    struct vhost_writer w = {s->v, 0};
    u8 header[VIRTIO_HEADER_MRG_BYTES];
    vhost_header_put(r, header, b, (u16)n_heads);
    vhost_write(r, &w, header, r->header_bytes);
    for (;; b = buffer_at(b->next)) {
        vhost_write(r, &w, buffer_current(b), b->len);
        if (!(b->flags & BUFFER_NEXT))
            break;
    }
}

/* Chains that take `need` bytes together. Returns OK, or why there are none; of those that are bad
 * the last one in h is, and all go back as they are. */
static enum vhost_chain vhost_collect(const struct vhost_ring *r, const struct vhost_put *p,
                                      u64 need, struct vhost_head *h, u32 *n_heads,
                                      struct vhost_segments *s)
{
    u32 ahead = p->done.ahead;
    enum vhost_chain rc = VHOST_CHAIN_OK;
    while (!rc && s->bytes < need && *n_heads < (r->mergeable ? VHOST_HEADS_MAX : 1u)) {
        u64 before = s->bytes;
        rc = vhost_chain_take(r, ahead, p->waiting, true, &h[*n_heads], s);
        if (rc == VHOST_CHAIN_NONE || rc == VHOST_CHAIN_BROKEN)
            return rc;
        h[*n_heads].bytes = rc ? 0 : (u32)min_u64(s->bytes - before, need - before);
        ahead += h[*n_heads].slots;
        ++*n_heads;
    }
    return rc;
}

static COLD enum vhost_tx_error vhost_error_of(enum vhost_chain rc)
{
    switch (rc) {
    case VHOST_CHAIN_OK:
        return VHOST_TX_ERR_NO_MERGE;
    case VHOST_CHAIN_NONE:
        return VHOST_TX_ERR_NO_DESC;
    case VHOST_CHAIN_ADDRESS:
        return VHOST_TX_ERR_MMAP;
    default:
        return VHOST_TX_ERR_INDIRECT;
    }
}

/* Sends a packet, whatever it and the chains are; false: *error says why not. */
static bool vhost_put_odd(struct thread *t, struct vhost_ring *r, struct vhost_put *p,
                          const struct buffer *b, enum vhost_tx_error *error)
{
    struct vhost_segments s;
    struct vhost_head h[VHOST_HEADS_MAX];
    u32 n_heads = 0;
    u64 need = r->header_bytes + (u64)buffer_packet_len(b);
    vhost_segments_clear(&s);
    enum vhost_chain rc = vhost_collect(r, p, need, h, &n_heads, &s);
    bool fits = !rc && s.bytes >= need;
    if (fits)
        vhost_write_packet(r, &s, b, n_heads);
    else
        *error = vhost_error_of(rc);
    if (rc == VHOST_CHAIN_BROKEN)
        vhost_ring_fault(t, r, r->packed ? VHOST_FAULT_CHAIN : VHOST_FAULT_HEAD);
    bool bad = rc == VHOST_CHAIN_ADDRESS || rc == VHOST_CHAIN_TABLE;
    for (u32 i = 0; (fits || bad) && i < n_heads; i++) {
        h[i].bytes = fits ? h[i].bytes : 0;
        vhost_done_add(r, &p->done, &h[i]);
    }
    return fits;
}

/* --- packets of one piece, into one --- */

/* A chain of one descriptor, for one packet. */
struct vhost_room {
    u8 *to;
    u64 addr;
    u16 id;
};

/* Whether chain number `ahead` is such a one, and b such a packet; it is on its way here then. */
ALWAYS_INLINE bool vhost_find_room(const struct vhost_ring *r, bool packed, u32 ahead, u32 waiting,
                                   const struct buffer *b, struct vhost_room *room)
{
    struct vhost_desc d;
    u32 need = (u32)r->header_bytes + b->len;
    vhost_warm(r, packed, ahead);
    if (unlikely(b->flags & BUFFER_NEXT) || !vhost_chain_first(r, packed, ahead, waiting, &d))
        return false;
    if (unlikely((d.flags & (VRING_DESC_NEXT | VRING_DESC_INDIRECT | VRING_DESC_WRITE)) !=
                     VRING_DESC_WRITE ||
                 d.len < need))
        return false;
    *room = (struct vhost_room){vhost_at_whole(r->memory, d.addr, need), d.addr, d.id};
    if (unlikely(!room->to))
        return false;
    __builtin_prefetch(room->to, 1);
    __builtin_prefetch(room->to + need - 1, 1);
    return true;
}

/* Sends up to `most` such packets. */
ALWAYS_INLINE u32 vhost_put_run(const struct vhost_ring *r, bool packed, struct buffer **b,
                                u16 *next, u32 most, struct vhost_put *p)
{
    struct vhost_room room[RUN_PKTS];
    u32 found = 0;
    while (found < most &&
           vhost_find_room(r, packed, p->done.ahead + found, p->waiting, b[found], &room[found])) {
        __builtin_prefetch(buffer_current(b[found]));
        found++;
    }
    for (u32 i = 0; i < found; i++) {
        u32 need = (u32)r->header_bytes + b[i]->len;
        vhost_header_put(r, room[i].to, b[i], 1);
        foreign_copy(room[i].to + r->header_bytes, buffer_current(b[i]), b[i]->len);
        vhost_log(r, room[i].addr, need);
        next[i] = NEXT_CONSUMED;
        p->bi[p->n++] = buffer_index(b[i]);
    }
    for (u32 i = 0; i < found; i++) {
        struct vhost_head h = {
            .id = room[i].id, .slots = 1, .bytes = (u32)r->header_bytes + b[i]->len};
        vhost_done_add(r, &p->done, &h);
    }
    return found;
}

ALWAYS_INLINE void vhost_put(struct thread *t, struct node *n, const struct tx_queue *q,
                             bool packed, struct buffer **b, u16 *next, u32 count,
                             struct vhost_put *p)
{
    struct vhost_ring *r = &((struct vhost_tx *)q->port)->ring;
    for (u32 i = 0; i < count;) {
        enum vhost_tx_error error = VHOST_TX_ERR_NOT_READY;
        u32 most = (u32)min_u64(RUN_PKTS, count - i);
        u32 run = vhost_put_run(r, packed, b + i, next + i, most, p);
        i += run;
        if (likely(run == most))
            continue;
        if (!r->fault && vhost_put_odd(t, r, p, b[i], &error)) {
            next[i] = NEXT_CONSUMED;
            p->bi[p->n++] = buffer_index(b[i]);
        } else {
            vhost_tx_drop(t, n, q, b[i], &next[i], error);
        }
        i++;
    }
}

static void vhost_tx_call(struct thread *t, void *ring)
{
    vhost_ring_call(ring);
}

static void vhost_send(struct thread *t, struct node *n, struct tx_queue *q, struct buffer **b,
                       u16 *next, u32 count)
{
    struct vhost_tx *tx = q->port;
    struct vhost_ring *r = &tx->ring;
    struct vhost_put p;
    p.done = (struct vhost_done){0};
    p.n = 0;
    bool up = likely(__atomic_load_n(&r->up, __ATOMIC_ACQUIRE));
    p.waiting = up ? vhost_waiting(r) : 0;
    if (unlikely(up && (r->fault || p.waiting > r->size))) {
        vhost_ring_fault(t, r, VHOST_FAULT_INDEX);
        up = false;
    }
    if (unlikely(!up)) {
        for (u32 i = 0; i < count; i++)
            vhost_tx_drop(t, n, q, b[i], &next[i], VHOST_TX_ERR_NOT_READY);
        return;
    }
    if (r->packed)
        vhost_put(t, n, q, true, b, next, count, &p);
    else
        vhost_put(t, n, q, false, b, next, count, &p);
    if (likely(p.done.ahead)) {
        vhost_done_show(r, &p.done);
        interface_tx_later(t, q, vhost_tx_call, r);
    }
    buffer_free(t, p.bi, p.n);
}

void NODE_FN(vhost_tx)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    static const struct interface_tx_errors errors = {VHOST_TX_ERR_NO_QUEUE, VHOST_TX_ERR_NOT_CUT,
                                                      VHOST_TX_NEXT_DROP};
    interface_tx(t, n, &((struct vhost *)n->state)->tx_queues, b, next, count, vhost_send, &errors);
}
