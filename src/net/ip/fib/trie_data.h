/* Tries of prefixes, as data threads see them: of a byte a level, for both protocols (ip4_trie.h,
 * ip6_trie.h; trie.h: how they are written).
 *
 *   word    0: the table's default
 *           2 * load balance + 1: a leaf
 *           else 4 * the name of a node (slab.h), + 2 when that is whole
 *   node    the 256 words of a byte. Equal neighbours are kept once: a bit says where another word
 *           begins, and the bits before it which one it is. Most have less than eight words, and
 *           are one cache line. One with many is whole: an array, whose words are replaced in place
 *
 * (docs/decisions/0027-ip6-lookup.md) */
#pragma once

#include "base/slab.h"

#define TRIE_NODE_WORDS 256u
#define TRIE_WHOLE 2u

struct trie_node {
    u64 starts[4]; /* bit of each byte that another word begins at; that of 0 always */
    u8 before[4];  /* words before the first of each 64 bytes, less one */
    u32 words[];
};

extern u8 *trie_base; /* nodes of all tables */

/* What a word leads to was stored before it, and the address depends on the word: that orders the
 * loads, which the thread sanitizer does not know. */
#if defined(__SANITIZE_THREAD__)
#define FIB_LOAD_ORDER __ATOMIC_ACQUIRE
#else
#define FIB_LOAD_ORDER __ATOMIC_RELAXED
#endif

ALWAYS_INLINE u32 trie_load(const u32 *word)
{
    return __atomic_load_n(word, FIB_LOAD_ORDER);
}

/* Whether it leads on. */
ALWAYS_INLINE bool trie_is_node(u32 word)
{
    return word && !(word & 1);
}

ALWAYS_INLINE void *trie_at(u32 word)
{
    return slab_at(trie_base, word >> 2);
}

/* What is read first of the node that `word` names, on the way to a byte. */
ALWAYS_INLINE const void *trie_first(u32 word, u32 byte)
{
    return (const u32 *)trie_at(word) + (word & TRIE_WHOLE ? byte : 0);
}

ALWAYS_INLINE u32 trie_node_index(const struct trie_node *x, u32 byte)
{
    u64 upto = x->starts[byte >> 6] & ~0ull >> (63 - (byte & 63));
    return (u8)(x->before[byte >> 6] + __builtin_popcountll(upto));
}

/* Where the node that `word` names has its word for that byte. */
ALWAYS_INLINE u32 *trie_place(u32 word, u32 byte)
{
    if (word & TRIE_WHOLE)
        return (u32 *)trie_at(word) + byte;
    struct trie_node *x = trie_at(word);
    return &x->words[trie_node_index(x, byte)];
}

ALWAYS_INLINE u32 trie_step(u32 word, u32 byte)
{
    return trie_load(trie_place(word, byte));
}
