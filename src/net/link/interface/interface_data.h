/* What nodes know of interfaces, and their counters. The rest: interface.h. */
#pragma once

#include "base/types.h"
#include "engine/buffer.h"
#include "engine/counter.h"
#include "engine/index.h"
#include "engine/node.h"
#include "engine/thread.h"

struct feature_arc;
struct vlan_port;

enum if_counter {
    IF_RX,
    IF_TX, /* combined */
    IF_RX_UNICAST,
    IF_RX_MULTICAST,
    IF_RX_BROADCAST, /* combined */
    IF_TX_UNICAST,
    IF_TX_MULTICAST,
    IF_TX_BROADCAST, /* combined */
    IF_COMBINED_N,
    IF_DROP = IF_COMBINED_N,
    IF_PUNT,
    IF_IP4,
    IF_IP6,
    IF_RX_NO_BUF,
    IF_RX_MISS,
    IF_RX_ERROR,
    IF_TX_ERROR,
    IF_MPLS,
    IF_COUNTER_N
};

/* MAC addresses; never changed, but replaced. */
struct if_macs {
    u32 n;
    u8 v[][6];
};

/* What nodes read about an interface: one cache line each, by interface index. Written by the
 * control thread. */
struct if_data {
    u8 flags; /* IF_DATA_* */
    u8 mac[6];
    u8 l2_mode; /* 0: layer 3; otherwise the l2 module's */
    u16 mtu_ip4, mtu_ip6;
    u32 caps;
    struct if_index parent;
    struct node_index tx_node;
    const struct vlan_port *vlans; /* which sub-interface takes which frames; NULL: there is none */
    const struct if_output *output; /* NULL: sends nothing */
    struct if_macs *macs;           /* it also receives frames for; NULL: none. Owned */
    u8 rest[CACHE_LINE_BYTES - 48];
} CACHE_ALIGNED;

enum {
    IF_DATA_ADMIN_UP = 1 << 0,
    IF_DATA_PROMISC = 1 << 1, /* take frames for other stations (bridging, or the user asked) */
    IF_DATA_IS_IP = 1 << 2,
};

static_assert(sizeof(struct if_data) == CACHE_LINE_BYTES, "one line each");

extern struct if_data *if_data_base; /* IF_MAX entries, lazily touched */

ALWAYS_INLINE struct if_data *if_data(struct if_index i)
{
    return &if_data_base[i.i];
}

/* Whether the interface receives frames for that address, beside its own. Any thread. */
bool if_has_secondary_mac(struct if_index i, const u8 mac[6]);

/* State of an X-output node. */
struct if_output {
    struct if_index index;
    struct node_index node;        /* itself */
    u16 next_tx;                   /* edge to X-tx, */
    const struct if_output *super; /* or to this one's node: of a sub-interface; else NULL */
    struct node_index tx;          /* where it leads */
    struct node_index offload;     /* interface-offload */
    const struct feature_arc *arc;
};

/* Adds to a counter of interface i from thread t. */
extern struct counter_vec *if_counters[IF_COUNTER_N];
ALWAYS_INLINE void interface_count(struct thread *t, enum if_counter c, struct if_index i,
                                   u64 packets, u64 bytes)
{
    u32 thread = thread_index(t);
    if (c < IF_COMBINED_N)
        counter_pair_add(&counter_combined(if_counters[c], thread)[i.i], packets, bytes);
    else
        tally_add(&counter_simple(if_counters[c], thread)[i.i], packets);
}
