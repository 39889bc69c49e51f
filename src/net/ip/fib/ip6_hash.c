/* Writing the hash; see ip6_hash.h. */
#include "net/ip/fib/ip6_hash.h"

#include <stdlib.h>

#include "base/log.h"

#define SLOTS_LEAST 8u

struct ip_address *ip6_route_addresses;

void ip6_hashes_init(struct ip6_hashes *s, u32 max_routes,
                     void (*retire)(void *ctx, struct ip6_hash *h), void *ctx)
{
    *s = (struct ip6_hashes){.retire = retire, .ctx = ctx};
    ip6_route_addresses =
        mem_reserve(&s->address_map, "ip6 routes", (u64)max_routes * sizeof(struct ip_address));
}

void ip6_hashes_fini(struct ip6_hashes *s)
{
    ip6_route_addresses = NULL;
    mem_map_free(&s->address_map);
}

static void ip6_hash_put(struct ip6_hash *h, u32 slot)
{
    u32 route = slot & ((1u << IP6_HASH_ROUTE_BITS) - 1), len = slot >> IP6_HASH_ROUTE_BITS;
    u32 i = ip6_hash_of(&ip6_route_addresses[route], len) & h->mask;
    while (h->slots[i])
        i = (i + 1) & h->mask;
    /* the lengths first: who sees the route looks for it */
    u64 *lens = &h->lens[(len - 1) / 64];
    __atomic_store_n(lens, *lens | 1ull << (len - 1) % 64, __ATOMIC_RELAXED);
    __atomic_store_n(&h->slots[i], slot, __ATOMIC_RELEASE);
    h->n_taken++;
    h->n_used++;
}

/* All that lives in the old one, in a new one with at least twice the room. */
static struct ip6_hash *ip6_hash_rebuild(struct ip6_hashes *s, struct fib_table_data *t)
{
    struct ip6_hash *old = t->ip6;
    u32 wanted = old ? old->n_used + 1 : 1, n = SLOTS_LEAST;
    while (n < wanted * 2)
        n *= 2;
    struct ip6_hash *h = mem_alloc(sizeof(*h) + n * sizeof(h->slots[0]));
    h->mask = n - 1;
    for (u32 i = 0; old && i <= old->mask; i++)
        if (old->slots[i] >> IP6_HASH_ROUTE_BITS)
            ip6_hash_put(h, old->slots[i]);
    __atomic_store_n(&t->ip6, h, __ATOMIC_RELEASE);
    if (old)
        s->retire(s->ctx, old);
    return h;
}

void ip6_hash_insert(struct ip6_hashes *s, struct fib_table_data *t, u32 route, u8 len)
{
    struct ip6_hash *h = t->ip6;
    if (!h || (h->n_taken + 1) * 4 > (h->mask + 1) * 3)
        h = ip6_hash_rebuild(s, t);
    ip6_hash_put(h, (u32)len << IP6_HASH_ROUTE_BITS | route);
}

void ip6_hash_remove(struct ip6_hashes *s, struct fib_table_data *t, u32 route, u8 len, bool last)
{
    struct ip6_hash *h = t->ip6;
    u32 wanted = (u32)len << IP6_HASH_ROUTE_BITS | route;
    u32 i = ip6_hash_of(&ip6_route_addresses[route], len) & h->mask;
    while (h->slots[i] != wanted)
        i = (i + 1) & h->mask;
    __atomic_store_n(&h->slots[i], IP6_HASH_DEAD, __ATOMIC_RELEASE);
    h->n_used--;
    if (last) {
        u64 *lens = &h->lens[(len - 1) / 64];
        __atomic_store_n(lens, *lens & ~(1ull << (len - 1) % 64), __ATOMIC_RELAXED);
    }
    if (h->mask + 1 > SLOTS_LEAST && h->n_used * 8 < h->mask)
        ip6_hash_rebuild(s, t);
}
