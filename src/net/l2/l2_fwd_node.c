/* l2-fwd: unicast by the MAC table; l2-uu-fwd: unknown unicast of a domain that has an interface
 * for it. */
#include "net/l2/l2_node.h"

struct counts {
    u32 hits, misses;
};

ALWAYS_INLINE u16 l2_fwd_one(struct thread *t, struct node *n, struct buffer *b, u32 value,
                             struct counts *c)
{
    const struct l2_if *from = l2_if(b->rx_if);
    if (unlikely(!value)) {
        c->misses++;
        return __atomic_load_n(&from->miss, __ATOMIC_RELAXED);
    }
    struct if_index to = {mac_value_if(value)};
    if (unlikely(value & (MAC_FILTER | MAC_BVI))) {
        if (value & MAC_FILTER)
            return node_drop(n, b, L2_FWD_ERR_FILTER, L2_NEXT_DROP);
        return l2_to_bvi(t, b, to);
    }
    if (unlikely(if_equal(to, b->rx_if)))
        return node_drop(n, b, L2_FWD_ERR_REFLECT, L2_NEXT_DROP);
    if (unlikely(l2_bd_of(to) != from->bd))
        return node_drop(n, b, L2_FWD_ERR_STALE, L2_NEXT_DROP);
    b->tx_if = to;
    c->hits++;
    return L2_NEXT_OUTPUT;
}

void NODE_FN(l2_fwd)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    struct l2_shared *s = n->state;
    const struct mac_generation *g = mac_table_current(&s->macs);
    const struct mac_bucket *home[FRAME_PKTS];
    u64 key[FRAME_PKTS];
    struct counts c = {0};
    struct if_index rx = b[0]->rx_if;
    u32 bd = l2_bd_of(rx);
    for (u32 i = 0; i < count; i++) {
        if (unlikely(b[i]->rx_if.i != rx.i)) {
            rx = b[i]->rx_if;
            bd = l2_bd_of(rx);
        }
        key[i] = mac_key(buffer_current(b[i]), bd);
        home[i] = mac_home(g, key[i]);
        __builtin_prefetch(home[i]);
    }
    for (u32 i = 0; i < count; i++)
        next[i] = l2_fwd_one(t, n, b[i], mac_table_find(g, home[i], key[i]), &c);
    node_count(n, L2_FWD_ERR_PACKETS, count);
    node_count(n, L2_FWD_ERR_HIT, c.hits);
    node_count(n, L2_FWD_ERR_MISS, c.misses);
}

void NODE_FN(l2_uu_fwd)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        const struct l2_bd_data *bd = &l2_bd_data_base[l2_bd_of(b[i]->rx_if)];
        b[i]->tx_if.i = __atomic_load_n(&bd->uu_fwd.i, __ATOMIC_RELAXED);
        /* what came from there does not go back */
        next[i] = if_equal(b[i]->tx_if, b[i]->rx_if) ? L2_NEXT_FEATURE_DROP : L2_NEXT_OUTPUT;
    }
    node_count(n, L2_UU_FWD_ERR_PACKETS, count);
}
