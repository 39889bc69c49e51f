/* Writing the trie. A leaf's owner is as long as lens[] says: a longer prefix keeps its words when
 * a shorter one is painted over them. A node that says something else than before is made anew, and
 * published by one store of the word that leads to it; words are replaced in place. */
#include "net/ip/fib/ip6_trie.h"

#include <errno.h>
#include <string.h>

u8 *ip6_trie_base;
struct ip_address *ip6_route_addresses;

/* Sizes of nodes; a node of 256 words needs the last. */
static const u16 node_units[] = {1, 2, 4, 8, 16, 17};

void ip6_tries_init(struct ip6_tries *s, u32 max_routes,
                    void (*retire_node)(void *ctx, u32 object, u32 size),
                    void (*retire_hash)(void *ctx, void *hash), void *ctx)
{
    *s = (struct ip6_tries){.retire_node = retire_node, .retire_hash = retire_hash, .ctx = ctx};
    slabs_init(&s->slabs, "ip6 trie", node_units, array_len(node_units), IP6_TRIE_BYTES_MAX);
    s->lens = mem_reserve(&s->lens_map, "ip6 prefix lengths", max_routes);
    ip6_trie_base = s->slabs.base;
    ip6_route_addresses =
        mem_reserve(&s->address_map, "ip6 routes", (u64)max_routes * sizeof(struct ip_address));
}

void ip6_tries_fini(struct ip6_tries *s)
{
    ip6_trie_base = NULL;
    ip6_route_addresses = NULL;
    slabs_fini(&s->slabs);
    mem_map_free(&s->lens_map);
    mem_map_free(&s->address_map);
}

void ip6_trie_put(struct ip6_tries *s, u32 object, u32 size)
{
    slab_put(&s->slabs, object, size);
}

/* --- nodes --- */

static u32 node_size(u32 n_words)
{
    u32 bytes = (u32)(sizeof(struct ip6_node) + n_words * sizeof(u32)), size = 0;
    while (node_units[size] * SLAB_UNIT_BYTES < bytes)
        size++;
    return size;
}

static u32 node_n_words(const struct ip6_node *x)
{
    return (u8)(x->before[3] + (u32)__builtin_popcountll(x->starts[3])) + 1u;
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
    if (!ip6_is_node(word)) {
        runs_add(r, word, 256);
        return;
    }
    const struct ip6_node *x = ip6_trie_at(word);
    u32 at = 0, before = 0;
    for (u32 q = 0; q < 4; q++)
        for (u64 starts = x->starts[q] & (q ? ~0ull : ~1ull); starts; starts &= starts - 1) {
            u32 start = q * 64 + (u32)__builtin_ctzll(starts);
            runs_add(r, x->words[at++], start - before);
            before = start;
        }
    runs_add(r, x->words[at], 256 - before);
}

/* The word of a new node; 0: no room. */
static u32 node_new(struct ip6_tries *s, const struct runs *r)
{
    u32 object = slab_get(&s->slabs, node_size(r->n));
    if (!object)
        return 0;
    struct ip6_node *x = slab_at(s->slabs.base, object);
    memset(x, 0, sizeof(*x));
    for (u32 i = 0; i < r->n; i++) {
        x->starts[r->starts[i] / 64] |= 1ull << (r->starts[i] % 64);
        x->words[i] = r->words[i];
    }
    for (u32 q = 0, n = 0; q < 4; q++) {
        x->before[q] = (u8)(n - 1);
        n += (u32)__builtin_popcountll(x->starts[q]);
    }
    return object << 1;
}

static void node_retire(struct ip6_tries *s, u32 word)
{
    s->retire_node(s->ctx, word >> 1, node_size(node_n_words(ip6_trie_at(word))));
}

static void ip6_trie_store(u32 *word, u32 w)
{
    /* what the word leads to is complete before it can be seen */
    __atomic_store_n(word, w, __ATOMIC_RELEASE);
}

/* --- painting --- */

static bool is_shorter(const struct ip6_tries *s, u32 word, u32 len)
{
    return !word || ((word & 1) && s->lens[word >> 1] <= len);
}

/* All words behind `word`, a node of the bits from base on, whose owner is not longer than len. */
static void paint_below(struct ip6_tries *s, u32 word, u32 base, u32 leaf, u32 len)
{
    if (base == IP6_TRIE_BITS) {
        struct ip6_deep *deep = ip6_trie_at(word);
        if (is_shorter(s, deep->cover, len))
            ip6_trie_store(&deep->cover, leaf);
        return;
    }
    struct ip6_node *x = ip6_trie_at(word);
    for (u32 i = 0, n = node_n_words(x); i < n; i++) {
        if (ip6_is_node(x->words[i]))
            paint_below(s, x->words[i], base + 8, leaf, len);
        else if (is_shorter(s, x->words[i], len))
            ip6_trie_store(&x->words[i], leaf);
    }
}

