/* The express of layer 2; see net/link/ethernet/express.h. */
#pragma once

#include "engine/index.h"
#include "net/link/ethernet/ethernet_node.h"

struct l2_shared;

/* What it needs to know of the nodes in whose place it works. */
struct l2_express {
    const struct l2_shared *shared;
    struct node_index input, learn, fwd, output;
};

NODE_DECLARE_AS(express_fn, l2_express);
