/* The record of l2-rw. */
#include "control/module.h"
#include "net/features/l2_rw/l2_rw.h"
#include "net/features/l2_rw/l2_rw_internal.h"

static const char *const needs[] = {"interface", "l2", "classify", NULL};

const struct module l2_rw_module = {
    .abi = MODULE_ABI,
    .name = "l2-rw",
    .description = "Bytes of frames rewritten in bridge domains",
    .needs = needs,
    .commands = l2_rw_commands,
    .init = l2_rw_init,
    .stop = l2_rw_stop,
    .running_config = l2_rw_running_config,
};
