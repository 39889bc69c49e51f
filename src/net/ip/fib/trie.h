/* Writing tries (trie_data.h), which the control thread does while data threads read them. A leaf's
 * owner is as long as lens[] says: a longer prefix keeps its words when a shorter one is painted
 * over them. A node that says something else than before is made anew, and published by one store
 * of the word that leads to it; words are replaced in place. Every store leaves a trie that is
 * right for either the old or the new route. */
#pragma once

#include "base/mem.h"
#include "net/ip/fib/trie_data.h"

#define TRIE_BITS 64 /* the most */
#define TRIE_BYTES_MAX MEM_MOST(3ull << 30)

struct tries { /* of all tables */
    struct slabs slabs;
    u8 *lens; /* prefix length by load balance */
    struct mem_map lens_map;
    /* must end in trie_put, and in free (of IPv6's hashes), after a grace period */
    void (*retire_node)(void *ctx, u32 object, u32 size);
    void (*retire_hash)(void *ctx, void *hash);
    void *ctx;
};

void tries_init(struct tries *s, u32 max_routes,
                void (*retire_node)(void *ctx, u32 object, u32 size),
                void (*retire_hash)(void *ctx, void *hash), void *ctx);
void tries_fini(struct tries *s);
void trie_put(struct tries *s, u32 object, u32 size);

static inline u32 trie_leaf(u32 lb)
{
    return lb * 2 + 1;
}

/* What a word for a prefix is: a leaf; or, when it is TRIE_BITS long, an object of the smallest
 * size, that the trie's user knows, and whose first word is that of what covers it. */
struct trie_end {
    u64 high; /* the prefix's first bits, the first one at the top */
    u32 len;
    u32 word;
};

/* In the trie of the bits from `base` on that *root leads to: base < e->len. -ENOSPC: nothing
 * changed. */
int trie_insert(struct tries *s, u32 *root, u32 base, const struct trie_end *e) MUST_CHECK;
/* Takes that leaf out; what it covered leads to cover, the word of the longest prefix that covers
 * it. Never fails. */
void trie_remove(struct tries *s, u32 *root, u32 base, const struct trie_end *e, u32 cover);

/* n words, each of all that begins with the same bits, of which there are `bits`: those that belong
 * to no longer prefix become that leaf. */
void trie_paint(struct tries *s, u32 *words, u32 n, u32 bits, u32 leaf, u32 len);
/* Of n such words, what was that leaf becomes cover. */
void trie_unpaint(struct tries *s, u32 *words, u32 n, u32 bits, u32 leaf, u32 cover);

/* Retires the nodes of so many levels, from that of `word` on: what lies behind has another way. */
void trie_retire_top(struct tries *s, u32 word, u32 levels);

/* --- for objects behind TRIE_BITS --- */

/* The nodes on the way to a prefix: words that lead to each. */
struct trie_way {
    u32 *at[TRIE_BITS / 8 + 1];
    u32 n;
    u32 base, end; /* bits before the first node, and up to the end of the last */
};

/* As far as it is there, and not beyond the node that the prefix ends in. */
struct trie_way trie_way_to(u32 *root, u32 base, u64 high, u32 len);
void trie_store(u32 *word, u32 w);
/* Takes out what is no node of its own any more, from the end of the way on. */
void trie_tidy(struct tries *s, const struct trie_way *way);

ALWAYS_INLINE u32 trie_byte(u64 high, u32 base)
{
    return high >> (56 - base) & 255;
}
