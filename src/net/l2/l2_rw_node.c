/* l2-rw: between learning and forwarding, in domains where it is enabled. */
#include "net/classify/classify.h"
#include "net/l2/l2_node.h"
#include "net/l2/l2_rw.h"

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

/* As far as the frame's first buffer goes. */
static void rewrite(const struct l2_rw_entry *e, struct buffer *b)
{
    u8 *at = (u8 *)buffer_current(b) + e->skip;
    for (u32 i = 0; i < e->n && e->skip + i < b->len; i++)
        at[i] = (u8)((at[i] & ~e->mask[i]) | e->value[i]);
}

void NODE_FN(l2_rw)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    const struct l2_rw_data *d = __atomic_load_n(&l2_rw_data, __ATOMIC_ACQUIRE);
    u32 rewritten = 0;
    for (u32 i = 0; i < count; i++) {
        const struct l2_if *l = l2_if(b[i]->rx_if);
        const struct l2_rw_entry *e = d ? entry_for(t, d, b[i]) : NULL;
        if (e && b[i]->refs == 1) {
            rewrite(e, b[i]);
            rewritten++;
        }
        next[i] =
            __atomic_load_n(&l->behind_rw[*(const u8 *)buffer_current(b[i]) & 1], __ATOMIC_RELAXED);
    }
    node_count(n, L2_RW_ERR_PACKETS, count);
    node_count(n, L2_RW_ERR_REWRITTEN, rewritten);
}
