/* What the files about the running configuration share. */
#pragma once

#include "base/log.h"
#include "base/scratch.h"
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
    struct transition *transition;   /* NULL: none is under way */
    struct commit *commit;           /* that waits for its text to be taken; NULL */
    struct scratch unconfirmed_from; /* where it goes back to without `configure confirm'; closed */
    struct loop_timer *confirm_timer;
    u64 confirm_by_ns;
};

/* In the environment of a restart: the file that is replayed, once, in place of the saved one. */
#define REPLAY_VARIABLE "PISTE_REPLAY"

extern struct log_class running_config_log;
extern const char running_config_module_name[];

struct running_config *running_config_of(const struct piste *p);
/* config_take.c */
/* Where a running config goes that is taken. */
struct config_sink {
    int (*put)(void *arg, const char *lines, size_t bytes, struct error *e);
    /* Nothing was put. */
    int (*restart)(void *arg, struct error *e);
    /* The end; steady: all lines are of one moment. */
    void (*done)(void *arg, int rc, bool steady, const struct error *e);
};
/* What would be saved now. sink and arg are borrowed until done, which is called in the loop, or
 * config_take_cancel. */
struct config_take *config_take_start(const struct piste *p, const struct config_sink *sink,
                                      void *arg);
/* NULL is fine. */
void config_take_cancel(struct config_take *t);

int show_running_config(struct cli_call *c);

/* config_replay.c */
void replay_fini(struct running_config *r);
int show_replay_errors(struct cli_call *c);

/* config_saved.c */
/* The file that `write` wrote: 0 is the file itself, 1 the one before, ... NULL: startup.conf names
 * none. The caller's to free. */
char *saved_version_path(const struct piste *p, u32 version, struct error *e);
/* Its lines; 0 is as good as empty where nothing was saved yet, or may_be_new. Any thread. */
int saved_read(const char *path, bool may_be_new, struct scratch *to, struct error *e) MUST_CHECK;
int write_running_config(struct cli_call *c);

/* config_diff.c */
/* What changed, without comments and empty lines: add gets each line that is only in one of the
 * two, in order. Memory is that of the lines between the first and the last that changed, and not
 * their text. Any thread. */
struct config_lines {
    const char *s;
    size_t n;
};
typedef void config_diff_fn(void *arg, bool is_new, struct config_lines line);
void config_diff(struct config_lines old, struct config_lines new, config_diff_fn *add, void *arg);
/* Lines without their order, which follows from indices of interfaces: those need not come back. */
struct config_sum {
    u64 n, a, b;
};
void config_sum_add(struct config_sum *sum, struct config_lines lines);
bool config_sum_equal(const struct config_sum *x, const struct config_sum *y);
int show_running_config_diff(struct cli_call *c);

/* config_rollback.c */
int configure_commit_confirm(struct cli_call *c);
int configure_confirm(struct cli_call *c);
int configure_abort(struct cli_call *c);
int configure_rollback(struct cli_call *c);
int show_unconfirmed(struct cli_call *c);
void rollback_fini(struct running_config *r);
