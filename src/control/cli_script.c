/* Files of commands: `exec FILE' and start-up scripts. As with VPP, what the commands print goes to
 * the daemon's standard output; who called gets only how it ended. Long files are run in slices, so
 * that the loop goes on meanwhile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/cli_internal.h"
#include "control/loop.h"

enum { SCRIPT_SLICE_NS = 10 * NS_PER_MSEC };

struct cli_script {
    struct cli_exec_context context;
    struct cli_macros own_macros;
    char *path;
    char *text, *at;
    u32 line_number, lines_taken; /* where the line under way begins; lines of the file before at */
    struct text line;             /* under way */
    struct text output;           /* of the line under way, for who is told when it fails */
    struct cli_exec *exec;
    bool deferred, canceled, in_line;
    int rc;
    const struct cli_script_ops *ops;
    void *arg;
};

static void script_go(struct cli_script *s);

static void script_free(struct cli_script *s)
{
    cli_macros_free(&s->own_macros);
    text_free(&s->line);
    text_free(&s->output);
    free(s->path);
    free(s->text);
    free(s);
}

/* The next line with its continuations, without comments (a # in braces begins none); false at the
 * end. */
static bool next_line(struct cli_script *s)
{
    struct text *line = &s->line;
    if (!*s->at)
        return false;
    bool comment = false;
    int depth = 0;
    text_clear(line);
    text_clear(&s->output);
    s->line_number = s->lines_taken + 1;
    for (; *s->at; s->at++) {
        if (*s->at == '\n') {
            s->at++;
            s->lines_taken++;
            break;
        }
        if (s->at[0] == '\\' && s->at[1] == '\n') {
            s->at++;
            s->lines_taken++;
            comment = false;
            text_putc(line, ' ');
            continue;
        }
        comment |= *s->at == '#' && depth <= 0;
        if (comment)
            continue;
        depth += *s->at == '{' ? 1 : *s->at == '}' ? -1 : 0;
        text_putc(line, *s->at);
    }
    return true;
}

static void script_emit(void *arg, const char *text, size_t n)
{
    struct cli_script *s = arg;
    text_clear(&s->output);
    text_putn(&s->output, text, n);
    fwrite(text, 1, n, stdout);
}

/* What the failed line printed, without its line end. */
static const char *cli_script_why(struct cli_script *s)
{
    size_t n = s->output.len;
    if (n && s->output.s[n - 1] == '\n')
        s->output.s[n - 1] = '\0';
    return text_str(&s->output);
}

static void script_line_done(void *arg, int rc)
{
    struct cli_script *s = arg;
    s->exec = NULL;
    if (rc < 0 && s->ops->failed) {
        s->ops->failed(s->arg, s->line_number, text_str(&s->line), cli_script_why(s));
    } else if (rc < 0) {
        s->rc = rc;
    }
    if (!s->in_line)
        script_go(s);
}

static void script_end(struct cli_script *s)
{
    fflush(stdout);
    char *message = NULL;
    if (s->rc < 0) {
        message =
            mem_printf("CLI line error: %s:%u: %s", s->path, s->line_number, cli_script_why(s));
        log_error(&cli_log, "%s", message);
    }
    s->ops->done(s->arg, s->rc, message);
    free(message);
    script_free(s);
}

static void script_deferred(void *arg)
{
    struct cli_script *s = arg;
    s->deferred = false;
    if (s->canceled)
        script_free(s);
    else
        script_go(s);
}

static void script_go(struct cli_script *s)
{
    static const struct cli_exec_ops ops = {script_emit, script_line_done, NULL};
    u64 end_ns = clock_ns() + SCRIPT_SLICE_NS;
    while (s->rc == 0 && next_line(s)) {
        s->in_line = true;
        s->exec = cli_exec_start(&s->context, text_str(&s->line), true, &ops, s);
        s->in_line = false;
        if (s->exec)
            return;
        struct loop *loop = s->context.cli->piste->loop;
        if (s->rc == 0 && loop && clock_ns() > end_ns) {
            s->deferred = true;
            loop_defer(loop, script_deferred, s);
            return;
        }
    }
    script_end(s);
}

/* Takes over text. Begins in the loop, so that done is never called before the caller knows the
 * script. */
static struct cli_script *script_new(const struct cli_exec_context *context, const char *path,
                                     char *text, const struct cli_script_ops *ops, void *arg)
{
    struct cli_script *s = mem_alloc(sizeof(*s));
    s->context = *context;
    if (!s->context.macros)
        s->context.macros = &s->own_macros;
    s->path = mem_strdup(path);
    s->text = s->at = text;
    s->ops = ops;
    s->arg = arg;
    s->deferred = true;
    loop_defer(context->cli->piste->loop, script_deferred, s);
    return s;
}

int cli_script_start(const struct cli_exec_context *context, const char *path,
                     const struct cli_script_ops *ops, void *arg, struct cli_script **script,
                     struct error *e)
{
    char *text;
    int rc = file_read_text(path, &text, e);
    if (!rc)
        *script = script_new(context, path, text, ops, arg);
    return rc;
}

void cli_script_cancel(struct cli_script *s)
{
    cli_exec_cancel(s->exec);
    s->exec = NULL;
    s->canceled = true;
    if (!s->deferred)
        script_free(s);
}

int cli_exec_file(struct cli *cli, const char *path, const struct cli_script_ops *ops, void *arg,
                  struct error *e)
{
    struct cli_script *ignored;
    const struct cli_exec_context context = {.cli = cli};
    return cli_script_start(&context, path, ops, arg, &ignored, e);
}

void cli_exec_lines(struct cli *cli, const char *name, char *text, const struct cli_script_ops *ops,
                    void *arg)
{
    const struct cli_exec_context context = {.cli = cli};
    script_new(&context, name, text, ops, arg);
}
