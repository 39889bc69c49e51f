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
    if (vrf == NAT44_VRF_ANY)
        return NAT44_TENANT_ANY;
    return fib_table_find(fib_of(p), IP_FAMILY_4, vrf).i;
}

static void nat44_publish_pool(struct piste *p)
{
    struct nat44_state *s = nat44_state_of(p);
    struct nat44_pool *new = mem_alloc(sizeof(*new) + s->addresses.n * sizeof(new->v[0]));
    for (u32 i = 0; i < s->addresses.n; i++)
        new->v[new->n++] = (struct nat44_address){s->addresses.v[i].addr,
                                                  nat44_tenant_of(p, s->addresses.v[i].tenant_vrf)};
    struct nat44_pool *old = __atomic_exchange_n(&s->data.pool, new, __ATOMIC_ACQ_REL);
    engine_defer_free(engine_of(p), free, old);
}

/* --- addresses --- */

static u32 find_address(const struct nat44_state *s, be32 addr)
{
    u32 i = 0;
    while (i < s->addresses.n && !be32_equal(s->addresses.v[i].addr, addr))
        i++;
    return i;
}

static bool is_by_address(const struct nat44_session *s, const void *arg)
{
    const u32 *range = arg; /* first and last, host order */
    u32 addr = be32_to_host(s->key[NAT44_O2I].dst);
    return addr >= range[0] && addr <= range[1];
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
static void nat44_drop_address(struct piste *p, u32 i)
{
    struct nat44_state *s = nat44_state_of(p);
    struct fib *f = fib_of(p);
    u32 vrf = s->addresses.v[i].tenant_vrf;
    nat44_disown_address(p, s->addresses.v[i].addr);
    if (vrf != NAT44_VRF_ANY)
        fib_table_unlock(f, fib_table_find(f, IP_FAMILY_4, vrf), FIB_SOURCE_PROXY);
    vec_del(&s->addresses, i);
}

static int nat44_put_address(struct piste *p, be32 addr, u32 tenant_vrf, struct error *e)
{
    struct nat44_state *s = nat44_state_of(p);
    struct fib_index tenant;
    int rc = tenant_vrf == NAT44_VRF_ANY ? 0
                                         : fib_table_lock(fib_of(p), IP_FAMILY_4, tenant_vrf, NULL,
                                                          FIB_SOURCE_PROXY, &tenant, e);
    if (rc)
        return rc;
    vec_add(&s->addresses, ((struct nat44_pool_entry){addr, tenant_vrf, IF_NONE}));
    nat44_own_address(p, addr);
    return 0;
}

int nat44_add_addresses(struct piste *p, u32 first, u32 last, u32 tenant_vrf, struct error *e)
{
    struct nat44_state *s = nat44_state_of(p);
    u32 before = s->addresses.n;
    int rc = nat44_must_be_enabled(p, e);
    if (!rc)
        rc = check_range(first, last, e);
    if (!rc && before + (last - first) >= NAT44_ADDRESSES_MAX)
        rc = error_set(e, ENOSPC, "at most %u addresses", NAT44_ADDRESSES_MAX);
    for (u64 a = first; !rc && a <= last; a++)
        if (find_address(s, be32_from_host((u32)a)) < s->addresses.n)
            rc = error_set(e, EEXIST, "NAT address already in use.");
    for (u64 a = first; !rc && a <= last; a++)
        rc = nat44_put_address(p, be32_from_host((u32)a), tenant_vrf, e);
    while (rc && s->addresses.n > before)
        nat44_drop_address(p, s->addresses.n - 1);
    if (!rc)
        nat44_publish_pool(p);
    return rc;
}

int nat44_del_addresses(struct piste *p, u32 first, u32 last, struct error *e)
{
    struct nat44_state *s = nat44_state_of(p);
    int rc = nat44_must_be_enabled(p, e);
    if (!rc)
        rc = check_range(first, last, e);
    for (u64 a = first; !rc && a <= last; a++) {
        u32 i = find_address(s, be32_from_host((u32)a));
        if (i == s->addresses.n || !if_is_none(s->addresses.v[i].from))
            rc = error_set(e, ENOENT, "NAT address not exist.");
        else if (nat44_address_refs(p, s->addresses.v[i].addr) > 1) /* the pool is one */
            rc = error_set(e, EBUSY, "NAT address used in static mapping.");
    }
    if (rc)
        return rc;
    for (u64 a = first; a <= last; a++)
        nat44_drop_address(p, find_address(s, be32_from_host((u32)a)));
    nat44_publish_pool(p);
    nat44_end_sessions(p, is_by_address, (u32[]){first, last});
    return 0;
}

bool nat44_address_at(const struct piste *p, u32 k, struct nat44_pool_entry *out)
{
    const struct nat44_state *s = nat44_state_of(p);
    if (k >= s->addresses.n)
        return false;
    *out = s->addresses.v[k];
    return true;
}

/* --- addresses of interfaces --- */

static void follow_address(struct piste *p, struct if_index i, be32 addr, bool add)
{
    struct nat44_state *s = nat44_state_of(p);
    u32 k = find_address(s, addr), host = be32_to_host(addr);
    bool has = k < s->addresses.n;
    if (add && !has && s->addresses.n < NAT44_ADDRESSES_MAX) {
        vec_add(&s->addresses, ((struct nat44_pool_entry){addr, NAT44_VRF_ANY, i}));
        nat44_own_address(p, addr);
        nat44_publish_pool(p);
    } else if (!add && has && if_equal(s->addresses.v[k].from, i)) {
        nat44_drop_address(p, k);
        nat44_publish_pool(p);
        nat44_end_sessions(p, is_by_address, (u32[]){host, host});
    }
}

static u32 find_address_if(const struct nat44_state *s, struct if_index i)
{
    u32 k = 0;
    while (k < s->address_ifs.n && !if_equal(s->address_ifs.v[k], i))
        k++;
    return k;
}

int nat44_set_interface_address(struct piste *p, struct if_index i, bool add, struct error *e)
{
    struct nat44_state *s = nat44_state_of(p);
    struct ip_prefix a;
    int rc = nat44_must_be_enabled(p, e);
    if (rc)
        return rc;
    u32 k = find_address_if(s, i);
    if (add && k < s->address_ifs.n)
        return error_set(e, EEXIST, "the pool has its addresses already");
    if (!add && k == s->address_ifs.n)
        return error_set(e, ENOENT, "the pool has not its addresses");
    if (add)
        vec_add(&s->address_ifs, i);
    else
        vec_del(&s->address_ifs, k);
    for (u32 n = 0; ip_address_at(p, IP_FAMILY_4, i, n, &a); n++)
        follow_address(p, i, a.addr.ip4, add);
    return 0;
}

struct if_index nat44_address_if_at(const struct piste *p, u32 k)
{
    const struct nat44_state *s = nat44_state_of(p);
    return k < s->address_ifs.n ? s->address_ifs.v[k] : IF_NONE;
}

static void nat44_on_address(struct piste *p, struct if_index i, struct ip_prefix prefix, bool add,
                             void *arg)
{
    const struct nat44_state *s = nat44_state_of(p);
    if (!s || !s->enabled || prefix.family != IP_FAMILY_4)
        return;
    nat44_mappings_follow(p, i, prefix.addr.ip4, add);
    if (find_address_if(s, i) < s->address_ifs.n)
        follow_address(p, i, prefix.addr.ip4, add);
    nat44_sync_routes(p);
}

static void nat44_pool_on_interface(struct piste *p, struct interface *f, enum if_event ev,
                                    void *arg)
{
    const struct nat44_state *s = nat44_state_of(p);
    if (ev == IF_EVENT_DELETE && s->enabled && find_address_if(s, f->index) < s->address_ifs.n)
        (void)!nat44_set_interface_address(p, f->index, false, NULL);
}

void nat44_pool_clear(struct piste *p)
{
    struct nat44_state *s = nat44_state_of(p);
    s->address_ifs.n = 0;
    while (s->addresses.n)
        nat44_drop_address(p, s->addresses.n - 1);
    nat44_publish_pool(p);
}

void nat44_pool_init(struct piste *p)
{
    ip_on_address(p, nat44_on_address, NULL);
    interface_on_event(p, nat44_pool_on_interface, NULL);
}
