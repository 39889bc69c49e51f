/* The module of the running configuration, and what shows it. */
#include "control/running_config.h"

#include <stdlib.h>
#include <string.h>

#include "control/module.h"
#include "control/running_config_internal.h"

struct log_class running_config_log = {.name = "config", .unlimited = true};

struct running_config *running_config_of(const struct piste *p)
{
    return module_state(p, &running_config_module);
}

char *running_config_text(const struct piste *p)
{
    struct text t = {0};
    modules_running_config(p->modules, &t);
    return t.s ? t.s : mem_strdup("");
}

static int show_running_config(struct cli_call *c)
{
    char *text = running_config_text(c->piste), *save = NULL;
    out_text(c->out, "%s", text);
    out_array(c->out, "lines");
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        if (*line != '#')
            out_str(c->out, NULL, line, NULL);
    out_end(c->out);
    free(text);
    return 0;
}

static const struct cli_command commands[] = {
    {"show running-config", "Commands that make the present state", show_running_config, 0},
    {"show running-config errors", "Lines of the start script that failed", show_replay_errors, 0},
    {"show running-config diff", "What changed since the running config was saved",
     show_running_config_diff, 0},
    {"write [<file>]", "Save the running config", write_running_config, 0},
    {NULL, NULL, NULL, 0},
};

static int init(struct piste *p, void **state, struct error *e)
{
    struct running_config *r = mem_alloc(sizeof(*r));
    r->piste = p;
    *state = r;
    return 0;
}

static void stop(struct piste *p, void *state)
{
    replay_fini(state);
    free(state);
}

const struct module running_config_module = {
    .abi = MODULE_ABI,
    .name = "running_config",
    .description = "Running configuration",
    .commands = commands,
    .init = init,
    .stop = stop,
};
