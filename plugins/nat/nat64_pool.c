/* Addresses of the pool, and prefixes. See nat64.h. */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "net/ip/address/address.h"
#include "net/link/interface/interface.h"
#include "plugins/nat/nat64.h"
#include "plugins/nat/nat64_packet.h"

/* --- what data threads see --- */

static int compare_addresses(const void *a, const void *b)
{
    u32 x = ((const be32 *)a)->raw, y = ((const be32 *)b)->raw;
    return x < y ? -1 : x > y;
}

static void publish_own(struct piste *p)
{
    struct nat64_state *s = nat64_state_of(p);
    struct nat64_own *new = mem_alloc(sizeof(*new) + s->own.v.n * sizeof(new->v[0]));
    for (u32 i = 0; i < s->own.v.n; i++)
        new->v[new->n++] = s->own.v.v[i].addr;
    qsort(new->v, new->n, sizeof(new->v[0]), compare_addresses);
    struct nat64_own *old = __atomic_exchange_n(&s->data.own, new, __ATOMIC_ACQ_REL);
    engine_defer_free(engine_of(p), free, old);
}

static u32 nat64_tenant_of(struct piste *p, u32 vrf)
{
    return vrf == NAT_VRF_ANY ? NAT64_TENANT_ANY : fib_table_find(fib_of(p), IP_FAMILY_6, vrf).i;
}

static void nat64_publish_pool(struct piste *p)
{
    struct nat64_state *s = nat64_state_of(p);
    struct nat64_pool *new = mem_alloc(sizeof(*new) + s->pool.n * sizeof(new->v[0]));
    for (u32 i = 0; i < s->pool.n; i++) {
        const struct nat_pool_entry *x = &s->pool.v[i];
        new->v[new->n++] = (struct nat64_address){x->addr, nat64_tenant_of(p, x->tenant_vrf),
                                                  !if_is_none(x->from)};
    }
    struct nat64_pool *old = __atomic_exchange_n(&s->data.pool, new, __ATOMIC_ACQ_REL);
    engine_defer_free(engine_of(p), free, old);
    publish_own(p);
}

static void publish_prefixes(struct piste *p)
{
    struct nat64_state *s = nat64_state_of(p);
    struct nat64_prefixes *new = mem_alloc(sizeof(*new) + s->prefixes.n * sizeof(new->v[0]));
    for (u32 i = 0; i < s->prefixes.n; i++) {
        const struct nat64_prefix_entry *x = &s->prefixes.v[i];
        new->v[new->n++] = (struct nat64_prefix){
            x->prefix.addr, fib_table_find(fib_of(p), IP_FAMILY_6, x->vrf).i, x->prefix.len};
    }
    struct nat64_prefixes *old = __atomic_exchange_n(&s->data.prefixes, new, __ATOMIC_ACQ_REL);
    engine_defer_free(engine_of(p), free, old);
}

void nat64_pool_new(struct nat64_data *d)
{
    d->pool = mem_alloc(sizeof(*d->pool));
    d->own = mem_alloc(sizeof(*d->own));
    d->prefixes = mem_alloc(sizeof(*d->prefixes));
}

void nat64_pool_free(struct nat64_data *d)
{
    free(d->pool);
    free(d->own);
    free(d->prefixes);
    d->pool = NULL;
    d->own = NULL;
    d->prefixes = NULL;
}

void nat64_own_address(struct piste *p, be32 addr, bool own)
{
    struct nat64_state *s = nat64_state_of(p);
    u32 refs = own ? nat_own_add(&s->own, addr) : nat_own_remove(&s->own, addr);
    if (refs == own) /* it was none before, or is none now */
        publish_own(p);
}

/* --- tables that are named --- */

static int lock_table(struct piste *p, u32 vrf, struct error *e)
{
    struct fib_index t;
    return fib_table_lock(fib_of(p), IP_FAMILY_6, vrf, NULL, FIB_SOURCE_PROXY, &t, e);
}

