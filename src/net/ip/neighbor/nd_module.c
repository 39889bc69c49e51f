/* The record of the module nd, and its nodes. */
#include "control/module.h"
#include "net/ip/ip6/ip6_errors.h"
#include "net/ip/ip6/ip6_forward.h"
#include "net/ip/neighbor/nd_internal.h"
#include "net/ip/neighbor/neighbor_data.h"
#include "net/packet/ip6_format.h"

const struct node_def nd_solicitation_node = {
    .name = "icmp6-neighbor-solicitation",
    .run = NODE_VARIANTS(icmp6_neighbor_solicitation),
    .next = {"error-drop"},
    .n_next = ND_N_NEXT,
    .format_trace = ip6_format_trace,
};

const struct node_def nd_advertisement_node = {
    .name = "icmp6-neighbor-advertisement",
    .run = NODE_VARIANTS(icmp6_neighbor_advertisement),
    .next = {"error-drop"},
    .n_next = ND_N_NEXT,
    .format_trace = ip6_format_trace,
};

static const struct node_error hold_errors[HOLD_ERR_N] = {
    [HOLD_ERR_THROTTLED] = {"throttled", "neighbor solicitations throttled", SEVERITY_INFO},
    [HOLD_ERR_RESOLVED] = {"resolved", "neighbor solicitations resolved", SEVERITY_INFO},
    [HOLD_ERR_NO_BUFFERS] = {"no_buffers", "neighbor solicitations out of buffer", SEVERITY_ERROR},
    [HOLD_ERR_REQUEST_SENT] = {"request_sent", "neighbor solicitations sent", SEVERITY_INFO},
    [HOLD_ERR_NON_ARP_ADJ] = {"non_arp_adj", "solicitations to other adjacencies", SEVERITY_ERROR},
    [HOLD_ERR_NO_SOURCE_ADDRESS] = {"no_source_address", "no source address for solicitation",
                                    SEVERITY_ERROR},
    [HOLD_ERR_NO_ANSWER] = {"no_answer", "next hop does not answer", SEVERITY_ERROR},
};

#define HOLD_NODE(c_name, text_name, n, ...)                                                       \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name),                                           \
        .next = {[HOLD_NEXT_DROP] = "ip6-drop", [HOLD_NEXT_REWRITE] = "ip6-rewrite", __VA_ARGS__}, \
        .n_next = n, .errors = hold_errors, .n_errors = HOLD_ERR_N,                                \
        .format_trace = ip6_format_forward_trace,                                                  \
    }

static const struct node_def discover_node =
    HOLD_NODE(ip6_discover_neighbor, "ip6-discover-neighbor", HOLD_N_NEXT);
static const struct node_def glean_node =
    HOLD_NODE(ip6_glean, "ip6-glean", GLEAN_N_NEXT, [GLEAN_NEXT_RECEIVE] = "ip6-receive");

const struct module nd_module = {
    .abi = MODULE_ABI,
    .name = nd_module_name,
    .description = "Neighbors of IPv6: neighbor discovery",
    .needs = (const char *const[]){"neighbor", "interface", "ip6", "icmp6", NULL},
    .nodes = (const struct node_def *const[]){&discover_node, &glean_node, NULL},
    .init = nd_init,
    .stop = nd_stop,
};
