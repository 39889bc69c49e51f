/* pgN-tx: the end of the wire. Packets are freed, or handed to the capture. */
#include "base/clock.h"
#include "control/loop.h"
#include "net/features/pg/pg_internal.h"
#include "net/link/gso/gso.h"

/* What somebody has left to the port: one that does not do checksums gets them made, as by VPP's
 * interface-output; packets to be cut are refused, unless `set interface feature gso` cut them. */
static u16 pg_tx_offload(const struct pg_port *port, struct node *n, struct buffer *b)
{
    if ((b->flags & BUFFER_GSO) && !port->gso)
        return node_drop(n, b, PG_TX_ERR_GSO, PG_TX_NEXT_DROP);
    if (!port->gso && !port->csum_offload && !csum_complete(b))
        return node_drop(n, b, PG_TX_ERR_CSUM, PG_TX_NEXT_DROP);
    return NEXT_CONSUMED;
}

static void pg_tx_capture(struct thread *t, struct node *n, struct pg *pg, struct pg_capture *c,
                          struct buffer **b, const u16 *next, u32 count)
{
    struct pg_captured item = {.time_ns = thread_now_ns(t)};
    u32 lost = 0, kept = 0;
    /* before they can be taken out again; what was too much is given back below */
    atomic_fetch_add_explicit(&pg->backlog, count, memory_order_relaxed);
    for (u32 i = 0; i < count; i++) {
        item.bi = buffer_index(b[i]);
        if (next[i] != NEXT_CONSUMED)
            continue;
        kept++;
        if (unlikely(!ring_push(&c->ring, &item, sizeof(item)))) {
            buffer_free_one(t, item.bi);
            lost++;
        }
    }
    if (unlikely(lost))
        node_count(n, PG_TX_ERR_CAPTURE, lost);
    if (unlikely(kept - lost < count))
        atomic_fetch_sub_explicit(&pg->backlog, count - (kept - lost), memory_order_relaxed);
    if (!atomic_exchange_explicit(&pg->woken, 1, memory_order_seq_cst))
        loop_wake(pg->piste->loop);
}

void NODE_FN(pg_tx)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    const struct pg_port *port = n->state;
    struct pg_capture *c = __atomic_load_n(&port->capture, __ATOMIC_ACQUIRE);
    u32 refused = 0;
    for (u32 i = 0; i < count; i++) {
        next[i] = NEXT_CONSUMED;
        if (unlikely(b[i]->flags & (BUFFER_GSO | BUFFER_CSUM_PARTIAL))) {
            next[i] = pg_tx_offload(port, n, b[i]);
            refused += next[i] != NEXT_CONSUMED;
        }
    }
    if (unlikely(c != NULL)) {
        pg_tx_capture(t, n, port->pg, c, b, next, count);
        return;
    }
    for (u32 i = 0; i < count; i++)
        if (likely(!refused || next[i] == NEXT_CONSUMED))
            buffer_free_one(t, buffer_index(b[i]));
}
