/* The records of punt and its part of the binary API. */
#include "net/ip/punt/punt_internal.h"

const struct module punt_module = {
    .abi = MODULE_ABI,
    .name = punt_module_name,
    .description = "Packets that are handed on instead of refused",
    .needs = (const char *const[]){"ip4-local", "ip6-local", "icmp4", "icmp6", NULL},
    .commands = punt_commands,
    .init = punt_init,
    .stop = punt_stop,
    .running_config = punt_running_config,
};

const struct module punt_api_module = {
    .abi = MODULE_ABI,
    .name = "punt_api",
    .description = "Binary API of what is punted",
    .needs = (const char *const[]){"api", "punt", NULL},
    .api = punt_api,
};
