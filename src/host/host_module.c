/* The record of host. */
#include "control/module.h"
#include "host/host_internal.h"

const struct module host_module = {
    .abi = MODULE_ABI,
    .name = host_module_name,
    .description = "Network devices and namespaces of this host",
    .init = host_init,
    .stop = host_stop,
};
