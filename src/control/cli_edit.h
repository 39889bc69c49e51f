/* The line editor of a character-mode session: keys in, echo out. Knows nothing of sockets; what it
 * asks of its session is in struct cli_edit_ops. */
#pragma once

#include "base/text.h"
#include "base/types.h"
#include "base/vec.h"

enum { CLI_EDIT_LINE_MAX = 16384 };

struct cli_edit_ops {
    void (*write)(void *arg, const char *s, size_t n);
    const char *(*prompt)(void *arg); /* "" when there is none */
    /* Completes line: calls add, returns the offset at which the word to complete begins. */
    size_t (*complete)(void *arg, const char *line, void (*add)(void *add_arg, const char *word),
                       void *add_arg);
    /* A line was entered. It is the editor's until it returns. */
    void (*enter)(void *arg, const char *line);
    void (*quit)(void *arg);     /* ^D on an empty line */
    void (*overflow)(void *arg); /* the line is longer than any command */
};

struct cli_edit {
    const struct cli_edit_ops *ops;
    void *arg;
    u32 width; /* of the terminal, for lists */
    bool ansi;

    struct text line;
    size_t cursor;
    char sequence[8]; /* an escape sequence that is not complete */
    u32 sequence_len;
    bool after_cr; /* LF or NUL now belongs to the CR before */

    /* oldest first; history.n means the line being made */
    VEC(char *) history;
    u32 history_limit;
    u64 history_first; /* number of the oldest, for `history' */
    u32 history_at;
    char *history_saved; /* the line being made, while others are looked at */

    /* incremental search, see cli_search.c */
    bool searching, search_forward;
    struct text pattern;
    u32 search_at;       /* in the history: what is shown; history.n: nothing yet */
    size_t search_width; /* columns in use, to wipe them */
};

void cli_edit_init(struct cli_edit *e, const struct cli_edit_ops *ops, void *arg);
void cli_edit_fini(struct cli_edit *e);
/* One byte of input. */
void cli_edit_key(struct cli_edit *e, u8 byte);
/* Shows prompt and line again, on a new line. */
void cli_edit_redraw(struct cli_edit *e);
/* Stores a line that was run, unless it is blank or repeats the last. */
void cli_edit_remember(struct cli_edit *e, const char *line);
void cli_edit_set_history_limit(struct cli_edit *e, u32 limit);

/* Named keys, shared with the pager. */
enum cli_key {
    CLI_KEY_NONE, /* not complete yet, or unknown */
    CLI_KEY_UP,
    CLI_KEY_DOWN,
    CLI_KEY_LEFT,
    CLI_KEY_RIGHT,
    CLI_KEY_HOME,
    CLI_KEY_END,
    CLI_KEY_DELETE,
    CLI_KEY_PAGE_UP,
    CLI_KEY_PAGE_DOWN,
    CLI_KEY_WORD_LEFT,
    CLI_KEY_WORD_RIGHT,
    CLI_KEY_ESCAPE_TEXT, /* within an escape sequence: nothing to do */
    CLI_KEY_BYTE,        /* no escape sequence: the byte itself */
};

/* Feeds one byte to the sequence in buf[8]. */
enum cli_key cli_key_decode(char *buf, u32 *len, u8 byte);
