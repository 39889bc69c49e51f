/* memif-input: packets out of rings in shared memory into buffers, copied: a packet that is checked
 * must not change under the checker's eyes. Slots go back at once. */
#include "engine/trace.h"
#include "plugins/memif/memif_ring.h"

#define RUN_PKTS                                                                                   \
    32 /* whose descriptors are read before their data is: it is on its way meanwhile */

/* Packets of a call. */
struct memif_received {
    u32 n;     /* in bi */
    u32 taken; /* slots */
    u64 bytes;
    u32 bi[FRAME_PKTS];
    u16 next[FRAME_PKTS];
};

static u32 memif_room(const struct buffer *b)
{
    return buffer_storage_bytes(b) - (u32)b->start;
}

static COLD void memif_trace_packet(struct thread *t, struct node *n, const struct memif_rx *q,
                                    struct buffer *b, u16 next)
{
    struct memif_trace trace = {q->q.interface, q->q.queue};
    if (trace_start(t, n, b))
        trace_input_hop(t, n, b, next, &trace, sizeof(trace));
}

/* Packets without a link header go by their version. */
static u16 memif_ip_next(struct thread *t, struct node *n, const struct memif_rx *q,
                         struct buffer *b)
{
    u8 version = b->len ? *(const u8 *)buffer_current(b) >> 4 : 0;
    b->l3_start = b->start;
    if (likely(version == 4))
        return MEMIF_INPUT_NEXT_IP4;
    if (version != 6)
        return node_drop(n, b, MEMIF_INPUT_ERR_NOT_IP, MEMIF_INPUT_NEXT_DROP);
    interface_count(t, IF_IP6, q->q.interface, 1, 0);
    return MEMIF_INPUT_NEXT_IP6;
}

/* --- packets of several slots, and those about which something is odd --- */

/* Slots of the packet that begins at `slot`, of `filled`; 0: it has no end. Who fills slots shows
 * all of a packet at once. */
static u32 memif_chain_slots(const struct memif_end *e, u16 slot, u32 filled)
{
    for (u32 i = 0; i < filled; i++)
        if (!(memif_desc_read(e, (u16)(slot + i)).flags & MEMIF_DESC_NEXT))
            return i + 1;
    return 0;
}

enum memif_taken { MEMIF_TAKEN, MEMIF_NO_BUFFER, MEMIF_BAD };

/* Appends a slot to b, whose last buffer is *last. */
static enum memif_taken memif_append(struct thread *t, struct buffer *b, struct buffer **last,
                                     const u8 *from, u32 len)
{
    while (len) {
        u32 room = memif_room(*last) - (*last)->len, bi;
        if (!room) {
            if (!buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1))
                return MEMIF_NO_BUFFER;
            (*last)->flags |= BUFFER_NEXT;
            (*last)->next = bi;
            *last = buffer_at(bi);
            continue;
        }
        u32 k = (u32)min_u64(room, len);
        memcpy((u8 *)buffer_current(*last) + (*last)->len, from, k);
        (*last)->len = (u16)((*last)->len + k);
        b->tail_len += *last == b ? 0 : k;
        from += k;
        len -= k;
    }
    return MEMIF_TAKEN;
}

static enum memif_taken memif_take_chain(struct thread *t, const struct memif_end *e, u16 slot,
                                         u32 n_slots, struct buffer *b)
{
    struct buffer *last = b;
    for (u32 i = 0; i < n_slots; i++) {
        struct memif_desc d = memif_desc_read(e, (u16)(slot + i));
        const u8 *from = memif_slot_data(e, e->is_slave, (u16)(slot + i), &d);
        if (!from || !d.length || d.length > MEMIF_PACKET_BYTES - buffer_packet_len(b))
            return MEMIF_BAD;
        enum memif_taken rc = memif_append(t, b, &last, from, d.length);
        if (rc != MEMIF_TAKEN)
            return rc;
    }
    return MEMIF_TAKEN;
}

/* Takes one packet, with buffer bi or none, or drops it. Returns its slots. */
static u32 memif_take_odd(struct thread *t, struct node *n, const struct memif_rx *q, u32 filled,
                          u32 bi, struct memif_received *r)
{
    const struct memif_end *e = &q->end;
    u16 slot = (u16)(e->at + r->taken);
    u32 slots = memif_chain_slots(e, slot, filled);
    enum memif_taken rc = MEMIF_BAD;
    if (slots)
        rc = bi == BUFFER_NONE ? MEMIF_NO_BUFFER
                               : memif_take_chain(t, e, slot, slots, buffer_at(bi));
    if (rc == MEMIF_TAKEN) {
        r->bytes += buffer_packet_len(buffer_at(bi));
        r->bi[r->n++] = bi;
        return slots;
    }
    if (bi != BUFFER_NONE)
        buffer_free_one(t, bi);
    node_count(n, rc == MEMIF_BAD ? MEMIF_INPUT_ERR_BAD_DESC : MEMIF_INPUT_ERR_BUFFER_ALLOC, 1);
    interface_count(t, rc == MEMIF_BAD ? IF_RX_ERROR : IF_RX_NO_BUF, q->q.interface, 1, 0);
    return slots ? slots : filled;
}

