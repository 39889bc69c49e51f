/* nat44-ed-in2out, nat44-ed-out2in, their slow paths, and what leads to them.
 *
 *   nat-pre-in2out ─► nat44-ed-in2out ─► nat44-ed-in2out-slowpath
 *   (a feature)             ▲       └──────────────┴─► feature-resume: on along the arc
 *   nat44-in2out-worker-handoff, where there are several data threads
 *
 * Of an output interface the same on ip4-output, with in2out-output in all names: packets have
 * their link header in front there, which is put aside meanwhile.
 *
 * nat-pre-in2out does the work of nat44-ed-in2out itself, unless somebody looks at the hops; of a
 * vector on the arc, that of the slow path, too. */
#include "engine/node_within.h"
#include "plugins/nat/nat44_affinity.h"
#include "plugins/nat/nat44_path.h"

void NODE_FN(nat44_ed_in2out)(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                              u32 count)
{
    nat44_fast_node(t, nd, b, next, count, NAT44_I2O, AT_IP_INPUT, NAT44_ED);
}

void NODE_FN(nat44_ed_in2out_output)(struct thread *t, struct node *nd, struct buffer **b,
                                     u16 *next, u32 count)
{
    nat44_fast_node(t, nd, b, next, count, NAT44_I2O, AT_IP_OUTPUT, NAT44_ED);
}

void NODE_FN(nat44_ed_out2in)(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                              u32 count)
{
    nat44_fast_node(t, nd, b, next, count, NAT44_O2I, AT_IP_INPUT, NAT44_ED);
}

/* Packets of a vector on the arc that are for the slow path: in their places, so that those that go
 * on do so with the others. */
static void slow_within(struct thread *t, struct node *nd, const struct feature_vector *vector,
                        struct buffer **b, u16 *next, u32 count)
{
    struct node *slow = thread_node(t, node_target(nd, NAT44_NEXT_SLOW));
    struct buffer *its[FRAME_PKTS];
    u16 its_next[FRAME_PKTS], at[FRAME_PKTS];
    u32 bi[FRAME_PKTS], n = 0;
    for (u32 i = 0; i < count; i++) {
        if (likely(next[i] != NAT44_NEXT_SLOW))
            continue;
        its[n] = b[i];
        at[n++] = (u16)i;
    }
    if (likely(!n))
        return;
    node_run_within(t, nd, slow, vector, its, its_next, n);
    for (u32 k = 0; k < n; k++) {
        bool on = its_next[k] == NAT44_NEXT_RESUME;
        bi[k] = buffer_index(its[k]);
        next[at[k]] = on ? vector->on : NEXT_CONSUMED;
        its_next[k] = on ? NEXT_CONSUMED : its_next[k];
    }
    node_enqueue_each(t, slow, bi, its_next, n);
}

ALWAYS_INLINE void nat44_pre(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                             u32 count, enum nat44_dir dir, enum feature_place place)
{
    struct nat44_data *n = nat44_now();
    if (unlikely(!n)) {
        for (u32 i = 0; i < count; i++)
            next[i] = feature_vector_next(feature_vector_of(t), b[i]);
        return;
    }
    if (unlikely(thread_traces(t))) {
        for (u32 i = 0; i < count; i++)
            next[i] = NAT44_NEXT_FAST;
        return;
    }
    node_had(thread_node(t, place == AT_IP_OUTPUT ? n->output_node : n->in_node[dir]), count);
    const struct feature_vector *vector = feature_vector_of(t);
    nat44_fast(t, n, b, next, count, dir, place, true, NAT44_ED);
    if (vector)
        slow_within(t, nd, vector, b, next, count);
}

void NODE_FN(nat44_pre_in2out)(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                               u32 count)
{
    nat44_pre(t, nd, b, next, count, NAT44_I2O, AT_IP_INPUT);
}

void NODE_FN(nat44_pre_in2out_output)(struct thread *t, struct node *nd, struct buffer **b,
                                      u16 *next, u32 count)
{
    nat44_pre(t, nd, b, next, count, NAT44_I2O, AT_IP_OUTPUT);
}

void NODE_FN(nat44_pre_out2in)(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                               u32 count)
{
    nat44_pre(t, nd, b, next, count, NAT44_O2I, AT_IP_INPUT);
}

void NODE_FN(nat44_ed_in2out_slowpath)(struct thread *t, struct node *nd, struct buffer **b,
                                       u16 *next, u32 count)
{
    nat44_slow(t, nd, b, next, count, NAT44_I2O, AT_IP_INPUT, NAT44_ED);
}

