/* Routes of IPv6:
 *
 *   a table's word ─► node of bits 0..7 ─► 8..15 ─► 16..23 ─► ... ─► 56..63 ─► a /64's deep place
 *   or, with many routes: its words of bits 0..15 ─┘
 *
 * What is longer than /64 is in a hash (ip6_long.h), for which the deep place of its /64 says
 * whether and how long. See trie_data.h, and docs/decisions/0027-ip6-lookup.md */
#pragma once

#include "engine/node.h"
#include "net/ip/fib/fib_data.h"
#include "net/ip/fib/ip6_long.h"
#include "net/ip/fib/trie.h"

struct ip6_deep {
    u32 cover;   /* word of what is in none of its prefixes */
    u32 n;       /* prefixes; control thread */
    u64 lens;    /* bit len - 65: there may be a prefix of that length */
    u32 n_hosts; /* of these, /128 */
    u32 spare[3];
};

/* The word for an address that ends so (as it lies) and is in that deep place. */
static inline u32 ip6_deep_lookup(u32 word, u64 low_bytes)
{
    const struct ip6_deep *deep = trie_at(word);
    u64 low = be64_to_host((be64){low_bytes});
    for (u64 lens = __atomic_load_n(&deep->lens, __ATOMIC_RELAXED); lens;) {
        u32 bit = 63 - (u32)__builtin_clzll(lens);
        be64 masked = be64_from_host(low & ~0ull << (63 - bit));
        u32 route = ip6_long_find(word >> 2, masked.raw, bit + 65);
        if (route)
            return route << 1 | 1;
        lens &= ~(1ull << bit);
    }
    return trie_load(&deep->cover);
}

/* --- where ways begin --- */

/* A table with many routes has words of all first 16 bits, as IPv4 has, in place of the first two
 * nodes of a way. */
#define IP6_WIDE_BITS 16
#define IP6_WIDE_WORDS (1u << IP6_WIDE_BITS)

struct ip6_top {
    const u32 *wide; /* NULL: there are none */
    u32 root;
};

ALWAYS_INLINE struct ip6_top ip6_top_of(const struct fib_table_data *t)
{
    const u32 *wide = __atomic_load_n(&t->ip6_wide, __ATOMIC_ACQUIRE);
    return (struct ip6_top){wide, trie_load(&t->ip6_root)};
}

/* The word behind the first 16 bits of an address. */
ALWAYS_INLINE u32 ip6_top_word(struct ip6_top top, u64 high)
{
    if (likely(top.wide != NULL))
        return trie_load(&top.wide[high >> (64 - IP6_WIDE_BITS)]);
    u32 w = top.root;
    for (u32 bits = 0; bits < IP6_WIDE_BITS && trie_is_node(w); bits += 8)
        w = trie_step(w, trie_byte(high, bits));
    return w;
}

/* Leaf of an address, whose first half is in host order, and the other as it lies. */
ALWAYS_INLINE u32 ip6_trie_leaf(const struct fib_table_data *t, u64 high, u64 low)
{
    u32 w = ip6_top_word(ip6_top_of(t), high);
    for (u32 bits = IP6_WIDE_BITS; bits < TRIE_BITS && trie_is_node(w); bits += 8)
        w = trie_step(w, trie_byte(high, bits));
    if (trie_is_node(w))
        w = ip6_deep_lookup(w, low);
    return w ? w : trie_load(&t->default_leaf);
}

/* Load balance of dst. */
static inline u32 ip6_trie_lookup(const struct fib_table_data *t, const struct ip_address *dst)
{
    return ip6_trie_leaf(t, get_be64(dst->bytes), ip6_low(dst)) >> 1;
}

/* --- many at once --- */

/* What is read at once: so much that all of it is there when it is read. */
#define IP6_SEARCH_BLOCK 32
/* Nodes of the bits before these are few, and in the caches; those of the next eight are more than
 * a line, where a /32 is split up, and those behind them are one. */
#define IP6_SEARCH_FAR_BITS 32