static void unpaint_below(struct ip6_tries *s, u32 word, u32 base, u32 leaf, u32 cover)
{
    if (base == IP6_TRIE_BITS) {
        struct ip6_deep *deep = ip6_trie_at(word);
        if (deep->cover == leaf)
            ip6_trie_store(&deep->cover, cover);
        return;
    }
    struct ip6_node *x = ip6_trie_at(word);
    for (u32 i = 0, n = node_n_words(x); i < n; i++) {
        if (ip6_is_node(x->words[i]))
            unpaint_below(s, x->words[i], base + 8, leaf, cover);
        else if (x->words[i] == leaf)
            ip6_trie_store(&x->words[i], cover);
    }
}

/* --- ways --- */

static u32 byte_at(u64 high, u32 base)
{
    return high >> (56 - base) & 255;
}

/* The words of a node of the bits from base on that a prefix which ends there has. */
static u32 node_range(u64 high, u32 len, u32 base, u32 *n)
{
    *n = 1u << (base + 8 - len);
    return byte_at(high, base);
}

/* What a word for a prefix is: a leaf; or a deep place, which is as long as can be. */
struct ip6_end {
    u64 high;
    u32 len; /* 1 to IP6_TRIE_BITS */
    u32 word;
};

/* What a node of the bits from base on, which says `in`, says with e. */
static void end_paint(const struct ip6_tries *s, const struct ip6_end *e, u32 base,
                      const struct runs *in, struct runs *out)
{
    u32 n, from = node_range(e->high, (u32)min_u64(e->len, base + 8), base, &n), to = from + n;
    out->n = 0;
    for (u32 i = 0; i < in->n; i++) {
        u32 a = in->starts[i], b = in->starts[i + 1], word = in->words[i];
        u32 inner_a = (u32)min_u64(max_u64(a, from), b),
            inner_b = (u32)max_u64(min_u64(b, to), inner_a);
        bool paints = ip6_is_node(e->word) || is_shorter(s, word, e->len);
        if (inner_a > a)
            runs_add(out, word, inner_a - a);
        if (inner_b > inner_a)
            runs_add(out, paints ? e->word : word, inner_b - inner_a);
        if (b > inner_b)
            runs_add(out, word, b - inner_b);
    }
}

/* Frees the nodes that end_chain made, which nobody has seen. */
static void end_unchain(struct ip6_tries *s, const struct ip6_end *e, u32 base, u32 word)
{
    for (; word && base < e->len; base += 8) {
        struct ip6_node *x = ip6_trie_at(word);
        u32 next = base + 8 < e->len ? x->words[ip6_node_index(x, byte_at(e->high, base))] : 0;
        slab_put(&s->slabs, word >> 1, node_size(node_n_words(x)));
        word = next;
    }
}

