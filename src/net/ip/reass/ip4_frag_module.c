/* The record of ip4-frag. */
#include "control/module.h"
#include "net/ip/ip4/ip4_errors.h"
#include "net/packet/ip4_format.h"
#include "net/ip/reass/ip4_frag.h"
#include "net/ip/ip4/ip4_nodes.h"

static const struct node_def frag_node = {
    .name = "ip4-frag",
    .run = NODE_VARIANTS(ip4_frag),
    .next = {"error-drop", "ip4-rewrite", "ip4-midchain"},
    .n_next = 3,
    .errors = ip_frag_errors,
    .n_errors = IP_FRAG_ERROR_N,
    .format_trace = ip4_format_trace,
};

const struct module ip4_frag_module = {
    .abi = MODULE_ABI,
    .name = "ip4-frag",
    .description = "IPv4 fragmentation",
    .nodes = (const struct node_def *const[]){&frag_node, NULL},
};
