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

/* Where `show running-config` is. */
struct running_config_walk {
    const struct piste *piste;
    struct modules_config at;
    struct text text;
};

static void running_config_walk_fini(void *walk)
{
    struct running_config_walk *w = walk;
    modules_config_end(w->piste->modules, &w->at);
    text_free(&w->text);
}

int show_running_config(struct cli_call *c)
{
    struct running_config_walk *w = cli_kept(c, sizeof(*w), running_config_walk_fini);
    w->piste = c->piste;
    if (!c->again)
        out_array(c->out, "lines");
    while (modules_config_next(c->piste->modules, &w->at, &w->text)) {
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
