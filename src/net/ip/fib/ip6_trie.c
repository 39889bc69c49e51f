/* Writing the trie of IPv6: what is longer than a /64 is in a hash, see ip6_long.h. */
#include "net/ip/fib/ip6_trie.h"

#include <errno.h>

struct ip_address *ip6_route_addresses;

/* The word for high's /64, if there is one; NULL: a shorter prefix has none in it. */
static u32 *way_place(const struct trie_way *way, u64 high)
{
    if (way->end < TRIE_BITS)
        return NULL;
    return trie_place(*way->at[way->n - 1], trie_byte(high, TRIE_BITS - 8));
}

/* The word of high's deep place, made if there is none; 0: no room. */
static u32 deep_place(struct tries *s, u32 *root, u64 high)
{
    struct trie_way way = trie_way_to(root, 0, high, TRIE_BITS);
    u32 *at = way_place(&way, high), cover = at ? *at : *way.at[way.n];
    if (trie_is_node(cover))
        return cover;
    u32 object = slab_get(&s->slabs, 0);
    if (!object)
        return 0;
    *(struct ip6_deep *)slab_at(s->slabs.base, object) = (struct ip6_deep){.cover = cover};
    struct trie_end e = {high, TRIE_BITS, object << 2};
    if (!trie_insert(s, root, 0, &e))
        return e.word;
    slab_put(&s->slabs, object, 0);
    return 0;
}

static int long_insert(struct tries *s, u32 *root, u64 high, u32 route, u8 len)
{
    u32 word = deep_place(s, root, high);
    if (!word)
        return -ENOSPC;
    struct ip6_deep *deep = trie_at(word);
    deep->n++;
    deep->n_hosts += len == IP6_ADDRESS_BITS;
    /* the length first: who sees the route looks for it */
    __atomic_store_n(&deep->lens, deep->lens | 1ull << (len - TRIE_BITS - 1), __ATOMIC_RELAXED);
    ip6_long_add(word >> 2, route, len, s->retire_hash, s->ctx);
    return 0;
}

static void long_remove(struct tries *s, u32 *root, u64 high, u32 route, u8 len)
{
    struct trie_way way = trie_way_to(root, 0, high, TRIE_BITS);
    u32 *at = way_place(&way, high), word = *at;
    struct ip6_deep *deep = trie_at(word);
    const u64 host = 1ull << (IP6_ADDRESS_BITS - TRIE_BITS - 1);
    ip6_long_del(word >> 2, route, len, s->retire_hash, s->ctx);
    deep->n--;
    deep->n_hosts -= len == IP6_ADDRESS_BITS;
    u64 lens = deep->lens & ((deep->n_hosts ? host : 0) | (deep->n > deep->n_hosts ? host - 1 : 0));
    __atomic_store_n(&deep->lens, lens, __ATOMIC_RELAXED);
    if (deep->n)
        return;
    trie_store(at, deep->cover);
    s->retire_node(s->ctx, word >> 2, 0);
    trie_tidy(s, &way);
}

int ip6_trie_insert(struct tries *s, u32 *root, u32 route, u8 len)
{
    struct trie_end e = {get_be64(ip6_route_addresses[route].bytes), len, trie_leaf(route)};
    s->lens[route] = len;
    if (len > TRIE_BITS)
        return long_insert(s, root, e.high, route, len);
    return trie_insert(s, root, 0, &e);
}

void ip6_trie_remove(struct tries *s, u32 *root, u32 route, u8 len, u32 cover)
{
    u64 high = get_be64(ip6_route_addresses[route].bytes);
    if (len > TRIE_BITS) {
        long_remove(s, root, high, route, len);
        return;
    }
    struct trie_end e = {high, len, trie_leaf(route)};
    trie_remove(s, root, 0, &e, cover);
}