static void unlock_table(struct piste *p, u32 vrf)
{
    fib_table_unlock(fib_of(p), fib_table_find(fib_of(p), IP_FAMILY_6, vrf), FIB_SOURCE_PROXY);
}

/* --- addresses --- */

static u32 nat64_find_address(const struct nat64_state *s, be32 addr)
{
    u32 i = 0;
    while (i < s->pool.n && !be32_equal(s->pool.v[i].addr, addr))
        i++;
    return i;
}

struct nat64_range {
    u32 first, last; /* host order */
};

static bool is_by_pool_address(const struct nat64_bib *bib, const void *arg)
{
    const struct nat64_range *r = arg;
    u32 addr = be32_to_host(bib->out.addr);
    return !bib->is_static && addr >= r->first && addr <= r->last;
}

static int nat64_check_range(u32 first, u32 last, u32 more, struct error *e)
{
    if (first > last)
        return error_set(e, EINVAL, "end address less than start address");
    if (last - first >= NAT64_ADDRESSES_MAX - more)
        return error_set(e, ENOSPC, "at most %u addresses", NAT64_ADDRESSES_MAX);
    return 0;
}

static int nat64_put_address(struct piste *p, const struct nat_pool_entry *x, struct error *e)
{
    struct nat64_state *s = nat64_state_of(p);
    int rc = x->tenant_vrf == NAT_VRF_ANY ? 0 : lock_table(p, x->tenant_vrf, e);
    if (rc)
        return rc;
    vec_add(&s->pool, *x);
    (void)nat_own_add(&s->own, x->addr);
    return 0;
}

/* Takes out entry i. */
static void nat64_drop_address(struct piste *p, u32 i)
{
    struct nat64_state *s = nat64_state_of(p);
    struct nat_pool_entry x = s->pool.v[i];
    (void)nat_own_remove(&s->own, x.addr);
    if (x.tenant_vrf != NAT_VRF_ANY)
        unlock_table(p, x.tenant_vrf);
    vec_del(&s->pool, i);
}

int nat64_add_addresses(struct piste *p, u32 first, u32 last, u32 tenant_vrf, struct error *e)
{
    struct nat64_state *s = nat64_state_of(p);
    u32 before = s->pool.n;
    int rc = nat64_must_be_enabled(p, e);
    if (!rc)
        rc = nat64_check_range(first, last, before, e);
    for (u64 a = first; !rc && a <= last; a++)
        if (nat64_find_address(s, be32_from_host((u32)a)) < before)
            rc = error_set(e, EEXIST, "NAT64 pool address exist.");
    for (u64 a = first; !rc && a <= last; a++) {
        struct nat_pool_entry x = {be32_from_host((u32)a), tenant_vrf, IF_NONE};
        rc = nat64_put_address(p, &x, e);
    }
    while (rc && s->pool.n > before)
        nat64_drop_address(p, s->pool.n - 1);
    if (!rc)
        nat64_publish_pool(p);
    return rc;
}

int nat64_del_addresses(struct piste *p, u32 first, u32 last, struct error *e)
{
    const struct nat64_state *s = nat64_state_of(p);
    struct nat64_range r = {first, last};
    int rc = nat64_must_be_enabled(p, e);
    if (!rc)
        rc = nat64_check_range(first, last, 0, e);
    for (u64 a = first; !rc && a <= last; a++) {
        u32 i = nat64_find_address(s, be32_from_host((u32)a));
        if (i == s->pool.n || !if_is_none(s->pool.v[i].from))
            rc = error_set(e, ENOENT, "NAT64 pool address not exist.");
    }
    if (rc)
        return rc;
    for (u64 a = first; a <= last; a++)
        nat64_drop_address(p, nat64_find_address(s, be32_from_host((u32)a)));
    nat64_publish_pool(p);
    nat64_end_sessions(p, is_by_pool_address, &r);
    return 0;
}

bool nat64_address_at(const struct piste *p, u32 k, struct nat_pool_entry *out)
{
    const struct nat64_state *s = nat64_state_of(p);
    if (k >= s->pool.n)
        return false;
    *out = s->pool.v[k];
    return true;
}

