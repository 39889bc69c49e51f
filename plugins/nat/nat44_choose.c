/* See nat44_choose.h. */
#include "plugins/nat/nat44_choose.h"

#include "base/random.h"
#include "net/ip/address/address_data.h"
#include "net/ip/fib/fib_way.h"
#include "net/ip/ip4/ip4.h"

#define NAT44_TRIES 256 /* ports, before there seems to be none */
#define NAT44_WELL_KNOWN 1024

const struct nat44_pool *nat44_pool_now(const struct nat44_data *n, enum nat44_pool_kind kind)
{
    return __atomic_load_n(&n->pool[kind], __ATOMIC_ACQUIRE);
}

bool nat44_pool_has(const struct nat44_pool *pool, be32 addr)
{
    for (u32 i = 0; i < pool->n; i++)
        if (be32_equal(pool->v[i].addr, addr))
            return true;
    return false;
}

bool nat44_is_outside_end(const struct nat44_data *n, const union nat44_key *k)
{
    return nat44_pool_has(nat44_pool_now(n, NAT44_POOL), k->dst) ||
           nat44_mapping_outside(n, k->dst, k->dport, nat44_key_protocol(k));
}

static u8 flags_of_if(const struct nat44_data *n, struct if_index i)
{
    return if_is_none(i) ? 0 : __atomic_load_n(&n->if_flags[i.i], __ATOMIC_RELAXED);
}

/* --- where it goes --- */

static const struct adj *nat44_way_of(struct fib_index fib, be32 dst)
{
    struct ip_address x = ip_address_from_ip4(dst);
    return fib_way(fib, IP_FAMILY_4, &x);
}

bool nat44_is_here(struct fib_index fib, be32 dst)
{
    return adj_head(nat44_way_of(fib, dst)).kind == ADJ_KIND_RECEIVE;
}

static bool leads_out(const struct nat44_data *n, const struct adj *a)
{
    return fib_way_leaves(a) && flags_of_if(n, a->tx_if) & NAT44_IF_OUT;
}

bool nat44_way_out(const struct nat44_data *n, struct fib_index fib, be32 dst, struct if_index *tx)
{
    const struct adj *a = nat44_way_of(fib, dst);
    if (adj_head(a).kind == ADJ_KIND_RECEIVE)
        return false;
    const struct nat44_vrf_ways *ways = __atomic_load_n(&n->ways, __ATOMIC_ACQUIRE);
    for (u32 i = 0; i < ways->n; i++) {
        const struct adj *by = ways->v[i].from == fib.i ? nat44_way_of(ways->v[i].to, dst) : NULL;
        if (by && leads_out(n, by)) {
            *tx = by->tx_if;
            return true;
        }
    }
    if (!fib_way_leaves(a) && fib.i != n->outside_fib.i && !ways->any_table)
        a = nat44_way_of(n->outside_fib, dst);
    *tx = a->tx_if;
    return leads_out(n, a);
}

/* --- address and port --- */

static bool may_use(const struct nat44_address *a, u32 fib, struct if_index tx, bool of_link)
{
    struct ip_address x = ip_address_from_ip4(a->addr);
    return (a->tenant == NAT44_TENANT_ANY || a->tenant == fib) &&
           (!of_link || (!if_is_none(tx) && ip_if_has_subnet_of(IP_FAMILY_4, tx, &x)));
}

u32 nat44_addresses_for(const struct nat44_pool *pool, be32 host, u32 fib, struct if_index tx,
                        be32 *out, u32 max)
{
    u32 count = 0, at = 0;
    bool of_link = true;
    if (pool->n == 1 && max && may_use(&pool->v[0], fib, tx, false)) { /* whatever its link */
        out[0] = pool->v[0].addr;
        return 1;
    }
    for (u32 i = 0; i < pool->n; i++)
        count += may_use(&pool->v[i], fib, tx, true);
    if (!count) {
        of_link = false;
        for (u32 i = 0; i < pool->n; i++)
            count += may_use(&pool->v[i], fib, tx, false);
    }
    if (!count)
        return 0;
    u32 first = (be32_to_host(host) * 0x9e3779b1u >> 8) % count, n = (u32)min_u64(count, max);
    for (u32 i = 0; i < pool->n; i++)
        if (may_use(&pool->v[i], fib, tx, of_link)) {
            u32 place = (at++ + count - first) % count;
            if (place < n)
                out[place] = pool->v[i].addr;
        }
    return n;
}

bool nat44_is_free(const struct nat44_data *n, const struct session_table *table,
                   enum nat44_dir dir, const union nat44_key *key)
{
    return session_find(table, dir, key->words, 2) == SESSION_NONE &&
           !nat44_mapping_outside(n, key->dst, key->dport, nat44_key_protocol(key));
}

