/* The records of the modules address and address_api. */
#include <stdlib.h>

#include "control/module.h"
#include "net/ip/address/address.h"
#include "net/ip/address/address_internal.h"

static const char *const address_needs[] = {"fib", "interface", "ip4-arcs", NULL};

const struct module address_module = {
    .abi = MODULE_ABI,
    .name = address_module_name,
    .description = "Addresses of interfaces",
    .needs = address_needs,
    .commands = address_commands,
    .init = address_init,
    .stop = address_stop,
    .running_config_rows = address_running_config_rows,
    .place_free = free,
};

static const char *const api_needs[] = {"api", "address", NULL};

const struct module address_api_module = {
    .abi = MODULE_ABI,
    .name = "address_api",
    .description = "Binary API of addresses of interfaces",
    .needs = api_needs,
    .api = address_api_handlers,
};
