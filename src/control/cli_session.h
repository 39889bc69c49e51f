/* Sessions of the command line: what the files about sockets, the console, terminal settings share.
 * A session lives on the control thread. It is freed only at the end of session_work, which the
 * loop runs, and never within a call into it. */
#pragma once

#include "base/text.h"
#include "base/types.h"
#include "base/vec.h"
#include "control/cli_edit.h"
#include "control/cli_internal.h"
#include "control/cli_pager.h"

struct cli_listener;
struct loop_timer;

struct cli_session {
    struct cli *cli;
    u32 id; /* of `unix-cli-process-<id>' */
    char *name;
    int fd, out_fd;                        /* the same for sockets */
    void (*on_end)(struct cli_session *s); /* console: restores the terminal; or NULL */
    void *on_end_arg;
    bool console;

    bool interactive; /* banner, prompt, pager, history */
    bool char_mode;   /* keys are edited and echoed here; else whole texts arrive */
    bool crlf;        /* line ends as CR LF */
    bool ansi;
    bool greeted;
    bool pager_on, history_on;
    u32 width, height;

    /* our own client asks for these, see cli_telnet.h */
    bool marks_failures, json;

    struct text in; /* read and not dealt with, from in_at on */
    size_t in_at;
    size_t in_scanned; /* looked at for ^C while a command runs */
    bool in_complete;  /* line mode: in holds whole commands */
    struct text out;
    size_t out_sent;

    bool eof;     /* the peer sends no more */
    bool closing; /* to be closed once out is sent */
    bool broken;  /* to be closed at once */
    bool in_work; /* session_work is on the stack */

    struct cli_edit edit;
    struct cli_pager pager;
    struct cli_macros macros;
    struct cli_exec *exec; /* a text under way */
    bool running;          /* from the start of a text to its end */
    struct loop_timer *greet_timer;
    struct loop_timer *turn; /* input is left; NULL: it does not wait for its turn */
};

struct cli_sessions {
    struct cli *cli;
    VEC(struct cli_session *) v;
    VEC(struct cli_listener *) listeners;
    u32 names; /* for "unix-cli-local:N" */
};

/* --- cli_session.c --- */

struct cli_sessions *cli_sessions_get(struct cli *cli);
void cli_sessions_free(struct cli_sessions *ss);
/* Takes over descriptors and name. A socket is made non-blocking. NULL with e filled: then they are
 * still the caller's. */
struct cli_session *cli_session_new(struct cli *cli, int fd, int out_fd, char *name,
                                    struct error *e);
/* Sends the telnet greeting, or banner and prompt: once the session is set up. */
void cli_session_begin(struct cli_session *s);
void cli_session_set_size(struct cli_session *s, u32 width, u32 height);
bool cli_session_is_interactive(const struct cli_session *s); /* NULL: no */
/* Ends the session after what is to be sent; the console's ends the program. */
void cli_session_quit(struct cli_session *s);

/* --- cli_log.c --- */

/* A line in the file of `unix { log }'; without session: the start line. */
void cli_log_line(struct cli *cli, const struct cli_session *s, const char *line);

/* --- cli_listen.c --- */

void cli_listener_free(struct cli_listener *l);
