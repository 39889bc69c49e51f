/* The first packet of a session: whether there is to be one, and by which address and port.
 * Source: RFC 4787, RFC 5382, RFC 5508; VPP's order. */
#include "base/random.h"
#include "net/ip/address/address_data.h"
#include "plugins/nat/nat44_affinity.h"
#include "plugins/nat/nat44_choose.h"

/* By all of both keys. */
void nat44_told_by(union nat44_key key[NAT44_DIRS])
{
}

u32 nat44_make(struct nat44_data *n, struct thread *t, const union nat44_key key[NAT44_DIRS],
               u8 flags, u32 *session)
{
    *session = nat44_session_new(n, t, key, flags);
    return *session == SESSION_NONE ? NAT44_ERR_MAX_SESSIONS : NAT44_TRANSLATE;
}

/* The end inside for a packet to that end outside: the one that its host had, or any, by their
 * probabilities. *backend: of several; POOL_NONE: m is the only one. */
static const struct nat44_mapping *end_inside_of(struct nat44_data *n, struct thread *t,
                                                 const union nat44_key *o2i,
                                                 const struct nat44_mapping *m, u32 *backend)
{
    const struct nat44_backends *list = nat44_backends_of(m);
    *backend = POOL_NONE;
    if (!list)
        return m;
    u32 had = list->affinity_s ? nat44_affinity_find(n, t, o2i) : POOL_NONE;
    u32 roll = (u32)(random_u64(&n->threads[thread_index(t)].random) >> 32) % list->total;
    for (u32 i = 0, sum = 0; i < list->n; i++) {
        sum += list->v[i].probability;
        if (list->v[i].mapping == had || (*backend == POOL_NONE && roll < sum))
            *backend = list->v[i].mapping;
        if (*backend == had && had != POOL_NONE)
            break;
    }
    return pool_at(&n->mappings.pool, *backend);
}

/* A session that a mapping with several ends inside has begun. */
static void note_backend(struct nat44_data *n, struct thread *t, u32 session,
                         const struct nat44_mapping *m, u32 backend)
{
    struct nat44_session *s = session_at(session_table_of(n->sessions, t), session);
    const struct nat44_backends *list = nat44_backends_of(m);
    s->flags |= NAT44_SESSION_LB;
    if (list->affinity_s &&
        nat44_affinity_hold(n, t, &s->key[NAT44_O2I], backend, list->affinity_s))
        s->flags |= NAT44_SESSION_AFFINITY;
}

/* From inside to the outer address of another host inside: that gets it from an outer address of
 * the sender's, so that what it answers comes back here (RFC 4787 REQ-9). */
static u32 begin_hairpin(struct nat44_data *n, struct thread *t, const struct nat44_packet *p,
                         const struct nat44_mapping *to, u32 *session)
{
    union nat44_key key[NAT44_DIRS] = {[NAT44_I2O] = p->key};
    if (!p->asks || !nat44_has_ports(nat44_key_protocol(&p->key)))
        return nat44_why_not(p);
    u32 backend;
    to = end_inside_of(n, t, &p->key, to, &backend);
    key[NAT44_O2I] = nat44_key_back(&p->key, (struct fib_index){to->inside.fib});
    nat44_take_inside(&key[NAT44_O2I], to);
    return nat44_begin_dynamic(n, t, key, IF_NONE, 0, session);
}

static u32 begin_inside(struct nat44_data *n, struct thread *t, const struct buffer *b,
                        const struct nat44_packet *p, u32 *session)
{
    const union nat44_key *k = &p->key;
    struct if_index tx;
    u8 protocol = nat44_key_protocol(k);
    const struct nat44_mapping *to = nat44_mapping_outside(n, k->dst, k->dport, protocol);
    if (to && !to->identity && p->kind != NAT44_ERROR)
        return begin_hairpin(n, t, p, to, session);
    if (!nat44_way_out(n, nat44_key_fib(k), ((const struct ip4_header *)buffer_current(b))->dst,
                       &tx))
        return NAT44_PASS;
    return nat44_begin_by(n, t, p, tx, session);
}

