/* What another switch says of its sessions. See nat44_ha.h. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/l4_packet.h"
#include "plugins/nat/nat44_choose.h"
#include "plugins/nat/nat44_ha.h"
#include "plugins/nat/nat44_internal.h"

/* --- the thread that has them --- */

/* A record, as this switch has it. */
struct ha_change {
    union nat44_key key[NAT44_DIRS];
    u64 packets, bytes;
    u32 owner;
    u8 type, state;
    u8 flags; /* enum nat44_session_flags */
};

struct ha_changes {
    struct nat44_data *n;
    u32 refused;
    u64 owners; /* a bit each */
    VEC(struct ha_change) v;
};
static_assert(THREADS_MAX <= 64, "a bit each");

static u32 ha_find(const struct session_table *table, const union nat44_key *key,
                   enum nat44_dir dir)
{
    return session_find(table, dir, key->words, 2);
}

static void ha_end(struct nat44_data *n, struct thread *t, u32 session)
{
    struct nat44_session *s = session_at(session_table_of(n->sessions, t), session);
    s->flags |= NAT44_SESSION_QUIET;
    nat44_session_delete(n, t, session);
}

/* A session by just these keys: others that have one of them go. SESSION_NONE: there is no room. */
static u32 ha_make(struct nat44_data *n, struct thread *t, const struct ha_change *c)
{
    const struct session_table *table = session_table_of(n->sessions, t);
    u32 session = SESSION_NONE;
    for (u32 dir = 0; dir < NAT44_DIRS; dir++) {
        u32 other = ha_find(table, &c->key[dir], (enum nat44_dir)dir);
        if (other != SESSION_NONE)
            ha_end(n, t, other);
    }
    (void)nat44_make(n, t, c->key, c->flags | NAT44_SESSION_QUIET, &session);
    return session;
}

static bool ha_apply_one(struct nat44_data *n, struct thread *t, const struct ha_change *c)
{
    const struct session_table *table = session_table_of(n->sessions, t);
    u32 session = ha_find(table, &c->key[NAT44_I2O], NAT44_I2O);
    if (session != ha_find(table, &c->key[NAT44_O2I], NAT44_O2I))
        session = SESSION_NONE;
    if (session == SESSION_NONE && c->type != NAT44_HA_DELETE)
        session = ha_make(n, t, c);
    if (session == SESSION_NONE)
        return c->type == NAT44_HA_DELETE;
    struct nat44_session *s = session_at(table, session);
    if (c->type == NAT44_HA_DELETE) {
        if (s->flags & NAT44_SESSION_QUIET) /* else its packets come here now */
            ha_end(n, t, session);
        return true;
    }
    s->packets = s->packets > c->packets ? s->packets : c->packets;
    s->bytes = s->bytes > c->bytes ? s->bytes : c->bytes;
    s->state = c->state;
    s->last_heard_ns = thread_now_ns(t);
    nat44_session_age(n, t, session);
    s->flags |= NAT44_SESSION_QUIET; /* which aging took away */
    nat44_session_arm(n, t, session);
    return true;
}

static void ha_apply(struct thread *t, void *arg)
{
    struct ha_changes *x = arg;
    for (u32 i = 0; i < x->v.n; i++)
        if (x->v.v[i].owner == thread_index(t))
            x->refused += !ha_apply_one(x->n, t, &x->v.v[i]);
}

/* --- messages --- */

static bool is_state(u8 state, u8 protocol)
{
    return state <= (protocol == IP_PROTOCOL_TCP ? NAT44_STATE_TRANS : NAT44_STATE_ESTABLISHED);
}

/* Whether a mapping leads to just that end inside. */
static bool ha_is_of_mapping(const struct nat44_data *n, const union nat44_key key[NAT44_DIRS])
{
    const union nat44_key *o2i = &key[NAT44_O2I];
    const struct nat44_mapping *m =
        nat44_mapping_outside(n, o2i->dst, o2i->dport, nat44_key_protocol(o2i));
    union nat44_key inside = key[NAT44_I2O];
    if (!m || m->identity)
        return false;
    nat44_take_inside(&inside, m);
    return memcmp(&inside, &key[NAT44_I2O], sizeof(inside)) == 0;
}

/* A session that this switch could have begun itself: of tables that it has, by an address of its
 * pool and a port of the thread that has the host, or by a mapping. */
