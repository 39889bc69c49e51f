/* Addresses of the pool. See nat44.h. */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/ip/address/address.h"
#include "net/link/interface/interface.h"
#include "plugins/nat/nat44_internal.h"

/* --- what data threads see --- */

static u32 nat44_tenant_of(struct piste *p, u32 vrf)
{
    if (vrf == NAT_VRF_ANY)
        return NAT44_TENANT_ANY;
    return fib_table_find(fib_of(p), IP_FAMILY_4, vrf).i;
}

static struct nat44_addresses *addresses_of(const struct piste *p, enum nat44_pool_kind kind)
{
    return &nat44_state_of(p)->addresses[kind];
}

static void nat44_publish_pool(struct piste *p, enum nat44_pool_kind kind)
{
    const struct nat44_addresses *a = addresses_of(p, kind);
    struct nat44_pool *new = mem_alloc(sizeof(*new) + a->v.n * sizeof(new->v[0]));
    for (u32 i = 0; i < a->v.n; i++)
        new->v[new->n++] =
            (struct nat44_address){a->v.v[i].addr, nat44_tenant_of(p, a->v.v[i].tenant_vrf)};
    struct nat44_pool *old =
        __atomic_exchange_n(&nat44_state_of(p)->data.pool[kind], new, __ATOMIC_ACQ_REL);
    engine_defer_free(engine_of(p), free, old);
}

/* --- addresses --- */

static u32 find_address(const struct nat44_addresses *a, be32 addr)
{
    u32 i = 0;
    while (i < a->v.n && !be32_equal(a->v.v[i].addr, addr))
        i++;
    return i;
}

struct address_range {
    enum nat44_pool_kind kind;
    u32 first, last; /* host order */
};

static bool is_by_address(const struct nat44_session *s, const void *arg)
{
    const struct address_range *r = arg;
    bool twice = r->kind == NAT44_POOL_TWICE;
    u32 addr = be32_to_host(s->key[twice ? NAT44_I2O : NAT44_O2I].dst);
    return addr >= r->first && addr <= r->last && (!twice || s->flags & NAT44_SESSION_TWICE);
}

static void end_by_address(struct piste *p, enum nat44_pool_kind kind, u32 first, u32 last)
{
    struct address_range r = {kind, first, last};
    nat44_end_sessions(p, is_by_address, &r);
}

static int check_range(u32 first, u32 last, struct error *e)
{
    if (first > last)
        return error_set(e, EINVAL, "end address less than start address");
    if (last - first >= NAT44_ADDRESSES_MAX)
        return error_set(e, ENOSPC, "at most %u addresses", NAT44_ADDRESSES_MAX);
    return 0;
}

/* Takes out entry i. */
static void nat44_drop_address(struct piste *p, enum nat44_pool_kind kind, u32 i)
{
    struct nat44_addresses *a = addresses_of(p, kind);
    u32 vrf = a->v.v[i].tenant_vrf;
    if (kind == NAT44_POOL)
        nat44_disown_address(p, a->v.v[i].addr);
    if (vrf != NAT_VRF_ANY)
        nat44_table_unlock(p, vrf);
    vec_del(&a->v, i);
}

static int nat44_put_address(struct piste *p, enum nat44_pool_kind kind,
                             const struct nat_pool_entry *x, struct error *e)
{
    struct fib_index tenant;
    int rc = x->tenant_vrf == NAT_VRF_ANY ? 0 : nat44_table_lock(p, x->tenant_vrf, &tenant, e);
    if (rc)
        return rc;
    vec_add(&addresses_of(p, kind)->v, *x);
    if (kind == NAT44_POOL) /* the other one's are seen inside only */
        nat44_own_address(p, x->addr);
    return 0;
}

int nat44_add_addresses(struct piste *p, enum nat44_pool_kind kind, u32 first, u32 last,
                        u32 tenant_vrf, struct error *e)
{
    struct nat44_addresses *s = addresses_of(p, kind);
    u32 before = s->v.n;
    int rc = nat44_must_be_enabled(p, e);
    if (!rc)
        rc = check_range(first, last, e);
    if (!rc && before + (last - first) >= NAT44_ADDRESSES_MAX)
        rc = error_set(e, ENOSPC, "at most %u addresses", NAT44_ADDRESSES_MAX);
    for (u64 a = first; !rc && a <= last; a++)
        if (find_address(s, be32_from_host((u32)a)) < s->v.n)
            rc = error_set(e, EEXIST, "NAT address already in use.");
    for (u64 a = first; !rc && a <= last; a++) {
        struct nat_pool_entry x = {be32_from_host((u32)a), tenant_vrf, IF_NONE};
        rc = nat44_put_address(p, kind, &x, e);
    }
    while (rc && s->v.n > before)
        nat44_drop_address(p, kind, s->v.n - 1);
    if (!rc)
        nat44_publish_pool(p, kind);
    return rc;
}

