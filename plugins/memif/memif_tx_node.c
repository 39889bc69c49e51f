/* memifS/I-tx: packets into slots of a ring in shared memory, copied; one that a slot does not take
 * goes into several. The other end sees all of a vector at once, and is woken once a round, if it
 * wants to be. */
#include "base/foreign_fd.h"
#include "net/link/interface/interface_tx.h"
#include "plugins/memif/memif_ring.h"

#define RUN_PKTS 32 /* whose slots are found before the first is filled: they are on their way */

/* How many bytes a slot takes, and where; NULL: the peer offers what it has not. */
ALWAYS_INLINE u8 *memif_slot_room(const struct memif_end *e, bool is_slave, u16 slot, u32 *bytes)
{
    if (is_slave) {
        *bytes = e->slot_bytes;
        return e->slots + (size_t)(slot & (e->size - 1)) * e->slot_bytes;
    }
    struct memif_desc d = memif_desc_read(e, slot);
    *bytes = d.length;
    return d.length ? memif_slot_data(e, false, slot, &d) : NULL;
}

/* A packet into the slots from `slot` on, of `room`. Returns how many it took; 0, and nothing is to
 * be seen: they are too few, or *fault. */
static u32 memif_put_chain(const struct memif_end *e, u16 slot, u32 room, const struct buffer *b,
                           enum memif_fault *fault)
{
    u32 used = 0, left = 0, in_slot = 0;
    u8 *to = NULL;
    for (const struct buffer *seg = b;; seg = buffer_at(seg->next)) {
        const u8 *from = buffer_current(seg);
        for (u32 len = seg->len; len;) {
            if (!left) {
                if (used == room)
                    return 0;
                if (used)
                    memif_desc_set(e, (u16)(slot + used - 1), in_slot, MEMIF_DESC_NEXT);
                to = memif_slot_room(e, e->is_slave, (u16)(slot + used), &left);
                if (!to) {
                    *fault = MEMIF_FAULT_SLOT;
                    return 0;
                }
                used++;
                in_slot = 0;
            }
            u32 k = (u32)min_u64(len, left);
            memcpy(to, from, k);
            to += k;
            from += k;
            len -= k;
            left -= k;
            in_slot += k;
        }
        if (!(seg->flags & BUFFER_NEXT))
            break;
    }
    if (used)
        memif_desc_set(e, (u16)(slot + used - 1), in_slot, 0);
    return used;
}

/* What became of a vector. */
struct memif_put {
    u32 slots; /* filled */
    u32 i;     /* packets before it were sent or dropped */
    u32 n;     /* sent: in bi */
    u32 bi[FRAME_PKTS];
    enum memif_fault fault;
};

static void memif_tx_drop(struct thread *t, struct node *n, const struct tx_queue *q,
                          struct buffer *b, u16 *next, enum memif_tx_error error)
{
    *next = node_drop(n, b, error, MEMIF_TX_NEXT_DROP);
    interface_count(t, IF_TX_ERROR, q->interface, 1, 0);
}

/* A packet that a slot may not take, or be a bad one. Returns false at a fault. */
static bool memif_put_odd(struct thread *t, struct node *n, const struct tx_queue *q, u32 free,
                          struct buffer *b, u16 *next, struct memif_put *p)
{
    const struct memif_end *e = &((struct memif_tx *)q->port)->end;
    u32 took = memif_put_chain(e, (u16)(e->at + p->slots), free - p->slots, b, &p->fault);
    if (p->fault)
        return false;
    p->i++;
    if (!took) { /* a shorter one may have room */
        memif_tx_drop(t, n, q, b, next, MEMIF_TX_ERR_ROLLBACK);
        return true;
    }
    p->slots += took;
    *next = NEXT_CONSUMED;
    p->bi[p->n++] = buffer_index(b);
    return true;
}

