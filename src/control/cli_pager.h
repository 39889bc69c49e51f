/* The pager of an interactive session: shows a page of the output at a time. It is given all output
 * of a command; it prints at once what fits on the first page and keeps the rest. */
#pragma once

#include "base/text.h"
#include "base/types.h"
#include "base/vec.h"
#include "control/cli_edit.h"

struct cli_pager_ops {
    void (*write)(void *arg, const char *s, size_t n);
    void (*leave)(void *arg); /* the user is through: the prompt, if nothing runs, is to be shown */
};

struct cli_pager {
    const struct cli_pager_ops *ops;
    void *arg;
    u32 width, height; /* of the terminal */
    u32 limit_lines;
    bool ansi;

    struct text text;  /* all output of the command */
    VEC(size_t) lines; /* where its lines begin; long ones count as several */
    size_t indexed;    /* bytes of text that lines cover: all up to the last line end */
    u32 top;           /* first line on the page */
    u32 bottom;        /* lines [top, bottom) are shown */
    bool active;       /* the prompt is shown, keys are ours */
    bool skipping;     /* the user has left: the rest of the output is thrown away */
    bool overflowed;   /* more than the limit: output goes by unpaged */
    char sequence[8];
    u32 sequence_len;
};

void cli_pager_init(struct cli_pager *p, const struct cli_pager_ops *ops, void *arg);
/* Forgets the output: before each command. */
void cli_pager_reset(struct cli_pager *p);
void cli_pager_fini(struct cli_pager *p);
void cli_pager_add(struct cli_pager *p, const char *s, size_t n);
/* How many lines wait for the user to come to them. */
u32 cli_pager_ahead(const struct cli_pager *p);
void cli_pager_key(struct cli_pager *p, u8 byte);
void cli_pager_leave(struct cli_pager *p);
void cli_pager_resize(struct cli_pager *p, u32 width, u32 height);
