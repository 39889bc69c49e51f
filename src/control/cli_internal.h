/* What the files of the command line share: the instance, command tree, execution of texts.
 * Sessions have their own header, cli_session.h. */
#pragma once

#include "base/text.h"
#include "control/cli.h"
#include "control/cli_grammar.h"
#include "control/cli_macro.h"

struct loop_timer;
struct cli_exec;

/* One word of the command tree. */
struct cli_word {
    char *name;                        /* NULL at the root */
    char *path;                        /* "show interface"; "" at the root */
    VEC(struct cli_word *) kids;       /* sorted by name */
    const struct cli_command *command; /* NULL: only a prefix of others */
    struct grammar *grammar;           /* of the command */
    const char *usage;                 /* the command's grammar behind its path, borrowed from it */
};

struct cli_settings {
    char *prompt;
    u32 history_limit;
    u32 pager_limit_lines;
    bool banner, pager, color, line_mode;
};

struct cli {
    struct piste *piste;
    struct cli_types types;
    struct cli_word root;
    struct cli_settings settings;
    VEC(struct cli_exec *) execs;  /* all that are under way */
    struct cli_sessions *sessions; /* listeners and sessions; NULL when there is none */
};

/* --- cli_tree.c --- */

void cli_tree_init(struct cli_word *root);
void cli_tree_fini(struct cli_word *root);
void cli_tree_add(struct cli_word *root, const struct cli_command *command);
/* The kid that the word [s, s+n) names: exactly, or as the prefix of one only. */
struct cli_word *cli_tree_kid(const struct cli_word *w, const char *s, size_t n);
/* Completion of the last word of line: add is called for each candidate; returns where that word
 * begins. */
const char *cli_tree_complete(struct cli *cli, const char *line,
                              void (*add)(void *arg, const char *word), void *arg);
/* "?": every command below w with its help; "help": the words directly below. */
void cli_tree_choices(const struct cli_word *w, struct text *t);
void cli_tree_help(const struct cli_word *w, struct text *t);
