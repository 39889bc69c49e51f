/* A connection to the daemon's CLI socket, in line mode: a text goes, its output comes back. Works
 * with our daemon and with FD.io VPP's; ours also tells whether a text failed. */
#pragma once

#include "base/text.h"
#include "base/types.h"

struct client {
    const char *where; /* as client_dial has it; borrowed */
    bool json;         /* ask the daemon for JSON */
    int fd;            /* -1: not connected */
    bool is_piste;     /* the daemon knows our telnet options */

    /* where the reader is in the stream */
    enum { STREAM_TEXT, STREAM_IAC, STREAM_OPTION, STREAM_SUBOPTION, STREAM_SUBOPTION_IAC } state;
    u8 verb;             /* WILL, WONT, DO, DONT */
    bool wants_terminal; /* IAC SB TTYPE was seen */
    bool cr;             /* a CR that may belong to a line end */
    bool failed;         /* the mark of a failure was seen */
    u8 buf[16384];
    size_t n, at;
};

enum client_event { CLIENT_MORE, CLIENT_ANSWERED, CLIENT_LOST };

/* A connected socket; -1 with a message on stderr. where: a path, abstract:NAME, or HOST:PORT with
 * or without tcp: before it; NULL: the usual places. */
int client_dial(const char *where);
/* Connects and says hello. 0; -1 with a message on stderr. */
int client_connect(struct client *c);
void client_close(struct client *c);
/* Sends text and its end as one input. -1 when the connection is lost. */
int client_send(struct client *c, const char *text);
/* Makes a command that takes time end. */
int client_interrupt(struct client *c);
/* Takes what has come, waiting for it at most timeout_ms (-1: for ever): appends text to out until
 * the answer ends. EINTR is CLIENT_MORE. */
enum client_event client_read(struct client *c, struct text *out, int timeout_ms);

/* Whether the line asks for the end of the session. */
bool client_is_quit(const char *line);

/* The window size of our terminal as telnet text; 0: not known. */
size_t client_window_size(u8 out[9]);
