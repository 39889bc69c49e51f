/* The express of IPv4; see net/link/ethernet/express.h. */
#pragma once

#include "engine/index.h"
#include "net/link/ethernet/ethernet_node.h"

struct ip4_input;
struct module;

extern const struct module ip4_express_module;

/* What it needs to know of the nodes in whose place it works. */
struct ip4_express {
    const struct ip4_input *arcs; /* that would start at ip4-input */
    struct node_index input, lookup, rewrite;
};

NODE_DECLARE_AS(express_fn, ip4_express);
