/* See midchain_tx.h. */
#include "net/ip/fib/midchain_tx.h"

#include "net/packet/ip4_format.h"

static const struct node_error midchain_tx_errors[MIDCHAIN_TX_ERR_N] = {
    [MIDCHAIN_TX_ERR_NO_ADJACENCY] = {"no_adjacency", "not put into the tunnel", SEVERITY_ERROR},
};

const struct node_def midchain_tx_node = {
    .name = "adj-midchain-tx",
    .run = NODE_VARIANTS(adj_midchain_tx),
    .next =
        {
            [MIDCHAIN_TX_NEXT_DROP] = "error-drop",
            [MIDCHAIN_TX_NEXT_IP4] = "ip4-load-balance",
            [MIDCHAIN_TX_NEXT_IP6] = "ip6-load-balance",
        },
    .n_next = MIDCHAIN_TX_N_NEXT,
    .errors = midchain_tx_errors,
    .n_errors = MIDCHAIN_TX_ERR_N,
    .format_trace = ip4_format_trace,
};
