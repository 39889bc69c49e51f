/* Forwarding as data threads see it: arrays of words, read without a lock. The control thread
 * stores them in an order that makes every state in between a valid one (fib.c, adj.c, ip4_trie.c).
 *
 *   ip4_if[rx_if] ─► fib_data[fib].root[dst >> 16] ─► (blocks) ─► leaf ─► lb_base[leaf] ─►
 * adj_base[bucket]
 */
#pragma once

#include "base/types.h"
#include "engine/index.h"
#include "net/ip/fib/fib.h"

/* --- table --- */

/* Multibit trie 16-8-8. A word is 0: the table's default; odd: 2 * load balance + 1; even: 2 *
 * block. */
struct fib_table_data {
    const u32 *root; /* 65536 words, touched as routes come */
    u32 default_leaf;
    u32 flow_fields; /* FLOW_* that are hashed */
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

extern struct fib_table_data *fib_table_base;
extern u32 *ip4_trie_blocks; /* 256 words each */

ALWAYS_INLINE const struct fib_table_data *fib_table_data(struct fib_index t)
{
    return &fib_table_base[t.i];
}

/* What a word leads to was stored before it, and the address depends on the word: that orders the
 * loads, which the thread sanitizer does not know. */
#if defined(__SANITIZE_THREAD__)
#define FIB_LOAD_ORDER __ATOMIC_ACQUIRE
#else
#define FIB_LOAD_ORDER __ATOMIC_RELAXED
#endif

ALWAYS_INLINE u32 ip4_trie_load(const u32 *word)
{
    return __atomic_load_n(word, FIB_LOAD_ORDER);
}

/* Load balance of dst (host order). */
ALWAYS_INLINE u32 ip4_trie_lookup(const struct fib_table_data *t, u32 dst)
{
    const u32 *root = __atomic_load_n(&t->root, FIB_LOAD_ORDER);
    u32 w = ip4_trie_load(&root[dst >> 16]);
    if (w && !(w & 1)) {
        w = ip4_trie_load(&ip4_trie_blocks[w * 128 + ((dst >> 8) & 255)]);
        if (w && !(w & 1))
            w = ip4_trie_load(&ip4_trie_blocks[w * 128 + (dst & 255)]);
    }
    if (!w)
        w = ip4_trie_load(&t->default_leaf);
    return w >> 1;
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

/* Adjacency of a packet with that flow hash. */
ALWAYS_INLINE u32 lb_pick(struct lb lb, u32 hash)
{
    return likely(!lb.mask)
               ? lb.first
               : __atomic_load_n(&lb_buckets[lb.first + (hash & lb.mask)], __ATOMIC_RELAXED);
}

/* --- adjacency --- */

/* Edges that ip4-lookup and its siblings (ip4-load-balance, lookup-ip4-dst) all have, in this
 * order; adj_custom_new adds more behind them. */
enum fib_next {
    FIB_NEXT_DROP,
    FIB_NEXT_PUNT,
    FIB_NEXT_NULL, /* ip4-null: unreachable, prohibit */
    FIB_NEXT_ARP,
    FIB_NEXT_GLEAN,
    FIB_NEXT_REWRITE,
    FIB_NEXT_RECEIVE,
    FIB_NEXT_LOOKUP,       /* lookup-ip4-dst */
    FIB_NEXT_LOAD_BALANCE, /* ip4-load-balance */
    FIB_NEXT_N
};

enum adj_kind {
    ADJ_KIND_DROP,
    ADJ_KIND_PUNT,
    ADJ_KIND_UNREACHABLE,
    ADJ_KIND_PROHIBIT,
    ADJ_KIND_RECEIVE,
    ADJ_KIND_INCOMPLETE, /* ip4-arp: the next hop is not known yet */
    ADJ_KIND_REWRITE,
    ADJ_KIND_GLEAN,  /* ip4-glean: the destination itself is on the link */
    ADJ_KIND_LB,     /* another route's load balance: data is its index */
    ADJ_KIND_LOOKUP, /* lookup-ip4-dst: data is the table */
    ADJ_KIND_CUSTOM,
    ADJ_KIND_N
};

#define ADJ_REWRITE_BYTES_MAX 32

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
    be32 next_hop; /* INCOMPLETE, REWRITE; RECEIVE: the address; GLEAN: its subnet's */
    u64 data;      /* LB, LOOKUP, CUSTOM */
    u32 pending;   /* packets on their way to the neighbour module; see neighbor_hold.h */
    u32 spare;
    u64 rewrite[ADJ_REWRITE_BYTES_MAX / 8]; /* bytes in wire order */
} CACHE_ALIGNED;

static_assert(sizeof(struct adj) == CACHE_LINE_BYTES, "one line each");

extern struct adj *adj_base;

ALWAYS_INLINE const struct adj *adj_at(u32 index)
{
    return &adj_base[index];
}

/* With everything that it promises visible. */
ALWAYS_INLINE struct adj_head adj_head(const struct adj *a)
{
    u64 w = __atomic_load_n(&a->head_word, __ATOMIC_ACQUIRE);
    struct adj_head head;
    __builtin_memcpy(&head, &w, sizeof(head));
    return head;
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
