/* See trie.h. */
#include "net/ip/fib/trie.h"

#include <errno.h>
#include <string.h>

#include "base/byteorder.h"

u8 *trie_base;

/* Sizes of nodes; the last is of whole ones. */
static const u16 node_units[] = {1, 2, 3, 4, 16};
#define SIZE_WHOLE (array_len(node_units) - 1)
/* Words that a node has before it is whole, and when it is not any more. */
#define RANGES_MOST 54
#define WHOLE_LEAST 32

void tries_init(struct tries *s, u32 max_routes,
                void (*retire_node)(void *ctx, u32 object, u32 size),
                void (*retire_hash)(void *ctx, void *hash), void *ctx)
{
    *s = (struct tries){.retire_node = retire_node, .retire_hash = retire_hash, .ctx = ctx};
    slabs_init(&s->slabs, "ip tries", node_units, array_len(node_units), TRIE_BYTES_MAX);
    s->lens = mem_reserve(&s->lens_map, "ip prefix lengths", max_routes);
    trie_base = s->slabs.base;
}

void tries_fini(struct tries *s)
{
    trie_base = NULL;
    slabs_fini(&s->slabs);
    mem_map_free(&s->lens_map);
}

void trie_put(struct tries *s, u32 object, u32 size)
{
    slab_put(&s->slabs, object, size);
}

/* --- nodes --- */

static u32 node_size(u32 n_words)
{
    u32 bytes = (u32)(sizeof(struct trie_node) + n_words * sizeof(u32)), size = 0;
    if (n_words > RANGES_MOST)
        return SIZE_WHOLE;
    while (node_units[size] * SLAB_UNIT_BYTES < bytes)
        size++;
    return size;
}

/* Those of the node that `word` names. */
static u32 *node_words(u32 word, u32 *n)
{
    *n = TRIE_NODE_WORDS;
    if (word & TRIE_WHOLE)
        return trie_at(word);
    struct trie_node *x = trie_at(word);
    *n = (u8)(x->before[3] + (u32)__builtin_popcountll(x->starts[3])) + 1u;
    return x->words;
}

static u32 node_size_of(u32 word)
{
    u32 n;
    (void)node_words(word, &n);
    return node_size(n);
}

/* What a node says: words, and the bytes that they begin at. */
struct runs {
    u32 n;
    u32 words[256];
    u16 starts[257]; /* one more than there are: 256 */
};

/* count bytes more; equal neighbours are one. */
static void runs_add(struct runs *r, u32 word, u32 count)
{
    u32 end = (r->n ? r->starts[r->n] : 0) + count;
    if (!r->n || r->words[r->n - 1] != word) {
        r->starts[r->n] = (u16)(end - count);
        r->words[r->n++] = word;
    }
    r->starts[r->n] = (u16)end;
}

/* Those of a word that leads to no node are all that word. */
static void runs_read(u32 word, struct runs *r)
{
    r->n = 0;
    if (!trie_is_node(word)) {
        runs_add(r, word, TRIE_NODE_WORDS);
        return;
    }
    if (word & TRIE_WHOLE) {
        const u32 *words = trie_at(word);
        for (u32 i = 0; i < TRIE_NODE_WORDS; i++)
            runs_add(r, words[i], 1);
        return;
    }
    const struct trie_node *x = trie_at(word);
    u32 at = 0, before = 0;
    for (u32 q = 0; q < 4; q++)
        for (u64 starts = x->starts[q] & (q ? ~0ull : ~1ull); starts; starts &= starts - 1) {
            u32 start = q * 64 + (u32)__builtin_ctzll(starts);
            runs_add(r, x->words[at++], start - before);
            before = start;
        }
    runs_add(r, x->words[at], TRIE_NODE_WORDS - before);
}

static void node_begin_at(struct trie_node *x, u32 byte)
{
    x->starts[byte / 64] |= 1ull << (byte % 64);
}