void NODE_FN(nat44_ed_in2out_output_slowpath)(struct thread *t, struct node *nd, struct buffer **b,
                                              u16 *next, u32 count)
{
    nat44_slow(t, nd, b, next, count, NAT44_I2O, AT_IP_OUTPUT, NAT44_ED);
}

void NODE_FN(nat44_ed_out2in_slowpath)(struct thread *t, struct node *nd, struct buffer **b,
                                       u16 *next, u32 count)
{
    nat44_slow(t, nd, b, next, count, NAT44_O2I, AT_IP_INPUT, NAT44_ED);
}

/* --- to the right node, and the right thread --- */

/* Of sessions of an end inside with that mapping, or NULL: by the port that it has outside. */
static u32 owner_by_mapping(const struct nat44_data *n, const struct nat44_mapping *m, be16 port)
{
    return nat44_owner_of_port(n, m && m->outside.protocol ? m->outside.port : port);
}

/* Of protocols without ports: by the host outside, or, where that may have another address inside,
 * by the end outside of the mapping that says so. */
static u32 owner_without_ports(const struct nat44_data *n, const union nat44_key *k,
                               enum nat44_dir dir)
{
    const be16 none = {0};
    u8 protocol = nat44_key_protocol(k);
    const struct nat44_mapping *m = nat44_mapping_outside(n, k->dst, none, protocol);
    if (!m)
        m = nat44_mapping_inside(n, k->src, none, protocol, nat44_key_fib(k).i);
    return nat44_owner_of_host(n, m && m->twice      ? m->outside.addr
                                  : dir == NAT44_I2O ? k->dst
                                                     : k->src);
}

/* Of a packet of a session with this key, which came in that way. To an end that a mapping has: as
 * the end inside has it, whose answers come by none. To another end outside: by that. */
static u32 owner_of_key(const struct nat44_data *n, const union nat44_key *k, enum nat44_dir dir)
{
    u8 protocol = nat44_key_protocol(k);
    if (!nat44_has_ports(protocol))
        return owner_without_ports(n, k, dir);
    const struct nat44_mapping *to = nat44_mapping_outside(n, k->dst, k->dport, protocol);
    if (to && !nat44_backends_of(to)) { /* whose ends inside all have that port */
        be16 port = to->inside.protocol ? to->inside.port : k->dport;
        return owner_by_mapping(
            n, nat44_mapping_inside(n, to->inside.addr, port, protocol, to->inside.fib), port);
    }
    if (nat44_is_outside_end(n, k))
        return nat44_owner_of_port(n, k->dport);
    const struct nat44_mapping *from =
        nat44_mapping_inside(n, k->src, k->sport, protocol, nat44_key_fib(k).i);
    return dir == NAT44_O2I && !from ? nat44_owner_of_port(n, k->dport)
                                     : owner_by_mapping(n, from, k->sport);
}

void NODE_FN(nat44_classify)(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                             u32 count)
{
    nat44_direct(t, nd, b, next, count, NAT44_WAY_BOTH, NULL);
}

void NODE_FN(nat44_handoff_classify)(struct thread *t, struct node *nd, struct buffer **b,
                                     u16 *next, u32 count)
{
    nat44_direct(t, nd, b, next, count, NAT44_WAY_BOTH, owner_of_key);
}

void NODE_FN(nat44_handoff_in2out)(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                                   u32 count)
{
    nat44_direct(t, nd, b, next, count, NAT44_WAY_IN2OUT, owner_of_key);
}

void NODE_FN(nat44_handoff_in2out_output)(struct thread *t, struct node *nd, struct buffer **b,
                                          u16 *next, u32 count)
{
    nat44_direct(t, nd, b, next, count, NAT44_WAY_OUTPUT, owner_of_key);
}

void NODE_FN(nat44_handoff_out2in)(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                                   u32 count)
{
    nat44_direct(t, nd, b, next, count, NAT44_WAY_OUT2IN, owner_of_key);
}

/* --- errors of this switch --- */

void NODE_FN(nat44_local_error)(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                                u32 count)
{
    nat44_local_errors(t, nd, b, next, count, owner_of_key, NAT44_ED);
}

/* --- timers --- */

void NODE_FN(nat44_expire)(struct thread *t, struct node *nd, const u32 *timers, u32 count)
{
    struct nat44_data *n = nat44_now();
    for (u32 i = 0; n && i < count; i++)
        nat44_session_expire(n, t, timers[i], thread_now_ns(t));
}

void NODE_FN(nat44_affinity_expired)(struct thread *t, struct node *nd, const u32 *timers,
                                     u32 count)
{
    struct nat44_data *n = nat44_now();
    for (u32 i = 0; n && i < count; i++)
        nat44_affinity_expire(n, t, timers[i]);
}
