/* What the running config is now. */
#include "control/running_config.h"

#include <stdlib.h>
#include <string.h>

#include "control/module.h"
#include "control/running_config_internal.h"

struct log_class running_config_log = {.name = "config", .unlimited = true};

const char running_config_module_name[] = "running_config";

struct running_config *running_config_of(const struct piste *p)
{
    return module_state(p, running_config_module_name);
}

char *running_config_text(const struct piste *p)
{
    struct text t = {0};
    modules_running_config(p->modules, &t);
    return t.s ? t.s : mem_strdup("");
}

int show_running_config(struct cli_call *c)
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
