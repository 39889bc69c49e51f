/* The records of the modules api and api_trace. */
#include "control/api.h"
#include "control/api_internal.h"
#include "control/module.h"

const struct module api_module = {
    .abi = MODULE_ABI,
    .name = api_module_name,
    .description = "Binary API",
    .init = api_init,
    .stop = api_stop,
    .tables = api_tables,
    .api = api_core_handlers,
    .commands = api_commands,
};

static const char *const trace_needs[] = {"api", NULL};

const struct module api_trace_module = {
    .abi = MODULE_ABI,
    .name = "api_trace",
    .description = "Trace of the binary API",
    .needs = trace_needs,
    .commands = api_trace_commands,
};
