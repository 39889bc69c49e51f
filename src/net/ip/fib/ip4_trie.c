/* Writing the trie. A leaf's owner is as long as lens[] says: a longer prefix keeps its words when
 * a shorter one is painted over them. */
#include "net/ip/fib/ip4_trie.h"

#include <errno.h>

#include "base/log.h"
#include "net/ip/fib/fib_data.h"

u32 *ip4_trie_blocks;

void ip4_tries_init(struct ip4_tries *t, u32 max_lbs, void (*free_block)(void *ctx, u32 block),
                    void *ctx)
{
    *t = (struct ip4_tries){.free_block = free_block, .ctx = ctx};
    u32 bytes = IP4_TRIE_BLOCK_WORDS * sizeof(u32);
    pool_init(&t->blocks, "ip4 trie", bytes, CACHE_LINE_BYTES, IP4_TRIE_BLOCKS_MAX);
    t->n_longer =
        mem_reserve(&t->n_longer_map, "ip4 trie counts", (u64)IP4_TRIE_BLOCKS_MAX * sizeof(u32));
    t->lens = mem_reserve(&t->lens_map, "ip4 prefix lengths", max_lbs);
    ip4_trie_blocks = (u32 *)t->blocks.base;
    /* block 0 would look like "the default" */
    bool taken = pool_get_at(&t->blocks, 0);
    assert(taken);
}

void ip4_tries_fini(struct ip4_tries *t)
{
    ip4_trie_blocks = NULL;
    pool_fini(&t->blocks);
    mem_map_free(&t->n_longer_map);
    mem_map_free(&t->lens_map);
}

void ip4_trie_block_put(struct ip4_tries *t, u32 block)
{
    pool_put(&t->blocks, block);
}

static u32 *block_words(const struct ip4_tries *t, u32 block)
{
    return pool_at(&t->blocks, block);
}

static bool is_block(u32 w)
{
    return w && !(w & 1);
}

static void ip4_trie_store(u32 *word, u32 w)
{
    /* what the word leads to is complete before it can be seen */
    __atomic_store_n(word, w, __ATOMIC_RELEASE);
}

static void ip4_trie_paint(struct ip4_tries *t, u32 *words, u32 n, u32 leaf, u8 len)
{
    for (u32 i = 0; i < n; i++) {
        u32 w = words[i];
        if (is_block(w))
            ip4_trie_paint(t, block_words(t, w >> 1), IP4_TRIE_BLOCK_WORDS, leaf, len);
        else if (!w || t->lens[w >> 1] <= len)
            ip4_trie_store(&words[i], leaf);
    }
}

static void ip4_trie_unpaint(struct ip4_tries *t, u32 *words, u32 n, u32 leaf, u32 cover)
{
    for (u32 i = 0; i < n; i++) {
        u32 w = words[i];
        if (is_block(w))
            ip4_trie_unpaint(t, block_words(t, w >> 1), IP4_TRIE_BLOCK_WORDS, leaf, cover);
        else if (w == leaf)
            ip4_trie_store(&words[i], cover);
    }
}

/* The block that word leads to, made if there is none; 0 when there is no room. */
static u32 ip4_trie_descend(struct ip4_tries *t, u32 *word)
{
    if (is_block(*word))
        return *word >> 1;
    u32 block = pool_get(&t->blocks);
    if (block == POOL_NONE)
        return 0;
    u32 *words = block_words(t, block);
    for (u32 i = 0; i < IP4_TRIE_BLOCK_WORDS; i++)
        words[i] = *word;
    t->n_longer[block] = 0;
    ip4_trie_store(word, block * 2);
    return block;
}

/* Folds the block back into its parent's word when nothing longer lies in it. */
static bool ip4_trie_fold(struct ip4_tries *t, u32 *word)
{
    u32 block = *word >> 1;
    if (t->n_longer[block])
        return false;
    ip4_trie_store(word, block_words(t, block)[0]);
    t->free_block(t->ctx, block);
    return true;
}

/* Words of a level that addr/len covers; shift: bits below the level's. */
static u32 *ip4_trie_range(u32 *words, u32 addr, u8 len, unsigned shift, u32 mask, u32 *n)
{
    *n = 1u << (32 - len - shift);
    return &words[(addr >> shift) & mask];
}

int ip4_trie_insert(struct ip4_tries *t, u32 *root, u32 addr, u8 len, u32 lb)
{
    u32 *word = &root[addr >> 16], leaf = ip4_trie_leaf(lb), n;
    u32 *from;

    t->lens[lb] = len;
    if (len <= 16) {
        from = ip4_trie_range(root, addr, len, 16, 0xffff, &n);
        ip4_trie_paint(t, from, n, leaf, len);
        return 0;
    }
    u32 b1 = ip4_trie_descend(t, word);
    if (!b1)
        return -ENOSPC;
    if (len <= 24) {
        t->n_longer[b1]++;
        from = ip4_trie_range(block_words(t, b1), addr, len, 8, 255, &n);
        ip4_trie_paint(t, from, n, leaf, len);
        return 0;
    }
    u32 *word2 = &block_words(t, b1)[(addr >> 8) & 255];
    bool made = !is_block(*word2);
    u32 b2 = ip4_trie_descend(t, word2);
    if (!b2) {
        ip4_trie_fold(t, word);
        return -ENOSPC;
    }
    t->n_longer[b1] += made;
    t->n_longer[b2]++;
    from = ip4_trie_range(block_words(t, b2), addr, len, 0, 255, &n);
    ip4_trie_paint(t, from, n, leaf, len);
    return 0;
}

void ip4_trie_remove(struct ip4_tries *t, u32 *root, u32 addr, u8 len, u32 lb, u32 cover)
{
    u32 *word = &root[addr >> 16], leaf = ip4_trie_leaf(lb), n;
    u32 *from;

    if (len <= 16) {
        from = ip4_trie_range(root, addr, len, 16, 0xffff, &n);
        ip4_trie_unpaint(t, from, n, leaf, cover);
        return;
    }
    u32 b1 = *word >> 1;
    assert(is_block(*word));
    if (len <= 24) {
        from = ip4_trie_range(block_words(t, b1), addr, len, 8, 255, &n);
        ip4_trie_unpaint(t, from, n, leaf, cover);
    } else {
        u32 *word2 = &block_words(t, b1)[(addr >> 8) & 255];
        assert(is_block(*word2));
        from = ip4_trie_range(block_words(t, *word2 >> 1), addr, len, 0, 255, &n);
        ip4_trie_unpaint(t, from, n, leaf, cover);
        t->n_longer[*word2 >> 1]--;
        if (!ip4_trie_fold(t, word2))
            return;
    }
    t->n_longer[b1]--;
    ip4_trie_fold(t, word);
}
