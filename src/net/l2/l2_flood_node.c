/* l2-flood: a frame to all other ports of its bridge domain.
 *
 * Copies have a header of their own and share what follows; short frames are copied whole. The
 * BVI's copy is one of its own in full, because layer 3 writes in it.
 *
 *   copy 1   [ 128 bytes ] ─┐
 *   copy 2   [ 128 bytes ] ─┼─► [ the rest, refs = 3 ]
 *   copy 3   [ 128 bytes ] ─┘
 *
 * A copy that cannot be had is counted; nothing else suffers. */
#include "net/l2/l2_node.h"

#define WHOLE_BYTES 384 /* frames up to this are copied */
#define SHARES_MAX 200  /* copies that share one rest; more are copied whole */

struct batch {
    struct thread *t;
    struct node *n;
    u16 next;
    u32 count;
    u32 bi[FRAME_PKTS];
};

static void batch_send(struct batch *x)
{
    if (x->count)
        node_enqueue(x->t, x->n, x->next, x->bi, x->count);
    x->count = 0;
}

static void batch_add(struct batch *x, u32 bi)
{
    x->bi[x->count++] = bi;
    if (x->count == FRAME_PKTS)
        batch_send(x);
}

/* Whether the BVI takes a frame to this address. */
static bool bvi_wants(struct if_index bvi, const u8 *dst)
{
    return ethernet_is_multicast(dst) || !memcmp(if_data(bvi)->mac, dst, 6) ||
           if_has_secondary_mac(bvi, dst);
}

static void keep_trace(struct buffer *copy, const struct buffer *b)
{
    copy->flags |= b->flags & BUFFER_TRACED;
    copy->trace = b->trace;
}

static void to_bvi(struct batch *x, struct buffer *b, struct if_index bvi)
{
    u32 bi = buffer_copy(x->t, b);
    if (bi == BUFFER_NONE) {
        node_count(x->n, L2_FLOOD_ERR_FAIL, 1);
        return;
    }
    struct buffer *copy = buffer_at(bi);
    keep_trace(copy, b);
    u16 next = l2_to_bvi(x->t, copy, bvi);
    node_enqueue(x->t, x->n, next, &bi, 1);
}

/* A header whose packet goes on in `rest`. */
static u32 copy_header(struct thread *t, const struct buffer *b, u32 bytes, u32 rest,
                       u32 rest_bytes)
{
    u32 bi = buffer_copy_head(t, b, bytes);
    if (bi == BUFFER_NONE)
        return BUFFER_NONE;
    struct buffer *c = buffer_at(bi);
    c->flags |= BUFFER_NEXT;
    c->next = rest;
    c->tail_len = rest_bytes;
    return bi;
}

/* Sends copies of b to all of `to` by copying it; b itself is untouched. */
static void copy_whole(struct batch *x, const struct buffer *b, const struct if_index *to, u32 n)
{
    for (u32 k = 0; k < n; k++) {
        u32 bi = buffer_copy(x->t, b);
        if (bi == BUFFER_NONE) {
            node_count(x->n, L2_FLOOD_ERR_FAIL, n - k);
            return;
        }
        struct buffer *copy = buffer_at(bi);
        keep_trace(copy, b);
        copy->tx_if = to[k];
        batch_add(x, bi);
    }
}

/* The same by sharing: takes b over. */
static void copy_shared(struct batch *x, struct buffer *b, const struct if_index *to, u32 n)
{
    u32 own = l2_header_bytes(b), total = buffer_packet_len(b), made = 0;
    for (u32 k = 0; k < n; k++) {
        u32 bi = copy_header(x->t, b, own, buffer_index(b), total - own);
        if (bi == BUFFER_NONE || (made && !buffer_share(b))) {
            node_count(x->n, L2_FLOOD_ERR_FAIL, n - k);
            break;
        }
        made++;
        buffer_at(bi)->tx_if = to[k];
        batch_add(x, bi);
    }
    if (!made) {
        buffer_free_one(x->t, buffer_index(b));
        return;
    }
    buffer_advance(b, (int)own);
    b->flags &= BUFFER_NEXT; /* the rest is no packet of its own */
}

/* Returns the edge to drop b by, or NEXT_CONSUMED. */
static u16 l2_flood_packet(struct batch *x, struct buffer *b, const struct l2_members *members)
{
    struct if_index to[SHARES_MAX];
    u32 n = 0, reached = 0;
    u8 shg = __atomic_load_n(&l2_if(b->rx_if)->shg, __ATOMIC_RELAXED);
    u32 n_members = __atomic_load_n(&members->n, __ATOMIC_ACQUIRE);
    for (u32 k = 0; k < n_members; k++) {
        const struct l2_member *m = &members->m[k];
        if (if_equal(m->interface, b->rx_if) || (shg && m->shg == shg))
            continue;
        if (m->bvi) {
            if (!bvi_wants(m->interface, buffer_current(b))) {
                node_count(x->n, L2_FLOOD_ERR_BVI_MAC, 1);
                continue;
            }
            to_bvi(x, b, m->interface);
            reached++;
            continue;
        }
        if (n == SHARES_MAX) {
            copy_whole(x, b, to, n);
            n = 0;
        }
        to[n++] = m->interface;
        reached++;
    }
    if (!n) {
        if (!reached)
            return node_drop(x->n, b, L2_FLOOD_ERR_NO_MEMBERS, L2_NEXT_DROP);
        buffer_free_one(x->t, buffer_index(b));
        return NEXT_CONSUMED;
    }
    if (n > 1 && buffer_packet_len(b) > WHOLE_BYTES && b->len > l2_header_bytes(b) &&
        !buffer_is_shared(b)) {
        copy_shared(x, b, to, n);
        return NEXT_CONSUMED;
    }
    copy_whole(x, b, to, n - 1);
    b->tx_if = to[n - 1];
    batch_add(x, buffer_index(b)); /* in its turn behind the copies of others */
    return NEXT_CONSUMED;
}

void NODE_FN(l2_flood)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    static const struct l2_members nobody;
    struct batch x = {.t = t, .n = n, .next = L2_NEXT_OUTPUT};
    for (u32 i = 0; i < count; i++) {
        const struct l2_bd_data *bd = &l2_bd_data_base[l2_bd_of(b[i]->rx_if)];
        const struct l2_members *members = __atomic_load_n(&bd->members, __ATOMIC_ACQUIRE);
        next[i] = l2_flood_packet(&x, b[i], members ? members : &nobody);
    }
    batch_send(&x);
    node_count(n, L2_FLOOD_ERR_PACKETS, count);
}
