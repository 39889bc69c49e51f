/* Forwarding as data threads see it: arrays of words, read without a lock. The control thread
 * stores them in an order that makes every state in between a valid one (fib.c, adj.c, trie.c).
 *
 *   ip_if[rx_if] ─► fib_table_base[fib] ─► the protocol's trie ─► route's load balance
 *   lb_base[lb] ─► adj_base[bucket]
 */
#pragma once

#include "base/byteorder.h"
#include "base/mem.h"
#include "base/types.h"
#include "engine/buffer.h"
#include "engine/index.h"
#include "net/ip/fib/fib.h"
#include "net/ip/fib/trie_data.h"

/* What the nodes that forward keep in a buffer (buffer_scratch), of both protocols. How nodes hand
 * packets to each other (X is 4 or 6):
 *
 *   to ipX-lookup           BUFFER_LOCAL or BUFFER_IN_FIB: by table `fib`; else by that of rx_if
 *   to ipX-load-balance     `lb`; BUFFER_LOCAL: `fib` (for the flow hash), and `flow_hash`, which
 *                           is made of the packet when it is 0
 *   to ipX-rewrite, ipX-midchain   `adj`; BUFFER_LOCAL: the TTL is as it should be
 *   ipX-rewrite to ipX-frag `adj`, whose mtu (adj_at) is too small; the TTL is already one less.
 *                           Fragments go back to where they came from, with BUFFER_LOCAL set
 *   to ipX-icmp-error       `icmp_*`; the packet as it came */
struct ip_scratch {
    struct adj_index adj; /* from ip4-lookup and its siblings: what the packet goes by */
    struct lb_index lb;   /* from ip4-lookup: the route's; into ip4-load-balance: the one to use */
    struct fib_index fib; /* from ip4-lookup; into it: the table to look up in, see above */
    u32 flow_hash;        /* where a hash was needed, else 0 */
    u8 icmp_type, icmp_code; /* into ip4-icmp-error */
    u8 lookups;              /* tables that the packet has passed: bounded */
    u8 tunnels;              /* headers that it was put behind: bounded */
    u32 icmp_data;           /* second word of the ICMP header, host order: next-hop MTU, pointer */
    be32 next_hop;           /* into ip4-frag and back; free otherwise */
};
static_assert(sizeof(struct ip_scratch) <= BUFFER_SCRATCH_BYTES, "fits the buffer");

ALWAYS_INLINE struct ip_scratch *ip_scratch(struct buffer *b)
{
    return buffer_scratch(b);
}

/* --- table --- */

/* Words as in trie_data.h. */
struct fib_table_data {
    union {
        const u32 *root; /* IPv4: 65536 words, touched as routes come, see ip4_trie.h */
        u32 *ip6_wide;   /* IPv6: likewise, of a table with many routes; else NULL */
    };
    u32 ip6_root; /* without those: the word before the first node, see ip6_trie.h */
    u32 default_leaf;
    u32 flow_fields; /* read by fib_flow_fields */
};

enum {
    FLOW_SRC = 1 << 0,
    FLOW_DST = 1 << 1,
    FLOW_SPORT = 1 << 2,
    FLOW_DPORT = 1 << 3,
    FLOW_PROTO = 1 << 4,
    FLOW_REVERSE = 1 << 5,
    FLOW_SYMMETRIC = 1 << 6,
    FLOW_LABEL = 1 << 7, /* IPv6 only; printed as VPP does */
    FLOW_DEFAULT = FLOW_SRC | FLOW_DST | FLOW_SPORT | FLOW_DPORT | FLOW_PROTO | FLOW_LABEL,
};

struct ip6_long;

extern struct fib_table_data *fib_table_base;
/* Of IPv6: a hash, NULL while there is nothing in it; see ip6_long.h. */
extern struct ip6_long *ip6_long_routes;
/* Of IPv6: address of a route, by its index; masked. */
extern struct ip_address *ip6_route_addresses;

ALWAYS_INLINE const struct fib_table_data *fib_table_data(struct fib_index t)
{
    return &fib_table_base[t.i];
}

/* What is mixed into every flow hash, so that routers in a row choose differently; 0: nothing. */
extern u32 fib_flow_router_id;

/* Control thread: sources that users added (fib_source_def). */
extern struct fib_source_def fib_added_sources[FIB_SOURCE_N - FIB_SOURCE_ADDED];

/* FLOW_* that are hashed; they may change at any time. */
ALWAYS_INLINE u32 fib_flow_fields(const struct fib_table_data *t)
{
    return __atomic_load_n(&t->flow_fields, __ATOMIC_RELAXED);
}

/* Leaf of dst (host order). */
ALWAYS_INLINE u32 ip4_trie_leaf(const struct fib_table_data *t, u32 dst)
{
    const u32 *root = __atomic_load_n(&t->root, FIB_LOAD_ORDER);
    u32 w = trie_load(&root[dst >> 16]);
    if (trie_is_node(w)) {
        w = trie_step(w, (dst >> 8) & 255);
        if (trie_is_node(w))
            w = trie_step(w, dst & 255);
    }
    return w ? w : trie_load(&t->default_leaf);
}