/* Of its bits: `before`. */
static void node_count_starts(struct trie_node *x)
{
    for (u32 q = 0, n = 0; q < 4; q++) {
        x->before[q] = (u8)(n - 1);
        n += (u32)__builtin_popcountll(x->starts[q]);
    }
}

static void ranges_write(struct trie_node *x, const struct runs *r)
{
    memset(x, 0, sizeof(*x));
    for (u32 i = 0; i < r->n; i++) {
        node_begin_at(x, r->starts[i]);
        x->words[i] = r->words[i];
    }
    node_count_starts(x);
}

/* The word of a new node; 0: no room. */
static u32 node_new(struct tries *s, const struct runs *r)
{
    u32 size = node_size(r->n), object = slab_get(&s->slabs, size);
    if (!object)
        return 0;
    void *node = slab_at(s->slabs.base, object);
    if (size < SIZE_WHOLE) {
        ranges_write(node, r);
        return object << 2;
    }
    u32 *words = node;
    for (u32 i = 0; i < r->n; i++)
        for (u32 k = r->starts[i]; k < r->starts[i + 1]; k++)
            words[k] = r->words[i];
    return object << 2 | TRIE_WHOLE;
}

static void node_retire(struct tries *s, u32 word)
{
    s->retire_node(s->ctx, word >> 2, node_size_of(word));
}

void trie_store(u32 *word, u32 w)
{
    /* what the word leads to is complete before it can be seen */
    __atomic_store_n(word, w, __ATOMIC_RELEASE);
}

void trie_retire_top(struct tries *s, u32 word, u32 levels)
{
    u32 n;
    if (!levels || !trie_is_node(word))
        return;
    const u32 *words = node_words(word, &n);
    for (u32 i = 0; i < n; i++)
        trie_retire_top(s, words[i], levels - 1);
    node_retire(s, word);
}

/* --- painting --- */

static bool is_shorter(const struct tries *s, u32 word, u32 len)
{
    return !word || ((word & 1) && s->lens[word >> 1] <= len);
}

/* The words behind one of so many bits that leads on. */
static u32 *words_below(u32 word, u32 bits, u32 *n)
{
    *n = 1;
    return bits == TRIE_BITS ? trie_at(word) : node_words(word, n);
}

void trie_paint(struct tries *s, u32 *words, u32 n, u32 bits, u32 leaf, u32 len)
{
    for (u32 i = 0, k; i < n; i++) {
        u32 w = words[i];
        if (trie_is_node(w)) {
            u32 *below = words_below(w, bits, &k);
            trie_paint(s, below, k, bits + 8, leaf, len);
        } else if (is_shorter(s, w, len)) {
            trie_store(&words[i], leaf);
        }
    }
}

void trie_unpaint(struct tries *s, u32 *words, u32 n, u32 bits, u32 leaf, u32 cover)
{
    for (u32 i = 0, k; i < n; i++) {
        u32 w = words[i];
        if (trie_is_node(w)) {
            u32 *below = words_below(w, bits, &k);
            trie_unpaint(s, below, k, bits + 8, leaf, cover);
        } else if (w == leaf) {
            trie_store(&words[i], cover);
        }
    }
}

/* --- ways --- */

/* The words of a node of the bits from base on that a prefix which ends there has. */
static u32 node_range(u64 high, u32 len, u32 base, u32 *n)
{
    *n = 1u << (base + 8 - len);
    return trie_byte(high, base);
}

/* What a node of the bits from base on, which says `in`, says with e. */
static void end_paint(const struct tries *s, const struct trie_end *e, u32 base,
                      const struct runs *in, struct runs *out)
{
    u32 n, from = node_range(e->high, (u32)min_u64(e->len, base + 8), base, &n), to = from + n;
    out->n = 0;
    for (u32 i = 0; i < in->n; i++) {
        u32 a = in->starts[i], b = in->starts[i + 1], word = in->words[i];
        u32 inner_a = (u32)min_u64(max_u64(a, from), b),
            inner_b = (u32)max_u64(min_u64(b, to), inner_a);
        bool paints = trie_is_node(e->word) || is_shorter(s, word, e->len);
        if (inner_a > a)
            runs_add(out, word, inner_a - a);
        if (inner_b > inner_a)
            runs_add(out, paints ? e->word : word, inner_b - inner_a);
        if (b > inner_b)
            runs_add(out, word, b - inner_b);
    }
}

