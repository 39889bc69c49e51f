/* The command language. A command is one row: a grammar line, a help line, a handler.
 *
 * Grammar line: words that start it are the command's path; each may be abbreviated by the user to
 * a prefix that is unique among its siblings (an exact match always wins). What follows the path:
 *
 *     word            a keyword, typed in full
 *     <label>         a value whose type is called like its label: <interface>, <mac> ...
 *     <label:type>    a value of another type: <size:u32>, <name:string>
 *     [ ... ]         optional
 *     ( a | b | c )   one of; inside [ ] the parentheses may be left out: [ up | down ]
 *     ( ... ):flags   a label: when nothing in the group fits, the error says `unknown flags'
 *     x ...           the element before may come several times
 *
 * Neighbouring groups, [ ] or ( ), that each start with a keyword are accepted in any order, as VPP
 * does; bare words and values keep theirs. A required keyword right after the path goes in
 * parentheses, or it would be a word of the path:
 *
 *     create host-interface (name <ifname:string>) [hw-addr <mac>]
 *
 * A path may have an action of its own and sub-commands: sub-commands are tried first.
 *
 * A command takes one line (a {group} may span several). One that has no values, only keywords,
 * leaves what it does not know to be run as the next command, as VPP does; others fail before they
 * run.
 *
 * Built-in types: u8 u16 u32 u64 i32 (decimal, or hex with 0x), float, size (4k 2M 1G), page-size,
 * string (a word, "quoted", or {balanced}), rest (all that is left of the line, may be empty),
 * block ({...} raw text within), on-off (also enable|disable, yes|no), mac, ip4-address,
 * ip6-address, ip-address, ip4-prefix, ip6-prefix, ip-prefix, file. Modules bring others:
 * interface, node ...
 *
 * Errors are VPP's: `unknown input `REST'', with the full path before it; a type has its own words
 * (`unknown interface `REST''). */
#pragma once

#include "base/error.h"
#include "base/out.h"
#include "base/types.h"
#include "control/piste.h"

struct cli_call;
struct cli_session;

struct cli_command {
    const char *grammar; /* NULL ends a table */
    const char *help;    /* one line, no final period */
    /* Context: control thread. Returns 0, -errno with the error filled, CLI_MORE (see cli_full), or
     * CLI_PENDING after cli_pend. */
    int (*run)(struct cli_call *c);
    u32 flags; /* CLI_* */
};

enum {
    CLI_HIDDEN = 1 << 0, /* works, but is not listed */
    /* only in an interactive session, else `invalid for non-interactive sessions' */
    CLI_INTERACTIVE = 1 << 1,
    /* what its grammar does not take of the line is the next command, as for those without values
     */
    CLI_LEFTOVER = 1 << 2,
    /* its last word is typed in full: nobody shall meet it by a slip of one key */
    CLI_WHOLE_WORD = 1 << 3,
    /* its last word is to VPP an argument of the command before: errors do not name it */
    CLI_ARGUMENT_WORD = 1 << 4,
    /* not VPP's: its words take no abbreviation away that VPP's users have in their fingers */
    CLI_OWN = 1 << 5,
};

#define CLI_PENDING 1
#define CLI_MORE 2

/* A parsed value. */
struct cli_value {
    const char *text; /* as typed, NUL-terminated, unquoted; borrowed until the call ends */
    union {
        u64 u;
        i64 i;
        double f;
        u8 mac[6];
        struct {
            u8 addr[16];   /* network order; IPv4 in the first 4 bytes */
            u8 is_ip6;     /* for ip-address and ip-prefix too */
            u8 prefix_len; /* for prefixes; the address keeps its host bits */
        } ip;
        void *ptr;
        u8 raw[24]; /* for types of modules */
    };
};

/* An element that was given, in the order given: keywords have name = the word and an empty value.
 */
struct cli_arg {
    const char *name;
    struct cli_value value;
};

struct cli_call {
    struct piste *piste;
    struct cli_session *session; /* NULL: start-up script, API */
    struct out *out;
    struct error *err;
    const struct cli_arg *args;
    u32 n_args;
    const struct cli_command *command;
    bool again; /* it has returned CLI_MORE before */
};

/* A value type that a module brings. */
struct cli_type {
    const char *name;    /* NULL ends a table */
    const char *unknown; /* "unknown interface": error words before `REST' */
    /* Parses one token, or more: *p is advanced behind what was taken. 0; -ENOENT when it is not
     * one. */
    int (*parse)(struct piste *p, const char **text, struct cli_value *v, struct error *e);
    /* Calls add for every live value that starts with prefix; NULL: no completion. */
    void (*complete)(struct piste *p, const char *prefix, void (*add)(void *arg, const char *word),
                     void *arg);
};

/* Whether keyword or value `name` was given. */
bool cli_has(const struct cli_call *c, const char *name);
/* Whether s can be written in a command line as one word, as running configurations do with names.
 */
