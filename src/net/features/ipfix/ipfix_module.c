/* The record of IPFIX. */
#include "net/features/ipfix/ipfix_internal.h"

const struct module ipfix_module = {
    .abi = MODULE_ABI,
    .name = ipfix_module_name,
    .description = "Records of what happens to traffic, to a collector",
    .needs = (const char *const[]){"api", "ip4", NULL},
    .commands = ipfix_commands,
    .api = ipfix_api_handlers,
    .init = ipfix_init,
    .stop = ipfix_stop,
    .running_config = ipfix_running_config,
};
