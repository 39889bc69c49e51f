/* Runs texts of commands: one after the other, stopping at the first that fails, waiting for those
 * that take time. Where output goes is the caller's business (a session, a script, the API). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/cli_internal.h"
#include "control/cli_session.h"
#include "control/loop.h"

enum {
    EXEC_MAX_DEPTH = 16,
    EXEC_PIECE_BYTES = 32 << 10, /* of output that a command makes at a time */
};

#define EXEC_SLICE_NS (3 * NS_PER_MSEC) /* that a command goes on before others have their turn */

/* A command under way. */
struct call {
    struct cli_call pub;
    struct cli_exec *exec;
    struct cli_parsed parsed;
    struct error err;
    void (*cancel)(void *arg);
    void *cancel_arg;
    struct text unfiltered; /* an unfinished line that the filter waits for */
    char last;              /* byte of output; 0: none yet */
    bool in_handler;
    bool done; /* cli_done was called while in the handler */
    int rc;
    bool left_work; /* which it waits for when it has ended, with rc */
    /* of one that returns CLI_MORE */
    bool more;
    char *text; /* where its line begins in the exec's text */
    void *kept;
    void (*kept_fini)(void *kept);
    struct cli_exec *nested; /* what it waits for, if that is commands */
};

struct cli_exec {
    struct cli_exec_context context;
    char *text, *at;
    const struct cli_exec_ops *ops;
    void *arg;
    struct call *call; /* the pending one, or that has more */
    u64 slice_end_ns;
    struct loop_timer *turn; /* NULL: it does not wait for its turn */
};

static struct call *call_of(struct cli_call *c)
{
    return container_of(c, struct call, pub);
}

static void call_free(struct call *call)
{
    out_free(call->pub.out);
    cli_parsed_clear(&call->parsed);
    if (call->kept_fini)
        call->kept_fini(call->kept);
    free(call->kept);
    text_free(&call->unfiltered);
    free(call);
}

/* --- output --- */

static void cli_exec_emit(struct call *call, const char *s, size_t n)
{
    if (n == 0)
        return;
    call->last = s[n - 1];
    call->exec->ops->emit(call->exec->arg, s, n);
}

static bool filter_passes(const struct cli_parsed *p, const char *line)
{
    bool has = strstr(line, p->filter_text) != NULL;
    return has == (p->filter == CLI_FILTER_INCLUDE);
}

/* Emits the lines of s that pass; what is after the last line end waits, unless it is the end. */
static void emit_filtered(struct call *call, const char *s, bool end)
{
    struct text *t = &call->unfiltered;
    text_puts(t, s);
    char *line = t->len ? t->s : NULL;
    char *stop = line ? t->s + t->len : NULL;
    while (line < stop) {
        char *newline = memchr(line, '\n', (size_t)(stop - line));
        if (!newline && !end)
            break;
        size_t n = (size_t)((newline ? newline : stop) - line);
        line[n] = '\0';
        if (filter_passes(&call->parsed, line)) {
            cli_exec_emit(call, line, n);
            cli_exec_emit(call, "\n", 1);
        }
        line += n + (newline != NULL);
    }
    size_t left = line ? (size_t)(stop - line) : 0;
    if (left)
        memmove(t->s, line, left);
    t->len = left;
}

static void call_output(struct call *call, bool end)
{
    bool json = out_format(call->pub.out) == OUT_JSON;
    char *s = end ? out_take(call->pub.out) : out_take_piece(call->pub.out);
    bool nothing = json && end && !call->parsed.json && strcmp(s, "{}\n") == 0;
    if (call->parsed.filter != CLI_FILTER_NONE)
        emit_filtered(call, s, end);
    else if (!nothing)
        cli_exec_emit(call, s, strlen(s));
    free(s);
    if (end && call->last && call->last != '\n')
        cli_exec_emit(call, "\n", 1);
}

/* Tells a sentence. */
static void cli_exec_say(struct cli_exec *x, const char *s)
{
    struct text t = {0};
    text_add(&t, "%s\n", s);
    x->ops->emit(x->arg, t.s, t.len);
    text_free(&t);
}

