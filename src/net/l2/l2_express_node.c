/* The express of layer 2: what ethernet-input, l2-input, l2-learn, l2-fwd, l2-output and X-output
 * do with frames of cross-connects, and with those of bridge domains whose source is known as it
 * comes and whose destination is known. Those nodes say what is right; see
 * net/link/ethernet/express.h.
 *
 *   cross-connect   one pass
 *   bridge domain   gather   keys of both addresses
 *                   find     both at once: an interface to leave by
 *                   leave    all that leave by the same */
#include "net/l2/l2_express.h"
#include "net/l2/l2_node.h"
#include "net/link/ethernet/express.h"
#include "net/link/interface/leave.h"

#define TX_NONE UINT32_MAX

/* The table's lines are asked for so many frames before they are looked at: a million stations are
 * in no cache, and a whole vector's lines are more than the nearest one holds. */
#define L2_AHEAD 32

/* What frames of one view, which are on their way, have in common. */
struct l2_way {
    const struct l2_express *s;
    const struct express_view *v;
    const struct l2_rewrites *rewrites;
    u8 first, then; /* edges of unicast from l2-input and l2-learn */
    bool learns;
    u32 bd;
    u32 packets; /* taken, and their bytes as they came in */
    u64 rx_bytes;
};

/* What frames that leave by one interface have in common. */
struct l2_exit {
    struct leave leave;
    struct if_index port;
    u16 edge; /* of l2-output */
    bool rewrites;
    i16 most_room;             /* bytes in front that the rewrites need */
    struct l2_rewrite rewrite; /* both of them in one */
};

struct l2_gathered {
    u32 n;
    u16 at[FRAME_PKTS]; /* place in the vector */
    u64 src[FRAME_PKTS], dst[FRAME_PKTS];
    u32 tx[FRAME_PKTS];
};

/* --- views --- */

/* Whether frames of the view may go by express. */
static bool l2_way_of(struct l2_way *w)
{
    const struct l2_shared *s = w->s->shared;
    const struct l2_if *l = l2_if(w->v->rx_if);
    w->first = __atomic_load_n(&l->first[0], __ATOMIC_ACQUIRE);
    w->then = __atomic_load_n(&l->then[0], __ATOMIC_RELAXED);
    w->rewrites = __atomic_load_n(&l->rewrites, __ATOMIC_ACQUIRE);
    w->bd = __atomic_load_n(&l->bd, __ATOMIC_RELAXED);
    w->packets = 0;
    w->rx_bytes = 0;
    w->learns = w->first == L2_NEXT_LEARN;
    if (feature_any(s->input_arc, w->v->rx_if))
        return false;
    if (w->first == L2_NEXT_OUTPUT)
        return true;
    return w->learns ? w->then == L2_NEXT_FWD : w->first == L2_NEXT_FWD;
}

/* r: `out` behind `in` (each may be NULL). false: it is more than one can do. */
static bool l2_rewrite_join(const struct l2_rewrite *in, const struct l2_rewrite *out,
                            struct l2_rewrite *r)
{
    static const struct l2_rewrite none;
    in = in ? in : &none;
    out = out ? out : &none;
    u32 undone = in->push_bytes < out->pop_bytes ? in->push_bytes : out->pop_bytes;
    u32 kept = in->push_bytes - undone, pop = in->pop_bytes + out->pop_bytes - undone;
    if (pop > sizeof(r->tags) || out->push_bytes + kept > sizeof(r->tags))
        return false;
    r->pop_bytes = (u8)pop;
    r->push_bytes = (u8)(out->push_bytes + kept);
    memcpy(r->tags, out->tags, out->push_bytes);
    memcpy(r->tags + out->push_bytes, in->tags + undone, kept);
    return true;
}