/* Nodes from base on for e alone, in what leads to `around`: the word of the first; 0: no room. */
static u32 end_chain(struct ip6_tries *s, const struct ip6_end *e, u32 base, u32 around)
{
    struct runs all = {.n = 0}, with;
    struct ip6_end part = *e;
    runs_add(&all, around, 256);
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

/* The nodes on the way to a prefix: words that lead to each, at[0] that of the table. */
struct ip6_way {
    u32 *at[IP6_TRIE_BITS / 8 + 1];
    u32 n; /* nodes: the last is of the bits from 8 * (n - 1) on */
};

/* As far as it is there, and not beyond the node that the prefix ends in. */
static struct ip6_way way_to(u32 *root, u64 high, u32 len)
{
    struct ip6_way way = {.at = {root}};
    while (ip6_is_node(*way.at[way.n]) && way.n * 8 < len) {
        struct ip6_node *x = ip6_trie_at(*way.at[way.n]);
        u32 base = way.n++ * 8;
        if (base + 8 >= len)
            break;
        way.at[way.n] = &x->words[ip6_node_index(x, byte_at(high, base))];
    }
    return way;
}

/* The nodes that lie in it. */
static void end_paint_below(struct ip6_tries *s, const struct ip6_end *e, u32 base,
                            const struct runs *r)
{
    u32 n, from = node_range(e->high, e->len, base, &n);
    for (u32 i = 0; i < r->n; i++)
        if (r->starts[i] >= from && r->starts[i] < from + n && ip6_is_node(r->words[i]))
            paint_below(s, r->words[i], base + 8, e->word, e->len);
}

static int end_insert(struct ip6_tries *s, u32 *root, const struct ip6_end *e)
{
    struct runs old, with;
    struct ip6_way way = way_to(root, e->high, e->len);
    if (!way.n) {
        u32 chain = end_chain(s, e, 0, *root);
        if (chain)
            ip6_trie_store(root, chain);
        return chain ? 0 : -ENOSPC;
    }
    u32 *at = way.at[way.n - 1], was = *at, base = (way.n - 1) * 8;
    struct ip6_end here = *e;
    runs_read(was, &old);
    bool ends_here = base + 8 >= e->len;
    if (!ends_here)
        here.word = end_chain(s, e, base + 8, *way.at[way.n]);
    if (!here.word)
        return -ENOSPC;
    end_paint(s, &here, base, &old, &with);
    u32 word = node_new(s, &with);
    if (!word) {
        if (!ends_here)
            end_unchain(s, e, base + 8, here.word);
        return -ENOSPC;
    }
    ip6_trie_store(at, word);
    node_retire(s, was);
    if (ends_here && !ip6_is_node(e->word))
        end_paint_below(s, e, base, &with);
    return 0;
}

/* Takes out what is no node of its own any more, from the end of the way on: all of its words are
 * the same. One with fewer words than its size is for is made anew. */
static void way_tidy(struct ip6_tries *s, const struct ip6_way *way)
{
    struct runs r;
    for (u32 k = way->n; k--;) {
        u32 old = *way->at[k], word;
        runs_read(old, &r);
        bool ends = r.n == 1 && !ip6_is_node(r.words[0]);
        if (!ends && node_size(r.n) == node_size(node_n_words(ip6_trie_at(old))))
            return;
        word = ends ? r.words[0] : node_new(s, &r);
        if (!ends && !word)
            return; /* no room for a smaller one: this one is right, too */
        ip6_trie_store(way->at[k], word);
        node_retire(s, old);
        if (!ends)
            return;
    }
}

/* --- what is longer than the trie --- */

/* The word for high's /64, if there is one; NULL: a shorter prefix has none in it. */
static u32 *way_place(const struct ip6_way *way, u64 high)
{
    if (way->n * 8 < IP6_TRIE_BITS)
        return NULL;
    struct ip6_node *x = ip6_trie_at(*way->at[way->n - 1]);
    return &x->words[ip6_node_index(x, byte_at(high, IP6_TRIE_BITS - 8))];
}

/* The word of high's deep place, made if there is none; 0: no room. */
static u32 deep_place(struct ip6_tries *s, u32 *root, u64 high)
{
    struct ip6_way way = way_to(root, high, IP6_TRIE_BITS);
    u32 *at = way_place(&way, high), cover = at ? *at : *way.at[way.n];
    if (ip6_is_node(cover))
        return cover;
    u32 object = slab_get(&s->slabs, 0);
    if (!object)
        return 0;
    *(struct ip6_deep *)slab_at(s->slabs.base, object) = (struct ip6_deep){.cover = cover};
    struct ip6_end e = {high, IP6_TRIE_BITS, object << 1};
    if (!end_insert(s, root, &e))
        return e.word;
    slab_put(&s->slabs, object, 0);
    return 0;
}

static int long_insert(struct ip6_tries *s, u32 *root, u64 high, u32 route, u8 len)
{
    u32 word = deep_place(s, root, high);
    if (!word)
        return -ENOSPC;
    struct ip6_deep *deep = ip6_trie_at(word);
    deep->n++;
    deep->n_hosts += len == IP6_ADDRESS_BITS;
    /* the length first: who sees the route looks for it */
    __atomic_store_n(&deep->lens, deep->lens | 1ull << (len - IP6_TRIE_BITS - 1), __ATOMIC_RELAXED);
    ip6_long_add(word >> 1, route, len, s->retire_hash, s->ctx);
    return 0;
}

static void long_remove(struct ip6_tries *s, u32 *root, u64 high, u32 route, u8 len)
{
    struct ip6_way way = way_to(root, high, IP6_TRIE_BITS);
    u32 *at = way_place(&way, high), word = *at;
    struct ip6_deep *deep = ip6_trie_at(word);
    const u64 host = 1ull << (IP6_ADDRESS_BITS - IP6_TRIE_BITS - 1);
    ip6_long_del(word >> 1, route, len, s->retire_hash, s->ctx);
    deep->n--;
    deep->n_hosts -= len == IP6_ADDRESS_BITS;
    u64 lens = deep->lens & ((deep->n_hosts ? host : 0) | (deep->n > deep->n_hosts ? host - 1 : 0));
    __atomic_store_n(&deep->lens, lens, __ATOMIC_RELAXED);
    if (deep->n)
        return;
    ip6_trie_store(at, deep->cover);
    s->retire_node(s->ctx, word >> 1, 0);
    way_tidy(s, &way);
}

int ip6_trie_insert(struct ip6_tries *s, u32 *root, u32 route, u8 len)
{
    struct ip6_end e = {get_be64(ip6_route_addresses[route].bytes), len, route << 1 | 1};
    s->lens[route] = len;
    if (len > IP6_TRIE_BITS)
        return long_insert(s, root, e.high, route, len);
    return end_insert(s, root, &e);
}

void ip6_trie_remove(struct ip6_tries *s, u32 *root, u32 route, u8 len, u32 cover)
{
    u64 high = get_be64(ip6_route_addresses[route].bytes);
    if (len > IP6_TRIE_BITS) {
        long_remove(s, root, high, route, len);
        return;
    }
    struct ip6_way way = way_to(root, high, len);
    if (way.n * 8 < len)
        return; /* longer ones have all that it has */
    unpaint_below(s, *way.at[way.n - 1], (way.n - 1) * 8, route << 1 | 1, cover);
    way_tidy(s, &way);
}
