/* The records of ip4-frag and ip6-frag. */
#include "control/module.h"
#include "net/ip/ip4/ip4_errors.h"
#include "net/packet/ip4_format.h"
#include "net/packet/ip6_format.h"
#include "net/ip/ip4/ip4_nodes.h"
#include "net/ip/reass/frag.h"
#include "net/ip/reass/ip6_reass_nodes.h"

static const struct node_def ip4_node = {
    .name = "ip4-frag",
    .run = NODE_VARIANTS(ip4_frag),
    .next = {"error-drop", "ip4-rewrite", "ip4-midchain", "ip4-rewrite-mcast", "ip4-load-balance"},
    .n_next = 5,
    .errors = ip_frag_errors,
    .n_errors = IP_FRAG_ERROR_N,
    .format_trace = ip4_format_trace,
};

const struct module ip4_frag_module = {
    .abi = MODULE_ABI,
    .name = "ip4-frag",
    .description = "IPv4 fragmentation",
    .nodes = (const struct node_def *const[]){&ip4_node, NULL},
};

static const struct node_def ip6_node = {
    .name = "ip6-frag",
    .run = NODE_VARIANTS(ip6_frag),
    .next = {"error-drop", "ip6-rewrite", "ip6-midchain", "ip6-rewrite-mcast", "ip6-load-balance"},
    .n_next = 5,
    .errors = ip_frag_errors,
    .n_errors = IP_FRAG_ERROR_N,
    .format_trace = ip6_format_trace,
};

const struct module ip6_frag_module = {
    .abi = MODULE_ABI,
    .name = "ip6-frag",
    .description = "IPv6 fragmentation of what this switch sends",
    .nodes = (const struct node_def *const[]){&ip6_node, NULL},
};
