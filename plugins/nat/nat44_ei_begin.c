/* The first packet of a session of NAT44 EI. Source: RFC 4787, RFC 5382, RFC 5508. */
#include "net/ip/ip4/ip4.h"
#include "plugins/nat/nat44_choose.h"

void nat44_told_by(union nat44_key key[NAT44_DIRS])
{
    for (u32 dir = 0; dir < NAT44_DIRS; dir++)
        key[dir] = nat44_key_told(&key[dir], (enum nat44_dir)dir, NAT44_EI);
}

/* From inside, to leave by tx. A protocol without ports is only translated for a host that has an
 * address to itself: there would be nothing to tell hosts outside by. */
static u32 begin_from_inside(struct nat44_data *n, struct thread *t, const struct nat44_packet *p,
                             struct if_index tx, u32 *session)
{
    const union nat44_key *k = &p->key;
    if (p->kind == NAT44_OTHER &&
        !nat44_mapping_inside(n, k->src, k->sport, nat44_key_protocol(k), nat44_key_fib(k).i))
        return NAT44_ERR_UNSUPPORTED;
    return nat44_begin_by(n, t, p, tx, session);
}

static u32 begin_leaving(struct nat44_data *n, struct thread *t, const struct buffer *b,
                         const struct nat44_packet *p, u32 *session)
{
    if (b->flags & BUFFER_LOCAL && (!p->asks || p->kind == NAT44_OTHER)) /* of this switch */
        return NAT44_PASS;
    return begin_from_inside(n, t, p, b->tx_if, session);
}

/* From outside, or by a hairpin, to an end that a mapping has. */
static u32 begin_to_mapping(struct nat44_data *n, struct thread *t, const struct nat44_packet *p,
                            const struct nat44_mapping *m, u32 *session)
{
    union nat44_key key[NAT44_DIRS] = {[NAT44_O2I] = p->key};
    if (m->identity)
        return NAT44_PASS;
    if (!nat44_may_begin(n, p))
        return nat44_why_not(p);
    key[NAT44_I2O] = nat44_key_back(&p->key, (struct fib_index){m->inside.fib});
    nat44_take_inside(&key[NAT44_I2O], m);
    return nat44_make_static(n, t, key, NAT44_SESSION_FROM_OUTSIDE, session);
}

u32 nat44_begin(struct nat44_data *n, struct thread *t, const struct buffer *b,
                enum feature_place place, const struct nat44_packet *p, enum nat44_dir *dir,
                u32 *session)
{
    const union nat44_key *k = &p->key;
    *session = SESSION_NONE;
    if (b->flags & BUFFER_NATTED) /* once is enough, but for a hairpin */
        return *dir == NAT44_I2O && place == AT_IP_INPUT
                   ? begin_from_inside(n, t, p, IF_NONE, session)
                   : NAT44_PASS;
    if (place == AT_IP_OUTPUT)
        return begin_leaving(n, t, b, p, session);
    if (*dir == NAT44_I2O) {
        struct if_index tx;
        be32 dst = ((const struct ip4_header *)buffer_current(b))->dst;
        return nat44_way_out(n, nat44_key_fib(k), dst, &tx)
                   ? begin_from_inside(n, t, p, tx, session)
                   : NAT44_PASS;
    }
    const struct nat44_mapping *to =
        nat44_mapping_outside(n, k->dst, k->dport, nat44_key_protocol(k));
    bool sound = p->kind == NAT44_PORTS || p->kind == NAT44_QUERY || p->kind == NAT44_OTHER ||
                 (n->stateless && p->kind < NAT44_BAD);
    return to && sound ? begin_to_mapping(n, t, p, to, session)
                       : nat44_begin_unknown(n, t, b, p, session);
}
