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

const char *saved_path(const struct piste *p)
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

int saved_read(const struct piste *p, u32 version, char **text, struct error *e)
{
    const char *file = saved_path(p);
    if (!file)
        return error_set(e, ENOENT, "startup.conf names no file of a running config");
    char *path = version_path(file, version);
    struct stat st;
    int rc = 0;
    if (!stat(path, &st) && S_ISREG(st.st_mode) && !st.st_size)
        *text = mem_strdup("");
    else
        rc = file_read_text(path, text, e);
    free(path);
    return rc;
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    if (!strcmp(a, b))
        return true;
    return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* --- what is kept of the old file --- */

/* Keeps the old content as FILE.1, and what was that as FILE.2 ... */
static int keep_version(const char *file, u32 versions, const char *old, struct error *e)
{
    for (u32 i = versions; i > 1; i--) {
        char *from = version_path(file, i - 1), *to = version_path(file, i);
        int rc = rename(from, to) && errno != ENOENT
                     ? error_errno(e, errno, "failed to rename `%s'", from)
                     : 0;
        free(from);
        free(to);
        if (rc)
            return rc;
    }
    char *first = version_path(file, 1);
    int rc = file_write_atomic(first, old, strlen(old), e);
    free(first);
    return rc;
}

/* Not all of the file was replayed: it is kept under a name that nothing else takes, beside it or,
 * where nothing can be written, in the runtime folder. */
static int keep_unreplayed(struct cli_call *c, const char *file, const char *old)
{
    const char *name = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
    char when[32];
    time_t now = time(NULL);
    struct tm tm;
    strftime(when, sizeof(when), "%Y%m%d-%H%M%S", gmtime_r(&now, &tm));
    char *beside = mem_printf("%s.unreplayed-%s", file, when);
    char *aside =
        mem_printf("%s/%s.unreplayed-%s", startup_runtime_dir(c->piste->startup), name, when);
    const char *kept = beside;
    int rc = file_write_atomic(beside, old, strlen(old), c->err);
    if (rc) {
        kept = aside;
        rc = file_write_atomic(aside, old, strlen(old), c->err);
    }
    if (rc) {
        error_prefix(c->err, "not all of %s was replayed, and no copy of it can be kept", file);
    } else {
        log_warn(&running_config_log, "%s, of which not all was replayed, is kept as %s", file,
                 kept);
        out_text(c->out, "not all of %s was replayed (show running-config errors): ", file);
        out_str(c->out, "kept", kept, "it is kept as %s\n");
    }
    free(beside);
    free(aside);
    return rc;
}

/* Before file is overwritten by text. */
static int keep_old(struct cli_call *c, const char *file, const char *text)
{
    struct running_config *r = running_config_of(c->piste);
    u32 versions = c->piste->startup->unix_.running_config_versions;
    struct error e = {0};
    struct stat st;
    char *old;
    if (stat(file, &st) || st.st_size == 0)
        return 0;
    bool due = r->copy_due && r->script && same_file(file, r->script);
    int rc = file_read_text(file, &old, &e);
    if (rc && due)
        return error_set(c->err, -rc,
                         "not all of %s was replayed, and no copy of it can be kept: %s", file,
                         e.text);
    if (rc)
        return 0;
    if (due)
        rc = keep_unreplayed(c, file, old);
    if (!rc && versions && strcmp(old, text) && keep_version(file, versions, old, &e))
        out_str(c->out, "not-kept", e.text, "the version before is not kept: %s\n");
    free(old);
    return rc;
}

/* --- write --- */

static int config_saved_save(struct cli_call *c, const char *file, const char *text)
{
    const char *saved = saved_path(c->piste);
    bool is_saved = saved && same_file(file, saved);
    int rc = is_saved ? keep_old(c, file, text) : 0;
    if (!rc)
        rc = file_write_atomic(file, text, strlen(text), c->err);
    if (rc)
        return rc;
    if (is_saved)
        running_config_of(c->piste)->copy_due = false;
    log_notice(&running_config_log, "running config written to %s", file);
    out_str(c->out, "file", file, "running config written to %s\n");
    return 0;
}

int write_running_config(struct cli_call *c)
{
    const char *file = cli_str(c, "file", saved_path(c->piste));
    if (running_config_is_replaying(c->piste))
        return error_set(c->err, EBUSY, "the start script, or a rollback, has not ended yet");
    if (running_config_of(c->piste)->unconfirmed_from)
        return error_set(c->err, EBUSY,
                         "changes wait to be confirmed: `configure confirm' or `configure abort'");
    if (!file)
        return error_set(c->err, EINVAL,
                         "expecting file name: startup.conf has neither unix { running-config } "
                         "nor unix { startup-config }");
    struct running_config_walk *w = running_config_walk(c);
    while (running_config_walk_next(w))
        if (cli_full(c))
            return CLI_MORE;
    return config_saved_save(c, file, text_str(&w->text));
}