/* Whether the host outside gets another address for the host inside, too. */
static bool is_twice(const struct nat44_mapping *m, const union nat44_key *i2o)
{
    return m->twice == NAT44_TWICE_ALL ||
           (m->twice == NAT44_TWICE_SELF && be32_equal(i2o->src, i2o->dst));
}

/* By an address and port of the pool for that, or the mapping's exact address. key[I2O] says what
 * the host outside has itself. */
static u32 begin_twice(struct nat44_data *n, struct thread *t, union nat44_key key[NAT44_DIRS],
                       const struct nat44_mapping *m, u8 flags, u32 *session)
{
    const struct session_table *table = session_table_of(n->sessions, t);
    const struct nat44_pool *pool = nat44_pool_now(n, NAT44_POOL_TWICE);
    be32 addresses[8];
    u32 count = nat44_addresses_for(pool, key[NAT44_O2I].src, m->inside.fib, IF_NONE, addresses,
                                    array_len(addresses));
    if (!be32_is_zero(m->exact)) {
        addresses[0] = m->exact;
        count = nat44_pool_has(pool, m->exact);
    }
    for (u32 i = 0; i < count; i++) {
        key[NAT44_I2O].dst = addresses[i];
        /* the identifier of a query is the mapping's */
        if (nat44_key_protocol(&key[NAT44_I2O]) == IP_PROTOCOL_ICMP
                ? nat44_is_free(n, table, NAT44_I2O, &key[NAT44_I2O])
                : nat44_find_port(n, t, key, NAT44_I2O))
            return nat44_make_static(n, t, key, flags | NAT44_SESSION_TWICE, session);
    }
    return NAT44_ERR_OUT_OF_PORTS;
}

/* From outside to an end that a mapping has. */
static u32 begin_outside(struct nat44_data *n, struct thread *t, const struct nat44_packet *p,
                         const struct nat44_mapping *m, u32 *session)
{
    union nat44_key key[NAT44_DIRS] = {[NAT44_O2I] = p->key};
    u32 backend;
    if (m->identity)
        return NAT44_PASS;
    if (!p->asks)
        return nat44_why_not(p);
    const struct nat44_mapping *to = end_inside_of(n, t, &p->key, m, &backend);
    key[NAT44_I2O] = nat44_key_back(&p->key, (struct fib_index){to->inside.fib});
    nat44_take_inside(&key[NAT44_I2O], to);
    u32 fate = is_twice(to, &key[NAT44_I2O])
                   ? begin_twice(n, t, key, to, NAT44_SESSION_FROM_OUTSIDE, session)
                   : nat44_make_static(n, t, key, NAT44_SESSION_FROM_OUTSIDE, session);
    if (fate == NAT44_TRANSLATE && backend != POOL_NONE)
        note_backend(n, t, *session, m, backend);
    return fate;
}

void nat44_session_ends(struct nat44_data *n, struct thread *t, u32 session)
{
    const struct nat44_session *s = session_at(session_table_of(n->sessions, t), session);
    if (s->flags & NAT44_SESSION_AFFINITY)
        nat44_affinity_release(n, t, &s->key[NAT44_O2I]);
}

void nat44_session_aged(struct nat44_data *n, struct thread *t, u32 session)
{
}

u32 nat44_begin(struct nat44_data *n, struct thread *t, const struct buffer *b,
                enum feature_place place, const struct nat44_packet *p, enum nat44_dir *dir,
                u32 *session)
{
    *session = SESSION_NONE;
    if (b->flags & BUFFER_NATTED) /* once is enough */
        return NAT44_PASS;
    if (place == AT_IP_OUTPUT)
        return nat44_begin_output(n, t, b, p, session);
    if (*dir == NAT44_I2O)
        return begin_inside(n, t, b, p, session);
    const struct nat44_mapping *to =
        nat44_mapping_outside(n, p->key.dst, p->key.dport, nat44_key_protocol(&p->key));
    bool sound = p->kind == NAT44_PORTS || p->kind == NAT44_QUERY || p->kind == NAT44_OTHER;
    if (to && sound)
        return begin_outside(n, t, p, to, session);
    return nat44_begin_unknown(n, t, b, p, session);
}
