/* Going back to an earlier running config. What changed is undone line by line, as far as it is
 * known how, and all else goes on; if that does not lead there, the switch starts anew with it: the
 * state that is wanted is reached in any case.
 *
 * With `configure commit-confirm' that happens by itself, unless somebody confirms: whoever cuts
 * himself off, or a controller that does, is back after some seconds. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "control/config_undo.h"
#include "control/control_module.h"
#include "control/loop.h"
#include "control/running_config_internal.h"
#include "control/startup.h"

#define CONFIRM_MOST_SEC 86400u
#define RETRY_NS (100 * NS_PER_MSEC)

/* --- the way --- */

/* Under way to another config: what is now is taken, aside it is found what leads from it to the
 * target, that is run, and what is then is taken again, to see whether it is the target. */
struct transition {
    struct running_config *r;
    struct cli_call *call; /* who waits for it; NULL: nobody, or has gone */
    struct config_take *take;
    char *path; /* of the target, which is read aside; NULL: it was taken before */
    struct scratch target, now;
    struct config_sum wanted, got; /* of the target's lines, and of those that are there */
    char *commands;
    u32 n_commands, n_failed;
    int rc;
    struct error e;
};

static void transition_free(struct transition *t)
{
    config_take_cancel(t->take);
    scratch_close(&t->target);
    scratch_close(&t->now);
    free(t->path);
    free(t->commands);
    free(t);
}

struct lines_between {
    VEC(struct config_lines) gone;
    struct text new;
    u32 n_new;
};

static void note_line(void *arg, bool is_new, struct config_lines line)
{
    struct lines_between *b = arg;
    if (!is_new) {
        vec_add(&b->gone, line);
        return;
    }
    text_putn(&b->new, line.s, line.n);
    text_putc(&b->new, '\n');
    b->n_new++;
}

/* Commands from now to target: first what undoes lines, the last one first. */
static char *commands_between(struct config_lines now, struct config_lines target, u32 *n)
{
    struct lines_between b = {0};
    struct text t = {0};
    config_diff(now, target, note_line, &b);
    *n = b.n_new;
    while (b.gone.n) {
        struct config_lines line = b.gone.v[--b.gone.n];
        char *s = mem_printf("%.*s", (int)line.n, line.s);
        struct text undo = {0};
        if (config_undo(s, &undo)) {
            text_add(&t, "%s\n", text_str(&undo));
            ++*n;
        }
        text_free(&undo);
        free(s);
    }
    text_puts(&t, text_str(&b.new));
    vec_free(&b.gone);
    text_free(&b.new);
    return t.s ? t.s : mem_strdup("");
}

static void find_way(void *arg)
{
    struct transition *t = arg;
    t->rc =
        t->path ? saved_read(t->path, false, &t->target, &t->e) : scratch_map(&t->target, &t->e);
    if (!t->rc)
        t->rc = scratch_map(&t->now, &t->e);
    if (t->rc)
        return;
    struct config_lines target = {t->target.map, t->target.bytes};
    struct config_lines now = {t->now.map, t->now.bytes};
    config_sum_add(&t->wanted, target);
    t->commands = commands_between(now, target, &t->n_commands);
    scratch_close(&t->now);
}

/* --- arriving --- */

static int restart_with(struct running_config *r, const struct scratch *target, struct error *e)
{
    char *path = mem_printf("%s/rollback.conf", startup_runtime_dir(r->piste->startup));
    int rc = file_write_atomic(path, target->map ? target->map : "", target->bytes, e);
    if (!rc && setenv(REPLAY_VARIABLE, path, 1))
        rc = error_errno(e, errno, "cannot go back");
    free(path);
    if (!rc)
        control_restart(r->piste);
    return rc;
}

/* The end, as t->rc says. restarts: the target is reached by a start with it. */
static void transition_end(struct transition *t, bool restarts)
{
    struct running_config *r = t->r;
    r->replaying = false;
    r->transition = NULL;
    if (t->rc)
        log_error(&running_config_log, "%s", t->e.text);
    if (t->call) {
        if (!t->rc && restarts)
            out_text(t->call->out, "by a restart\n");
        else if (!t->rc)
            out_u64(t->call->out, "commands", t->n_commands, "done, by %" PRIu64 " commands\n");
        else
            *t->call->err = t->e;
        cli_done(t->call, t->rc);
    }
    transition_free(t);
}

static void config_rollback_arrived(void *arg, int rc, bool steady, const struct error *e)
{
    struct transition *t = arg;
    t->take = NULL;
    bool there = !rc && config_sum_equal(&t->wanted, &t->got);
    if (there) {
        log_notice(&running_config_log, "back at an earlier running config by %u commands",
                   t->n_commands);
    } else {
        log_notice(&running_config_log, "back to an earlier running config by a restart");
        t->rc = restart_with(t->r, &t->target, &t->e);
    }
    transition_end(t, !there);
}

