/* ip4-lookup: the longest prefix, its load balance, its adjacency. Passes over arrays, so that the
 * loads of one step are under way for many packets at once. ip4-load-balance, lookup-ip4-dst
 * and lookup-ip4-src share its end. */
#include "engine/thread.h"
#include "net/ip/fib/fib_forward.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_flow_hash.h"
#include "net/ip/ip4/ip4_forward.h"
#include "net/packet/ip4_packet.h"

/* The table that packets of one interface are looked up in, and the words of it that all need. */
struct table_view {
    struct if_index rx_if;
    u32 fib;
    const u32 *root;
    u32 default_leaf;
};

ALWAYS_INLINE void view_table(struct table_view *v, u32 fib)
{
    const struct fib_table_data *t = &fib_table_base[fib];
    v->fib = fib;
    v->root = __atomic_load_n(&t->root, __ATOMIC_ACQUIRE);
    v->default_leaf = trie_load(&t->default_leaf);
}

/* For a packet that is not like the one before. */
static void view_packet(struct table_view *v, struct buffer *b)
{
    if (b->flags & (BUFFER_LOCAL | BUFFER_IN_FIB)) {
        view_table(v, ip_scratch(b)->fib.i);
        v->rx_if = IF_NONE;
        b->flags &= ~(u32)BUFFER_IN_FIB;
    } else {
        view_table(v, ip_if_fib(IP_FAMILY_4, b->rx_if).i);
        v->rx_if = b->rx_if;
    }
}

/* Trie root words of all packets, and their tables. Returns whether any goes on. */
ALWAYS_INLINE u32 load_roots(struct buffer **b, u32 *word, u32 *fib, u32 count)
{
    struct table_view v = {.rx_if = IF_NONE};
    u32 deeper = 0;
    for (u32 i = 0; i < count; i++) {
        const struct ip4_header *h = buffer_current(b[i]);
        if (unlikely(b[i]->rx_if.i != v.rx_if.i) ||
            unlikely(b[i]->flags & (BUFFER_LOCAL | BUFFER_IN_FIB)) || unlikely(if_is_none(v.rx_if)))
            view_packet(&v, b[i]);
        u32 w = trie_load(&v.root[be32_to_host(h->dst) >> 16]);
        w = w ? w : v.default_leaf;
        fib[i] = v.fib;
        word[i] = w;
        deeper |= ~w & 1;
    }
    return deeper;
}

/* One level further for packets that are at a node; shift: where the level's byte lies. */
ALWAYS_INLINE u32 load_nodes(struct buffer **b, u32 *word, const u32 *fib, u32 count,
                             unsigned shift, const struct counter_pair *to)
{
    u32 deeper = 0;
    for (u32 i = 0; i < count; i++)
        __builtin_prefetch(trie_at(word[i] & 1 ? 0 : word[i]));
    for (u32 i = 0; i < count; i++) {
        const struct ip4_header *h = buffer_current(b[i]);
        u32 w = word[i];
        if (trie_is_node(w))
            w = trie_step(w, (be32_to_host(h->dst) >> shift) & 255);
        if (unlikely(!w))
            w = trie_load(&fib_table_base[fib[i]].default_leaf);
        word[i] = w;
        deeper |= ~w & 1;
        /* many routes: their words and counters lie far apart */
        __builtin_prefetch(&lb_base[w >> 1]);
        __builtin_prefetch(&to[w >> 1], 1);
    }
    return deeper;
}

static u32 ip4_hash_of(const struct buffer *b, u32 fields)
{
    return ip4_flow_hash(b, fields);
}

void NODE_FN(ip4_lookup)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    u32 word[FRAME_PKTS], fib[FRAME_PKTS];
    struct lb lb[FRAME_PKTS];

    struct counter_pair *to = counter_combined(fib_counters_to, thread_index(t));
    if (load_roots(b, word, fib, count) && load_nodes(b, word, fib, count, 8, to))
        load_nodes(b, word, fib, count, 0, to);
    fib_load_routes(to, b, word, lb, count);
    fib_forward_all(t, b, next, fib, word, lb, count, ip4_hash_of);
}

ALWAYS_INLINE struct fib_index ip4_table_of(const struct buffer *b)
{
    return ip_if_fib(IP_FAMILY_4, b->rx_if);
}

void NODE_FN(ip4_load_balance)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                               u32 count)
{
    fib_load_balance(t, b, next, count, ip4_table_of, ip4_hash_of);
}

ALWAYS_INLINE u32 ip4_route_of(struct fib_index fib, const struct buffer *b, enum adj_kind kind)
{
    const struct ip4_header *h = buffer_current(b);
    return ip4_lookup(fib, kind == ADJ_KIND_LOOKUP ? h->dst : h->src).i;
}

void NODE_FN(lookup_ip4_dst)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                             u32 count)
{
    fib_lookup_again(t, n, b, next, count, ADJ_KIND_LOOKUP, ip4_route_of, ip4_hash_of);
}

void NODE_FN(lookup_ip4_src)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                             u32 count)
{
    fib_lookup_again(t, n, b, next, count, ADJ_KIND_LOOKUP_SRC, ip4_route_of, ip4_hash_of);
}
