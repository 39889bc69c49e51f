/* Writing the hash; see ip6_long.h. */
#include "net/ip/fib/ip6_long.h"

#define SLOTS_LEAST 64u

struct ip6_long *ip6_long_routes;

static u64 ip6_long_slot(u32 place, u32 route, u32 len)
{
    return (u64)place << 32 | len << IP6_LONG_ROUTE_BITS | route;
}

static bool ip6_long_lives(u64 slot)
{
    return (u32)slot >> IP6_LONG_ROUTE_BITS;
}

static u32 ip6_long_home(const struct ip6_long *h, u64 slot)
{
    u32 route = slot & ((1u << IP6_LONG_ROUTE_BITS) - 1);
    u64 low = ip6_low(&ip6_route_addresses[route]);
    return ip6_long_hash((u32)(slot >> 32), low, (u32)slot >> IP6_LONG_ROUTE_BITS) & h->mask;
}

static void ip6_long_put(struct ip6_long *h, u64 slot)
{
    u32 i = ip6_long_home(h, slot);
    while (h->slots[i])
        i = (i + 1) & h->mask;
    __atomic_store_n(&h->slots[i], slot, __ATOMIC_RELEASE);
    h->n_taken++;
    h->n_used++;
}

/* All that lives in the old one, in a new one with at least twice the room; nothing: none. */
static void ip6_long_rebuild(u32 wanted, void (*retire)(void *ctx, void *hash), void *ctx)
{
    struct ip6_long *old = ip6_long_routes, *h = NULL;
    u32 n = SLOTS_LEAST;
    while (n < wanted * 2)
        n *= 2;
    if (wanted) {
        h = mem_alloc(sizeof(*h) + n * sizeof(h->slots[0]));
        h->mask = n - 1;
    }
    for (u32 i = 0; h && old && i <= old->mask; i++)
        if (ip6_long_lives(old->slots[i]))
            ip6_long_put(h, old->slots[i]);
    __atomic_store_n(&ip6_long_routes, h, __ATOMIC_RELEASE);
    if (old)
        retire(ctx, old);
}

void ip6_long_add(u32 place, u32 route, u8 len, void (*retire)(void *ctx, void *hash), void *ctx)
{
    const struct ip6_long *h = ip6_long_routes;
    if (!h || (h->n_taken + 1) * 4 > (h->mask + 1) * 3)
        ip6_long_rebuild(h ? h->n_used + 1 : 1, retire, ctx);
    ip6_long_put(ip6_long_routes, ip6_long_slot(place, route, len));
}

void ip6_long_del(u32 place, u32 route, u8 len, void (*retire)(void *ctx, void *hash), void *ctx)
{
    struct ip6_long *h = ip6_long_routes;
    u64 slot = ip6_long_slot(place, route, len);
    u32 i = ip6_long_home(h, slot);
    while (h->slots[i] != slot)
        i = (i + 1) & h->mask;
    __atomic_store_n(&h->slots[i], IP6_LONG_DEAD, __ATOMIC_RELEASE);
    h->n_used--;
    if (!h->n_used || (h->mask + 1 > SLOTS_LEAST && h->n_used * 8 < h->mask))
        ip6_long_rebuild(h->n_used, retire, ctx);
}

u64 ip6_long_bytes(void)
{
    const struct ip6_long *h = ip6_long_routes;
    return h ? sizeof(*h) + ((u64)h->mask + 1) * sizeof(h->slots[0]) : 0;
}
