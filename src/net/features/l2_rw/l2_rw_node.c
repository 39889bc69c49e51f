/* l2-rw: between learning and forwarding, in domains where it is enabled. */
#include "net/features/classify/classify.h"
#include "net/link/interface/own.h"
#include "net/l2/l2_node.h"
#include "net/features/l2_rw/l2_rw.h"

/* What is to be done to b; NULL: nothing. */
static const struct l2_rw_entry *entry_for(struct thread *t, const struct l2_rw_data *d,
                                           const struct buffer *b)
{
    u64 word = __atomic_load_n(&d->of_interface[b->rx_if.i], __ATOMIC_RELAXED);
    const struct classify_table *table = classify_table_at(l2_rw_table(word));
    struct classify_tally sum = {0};
    struct classify_session *hit = NULL;
    if (table)
        hit = classify_walk(&table, b, b->start, b->start, &sum);
    if (hit)
        classify_hit(t, hit);
    u32 i = hit ? __atomic_load_n(&hit->opaque, __ATOMIC_RELAXED) : l2_rw_miss(word);
    return i < L2_RW_ENTRIES ? __atomic_load_n(&d->entries[i], __ATOMIC_ACQUIRE) : NULL;
}

/* b, or a copy, with the first `bytes` of the frame in its first buffer and nobody else's. NULL:
 * no buffer was left, and it is lost. */
static struct buffer *own_bytes(struct thread *t, struct buffer *b, u32 bytes)
{
    b = own_to_write(t, b);
    if (!b || likely(buffer_pull(t, b, bytes)))
        return b;
    buffer_free_one(t, buffer_index(b));
    return NULL;
}

/* As far as the frame goes. */
static struct buffer *l2_rw_rewrite(struct thread *t, const struct l2_rw_entry *e, struct buffer *b)
{
    u32 end = (u32)min_u64(e->skip + e->n, buffer_packet_len(b));
    if (end <= e->skip)
        return b;
    b = own_bytes(t, b, end);
    if (unlikely(!b))
        return NULL;
    u8 *at = (u8 *)buffer_current(b) + e->skip;
    for (u32 i = 0; i < end - e->skip; i++)
        at[i] = (u8)((at[i] & ~e->mask[i]) | e->value[i]);
    return b;
}

static u16 next_of(const struct l2_if *l, const struct buffer *b)
{
    return __atomic_load_n(&l->behind_rw[*(const u8 *)buffer_current(b) & 1], __ATOMIC_RELAXED);
}

void NODE_FN(l2_rw)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    const struct l2_rw_data *d = __atomic_load_n(&l2_rw_data, __ATOMIC_ACQUIRE);
    u32 rewritten = 0, lost = 0;
    for (u32 i = 0; i < count; i++) {
        const struct l2_if *l = l2_if(b[i]->rx_if);
        const struct l2_rw_entry *e = d ? entry_for(t, d, b[i]) : NULL;
        struct buffer *now = e ? l2_rw_rewrite(t, e, b[i]) : b[i];
        rewritten += e && now;
        lost += !now;
        if (likely(now == b[i])) {
            next[i] = next_of(l, now);
            continue;
        }
        next[i] = NEXT_CONSUMED;
        if (now) {
            u32 bi = buffer_index(now);
            node_enqueue(t, n, next_of(l, now), &bi, 1);
        }
    }
    node_count(n, L2_RW_ERR_PACKETS, count);
    node_count(n, L2_RW_ERR_REWRITTEN, rewritten);
    node_count(n, L2_RW_ERR_NO_BUFFER, lost);
}
