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
    {"show running-config unconfirmed", "Until when changes have to be confirmed", show_unconfirmed,
     CLI_OWN},
    {"write [<file>]", "Save the running config", write_running_config, CLI_OWN},
    {"configure commit-confirm <seconds:u32>",
     "Take back all changes from now on after some seconds, without `configure confirm`",
     configure_commit_confirm, CLI_OWN},
    {"configure confirm", "Let changes stay that wait for it", configure_confirm, CLI_OWN},
    {"configure abort", "Take changes back now that wait to be confirmed", configure_abort,
     CLI_OWN},
    {"configure rollback [<version:u32>]",
     "Go back to the saved running config; 1: to the one saved before, 2 ...", configure_rollback,
     CLI_OWN},
    {NULL, NULL, NULL, 0},
};

static int running_config_init(struct piste *p, void **state, struct error *e)
{
    struct running_config *r = mem_alloc(sizeof(*r));
    r->piste = p;
    r->unconfirmed_from = SCRATCH_CLOSED;
    *state = r;
    int rc = aside_init(&r->aside, p->loop, e);
    if (rc)
        free(r);
    return rc;
}

static void running_config_stop(struct piste *p, void *state)
{
    struct running_config *r = state;
    r->stopping = true;
    aside_fini(&r->aside);
    rollback_fini(r);
    replay_fini(r);
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
