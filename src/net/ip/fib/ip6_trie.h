/* Routes of IPv6:
 *
 *   a table's word ─► node of bits 0..7 ─► 8..15 ─► ... ─► 56..63 ─► a /64's deep place
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

/* The word for dst, which lies in that deep place. */
static inline u32 ip6_deep_lookup(u32 word, const struct ip_address *dst)
{
    const struct ip6_deep *deep = trie_at(word);
    u64 low = get_be64(dst->bytes + 8);
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

/* Load balance of dst. */
static inline u32 ip6_trie_lookup(const struct fib_table_data *t, const struct ip_address *dst)
{
    u64 high = get_be64(dst->bytes);
    u32 w = trie_load(&t->ip6_root);
    for (int shift = 56; trie_is_node(w); shift -= 8) {
        if (shift < 0) {
            w = ip6_deep_lookup(w, dst);
            break;
        }
        w = trie_step(w, high >> shift & 255);
    }
    return (w ? w : trie_load(&t->default_leaf)) >> 1;
}

/* --- many at once --- */

/* Destinations of a vector, which wait for memory side by side: a level of all, then the next. */
struct ip6_search {
    u32 n; /* that are under way */
    u16 at[FRAME_PKTS];
    u64 high[FRAME_PKTS]; /* by place in the vector */
    const u8 *dst[FRAME_PKTS];
};

/* The i-th destination, whose way begins at `word`, which is stored by the caller. */
ALWAYS_INLINE void ip6_search_add(struct ip6_search *s, u32 i, const u8 dst[16], u32 word)
{
    s->dst[i] = dst;
    s->high[i] = get_be64(dst);
    s->at[s->n] = (u16)i;
    s->n += trie_is_node(word);
}

ALWAYS_INLINE void ip6_search_level(struct ip6_search *s, u32 *words, int shift)
{
    u32 n = 0;
    for (u32 k = 0; k < s->n; k++) {
        u32 i = s->at[k], w = trie_step(words[i], s->high[i] >> shift & 255);
        bool on = trie_is_node(w);
        words[i] = w;
        __builtin_prefetch(trie_at(on ? w : 0));
        s->at[n] = (u16)i;
        n += on;
    }
    s->n = n;
}

/* Each word becomes its destination's: 2 * load balance + 1, or 0 for the table's default. */
static inline void ip6_search_run(struct ip6_search *s, u32 *words)
{
    for (int shift = 56; s->n && shift >= 0; shift -= 8)
        ip6_search_level(s, words, shift);
    for (u32 k = 0; k < s->n; k++) {
        u32 i = s->at[k];
        struct ip_address dst;
        __builtin_memcpy(dst.bytes, s->dst[i], sizeof(dst.bytes));
        words[i] = ip6_deep_lookup(words[i], &dst);
    }
}

/* --- control thread --- */

/* Makes the prefix of ip6_route_addresses[route] and len (1 to 128), which is not there yet, lead
 * to route. -ENOSPC: nothing changed. */
int ip6_trie_insert(struct tries *s, u32 *root, u32 route, u8 len) MUST_CHECK;
/* Takes it out; what it covered leads to `cover`: a leaf of the longest prefix that covers it, or 0
 * for the table's default. */
void ip6_trie_remove(struct tries *s, u32 *root, u32 route, u8 len, u32 cover);
