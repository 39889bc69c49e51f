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

/* Under way to another config. */
struct transition {
    struct running_config *r;
    char *target;
    struct cli_call *call; /* who waits for it; NULL: nobody, or has gone */
    u32 n_commands, n_failed;
};

struct lines_between {
    VEC(char *) gone;
    struct text new;
    u32 n_new;
};

static void note_line(void *arg, bool is_new, const char *line)
{
    struct lines_between *b = arg;
    if (!is_new) {
        vec_add(&b->gone, mem_strdup(line));
        return;
    }
    text_add(&b->new, "%s\n", line);
    b->n_new++;
}

/* Commands from now to target: first what undoes lines, the last one first. */
static char *commands_between(const char *now, const char *target, u32 *n)
{
    struct lines_between b = {0};
    struct text t = {0};
    config_diff(now, target, note_line, &b);
    *n = b.n_new;
    while (b.gone.n) {
        char *line = b.gone.v[--b.gone.n];
        struct text undo = {0};
        if (config_undo(line, &undo)) {
            text_add(&t, "%s\n", text_str(&undo));
            ++*n;
        }
        text_free(&undo);
        free(line);
    }
    text_puts(&t, text_str(&b.new));
    vec_free(&b.gone);
    text_free(&b.new);
    return t.s ? t.s : mem_strdup("");
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct sorted {
    VEC(char *) v;
    char *text;
};

static struct sorted sort_lines(const char *text)
{
    struct sorted s = {.text = mem_strdup(text)};
    char *save = NULL;
    for (char *l = strtok_r(s.text, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
        if (*l != '#')
            vec_add(&s.v, l);
    if (s.v.n)
        qsort(s.v.v, s.v.n, sizeof(*s.v.v), compare_lines);
    return s;
}

/* Their order follows from indices of interfaces, which need not come back. */
static bool same_lines(const char *a, const char *b)
{
    struct sorted x = sort_lines(a), y = sort_lines(b);
    bool same = x.v.n == y.v.n;
    for (u32 i = 0; same && i < x.v.n; i++)
        same = !strcmp(x.v.v[i], y.v.v[i]);
    vec_free(&x.v);
    vec_free(&y.v);
    free(x.text);
    free(y.text);
    return same;
}

/* --- arriving --- */

static int restart_with(struct running_config *r, const char *target, struct error *e)
{
    char *path = mem_printf("%s/rollback.conf", startup_runtime_dir(r->piste->startup));
    int rc = file_write_atomic(path, target, strlen(target), e);
    if (!rc && setenv(REPLAY_VARIABLE, path, 1))
        rc = error_errno(e, errno, "cannot go back");
    free(path);
    if (!rc)
        control_restart(r->piste);
    return rc;
}

static void config_rollback_arrive(struct transition *t)
{
    struct running_config *r = t->r;
    struct error e = {0};
    char *now = running_config_text(r->piste);
    int rc = 0;
    bool there = same_lines(now, t->target);
    r->replaying = false;
    r->transition = NULL;
    if (there) {
        log_notice(&running_config_log, "back at an earlier running config by %u commands",
                   t->n_commands);
    } else {
        log_notice(&running_config_log, "back to an earlier running config by a restart");
        rc = restart_with(r, t->target, &e);
    }
    if (rc)
        log_error(&running_config_log, "%s", e.text);
    if (t->call) {
        if (there)
            out_u64(t->call->out, "commands", t->n_commands, "done, by %" PRIu64 " commands\n");
        else if (!rc)
            out_text(t->call->out, "by a restart\n");
        if (rc)
            *t->call->err = e;
        cli_done(t->call, rc);
    }
    free(now);
    free(t->target);
    free(t);
}

static void step_failed(void *arg, u32 line_number, const char *line, const char *why)
{
    struct transition *t = arg;
    t->n_failed++;
    log_info(&running_config_log, "on the way back: %s: %s", line, why);
}

static void steps_done(void *arg, int rc, const char *message)
{
    config_rollback_arrive(arg);
}

/* Takes over target. call: NULL, or one that pends until it is there. */
static void config_rollback_go(struct running_config *r, char *target, struct cli_call *call)
{
    static const struct cli_script_ops ops = {step_failed, steps_done};
    struct transition *t = mem_alloc(sizeof(*t));
    char *now = running_config_text(r->piste);
    *t = (struct transition){.r = r, .target = target, .call = call};
    char *commands = commands_between(now, target, &t->n_commands);
    free(now);
    r->replaying = true; /* a device that has gone is waited for, nobody saves the way */
    r->transition = t;
    cli_exec_lines(r->piste->cli, "configure", commands, &ops, t);
}

static void caller_left(void *arg)
{
    ((struct transition *)arg)->call = NULL;
}

static int go_for(struct cli_call *c, char *target)
{
    struct running_config *r = running_config_of(c->piste);
    config_rollback_go(r, target, c);
    cli_pend(c, caller_left, r->transition);
    return CLI_PENDING;
}

/* --- commands --- */

static void commit_end(struct running_config *r)
{
    loop_timer_del(r->piste->loop, r->confirm_timer);
    r->confirm_timer = NULL;
    free(r->unconfirmed_from);
    r->unconfirmed_from = NULL;
}

static void on_unconfirmed(void *arg)
{
    struct running_config *r = arg;
    if (r->replaying) {
        loop_timer_set(r->piste->loop, r->confirm_timer, clock_ns() + RETRY_NS);
        return;
    }
    char *target = r->unconfirmed_from;
    r->unconfirmed_from = NULL;
    log_warn(&running_config_log, "changes were not confirmed: they are taken back");
    commit_end(r);
    config_rollback_go(r, target, NULL);
}

static int check_idle(struct cli_call *c)
{
    return running_config_is_replaying(c->piste)
               ? error_set(c->err, EBUSY, "another configuration is on its way")
               : 0;
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
    bool again = r->unconfirmed_from != NULL;
    if (!again) {
        r->unconfirmed_from = running_config_text(c->piste);
        r->confirm_timer = loop_timer_add(c->piste->loop, UINT64_MAX, 0, on_unconfirmed, r);
    }
    r->confirm_by_ns = clock_ns() + seconds * NS_PER_SEC;
    loop_timer_set(c->piste->loop, r->confirm_timer, r->confirm_by_ns);
    out_text(c->out, "%s are taken back in %" PRIu64 " seconds, without `configure confirm'\n",
             again ? "changes since the first commit-confirm" : "changes from now on", seconds);
    out_u64(c->out, "seconds", seconds, NULL);
    return 0;
}

static int check_unconfirmed(struct cli_call *c)
{
    return running_config_of(c->piste)->unconfirmed_from
               ? 0
               : error_set(c->err, ENOENT, "nothing waits to be confirmed");
}

int configure_confirm(struct cli_call *c)
{
    int rc = check_unconfirmed(c);
    if (rc)
        return rc;
    commit_end(running_config_of(c->piste));
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
    char *target = r->unconfirmed_from;
    r->unconfirmed_from = NULL;
    commit_end(r);
    return go_for(c, target);
}

int configure_rollback(struct cli_call *c)
{
    char *target;
    int rc = check_idle(c);
    if (!rc)
        rc = saved_read(c->piste, (u32)cli_u64(c, "version", 0), &target, c->err);
    return rc ? rc : go_for(c, target);
}

int show_unconfirmed(struct cli_call *c)
{
    const struct running_config *r = running_config_of(c->piste);
    u64 now = clock_ns(), left = r->confirm_by_ns > now ? r->confirm_by_ns - now : 0;
    if (!r->unconfirmed_from)
        out_text(c->out, "nothing waits to be confirmed\n");
    else
        out_u64(c->out, "seconds", (left + NS_PER_SEC - 1) / NS_PER_SEC,
                "changes are taken back in %" PRIu64 " seconds\n");
    return 0;
}

void rollback_fini(struct running_config *r)
{
    if (r->confirm_timer)
        commit_end(r);
    if (r->transition) {
        if (r->transition->call)
            cli_pend(r->transition->call, NULL, NULL);
        free(r->transition->target);
        free(r->transition);
    }
}
