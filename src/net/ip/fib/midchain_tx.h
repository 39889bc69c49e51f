/* The last node of a layer 3 tunnel's interface: struct if_class.tx. */
#pragma once

#include "engine/node.h"

extern const struct node_def midchain_tx_node;

NODE_DECLARE(adj_midchain_tx);

enum {
    MIDCHAIN_TX_NEXT_DROP,
    MIDCHAIN_TX_NEXT_IP4,
    MIDCHAIN_TX_NEXT_IP6,
    MIDCHAIN_TX_N_NEXT,
};
enum { MIDCHAIN_TX_ERR_NO_ADJACENCY, MIDCHAIN_TX_ERR_N };