/* Its load balance. */
ALWAYS_INLINE u32 ip4_trie_lookup(const struct fib_table_data *t, u32 dst)
{
    return ip4_trie_leaf(t, dst) >> 1;
}

/* --- load balance --- */

/* One word, replaced by one store. mask 0: first is the adjacency; else lb_buckets[first + (hash &
 * mask)]. */
struct lb {
    u32 first;
    u32 mask;
};

extern struct lb *lb_base;
extern u32 *lb_buckets;

ALWAYS_INLINE struct lb lb_load(u32 index)
{
    u64 w = __atomic_load_n((const u64 *)(const void *)&lb_base[index], FIB_LOAD_ORDER);
    struct lb lb;
    __builtin_memcpy(&lb, &w, sizeof(lb));
    return lb;
}

/* Of so many routes, a group or a region of groups: the adjacency that all of them have, or
 * LB_DIFFER, when one of them has another one or several. Routes that came together often have the
 * same; and these words stay in the caches, where those of a million routes do not: the regions' in
 * the nearest one. */
#define LB_GROUP 16
#define LB_REGION (256 * LB_GROUP)
#define LB_DIFFER UINT32_MAX

extern u32 *lb_group_adj, *lb_region_adj;

ALWAYS_INLINE u32 lb_group_load(u32 index)
{
    return __atomic_load_n(&lb_group_adj[index / LB_GROUP], FIB_LOAD_ORDER);
}

ALWAYS_INLINE u32 lb_region_load(u32 index)
{
    return __atomic_load_n(&lb_region_adj[index / LB_REGION], FIB_LOAD_ORDER);
}

/* Adjacency of a packet with that flow hash. */
ALWAYS_INLINE u32 lb_pick(struct lb lb, u32 hash)
{
    return likely(!lb.mask)
               ? lb.first
               : __atomic_load_n(&lb_buckets[lb.first + (hash & lb.mask)], __ATOMIC_RELAXED);
}

/* --- adjacency --- */

/* Edges that ip4-lookup and its siblings (fib_lookup_node_add) all have, in this order, and those
 * of IPv6 with its nodes; adj_custom_new adds more behind them. */
enum fib_next {
    FIB_NEXT_DROP,
    FIB_NEXT_PUNT,
    FIB_NEXT_NULL, /* ip4-null: unreachable, prohibit, no route */
    FIB_NEXT_ARP,  /* ip4-arp, ip6-discover-neighbor */
    FIB_NEXT_GLEAN,
    FIB_NEXT_REWRITE,
    FIB_NEXT_RECEIVE,
    FIB_NEXT_LOAD_BALANCE, /* ip4-load-balance */
    FIB_NEXT_MIDCHAIN,
    FIB_NEXT_MCAST,  /* ip4-rewrite-mcast */
    FIB_NEXT_LOOKUP, /* lookup-ip4-dst; behind it: what sets out counting lookups too */
    FIB_NEXT_LOOKUP_SRC,
    FIB_NEXT_INTERFACE_RX, /* interface-rx-dpo-ip4 */
    FIB_NEXT_N
};

/* For struct node_def of such nodes; and for those that have more edges behind. */
#define FIB_LOOKUP_NEXT_IP4                                                                        \
    {                                                                                              \
        FIB_LOOKUP_EDGES_IP4                                                                       \
    }
#define FIB_LOOKUP_NEXT_IP6                                                                        \
    {                                                                                              \
        FIB_LOOKUP_EDGES_IP6                                                                       \
    }
#define FIB_LOOKUP_EDGES_IP4                                                                       \
    [FIB_NEXT_DROP] = "ip4-drop", [FIB_NEXT_PUNT] = "ip4-punt", [FIB_NEXT_NULL] = "ip4-null",      \
    [FIB_NEXT_ARP] = "ip4-arp", [FIB_NEXT_GLEAN] = "ip4-glean",                                    \
    [FIB_NEXT_REWRITE] = "ip4-rewrite", [FIB_NEXT_RECEIVE] = "ip4-receive",                        \
    [FIB_NEXT_LOOKUP] = "lookup-ip4-dst", [FIB_NEXT_LOAD_BALANCE] = "ip4-load-balance",            \
    [FIB_NEXT_MIDCHAIN] = "ip4-midchain", [FIB_NEXT_LOOKUP_SRC] = "lookup-ip4-src",                \
    [FIB_NEXT_INTERFACE_RX] = "interface-rx-dpo-ip4", [FIB_NEXT_MCAST] = "ip4-rewrite-mcast"
