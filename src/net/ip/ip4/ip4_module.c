/* The records of the modules ip4 and ip_route_api. */
#include "control/module.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/route/ip_route_api.h"
#include "net/ip/route/ip_route_cli.h"
#include "net/ip/ip4/ip4_internal.h"

static const char *const ip4_needs[] = {"fib", "interface", "ip4-arcs", "address", NULL};

const struct module ip4_module = {
    .abi = MODULE_ABI,
    .name = "ip4",
    .description = "IPv4 forwarding, routes and tables",
    .needs = ip4_needs,
    .nodes = ip4_forward_nodes,
    .commands = ip4_commands,
    .init = ip4_init,
    .running_config = ip4_running_config,
    .running_config_rows = ip_route_running_config_rows,
    .place_free = ip_route_place_free,
};

static const char *const api_needs[] = {"api", "ip4", NULL};

const struct module ip_route_api_module = {
    .abi = MODULE_ABI,
    .name = "ip_route_api",
    .description = "Binary API of routes and tables",
    .needs = api_needs,
    .api = ip_route_handlers,
};
