/* l2-input: what becomes of a frame of an interface in layer 2; l2-input-feat-arc-end: the same for
 * frames that features have seen. */
#include "net/l2/l2_node.h"

/* What frames of one interface have in common. */
struct view {
    struct if_index index, peer;
    u16 next[2];
    bool by_address; /* the destination matters */
    bool special;    /* tags to rewrite, or features */
};

ALWAYS_INLINE void view_of(struct view *v, const struct l2_shared *s, struct if_index i,
                           bool at_start)
{
    struct l2_if *l = l2_if(i);
    v->index = i;
    v->next[0] = __atomic_load_n(&l->first[0], __ATOMIC_ACQUIRE);
    v->next[1] = __atomic_load_n(&l->first[1], __ATOMIC_RELAXED);
    v->peer.i = __atomic_load_n(&l->peer.i, __ATOMIC_RELAXED);
    v->by_address = v->next[0] != v->next[1];
    v->special =
        at_start && ((__atomic_load_n(&l->flags, __ATOMIC_ACQUIRE) & L2_IF_REWRITE) ||
                     __atomic_load_n((void **)&s->input_arc->chains[i.i], __ATOMIC_RELAXED));
}

ALWAYS_INLINE u16 normal(const struct view *v, struct buffer *b)
{
    b->tx_if = v->peer;
    return v->by_address ? v->next[*(const u8 *)buffer_current(b) & 1] : v->next[0];
}

static u16 special(const struct l2_shared *s, struct node *n, const struct view *v,
                   struct buffer *b)
{
    const struct l2_if *l = l2_if(v->index);
    if ((__atomic_load_n(&l->flags, __ATOMIC_ACQUIRE) & L2_IF_REWRITE) &&
        l->in.pop_bytes + l->in.push_bytes && !l2_rewrite_apply(&l->in, b))
        return node_drop(n, b, L2_INPUT_ERR_REWRITE, L2_NEXT_DROP);
    return feature_start(s->input_arc, v->index, b, normal(v, b));
}

ALWAYS_INLINE void input(struct node *n, struct buffer **b, u16 *next, u32 count, bool at_start)
{
    const struct l2_shared *s = n->state;
    struct view v;
    view_of(&v, s, b[0]->rx_if, at_start);
    for (u32 i = 0; i < count; i++) {
        if (i + 8 < count && v.by_address)
            __builtin_prefetch(buffer_current(b[i + 8]));
        if (unlikely(b[i]->rx_if.i != v.index.i))
            view_of(&v, s, b[i]->rx_if, at_start);
        next[i] = unlikely(v.special) ? special(s, n, &v, b[i]) : normal(&v, b[i]);
    }
    node_count(n, L2_INPUT_ERR_PACKETS, count);
}

void NODE_FN(l2_input)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    (void)t;
    input(n, b, next, count, true);
}

void NODE_FN(l2_input_end)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                           u32 count)
{
    (void)t;
    input(n, b, next, count, false);
}
