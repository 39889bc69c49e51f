/* l2-input: what becomes of a frame of an interface in layer 2; l2-input-feat-arc-end: the same for
 * frames that features have seen. */
#include "net/l2/l2_node.h"

/* What frames of one interface have in common. */
struct view {
    struct if_index index, peer;
    u16 next[2];
    bool by_address; /* the destination matters */
    bool special;    /* tags to rewrite, or features */
    const struct l2_rewrites *rewrites;
};

ALWAYS_INLINE void l2_input_view_of(struct view *v, const struct l2_shared *s, struct if_index i,
                                    bool at_start)
{
    struct l2_if *l = l2_if(i);
    v->index = i;
    v->next[0] = __atomic_load_n(&l->first[0], __ATOMIC_ACQUIRE);
    v->next[1] = __atomic_load_n(&l->first[1], __ATOMIC_RELAXED);
    v->peer.i = __atomic_load_n(&l->peer.i, __ATOMIC_RELAXED);
    v->by_address = v->next[0] != v->next[1];
    v->rewrites = __atomic_load_n(&l->rewrites, __ATOMIC_ACQUIRE);
    v->special = v->rewrites || (at_start && __atomic_load_n((void **)&s->input_arc->chains[i.i],
                                                             __ATOMIC_RELAXED));
}

ALWAYS_INLINE u16 l2_input_normal(const struct view *v, struct buffer *b)
{
    b->tx_if = v->peer;
    return v->by_address ? v->next[*(const u8 *)buffer_current(b) & 1] : v->next[0];
}

static u16 l2_input_rewrite(struct thread *t, struct node *n, const struct view *v,
                            struct buffer *b)
{
    const struct l2_rewrite *r = &v->rewrites->in;
    if (unlikely(!l2_rewrite_fits(r, b)))
        return node_drop(n, b, L2_INPUT_ERR_REWRITE, L2_NEXT_DROP);
    if (likely(l2_rewrite_apply(r, b)))
        return l2_input_normal(v, b);
    struct buffer *c = l2_rewrite_copy(t, r, b);
    if (!c) {
        node_count(n, L2_INPUT_ERR_REWRITE, 1);
        return NEXT_CONSUMED;
    }
    u32 bi = buffer_index(c);
    node_enqueue(t, n, l2_input_normal(v, c), &bi, 1);
    return NEXT_CONSUMED;
}

/* Features first, then tags. */
static u16 l2_input_special(const struct l2_shared *s, struct thread *t, struct node *n,
                            const struct view *v, struct buffer *b, bool at_start)
{
    u16 next = at_start ? feature_start(s->input_arc, v->index, b, UINT16_MAX) : UINT16_MAX;
    if (next != UINT16_MAX)
        return next;
    return v->rewrites ? l2_input_rewrite(t, n, v, b) : l2_input_normal(v, b);
}

ALWAYS_INLINE void l2_input_packets(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                    u32 count, bool at_start)
{
    const struct l2_shared *s = n->state;
    struct view v;
    l2_input_view_of(&v, s, b[0]->rx_if, at_start);
    for (u32 i = 0; i < count; i++) {
        if (i + 8 < count && v.by_address)
            __builtin_prefetch(buffer_current(b[i + 8]));
        if (unlikely(b[i]->rx_if.i != v.index.i))
            l2_input_view_of(&v, s, b[i]->rx_if, at_start);
        next[i] = unlikely(v.special) ? l2_input_special(s, t, n, &v, b[i], at_start)
                                      : l2_input_normal(&v, b[i]);
    }
    node_count(n, L2_INPUT_ERR_PACKETS, count);
}

void NODE_FN(l2_input)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    l2_input_packets(t, n, b, next, count, true);
}

void NODE_FN(l2_input_end)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                           u32 count)
{
    l2_input_packets(t, n, b, next, count, false);
}
