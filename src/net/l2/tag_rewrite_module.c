/* The record of tag-rewrite. */
#include "control/module.h"
#include "net/l2/tag_rewrite.h"
#include "net/l2/tag_rewrite_internal.h"

static const char *const needs[] = {"interface", "vlan", "l2", NULL};

const struct module tag_rewrite_module = {
    .abi = MODULE_ABI,
    .name = tag_rewrite_module_name,
    .description = "VLAN tags pushed, popped and translated in layer 2",
    .needs = needs,
    .commands = tag_rewrite_commands,
    .init = tag_rewrite_init,
    .stop = tag_rewrite_stop,
    .running_config = tag_rewrite_running_config,
};