/* An error with a code but without a text was told to the user already. */
static void call_error(struct call *call, int rc)
{
    struct text t = {0};
    if (call->err.code && !call->err.text[0])
        return;
    const struct cli_word *w = call->parsed.word;
    text_add(&t, "%.*s: %s\n", cli_tree_error_len(w), w->path,
             call->err.code ? call->err.text : strerror(-rc));
    call->exec->ops->emit(call->exec->arg, t.s, t.len);
    text_free(&t);
}

/* --- running --- */

static void cli_exec_turn_del(struct cli_exec *x)
{
    if (x->turn)
        loop_timer_del(x->context.cli->piste->loop, x->turn);
    x->turn = NULL;
}

static void exec_end(struct cli_exec *x, int rc)
{
    const struct cli_exec_ops *ops = x->ops;
    void *arg = x->arg;
    char *text = x->text;
    cli_exec_turn_del(x);
    free(x);
    ops->done(arg, rc);
    free(text);
}

static int call_run(struct call *call)
{
    struct cli_parsed *p = &call->parsed;
    struct text t = {0};
    if (p->kind == CLI_RUN) {
        if ((p->word->command->flags & CLI_INTERACTIVE) &&
            !cli_session_is_interactive(call->pub.session))
            return error_set(&call->err, EINVAL, "invalid for non-interactive sessions");
        const struct control_watch *watch = call->pub.piste->watch;
        const struct cli_command *command = p->word->command;
        if (watch && !call->pub.again)
            watch->before(watch->arg, command->grammar);
        int rc = command->run(&call->pub);
        if (watch)
            watch->after(watch->arg, command->grammar);
        return rc;
    }
    if (p->kind == CLI_CHOICES || p->word->kids.n == 0)
        cli_tree_choices(p->word, &t);
    if (p->kind == CLI_HELP && p->word->command)
        text_add(&t, "%s\n", p->word->command->help);
    if (p->kind == CLI_HELP)
        cli_tree_help(p->word, &t);
    out_text(call->pub.out, "%s", text_str(&t));
    text_free(&t);
    return 0;
}

/* The command has ended: tells its output and error. */
static void call_end(struct call *call, int rc)
{
    call_output(call, true);
    if (rc < 0)
        call_error(call, rc);
    call_free(call);
}

static struct call *call_new(struct cli_exec *x, char *text)
{
    struct call *call = mem_alloc(sizeof(*call));
    call->exec = x;
    call->text = text;
    return call;
}

static void call_put_args(struct call *call)
{
    call->pub.args = call->parsed.match.args.v;
    call->pub.n_args = call->parsed.match.args.n;
}

static void call_prepare(struct call *call)
{
    const struct cli_exec_context *context = &call->exec->context;
    const struct cli_parsed *p = &call->parsed;
    /* hidden commands are for programs: what a session wants for its user is not for them */
    bool for_user = p->kind == CLI_RUN && !(p->word->command->flags & CLI_HIDDEN);
    bool json = p->json || (for_user && context->format == OUT_JSON);
    call->pub = (struct cli_call){
        .piste = context->cli->piste,
        .session = context->session,
        .out = out_new(json ? OUT_JSON : OUT_TEXT),
        .err = &call->err,
        .command = p->word->command,
    };
    call_put_args(call);
}

/* Arguments that name things are looked up anew: those may be gone, which ends it. */
static int call_parse_again(struct call *call)
{
    struct cli_parsed anew = {0};
    int rc = cli_parse(call->exec->context.cli, call->text, &anew, &call->err);
    if (rc == 0) {
        cli_parsed_clear(&call->parsed);
        call->parsed = anew;
        call->pub.again = true;
        call_put_args(call);
        return 0;
    }
    call_output(call, true);
    cli_exec_say(call->exec, call->err.text);
    call->err.text[0] = '\0';
    cli_parsed_clear(&anew);
    out_free(call->pub.out);
    call->pub.out = out_new(OUT_TEXT);
    return rc;
}

