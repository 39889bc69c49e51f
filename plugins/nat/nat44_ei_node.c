/* nat44-ei-in2out, nat44-ei-out2in, their slow paths, what leads to them, and hairpins; see
 * nat44_ei.h.
 *
 *   nat44-ei-in2out ─┬──────────────────────────────► feature-resume: on along the arc
 *    (a feature)     ├─► nat44-ei-in2out-slowpath ───────▲
 *        ▲           └─► nat44-ei-hairpinning ───────────┘ what is for this switch, after all
 *        └──────────────────┘
 *
 * Where there are several data threads nat44-ei-in2out-worker-handoff is the feature, in front. Of
 * an output interface the same on ip4-output, with in2out-output in all names. */
#include "plugins/nat/nat44_choose.h"
#include "plugins/nat/nat44_path.h"

/* --- which thread has it --- */

/* A host inside says it: itself, or by its mapping, or by a port of its thread's. */
static u32 ei_owner_of_key(const struct nat44_data *n, const union nat44_key *k, enum nat44_dir dir)
{
    if (dir == NAT44_I2O)
        return nat44_owner_of_host(n, k->src);
    const struct nat44_mapping *m =
        nat44_mapping_outside(n, k->dst, k->dport, nat44_key_protocol(k));
    if (m)
        return nat44_owner_of_host(n, m->inside.addr);
    return nat44_may_be_own(n, k->dst) && nat44_is_outside_end(n, k)
               ? nat44_owner_of_port(n, k->dport)
               : nat44_owner_of_host(n, k->dst); /* forwarded as it is */
}

/* --- sessions --- */

void NODE_FN(nat44_ei_in2out)(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                              u32 count)
{
    nat44_fast_node(t, nd, b, next, count, NAT44_I2O, AT_IP_INPUT, NAT44_EI);
}

void NODE_FN(nat44_ei_in2out_output)(struct thread *t, struct node *nd, struct buffer **b,
                                     u16 *next, u32 count)
{
    nat44_fast_node(t, nd, b, next, count, NAT44_I2O, AT_IP_OUTPUT, NAT44_EI);
}

void NODE_FN(nat44_ei_out2in)(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                              u32 count)
{
    nat44_fast_node(t, nd, b, next, count, NAT44_O2I, AT_IP_INPUT, NAT44_EI);
}

void NODE_FN(nat44_ei_in2out_slowpath)(struct thread *t, struct node *nd, struct buffer **b,
                                       u16 *next, u32 count)
{
    nat44_slow(t, nd, b, next, count, NAT44_I2O, AT_IP_INPUT, NAT44_EI);
}

void NODE_FN(nat44_ei_in2out_output_slowpath)(struct thread *t, struct node *nd, struct buffer **b,
                                              u16 *next, u32 count)
{
    nat44_slow(t, nd, b, next, count, NAT44_I2O, AT_IP_OUTPUT, NAT44_EI);
}

void NODE_FN(nat44_ei_out2in_slowpath)(struct thread *t, struct node *nd, struct buffer **b,
                                       u16 *next, u32 count)
{
    nat44_slow(t, nd, b, next, count, NAT44_O2I, AT_IP_INPUT, NAT44_EI);
}

/* --- to the right node, and the right thread --- */

void NODE_FN(nat44_ei_classify)(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                                u32 count)
{
    nat44_direct(t, nd, b, next, count, NAT44_WAY_BOTH, NULL);
}

void NODE_FN(nat44_ei_handoff_classify)(struct thread *t, struct node *nd, struct buffer **b,
                                        u16 *next, u32 count)
{
    nat44_direct(t, nd, b, next, count, NAT44_WAY_BOTH, ei_owner_of_key);
}

void NODE_FN(nat44_ei_handoff_in2out)(struct thread *t, struct node *nd, struct buffer **b,
                                      u16 *next, u32 count)
{
    nat44_direct(t, nd, b, next, count, NAT44_WAY_IN2OUT, ei_owner_of_key);
}

void NODE_FN(nat44_ei_handoff_in2out_output)(struct thread *t, struct node *nd, struct buffer **b,
                                             u16 *next, u32 count)
{
    nat44_direct(t, nd, b, next, count, NAT44_WAY_OUTPUT, ei_owner_of_key);
}

void NODE_FN(nat44_ei_handoff_out2in)(struct thread *t, struct node *nd, struct buffer **b,
                                      u16 *next, u32 count)
{
    nat44_direct(t, nd, b, next, count, NAT44_WAY_OUT2IN, ei_owner_of_key);
}

void NODE_FN(nat44_ei_local_error)(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                                   u32 count)
{
    nat44_local_errors(t, nd, b, next, count, ei_owner_of_key, NAT44_EI);
}

/* --- hairpins --- */

