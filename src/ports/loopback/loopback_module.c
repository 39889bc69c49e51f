/* The record of loopback. */
#include "control/module.h"
#include "ports/loopback/loopback.h"
#include "ports/loopback/loopback_internal.h"

static const char *const needs[] = {"interface", "ethernet", NULL};

const struct module loopback_module = {
    .abi = MODULE_ABI,
    .name = loopback_module_name,
    .description = "Loopback interfaces",
    .needs = needs,
    .commands = loopback_commands,
    .api = loopback_api,
    .init = loopback_init,
    .stop = loopback_stop,
};