static void set_port(union nat44_key *key, be16 port)
{
    if (nat44_key_protocol(key) == IP_PROTOCOL_ICMP)
        key->sport = port;
    key->dport = port;
}

/* Those that a session may get that has this one inside. */
static union nat44_port_set ports_like(const struct nat44_data *n, u16 port, u8 protocol)
{
    union nat44_port_set set = {.word = __atomic_load_n(&n->ports.word, __ATOMIC_RELAXED)};
    if (set.n)
        return set;
    if (protocol == IP_PROTOCOL_ICMP)
        return nat44_port_range(1, 65535);
    return port < NAT44_WELL_KNOWN ? nat44_port_range(1, NAT44_WELL_KNOWN - 1)
                                   : nat44_port_range(NAT44_WELL_KNOWN, 65535);
}

/* One of a set, which is this thread's and free, and has these bits as `like' has them. */
static bool nat44_try_ports(struct nat44_data *n, struct thread *t, union nat44_key *back,
                            enum nat44_dir dir, union nat44_port_set set, u16 like, u32 bits)
{
    const struct session_table *table = session_table_of(n->sessions, t);
    u32 k = (u32)(random_u64(&n->threads[thread_index(t)].random) >> 32) % set.n;
    for (u32 tries = 0, looked = 0; tries < NAT44_TRIES && looked < set.n; looked++) {
        k = k + 1 < set.n ? k + 1 : 0;
        u32 port = nat44_port_set_at(set, k);
        be16 x = be16_from_host((u16)port);
        if (!port || (port ^ like) & bits || nat44_owner_of_port(n, x) != thread_index(t))
            continue;
        set_port(back, x);
        if (nat44_is_free(n, table, dir, back))
            return true;
        tries++;
    }
    return false;
}

bool nat44_find_port(struct nat44_data *n, struct thread *t, union nat44_key key[NAT44_DIRS],
                     enum nat44_dir dir)
{
    const struct session_table *table = session_table_of(n->sessions, t);
    union nat44_key *back = &key[dir];
    be16 like = key[1 - dir].sport;
    u8 protocol = nat44_key_protocol(back);
    u16 wanted = be16_to_host(like);

    if (!nat44_has_ports(protocol))
        return nat44_is_free(n, table, dir, back);
    union nat44_port_set set = ports_like(n, wanted, protocol);
    if (!be16_equal(back->dport, like)) /* it is, nearly always */
        set_port(back, like);
    if (nat44_owner_of_port(n, like) == thread_index(t) && wanted &&
        nat44_port_set_has(set, wanted) && nat44_is_free(n, table, dir, back))
        return true;
    /* of UDP an even one for an even one, as long as there are any (RFC 4787 REQ-4) */
    u32 parity = protocol == IP_PROTOCOL_UDP;
    return nat44_try_ports(n, t, back, dir, set, wanted, parity) ||
           (parity && nat44_try_ports(n, t, back, dir, set, wanted, 0));
}

/* --- the first packet --- */

u32 nat44_why_not(const struct nat44_packet *p)
{
    return p->kind == NAT44_LATER         ? NAT44_ERR_FRAGMENT
           : p->kind == NAT44_BAD         ? NAT44_ERR_MALFORMED
           : p->kind == NAT44_UNSUPPORTED ? NAT44_ERR_UNSUPPORTED
           : p->kind == NAT44_PORTS       ? NAT44_ERR_NON_SYN
                                          : NAT44_ERR_NO_TRANSLATION;
}

/* Whether no session has any of both keys. */
static bool are_free(const struct nat44_data *n, struct thread *t,
                     const union nat44_key key[NAT44_DIRS])
{
    const struct session_table *table = session_table_of(n->sessions, t);
    return session_find(table, NAT44_I2O, key[NAT44_I2O].words, 2) == SESSION_NONE &&
           session_find(table, NAT44_O2I, key[NAT44_O2I].words, 2) == SESSION_NONE;
}

/* The end outside that a mapping gives a host inside. */
static void take_outside(union nat44_key *back, const struct nat44_mapping *m)
{
    back->dst = m->outside.addr;
    if (!m->outside.protocol)
        return;
    back->dport = m->outside.port;
    if (m->outside.protocol == IP_PROTOCOL_ICMP)
        back->sport = m->outside.port;
}

void nat44_take_inside(union nat44_key *back, const struct nat44_mapping *m)
{
    back->src = m->inside.addr;
    back->fib_protocol = m->inside.fib << 8 | nat44_key_protocol(back);
    if (!m->inside.protocol)
        return;
    back->sport = m->inside.port;
    if (m->inside.protocol == IP_PROTOCOL_ICMP)
        back->dport = m->inside.port;
}

