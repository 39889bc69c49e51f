/* l2-output: split horizon, the rewrite of tags on the way out, features, and the output node of
 * the interface; l2-output-feat-arc-end: the same for frames that features have seen.
 * feature-bitmap-drop: what a domain or a port does not forward. */
#include "net/l2/l2_node.h"

struct view {
    struct if_index rx, tx;
    u16 next;
    u16 error; /* L2_OUTPUT_ERR_N: none */
    bool special;
    const struct l2_rewrites *rewrites;
};

ALWAYS_INLINE void l2_output_view_of(struct view *v, const struct l2_shared *s,
                                     const struct buffer *b, bool at_start)
{
    v->rx = b->rx_if;
    v->tx = b->tx_if;
    v->next = L2_NEXT_DROP;
    v->error = L2_OUTPUT_ERR_INTERFACE;
    v->special = true;
    if (unlikely(if_is_none(v->tx)))
        return;
    const struct l2_if *from = l2_if(v->rx), *to = l2_if(v->tx);
    u16 edge =
        __atomic_load_n(at_start ? &to->output_edge : &to->output_end_edge, __ATOMIC_ACQUIRE);
    if (unlikely(!edge))
        return;
    v->error = L2_OUTPUT_ERR_SHG;
    /* an answer of this switch goes back where the question came from */
    if (unlikely(from->shg && from->shg == to->shg && !if_equal(v->rx, v->tx)))
        return;
    v->error = L2_OUTPUT_ERR_N;
    v->next = edge;
    v->rewrites = at_start ? __atomic_load_n(&to->rewrites, __ATOMIC_ACQUIRE) : NULL;
    v->special =
        v->rewrites ||
        (at_start && __atomic_load_n((void **)&s->output_arc->chains[v->tx.i], __ATOMIC_RELAXED));
}

static u16 l2_output_leave(const struct l2_shared *s, const struct view *v, struct buffer *b,
                           bool at_start)
{
    return at_start ? feature_start(s->output_arc, v->tx, b, v->next) : v->next;
}

/* Tags first, then features: they see what leaves. */
static u16 l2_output_special(const struct l2_shared *s, struct thread *t, struct node *n,
                             const struct view *v, struct buffer *b, bool at_start)
{
    if (v->error != L2_OUTPUT_ERR_N)
        return node_drop(n, b, v->error, L2_NEXT_DROP);
    if (!v->rewrites)
        return l2_output_leave(s, v, b, at_start);
    const struct l2_rewrite *r = &v->rewrites->out;
    if (unlikely(!l2_rewrite_fits(r, b)))
        return node_drop(n, b, L2_OUTPUT_ERR_REWRITE, L2_NEXT_DROP);
    if (unlikely(v->rewrites->strict && !l2_rewrite_made(&v->rewrites->in, b)))
        return node_drop(n, b, L2_OUTPUT_ERR_EFP, L2_NEXT_DROP);
    if (likely(l2_rewrite_apply(r, b)))
        return l2_output_leave(s, v, b, at_start);
    struct buffer *c = l2_rewrite_copy(t, r, b);
    if (!c) {
        node_count(n, L2_OUTPUT_ERR_REWRITE, 1);
        return NEXT_CONSUMED;
    }
    u32 bi = buffer_index(c);
    node_enqueue(t, n, l2_output_leave(s, v, c, at_start), &bi, 1);
    return NEXT_CONSUMED;
}

ALWAYS_INLINE void l2_output_packets(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                     u32 count, bool at_start)
{
    const struct l2_shared *s = n->state;
    struct view v;
    l2_output_view_of(&v, s, b[0], at_start);
    for (u32 i = 0; i < count; i++) {
        if (unlikely(b[i]->tx_if.i != v.tx.i || b[i]->rx_if.i != v.rx.i))
            l2_output_view_of(&v, s, b[i], at_start);
        next[i] = unlikely(v.special) ? l2_output_special(s, t, n, &v, b[i], at_start) : v.next;
    }
    node_count(n, L2_OUTPUT_ERR_PACKETS, count);
}

void NODE_FN(l2_output)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    l2_output_packets(t, n, b, next, count, true);
}

void NODE_FN(l2_output_end)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                            u32 count)
{
    l2_output_packets(t, n, b, next, count, false);
}

void NODE_FN(l2_feature_drop)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                              u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = node_drop(n, b[i], L2_FEATURE_DROP_ERR_DISABLED, 0);
}

/* l2-patch: what is received on one interface leaves by another, whatever it is. A feature of the
 * arc "device-input". */
void NODE_FN(l2_patch)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        u64 to = feature_data(b[i]);
        if (unlikely(!to)) { /* `set interface feature`: there is no other interface */
            next[i] = feature_next(b[i]);
            continue;
        }
        b[i]->tx_if.i = (u32)to;
        b[i]->l2_start = b[i]->start;
        next[i] = (u16)(to >> 32);
    }
    node_count(n, L2_PATCH_ERR_PACKETS, count);
}
