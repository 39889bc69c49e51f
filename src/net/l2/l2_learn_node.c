/* l2-learn: source addresses into the MAC table. One pass makes keys and asks for their lines, one
 * compares; what is new or differs goes the long way. */
#include "engine/probe.h"
#include "net/l2/l2_node.h"

/* Addresses that move more often than this (a loop) stay where they were till the next millisecond.
 */
#define MOVES_PER_MS 100

struct view {
    struct if_index index;
    u64 bd;
    u32 expect;
    u16 then[2];
};

ALWAYS_INLINE void l2_learn_view_of(struct view *v, struct if_index i, u8 minute)
{
    const struct l2_if *l = l2_if(i);
    v->index = i;
    v->bd = __atomic_load_n(&l->bd, __ATOMIC_RELAXED);
    v->then[0] = __atomic_load_n(&l->then[0], __ATOMIC_RELAXED);
    v->then[1] = __atomic_load_n(&l->then[1], __ATOMIC_RELAXED);
    v->expect = mac_value(i.i, minute, MAC_VALID);
}

static void want_bigger(struct thread *t, struct l2_shared *s)
{
    if (!__atomic_load_n(&s->macs.want_bigger, __ATOMIC_RELAXED) ||
        __atomic_load_n(&s->bigger_posted, __ATOMIC_RELAXED) ||
        __atomic_exchange_n(&s->bigger_posted, 1, __ATOMIC_ACQ_REL))
        return;
    if (!thread_post(t, l2_fib_wants_bigger, "", 0))
        __atomic_store_n(&s->bigger_posted, 0, __ATOMIC_RELEASE);
}

static bool source_is_bad(const u8 *mac)
{
    return (mac[0] & 1) || !(load_u32(mac) | load_u16(mac + 4));
}

static bool l2_learn_may_move(struct thread *t, struct node *n)
{
    u64 ms = thread_now_ns(t) / 1000000;
    if (n->local[0] != ms) {
        n->local[0] = ms;
        n->local[1] = 0;
    }
    return n->local[1]++ < MOVES_PER_MS;
}

static void learn_new(struct thread *t, struct node *n, struct l2_shared *s, const struct view *v,
                      u64 key)
{
    u32 was;
    node_count(n, L2_LEARN_ERR_MISS, 1);
    if (__atomic_load_n(&s->macs.n_learned, __ATOMIC_RELAXED) >=
            __atomic_load_n(&s->learn_limit, __ATOMIC_RELAXED) ||
        mac_table_learned_of(&s->macs, (u32)v->bd) >=
            __atomic_load_n(&l2_bd_data_base[v->bd].learn_limit, __ATOMIC_RELAXED)) {
        node_count(n, L2_LEARN_ERR_LIMIT, 1);
        return;
    }
    u8 event = __atomic_load_n(&s->event_flags, __ATOMIC_RELAXED) & MAC_NEW;
    if (mac_table_learn(&s->macs, key, v->expect | event, &was) == MAC_LEARN_FULL)
        node_count(n, L2_LEARN_ERR_FULL, 1);
    want_bigger(t, s);
}

/* A source that is not known as it comes now. Returns the edge. */
static u16 learn_one(struct thread *t, struct node *n, struct l2_shared *s, const struct view *v,
                     struct buffer *b, u64 key, u32 value)
{
    const u8 *frame = buffer_current(b);
    u16 then = v->then[frame[0] & 1];
    u32 was;
    if (!value) {
        if (source_is_bad(frame + 6))
            return node_drop(n, b, L2_LEARN_ERR_SOURCE, L2_NEXT_DROP);
        learn_new(t, n, s, v, key);
        return then;
    }
    bool same_port = mac_value_if(value) == v->index.i;
    if (value & MAC_FILTER)
        return node_drop(n, b, L2_LEARN_ERR_FILTER, L2_NEXT_DROP);
    if (value & MAC_PROVISIONED)
        return value & MAC_STATIC ? node_drop(n, b, L2_LEARN_ERR_VIOLATE, L2_NEXT_DROP) : then;
    u8 event = value & (MAC_NEW | MAC_MOVED);
    if (!same_port) {
        if (!l2_learn_may_move(t, n)) {
            node_count(n, L2_LEARN_ERR_STORM, 1);
            return then;
        }
        node_count(n, L2_LEARN_ERR_MOVE, 1);
        event |= __atomic_load_n(&s->event_flags, __ATOMIC_RELAXED) & MAC_MOVED;
    } else {
        node_count(n, L2_LEARN_ERR_UPDATE, 1);
    }
    mac_table_learn(&s->macs, key, v->expect | event, &was);
    if (!same_port)
        forwarding_part_changed_by(t, (struct forwarding_part){key, FORWARDING_STATION});
    return then;
}

void NODE_FN(l2_learn)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    struct l2_shared *s = n->state;
    const struct mac_generation *g = mac_table_current(&s->macs);
    u8 minute = l2_minute(thread_now_ns(t));
    const struct mac_bucket *home[FRAME_PKTS];
    u64 key[FRAME_PKTS];
    struct view v;
    l2_learn_view_of(&v, b[0]->rx_if, minute);
    for (u32 i = 0; i < count; i++) {
        if (unlikely(b[i]->rx_if.i != v.index.i))
            l2_learn_view_of(&v, b[i]->rx_if, minute);
        key[i] = mac_key((const u8 *)buffer_current(b[i]) + 6, (u32)v.bd);
        home[i] = mac_home(g, key[i]);
        __builtin_prefetch(home[i]);
    }
    for (u32 i = 0; i < count; i++) {
        if (unlikely(b[i]->rx_if.i != v.index.i))
            l2_learn_view_of(&v, b[i]->rx_if, minute);
        u32 value = mac_table_find(g, home[i], key[i]);
        if (likely(mac_source_is_known(value, v.expect)))
            next[i] = v.then[*(const u8 *)buffer_current(b[i]) & 1];
        else
            next[i] = learn_one(t, n, s, &v, b[i], key[i], value);
    }
    node_count(n, L2_LEARN_ERR_PACKETS, count);
}
