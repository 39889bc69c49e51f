/* The records of the modules neighbor and neighbor_api. */
#include "control/module.h"
#include "net/ip/neighbor/neighbor.h"
#include "net/ip/neighbor/neighbor_api.h"
#include "net/ip/neighbor/neighbor_internal.h"

static const char *const neighbor_needs[] = {"fib", "interface", "address", NULL};

const struct module neighbor_module = {
    .abi = MODULE_ABI,
    .name = neighbor_module_name,
    .description = "Neighbors of interfaces",
    .needs = neighbor_needs,
    .commands = neighbor_commands,
    .init = neighbor_init,
    .stop = neighbor_stop,
    .running_config = neighbor_running_config,
    .running_config_rows = neighbor_running_config_rows,
    .place_free = neighbor_place_free,
    .tables = neighbor_tables,
};

static const char *const api_needs[] = {"api", "neighbor", NULL};

const struct module neighbor_api_module = {
    .abi = MODULE_ABI,
    .name = neighbor_api_module_name,
    .description = "Binary API of neighbors",
    .needs = api_needs,
    .commands = neighbor_api_commands,
    .api = neighbor_api_handlers,
    .init = neighbor_api_init,
    .stop = neighbor_api_stop,
};
