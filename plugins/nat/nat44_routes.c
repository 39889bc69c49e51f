/* Routes by which this switch takes what is sent to an address outside: those of the pool and of
 * static mappings, in the tables of interfaces to outside. See nat44.h. */
#include "base/log.h"
#include "net/ip/address/address.h"
#include "plugins/nat/nat44_internal.h"

static struct log_class log_class = {"nat", "routes"};

struct route_key {
    u32 table;
    be32 addr;
};

static bool has_address(const struct nat44_state *s, be32 addr, u64 *at)
{
    return hash_get(&s->own_by_addr, &addr, at);
}

static bool is_outside_table(const struct nat44_state *s, struct fib_index table)
{
    for (u32 i = 0; i < s->ifs.n; i++)
        if (s->ifs.v[i].flags & (NAT44_IF_OUT | NAT44_IF_OUTPUT) &&
            ip_if_fib(IP_FAMILY_4, s->ifs.v[i].interface).i == table.i)
            return true;
    return false;
}

/* Whether it is wanted: unless an interface has the address itself, and is not about to lose it. */
static bool wants_route(struct piste *p, const struct nat44_route *r,
                        const struct nat44_route *leaving)
{
    const struct nat44_state *s = nat44_state_of(p);
    struct ip_address x = ip_address_from_ip4(r->addr);
    u64 at;
    if (!has_address(s, r->addr, &at) || !is_outside_table(s, r->table))
        return false;
    return (leaving && leaving->table.i == r->table.i && be32_equal(leaving->addr, r->addr)) ||
           if_is_none(ip_address_find(p, r->table, &x));
}

static void nat44_del_route(struct piste *p, u32 i)
{
    struct nat44_state *s = nat44_state_of(p);
    struct nat44_route r = s->routes.v[i];
    struct route_key key = {r.table.i, r.addr};
    struct error e;
    if (fib_route_delete(fib_of(p), r.table, ip4_prefix(r.addr, 32), FIB_SOURCE_PROXY, &e))
        log_warn(&log_class, "%s", e.text);
    fib_table_unlock(fib_of(p), r.table, FIB_SOURCE_PROXY);
    hash_del(&s->route_by_key, &key);
    s->routes.v[i] = s->routes.v[--s->routes.n];
    if (i < s->routes.n) {
        key = (struct route_key){s->routes.v[i].table.i, s->routes.v[i].addr};
        hash_set(&s->route_by_key, &key, i);
    }
}

static int nat44_make_route(struct fib *f, struct nat44_route *r, struct error *e)
{
    struct fib_path path = fib_path_special(FIB_PATH_LOCAL);
    int rc = fib_table_lock(f, IP_FAMILY_4, fib_table_id(f, r->table), NULL, FIB_SOURCE_PROXY,
                            &r->table, e);
    if (rc)
        return rc;
    rc = fib_route_update(f, r->table, ip4_prefix(r->addr, 32), FIB_SOURCE_PROXY, &path, 1, e);
    if (rc)
        fib_table_unlock(f, r->table, FIB_SOURCE_PROXY);
    return rc;
}

static void want_route(struct piste *p, struct nat44_route r, const struct nat44_route *leaving)
{
    struct nat44_state *s = nat44_state_of(p);
    struct route_key key = {r.table.i, r.addr};
    struct error e;
    if (hash_get(&s->route_by_key, &key, NULL) || !wants_route(p, &r, leaving))
        return;
    if (nat44_make_route(fib_of(p), &r, &e)) {
        log_error(&log_class, "no route to an address outside: %s", e.text);
        return;
    }
    hash_set(&s->route_by_key, &key, s->routes.n);
    vec_add(&s->routes, r);
}

/* --- what data threads are told of addresses --- */

static void mark_own(u64 bits[NAT44_OWN_BITS / 64], be32 addr)
{
    u32 bit = nat44_own_bit(addr);
    bits[bit / 64] |= 1ull << bit % 64;
}

/* All of them anew: what has gone stays marked till then, which costs its packets a look. */
static void mark_all(struct piste *p)
{
    struct nat44_state *s = nat44_state_of(p);
    u64 bits[NAT44_OWN_BITS / 64] = {0};
    struct ip_prefix a;
    for (u32 i = 0; i < s->own.n; i++)
        mark_own(bits, s->own.v[i].addr);
    for (u32 k = 0; k < s->ifs.n; k++)
        for (u32 i = 0; ip_address_at(p, IP_FAMILY_4, s->ifs.v[k].interface, i, &a); i++)
            mark_own(bits, a.addr.ip4);
    for (u32 i = 0; i < array_len(bits); i++)
        __atomic_store_n(&s->data.own_bits[i], bits[i], __ATOMIC_RELAXED);
}

void nat44_sync_routes(struct piste *p, const struct nat44_route *leaving)
{
    struct nat44_state *s = nat44_state_of(p);
    mark_all(p);
    for (u32 i = s->routes.n; i-- > 0;)
        if (!wants_route(p, &s->routes.v[i], leaving))
            nat44_del_route(p, i);
    for (u32 k = 0; k < s->ifs.n; k++)
        for (u32 i = 0; i < s->own.n; i++)
            want_route(p,
                       (struct nat44_route){ip_if_fib(IP_FAMILY_4, s->ifs.v[k].interface),
                                            s->own.v[i].addr},
                       leaving);
}

void nat44_own_address(struct piste *p, be32 addr)
{
    struct nat44_state *s = nat44_state_of(p);
    u64 at;
    if (has_address(s, addr, &at)) {
        s->own.v[at].refs++;
        return;
    }
    hash_set(&s->own_by_addr, &addr, s->own.n);
    vec_add(&s->own, ((struct nat44_own){addr, 1}));
    u32 bit = nat44_own_bit(addr);
    __atomic_fetch_or(&s->data.own_bits[bit / 64], 1ull << bit % 64, __ATOMIC_RELAXED);
    for (u32 k = 0; k < s->ifs.n; k++)
        want_route(p, (struct nat44_route){ip_if_fib(IP_FAMILY_4, s->ifs.v[k].interface), addr},
                   NULL);
}

void nat44_disown_address(struct piste *p, be32 addr)
{
    struct nat44_state *s = nat44_state_of(p);
    u64 at;
    if (!has_address(s, addr, &at) || --s->own.v[at].refs)
        return;
    hash_del(&s->own_by_addr, &addr);
    s->own.v[at] = s->own.v[--s->own.n];
    if (at < s->own.n)
        hash_set(&s->own_by_addr, &s->own.v[at].addr, at);
    for (u32 k = 0; k < s->ifs.n; k++) {
        struct route_key key = {ip_if_fib(IP_FAMILY_4, s->ifs.v[k].interface).i, addr};
        if (hash_get(&s->route_by_key, &key, &at))
            nat44_del_route(p, (u32)at);
    }
}

u32 nat44_address_refs(const struct piste *p, be32 addr)
{
    const struct nat44_state *s = nat44_state_of(p);
    u64 at;
    return has_address(s, addr, &at) ? s->own.v[at].refs : 0;
}

void nat44_routes_init(struct nat44_state *s)
{
    hash_init(&s->own_by_addr, sizeof(be32));
    hash_init(&s->route_by_key, sizeof(struct route_key));
}

void nat44_routes_fini(struct nat44_state *s)
{
    vec_free(&s->own);
    vec_free(&s->routes);
    hash_fini(&s->own_by_addr);
    hash_fini(&s->route_by_key);
}
