/* Commands of the language itself: scripts, macros, echo, wait, comments, documentation. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/cli_internal.h"
#include "control/cli_session.h"
#include "control/loop.h"

static int run_quit(struct cli_call *c)
{
    if (!c->session)
        return error_set(c->err, EINVAL, "there is no session to end");
    cli_session_quit(c->session);
    return 0;
}

static int run_echo(struct cli_call *c)
{
    out_str(c->out, "text", cli_str(c, "text", ""), "%s\n");
    return 0;
}

static int run_nothing(struct cli_call *c)
{
    return 0;
}

static int run_text(struct cli_call *c)
{
    return cli_call_nested(c, cli_str(c, "commands", ""));
}

static int run_vpplog(struct cli_call *c)
{
    log_notice(&cli_log, "%s", cli_str(c, "text", ""));
    return 0;
}

/* --- wait --- */

struct wait {
    struct cli_call *call;
    struct loop_timer *timer;
    u64 start_ns;
};

static void wait_free(void *arg)
{
    struct wait *w = arg;
    loop_timer_del(w->call->piste->loop, w->timer);
    free(w);
}

static void wait_over(void *arg)
{
    struct wait *w = arg;
    struct cli_call *c = w->call;
    double seconds = (double)(clock_ns() - w->start_ns) / NS_PER_SEC;
    char *s = mem_printf("%.3f", seconds);
    out_f64(c->out, "seconds", seconds, NULL);
    out_text(c->out, "waited %s sec.\n", *s == '0' ? s + 1 : s);
    free(s);
    wait_free(w);
    cli_done(c, 0);
}

static int run_wait(struct cli_call *c)
{
    double seconds = cli_get(c, "seconds")->f;
    if (!(seconds >= 0 && seconds <= 1e6))
        return error_set(c->err, EINVAL, "not a time to wait for: `%s'", cli_str(c, "seconds", ""));
    struct wait *w = mem_alloc(sizeof(*w));
    w->call = c;
    w->start_ns = clock_ns();
    u64 end_ns = w->start_ns + (u64)(seconds * NS_PER_SEC);
    w->timer = loop_timer_add(c->piste->loop, end_ns, 0, wait_over, w);
    cli_pend(c, wait_free, w);
    return CLI_PENDING;
}

/* --- macros --- */

static int run_define(struct cli_call *c)
{
    cli_macro_set(cli_call_context(c).macros, cli_str(c, "name", ""), cli_str(c, "value", ""));
    return 0;
}

static int run_undefine(struct cli_call *c)
{
    if (!cli_macro_unset(cli_call_context(c).macros, cli_str(c, "name", "")))
        return error_set(c->err, ENOENT, "no macro `%s'", cli_str(c, "name", ""));
    return 0;
}

static int run_show_macro(struct cli_call *c)
{
    static const struct out_column cols[] = {
        {NULL, "name", 20, OUT_LEFT, OUT_LEFT},
        {NULL, NULL, 1, OUT_LEFT, OUT_LEFT},
        {NULL, "value", 0, OUT_LEFT, OUT_LEFT},
    };
    const struct cli_macros *ms = cli_call_context(c).macros;
    out_table(c->out, "macros", cols, array_len(cols));
    for (u32 i = 0; i < ms->v.n; i++) {
        struct text value = {0};
        if (cli_has(c, "noevaluate"))
            text_puts(&value, ms->v.v[i].value);
        else if (!cli_macro_expand(ms, ms->v.v[i].value, &value))
            text_clear(&value);
        out_cell(c->out, "%s", ms->v.v[i].name);
        out_cell(c->out, " ");
        out_cell(c->out, "%s", text_str(&value));
        text_free(&value);
    }
    out_table_end(c->out);
    return 0;
}

/* --- exec --- */

static void exec_done(void *arg, int rc, const char *message)
{
    struct cli_call *c = arg;
    if (rc < 0)
        error_set(c->err, -rc, "%s", message);
    cli_done(c, rc);
}

static void exec_cancel(void *arg)
{
    cli_script_cancel(arg);
}