/* false: frames from the view to tx are left. */
static bool l2_exit_of(struct l2_exit *x, const struct l2_way *w, struct thread *t,
                       struct if_index tx)
{
    const struct l2_shared *s = w->s->shared;
    if (unlikely(if_is_none(tx))) /* the other end of the cross-connect was deleted */
        return false;
    const struct l2_if *from = l2_if(w->v->rx_if), *to = l2_if(tx);
    const struct l2_rewrites *out = __atomic_load_n(&to->rewrites, __ATOMIC_ACQUIRE);
    x->edge = __atomic_load_n(&to->output_edge, __ATOMIC_ACQUIRE);
    if (!x->edge || (from->shg && from->shg == to->shg) || if_equal(w->v->rx_if, tx) ||
        (out && out->strict) || feature_any(s->output_arc, tx) ||
        !leave_find(&x->leave, tx, node_target(thread_node(t, w->s->output), x->edge)))
        return false;
    if (w->first != L2_NEXT_OUTPUT && l2_bd_of(tx) != w->bd)
        return false;
    x->port = leave_port(&x->leave);
    x->rewrites = w->rewrites || out;
    if (likely(!x->rewrites))
        return true;
    const struct l2_rewrite *in = w->rewrites ? &w->rewrites->in : NULL;
    if (!l2_rewrite_join(in, out ? &out->out : NULL, &x->rewrite))
        return false;
    i32 grow = x->rewrite.push_bytes - x->rewrite.pop_bytes;
    i32 at_first = in ? in->push_bytes - in->pop_bytes : 0;
    x->most_room = (i16)(grow > at_first ? grow : at_first);
    return true;
}

/* --- frames --- */

/* Tags as both rewrites want them; false: b is left, and as it was. What nodes would write in
 * another buffer makes a detour; what does not fit they drop. */
ALWAYS_INLINE bool l2_exit_rewrite(const struct l2_exit *x, struct thread *t, struct buffer *b)
{
    const struct l2_rewrite *r = &x->rewrite;
    if (unlikely(buffer_is_shared(b) || b->start < x->most_room)) {
        thread_detour(t);
        return false;
    }
    if (unlikely(!l2_rewrite_fits(r, b)))
        return false;
    if (likely(r->push_bytes == r->pop_bytes)) {
        memcpy((u8 *)buffer_current(b) + 12, r->tags, r->push_bytes);
        return true;
    }
    return l2_rewrite_apply(r, b);
}

/* Bytes of frames, as they came in and as they leave. */
struct l2_bytes {
    u64 came, leave;
};

/* false: b is left. header: bytes of the view's headers. */
ALWAYS_INLINE bool l2_exit_take(const struct l2_exit *x, struct thread *t, struct buffer *b,
                                struct if_index rx_if, i32 header, struct l2_bytes *sum)
{
    i16 start = b->start;
    u32 came = buffer_packet_len(b), leaves = came;
    if (unlikely(b->flags & BUFFER_GSO)) {
        struct vlan_header h = vlan_parse(buffer_current(b), b->len);
        header = h.bytes ? h.bytes : ETHERNET_HEADER_BYTES;
    }
    if (unlikely(x->rewrites)) {
        if (!l2_exit_rewrite(x, t, b))
            return false;
        leaves = buffer_packet_len(b);
    }
    b->l2_start = b->start;
    b->l3_start = (i16)(start + header);
    b->rx_if = rx_if;
    b->tx_if = x->port;
    sum->came += came;
    sum->leave += leaves;
    return true;
}

ALWAYS_INLINE void l2_exit_send(struct l2_way *w, const struct l2_exit *x, struct thread *t,
                                const u32 *bi, u32 n, struct l2_bytes sum)
{
    struct node *output = thread_node(t, w->s->output);
    if (unlikely(!n))
        return;
    w->packets += n;
    w->rx_bytes += sum.came;
    node_did(output, x->edge, n);
    node_count(output, L2_OUTPUT_ERR_PACKETS, n);
    leave_send(&x->leave, t, bi, n, sum.leave);
}

/* Of a frame with less in its first buffer than an express looks at: whether nodes send it where
 * others of its flow go, and nothing behind it may be taken. */
static COLD bool l2_begins_short(struct thread *t, const struct buffer *b)
{
    if (!(b->flags & BUFFER_NEXT))
        return false;
    thread_detour(t);
    return true;
}

/* Frames from i on that are of the view go where the other end of the cross-connect is; returns
 * where another view begins or a frame makes a detour, or count. */
