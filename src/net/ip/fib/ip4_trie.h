/* The data plane's trie of IPv4 prefixes, written by the control thread while data threads read it:
 * see fib_data.h for its shape. Every store leaves a trie that is right for either the old or the
 * new route.
 *
 *   root (65536 words) ─► block (256) ─► block (256)
 *
 * A block exists while prefixes longer than its base lie in it; then all its words are the same,
 * and one word in its parent says so again. */
#pragma once

#include "base/mem.h"
#include "base/pool.h"
#include "base/types.h"

#define IP4_TRIE_ROOT_WORDS 65536
#define IP4_TRIE_BLOCK_WORDS 256
#define IP4_TRIE_BLOCKS_MAX MEM_MOST(5u << 18) /* a /32 in each of a million /24 */

/* Blocks of all tables. */
struct ip4_tries {
    struct pool blocks;
    u32 *n_longer; /* by block: longer prefixes that end in it, and blocks below it */
    u8 *lens;      /* prefix length by load balance */
    struct mem_map n_longer_map, lens_map;
    void (*free_block)(void *ctx,
                       u32 block); /* must end in ip4_trie_block_put, after a grace period */
    void *ctx;
};

void ip4_tries_init(struct ip4_tries *t, u32 max_lbs, void (*free_block)(void *ctx, u32 block),
                    void *ctx);
void ip4_tries_fini(struct ip4_tries *t);
void ip4_trie_block_put(struct ip4_tries *t, u32 block);

static inline u32 ip4_trie_leaf(u32 lb)
{
    return lb * 2 + 1;
}

/* Makes addr/len (1 <= len <= 32, host order, masked), which is not there yet, lead to lb. -ENOSPC:
 * nothing changed. */
int ip4_trie_insert(struct ip4_tries *t, u32 *root, u32 addr, u8 len, u32 lb) MUST_CHECK;
/* Takes addr/len, which leads to lb, out; what it covered leads to cover: a leaf of the longest
 * prefix that covers addr/len, or 0 for the table's default. */
void ip4_trie_remove(struct ip4_tries *t, u32 *root, u32 addr, u8 len, u32 lb, u32 cover);
