/* The first packet of a session: whether there is to be one, and by which address and port.
 * Source: RFC 4787, RFC 5382, RFC 5508; VPP's order. */
#include "net/ip/address/address_data.h"
#include "net/ip/fib/fib_data.h"
#include "net/ip/ip4/ip4.h"
#include "plugins/nat/nat44_node.h"

#define NAT44_TRIES 256 /* ports, before there seems to be none */
#define NAT44_WELL_KNOWN 1024

static const struct nat44_pool *pool_now(const struct nat44_data *n)
{
    return __atomic_load_n(&n->pool, __ATOMIC_ACQUIRE);
}

bool nat44_is_outside_address(const struct nat44_data *n, be32 addr)
{
    const struct nat44_pool *pool = pool_now(n);
    for (u32 i = 0; i < pool->n; i++)
        if (be32_equal(pool->v[i].addr, addr))
            return true;
    return false;
}

static u8 flags_of_if(const struct nat44_data *n, struct if_index i)
{
    return if_is_none(i) ? 0 : __atomic_load_n(&n->if_flags[i.i], __ATOMIC_RELAXED);
}

/* --- where it goes --- */

/* The adjacency by which a packet for dst leaves, or ends; recursion followed. */
static const struct adj *nat44_way_of(struct fib_index fib, be32 dst)
{
    struct lb lb = lb_load(ip4_lookup(fib, dst).i);
    const struct adj *a = adj_at(lb_pick(lb, 0));
    for (u32 depth = 0; depth < 8; depth++) {
        u8 kind = adj_head(a).kind;
        if (kind == ADJ_KIND_LB)
            lb = lb_load((u32)a->data);
        else if (kind == ADJ_KIND_LOOKUP)
            lb = lb_load(ip4_lookup((struct fib_index){(u32)a->data}, dst).i);
        else
            break;
        a = adj_at(lb_pick(lb, 0));
    }
    return a;
}

static bool leads_out(const struct nat44_data *n, const struct adj *a)
{
    u8 kind = adj_head(a).kind;
    bool leaves = kind == ADJ_KIND_REWRITE || kind == ADJ_KIND_INCOMPLETE ||
                  kind == ADJ_KIND_GLEAN || kind == ADJ_KIND_MIDCHAIN;
    return leaves && flags_of_if(n, a->tx_if) & NAT44_IF_OUT;
}

/* The interface by which a packet from inside leaves to outside; false: it does not. */
static bool way_out(const struct nat44_data *n, struct fib_index fib, be32 dst, struct if_index *tx)
{
    const struct adj *a = nat44_way_of(fib, dst);
    if (adj_head(a).kind == ADJ_KIND_RECEIVE)
        return false;
    if (!leads_out(n, a) && fib.i != n->outside_fib.i)
        a = nat44_way_of(n->outside_fib, dst);
    *tx = a->tx_if;
    return leads_out(n, a);
}

/* --- address and port --- */

static u64 nat44_random(struct nat44_thread *own)
{
    own->random ^= own->random << 13;
    own->random ^= own->random >> 7;
    own->random ^= own->random << 17;
    return own->random;
}

static bool may_use(const struct nat44_address *a, u32 fib, struct if_index tx, bool of_link)
{
    struct ip_address x = ip_address_from_ip4(a->addr);
    return (a->tenant == NAT44_TENANT_ANY || a->tenant == fib) &&
           (!of_link || ip_if_has_subnet_of(IP_FAMILY_4, tx, &x));
}

/* Its addresses, those of the link by which packets leave if there are any, the one first that this
 * host always has (RFC 4787 REQ-2). Shapes: out[max]. Returns how many. */
static u32 addresses_for(const struct nat44_pool *pool, const union nat44_key *key,
                         struct if_index tx, be32 *out, u32 max)
{
    u32 fib = nat44_key_fib(key).i, count = 0, at = 0;
    bool of_link = true;
    for (u32 i = 0; i < pool->n; i++)
        count += may_use(&pool->v[i], fib, tx, true);
    if (!count) {
        of_link = false;
        for (u32 i = 0; i < pool->n; i++)
            count += may_use(&pool->v[i], fib, tx, false);
    }
    if (!count)
        return 0;
    u32 first = (be32_to_host(key->src) * 0x9e3779b1u >> 8) % count, n = (u32)min_u64(count, max);
    for (u32 i = 0; i < pool->n; i++)
        if (may_use(&pool->v[i], fib, tx, of_link)) {
            u32 place = (at++ + count - first) % count;
            if (place < n)
                out[place] = pool->v[i].addr;
        }
    return n;
}

