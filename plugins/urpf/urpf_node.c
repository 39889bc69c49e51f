/* The eight nodes; see urpf.h. */
#include "engine/feature.h"
#include "engine/trace.h"
#include "net/ip/address/address_data.h"
#include "net/ip/fib/fib_forward.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/ip6/ip6.h"
#include "net/packet/ip4_packet.h"
#include "plugins/urpf/urpf.h"

#define URPF_STEPS_MOST 8192 /* adjacencies that are looked at for a packet */

/* What is asked of the route to a source, and what was found, up to the path that is enough. */
struct urpf_search {
    enum ip_family family;
    struct ip_address source;
    struct if_index interface; /* IF_NONE: any will do */
    u32 steps;
    bool any;     /* it leads to an interface, */
    bool by;      /* to this one, */
    bool receive; /* to this switch */
};

ALWAYS_INLINE u32 urpf_route(const struct urpf_search *s, struct fib_index t)
{
    return s->family == IP_FAMILY_4 ? ip4_lookup(t, s->source.ip4).i
                                    : ip6_lookup(t, s->source.bytes).i;
}

static void urpf_walk(struct urpf_search *s, u32 route, u32 depth);

ALWAYS_INLINE void urpf_look(struct urpf_search *s, const struct adj *a, u32 depth)
{
    switch ((enum adj_kind)adj_head(a).kind) {
    case ADJ_KIND_REWRITE:
    case ADJ_KIND_INCOMPLETE:
    case ADJ_KIND_GLEAN:
    case ADJ_KIND_MIDCHAIN:
        s->any = true;
        s->by |= if_is_none(s->interface) || if_equal(a->tx_if, s->interface);
        break;
    case ADJ_KIND_RECEIVE:
        s->receive = true;
        break;
    case ADJ_KIND_LB:
    case ADJ_KIND_PATH_MTU:
        if (depth)
            urpf_walk(s, (u32)a->data, depth - 1);
        break;
    case ADJ_KIND_LOOKUP:
        if (depth)
            urpf_walk(s, urpf_route(s, (struct fib_index){(u32)a->data}), depth - 1);
        break;
    default:
        break;
    }
}

/* The paths of a load balance, up to one by the interface. Those that lead to what has gone
 * meanwhile are others by then. */
static void urpf_walk(struct urpf_search *s, u32 route, u32 depth)
{
    struct lb lb = lb_load(route);
    u32 last = UINT32_MAX;
    for (u32 k = 0; k <= lb.mask && !s->by && s->steps < URPF_STEPS_MOST; k++, s->steps++) {
        u32 a = lb_pick(lb, k);
        if (a != last)
            urpf_look(s, adj_at(a), depth);
        last = a;
    }
}

static bool urpf_is_accepted(const struct urpf_state *state, const struct urpf_search *s, u32 table)
{
    const struct urpf_accept_list *l = __atomic_load_n(&state->accepted, __ATOMIC_ACQUIRE);
    for (u32 k = 0; l && k < l->n; k++)
        if (l->v[k].table.i == table && ip_prefix_has(&l->v[k].prefix, &s->source))
            return true;
    return false;
}

/* Whether this switch sent it: fragments of what it forwards are not its own. */
static bool urpf_is_own(struct urpf_search *s, u32 table, const struct buffer *b)
{
    u32 own = ip_if_fib(s->family, b->tx_if).i;
    if (!(b->flags & BUFFER_LOCAL))
        return false;
    if (ip_address_is_zero(&s->source))
        return true;
    if (own != table) {
        s->by = false; /* that was the other table's */
        urpf_walk(s, urpf_route(s, (struct fib_index){own}), FIB_LOOKUPS_MOST);
    }
    return s->receive;
}

/* Whether there is nothing to check: see urpf.h. */
ALWAYS_INLINE bool urpf_is_exempt(const struct urpf_search *s, const u8 *l3)
{
    if (s->family == IP_FAMILY_6)
        return ip6_is_link_local(s->source.bytes);
    const struct ip4_header *h = (const void *)l3;
    return unlikely(!h->src.raw) && ip4_is_limited_broadcast(h->dst);
}

ALWAYS_INLINE bool urpf_passes(const struct urpf_state *state, struct urpf_search *s, u32 table,
                               const struct buffer *b, enum urpf_dir dir, enum urpf_mode mode)
{
    bool passes = s->any;
    if (mode == URPF_STRICT)
        passes = dir == URPF_RX ? s->by : s->any && !s->by;
    if (likely(passes))
        return true;
    return (mode == URPF_LOOSE && urpf_is_accepted(state, s, table)) ||
           (dir == URPF_TX && urpf_is_own(s, table, b));
}

ALWAYS_INLINE u16 urpf_one(struct thread *t, struct node *n, struct buffer *b, enum ip_family f,
                           enum urpf_dir dir, enum urpf_mode mode)
{
    const u8 *l3 = dir == URPF_RX ? buffer_current(b) : b->data + b->l3_start;
    struct if_index i = dir == URPF_RX ? b->rx_if : b->tx_if;
    u32 table = (u32)feature_data(b);
    struct urpf_search s = {.family = f, .interface = mode == URPF_STRICT ? i : IF_NONE};
    if (f == IP_FAMILY_4)
        s.source = ip_address_from_ip4(((const struct ip4_header *)(const void *)l3)->src);
    else
        s.source = ip6_address_of(((const struct ip6_header *)(const void *)l3)->src);
    if (table == FIB_NONE.i)
        table = ip_if_fib(f, i).i;
    u32 route = urpf_route(&s, (struct fib_index){table});
    if (unlikely(b->flags & BUFFER_TRACED)) {
        struct urpf_trace note = {route, table};
        trace_note(t, b, &note, sizeof(note));
    }
    urpf_walk(&s, route, FIB_LOOKUPS_MOST);
    if (likely(urpf_passes(n->state, &s, table, b, dir, mode)) || urpf_is_exempt(&s, l3))
        return feature_next(b);
    return node_drop(n, b, URPF_ERR_DROP, URPF_NEXT_DROP);
}

#define URPF_NODE_FN(name, family, dir, mode)                                                      \
    void NODE_FN(name)(struct thread * t, struct node * n, struct buffer * *b, u16 * next,         \
                       u32 count)                                                                  \
    {                                                                                              \
        for (u32 i = 0; i < count; i++)                                                            \
            next[i] = urpf_one(t, n, b[i], family, dir, mode);                                     \
    }

URPF_NODE_FN(ip4_rx_urpf_loose, IP_FAMILY_4, URPF_RX, URPF_LOOSE)
URPF_NODE_FN(ip4_rx_urpf_strict, IP_FAMILY_4, URPF_RX, URPF_STRICT)
URPF_NODE_FN(ip4_tx_urpf_loose, IP_FAMILY_4, URPF_TX, URPF_LOOSE)
URPF_NODE_FN(ip4_tx_urpf_strict, IP_FAMILY_4, URPF_TX, URPF_STRICT)
URPF_NODE_FN(ip6_rx_urpf_loose, IP_FAMILY_6, URPF_RX, URPF_LOOSE)
URPF_NODE_FN(ip6_rx_urpf_strict, IP_FAMILY_6, URPF_RX, URPF_STRICT)
URPF_NODE_FN(ip6_tx_urpf_loose, IP_FAMILY_6, URPF_TX, URPF_LOOSE)
URPF_NODE_FN(ip6_tx_urpf_strict, IP_FAMILY_6, URPF_TX, URPF_STRICT)
