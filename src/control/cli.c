/* The instance of the command line: what modules add to it, and what handlers ask of a call. */
#include "control/cli.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "control/cli_internal.h"
#include "control/cli_session.h"
#include "control/loop.h"

struct log_class cli_log = {.name = "cli"};

struct cli *cli_new(struct piste *p)
{
    struct cli *cli = mem_alloc(sizeof(*cli));
    cli->piste = p;
    cli_types_init(&cli->types);
    cli->settings = (struct cli_settings){
        .prompt = mem_strdup("vpp# "),
        .history_limit = 50,
        .pager_limit_lines = 100000,
        .banner = true,
        .pager = true,
        .color = true,
        .log_fd = -1,
    };
    cli_add_commands(cli, cli_builtin_commands);
    cli_add_commands(cli, cli_terminal_commands);
    return cli;
}

void cli_free(struct cli *cli)
{
    if (!cli)
        return;
    cli_sessions_free(cli->sessions);
    cli_tree_fini(&cli->root);
    cli_types_fini(&cli->types);
    if (cli->settings.log_fd >= 0)
        close(cli->settings.log_fd);
    free(cli->settings.prompt);
    free(cli);
}

void cli_add_commands(struct cli *cli, const struct cli_command *table)
{
    for (; table->grammar; table++)
        cli_tree_add(&cli->root, table);
}

void cli_add_types(struct cli *cli, const struct cli_type *table)
{
    cli_types_add(&cli->types, table);
}

static void check_command(const struct cli_word *w, void *arg)
{
    const struct cli *cli = arg;
    const char *missing;
    if (!grammar_check_types(w->grammar, &cli->types, &missing))
        panic("command `%s' has values of type `%s', which nobody brings", w->path, missing);
}

void cli_check(const struct cli *cli)
{
    cli_tree_each(&cli->root, check_command, (void *)cli);
}

/* --- settings --- */

void cli_set_prompt(struct cli *cli, const char *prompt)
{
    size_t n = strlen(prompt);
    free(cli->settings.prompt);
    cli->settings.prompt = mem_printf("%s%s", prompt, n && prompt[n - 1] == ' ' ? "" : " ");
}

void cli_set_history_limit(struct cli *cli, u32 lines)
{
    cli->settings.history_limit = lines;
}

void cli_set_pager_limit(struct cli *cli, u32 lines)
{
    cli->settings.pager_limit_lines = lines;
}

void cli_set_pager(struct cli *cli, bool on)
{
    cli->settings.pager = on;
}

void cli_set_banner(struct cli *cli, bool on)
{
    cli->settings.banner = on;
}

void cli_set_color(struct cli *cli, bool on)
{
    cli->settings.color = on;
}

void cli_set_line_mode(struct cli *cli, bool on)
{
    cli->settings.line_mode = on;
}

/* --- arguments of a call --- */

const struct cli_value *cli_get(const struct cli_call *c, const char *label)
{
    for (u32 i = 0; i < c->n_args; i++)
        if (c->args[i].value.text != cli_keyword_text && strcmp(c->args[i].name, label) == 0)
            return &c->args[i].value;
    return NULL;
}

bool cli_is_plain_word(const char *s)
{
    for (const char *p = s; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 127 || strchr("\"\\{}$#", *p))
            return false;
    return *s && strcmp(s, "|"); /* which begins a filter of what a command shows */
}

int cli_check_word(const char *s, const char *what, struct error *e)
{
    if (!s || !*s || cli_is_plain_word(s))
        return 0;
    return error_set(
        e, EINVAL, "%s `%s': one word, without quotes, backslashes, braces, `$' and `#'", what, s);
}

bool cli_is_braceable(const char *s)
{
    int depth = 0;
    if (*s == ' ' || (*s && s[strlen(s) - 1] == ' '))
        return false;
    for (const char *p = s; *p; p++) {
        if ((unsigned char)*p < ' ' || *p == 127)
            return false;
        if (!strncmp(p, " | ", 3)) /* a filter of what a command shows */
            return false;
        depth += *p == '{' ? 1 : *p == '}' ? -1 : 0;
        if (depth < 0)
            return false;
    }
    return !depth;
}

void cli_add_braced(struct text *t, const char *s)
{
    text_putc(t, '{');
    for (; *s; s++) {
        bool macro = *s == '$' && (isalnum((unsigned char)s[1]) || s[1] == '_' || s[1] == '(');
        if (macro || *s == '\\')
            text_putc(t, '\\');
        text_putc(t, *s);
    }
    text_putc(t, '}');
}

bool cli_has(const struct cli_call *c, const char *name)
{
    for (u32 i = 0; i < c->n_args; i++)
        if (strcmp(c->args[i].name, name) == 0)
            return true;
    return false;
}

u64 cli_u64(const struct cli_call *c, const char *label, u64 otherwise)
{
    const struct cli_value *v = cli_get(c, label);
    return v ? v->u : otherwise;
}

const char *cli_str(const struct cli_call *c, const char *label, const char *otherwise)
{
    const struct cli_value *v = cli_get(c, label);
    return v ? v->text : otherwise;
}

/* --- running without a session --- */

struct run {
    struct text out;
    int rc;
    bool done;
};

static void run_emit(void *arg, const char *s, size_t n)
{
    struct run *run = arg;
    text_putn(&run->out, s, n);
}

static void run_done(void *arg, int rc)
{
    struct run *run = arg;
    run->rc = rc;
    run->done = true;
}

int cli_run(struct cli *cli, const char *text, enum out_format format, char **output)
{
    static const struct cli_exec_ops ops = {run_emit, run_done, NULL};
    struct cli_macros macros = {0};
    struct run run = {0};
    const struct cli_exec_context context = {.cli = cli, .macros = &macros, .format = format};
    cli_exec_start(&context, text, true, &ops, &run);
    while (!run.done)
        loop_once(cli->piste->loop, -1);
    cli_macros_free(&macros);
    *output = run.out.s ? run.out.s : mem_strdup("");
    return run.rc;
}