/* Fills up to `most` slots, each with the whole of a packet, until one does not go so. */
ALWAYS_INLINE u32 memif_put_run(const struct memif_end *e, bool is_slave, u32 most,
                                struct buffer **b, u16 *next, struct memif_put *p)
{
    u8 *to[RUN_PKTS];
    u32 found = 0, room;
    u16 slot = (u16)(e->at + p->slots);
    for (u32 i = 0; i < most; i += CACHE_LINE_BYTES / sizeof(struct memif_desc))
        __builtin_prefetch(&e->ring->desc[(u16)(slot + i) & (e->size - 1)], 1);
    for (; found < most; found++) {
        const struct buffer *pkt = b[found];
        to[found] = memif_slot_room(e, is_slave, (u16)(slot + found), &room);
        if (unlikely(!to[found] || (pkt->flags & BUFFER_NEXT) || pkt->len > room))
            break;
        __builtin_prefetch(to[found], 1);
        __builtin_prefetch(buffer_current(pkt));
    }
    for (u32 i = 0; i < found; i++) {
        foreign_copy(to[i], buffer_current(b[i]), b[i]->len);
        memif_desc_set(e, (u16)(slot + i), b[i]->len, 0);
        next[i] = NEXT_CONSUMED;
        p->bi[p->n++] = buffer_index(b[i]);
    }
    p->slots += found;
    p->i += found;
    return found;
}

/* Fills up to `free` slots, until there is none. p is all zero. */
ALWAYS_INLINE void memif_put(struct thread *t, struct node *n, const struct tx_queue *q,
                             bool is_slave, u32 free, struct buffer **b, u16 *next, u32 count,
                             struct memif_put *p)
{
    const struct memif_end *e = &((struct memif_tx *)q->port)->end;
    while (p->i < count && p->slots < free) {
        u32 most = (u32)min_u64(RUN_PKTS, min_u64(count - p->i, free - p->slots));
        if (likely(memif_put_run(e, is_slave, most, b + p->i, next + p->i, p) == most))
            continue;
        if (!memif_put_odd(t, n, q, free, b[p->i], &next[p->i], p))
            return;
    }
}

/* Wakes the other end if it sleeps: who goes to sleep says so, and looks at the index after that */
static void memif_wake(struct thread *t, void *end)
{
    struct memif_end *e = end;
    if (__atomic_load_n(&e->ring->flags, __ATOMIC_RELAXED) & MEMIF_RING_QUIET)
        return;
    __atomic_store_n(&e->interrupts, e->interrupts + 1, __ATOMIC_RELAXED); /* it is shown */
    foreign_event_signal(e->fd);
}

/* The other end sees them, and is woken when the round ends. */
static void memif_show_slots(struct thread *t, const struct tx_queue *q, u32 slots)
{
    struct memif_end *e = &((struct memif_tx *)q->port)->end;
    e->at = (u16)(e->at + slots);
    __atomic_store_n(e->ours, e->at, __ATOMIC_RELEASE);
    interface_tx_later(t, q, memif_wake, e);
}

static void memif_fill(struct thread *t, struct node *n, const struct tx_queue *q,
                       struct buffer **b, u16 *next, u32 count, struct memif_put *p)
{
    const struct memif_end *e = &((struct memif_tx *)q->port)->end;
    u32 free = memif_free_slots(e);
    p->slots = p->i = p->n = 0;
    p->fault = free > e->size ? MEMIF_FAULT_INDEX : e->fault;
    if (unlikely(p->fault))
        return;
    if (e->is_slave)
        memif_put(t, n, q, true, free, b, next, count, p);
    else
        memif_put(t, n, q, false, free, b, next, count, p);
}

static void memif_send(struct thread *t, struct node *n, struct tx_queue *q, struct buffer **b,
                       u16 *next, u32 count)
{
    struct memif_tx *tx = q->port;
    struct memif_end *e = &tx->end;
    struct memif_put p;
    enum memif_tx_error error = MEMIF_TX_ERR_NOT_CONNECTED;
    p.i = 0;
    if (likely(__atomic_load_n(&tx->up, __ATOMIC_ACQUIRE))) {
        memif_fill(t, n, q, b, next, count, &p);
        if (likely(p.slots))
            memif_show_slots(t, q, p.slots);
        buffer_free(t, p.bi, p.n);
        if (unlikely(p.fault))
            memif_fault(t, e, q->interface, p.fault);
        else
            error = MEMIF_TX_ERR_NO_FREE_SLOTS;
    }
    for (u32 i = p.i; i < count; i++)
        memif_tx_drop(t, n, q, b[i], &next[i], error);
}

void NODE_FN(memif_tx)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    static const struct interface_tx_errors errors = {MEMIF_TX_ERR_NO_QUEUE, MEMIF_TX_ERR_NOT_CUT,
                                                      MEMIF_TX_NEXT_DROP};
    interface_tx(t, n, &((struct memif *)n->state)->tx_queues, b, next, count, memif_send, &errors);
}