static int arrived_put(void *arg, const char *lines, size_t bytes, struct error *e)
{
    config_sum_add(&((struct transition *)arg)->got, (struct config_lines){lines, bytes});
    return 0;
}

static int arrived_restart(void *arg, struct error *e)
{
    ((struct transition *)arg)->got = (struct config_sum){0};
    return 0;
}

static void step_failed(void *arg, u32 line_number, const char *line, const char *why)
{
    struct transition *t = arg;
    t->n_failed++;
    log_info(&running_config_log, "on the way back: %s: %s", line, why);
}

static void steps_done(void *arg, int rc, const char *message)
{
    static const struct config_sink sink = {arrived_put, arrived_restart, config_rollback_arrived};
    struct transition *t = arg;
    t->take = config_take_start(t->r->piste, &sink, t);
}

/* --- going --- */

static void config_rollback_go(void *arg)
{
    static const struct cli_script_ops ops = {step_failed, steps_done};
    struct transition *t = arg;
    char *commands = t->commands;
    if (t->r->stopping)
        return; /* rollback_fini ends it */
    if (t->rc) {
        transition_end(t, false);
        return;
    }
    t->commands = NULL;
    cli_exec_lines(t->r->piste->cli, "configure", commands, &ops, t);
}

static int transition_put(void *arg, const char *lines, size_t bytes, struct error *e)
{
    return scratch_put(&((struct transition *)arg)->now, lines, bytes, e);
}

static int transition_restart(void *arg, struct error *e)
{
    return scratch_restart(&((struct transition *)arg)->now, e);
}

static void transition_taken(void *arg, int rc, bool steady, const struct error *e)
{
    struct transition *t = arg;
    t->take = NULL;
    if (!rc) {
        aside_run(&t->r->aside, find_way, config_rollback_go, t);
        return;
    }
    t->rc = rc;
    t->e = *e;
    transition_end(t, false);
}

/* Takes over target, or path, of which one is open, or not NULL. call: NULL, or one that pends
 * until it is there. */
static int transition_start(struct running_config *r, struct scratch target, char *path,
                            struct cli_call *call, struct error *e)
{
    static const struct config_sink sink = {transition_put, transition_restart, transition_taken};
    const char *folder = startup_runtime_dir(r->piste->startup);
    struct transition *t = mem_alloc(sizeof(*t));
    *t = (struct transition){
        .r = r, .call = call, .path = path, .target = target, .now = SCRATCH_CLOSED};
    int rc = path ? scratch_open(&t->target, folder, e) : 0;
    if (!rc)
        rc = scratch_open(&t->now, folder, e);
    if (rc) {
        transition_free(t);
        return rc;
    }
    r->replaying = true; /* a device that has gone is waited for, nobody saves the way */
    r->transition = t;
    t->take = config_take_start(r->piste, &sink, t);
    return 0;
}

static void caller_left(void *arg)
{
    ((struct transition *)arg)->call = NULL;
}

static int go_for(struct cli_call *c, struct scratch target, char *path)
{
    struct running_config *r = running_config_of(c->piste);
    int rc = transition_start(r, target, path, c, c->err);
    if (rc)
        return rc;
    cli_pend(c, caller_left, r->transition);
    return CLI_PENDING;
}

/* --- commands --- */

static bool is_unconfirmed(const struct running_config *r)
{
    return r->unconfirmed_from.fd >= 0;
}

/* Nothing waits to be confirmed any more: returns what it would have gone back to. */
static struct scratch commit_end(struct running_config *r)
{
    struct scratch from = r->unconfirmed_from;
    r->unconfirmed_from = SCRATCH_CLOSED;
    loop_timer_del(r->piste->loop, r->confirm_timer);
    r->confirm_timer = NULL;
    return from;
}

static void on_unconfirmed(void *arg)
{
    struct running_config *r = arg;
    struct error e;
    if (r->replaying) {
        loop_timer_set(r->piste->loop, r->confirm_timer, clock_ns() + RETRY_NS);
        return;
    }
    log_warn(&running_config_log, "changes were not confirmed: they are taken back");
    if (transition_start(r, commit_end(r), NULL, NULL, &e))
        log_error(&running_config_log, "%s", e.text);
}

static int check_idle(struct cli_call *c)
{
    return running_config_is_replaying(c->piste) || running_config_of(c->piste)->commit
               ? error_set(c->err, EBUSY, "another configuration is on its way")
               : 0;
}

/* `configure commit-confirm', while the config is taken that it may go back to. */
struct commit {
    struct running_config *r;
    struct cli_call *call;
    struct config_take *take;
    struct scratch from;
    u64 seconds;
};

static void commit_free(struct commit *x)
{
    x->r->commit = NULL;
    config_take_cancel(x->take);
    scratch_close(&x->from);
    free(x);
}