/* Destinations of a vector, which wait for memory side by side: a level of all, then the next. */
struct ip6_search {
    u32 n; /* that are under way */
    u16 at[FRAME_PKTS];
    u64 high[FRAME_PKTS]; /* by place in the vector: the first half of the address, host order */
    u64 low[FRAME_PKTS];  /* the other, as it lies */
};

/* The i-th destination: returns its word, for the caller to store. */
ALWAYS_INLINE u32 ip6_search_add(struct ip6_search *s, u32 i, struct ip6_top top, u64 high, u64 low)
{
    u32 w = ip6_top_word(top, high);
    if (trie_is_node(w))
        w = trie_step(w, trie_byte(high, IP6_WIDE_BITS));
    bool on = trie_is_node(w);
    __builtin_prefetch(trie_first(on ? w : 0, trie_byte(high, IP6_WIDE_BITS + 8)));
    s->high[i] = high;
    s->low[i] = low;
    s->at[s->n] = (u16)i;
    s->n += on;
    return w;
}

/* The i-th has come to word w, from the node of those bits: keeps it as the n-th if it goes on. */
ALWAYS_INLINE u32 ip6_search_keep(struct ip6_search *s, u32 *words, u32 bits, u32 i, u32 w, u32 n)
{
    bool on = trie_is_node(w);
    words[i] = w;
    __builtin_prefetch(trie_first(on ? w : 0, trie_byte(s->high[i], (bits + 8) % TRIE_BITS)));
    s->at[n] = (u16)i;
    return n + on;
}

ALWAYS_INLINE void ip6_search_level(struct ip6_search *s, u32 *words, u32 bits)
{
    u32 n = 0;
    for (u32 k = 0; k < s->n; k++) {
        u32 i = s->at[k], w = trie_step(words[i], trie_byte(s->high[i], bits));
        n = ip6_search_keep(s, words, bits, i, w, n);
    }
    s->n = n;
}

/* The same where a node has its words in other lines than its first, which are asked for, too. */
ALWAYS_INLINE void ip6_search_far_level(struct ip6_search *s, u32 *words, u32 bits)
{
    const u32 *place[IP6_SEARCH_BLOCK];
    u32 n = 0, count = s->n;
    for (u32 from = 0, to; from < count; from = to) {
        to = (u32)min_u64(count, from + IP6_SEARCH_BLOCK);
        for (u32 k = from; k < to; k++) {
            u32 i = s->at[k];
            place[k - from] = trie_place(words[i], trie_byte(s->high[i], bits));
            __builtin_prefetch(place[k - from]);
        }
        for (u32 k = from; k < to; k++)
            n = ip6_search_keep(s, words, bits, s->at[k], trie_load(place[k - from]), n);
    }
    s->n = n;
}

/* Each word becomes its destination's: 2 * load balance + 1, or 0 for the table's default. */
static inline void ip6_search_run(struct ip6_search *s, u32 *words)
{
    for (u32 bits = IP6_WIDE_BITS + 8; s->n && bits < TRIE_BITS; bits += 8)
        if (bits == IP6_SEARCH_FAR_BITS)
            ip6_search_far_level(s, words, bits);
        else
            ip6_search_level(s, words, bits);
    for (u32 k = 0; k < s->n; k++) {
        u32 i = s->at[k];
        words[i] = ip6_deep_lookup(words[i], s->low[i]);
    }
}

/* --- control thread --- */

/* Makes the prefix of ip6_route_addresses[route] and len (1 to 128), which is not there yet, lead
 * to route. -ENOSPC: nothing changed. */
int ip6_trie_insert(struct tries *s, struct fib_table_data *t, u32 route, u8 len) MUST_CHECK;
/* Takes it out; what it covered leads to `cover`: a leaf of the longest prefix that covers it, or 0
 * for the table's default. */
void ip6_trie_remove(struct tries *s, struct fib_table_data *t, u32 route, u8 len, u32 cover);
/* From now on t has these IP6_WIDE_WORDS words, all 0, which are the caller's to free behind a
 * grace period when t has ended. */
void ip6_trie_widen(struct tries *s, struct fib_table_data *t, u32 *words);