/* --- packets of one slot --- */

/* Takes up to `most` such packets, until one is odd, into the buffers from bi on. */
ALWAYS_INLINE u32 memif_take_run(const struct memif_end *e, bool is_slave, u32 most, const u32 *bi,
                                 struct memif_received *r)
{
    const u8 *from[RUN_PKTS];
    u32 len[RUN_PKTS], n = 0;
    u16 slot = (u16)(e->at + r->taken);
    for (; n < most; n++) {
        struct memif_desc d = memif_desc_read(e, (u16)(slot + n));
        from[n] = memif_slot_data(e, is_slave, (u16)(slot + n), &d);
        len[n] = d.length;
        if (unlikely(!from[n] || (d.flags & MEMIF_DESC_NEXT) || !d.length ||
                     d.length > memif_room(buffer_at(bi[n]))))
            break;
        __builtin_prefetch(from[n]);
    }
    for (u32 i = 0; i < n; i++) {
        struct buffer *b = buffer_at(bi[i]);
        foreign_copy(buffer_current(b), from[i], len[i]);
        b->len = (u16)len[i];
        r->bytes += len[i];
        r->bi[r->n++] = bi[i];
        if (is_slave) /* the slot is empty again, and as long as it was */
            memif_desc_set(e, (u16)(slot + i), e->slot_bytes, 0);
    }
    return n;
}

ALWAYS_INLINE void memif_take(struct thread *t, struct node *n, const struct memif_rx *q,
                              bool is_slave, u32 filled, struct memif_received *r)
{
    const struct memif_end *e = &q->end;
    u32 bi[FRAME_PKTS], want = (u32)min_u64(filled, FRAME_PKTS), used = 0;
    u32 got = buffer_alloc(t, BUFFER_POOL_DEFAULT, bi, want);
    r->n = r->taken = 0;
    r->bytes = 0;
    for (u32 seen = 0; r->taken < filled && seen < want;) {
        u32 most = (u32)min_u64(min_u64(got - used, RUN_PKTS), filled - r->taken);
        u32 run = memif_take_run(e, is_slave, most, bi + used, r);
        r->taken += run;
        used += run;
        seen += run;
        if (likely(run == most && most))
            continue;
        u32 slots =
            memif_take_odd(t, n, q, filled - r->taken, used < got ? bi[used] : BUFFER_NONE, r);
        used += used < got;
        seen++;
        for (u32 i = 0; is_slave && i < slots; i++)
            memif_desc_set(e, (u16)(e->at + r->taken + i), e->slot_bytes, 0);
        r->taken += slots;
    }
    if (unlikely(used < got))
        buffer_free(t, bi + used, got - used);
}

/* --- all of them --- */

static void memif_hand_on(struct thread *t, struct node *n, struct memif_rx *q,
                          struct memif_received *r)
{
    struct if_index i = q->q.interface;
    bool ethernet = q->port->args.mode == MEMIF_MODE_ETHERNET;
    interface_count(t, IF_RX, i, r->n, r->bytes);
    for (u32 k = 0; k < r->n; k++)
        buffer_at(r->bi[k])->rx_if = i;
    if (likely(ethernet && !feature_any(q->port->device_input, i) && !trace_wants(n))) {
        node_enqueue(t, n, MEMIF_INPUT_NEXT_ETHERNET, r->bi, r->n);
        return;
    }
    for (u32 k = 0; k < r->n; k++) {
        struct buffer *b = buffer_at(r->bi[k]);
        r->next[k] = ethernet
                         ? feature_start(q->port->device_input, i, b, MEMIF_INPUT_NEXT_ETHERNET)
                         : memif_ip_next(t, n, q, b);
        if (unlikely(trace_wants(n)))
            memif_trace_packet(t, n, q, b, r->next[k]);
    }
    node_enqueue_each(t, n, r->bi, r->next, r->n);
}

u32 NODE_FN(memif_input)(struct thread *t, struct node *n, struct rx_queue *rx)
{
    struct memif_rx *q = rx->port;
    struct memif_end *e = &q->end;
    struct memif_received r;
    u32 filled = memif_filled(e);
    if (!filled)
        return 0;
    if (unlikely(e->fault || filled > e->size)) {
        memif_fault(t, e, rx->interface, MEMIF_FAULT_INDEX);
        return 0;
    }
    if (unlikely(q->armed)) { /* there may be more: until there are none we look by ourselves */
        q->armed = false;
        __atomic_store_n(&e->ring->flags, MEMIF_RING_QUIET, __ATOMIC_RELAXED);
    }
    if (e->is_slave)
        memif_take(t, n, q, true, filled, &r);
    else
        memif_take(t, n, q, false, filled, &r);
    e->at = (u16)(e->at + r.taken);
    __atomic_store_n(e->ours, (u16)(e->at + e->ahead), __ATOMIC_RELEASE);
    memif_hand_on(t, n, q, &r);
    return r.n ? r.n : 1;
}
