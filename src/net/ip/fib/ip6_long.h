/* Routes of IPv6 that are longer than /64, of all tables, in one open hash. Each belongs to a
 * place: the /64 of a table that it lies in, which says what lengths there are (ip6_trie.h).
 *
 *   slot: 0 empty, else place << 32 | length << 21 | route; a length of 0 is one that died
 *
 * Every change is one store. A hash that is full is built anew beside the old one. */
#pragma once

#include "base/byteorder.h"
#include "net/ip/fib/fib_data.h"

#define IP6_LONG_ROUTE_BITS 21
#define IP6_LONG_DEAD 1u

struct ip6_long {
    u32 mask;    /* slots less one; a power of two less one */
    u32 n_taken; /* slots that are not empty; control thread */
    u32 n_used;  /* of these, with a route; control thread */
    u32 spare;
    u64 slots[];
};

/* low: the last eight bytes of an address, masked, as they lie. */
static inline u32 ip6_long_hash(u32 place, u64 low, u32 len)
{
    u64 x = (low ^ (u64)place << 7 ^ len) * 0x9e3779b97f4a7c15ull;
    return (u32)((x ^ x >> 29) * 0xbf58476d1ce4e5b9ull >> 32);
}

static inline u64 ip6_low(const struct ip_address *a)
{
    return load_u64(a->bytes + 8);
}

/* The route of that place with that prefix; 0: none. */
static inline u32 ip6_long_find(u32 place, u64 low, u32 len)
{
    const struct ip6_long *h = __atomic_load_n(&ip6_long_routes, FIB_LOAD_ORDER);
    if (!h)
        return 0;
    for (u32 i = ip6_long_hash(place, low, len) & h->mask;; i = (i + 1) & h->mask) {
        u64 slot = __atomic_load_n(&h->slots[i], FIB_LOAD_ORDER);
        u32 route = slot & ((1u << IP6_LONG_ROUTE_BITS) - 1);
        if (!slot)
            return 0;
        if (slot >> IP6_LONG_ROUTE_BITS == ((u64)place << 32 >> IP6_LONG_ROUTE_BITS | len) &&
            ip6_low(&ip6_route_addresses[route]) == low)
            return route;
    }
}

/* --- control thread --- */

/* Puts in a route, whose address is in ip6_route_addresses. retire must end in free, after a grace
 * period. */
void ip6_long_add(u32 place, u32 route, u8 len, void (*retire)(void *ctx, void *hash), void *ctx);
void ip6_long_del(u32 place, u32 route, u8 len, void (*retire)(void *ctx, void *hash), void *ctx);
/* Of memory. */
u64 ip6_long_bytes(void);