/* Frees the nodes that end_chain made, which nobody has seen. */
static void end_unchain(struct tries *s, const struct trie_end *e, u32 base, u32 word)
{
    for (; word && base < e->len; base += 8) {
        u32 next = base + 8 < e->len ? *trie_place(word, trie_byte(e->high, base)) : 0;
        slab_put(&s->slabs, word >> 2, node_size_of(word));
        word = next;
    }
}

/* Nodes from base on for e alone, in what leads to `around`: the word of the first; 0: no room. */
static u32 end_chain(struct tries *s, const struct trie_end *e, u32 base, u32 around)
{
    struct runs all = {.n = 0}, with;
    struct trie_end part = *e;
    runs_add(&all, around, TRIE_NODE_WORDS);
    for (u32 b = (e->len - 1) / 8 * 8 + 8; b > base;) {
        b -= 8;
        end_paint(s, &part, b, &all, &with);
        u32 word = node_new(s, &with);
        if (!word) {
            end_unchain(s, e, b + 8, part.word == e->word ? 0 : part.word);
            return 0;
        }
        part.word = word;
    }
    return part.word;
}

struct trie_way trie_way_to(u32 *root, u32 base, u64 high, u32 len)
{
    struct trie_way way = {.at = {root}, .base = base, .end = base};
    while (trie_is_node(*way.at[way.n]) && way.end < len) {
        u32 node = *way.at[way.n++], byte = trie_byte(high, way.end);
        way.end += 8;
        if (way.end >= len)
            break;
        way.at[way.n] = trie_place(node, byte);
    }
    return way;
}

/* The nodes that lie in it. */
static void end_paint_below(struct tries *s, const struct trie_end *e, u32 base,
                            const struct runs *r)
{
    u32 n, from = node_range(e->high, e->len, base, &n);
    for (u32 i = 0; i < r->n; i++)
        if (r->starts[i] >= from && r->starts[i] < from + n && trie_is_node(r->words[i])) {
            u32 word = r->words[i];
            trie_paint(s, &word, 1, base + 8, e->word, e->len);
        }
}

static bool node_begins_at(const struct trie_node *x, u32 byte)
{
    return x->starts[byte / 64] >> (byte % 64) & 1;
}

/* The word of a node that says what the one that `node` names says, but for the bytes [from, to),
 * which are e's; 0: these are not all of one range that e may have, or there is no room. Most
 * changes are so, and copying is fast. */
static u32 node_splice(struct tries *s, const struct trie_end *e, u32 node, u32 from, u32 to)
{
    struct trie_node *x = trie_at(node), *y;
    u32 n, *words = node_words(node, &n), at = trie_node_index(x, from);
    bool begins = node_begins_at(x, from), ends = to == TRIE_NODE_WORDS || node_begins_at(x, to);
    u32 before = at + !begins, behind = at + ends, size = node_size(before + 1 + n - behind);
    if (size == SIZE_WHOLE || trie_node_index(x, to - 1) != at || !is_shorter(s, words[at], e->len))
        return 0;
    u32 object = slab_get(&s->slabs, size);
    if (!object)
        return 0;
    y = slab_at(s->slabs.base, object);
    memcpy(y->starts, x->starts, sizeof(y->starts));
    node_begin_at(y, from);
    if (!ends)
        node_begin_at(y, to);
    node_count_starts(y);
    memcpy(y->words, words, before * sizeof(u32));
    y->words[before] = e->word;
    memcpy(&y->words[before + 1], &words[behind], (n - behind) * sizeof(u32));
    return object << 2;
}