static int run_exec(struct cli_call *c)
{
    static const struct cli_script_ops ops = {.done = exec_done};
    const char *path = cli_str(c, "file", NULL);
    if (!path)
        return error_set(c->err, EINVAL, "expecting file name, got `'");
    const struct cli_exec_context context = cli_call_context(c);
    struct cli_script *script;
    int rc = cli_script_start(&context, path, &ops, c, &script, c->err);
    if (rc)
        return rc;
    cli_pend(c, exec_cancel, script);
    return CLI_PENDING;
}

/* --- documentation, completion for clients --- */

static void docs_line(const struct cli_word *w, void *arg)
{
    struct out *o = arg;
    if (w->command->flags & CLI_HIDDEN)
        return;
    struct text usage = {0};
    cli_usage(w, &usage);
    out_object(o, NULL);
    out_str(o, "path", w->path, NULL);
    out_str(o, "usage", text_str(&usage), "### `%s`\n\n");
    out_str(o, "help", w->command->help, "%s.\n\n");
    out_str(o, "grammar", w->command->grammar, NULL);
    out_end(o);
    text_free(&usage);
}

static void path_line(const struct cli_word *w, void *arg)
{
    if (!(w->command->flags & CLI_HIDDEN))
        out_str(arg, NULL, w->path, "%s\n");
}

static int run_show_cli(struct cli_call *c)
{
    out_text(c->out, "\n");
    out_array(c->out, "commands");
    cli_tree_each(&c->piste->cli->root, path_line, c->out);
    out_end(c->out);
    return 0;
}

static int run_show_docs(struct cli_call *c)
{
    struct cli *cli = c->piste->cli;
    out_text(c->out,
             "# Commands\n\nWritten by the commands' own grammar: `show cli docs`. Words of "
             "a command may be abbreviated\nto a unique prefix; `json` behind a `show` "
             "command prints JSON; `| include TEXT` and `| exclude TEXT`\nbehind any "
             "command pick lines of its output.\n\n");
    out_array(c->out, NULL);
    for (u32 i = 0; i < cli->root.kids.n; i++) {
        const struct cli_word *w = cli->root.kids.v[i];
        if (cli_tree_hidden(w))
            continue;
        out_text(c->out, "## %s\n\n", w->name);
        cli_tree_each(w, docs_line, c->out);
    }
    out_end(c->out);
    return 0;
}

static void complete_add(void *arg, const char *word)
{
    struct out *o = arg;
    out_str(o, NULL, word, "%s\n");
}

static int run_complete(struct cli_call *c)
{
    /* The rest's blanks at the end say whether a new word begins: a dot stands behind them. */
    char *line = mem_strdup(cli_str(c, "line", ""));
    size_t n = strlen(line);
    if (n)
        line[n - 1] = '\0';
    out_array(c->out, NULL);
    cli_complete(c->piste->cli, line, complete_add, c->out);
    out_end(c->out);
    free(line);
    return 0;
}

const struct cli_command cli_builtin_commands[] = {
    {"quit", "End this session", run_quit, 0},
    {"q", "End this session", run_quit, CLI_HIDDEN},
    {"exit", "End this session", run_quit, 0},
    {"echo <text:rest>", "Print the rest of the line", run_echo, 0},
    {"comment <text:block>", "Do nothing with the text in braces", run_nothing,
     CLI_LEFTOVER | CLI_OWN},
    {"uncomment <commands:block>", "Run the commands in braces", run_text, CLI_LEFTOVER | CLI_OWN},
    {"leak-check <commands:block>", "Run the commands in braces", run_text,
     CLI_HIDDEN | CLI_LEFTOVER},
    {"vpplog <text:block>", "Write the text in braces to the log", run_vpplog, CLI_LEFTOVER},
    {"wait <seconds:float>", "Wait, in this session only", run_wait, 0},
    {"define <name:string> <value:rest>", "Define a macro, used as $name or $(name)", run_define,
     0},
    {"undefine <name:string>", "Remove a macro", run_undefine, 0},
    {"show macro [noevaluate]", "Show this session's macros", run_show_macro, 0},
    {"exec [<file>]", "Run the commands in a file", run_exec, 0},
    {"show cli", "Show the words that begin each command", run_show_cli, 0},
    {"show cli docs", "Describe all commands, as Markdown", run_show_docs, CLI_HIDDEN | CLI_OWN},
    {"complete <line:rest>", "List completions of a line, for clients", run_complete,
     CLI_HIDDEN | CLI_OWN},
    {NULL, NULL, NULL, 0},
};
