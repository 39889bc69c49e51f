/* Writing the trie of IPv6: what is longer than a /64 is in a hash, see ip6_long.h. */
#include "net/ip/fib/ip6_trie.h"

#include <errno.h>

struct ip_address *ip6_route_addresses;

/* Where the way to an address begins: its word of a table, and the bits before that. */
struct ip6_start {
    u32 *word;
    u32 base;
};

static struct ip6_start ip6_trie_first_word(struct fib_table_data *t, u64 high)
{
    if (t->ip6_wide)
        return (struct ip6_start){&t->ip6_wide[high >> (64 - IP6_WIDE_BITS)], IP6_WIDE_BITS};
    return (struct ip6_start){&t->ip6_root, 0};
}

static struct trie_way way_to(struct ip6_start at, u64 high)
{
    return trie_way_to(at.word, at.base, high, TRIE_BITS);
}

/* The word for high's /64, if there is one; NULL: a shorter prefix has none in it. */
static u32 *way_place(const struct trie_way *way, u64 high)
{
    if (way->end < TRIE_BITS)
        return NULL;
    return trie_place(*way->at[way->n - 1], trie_byte(high, TRIE_BITS - 8));
}

/* The word of high's deep place, made if there is none; 0: no room. */
static u32 deep_place(struct tries *s, struct ip6_start start, u64 high)
{
    struct trie_way way = way_to(start, high);
    u32 *at = way_place(&way, high), cover = at ? *at : *way.at[way.n];
    if (trie_is_node(cover))
        return cover;
    u32 object = slab_get(&s->slabs, 0);
    if (!object)
        return 0;
    *(struct ip6_deep *)slab_at(s->slabs.base, object) = (struct ip6_deep){.cover = cover};
    struct trie_end e = {high, TRIE_BITS, object << 2};
    if (!trie_insert(s, start.word, start.base, &e))
        return e.word;
    slab_put(&s->slabs, object, 0);
    return 0;
}

static int long_insert(struct tries *s, struct ip6_start start, u64 high, u32 route, u8 len)
{
    u32 word = deep_place(s, start, high);
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

static void long_remove(struct tries *s, struct ip6_start start, u64 high, u32 route, u8 len)
{
    struct trie_way way = way_to(start, high);
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

int ip6_trie_insert(struct tries *s, struct fib_table_data *t, u32 route, u8 len)
{
    struct trie_end e = {get_be64(ip6_route_addresses[route].bytes), len, trie_leaf(route)};
    struct ip6_start start = ip6_trie_first_word(t, e.high);
    s->lens[route] = len;
    if (len > TRIE_BITS)
        return long_insert(s, start, e.high, route, len);
    if (len > start.base)
        return trie_insert(s, start.word, start.base, &e);
    trie_paint(s, start.word, 1u << (start.base - len), start.base, e.word, len);
    return 0;
}

void ip6_trie_remove(struct tries *s, struct fib_table_data *t, u32 route, u8 len, u32 cover)
{
    struct trie_end e = {get_be64(ip6_route_addresses[route].bytes), len, trie_leaf(route)};
    struct ip6_start start = ip6_trie_first_word(t, e.high);
    if (len > TRIE_BITS)
        long_remove(s, start, e.high, route, len);
    else if (len > start.base)
        trie_remove(s, start.word, start.base, &e, cover);
    else
        trie_unpaint(s, start.word, 1u << (start.base - len), start.base, e.word, cover);
}

void ip6_trie_widen(struct tries *s, struct fib_table_data *t, u32 *words)
{
    struct ip6_top top = ip6_top_of(t);
    for (u64 i = 0; i < IP6_WIDE_WORDS; i++) {
        u32 w = ip6_top_word(top, i << (64 - IP6_WIDE_BITS));
        if (w) /* else its page may stay untouched */
            words[i] = w;
    }
    /* who does not see them goes by the root, for as long as its nodes are there */
    __atomic_store_n(&t->ip6_wide, words, __ATOMIC_RELEASE);
    trie_retire_top(s, top.root, IP6_WIDE_BITS / 8);
}