static int commit_put(void *arg, const char *lines, size_t bytes, struct error *e)
{
    return scratch_put(&((struct commit *)arg)->from, lines, bytes, e);
}

static int commit_restart(void *arg, struct error *e)
{
    return scratch_restart(&((struct commit *)arg)->from, e);
}

static void confirm_within(struct cli_call *c, u64 seconds, bool again)
{
    struct running_config *r = running_config_of(c->piste);
    r->confirm_by_ns = clock_ns() + seconds * NS_PER_SEC;
    loop_timer_set(c->piste->loop, r->confirm_timer, r->confirm_by_ns);
    out_text(c->out, "%s are taken back in %" PRIu64 " seconds, without `configure confirm'\n",
             again ? "changes since the first commit-confirm" : "changes from now on", seconds);
    out_u64(c->out, "seconds", seconds, NULL);
}

static void commit_taken(void *arg, int rc, bool steady, const struct error *e)
{
    struct commit *x = arg;
    struct running_config *r = x->r;
    struct cli_call *c = x->call;
    x->take = NULL;
    if (!rc) {
        r->unconfirmed_from = x->from;
        x->from = SCRATCH_CLOSED;
        r->confirm_timer = loop_timer_add(r->piste->loop, UINT64_MAX, 0, on_unconfirmed, r);
        confirm_within(c, x->seconds, false);
    } else {
        *c->err = *e;
    }
    commit_free(x);
    cli_done(c, rc);
}

static void commit_left(void *arg)
{
    commit_free(arg);
}

static int commit_start(struct cli_call *c, u64 seconds)
{
    static const struct config_sink sink = {commit_put, commit_restart, commit_taken};
    struct running_config *r = running_config_of(c->piste);
    struct scratch from;
    int rc = scratch_open(&from, startup_runtime_dir(c->piste->startup), c->err);
    if (rc)
        return rc;
    struct commit *x = r->commit = mem_alloc(sizeof(*x));
    *x = (struct commit){.r = r, .call = c, .from = from, .seconds = seconds};
    x->take = config_take_start(c->piste, &sink, x);
    cli_pend(c, commit_left, x);
    return CLI_PENDING;
}

int configure_commit_confirm(struct cli_call *c)
{
    struct running_config *r = running_config_of(c->piste);
    u64 seconds = cli_u64(c, "seconds", 0);
    int rc = check_idle(c);
    if (rc)
        return rc;
    if (seconds < 1 || seconds > CONFIRM_MOST_SEC)
        return error_set(c->err, EINVAL, "1 to %u seconds are possible", CONFIRM_MOST_SEC);
    if (!is_unconfirmed(r))
        return commit_start(c, seconds);
    confirm_within(c, seconds, true);
    return 0;
}

static int check_unconfirmed(struct cli_call *c)
{
    return is_unconfirmed(running_config_of(c->piste))
               ? 0
               : error_set(c->err, ENOENT, "nothing waits to be confirmed");
}

int configure_confirm(struct cli_call *c)
{
    int rc = check_unconfirmed(c);
    if (rc)
        return rc;
    struct scratch from = commit_end(running_config_of(c->piste));
    scratch_close(&from);
    log_notice(&running_config_log, "changes are confirmed");
    out_text(c->out, "changes stay; `write' saves them\n");
    return 0;
}

int configure_abort(struct cli_call *c)
{
    struct running_config *r = running_config_of(c->piste);
    int rc = check_unconfirmed(c);
    if (!rc)
        rc = check_idle(c);
    if (rc)
        return rc;
    return go_for(c, commit_end(r), NULL);
}

int configure_rollback(struct cli_call *c)
{
    int rc = check_idle(c);
    if (rc)
        return rc;
    char *path = saved_version_path(c->piste, (u32)cli_u64(c, "version", 0), c->err);
    return path ? go_for(c, SCRATCH_CLOSED, path) : -ENOENT;
}

int show_unconfirmed(struct cli_call *c)
{
    const struct running_config *r = running_config_of(c->piste);
    u64 now = clock_ns(), left = r->confirm_by_ns > now ? r->confirm_by_ns - now : 0;
    if (!is_unconfirmed(r))
        out_text(c->out, "nothing waits to be confirmed\n");
    else
        out_u64(c->out, "seconds", (left + NS_PER_SEC - 1) / NS_PER_SEC,
                "changes are taken back in %" PRIu64 " seconds\n");
    return 0;
}

void rollback_fini(struct running_config *r)
{
    struct scratch from = commit_end(r);
    scratch_close(&from);
    if (r->commit) {
        cli_pend(r->commit->call, NULL, NULL);
        commit_free(r->commit);
    }
    if (r->transition) {
        if (r->transition->call)
            cli_pend(r->transition->call, NULL, NULL);
        transition_free(r->transition);
    }
}