ALWAYS_INLINE u32 l2_cross(struct l2_way *w, const struct l2_exit *x, struct thread *t,
                           struct buffer **b, u16 *next, u32 i, u32 count)
{
    bool tagged = w->v->header_bytes > ETHERNET_HEADER_BYTES, sees = x->rewrites || w->v->tag_mask;
    struct if_index rx_if = w->v->rx_if, port = w->v->port;
    i32 header = w->v->header_bytes;
    struct l2_bytes sum = {0};
    u32 bi[FRAME_PKTS], n = 0;
    for (; i < count; i++) {
        if (likely(i + 8 < count))
            __builtin_prefetch(b[i + 8]);
        if (unlikely(sees) && likely(i + 4 < count))
            __builtin_prefetch(buffer_current(b[i + 4]));
        const u8 *frame = buffer_current(b[i]);
        if (unlikely(b[i]->rx_if.i != port.i))
            break;
        if (unlikely(b[i]->len < ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES)) {
            if (l2_begins_short(t, b[i]))
                break;
            continue;
        }
        if (unlikely(sees) && unlikely(!express_view_has(w->v, b[i], frame)))
            break;
        if (tagged && unlikely(ethernet_is_tag(get_be16(frame + 16))))
            continue;
        if (unlikely(leave_stays(&x->leave, t, b[i])))
            break;
        if (unlikely(!l2_exit_take(x, t, b[i], rx_if, header, &sum))) {
            if (thread_detours(t))
                break;
            continue;
        }
        next[i] = NEXT_CONSUMED;
        bi[n++] = buffer_index(b[i]);
    }
    l2_exit_send(w, x, t, bi, n, sum);
    return i;
}

/* Unicast frames from i on that are of the view; returns as above. */
ALWAYS_INLINE u32 l2_gather(const struct l2_way *w, struct thread *t, struct buffer **b, u32 i,
                            u32 count, struct l2_gathered *g)
{
    bool tagged = w->v->header_bytes > ETHERNET_HEADER_BYTES;
    u32 n = 0, bd = w->bd;
    for (; i < count; i++) {
        if (likely(i + 8 < count)) {
            __builtin_prefetch(b[i + 8]);
            __builtin_prefetch(buffer_current(b[i + 4]));
        }
        const u8 *frame = buffer_current(b[i]);
        if (unlikely(b[i]->len < ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES)) {
            if (l2_begins_short(t, b[i]))
                break;
            continue;
        }
        if (unlikely(!express_view_has(w->v, b[i], frame)))
            break;
        if (unlikely(frame[0] & 1) || (tagged && unlikely(ethernet_is_tag(get_be16(frame + 16)))))
            continue;
        g->dst[n] = mac_key(frame, bd);
        g->src[n] = mac_key(frame + 6, bd);
        g->at[n++] = (u16)i;
    }
    g->n = n;
    return i;
}

ALWAYS_INLINE void l2_prefetch(const struct mac_generation *macs, bool learns,
                               const struct l2_gathered *g, u32 i)
{
    __builtin_prefetch(mac_home(macs, g->dst[i]));
    if (learns)
        __builtin_prefetch(mac_home(macs, g->src[i]));
}

/* The interface that each leaves by. Returns whether all leave by the same. */
ALWAYS_INLINE bool l2_find(const struct l2_way *w, const struct mac_generation *macs, bool learns,
                           u8 minute, struct l2_gathered *g)
{
    u32 expect = mac_value(w->v->rx_if.i, minute, MAC_VALID), differ = 0;
    for (u32 i = 0; i < L2_AHEAD && i < g->n; i++)
        l2_prefetch(macs, learns, g, i);
    for (u32 i = 0; i < g->n; i++) {
        u64 dst = g->dst[i], src = g->src[i];
        if (i + L2_AHEAD < g->n)
            l2_prefetch(macs, learns, g, i + L2_AHEAD);
        u32 to = mac_table_find(macs, mac_home(macs, dst), dst);
        u32 unlike = (to ^ MAC_VALID) & (MAC_VALID | MAC_FILTER | MAC_BVI);
        if (learns && !mac_source_is_known(mac_table_find(macs, mac_home(macs, src), src), expect))
            unlike = 1;
        g->tx[i] = unlike ? TX_NONE : mac_value_if(to);
        differ |= g->tx[i] ^ g->tx[0];
    }
    return !differ;
}

/* All from `from` on that leave by the same interface as the first of them, which have none then.
 */