/* The session of the host inside that a packet is for, by its address outside; SESSION_NONE: it is
 * for nobody inside. p's table is that of outside then. */
static u32 session_behind(struct nat44_data *n, struct thread *t, const struct buffer *b,
                          struct nat44_packet *p)
{
    const struct session_table *table = session_table_of(n->sessions, t);
    union nat44_key *k = &p->key;
    enum nat44_dir dir = NAT44_O2I;
    u32 session = nat44_find(table, k, &dir, NAT44_EI);
    if (session != SESSION_NONE)
        return session;
    k->fib_protocol = n->outside_fib.i << 8 | nat44_key_protocol(k);
    session = nat44_find(table, k, &dir, NAT44_EI);
    if (session == SESSION_NONE &&
        nat44_mapping_outside(n, k->dst, k->dport, nat44_key_protocol(k)))
        (void)nat44_begin(n, t, b, AT_IP_INPUT, p, &dir, &session);
    return session;
}

/* Sends it to the host inside, as from its sender, whom nat44-ei-in2out translates then. *b: NULL
 * where it is lost. Returns its edge; NEXT_CONSUMED: it is away. */
static u16 ei_hairpin(struct nat44_data *n, struct thread *t, struct node *nd, struct buffer **b,
                      struct handoff_batch away[NAT44_DIRS])
{
    struct nat44_packet p;
    struct fib_index fib = fib_of_packet(*b, AT_IP_INPUT);
    nat44_parse(t, *b, fib, &p);
    be32 dst = ((const struct ip4_header *)buffer_current(*b))->dst;
    bool here = nat44_is_here(fib, dst);
    if (!here &&
        !nat44_is_outside_end(n, &p.key)) /* it only looked like one; still with its sender's */
        return NAT44_NEXT_SLOW;
    u32 owner = ei_owner_of_key(n, &p.key, NAT44_O2I);
    if (p.kind < NAT44_BAD && owner != thread_index(t)) {
        handoff_add(&away[NAT44_O2I], *b, owner);
        return NEXT_CONSUMED;
    }
    u32 session = p.kind < NAT44_BAD ? session_behind(n, t, *b, &p) : SESSION_NONE;
    if (session == SESSION_NONE)
        return here ? NAT44_NEXT_RESUME
                    : node_drop(nd, *b, NAT44_ERR_NO_TRANSLATION, NAT44_NEXT_DROP);
    if (is_at_end(*b)) {
        nat44_forget(n, t, session, NAT44_EI);
        return end_of_life(nd, *b);
    }
    *b = slow_own(t, *b, 0);
    if (!*b) {
        nat44_forget(n, t, session, NAT44_EI);
        node_count(nd, NAT44_ERR_NO_BUFFER, 1);
        return NEXT_CONSUMED;
    }
    nat44_count(n, t, NAT44_O2I, NAT44_SLOW, nat44_count_of(nat44_key_protocol(&p.key)),
                (*b)->rx_if, 1);
    nat44_translate(n, t, *b, &p, AT_IP_INPUT, session, NAT44_O2I, NAT44_EI);
    const struct nat44_session *s = session_at(session_table_of(n->sessions, t), session);
    ip_scratch(*b)->fib = nat44_key_fib(&s->key[NAT44_I2O]);
    (*b)->flags |= BUFFER_IN_FIB;
    nat44_forget(n, t, session, NAT44_EI);
    owner = ei_owner_of_key(n, &p.key, NAT44_I2O);
    if (owner == thread_index(t))
        return NAT44_NEXT_FAST;
    handoff_add(&away[NAT44_I2O], *b, owner);
    return NEXT_CONSUMED;
}

void NODE_FN(nat44_ei_hairpinning)(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                                   u32 count)
{
    struct nat44_data *n = nat44_now();
    struct handoff_batch away[NAT44_DIRS];
    away[NAT44_I2O].n = away[NAT44_O2I].n = 0;
    if (unlikely(!n)) {
        nat44_off(b, next, count, false);
        return;
    }
    for (u32 i = 0; i < count; i++) {
        struct buffer *now = b[i];
        next[i] = ei_hairpin(n, t, nd, &now, away);
        if (now != b[i])
            next[i] = put_instead(t, nd, now, next[i]);
    }
    send_away(t, nd, n->in_node[NAT44_I2O], &away[NAT44_I2O]);
    send_away(t, nd, n->hairpin_node, &away[NAT44_O2I]);
}

/* --- timers --- */

void NODE_FN(nat44_ei_expire)(struct thread *t, struct node *nd, const u32 *timers, u32 count)
{
    struct nat44_data *n = nat44_now();
    for (u32 i = 0; n && i < count; i++)
        nat44_session_expire(n, t, timers[i], thread_now_ns(t));
}