/* --- addresses of interfaces --- */

static void nat64_follow_address(struct piste *p, struct if_index i, be32 addr, bool add)
{
    const struct nat64_state *s = nat64_state_of(p);
    u32 k = nat64_find_address(s, addr), host = be32_to_host(addr);
    bool has = k < s->pool.n;
    if (add && !has && s->pool.n < NAT64_ADDRESSES_MAX) {
        struct nat_pool_entry x = {addr, NAT_VRF_ANY, i};
        (void)!nat64_put_address(p, &x, NULL); /* there is no table to make */
        nat64_publish_pool(p);
    } else if (!add && has && if_equal(s->pool.v[k].from, i)) {
        nat64_drop_address(p, k);
        nat64_publish_pool(p);
        nat64_end_sessions(p, is_by_pool_address, &(struct nat64_range){host, host});
    }
}

static u32 nat64_find_pool_if(const struct nat64_state *s, struct if_index i)
{
    u32 k = 0;
    while (k < s->pool_ifs.n && !if_equal(s->pool_ifs.v[k], i))
        k++;
    return k;
}

int nat64_set_interface_address(struct piste *p, struct if_index i, bool add, struct error *e)
{
    struct nat64_state *s = nat64_state_of(p);
    u32 k = nat64_find_pool_if(s, i);
    struct ip_prefix a;
    int rc = nat64_must_be_enabled(p, e);
    if (!rc && add && k < s->pool_ifs.n)
        rc = error_set(e, EEXIST, "the pool has its addresses already");
    if (!rc && !add && k == s->pool_ifs.n)
        rc = error_set(e, ENOENT, "the pool has not its addresses");
    if (rc)
        return rc;
    if (add)
        vec_add(&s->pool_ifs, i);
    else
        vec_del(&s->pool_ifs, k);
    for (u32 n = 0; ip_address_at(p, IP_FAMILY_4, i, n, &a); n++)
        nat64_follow_address(p, i, a.addr.ip4, add);
    return 0;
}

struct if_index nat64_address_if_at(const struct piste *p, u32 k)
{
    const struct nat64_state *s = nat64_state_of(p);
    return k < s->pool_ifs.n ? s->pool_ifs.v[k] : IF_NONE;
}

static void nat64_on_address(struct piste *p, struct if_index i, struct ip_prefix prefix, bool add,
                             void *arg)
{
    struct nat64_state *s = nat64_state_of(p);
    if (!s || !s->enabled || prefix.family != IP_FAMILY_4)
        return;
    if (nat64_find_pool_if(s, i) < s->pool_ifs.n)
        nat64_follow_address(p, i, prefix.addr.ip4, add);
    struct nat_route leaving = {ip_if_fib(IP_FAMILY_4, i), prefix.addr.ip4};
    nat_own_sync(&s->own, add ? NULL : &leaving);
}

/* --- prefixes --- */

static u32 find_prefix(const struct nat64_state *s, u32 vrf)
{
    u32 k = 0;
    while (k < s->prefixes.n && s->prefixes.v[k].vrf != vrf)
        k++;
    return k;
}

/* By which packets for the prefix come to the interface where they are translated. */
static int make_prefix_route(struct piste *p, const struct nat64_prefix_entry *x, struct error *e)
{
    struct fib_path path = fib_path_special(FIB_PATH_INTERFACE_RX);
    path.interface = x->via;
    if (if_is_none(x->via))
        return 0;
    return fib_route_update(fib_of(p), fib_table_find(fib_of(p), IP_FAMILY_6, x->vrf), x->prefix,
                            FIB_SOURCE_NAT64, &path, 1, e);
}

static void drop_prefix_route(struct piste *p, struct nat64_prefix_entry *x)
{
    if (!if_is_none(x->via))
        (void)!fib_route_delete(fib_of(p), fib_table_find(fib_of(p), IP_FAMILY_6, x->vrf),
                                x->prefix, FIB_SOURCE_NAT64, NULL);
    x->via = IF_NONE;
}

