/* The records of the modules vlan and vlan_api: what they bring. */
#include "control/module.h"
#include "net/link/vlan/vlan.h"
#include "net/link/vlan/vlan_api.h"
#include "net/link/vlan/vlan_internal.h"

static const char *const vlan_needs[] = {"interface", "ethernet", NULL};

const struct module vlan_module = {
    .abi = MODULE_ABI,
    .name = vlan_module_name,
    .description = "Sub-interfaces",
    .needs = vlan_needs,
    .commands = vlan_commands,
    .types = vlan_types,
    .init = vlan_init,
    .stop = vlan_stop,
    .tables = vlan_tables,
};

static const char *const api_needs[] = {"interface_api", "vlan", NULL};

const struct module vlan_api_module = {
    .abi = MODULE_ABI,
    .name = "vlan_api",
    .description = "Binary API of sub-interfaces",
    .needs = api_needs,
    .api = vlan_api,
    .init = vlan_api_init,
};