/* The same whatever e covers; 0: no room. */
static u32 node_with(struct tries *s, const struct trie_end *e, u32 base, u32 node,
                     struct runs *with)
{
    struct runs old;
    runs_read(node, &old);
    end_paint(s, e, base, &old, with);
    return node_new(s, with);
}

/* e in a whole node of the bits from base on. */
static void end_paint_whole(struct tries *s, const struct trie_end *e, u32 base, u32 node)
{
    u32 n, from = node_range(e->high, (u32)min_u64(e->len, base + 8), base, &n);
    if (trie_is_node(e->word))
        trie_store(trie_place(node, from), e->word);
    else
        trie_paint(s, trie_place(node, from), n, base + 8, e->word, e->len);
}

/* e in the node of the bits from base on that *at names. false: no room. */
static bool end_paint_node(struct tries *s, const struct trie_end *e, u32 base, u32 *at)
{
    struct runs with = {.n = 0};
    u32 was = *at, n, from = node_range(e->high, (u32)min_u64(e->len, base + 8), base, &n);
    if (was & TRIE_WHOLE) {
        end_paint_whole(s, e, base, was);
        return true;
    }
    u32 word = node_splice(s, e, was, from, from + n);
    if (!word)
        word = node_with(s, e, base, was, &with);
    if (!word)
        return false;
    trie_store(at, word);
    node_retire(s, was);
    if (!trie_is_node(e->word))
        end_paint_below(s, e, base, &with);
    return true;
}

int trie_insert(struct tries *s, u32 *root, u32 base, const struct trie_end *e)
{
    struct trie_way way = trie_way_to(root, base, e->high, e->len);
    struct trie_end here = *e;
    if (way.end < e->len)
        here.word = end_chain(s, e, way.end, *way.at[way.n]);
    if (!here.word)
        return -ENOSPC;
    if (!way.n) {
        trie_store(root, here.word);
        return 0;
    }
    if (end_paint_node(s, &here, way.end - 8, way.at[way.n - 1]))
        return 0;
    if (way.end < e->len)
        end_unchain(s, e, way.end, here.word);
    return -ENOSPC;
}

/* Whether a node has too many words for one that is smaller. */
static bool node_stays_whole(u32 node)
{
    const u32 *words = trie_at(node);
    u32 n = 1;
    if (!(node & TRIE_WHOLE))
        return false;
    /* from the end: routes are taken out in their order, more often than not */
    for (u32 i = TRIE_NODE_WORDS - 1; i && n <= WHOLE_LEAST; i--)
        n += words[i] != words[i - 1];
    return n > WHOLE_LEAST;
}

void trie_tidy(struct tries *s, const struct trie_way *way)
{
    struct runs r;
    for (u32 k = way->n; k--;) {
        u32 old = *way->at[k], word;
        if (node_stays_whole(old))
            return;
        runs_read(old, &r);
        bool ends = r.n == 1 && !trie_is_node(r.words[0]);
        if (!ends && node_size(r.n) == node_size_of(old))
            return;
        word = ends ? r.words[0] : node_new(s, &r);
        if (!ends && !word)
            return; /* no room for a smaller one: this one is right, too */
        trie_store(way->at[k], word);
        node_retire(s, old);
        if (!ends)
            return;
    }
}

void trie_remove(struct tries *s, u32 *root, u32 base, const struct trie_end *e, u32 cover)
{
    struct trie_way way = trie_way_to(root, base, e->high, e->len);
    if (way.end < e->len)
        return; /* longer ones have all that it has */
    u32 node = *way.at[way.n - 1], last = way.end - 8, n, from = 0, *words = node_words(node, &n);
    if (node & TRIE_WHOLE)
        from = node_range(e->high, e->len, last, &n);
    trie_unpaint(s, words + from, n, way.end, e->word, cover);
    trie_tidy(s, &way);
}
