/* Commands about what the process was started with: startup.conf, plugins; starting anew. */
#include "control/control_module.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "base/version.h"
#include "control/loop.h"
#include "control/module.h"
#include "control/startup.h"
#include "control/startup_sections.h"

static struct log_class config_log = {.name = "config"};

struct control {
    bool restart;
};

bool control_wants_restart(const struct piste *p)
{
    const struct control *control = module_state(p, control_module.name);
    return control && control->restart;
}

static int show_startup_config(struct cli_call *c)
{
    const struct startup *s = c->piste->startup;
    out_str(c->out, "source", s && s->source ? s->source : "none", "# %s\n");
    for (u32 i = 0; s && i < s->sections.n; i++) {
        const struct startup_section *section = &s->sections.v[i];
        out_text(c->out, "%s {%s}\n", section->name, section->body);
    }
    out_array(c->out, "sections");
    for (u32 i = 0; s && i < s->sections.n; i++) {
        out_object(c->out, NULL);
        out_str(c->out, "name", s->sections.v[i].name, NULL);
        out_str(c->out, "body", s->sections.v[i].body, NULL);
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

/* --- what may stand in it, for startup.conf(5)
 * ------------------------------------------------- */

static void show_section(struct out *o, const struct config_section *s, const char *file)
{
    out_object(o, NULL);
    out_str(o, "name", s->name, "%s {\n");
    out_str(o, "plugin", file ? file : "", NULL);
    out_array(o, "keys");
    for (const struct config_key *k = s->keys; k->grammar; k++) {
        out_object(o, NULL);
        out_str(o, "grammar", k->grammar, "  %s\n");
        out_str(o, "help", k->help, "      %s\n");
        out_bool(o, "effect", k->set != NULL, NULL, "      (without effect here)\n");
        out_end(o);
    }
    out_end(o);
    out_text(o, "}\n");
    out_end(o);
}

static void show_module_sections(const struct module *m, const char *file, void *arg)
{
    for (const struct config_section *s = m->config; s && s->name; s++)
        show_section(arg, s, file);
}

static int show_startup_keys(struct cli_call *c)
{
    out_array(c->out, "sections");
    for (const struct config_section *s = startup_core_sections; s->name; s++)
        show_section(c->out, s, NULL);
    modules_each(c->piste->modules, show_module_sections, c->out);
    for (const struct config_section *s = startup_foreign_sections; s->name; s++)
        show_section(c->out, s, NULL);
    out_end(c->out);
    return 0;
}

/* --- plugins
 * -------------------------------------------------------------------------------------- */

struct plugin_rows {
    struct out *out;
    u32 n;
};

static void show_plugin(const struct module *m, const char *file, void *arg)
{
    struct plugin_rows *rows = arg;
    if (!file)
        return;
    out_cell(rows->out, "%3u. ", ++rows->n);
    out_cell(rows->out, "%s", file);
    out_cell(rows->out, "%s", piste_version + 1);
    out_cell(rows->out, "%s", m->description ? m->description : "");
}

static int show_plugins(struct cli_call *c)
{
    static const struct out_column cols[] = {
        {"", NULL, 5, OUT_LEFT, OUT_LEFT},
        {"Plugin", "plugin", 41, OUT_LEFT, OUT_LEFT},
        {"Version", "version", 33, OUT_LEFT, OUT_LEFT},
        {"Description", "description", 0, OUT_LEFT, OUT_LEFT},
    };
    static const struct plugin_settings none;
    const struct startup *s = c->piste->startup;
    char *path = plugin_path(s ? &s->plugins : &none);
    out_str(c->out, "path", path, " Plugin path is: %s, plugins shown in load order\n\n");
    free(path);
    struct plugin_rows rows = {.out = c->out};
    out_table(c->out, "plugins", cols, array_len(cols));
    modules_each(c->piste->modules, show_plugin, &rows);
    out_table_end(c->out);
    return 0;
}

/* --- restart, crash
 * ------------------------------------------------------------------------------- */

void control_restart(struct piste *p)
{
    struct control *control = module_state(p, control_module.name);
    control->restart = true;
    log_notice(&config_log, "restart");
    loop_stop(p->loop, 0);
}

static int run_restart(struct cli_call *c)
{
    control_restart(c->piste);
    return 0;
}

/* For the test of crash reports. */
static int control_crash(struct cli_call *c)
{
    if (cli_has(c, "abort"))
        abort();
    if (cli_has(c, "panic"))
        panic("asked for");
    volatile uintptr_t nowhere = 0x10;
    if (cli_has(c, "libc"))
        memset((void *)nowhere, 1, strlen(c->command->help));
    *(volatile int *)nowhere = 1;
    return 0;
}

static const struct cli_command commands[] = {
    {"show startup-config", "startup.conf as it was read", show_startup_config, CLI_OWN},
    {"show startup-config keys", "Sections and keys that startup.conf may have", show_startup_keys,
     CLI_OWN},
    {"show plugins", "Show loaded plugins", show_plugins, 0},
    {"restart", "Stop, and start anew with the same arguments", run_restart, CLI_WHOLE_WORD},
    {"test crash ( segv | abort | panic | libc )", "Die, with a backtrace", control_crash,
     CLI_HIDDEN},
    {NULL, NULL, NULL, 0},
};

static int control_init(struct piste *p, void **state, struct error *e)
{
    *state = mem_alloc(sizeof(struct control));
    return 0;
}

static void control_stop(struct piste *p, void *state)
{
    free(state);
}

const struct module control_module = {
    .abi = MODULE_ABI,
    .name = "control",
    .description = "Configuration",
    .commands = commands,
    .init = control_init,
    .stop = control_stop,
};
