/* The saved running config, and those saved before: FILE, FILE.1, FILE.2 ... */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "control/running_config_internal.h"
#include "control/startup.h"

/* The file that `write` without a name writes; NULL: startup.conf names none. */
static const char *saved_path(const struct piste *p)
{
    const struct startup *s = p->startup;
    if (!s)
        return NULL;
    return s->unix_.running_config ? s->unix_.running_config : s->unix_.startup_config;
}

static char *version_path(const char *file, u32 version)
{
    return version ? mem_printf("%s.%u", file, version) : mem_strdup(file);
}

char *saved_version_path(const struct piste *p, u32 version, struct error *e)
{
    const char *file = saved_path(p);
    if (file)
        return version_path(file, version);
    error_set(e, ENOENT, "startup.conf names no file of a running config");
    return NULL;
}

int saved_read(const char *path, bool may_be_new, struct scratch *to, struct error *e)
{
    struct stat st;
    char *text;
    if (stat(path, &st) ? may_be_new && errno == ENOENT : S_ISREG(st.st_mode) && !st.st_size)
        return 0;
    int rc = file_read_text(path, &text, e);
    if (rc)
        return rc;
    rc = scratch_put(to, text, strlen(text), e);
    free(text);
    return rc ? rc : scratch_map(to, e);
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    if (!strcmp(a, b))
        return true;
    return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* --- aside, while the loop goes on --- */

/* A running config that goes to disk. */
struct config_save {
    struct running_config *r;
    char *file;               /* owned, as the rest */
    struct config_take *take; /* its lines are being made; NULL: it is complete */
    struct file_writer *writer;
    struct cli_call *call; /* who waits for it; NULL: nobody, or has gone */
    bool is_saved;         /* it is the file that is replayed */
    bool copy_due;         /* of which not all was */
    bool unsteady;         /* see config_take.c */
    u32 versions;
    char *kept;            /* where what was not replayed is kept; NULL */
    struct error not_kept; /* why the version before is not */
    struct error e;
    int rc;
};

static void config_save_free(struct config_save *s)
{
    file_writer_free(s->writer);
    free(s->file);
    free(s->kept);
    free(s);
}

/* Keeps the old content as FILE.1, and what was that as FILE.2 ... */
static void keep_version(const char *file, u32 versions, struct error *e)
{
    for (u32 i = versions; i > 1; i--) {
        char *from = version_path(file, i - 1), *to = version_path(file, i);
        int rc = rename(from, to) && errno != ENOENT
                     ? error_errno(e, errno, "failed to rename `%s'", from)
                     : 0;
        free(from);
        free(to);
        if (rc)
            return;
    }
    char *first = version_path(file, 1);
    if (file_copy_text(file, first, e))
        log_info(&running_config_log, "%s", e->text);
    free(first);
}

/* Not all of the file was replayed: it is kept under a name that nothing else takes, beside it or,
 * where nothing can be written, in the runtime folder. */
static int keep_unreplayed(struct config_save *s)
{
    const char *name = strrchr(s->file, '/') ? strrchr(s->file, '/') + 1 : s->file;
    char when[32];
    time_t now = time(NULL);
    struct tm tm;
    strftime(when, sizeof(when), "%Y%m%d-%H%M%S", gmtime_r(&now, &tm));
    s->kept = mem_printf("%s.unreplayed-%s", s->file, when);
    int rc = file_copy_text(s->file, s->kept, &s->e);
    if (rc) {
        free(s->kept);
        s->kept = mem_printf("%s/%s.unreplayed-%s", startup_runtime_dir(s->r->piste->startup), name,
                             when);
        rc = file_copy_text(s->file, s->kept, &s->e);
    }
    if (rc) {
        free(s->kept);
        s->kept = NULL;
        error_prefix(&s->e, "not all of %s was replayed, and no copy of it can be kept", s->file);
    }
    return rc;
}

/* Before the file is overwritten. */
static int keep_old(struct config_save *s)
{
    struct stat st;
    int rc = 0;
    if (!s->is_saved || stat(s->file, &st) || st.st_size == 0)
        return 0;
    if (s->copy_due)
        rc = keep_unreplayed(s);
    if (!rc && s->versions && !file_writer_is_same(s->writer, s->file))
        keep_version(s->file, s->versions, &s->not_kept);
    return rc;
}

static void config_save_work(void *arg)
{
    struct config_save *s = arg;
    s->rc = keep_old(s);
    if (!s->rc) {
        s->rc = file_writer_end(s->writer, &s->e);
        s->writer = NULL;
    }
}

static void config_save_answer(struct config_save *s)
{
    struct cli_call *c = s->call;
    if (s->kept) {
        out_text(c->out, "not all of %s was replayed (show running-config errors): ", s->file);
        out_str(c->out, "kept", s->kept, "it is kept as %s\n");
    }
    if (s->not_kept.code)
        out_str(c->out, "not-kept", s->not_kept.text, "the version before is not kept: %s\n");
    if (s->unsteady)
        out_text(c->out, "the configuration changed all the while: lines are of different moments, "
                         "write it again\n");
    if (s->rc)
        *c->err = s->e;
    else
        out_str(c->out, "file", s->file, "running config written to %s\n");
    cli_done(c, s->rc);
}

static void config_save_done(void *arg)
{
    struct config_save *s = arg;
    if (s->kept)
        log_warn(&running_config_log, "%s, of which not all was replayed, is kept as %s", s->file,
                 s->kept);
    if (s->rc && !s->call)
        log_error(&running_config_log, "%s", s->e.text);
    if (!s->rc)
        log_notice(&running_config_log, "running config written to %s", s->file);
    if (s->is_saved && !s->rc)
        s->r->copy_due = false;
    if (s->call && s->r->stopping)
        cli_pend(s->call, NULL, NULL);
    else if (s->call)
        config_save_answer(s);
    config_save_free(s);
}

/* --- write --- */

static int config_save_put(void *arg, const char *lines, size_t bytes, struct error *e)
{
    return file_writer_put(((struct config_save *)arg)->writer, lines, bytes, e);
}

static int config_save_restart(void *arg, struct error *e)
{
    return file_writer_restart(((struct config_save *)arg)->writer, e);
}

static void config_save_taken(void *arg, int rc, bool steady, const struct error *e)
{
    struct config_save *s = arg;
    s->take = NULL;
    s->unsteady = !steady;
    if (!rc) {
        aside_run(&s->r->aside, config_save_work, config_save_done, s);
        return;
    }
    s->rc = rc;
    s->e = *e;
    config_save_answer(s);
    config_save_free(s);
}

/* Nobody waits for it any more: what goes to disk already goes on. */
static void config_save_left(void *arg)
{
    struct config_save *s = arg;
    s->call = NULL;
    if (!s->take)
        return;
    config_take_cancel(s->take);
    config_save_free(s);
}

int write_running_config(struct cli_call *c)
{
    static const struct config_sink sink = {config_save_put, config_save_restart,
                                            config_save_taken};
    struct running_config *r = running_config_of(c->piste);
    const char *saved = saved_path(c->piste), *file = cli_str(c, "file", saved);
    struct file_writer *writer;
    if (running_config_is_replaying(c->piste))
        return error_set(c->err, EBUSY, "the start script, or a rollback, has not ended yet");
    if (r->unconfirmed_from.fd >= 0)
        return error_set(c->err, EBUSY,
                         "changes wait to be confirmed: `configure confirm' or `configure abort'");
    if (!file)
        return error_set(c->err, EINVAL,
                         "expecting file name: startup.conf has neither unix { running-config } "
                         "nor unix { startup-config }");
    int rc = file_writer_open(&writer, file, c->err);
    if (rc)
        return rc;
    struct config_save *s = mem_alloc(sizeof(*s));
    *s = (struct config_save){
        .r = r,
        .file = mem_strdup(file),
        .writer = writer,
        .call = c,
        .is_saved = saved && same_file(file, saved),
        .versions = c->piste->startup ? c->piste->startup->unix_.running_config_versions : 0,
    };
    s->copy_due = s->is_saved && r->copy_due && r->script && same_file(file, r->script);
    s->take = config_take_start(c->piste, &sink, s);
    cli_pend(c, config_save_left, s);
    return CLI_PENDING;
}