bool cli_is_plain_word(const char *s);
/* 0 if s is such a word, or empty or NULL; -EINVAL with e in words: that `what` is not. */
int cli_check_word(const char *s, const char *what, struct error *e);
/* Whether s at the end of a line asks for help, so that it is no value. */
bool cli_asks_for_help(const char *s);
/* Whether s can be written in a command line in braces and comes back: one line, no blanks
 * around it, braces in pairs, nothing that filters output. */
bool cli_is_braceable(const char *s);
/* Writes such an s in its braces; what would be a macro is escaped. */
void cli_add_braced(struct text *t, const char *s);
/* First value of that label, which may also be a keyword: "[size <size:u32>]". NULL when it
 * was not given. */
const struct cli_value *cli_get(const struct cli_call *c, const char *label);
u64 cli_u64(const struct cli_call *c, const char *label, u64 otherwise);
const char *cli_str(const struct cli_call *c, const char *label, const char *otherwise);

/* For commands whose output or work has no bound: where cli_full says so the handler returns
 * CLI_MORE, and is called again when its output has been taken and others had their turn. All may
 * have changed meanwhile: its arguments are parsed anew (an interface that is gone ends it, with
 * the words for an unknown one), and where it was it keeps as an index or a key, never as a
 * pointer.
 *
 *     struct place *at = cli_kept(c, sizeof(*at), NULL);
 *     if (!c->again)
 *         out_array(c->out, "things");
 *     for (; (i = pool_next(&things, at->next)) != POOL_NONE; at->next = i + 1) {
 *         if (cli_full(c))
 *             return CLI_MORE;
 *         show_thing(c->out, i);
 *     }
 *     out_end(c->out);
 *     return 0; */
bool cli_full(const struct cli_call *c);
/* Memory that the command keeps from call to call, zeros at first. At its end, also when its
 * session is gone, fini (or NULL) is called for what it owns, and it is freed. */
void *cli_kept(struct cli_call *c, size_t bytes, void (*fini)(void *kept));

/* For commands that take time (ping): the handler calls cli_pend and returns CLI_PENDING; the call
 * stays valid (args, out, err) until cli_done. cancel is called when the session goes away first or
 * the user presses ^C; after it the call must not be touched. */
void cli_pend(struct cli_call *c, void (*cancel)(void *arg), void *arg);
/* Sends what out holds to the session now. */
void cli_flush(struct cli_call *c);
/* Ends a pending call with the handler's result; c is gone afterwards. With CLI_MORE, which a
 * handler may not do itself, the handler is called again. */
void cli_done(struct cli_call *c, int rc);

struct cli *cli_new(struct piste *p);
void cli_free(struct cli *cli);
/* Adds a table. A grammar line that does not parse, or collides with another, is our own bug:
 * panic. */
void cli_add_commands(struct cli *cli, const struct cli_command *table);
void cli_add_types(struct cli *cli, const struct cli_type *table);
/* Once all modules are there: a command with a value of an unknown type is our own bug, too: panic.
 */
void cli_check(const struct cli *cli);

/* Runs text (one or several newline-separated commands, macros expanded) to its end, without a
 * session: for the API's cli_inband and tests. A pending command is waited for by running the loop.
 * Output is a malloc'ed string, errors included as VPP prints them; returns 0 or the first -errno.
 */
int cli_run(struct cli *cli, const char *text, enum out_format format, char **output);
/* What becomes of a file of commands. Texts are borrowed during the call. */
struct cli_script_ops {
    /* A line that failed, where it begins in the file, and what it said. NULL: the first that fails
     * ends the script. */
    void (*failed)(void *arg, u32 line_number, const char *line, const char *why);
    /* The end, once. message: where it went wrong, or NULL. */
    void (*done)(void *arg, int rc, const char *message);
};

/* Runs a file of commands as `exec` does. Output goes to stdout. ops is borrowed for ever. -errno,
 * and nothing is called, when it cannot be read. */
int cli_exec_file(struct cli *cli, const char *path, const struct cli_script_ops *ops, void *arg,
                  struct error *e);
/* The same for a text, which it takes over; name: for messages. */
void cli_exec_lines(struct cli *cli, const char *name, char *text, const struct cli_script_ops *ops,
                    void *arg);

/* What `unix { }` says; to be called before cli_listen and cli_console. */
/* prompt: one blank is added when there is none */
void cli_set_prompt(struct cli *cli, const char *prompt);
void cli_set_history_limit(struct cli *cli, u32 lines);
void cli_set_pager_limit(struct cli *cli, u32 lines);
void cli_set_pager(struct cli *cli, bool on);
void cli_set_banner(struct cli *cli, bool on);
void cli_set_color(struct cli *cli, bool on);
void cli_set_line_mode(struct cli *cli, bool on);
/* Every line that a session runs is appended to the file: time, session, text. */
int cli_set_log(struct cli *cli, const char *path, struct error *e) MUST_CHECK;

/* The socket of `unix { cli-listen }`, the console of `unix { interactive }`. */
int cli_listen(struct cli *cli, const char *address, struct error *e) MUST_CHECK;
int cli_console(struct cli *cli, struct error *e) MUST_CHECK;
/* Whether who connects is served, or waits. */
void cli_serve(struct cli *cli, bool on);
