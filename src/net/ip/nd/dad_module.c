/* The records of the modules dad and dad_api. */
#include "control/module.h"
#include "net/ip/nd/dad_internal.h"

const struct module dad_module = {
    .abi = MODULE_ABI,
    .name = dad_module_name,
    .description = "Duplicate address detection of IPv6",
    .needs = (const char *const[]){"nd", "address", NULL},
    .commands = dad_commands,
    .init = dad_init,
    .stop = dad_stop,
    .running_config = dad_running_config,
};

const struct module dad_api_module = {
    .abi = MODULE_ABI,
    .name = dad_api_module_name,
    .description = "Binary API of duplicate address detection",
    .needs = (const char *const[]){"api", "dad", NULL},
    .api = dad_api_handlers,
    .init = dad_api_init,
    .stop = dad_api_stop,
};
