/* Writing the trie of IPv4. */
#include "net/ip/fib/ip4_trie.h"

#define ROOT_BITS 16u

static struct trie_end ip4_end(u32 addr, u8 len, u32 lb)
{
    return (struct trie_end){(u64)addr << 32, len, trie_leaf(lb)};
}

int ip4_trie_insert(struct tries *s, u32 *root, u32 addr, u8 len, u32 lb)
{
    u32 *word = &root[addr >> ROOT_BITS];
    struct trie_end e = ip4_end(addr, len, lb);
    s->lens[lb] = len;
    if (len > ROOT_BITS)
        return trie_insert(s, word, ROOT_BITS, &e);
    trie_paint(s, word, 1u << (ROOT_BITS - len), ROOT_BITS, e.word, len);
    return 0;
}

void ip4_trie_remove(struct tries *s, u32 *root, u32 addr, u8 len, u32 lb, u32 cover)
{
    u32 *word = &root[addr >> ROOT_BITS];
    struct trie_end e = ip4_end(addr, len, lb);
    if (len > ROOT_BITS)
        trie_remove(s, word, ROOT_BITS, &e, cover);
    else
        trie_unpaint(s, word, 1u << (ROOT_BITS - len), ROOT_BITS, e.word, cover);
}
