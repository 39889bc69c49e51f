/* What the files of the command line share: the instance, the command tree, how texts are run.
 * Sessions have their own header, cli_session.h. */
#pragma once

#include "base/log.h"
#include "base/text.h"
#include "control/cli.h"
#include "control/cli_grammar.h"
#include "control/cli_macro.h"

struct cli_exec;
struct cli_script;
struct cli_sessions;

/* One word of the command tree. */
struct cli_word {
    char *name;                        /* "" at the root */
    char *path;                        /* "show interface"; "" at the root */
    VEC(struct cli_word *) kids;       /* sorted by name */
    const struct cli_command *command; /* NULL: only a prefix of others */
    struct grammar *grammar;           /* of the command, behind its path */
    bool own;                          /* all commands here and below are CLI_OWN */
};

struct cli_settings {
    char *prompt;
    u32 history_limit, pager_limit_lines;
    bool banner, pager, color, line_mode;
    int log_fd; /* -1: none */
};

struct cli {
    struct piste *piste;
    struct cli_types types;
    struct cli_word root;
    struct cli_settings settings;
    struct cli_sessions *sessions; /* owned; NULL before the first listener or console */
};

extern struct log_class cli_log;

/* --- cli_tree.c --- */

void cli_tree_fini(struct cli_word *root);
void cli_tree_add(struct cli_word *root, const struct cli_command *command);
/* The kid that the word at s names: exactly, or as the prefix of one only. *end is behind it. */
struct cli_word *cli_tree_kid(const struct cli_word *w, const char *s, const char **end);
bool cli_tree_hidden(const struct cli_word *w);
/* The command and what follows it, for people: "create host-interface name <ifname> [hw-addr
 * <mac>]" */
void cli_usage(const struct cli_word *w, struct text *t);
/* `?': every command at and below w with its usage; `help': the words directly below. */
void cli_tree_choices(const struct cli_word *w, struct text *t);
void cli_tree_help(const struct cli_word *w, struct text *t);
/* How much of w's path errors begin with. */
int cli_tree_error_len(const struct cli_word *w);
void cli_tree_each(const struct cli_word *w, void (*fn)(const struct cli_word *w, void *arg),
                   void *arg);
/* Completes the last word of line: calls add for each candidate (maybe twice for one), returns
 * where that word begins. */
const char *cli_complete(struct cli *cli, const char *line,
                         void (*add)(void *arg, const char *word), void *arg);

/* --- cli_parse.c --- */

enum cli_filter_kind { CLI_FILTER_NONE, CLI_FILTER_INCLUDE, CLI_FILTER_EXCLUDE };

enum cli_parsed_kind { CLI_RUN, CLI_HELP, CLI_CHOICES };

/* One command of a text. Zero to start with; owns line, filter_text and match. */
struct cli_parsed {
    enum cli_parsed_kind kind;
    const struct cli_word *word;
    char *line; /* the match points into it */
    struct grammar_match match;
    bool json;
    enum cli_filter_kind filter;
    char *filter_text;
    size_t taken; /* bytes of the text up to the next command; on error up to what was not
                     understood */
};

/* Parses the command that text (not blank) starts with. On error e holds all that is to be printed,
 * path included. */
int cli_parse(struct cli *cli, const char *text, struct cli_parsed *out,
              struct error *e) MUST_CHECK;
void cli_parsed_clear(struct cli_parsed *p);

/* --- cli_exec.c: runs texts --- */

struct cli_exec_ops {
    void (*emit)(void *arg, const char *s, size_t n); /* output, as it comes */
    /* The end, once, maybe before cli_exec_start returns; the exec is gone. */
    void (*done)(void *arg, int rc);
    /* Whether the next command should wait for cli_exec_resume, since output is not taken as fast
     * as it is made. NULL: never. */
    bool (*congested)(void *arg);
};

struct cli_exec_context {
    struct cli *cli;
    struct cli_session *session; /* or NULL */
    struct cli_macros *macros;   /* borrowed until the end */
    enum out_format format;
    unsigned depth; /* of texts that run texts */
};

/* Runs text: one or several commands. expand: its macros are replaced first. Returns NULL when it
 * has ended (done was called), else what to cancel. ops is borrowed for ever. */
struct cli_exec *cli_exec_start(const struct cli_exec_context *context, const char *text,
                                bool expand, const struct cli_exec_ops *ops, void *arg);
/* It was congested, and is not any more: it goes on in its turn, as a reader that takes all at once
 * would have it go on for ever. */
void cli_exec_resume(struct cli_exec *x);
/* Ends it without done; a pending command gets its cancel. NULL is fine. */
void cli_exec_cancel(struct cli_exec *x);

/* The surroundings of a call, for commands that run other commands: depth is one more. */
struct cli_exec_context cli_call_context(struct cli_call *c);
/* Runs text as part of the call, which ends with its result. Returns what the handler returns. */
int cli_call_nested(struct cli_call *c, const char *text);

/* --- cli_script.c: runs files --- */

/* As cli_exec_file, in a context (its macros may be NULL: then there are own ones). */
int cli_script_start(const struct cli_exec_context *context, const char *path,
                     const struct cli_script_ops *ops, void *arg, struct cli_script **script,
                     struct error *e) MUST_CHECK;
void cli_script_cancel(struct cli_script *s);

/* --- cli_builtin.c, cli_terminal.c --- */

extern const struct cli_command cli_builtin_commands[];
extern const struct cli_command cli_terminal_commands[];
