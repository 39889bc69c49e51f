/* ip6-lookup: the longest prefix, its load balance, its adjacency. ip6-load-balance and
 * lookup-ip6-dst share its end. ip6-link-local: which link's table an address in fe80::/10 is to be
 * looked up in. */
#include "engine/thread.h"
#include "net/ip/fib/fib_forward.h"
#include "net/ip/ip6/ip6.h"
#include "net/ip/ip6/ip6_flow_hash.h"
#include "net/ip/ip6/ip6_forward.h"

static u32 ip6_hash_of_flow(const struct buffer *b, u32 fields)
{
    return ip6_flow_hash(b, fields);
}

ALWAYS_INLINE u32 ip6_lookup_table(struct buffer *b)
{
    if (likely(!(b->flags & (BUFFER_LOCAL | BUFFER_IN_FIB))))
        return ip_if_fib(IP_FAMILY_6, b->rx_if).i;
    b->flags &= ~(u32)BUFFER_IN_FIB;
    return ip_scratch(b)->fib.i;
}

#define LEAF_AS_BEFORE                                                                             \
    UINT32_MAX /* the packet before it is to the same address of the same table */

/* The table of each and its word. */
ALWAYS_INLINE void ip6_lookup_begin(struct buffer **b, u32 *leaf, u32 *fib, u32 count,
                                    struct ip6_search *s)
{
    u64 last_high = 0, last_low = 0;
    u32 last_fib = UINT32_MAX;
    struct ip6_top top = {0};
    s->n = 0;
    leaf[0] = 1; /* there is a packet, but compilers do not know */
    for (u32 i = 0; i < count; i++) {
        const struct ip6_header *h = buffer_current(b[i]);
        fib[i] = ip6_lookup_table(b[i]);
        u64 high = get_be64(h->dst), low = load_u64(h->dst + 8);
        if (fib[i] != last_fib) {
            last_fib = fib[i];
            top = ip6_top_of(&fib_table_base[last_fib]);
        } else if (high == last_high && low == last_low) {
            leaf[i] = LEAF_AS_BEFORE;
            continue;
        }
        last_high = high;
        last_low = low;
        leaf[i] = ip6_search_add(s, i, top, high, low);
    }
}

/* Routes of a vector, each as 2 * load balance + 1; their counters are on the way. */
ALWAYS_INLINE void ip6_lookup_all(const struct counter_pair *to, struct buffer **b, u32 *leaf,
                                  u32 *fib, u32 count)
{
    struct ip6_search s;
    ip6_lookup_begin(b, leaf, fib, count, &s);
    ip6_search_run(&s, leaf);
    for (u32 i = 0; i < count; i++) {
        if (leaf[i] == LEAF_AS_BEFORE)
            leaf[i] = leaf[i - 1];
        else if (!leaf[i])
            leaf[i] = trie_load(&fib_table_base[fib[i]].default_leaf);
        __builtin_prefetch(&lb_base[leaf[i] >> 1]);
        __builtin_prefetch(&to[leaf[i] >> 1], 1);
    }
}

void NODE_FN(ip6_lookup)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    u32 leaf[FRAME_PKTS], fib[FRAME_PKTS];
    struct lb lb[FRAME_PKTS];

    struct counter_pair *to = counter_combined(fib_counters_to, thread_index(t));
    ip6_lookup_all(to, b, leaf, fib, count);
    fib_load_routes(to, b, leaf, lb, count);
    fib_forward_all(t, b, next, fib, leaf, lb, count, ip6_hash_of_flow);
}

ALWAYS_INLINE struct fib_index ip6_table_of(const struct buffer *b)
{
    return ip_if_fib(IP_FAMILY_6, b->rx_if);
}

void NODE_FN(ip6_load_balance)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                               u32 count)
{
    fib_load_balance(t, b, next, count, ip6_table_of, ip6_hash_of_flow);
}

ALWAYS_INLINE u32 ip6_route_of(struct fib_index fib, const struct buffer *b, enum adj_kind kind)
{
    const struct ip6_header *h = buffer_current(b);
    return ip6_lookup(fib, kind == ADJ_KIND_LOOKUP ? h->dst : h->src).i;
}

void NODE_FN(lookup_ip6_dst)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                             u32 count)
{
    fib_lookup_again(t, n, b, next, count, ADJ_KIND_LOOKUP, ip6_route_of, ip6_hash_of_flow);
}

void NODE_FN(lookup_ip6_src)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                             u32 count)
{
    fib_lookup_again(t, n, b, next, count, ADJ_KIND_LOOKUP_SRC, ip6_route_of, ip6_hash_of_flow);
}

/* --- ip6-link-local --- */

/* RFC 4291 2.5.6: what is for a link's own address, and not for this switch, is not forwarded. What
 * this switch sends to such an address names the link's table itself. */
static u16 ip6_link_local_one(struct node *n, struct buffer *b)
{
    const struct ip6_header *h = buffer_current(b);
    const struct ip6_link *link =
        b->flags & BUFFER_LOCAL || if_is_none(b->rx_if) ? NULL : ip6_link(b->rx_if);
    if (!link)
        return node_drop(n, b, IP6_LINK_LOCAL_ERR_NO_LINK, IP6_LINK_LOCAL_NEXT_DROP);
    if (ip6_kind_of(b->rx_if, h->dst) != ADJ_KIND_RECEIVE)
        return node_drop(n, b, IP6_LINK_LOCAL_ERR_TRANSIT, IP6_LINK_LOCAL_NEXT_DROP);
    ip_scratch(b)->fib = link->fib;
    b->flags |= BUFFER_IN_FIB;
    return IP6_LINK_LOCAL_NEXT_LOOKUP;
}

void NODE_FN(ip6_link_local)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                             u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = ip6_link_local_one(n, b[i]);
}