static bool cli_exec_congested(const struct cli_exec *x)
{
    return x->ops->congested && x->ops->congested(x->arg);
}

static bool exec_go(struct cli_exec *x);

static void cli_exec_on_turn(void *arg)
{
    struct cli_exec *x = arg;
    cli_exec_turn_del(x);
    exec_go(x);
}

static void cli_exec_turn_add(struct cli_exec *x)
{
    x->turn = loop_timer_add(x->context.cli->piste->loop, clock_ns(), 0, cli_exec_on_turn, x);
}

/* Whether the rest waits for the reader, or for its turn. */
static bool cli_exec_waits(struct cli_exec *x)
{
    if (cli_exec_congested(x))
        return true;
    if (!x->context.cli->piste->loop || clock_ns() < x->slice_end_ns)
        return false;
    cli_exec_turn_add(x);
    return true;
}

static void call_on_idle(void *arg)
{
    struct call *call = arg;
    call->left_work = false;
    call->cancel = NULL;
    cli_done(&call->pub, call->rc);
}

static void call_idle_del(void *arg)
{
    struct call *call = arg;
    loop_on_idle_del(call->exec->context.cli->piste->loop, call_on_idle, call);
}

/* Whether a call that has ended with rc waits for the work that it left. */
static bool call_waits(struct call *call, int rc)
{
    struct loop *loop = call->exec->context.cli->piste->loop;
    if (!call->left_work || !loop_has_work(loop))
        return false;
    call->rc = rc;
    cli_pend(&call->pub, call_idle_del, call);
    loop_on_idle(loop, call_on_idle, call);
    return true;
}

static int call_run_once(struct call *call)
{
    const struct loop *loop = call->exec->context.cli->piste->loop;
    u64 work = loop ? loop_work_count(loop) : 0;
    call->in_handler = true;
    int rc = call_run(call);
    call->in_handler = false;
    call->left_work |= loop && loop_work_count(loop) != work;
    return rc;
}

/* Runs a command as far as it goes now: true when it has ended, with its result. */
static bool call_go(struct call *call, int *rc)
{
    struct cli_exec *x = call->exec;
    do {
        if (call->more && (*rc = call_parse_again(call)) != 0)
            return true;
        *rc = call_run_once(call);
        call->more = *rc == CLI_MORE;
        if (call->more)
            call_output(call, false);
    } while (call->more && !cli_exec_waits(x));
    if (*rc == CLI_PENDING && call->done)
        *rc = call->rc;
    if (*rc <= 0 && call_waits(call, *rc))
        *rc = CLI_PENDING;
    x->call = *rc > 0 ? call : NULL;
    return *rc <= 0;
}

/* Runs the command under way, or the next: 0, -errno, or above 0 while it has not ended. */
static int exec_one(struct cli_exec *x)
{
    struct call *call = x->call;
    int rc;
    if (!call) {
        call = call_new(x, x->at);
        rc = cli_parse(x->context.cli, x->at, &call->parsed, &call->err);
        x->at += call->parsed.taken;
        if (rc < 0) {
            cli_exec_say(x, call->err.text);
            call_free(call);
            return rc;
        }
        call_prepare(call);
    }
    if (!call_go(call, &rc))
        return rc;
    call_end(call, rc);
    return rc;
}

/* Runs commands until the end or one that takes time: false when it has ended. */
static bool exec_go(struct cli_exec *x)
{
    x->slice_end_ns = clock_ns() + EXEC_SLICE_NS;
    for (;;) {
        if (!x->call) {
            x->at = (char *)cli_skip_blanks(x->at);
            if (!*x->at) {
                exec_end(x, 0);
                return false;
            }
            if (cli_exec_waits(x))
                return true;
        }
        int rc = exec_one(x);
        if (rc > 0)
            return true;
        if (rc < 0) {
            exec_end(x, rc);
            return false;
        }
    }
}