int nat64_add_prefix(struct piste *p, const struct nat64_prefix_entry *x, struct error *e)
{
    struct nat64_state *s = nat64_state_of(p);
    struct nat64_prefix_entry entry = *x;
    u32 k = find_prefix(s, x->vrf);
    int rc = nat64_must_be_enabled(p, e);
    if (!rc && !nat64_is_prefix_length(x->prefix.len))
        rc = error_set(e, EINVAL, "Invalid prefix length.");
    if (!rc && k == s->prefixes.n)
        rc = lock_table(p, x->vrf, e);
    if (rc)
        return rc;
    entry.prefix.addr = ip_address_mask(&x->prefix.addr, x->prefix.len);
    bool is_new = k == s->prefixes.n;
    rc = make_prefix_route(p, &entry, e);
    if (rc && is_new)
        unlock_table(p, x->vrf);
    if (rc)
        return rc;
    if (is_new)
        vec_add(&s->prefixes, entry);
    else if (if_is_none(entry.via) || !ip_prefix_equal(&s->prefixes.v[k].prefix, &entry.prefix))
        drop_prefix_route(p, &s->prefixes.v[k]);
    s->prefixes.v[k] = entry;
    publish_prefixes(p);
    return 0;
}

int nat64_del_prefix(struct piste *p, const struct nat64_prefix_entry *x, struct error *e)
{
    struct nat64_state *s = nat64_state_of(p);
    u32 k = find_prefix(s, x->vrf);
    struct ip_prefix asked = x->prefix;
    int rc = nat64_must_be_enabled(p, e);
    asked.addr = ip_address_mask(&x->prefix.addr, x->prefix.len);
    if (!rc && (k == s->prefixes.n || !ip_prefix_equal(&s->prefixes.v[k].prefix, &asked)))
        rc = error_set(e, ENOENT, "NAT64 prefix not exist.");
    if (rc)
        return rc;
    drop_prefix_route(p, &s->prefixes.v[k]);
    vec_del(&s->prefixes, k);
    publish_prefixes(p);
    unlock_table(p, x->vrf);
    return 0;
}

bool nat64_prefix_at(const struct piste *p, u32 k, struct nat64_prefix_entry *out)
{
    const struct nat64_state *s = nat64_state_of(p);
    if (k >= s->prefixes.n)
        return false;
    *out = s->prefixes.v[k];
    return true;
}

struct ip_address nat64_seen_inside(const struct piste *p, u32 fib, be32 host)
{
    struct nat64_prefix prefix = nat64_prefix_of(&nat64_state_of(p)->data, fib);
    return nat64_embed(&prefix.addr, prefix.len, host);
}

/* --- life --- */

void nat64_pool_clear(struct piste *p)
{
    struct nat64_state *s = nat64_state_of(p);
    s->pool_ifs.n = 0;
    while (s->pool.n)
        nat64_drop_address(p, s->pool.n - 1);
    while (s->prefixes.n) {
        drop_prefix_route(p, &s->prefixes.v[--s->prefixes.n]);
        unlock_table(p, s->prefixes.v[s->prefixes.n].vrf);
    }
}

static void nat64_pool_on_interface(struct piste *p, struct interface *it, enum if_event ev,
                                    void *arg)
{
    struct nat64_state *s = nat64_state_of(p);
    if (ev != IF_EVENT_DELETE || !s->enabled)
        return;
    if (nat64_find_pool_if(s, it->index) < s->pool_ifs.n)
        (void)!nat64_set_interface_address(p, it->index, false, NULL);
    for (u32 k = 0; k < s->prefixes.n; k++)
        if (if_equal(s->prefixes.v[k].via, it->index))
            drop_prefix_route(p, &s->prefixes.v[k]);
}

void nat64_pool_init(struct piste *p)
{
    ip_on_address(p, nat64_on_address, NULL);
    interface_on_event(p, nat64_pool_on_interface, NULL);
}
