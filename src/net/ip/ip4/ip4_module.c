/* The records of the modules ip4, ip4_api and ip_route_api. */
#include "control/module.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_api.h"
#include "net/ip/ip4/ip4_internal.h"

static const char *const ip4_needs[] = {"fib", "interface", "ip4-arcs", NULL};

const struct module ip4_module = {
    .abi = MODULE_ABI,
    .name = ip4_module_name,
    .description = "IPv4 addresses and forwarding",
    .needs = ip4_needs,
    .nodes = ip4_forward_nodes,
    .commands = ip4_commands,
    .init = ip4_init,
    .stop = ip4_stop,
    .running_config = ip4_running_config,
};

static const char *const api_needs[] = {"api", "ip4", NULL};

const struct module ip4_api_module = {
    .abi = MODULE_ABI,
    .name = "ip4_api",
    .description = "Binary API of IPv4 on interfaces",
    .needs = api_needs,
    .api = ip4_interface_handlers,
};

const struct module ip_route_api_module = {
    .abi = MODULE_ABI,
    .name = "ip_route_api",
    .description = "Binary API of routes and tables",
    .needs = api_needs,
    .api = ip_route_handlers,
};
