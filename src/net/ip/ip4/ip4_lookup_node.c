/* ip4-lookup: the longest prefix, its load balance, its adjacency. Passes over arrays, so that the
 * loads of one step are under way for many packets at once. ip4-load-balance and lookup-ip4-dst
 * share its end. */
#include "engine/counter.h"
#include "engine/thread.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_flow_hash.h"
#include "net/ip/ip4/ip4_forward.h"
#include "net/packet/ip4_packet.h"

#define LOOKUPS_MAX 8 /* load balances, and tables, that a packet may pass */

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
    v->default_leaf = ip4_trie_load(&t->default_leaf);
}

/* For a packet that is not like the one before. */
static void view_packet(struct table_view *v, struct buffer *b)
{
    if (b->flags & (BUFFER_LOCAL | BUFFER_IN_FIB)) {
        view_table(v, ip4_scratch(b)->fib.i);
        v->rx_if = IF_NONE;
        b->flags &= ~(u32)BUFFER_IN_FIB;
    } else {
        view_table(v, ip4_if_fib(b->rx_if).i);
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
        u32 w = ip4_trie_load(&v.root[be32_to_host(h->dst) >> 16]);
        w = w ? w : v.default_leaf;
        fib[i] = v.fib;
        word[i] = w;
        deeper |= ~w & 1;
    }
    return deeper;
}

/* One level further for packets that are at a block; shift: where the level's byte lies. */
ALWAYS_INLINE u32 load_blocks(struct buffer **b, u32 *word, const u32 *fib, u32 count,
                              unsigned shift, const struct counter_pair *to)
{
    u32 deeper = 0;
    for (u32 i = 0; i < count; i++) {
        const struct ip4_header *h = buffer_current(b[i]);
        u32 w = word[i];
        /* at a leaf: itself again, without a branch */
        const u32 *p = &ip4_trie_blocks[(size_t)w * 128 + ((be32_to_host(h->dst) >> shift) & 255)];
        p = w & 1 ? &word[i] : p;
        w = ip4_trie_load(p);
        if (unlikely(!w))
            w = ip4_trie_load(&fib_table_base[fib[i]].default_leaf);
        word[i] = w;
        deeper |= ~w & 1;
        /* many routes: their words and counters lie far apart */
        __builtin_prefetch(&lb_base[w >> 1]);
        __builtin_prefetch(&to[w >> 1], 1);
    }
    return deeper;
}

ALWAYS_INLINE void count_route(struct counter_pair *c, u32 lb, const struct buffer *b)
{
    counter_pair_add(&c[lb], 1, buffer_packet_len(b));
}

/* Load balances, and their counters: neighbours in a vector often take the same route. */
ALWAYS_INLINE void load_routes(struct counter_pair *to, struct buffer **b, const u32 *word,
                               struct lb *lb, u32 count)
{
    u32 route = word[0] >> 1;
    u64 packets = 0, bytes = 0;
    for (u32 i = 0; i < count; i++) {
        u32 next = word[i] >> 1;
        lb[i] = lb_load(next);
        if (next != route) {
            counter_pair_add(&to[route], packets, bytes);
            packets = bytes = 0;
            route = next;
        }
        packets++;
        bytes += buffer_packet_len(b[i]);
    }
    counter_pair_add(&to[route], packets, bytes);
}

/* A load balance of several paths, or one that leads to another's. Returns the adjacency at the
 * end. */
static u32 pick_slowly(struct thread *t, struct buffer *b, u32 fib, struct lb lb, u32 *hash)
{
    struct counter_pair *via = counter_combined(fib_counters_via, thread_index(t));
    if (lb.mask && !*hash)
        *hash = ip4_flow_hash(b, fib_table_base[fib].flow_fields);
    u32 a = lb_pick(lb, *hash);
    for (u32 depth = 0; adj_at(a)->head.kind == ADJ_KIND_LB; depth++) {
        u32 next = (u32)adj_at(a)->data;
        if (depth == LOOKUPS_MAX)
            return ADJ_DROP.i;
        count_route(via, next, b);
        lb = lb_load(next);
        /* other bits of the hash than at the level before */
        if (lb.mask && !*hash)
            *hash = ip4_flow_hash(b, fib_table_base[fib].flow_fields);
        a = lb_pick(lb, *hash >> (depth + 1));
    }
    return a;
}

ALWAYS_INLINE u16 finish(struct thread *t, struct buffer *b, u32 fib, u32 route, struct lb lb)
{
    struct ip4_scratch *s = ip4_scratch(b);
    u32 hash = 0, a = lb.first;
    struct adj_head head = {0};
    if (likely(!lb.mask))
        head = adj_head(adj_at(a));
    if (unlikely(lb.mask) || unlikely(head.kind == ADJ_KIND_LB)) {
        a = pick_slowly(t, b, fib, lb, &hash);
        head = adj_head(adj_at(a));
    }
    s->adj.i = a;
    s->lb.i = route;
    s->fib.i = fib;
    s->flow_hash = hash;
    return head.lookup_next;
}

void NODE_FN(ip4_lookup)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    u32 word[FRAME_PKTS], fib[FRAME_PKTS];
    struct lb lb[FRAME_PKTS];

    struct counter_pair *to = counter_combined(fib_counters_to, thread_index(t));
    if (load_roots(b, word, fib, count) && load_blocks(b, word, fib, count, 8, to))
        load_blocks(b, word, fib, count, 0, to);
    load_routes(to, b, word, lb, count);
    for (u32 i = 0; i < count; i++) {
        next[i] = finish(t, b[i], fib[i], word[i] >> 1, lb[i]);
        if (unlikely(next[i] == FIB_NEXT_LOOKUP))
            ip4_scratch(b[i])->lookups = 0;
    }
}

/* The route is known: by recursion of other tables' kinds, or to what this switch sends. */
void NODE_FN(ip4_load_balance)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                               u32 count)
{
    struct counter_pair *via = counter_combined(fib_counters_via, thread_index(t));
    for (u32 i = 0; i < count; i++) {
        struct ip4_scratch *s = ip4_scratch(b[i]);
        u32 route = s->lb.i;
        u32 fib = b[i]->flags & BUFFER_LOCAL ? s->fib.i : ip4_if_fib(b[i]->rx_if).i;
        count_route(via, route, b[i]);
        next[i] = finish(t, b[i], fib, route, lb_load(route));
        if (unlikely(next[i] == FIB_NEXT_LOOKUP))
            s->lookups = 0;
    }
}

/* Once more, in the table that the adjacency says. */
void NODE_FN(lookup_ip4_dst)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                             u32 count)
{
    struct counter_pair *to = counter_combined(fib_counters_to, thread_index(t));
    for (u32 i = 0; i < count; i++) {
        struct ip4_scratch *s = ip4_scratch(b[i]);
        const struct ip4_header *h = buffer_current(b[i]);
        const struct adj *a = adj_at(s->adj.i);
        if (a->head.kind != ADJ_KIND_LOOKUP || ++s->lookups > LOOKUPS_MAX) {
            next[i] = node_drop(n, b[i], IP4_LOOKUP_ERR_LOOP, FIB_NEXT_DROP);
            continue;
        }
        struct fib_index fib = {(u32)a->data};
        u32 route = ip4_lookup(fib, h->dst).i;
        count_route(to, route, b[i]);
        next[i] = finish(t, b[i], fib.i, route, lb_load(route));
    }
}
