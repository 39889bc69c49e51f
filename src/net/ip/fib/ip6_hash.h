/* The data plane's routes of IPv6, written by the control thread while data threads read: for each
 * table an open hash of all prefixes, and which lengths there are. A lookup asks for each of those,
 * the longest first. Plain: every change is one store, and nothing is painted over.
 *
 *   slot: 0 empty, else length << 21 | route; a length of 0 is one that died
 *
 * A hash that is full is built anew beside the old one. */
#pragma once

#include "base/mem.h"
#include "net/ip/fib/fib_data.h"

#define IP6_HASH_ROUTE_BITS 21
#define IP6_HASH_DEAD 1u

struct ip6_hash {
    u32 mask;    /* slots less one; a power of two less one */
    u32 n_taken; /* slots that are not empty; control thread */
    u32 n_used;  /* of these, with a route; control thread */
    u64 lens[2]; /* bit len - 1: there may be a prefix of that length */
    u32 slots[];
};

static inline u32 ip6_hash_of(const struct ip_address *a, u32 len)
{
    u64 x = (load_u64(a->bytes) ^ len) * 0x9e3779b97f4a7c15ull;
    x = ((x ^ x >> 32) + load_u64(a->bytes + 8)) * 0xbf58476d1ce4e5b9ull;
    return (u32)(x >> 32);
}

/* The route of exactly that prefix; 0: none. */
static inline u32 ip6_hash_find(const struct ip6_hash *h, const struct ip_address *a, u32 len)
{
    for (u32 i = ip6_hash_of(a, len) & h->mask;; i = (i + 1) & h->mask) {
        u32 slot = __atomic_load_n(&h->slots[i], FIB_LOAD_ORDER);
        u32 route = slot & ((1u << IP6_HASH_ROUTE_BITS) - 1);
        if (!slot)
            return 0;
        if (slot >> IP6_HASH_ROUTE_BITS == len && ip_address_equal(&ip6_route_addresses[route], a))
            return route;
    }
}

/* Load balance of dst. */
static inline u32 ip6_hash_lookup(const struct fib_table_data *t, const struct ip_address *dst)
{
    const struct ip6_hash *h = __atomic_load_n(&t->ip6, FIB_LOAD_ORDER);
    for (u32 word = 2; h && word-- > 0;)
        for (u64 lens = __atomic_load_n(&h->lens[word], __ATOMIC_RELAXED); lens;) {
            u32 bit = 63 - (u32)__builtin_clzll(lens), len = word * 64 + bit + 1;
            struct ip_address a = ip_address_mask(dst, len);
            u32 route = ip6_hash_find(h, &a, len);
            if (route)
                return route;
            lens &= ~(1ull << bit);
        }
    return __atomic_load_n(&t->default_leaf, FIB_LOAD_ORDER) >> 1;
}

/* --- control thread --- */

struct ip6_hashes { /* of all tables */
    struct mem_map address_map;
    void (*retire)(void *ctx, struct ip6_hash *h); /* must end in free, after a grace period */
    void *ctx;
};

void ip6_hashes_init(struct ip6_hashes *s, u32 max_routes,
                     void (*retire)(void *ctx, struct ip6_hash *h), void *ctx);
void ip6_hashes_fini(struct ip6_hashes *s);

/* Makes the prefix of ip6_route_addresses[route] and len (1 to 128), which is not there yet, lead
 * to route. */
void ip6_hash_insert(struct ip6_hashes *s, struct fib_table_data *t, u32 route, u8 len);
/* Takes it out; last: there is no other prefix of that length. */
void ip6_hash_remove(struct ip6_hashes *s, struct fib_table_data *t, u32 route, u8 len, bool last);
