/* What the files about the running configuration share. */
#pragma once

#include "base/log.h"
#include "base/text.h"
#include "base/vec.h"
#include "control/aside.h"
#include "control/cli.h"
#include "control/module.h"
#include "control/running_config.h"

/* A line of the start script that failed. */
struct replay_failure {
    u32 line;            /* 0: the script as a whole */
    char *command, *why; /* owned */
};

struct running_config {
    struct piste *piste;
    struct aside aside; /* what is being written */
    bool stopping;      /* nobody waits for it any more */
    /* the start script */
    bool replaying;
    char *script;                        /* owned; NULL: there was none */
    VEC(struct replay_failure) failures; /* the first of them */
    u32 n_failed;
    bool copy_due; /* what was not replayed of the saved file is lost when it is written */
    void (*done)(void *arg);
    void *done_arg;
    /* to an earlier one, see config_rollback.c */
    struct transition *transition; /* NULL: none is under way */
    char *unconfirmed_from;        /* where it goes back to without `configure confirm'; NULL */
    struct loop_timer *confirm_timer;
    u64 confirm_by_ns;
};

/* In the environment of a restart: the file that is replayed, once, in place of the saved one. */
#define REPLAY_VARIABLE "PISTE_REPLAY"

extern struct log_class running_config_log;
extern const char running_config_module_name[];

struct running_config *running_config_of(const struct piste *p);
/* What would be saved now; the caller's to free. */
char *running_config_text(const struct piste *p);
/* The same for a command that returns CLI_MORE: what it keeps of it; each call of next appends a
 * piece to `text', until it returns false. */
struct running_config_walk {
    const struct piste *piste;
    struct modules_config at;
    struct text text;
};
bool running_config_walk_next(struct running_config_walk *w);
void running_config_walk_fini(void *walk);

int show_running_config(struct cli_call *c);

/* config_replay.c */
void replay_fini(struct running_config *r);
int show_replay_errors(struct cli_call *c);

/* config_saved.c */
/* The file that `write` without a name writes; NULL: startup.conf names none. */
const char *saved_path(const struct piste *p);
/* One that `write` wrote: 0 is the file itself, 1 the one before, ... Lines; the caller's to free.
 */
int saved_read(const struct piste *p, u32 version, char **text, struct error *e) MUST_CHECK;
int write_running_config(struct cli_call *c);

/* config_diff.c */
/* What changed, without comments and empty lines: add gets each line that is only in one of the
 * two, in order. */
void config_diff(const char *old, const char *new,
                 void (*add)(void *arg, bool is_new, const char *line), void *arg);
int show_running_config_diff(struct cli_call *c);

/* config_rollback.c */
int configure_commit_confirm(struct cli_call *c);
int configure_confirm(struct cli_call *c);
int configure_abort(struct cli_call *c);
int configure_rollback(struct cli_call *c);
int show_unconfirmed(struct cli_call *c);
void rollback_fini(struct running_config *r);
