/* The start script: the saved running config, or the commands that startup.conf names. Every line
 * is tried: what one line cannot have again is no reason to lose the others. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "control/loop.h"
#include "control/running_config_internal.h"
#include "control/startup.h"

/* So many lines are kept for `show running-config errors`; the log has all. */
enum { FAILURES_MAX = 10000 };

bool running_config_is_replaying(const struct piste *p)
{
    const struct running_config *r = running_config_of(p);
    return r && r->replaying;
}

/* The saved running config, once there is one: it holds all that the startup script would do. */
static const char *start_script(const struct startup *s)
{
    struct stat st;
    const char *saved = s->unix_.running_config, *instead = getenv(REPLAY_VARIABLE);
    if (instead)
        return instead;
    return saved && !stat(saved, &st) && st.st_size > 0 ? saved : s->unix_.startup_config;
}

/* line 0: the script as a whole */
static void line_failed(void *arg, u32 line, const char *command, const char *why)
{
    struct running_config *r = arg;
    struct replay_failure f = {line, mem_strdup(command), mem_strdup(why)};
    if (line)
        log_error(&running_config_log, "%s:%u: %s", r->script, line, why);
    else
        log_error(&running_config_log, "%s: %s", r->script, why);
    r->n_failed++;
    r->copy_due = true;
    if (r->failures.n < FAILURES_MAX) {
        vec_add(&r->failures, f);
        return;
    }
    free(f.command);
    free(f.why);
}

static void config_replay_ended(void *arg)
{
    struct running_config *r = arg;
    r->replaying = false;
    r->done(r->done_arg);
}

static void script_done(void *arg, int rc, const char *message)
{
    struct running_config *r = arg;
    if (r->n_failed)
        log_error(&running_config_log,
                  "%s: %u lines could not be replayed: `show running-config errors' lists them",
                  r->script, r->n_failed);
    config_replay_ended(r);
}

void running_config_start(struct piste *p, void (*done)(void *arg), void *arg)
{
    static const struct cli_script_ops ops = {line_failed, script_done};
    struct running_config *r = running_config_of(p);
    const char *script = start_script(p->startup);
    struct error e = {0};
    r->replaying = true;
    r->done = done;
    r->done_arg = arg;
    if (p->startup->unix_.running_config)
        file_remove_left_over(p->startup->unix_.running_config);
    if (script) {
        r->script = mem_strdup(script);
        int rc = cli_exec_file(p->cli, script, &ops, r, &e); /* which has read it then */
        if (getenv(REPLAY_VARIABLE)) {
            unlink(r->script);
            unsetenv(REPLAY_VARIABLE);
        }
        if (!rc)
            return;
        line_failed(r, 0, "", e.text);
    }
    loop_defer(p->loop, config_replay_ended, r);
}

void replay_fini(struct running_config *r)
{
    for (u32 i = 0; i < r->failures.n; i++) {
        free(r->failures.v[i].command);
        free(r->failures.v[i].why);
    }
    vec_free(&r->failures);
    free(r->script);
}

int show_replay_errors(struct cli_call *c)
{
    const struct running_config *r = running_config_of(c->piste);
    struct out *o = c->out;
    if (!r->script)
        out_text(o, "no script was run at the start\n");
    else if (!r->n_failed)
        out_text(o, "%s: all lines were replayed\n", r->script);
    else
        out_text(o, "%s: %u lines could not be replayed\n", r->script, r->n_failed);
    out_str(o, "script", r->script ? r->script : "", NULL);
    out_u64(o, "failed", r->n_failed, NULL);
    out_array(o, "errors");
    for (u32 i = 0; i < r->failures.n; i++) {
        const struct replay_failure *f = &r->failures.v[i];
        out_object(o, NULL);
        out_u64(o, "line", f->line, "%6" PRIu64 ": ");
        out_str(o, "command", f->command, "%s\n");
        out_str(o, "error", f->why, "        %s\n");
        out_end(o);
    }
    out_end(o);
    if (r->n_failed > r->failures.n)
        out_text(o, "... and %u more, which are in the log\n", r->n_failed - r->failures.n);
    return 0;
}
