/* The record of the module mld. */
#include "control/module.h"
#include "net/ip/nd/mld_internal.h"
#include "net/packet/ip6_format.h"

const struct node_def mld_query_node = {
    .name = "icmp6-multicast-listener",
    .run = NODE_VARIANTS(icmp6_multicast_listener),
    .next = {"error-drop"},
    .n_next = 1,
    .format_trace = ip6_format_trace,
};

const struct module mld_module = {
    .abi = MODULE_ABI,
    .name = mld_module_name,
    .description = "Multicast listener discovery of IPv6",
    .needs = (const char *const[]){"neighbor", "nd-proxy", "icmp6", "address", NULL},
    .init = mld_init,
    .stop = mld_stop,
};
