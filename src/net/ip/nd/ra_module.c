/* The records of the modules ra and ra_api. */
#include "control/module.h"
#include "net/ip/nd/ra_internal.h"
#include "net/packet/ip6_format.h"

const struct node_def ra_solicitation_node = {
    .name = "icmp6-router-solicitation",
    .run = NODE_VARIANTS(icmp6_router_solicitation),
    .next = {"error-drop"},
    .n_next = 1,
    .format_trace = ip6_format_trace,
};

const struct node_def ra_advertisement_node = {
    .name = "icmp6-router-advertisement",
    .run = NODE_VARIANTS(icmp6_router_advertisement),
    .next = {"error-drop"},
    .n_next = 1,
    .format_trace = ip6_format_trace,
};

const struct module ra_module = {
    .abi = MODULE_ABI,
    .name = ra_module_name,
    .description = "Router discovery of IPv6, and addresses from it",
    .needs = (const char *const[]){"nd", "dad", "icmp6", "neighbor", "address", NULL},
    .commands = ra_commands,
    .init = ra_init,
    .stop = ra_stop,
    .running_config = ra_running_config,
};

const struct module ra_api_module = {
    .abi = MODULE_ABI,
    .name = ra_api_module_name,
    .description = "Binary API of router discovery",
    .needs = (const char *const[]){"api", "ra", NULL},
    .api = ra_api_handlers,
    .init = ra_api_init,
    .stop = ra_api_stop,
};