/* What this switch takes itself though nobody inside asked for it: pings of its address, and what a
 * DHCP server says. */
static bool is_for_switch(const struct buffer *b, const struct nat44_packet *p)
{
    const struct ip4_header *ip = buffer_current(b);
    const struct ip_if_addresses *own = ip_if_addresses(IP_FAMILY_4, b->rx_if);
    if (ip->protocol == IP_PROTOCOL_UDP)
        return p->kind == NAT44_PORTS && be16_is(p->key.dport, 68);
    if (p->kind != NAT44_QUERY || !p->asks)
        return false;
    for (u32 i = 0; own && i < own->n; i++)
        if (be32_equal(own->v[i].prefix.addr.ip4, ip->dst))
            return true;
    return false;
}

u32 nat44_make_static(struct nat44_data *n, struct thread *t, union nat44_key key[NAT44_DIRS],
                      u8 flags, u32 *session)
{
    nat44_told_by(key);
    if (!are_free(n, t, key))
        return NAT44_ERR_NO_TRANSLATION;
    flags |= NAT44_SESSION_STATIC | (n->stateless ? NAT44_SESSION_QUIET : 0);
    return nat44_make(n, t, key, flags, session);
}

u32 nat44_begin_dynamic(struct nat44_data *n, struct thread *t, union nat44_key key[NAT44_DIRS],
                        struct if_index tx, u8 flags, u32 *session)
{
    be32 addresses[8];
    if (n->static_only)
        return NAT44_ERR_NO_TRANSLATION;
    u32 count =
        nat44_addresses_for(nat44_pool_now(n, NAT44_POOL), key[NAT44_I2O].src,
                            nat44_key_fib(&key[NAT44_I2O]).i, tx, addresses, array_len(addresses));
    nat44_told_by(key);
    for (u32 i = 0; i < count; i++) {
        nat44_key_set_dst(&key[NAT44_O2I], addresses[i]);
        if (nat44_find_port(n, t, key, NAT44_O2I))
            return nat44_make(n, t, key, flags, session);
    }
    return NAT44_ERR_OUT_OF_PORTS;
}

u32 nat44_begin_by(struct nat44_data *n, struct thread *t, const struct nat44_packet *p,
                   struct if_index tx, u32 *session)
{
    const union nat44_key *k = &p->key;
    union nat44_key key[NAT44_DIRS] = {[NAT44_I2O] = *k};
    const struct nat44_mapping *m =
        nat44_mapping_inside(n, k->src, k->sport, nat44_key_protocol(k), nat44_key_fib(k).i);
    if (m && m->identity)
        return NAT44_PASS;
    if (m && m->only_outside)
        m = NULL;
    if (!nat44_may_begin(n, p))
        return nat44_why_not(p);
    key[NAT44_O2I] =
        nat44_key_back(k, if_is_none(tx) ? n->outside_fib : ip_if_fib(IP_FAMILY_4, tx));
    if (!m)
        return nat44_begin_dynamic(n, t, key, tx, 0, session);
    take_outside(&key[NAT44_O2I], m);
    return nat44_make_static(n, t, key, 0, session);
}

u32 nat44_begin_output(struct nat44_data *n, struct thread *t, const struct buffer *b,
                       const struct nat44_packet *p, u32 *session)
{
    if (b->flags & BUFFER_LOCAL && !p->asks)
        return NAT44_PASS;
    return nat44_begin_by(n, t, p, b->tx_if, session);
}

/* Forwarded from outside as it is. Where it came in by an output interface, what answers it leaves
 * by that, and is not to be translated either. */
static u32 begin_forwarded(struct nat44_data *n, struct thread *t, const struct buffer *b,
                           const struct nat44_packet *p, u32 *session)
{
    union nat44_key key[NAT44_DIRS] = {[NAT44_O2I] = p->key};
    key[NAT44_I2O] = nat44_key_back(&p->key, nat44_key_fib(&p->key));
    nat44_told_by(key);
    if (!(flags_of_if(n, b->rx_if) & NAT44_IF_OUTPUT) || !p->asks || !are_free(n, t, key))
        return NAT44_PASS;
    return nat44_make(n, t, key, NAT44_SESSION_FROM_OUTSIDE | NAT44_SESSION_BYPASS, session);
}

u32 nat44_begin_unknown(struct nat44_data *n, struct thread *t, const struct buffer *b,
                        const struct nat44_packet *p, u32 *session)
{
    if (is_for_switch(b, p))
        return NAT44_PASS;
    if (__atomic_load_n(&n->forwarding, __ATOMIC_RELAXED))
        return begin_forwarded(n, t, b, p, session);
    return p->kind == NAT44_PORTS || p->kind == NAT44_ERROR ? NAT44_ERR_NO_TRANSLATION
                                                            : nat44_why_not(p);
}