static bool ha_change_of(struct piste *p, const struct nat44_ha_record *r, struct ha_change *out)
{
    const struct nat44_data *n = &nat44_state_of(p)->data;
    struct fib *fib = fib_of(p);
    struct fib_index in = fib_table_find(fib, IP_FAMILY_4, be32_to_host(r->inside_table));
    struct fib_index from = fib_table_find(fib, IP_FAMILY_4, be32_to_host(r->outside_table));
    bool ports = nat44_has_ports(r->protocol), query = r->protocol == IP_PROTOCOL_ICMP;
    bool is_static = r->flags & NAT44_HA_STATIC;
    if (!r->type || r->type >= NAT44_HA_TYPES || !is_state(r->state, r->protocol) ||
        fib_is_none(in) || fib_is_none(from) ||
        (!ports && !(be16_is_zero(r->inside_port) && be16_is_zero(r->outside_port))))
        return false;
    *out = (struct ha_change){
        .key = {[NAT44_I2O] = {.src = r->inside,
                               .sport = r->inside_port,
                               .dport = query ? r->inside_port : (be16){0},
                               .fib_protocol = in.i << 8 | r->protocol},
                [NAT44_O2I] = {.dst = r->outside,
                               .dport = r->outside_port,
                               .sport = query ? r->outside_port : (be16){0},
                               .fib_protocol = from.i << 8 | r->protocol}},
        .packets = be64_to_host(r->packets),
        .bytes = be64_to_host(r->bytes),
        .owner = nat44_owner_of_host(n, r->inside),
        .type = r->type,
        .state = r->state,
        .flags = (u8)((is_static ? NAT44_SESSION_STATIC : 0) |
                      (r->flags & NAT44_HA_FROM_OUTSIDE ? NAT44_SESSION_FROM_OUTSIDE : 0)),
    };
    return is_static ? ha_is_of_mapping(n, out->key)
                     : ports && nat44_is_outside_end(n, &out->key[NAT44_O2I]) &&
                           nat44_owner_of_port(n, r->outside_port) == out->owner;
}

static void ha_take_records(struct nat44_ha *ha, const u8 *bytes, u32 count)
{
    struct ha_changes x = {.n = &nat44_state_of(ha->p)->data};
    struct engine *e = engine_of(ha->p);
    for (u32 i = 0; i < count; i++) {
        struct nat44_ha_record r;
        struct ha_change c;
        memcpy(&r, bytes + i * sizeof(r), sizeof(r));
        if (ha_change_of(ha->p, &r, &c)) {
            ha->counts.received[r.type]++;
            x.owners |= 1ull << c.owner;
            vec_add(&x.v, c);
        } else {
            ha->counts.refused++;
        }
    }
    for (u32 i = 1; i < engine_n_threads(e); i++)
        if (x.owners >> i & 1)
            thread_call(engine_thread(e, i), ha_apply, &x);
    ha->counts.refused += x.refused;
    vec_free(&x.v);
}

struct ha_datagram {
    struct ip4_header ip;
    struct udp_header udp;
};

static void ha_answer(struct nat44_ha *ha, const struct ha_datagram *d, struct nat44_ha_header h)
{
    struct udp4_flow back = ha->flow;
    back.dst = d->ip.src;
    back.dst_port = d->udp.src_port;
    h.flags = NAT44_HA_ANSWER;
    h.count = (be16){0};
    (void)!udp4_send(ha->p, &back, &h, sizeof(h)); /* lost: the message comes once more */
    ha->flow.next_id = back.next_id;
}

/* n bytes behind the headers. */
static bool ha_take_message(struct nat44_ha *ha, const struct ha_datagram *d, const u8 *bytes,
                            u32 n)
{
    struct nat44_ha_header h;
    bool known = ha->c.failover_port && be32_equal(d->ip.src, ha->c.failover);
    if (n < sizeof(h) || !be32_equal(d->ip.dst, ha->c.listener) || (ha->c.failover_port && !known))
        return false;
    memcpy(&h, bytes, sizeof(h));
    u32 count = be16_to_host(h.count);
    if (h.version != NAT44_HA_VERSION || n != sizeof(h) + count * sizeof(struct nat44_ha_record))
        return false;
    if (h.flags & NAT44_HA_ANSWER) {
        nat44_ha_answered(ha, be32_to_host(h.sequence));
        return known;
    }
    ha_take_records(ha, bytes + sizeof(h), count);
    ha_answer(ha, d, h);
    return true;
}

/* The datagram's payload, malloc'ed; NULL: it is none of this kind. */
static u8 *ha_payload(const struct buffer *b, struct ha_datagram *d, u32 *n)
{
    u32 at = buffer_copy_out(b, 0, &d->ip, sizeof(d->ip));
    at = at == sizeof(d->ip) ? ip4_header_bytes(&d->ip) : 0;
    if (!at || buffer_copy_out(b, at, &d->udp, sizeof(d->udp)) < sizeof(d->udp))
        return NULL;
    *n = be16_to_host(d->udp.length);
    if (*n <= sizeof(d->udp))
        return NULL;
    *n -= (u32)sizeof(d->udp);
    u8 *bytes = mem_alloc(*n);
    *n = buffer_copy_out(b, at + (u32)sizeof(d->udp), bytes, *n);
    return bytes;
}

void nat44_ha_on_packet(struct piste *p, u32 bi, const void *about)
{
    struct nat44_state *s = nat44_state_of(p);
    struct nat44_ha *ha = s ? s->ha : NULL;
    struct ha_datagram d;
    u32 n;
    u8 *bytes = ha && ha->c.listener_port ? ha_payload(buffer_at(bi), &d, &n) : NULL;
    buffer_free_one(engine_main_thread(engine_of(p)), bi);
    if (ha && ha->c.listener_port && (!bytes || !ha_take_message(ha, &d, bytes, n)))
        ha->counts.bad++;
    free(bytes);
}
