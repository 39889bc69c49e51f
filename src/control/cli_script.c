/* Files of commands: `exec FILE' and start-up scripts. As with VPP, what the commands print goes to
 * the daemon's standard output; who called gets only how it ended. Long files are run in slices, so
 * that the loop goes on meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
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
    struct text output; /* of the line under way, for the log when it fails */
    struct cli_exec *exec;
    bool deferred, canceled, in_line;
    int rc;
    char *rest;
    void (*done)(void *arg, int rc, const char *message);
    void *arg;
};

static void script_go(struct cli_script *s);

static void script_free(struct cli_script *s)
{
    cli_macros_free(&s->own_macros);
    text_free(&s->output);
    free(s->path);
    free(s->text);
    free(s->rest);
    free(s);
}

/* The whole of a regular file that is not empty, NUL-terminated. */
static int read_file(const char *path, char **text, struct error *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_errno(e, errno, "failed to open `%s'", path);
    int rc = 0;
    if (fstat(fd, &st) < 0)
        rc = error_errno(e, errno, "failed to stat `%s'", path);
    else if (!S_ISREG(st.st_mode))
        rc = error_set(e, EINVAL, "not a regular file `%s'", path);
    else if (st.st_size == 0)
        rc = error_set(e, EINVAL, "empty file `%s'", path);
    if (rc) {
        close(fd);
        return rc;
    }
    struct text t = {0};
    char piece[65536];
    ssize_t n;
    while ((n = read(fd, piece, sizeof(piece))) > 0)
        text_putn(&t, piece, (size_t)n);
    if (n < 0)
        rc = error_errno(e, errno, "failed to read `%s'", path);
    else if (t.len && memchr(t.s, 0, t.len))
        rc = error_set(e, EINVAL, "not text `%s'", path);
    close(fd);
    if (rc) {
        text_free(&t);
        return rc;
    }
    *text = t.s ? t.s : mem_strdup("");
    return 0;
}

/* The next line with its continuations, without comments (a # in braces begins none); false at the
 * end. */
static bool next_line(struct cli_script *s, struct text *line)
{
    if (!*s->at)
        return false;
    bool comment = false;
    int depth = 0;
    for (; *s->at; s->at++) {
        if (*s->at == '\n') {
            s->at++;
            break;
        }
        if (s->at[0] == '\\' && s->at[1] == '\n') {
            s->at++;
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

static void script_line_done(void *arg, int rc, const char *rest)
{
    struct cli_script *s = arg;
    s->exec = NULL;
    s->rc = rc;
    if (rc < 0) {
        struct text t = {0};
        cli_rest(&t, rest);
        s->rest = t.s ? t.s : mem_strdup("");
    }
    if (!s->in_line)
        script_go(s);
}

static void script_end(struct cli_script *s)
{
    fflush(stdout);
    char *message = NULL;
    if (s->rc < 0) {
        size_t n = s->output.len;
        if (n && s->output.s[n - 1] == '\n')
            s->output.s[n - 1] = '\0';
        log_error(&cli_log, "%s: %s", s->path, text_str(&s->output));
        message = mem_printf("CLI line error: %s", s->rest);
    }
    s->done(s->arg, s->rc, message);
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
    struct text line = {0};
    while (s->rc == 0 && next_line(s, &line)) {
        s->in_line = true;
        s->exec = cli_exec_start(&s->context, text_str(&line), true, &ops, s);
        s->in_line = false;
        text_clear(&line);
        if (s->exec)
            break;
        struct loop *loop = s->context.cli->piste->loop;
        if (s->rc == 0 && loop && clock_ns() > end_ns) {
            s->deferred = true;
            loop_defer(loop, script_deferred, s);
            break;
        }
    }
    text_free(&line);
    if (!s->exec && !s->deferred)
        script_end(s);
}

/* Begins in the loop, so that done is never called before the caller knows the script. */
int cli_script_start(const struct cli_exec_context *context, const char *path,
                     void (*done)(void *arg, int rc, const char *message), void *arg,
                     struct cli_script **script, struct error *e)
{
    char *text;
    int rc = read_file(path, &text, e);
    if (rc)
        return rc;
    struct cli_script *s = mem_alloc(sizeof(*s));
    s->context = *context;
    if (!s->context.macros)
        s->context.macros = &s->own_macros;
    s->path = mem_strdup(path);
    s->text = s->at = text;
    s->done = done;
    s->arg = arg;
    s->deferred = true;
    loop_defer(context->cli->piste->loop, script_deferred, s);
    *script = s;
    return 0;
}

void cli_script_cancel(struct cli_script *s)
{
    cli_exec_cancel(s->exec);
    s->exec = NULL;
    s->canceled = true;
    if (!s->deferred)
        script_free(s);
}

int cli_exec_file(struct cli *cli, const char *path,
                  void (*done)(void *arg, int rc, const char *message), void *arg, struct error *e)
{
    struct cli_script *ignored;
    const struct cli_exec_context context = {.cli = cli};
    return cli_script_start(&context, path, done, arg, &ignored, e);
}
