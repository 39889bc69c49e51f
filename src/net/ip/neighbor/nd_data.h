/* What data threads know for neighbour discovery; written by the control thread. */
#pragma once

#include "base/types.h"
#include "engine/index.h"

struct counter_vec;

struct nd_if {
    u16 output_edge; /* of the solicitation node */
    u8 n_tags_bytes; /* 0, 4, 8 */
    u8 spare;
    u8 tags[8]; /* of frames that it sends */
};

/* State of the nodes. */
struct nd_node {
    struct nd_if *ifs;            /* by interface */
    bool watching;                /* somebody wants to know who has our addresses */
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
