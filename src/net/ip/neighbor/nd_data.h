/* What data threads know for neighbour discovery; written by the control thread. */
#pragma once

#include "base/pool.h"
#include "base/shared_hash.h"
#include "base/types.h"
#include "engine/index.h"
#include "net/ip/fib/fib.h"

struct counter_vec;

/* What an interface answers for besides its own addresses (nd_proxy.h). */
enum {
    ND_PROXY_TABLE = 1 << 0, /* hosts of its table that are on another link */
    ND_PROXY_ALL = 1 << 1,   /* whatever is not known to be on its own link */
};

struct nd_if {
    u16 output_edge; /* of the solicitation node */
    u8 n_tags_bytes; /* 0, 4, 8 */
    u8 proxies;      /* ND_PROXY_* */
    u8 tags[8];      /* of frames that it sends */
};

/* A host that is answered for, or a group in which some are asked for. */
#define ND_PROXIED_WORDS 3
struct nd_proxied {
    u64 key[ND_PROXIED_WORDS]; /* table, address */
    struct if_index interface; /* that a host is on */
    u32 users;                 /* hosts of a group, 1 of a host; 0: waits to be freed */
};
struct nd_proxies {
    struct shared_hash by_key;
    struct pool entries; /* struct nd_proxied */
};

static inline void nd_proxied_key(struct fib_index t, const u8 addr[16], u64 key[ND_PROXIED_WORDS])
{
    key[0] = t.i;
    key[1] = load_u64(addr);
    key[2] = load_u64(addr + 8);
}

/* SHARED_HASH_NONE: it is not there. */
static inline u32 nd_proxied_find(const struct nd_proxies *s, struct fib_index t, const u8 addr[16])
{
    u64 key[ND_PROXIED_WORDS];
    nd_proxied_key(t, addr, key);
    return shared_hash_find(&s->by_key, key, ND_PROXIED_WORDS);
}

/* State of the nodes. */
struct nd_node {
    struct nd_if *ifs;            /* by interface */
    struct nd_proxies *proxies;   /* NULL: not yet */
    bool watching;                /* somebody wants to know who has our addresses, */
    bool watching_hosts;          /* or who says that he is no router */
    struct node_index input_node; /* ip6-icmp-input, which counts */
};

enum nd_counter {
    ND_RX_REQUESTS,
    ND_RX_REPLIES,
    ND_RX_GRATUITOUS,
    ND_TX_REQUESTS,
    ND_TX_REPLIES,
    ND_TX_GRATUITOUS,
    ND_COUNTER_N
};
extern struct counter_vec *nd_counters[ND_COUNTER_N]; /* by interface */
