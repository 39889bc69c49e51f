/* The record of syslog. */
#include "net/features/syslog/syslog_internal.h"

const struct module syslog_module = {
    .abi = MODULE_ABI,
    .name = syslog_module_name,
    .description = "Messages about traffic to a collector",
    .needs = (const char *const[]){"api", "ip4", NULL},
    .commands = syslog_commands,
    .api = syslog_api_handlers,
    .init = syslog_init,
    .stop = syslog_stop,
    .running_config = syslog_running_config,
};