int nat44_del_addresses(struct piste *p, enum nat44_pool_kind kind, u32 first, u32 last,
                        struct error *e)
{
    const struct nat44_addresses *s = addresses_of(p, kind);
    int rc = nat44_must_be_enabled(p, e);
    if (!rc)
        rc = check_range(first, last, e);
    for (u64 a = first; !rc && a <= last; a++) {
        u32 i = find_address(s, be32_from_host((u32)a));
        if (i == s->v.n || !if_is_none(s->v.v[i].from))
            rc = error_set(e, ENOENT, "NAT address not exist.");
        else if (kind == NAT44_POOL &&
                 nat_own_refs(&nat44_state_of(p)->own, s->v.v[i].addr) > 1) /* the pool is one */
            rc = error_set(e, EBUSY, "NAT address used in static mapping.");
    }
    if (rc)
        return rc;
    for (u64 a = first; a <= last; a++)
        nat44_drop_address(p, kind, find_address(s, be32_from_host((u32)a)));
    nat44_publish_pool(p, kind);
    end_by_address(p, kind, first, last);
    return 0;
}

bool nat44_address_at(const struct piste *p, enum nat44_pool_kind kind, u32 k,
                      struct nat_pool_entry *out)
{
    const struct nat44_addresses *s = addresses_of(p, kind);
    if (k >= s->v.n)
        return false;
    *out = s->v.v[k];
    return true;
}

/* --- addresses of interfaces --- */

static void follow_address(struct piste *p, enum nat44_pool_kind kind, struct if_index i, be32 addr,
                           bool add)
{
    const struct nat44_addresses *s = addresses_of(p, kind);
    u32 k = find_address(s, addr), host = be32_to_host(addr);
    bool has = k < s->v.n;
    if (add && !has && s->v.n < NAT44_ADDRESSES_MAX) {
        struct nat_pool_entry x = {addr, NAT_VRF_ANY, i};
        (void)!nat44_put_address(p, kind, &x, NULL); /* there is no table to make */
        nat44_publish_pool(p, kind);
    } else if (!add && has && if_equal(s->v.v[k].from, i)) {
        nat44_drop_address(p, kind, k);
        nat44_publish_pool(p, kind);
        end_by_address(p, kind, host, host);
    }
}

static u32 find_address_if(const struct nat44_addresses *s, struct if_index i)
{
    u32 k = 0;
    while (k < s->ifs.n && !if_equal(s->ifs.v[k], i))
        k++;
    return k;
}

int nat44_set_interface_address(struct piste *p, enum nat44_pool_kind kind, struct if_index i,
                                bool add, struct error *e)
{
    struct nat44_addresses *s = addresses_of(p, kind);
    struct ip_prefix a;
    int rc = nat44_must_be_enabled(p, e);
    if (rc)
        return rc;
    u32 k = find_address_if(s, i);
    if (add && k < s->ifs.n)
        return error_set(e, EEXIST, "the pool has its addresses already");
    if (!add && k == s->ifs.n)
        return error_set(e, ENOENT, "the pool has not its addresses");
    if (add)
        vec_add(&s->ifs, i);
    else
        vec_del(&s->ifs, k);
    for (u32 n = 0; ip_address_at(p, IP_FAMILY_4, i, n, &a); n++)
        follow_address(p, kind, i, a.addr.ip4, add);
    return 0;
}

struct if_index nat44_address_if_at(const struct piste *p, enum nat44_pool_kind kind, u32 k)
{
    const struct nat44_addresses *s = addresses_of(p, kind);
    return k < s->ifs.n ? s->ifs.v[k] : IF_NONE;
}

static void nat44_on_address(struct piste *p, struct if_index i, struct ip_prefix prefix, bool add,
                             void *arg)
{
    const struct nat44_state *s = nat44_state_of(p);
    if (!s || !s->enabled || prefix.family != IP_FAMILY_4)
        return;
    nat44_mappings_follow(p, i, prefix.addr.ip4, add);
    for (u32 k = 0; k < NAT44_POOLS; k++)
        if (find_address_if(&s->addresses[k], i) < s->addresses[k].ifs.n)
            follow_address(p, (enum nat44_pool_kind)k, i, prefix.addr.ip4, add);
    struct nat_route leaving = {ip_if_fib(IP_FAMILY_4, i), prefix.addr.ip4};
    nat44_sync_routes(p, add ? NULL : &leaving);
}

static void nat44_pool_on_interface(struct piste *p, struct interface *f, enum if_event ev,
                                    void *arg)
{
    const struct nat44_state *s = nat44_state_of(p);
    for (u32 k = 0; ev == IF_EVENT_DELETE && s->enabled && k < NAT44_POOLS; k++)
        if (find_address_if(&s->addresses[k], f->index) < s->addresses[k].ifs.n)
            (void)!nat44_set_interface_address(p, (enum nat44_pool_kind)k, f->index, false, NULL);
}

void nat44_pool_clear(struct piste *p)
{
    for (u32 k = 0; k < NAT44_POOLS; k++) {
        struct nat44_addresses *s = addresses_of(p, (enum nat44_pool_kind)k);
        s->ifs.n = 0;
        while (s->v.n)
            nat44_drop_address(p, (enum nat44_pool_kind)k, s->v.n - 1);
        nat44_publish_pool(p, (enum nat44_pool_kind)k);
    }
}

void nat44_pool_init(struct piste *p)
{
    ip_on_address(p, nat44_on_address, NULL);
    interface_on_event(p, nat44_pool_on_interface, NULL);
}