/* Whether it is free: of TCP, UDP and queries with that port of ours, of others without. */
static bool is_free(const struct session_table *table, const union nat44_key *back)
{
    return session_find(table, NAT44_O2I, back->words, 2) == SESSION_NONE;
}

static void set_port(union nat44_key *back, be16 port)
{
    if (nat44_key_protocol(back) == IP_PROTOCOL_ICMP)
        back->sport = port;
    back->dport = port;
}

/* A port of address back->dst for this session: the one that it has inside, or another one of the
 * same half of the range (RFC 4787 REQ-3). */
static bool nat44_find_port(struct nat44_data *n, struct thread *t, const union nat44_key *key,
                            union nat44_key *back)
{
    const struct session_table *table = session_table_of(n->sessions, t);
    u8 protocol = nat44_key_protocol(key);
    u16 wanted = be16_to_host(key->sport);
    bool low = wanted < NAT44_WELL_KNOWN && protocol != IP_PROTOCOL_ICMP;
    u32 from = low ? 1 : NAT44_WELL_KNOWN, to = low ? NAT44_WELL_KNOWN : 65536;

    if (protocol != IP_PROTOCOL_ICMP && protocol != IP_PROTOCOL_TCP && protocol != IP_PROTOCOL_UDP)
        return is_free(table, back);
    set_port(back, key->sport);
    if (nat44_owner_of_port(n, key->sport) == thread_index(t) && wanted && is_free(table, back))
        return true;
    u32 port = from + (u32)(nat44_random(&n->threads[thread_index(t)]) >> 32) % (to - from);
    for (u32 tries = 0, looked = 0; tries < NAT44_TRIES && looked < to - from; looked++) {
        port = port + 1 < to ? port + 1 : from;
        be16 x = be16_from_host((u16)port);
        if (nat44_owner_of_port(n, x) != thread_index(t))
            continue;
        set_port(back, x);
        if (is_free(table, back))
            return true;
        tries++;
    }
    return false;
}

/* --- the first packet --- */

static u32 nat44_make(struct nat44_data *n, struct thread *t, const union nat44_key key[NAT44_DIRS],
                      u8 flags, u32 *session)
{
    *session = nat44_session_new(n, t, key, flags);
    return *session == SESSION_NONE ? NAT44_ERR_MAX_SESSIONS : NAT44_TRANSLATE;
}

/* A kind of packet that begins no session, though it may be of one. */
static u32 why_not(const struct nat44_packet *p)
{
    return p->kind == NAT44_FRAGMENT      ? NAT44_ERR_FRAGMENT
           : p->kind == NAT44_BAD         ? NAT44_ERR_MALFORMED
           : p->kind == NAT44_UNSUPPORTED ? NAT44_ERR_UNSUPPORTED
           : p->kind == NAT44_PORTS       ? NAT44_ERR_NON_SYN
                                          : NAT44_ERR_NO_TRANSLATION;
}

static u32 begin_inside(struct nat44_data *n, struct thread *t, const struct buffer *b,
                        const struct nat44_packet *p, u32 *session)
{
    union nat44_key key[NAT44_DIRS] = {[NAT44_I2O] = p->key};
    be32 addresses[8];
    const struct ip4_header *ip = buffer_current(b);
    struct if_index tx;

    if (!way_out(n, ip_if_fib(IP_FAMILY_4, b->rx_if), ip->dst, &tx))
        return NAT44_PASS;
    if (!p->asks)
        return why_not(p);
    key[NAT44_O2I] = nat44_key_back(&p->key, ip_if_fib(IP_FAMILY_4, tx));
    u32 count = addresses_for(pool_now(n), &p->key, tx, addresses, array_len(addresses));
    for (u32 i = 0; i < count; i++) {
        key[NAT44_O2I].dst = addresses[i];
        if (nat44_find_port(n, t, &p->key, &key[NAT44_O2I]))
            return nat44_make(n, t, key, 0, session);
    }
    return NAT44_ERR_OUT_OF_PORTS;
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
        if (be32_equal(own->v[i].addr.ip4, ip->dst))
            return true;
    return false;
}

u32 nat44_begin(struct nat44_data *n, struct thread *t, const struct buffer *b,
                const struct nat44_packet *p, enum nat44_dir *dir, u32 *session)
{
    *session = SESSION_NONE;
    if (*dir == NAT44_I2O)
        return begin_inside(n, t, b, p, session);
    if (is_for_switch(b, p) || __atomic_load_n(&n->forwarding, __ATOMIC_RELAXED))
        return NAT44_PASS;
    return p->kind == NAT44_PORTS || p->kind == NAT44_ERROR ? NAT44_ERR_NO_TRANSLATION : why_not(p);
}
