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

void running_config_walk_fini(void *walk)
{
    struct running_config_walk *w = walk;
    modules_config_end(w->piste->modules, &w->at);
    text_free(&w->text);
}

static struct running_config_walk *running_config_walk(struct cli_call *c)
{
    struct running_config_walk *w = cli_kept(c, sizeof(*w), running_config_walk_fini);
    w->piste = c->piste;
    return w;
}

bool running_config_walk_next(struct running_config_walk *w)
{
    return modules_config_next(w->piste->modules, &w->at, &w->text);
}

int show_running_config(struct cli_call *c)
{
    struct running_config_walk *w = running_config_walk(c);
    if (!c->again)
        out_array(c->out, "lines");
    while (running_config_walk_next(w)) {
        char *save = NULL;
        out_text(c->out, "%s", text_str(&w->text));
        for (char *line = strtok_r(w->text.s, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save))
            if (*line != '#')
                out_str(c->out, NULL, line, NULL);
        text_clear(&w->text);
        if (cli_full(c))
            return CLI_MORE;
    }
    out_end(c->out);
    return 0;
}
