/* The record of the module running_config: what it brings. */
#include <stdlib.h>

#include "control/module.h"
#include "control/running_config_internal.h"

static const struct cli_command commands[] = {
    {"show running-config", "Commands that make the present state", show_running_config, CLI_OWN},
    {"show running-config errors", "Lines of the start script that failed", show_replay_errors,
     CLI_OWN},
    {"show running-config diff", "What changed since the running config was saved",
     show_running_config_diff, CLI_OWN},
    {"write [<file>]", "Save the running config", write_running_config, CLI_OWN},
    {NULL, NULL, NULL, 0},
};

static int running_config_init(struct piste *p, void **state, struct error *e)
{
    struct running_config *r = mem_alloc(sizeof(*r));
    r->piste = p;
    *state = r;
    return 0;
}

static void running_config_stop(struct piste *p, void *state)
{
    replay_fini(state);
    free(state);
}

const struct module running_config_module = {
    .abi = MODULE_ABI,
    .name = running_config_module_name,
    .description = "Running configuration",
    .commands = commands,
    .init = running_config_init,
    .stop = running_config_stop,
};
