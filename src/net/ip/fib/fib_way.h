/* Which way a packet for an address would take, for nodes that have to know before it is looked up.
 * Context: data threads. */
#pragma once

#include "net/ip/fib/fib_forward.h"
#include "net/ip/fib/ip6_trie.h"

ALWAYS_INLINE struct lb fib_way_route(struct fib_index t, enum ip_family f,
                                      const struct ip_address *dst)
{
    const struct fib_table_data *table = fib_table_data(t);
    return lb_load(f == IP_FAMILY_6 ? ip6_trie_lookup(table, dst)
                                    : ip4_trie_lookup(table, be32_to_host(dst->ip4)));
}

/* The adjacency by which it leaves, or ends, with flow hash 0; recursion followed. mtu: the longest
 * packet that gets so far, as long as it leaves: of the adjacency, and of what is said of routes on
 * the way. */
static inline const struct adj *fib_way_mtu(struct fib_index t, enum ip_family f,
                                            const struct ip_address *dst, u16 *mtu)
{
    *mtu = UINT16_MAX;
    struct lb lb = fib_way_route(t, f, dst);
    const struct adj *a = adj_at(lb_pick(lb, 0));
    for (u32 depth = 0; depth < FIB_LOOKUPS_MOST; depth++) {
        struct adj_head head = adj_head(a);
        u8 kind = head.kind;
        if (kind == ADJ_KIND_PATH_MTU)
            *mtu = (u16)min_u64(*mtu, head.mtu);
        if (kind == ADJ_KIND_LB || kind == ADJ_KIND_PATH_MTU)
            lb = lb_load((u32)a->data);
        else if (kind == ADJ_KIND_LOOKUP)
            lb = fib_way_route((struct fib_index){(u32)a->data}, f, dst);
        else
            break;
        a = adj_at(lb_pick(lb, 0));
    }
    *mtu = (u16)min_u64(*mtu, adj_head(a).mtu);
    return a;
}

ALWAYS_INLINE const struct adj *fib_way(struct fib_index t, enum ip_family f,
                                        const struct ip_address *dst)
{
    u16 mtu;
    return fib_way_mtu(t, f, dst, &mtu);
}

/* Whether packets leave by it, through its tx_if. */
ALWAYS_INLINE bool fib_way_leaves(const struct adj *a)
{
    u8 kind = adj_head(a).kind;
    return kind == ADJ_KIND_REWRITE || kind == ADJ_KIND_INCOMPLETE || kind == ADJ_KIND_GLEAN ||
           kind == ADJ_KIND_MIDCHAIN;
}