#define FIB_LOOKUP_EDGES_IP6                                                                       \
    [FIB_NEXT_DROP] = "ip6-drop", [FIB_NEXT_PUNT] = "ip6-punt", [FIB_NEXT_NULL] = "ip6-null",      \
    [FIB_NEXT_ARP] = "ip6-discover-neighbor", [FIB_NEXT_GLEAN] = "ip6-glean",                      \
    [FIB_NEXT_REWRITE] = "ip6-rewrite", [FIB_NEXT_RECEIVE] = "ip6-receive",                        \
    [FIB_NEXT_LOOKUP] = "lookup-ip6-dst", [FIB_NEXT_LOAD_BALANCE] = "ip6-load-balance",            \
    [FIB_NEXT_MIDCHAIN] = "ip6-midchain", [FIB_NEXT_LOOKUP_SRC] = "lookup-ip6-src",                \
    [FIB_NEXT_INTERFACE_RX] = "interface-rx-dpo-ip6", [FIB_NEXT_MCAST] = "ip6-rewrite-mcast"

enum adj_kind {
    ADJ_KIND_DROP,
    ADJ_KIND_PUNT,
    ADJ_KIND_UNREACHABLE,
    ADJ_KIND_PROHIBIT,
    ADJ_KIND_NO_ROUTE,
    ADJ_KIND_RECEIVE,
    ADJ_KIND_INCOMPLETE, /* ip4-arp: the next hop is not known yet */
    ADJ_KIND_REWRITE,
    ADJ_KIND_GLEAN,        /* ip4-glean: the destination itself is on the link */
    ADJ_KIND_LB,           /* another route's load balance: data is its index */
    ADJ_KIND_LOOKUP,       /* lookup-ip4-dst: data is the table */
    ADJ_KIND_LOOKUP_SRC,   /* lookup-ip4-src: likewise */
    ADJ_KIND_INTERFACE_RX, /* interface-rx-dpo-ip4: as if tx_if had received it */
    ADJ_KIND_MIDCHAIN,     /* ip4-midchain: data points to the tunnel's struct encap */
    ADJ_KIND_MCAST,        /* ip4-rewrite-mcast: to a group's MAC address */
    ADJ_KIND_PATH_MTU,     /* ip4-pmtu-dpo: another route's load balance, as ADJ_KIND_LB, by which
                            * packets are no longer than mtu */
    ADJ_KIND_CLASSIFY,     /* ip4-classify: data is the classifier's table */
    ADJ_KIND_CUSTOM,
    ADJ_KIND_N
};

#define ADJ_REWRITE_BYTES_MAX 40 /* of a link; a tunnel's header is elsewhere, see encap.h */

/* What nodes need of an adjacency before its rewrite: one word, so that all of it changes together.
 */
struct adj_head {
    u16 lookup_next; /* edge of ip4-lookup and its siblings */
    u8 kind;         /* enum adj_kind */
    u8 rewrite_len;
    u16 rewrite_next; /* edge of ip4-rewrite: to the interface's output node */
    u16 mtu;          /* longest L3 packet, bytes */
};

/* One cache line. Rewrite bytes are stored before the head that lets packets see them. */
struct adj {
    union {
        u64 head_word;
        struct adj_head head;
    };
    struct if_index tx_if;
    u32 pending;                            /* packets that wait for an answer; see hold.c */
    u64 data;                               /* by kind; of a neighbour or subnet: its family */
    u64 rewrite[ADJ_REWRITE_BYTES_MAX / 8]; /* bytes in wire order */
} CACHE_ALIGNED;

static_assert(sizeof(struct adj) == CACHE_LINE_BYTES, "one line each");

#define FIB_ADJS_MAX MEM_MOST(1u << 20)

extern struct adj *adj_base; /* FIB_ADJS_MAX of them, of which those that were never used are 0 */

ALWAYS_INLINE const struct adj *adj_at(u32 index)
{
    return &adj_base[index];
}

/* INCOMPLETE, REWRITE: the next hop. RECEIVE: the address; GLEAN: its subnet's. By adjacency. */
extern struct ip_address *adj_address_base;

ALWAYS_INLINE const struct ip_address *adj_address(u32 index)
{
    return &adj_address_base[index];
}

/* Whom an adjacency of those kinds is to. */
ALWAYS_INLINE struct link_host adj_data_host(u32 index)
{
    return (struct link_host){*adj_address(index), adj_at(index)->tx_if, (u32)adj_at(index)->data};
}

/* With everything that it promises visible. */
ALWAYS_INLINE struct adj_head adj_head(const struct adj *a)
{
    u64 w = __atomic_load_n(&a->head_word, __ATOMIC_ACQUIRE);
    struct adj_head head;
    __builtin_memcpy(&head, &w, sizeof(head));
    return head;
}

/* The tunnel that packets of a MIDCHAIN are put into; its head was loaded before. */
ALWAYS_INLINE const struct encap *adj_encap(const struct adj *a)
{
    return (const struct encap *)(uintptr_t)__atomic_load_n(&a->data, __ATOMIC_RELAXED);
}

/* --- counters --- */

struct counter_vec;
extern struct counter_vec *fib_counters_to, *fib_counters_via; /* by load balance */
extern struct counter_vec *fib_counters_adj;                   /* by adjacency */
/* Whether the last is counted: `adjacency counters enable`. */
extern bool adj_counting;

ALWAYS_INLINE bool adj_is_counting(void)
{
    return __atomic_load_n(&adj_counting, __ATOMIC_RELAXED);
}