struct cli_exec *cli_exec_start(const struct cli_exec_context *context, const char *text,
                                bool expand, const struct cli_exec_ops *ops, void *arg)
{
    struct cli_exec *x = mem_alloc(sizeof(*x));
    x->context = *context;
    x->ops = ops;
    x->arg = arg;
    struct text t = {0};
    const char *problem = NULL;
    if (context->depth > EXEC_MAX_DEPTH)
        problem = "commands are nested too deeply\n";
    else if (!expand)
        text_puts(&t, text);
    else if (!cli_macro_expand(context->macros, text, &t))
        problem = "macro expansion is too long\n";
    x->text = x->at = t.s ? t.s : mem_strdup("");
    if (problem) {
        ops->emit(arg, problem, strlen(problem));
        exec_end(x, -E2BIG);
        return NULL;
    }
    return exec_go(x) ? x : NULL;
}

void cli_exec_resume(struct cli_exec *x)
{
    while (x->call && x->call->nested)
        x = x->call->nested;
    if (!x->turn && (!x->call || x->call->more))
        cli_exec_turn_add(x);
}

void cli_exec_cancel(struct cli_exec *x)
{
    if (!x)
        return;
    if (x->call) {
        if (x->call->cancel)
            x->call->cancel(x->call->cancel_arg);
        call_free(x->call);
    }
    cli_exec_turn_del(x);
    free(x->text);
    free(x);
}

/* --- what handlers use --- */

bool cli_full(const struct cli_call *c)
{
    const struct call *call = container_of(c, struct call, pub);
    return out_bytes(c->out) >= EXEC_PIECE_BYTES || clock_ns() >= call->exec->slice_end_ns;
}

void *cli_kept(struct cli_call *c, size_t bytes, void (*fini)(void *kept))
{
    struct call *call = call_of(c);
    if (!call->kept) {
        call->kept = mem_alloc(bytes);
        call->kept_fini = fini;
    }
    return call->kept;
}

void cli_pend(struct cli_call *c, void (*cancel)(void *arg), void *arg)
{
    call_of(c)->cancel = cancel;
    call_of(c)->cancel_arg = arg;
}

void cli_flush(struct cli_call *c)
{
    call_output(call_of(c), false);
}

void cli_done(struct cli_call *c, int rc)
{
    struct call *call = call_of(c);
    struct cli_exec *x = call->exec;
    if (call->in_handler) {
        call->done = true;
        call->rc = rc;
        return;
    }
    if (rc == CLI_MORE) { /* it goes on as one that returned that */
        call->cancel = NULL;
        call->more = true;
        exec_go(x);
        return;
    }
    if (call_waits(call, rc))
        return;
    x->call = NULL;
    call_end(call, rc);
    if (rc < 0)
        exec_end(x, rc);
    else
        exec_go(x);
}

struct cli_exec_context cli_call_context(struct cli_call *c)
{
    struct cli_exec_context context = call_of(c)->exec->context;
    context.depth++;
    return context;
}

static void nested_emit(void *arg, const char *s, size_t n)
{
    struct call *call = arg;
    if (out_format(call->pub.out) == OUT_JSON)
        cli_exec_emit(call, s, n);
    else
        out_text(call->pub.out, "%.*s", (int)n, s);
    if (!call->in_handler)
        cli_flush(&call->pub);
}

static void nested_done(void *arg, int rc)
{
    struct call *call = arg;
    call->cancel = NULL;
    call->nested = NULL;
    if (rc < 0)
        call->err = (struct error){.code = -rc};
    cli_done(&call->pub, rc);
}

static void nested_cancel(void *arg)
{
    cli_exec_cancel(arg);
}

static bool nested_congested(void *arg)
{
    const struct call *call = arg;
    return cli_exec_congested(call->exec);
}

int cli_call_nested(struct cli_call *c, const char *text)
{
    static const struct cli_exec_ops ops = {nested_emit, nested_done, nested_congested};
    const struct cli_exec_context context = cli_call_context(c);
    struct cli_exec *x = cli_exec_start(&context, text, false, &ops, c);
    if (x) {
        call_of(c)->nested = x;
        cli_pend(c, nested_cancel, x);
    }
    return CLI_PENDING;
}
