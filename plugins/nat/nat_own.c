/* See nat_own.h. */
#include "plugins/nat/nat_own.h"

#include "base/log.h"
#include "net/ip/address/address.h"

static struct log_class log_class = {"nat", "routes"};

struct route_key {
    u32 table;
    be32 addr;
};

static struct route_key route_key_of(const struct nat_route *r)
{
    return (struct route_key){r->table.i, r->addr};
}

static bool is_outside_table(const struct nat_own *o, struct fib_index table)
{
    struct fib_index outside;
    for (u32 k = 0; o->outside_at(o->p, k, &outside); k++)
        if (outside.i == table.i)
            return true;
    return false;
}

/* Whether it is wanted: unless an interface has the address itself, and is not about to lose it. */
static bool wants_route(const struct nat_own *o, const struct nat_route *r,
                        const struct nat_route *leaving)
{
    struct ip_address x = ip_address_from_ip4(r->addr);
    if (!nat_own_refs(o, r->addr) || !is_outside_table(o, r->table))
        return false;
    return (leaving && leaving->table.i == r->table.i && be32_equal(leaving->addr, r->addr)) ||
           if_is_none(ip_address_find(o->p, r->table, &x));
}

static void nat_own_del_route(struct nat_own *o, u32 i)
{
    struct nat_route r = o->routes.v[i];
    struct route_key key = route_key_of(&r);
    struct error e;
    if (fib_route_delete(fib_of(o->p), r.table, ip4_prefix(r.addr, 32), o->source, &e))
        log_warn(&log_class, "%s", e.text);
    fib_table_unlock(fib_of(o->p), r.table, o->source);
    hash_del(&o->by_route, &key);
    o->routes.v[i] = o->routes.v[--o->routes.n];
    if (i < o->routes.n) {
        key = route_key_of(&o->routes.v[i]);
        hash_set(&o->by_route, &key, i);
    }
}

static int nat_own_make_route(const struct nat_own *o, struct nat_route *r, struct error *e)
{
    struct fib *f = fib_of(o->p);
    struct fib_path path = fib_path_special(FIB_PATH_LOCAL);
    int rc =
        fib_table_lock(f, IP_FAMILY_4, fib_table_id(f, r->table), NULL, o->source, &r->table, e);
    if (rc)
        return rc;
    rc = fib_route_update(f, r->table, ip4_prefix(r->addr, 32), o->source, &path, 1, e);
    if (rc)
        fib_table_unlock(f, r->table, o->source);
    return rc;
}

static void want_route(struct nat_own *o, struct nat_route r, const struct nat_route *leaving)
{
    struct route_key key = route_key_of(&r);
    struct error e;
    if (hash_get(&o->by_route, &key, NULL) || !wants_route(o, &r, leaving))
        return;
    if (nat_own_make_route(o, &r, &e)) {
        log_error(&log_class, "no route to an address outside: %s", e.text);
        return;
    }
    hash_set(&o->by_route, &key, o->routes.n);
    vec_add(&o->routes, r);
}

void nat_own_sync(struct nat_own *o, const struct nat_route *leaving)
{
    struct fib_index table;
    for (u32 i = o->routes.n; i-- > 0;)
        if (!wants_route(o, &o->routes.v[i], leaving))
            nat_own_del_route(o, i);
    for (u32 k = 0; o->outside_at(o->p, k, &table); k++)
        for (u32 i = 0; i < o->v.n; i++)
            want_route(o, (struct nat_route){table, o->v.v[i].addr}, leaving);
}

u32 nat_own_refs(const struct nat_own *o, be32 addr)
{
    u64 at;
    return hash_get(&o->by_addr, &addr, &at) ? o->v.v[at].refs : 0;
}

u32 nat_own_add(struct nat_own *o, be32 addr)
{
    u64 at;
    struct fib_index table;
    if (hash_get(&o->by_addr, &addr, &at))
        return ++o->v.v[at].refs;
    hash_set(&o->by_addr, &addr, o->v.n);
    vec_add(&o->v, ((struct nat_own_address){addr, 1}));
    for (u32 k = 0; o->outside_at(o->p, k, &table); k++)
        want_route(o, (struct nat_route){table, addr}, NULL);
    return 1;
}

u32 nat_own_remove(struct nat_own *o, be32 addr)
{
    u64 at;
    struct fib_index table;
    if (!hash_get(&o->by_addr, &addr, &at))
        return 0;
    if (--o->v.v[at].refs)
        return o->v.v[at].refs;
    hash_del(&o->by_addr, &addr);
    o->v.v[at] = o->v.v[--o->v.n];
    if (at < o->v.n)
        hash_set(&o->by_addr, &o->v.v[at].addr, at);
    for (u32 k = 0; o->outside_at(o->p, k, &table); k++) {
        struct route_key key = {table.i, addr};
        if (hash_get(&o->by_route, &key, &at))
            nat_own_del_route(o, (u32)at);
    }
    return 0;
}

void nat_own_init(struct nat_own *o)
{
    hash_init(&o->by_addr, sizeof(be32));
    hash_init(&o->by_route, sizeof(struct route_key));
}

void nat_own_fini(struct nat_own *o)
{
    vec_free(&o->v);
    vec_free(&o->routes);
    hash_fini(&o->by_addr);
    hash_fini(&o->by_route);
}