static void l2_leave_by(struct l2_way *w, struct thread *t, struct l2_gathered *g,
                        struct buffer **b, u16 *next, u32 from, bool all)
{
    struct l2_exit x;
    struct if_index rx_if = w->v->rx_if;
    i32 header = w->v->header_bytes;
    struct l2_bytes sum = {0};
    u32 bi[FRAME_PKTS], n = 0, tx = g->tx[from];
    bool open = l2_exit_of(&x, w, t, (struct if_index){tx});
    if (!open && all)
        return;
    for (u32 i = from; i < g->n; i++) {
        if (!all) {
            if (g->tx[i] != tx)
                continue;
            g->tx[i] = TX_NONE;
        }
        struct buffer *p = b[g->at[i]];
        open = open && !leave_stays(&x.leave, t, p);
        open = open && l2_exit_take(&x, t, p, rx_if, header, &sum);
        if (unlikely(!open)) /* nor those behind it */
            continue;
        next[g->at[i]] = NEXT_CONSUMED;
        bi[n++] = buffer_index(p);
    }
    l2_exit_send(w, &x, t, bi, n, sum);
}

static void l2_count_taken(const struct l2_way *w, struct thread *t, struct node *n)
{
    if (unlikely(!w->packets))
        return;
    struct node *input = thread_node(t, w->s->input);
    express_count_rx(w->v, t, w->packets, w->rx_bytes);
    node_sent(n, ETHERNET_INPUT_NEXT_L2, w->packets);
    node_did(input, w->first, w->packets);
    node_count(input, L2_INPUT_ERR_PACKETS, w->packets);
    if (w->learns) {
        struct node *learn = thread_node(t, w->s->learn);
        node_did(learn, w->then, w->packets);
        node_count(learn, L2_LEARN_ERR_PACKETS, w->packets);
    }
    if (w->first != L2_NEXT_OUTPUT) {
        struct node *fwd = thread_node(t, w->s->fwd);
        node_did(fwd, L2_NEXT_OUTPUT, w->packets);
        node_count(fwd, L2_FWD_ERR_PACKETS, w->packets);
        node_count(fwd, L2_FWD_ERR_HIT, w->packets);
    }
}

/* Frames of a cross-connect from i on. */
static u32 l2_cross_run(struct l2_way *w, struct thread *t, struct buffer **b, u16 *next, u32 i,
                        u32 count)
{
    struct l2_exit x;
    struct if_index peer = {__atomic_load_n(&l2_if(w->v->rx_if)->peer.i, __ATOMIC_RELAXED)};
    if (unlikely(!l2_exit_of(&x, w, t, peer)))
        return i + 1;
    return l2_cross(w, &x, t, b, next, i, count);
}

/* Frames of a bridge domain from i on. */
static u32 l2_bridge_run(struct l2_way *w, struct thread *t, struct buffer **b, u16 *next, u32 i,
                         u32 count)
{
    struct l2_gathered g;
    const struct mac_generation *macs = mac_table_current(&w->s->shared->macs);
    u8 minute = l2_minute(thread_now_ns(t));
    i = l2_gather(w, t, b, i, count, &g);
    if (unlikely(!g.n))
        return i;
    bool same = likely(w->learns) ? l2_find(w, macs, true, minute, &g)
                                  : l2_find(w, macs, false, minute, &g);
    if (likely(same) && g.tx[0] != TX_NONE) {
        l2_leave_by(w, t, &g, b, next, 0, true);
        return i;
    }
    for (u32 k = 0; k < g.n; k++)
        if (g.tx[k] != TX_NONE)
            l2_leave_by(w, t, &g, b, next, k, false);
    return i;
}

u32 NODE_FN(l2_express)(struct thread *t, struct node *n, const void *state,
                        const struct express_view *v, struct buffer **b, u16 *next, u32 count)
{
    struct l2_way w = {.s = state};
    struct express_view later;
    u32 all = 0;
    for (u32 i = 0; i < count && !thread_detours(t);) {
        bool found = !i || express_view_of(&later, b[i]);
        w.v = i ? &later : v;
        if (unlikely(!found) || unlikely(!w.v->l2_mode) || unlikely(!l2_way_of(&w))) {
            i++;
            continue;
        }
        i = w.first == L2_NEXT_OUTPUT ? l2_cross_run(&w, t, b, next, i, count)
                                      : l2_bridge_run(&w, t, b, next, i, count);
        l2_count_taken(&w, t, n);
        all += w.packets;
    }
    return all;
}
