/* Addresses outside, those of the pool and of static mappings: routes to them, and what data
 * threads are told of them. See nat44.h. */
#include "net/ip/address/address.h"
#include "plugins/nat/nat44_internal.h"

static bool nat44_outside_at(const struct piste *p, u32 k, struct fib_index *table)
{
    const struct nat44_state *s = nat44_state_of(p);
    for (u32 i = 0; i < s->ifs.n; i++)
        if (s->ifs.v[i].flags & (NAT44_IF_OUT | NAT44_IF_OUTPUT) && !k--) {
            *table = ip_if_fib(IP_FAMILY_4, s->ifs.v[i].interface);
            return true;
        }
    return false;
}

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
    for (u32 i = 0; i < s->own.v.n; i++)
        mark_own(bits, s->own.v.v[i].addr);
    for (u32 k = 0; k < s->ifs.n; k++)
        for (u32 i = 0; ip_address_at(p, IP_FAMILY_4, s->ifs.v[k].interface, i, &a); i++)
            mark_own(bits, a.addr.ip4);
    for (u32 i = 0; i < array_len(bits); i++)
        __atomic_store_n(&s->data.own_bits[i], bits[i], __ATOMIC_RELAXED);
}

void nat44_sync_routes(struct piste *p, const struct nat_route *leaving)
{
    mark_all(p);
    nat_own_sync(&nat44_state_of(p)->own, leaving);
}

void nat44_own_address(struct piste *p, be32 addr)
{
    struct nat44_state *s = nat44_state_of(p);
    u32 bit = nat44_own_bit(addr);
    if (nat_own_add(&s->own, addr) == 1)
        __atomic_fetch_or(&s->data.own_bits[bit / 64], 1ull << bit % 64, __ATOMIC_RELAXED);
}

void nat44_disown_address(struct piste *p, be32 addr)
{
    (void)nat_own_remove(&nat44_state_of(p)->own, addr);
}

void nat44_routes_init(struct piste *p, struct nat44_state *s)
{
    s->own.p = p;
    s->own.source = FIB_SOURCE_PROXY;
    s->own.outside_at = nat44_outside_at;
    nat_own_init(&s->own);
}
