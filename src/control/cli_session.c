/* A session: bytes from a socket or the console become keys or texts, texts are run, output goes
 * back.
 *
 * Threat: any process that may open the socket. Nothing it sends or leaves unread may hold up or
 * bloat the daemon: input is taken only while output flows, lines have a limit, a command that goes
 * on talking to a peer that does not listen ends with its session. */
#include "control/cli_session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/cli_telnet.h"
#include "control/loop.h"

enum {
    READ_BYTES = 4096,
    LINE_MAX_BYTES = 1 << 20,   /* one text in line mode */
    AHEAD_MAX_BYTES = 4096,     /* typed while a command runs */
    OUT_HIGH_BYTES = 256 << 10, /* no new command while more than this is unread */
    OUT_MAX_BYTES = 8 << 20,    /* a command that takes time may leave this much unread */
    OUT_KEEP_BYTES = 64 << 10,  /* of the buffer, when it is empty */
    PAGER_AHEAD_LINES = 10000,  /* that are made before the user comes to them */
    CONSOLE_WRITE_BYTES = 1024,
    CTRL_C = 0x03,
};

#define GREET_NS NS_PER_SEC
#define INPUT_SLICE_NS (3 * NS_PER_MSEC) /* that a session's input is dealt with at a time */

static void session_work(struct cli_session *s);
static void cli_session_prompt(struct cli_session *s);

bool cli_session_is_interactive(const struct cli_session *s)
{
    return s && s->interactive;
}

/* --- output --- */

static size_t cli_session_unsent(const struct cli_session *s)
{
    return s->out.len - s->out_sent;
}

static bool cli_session_congested(void *arg)
{
    return cli_session_unsent(arg) > OUT_HIGH_BYTES;
}

/* Whether a command waits before it makes more. */
static bool cli_session_has_enough(void *arg)
{
    const struct cli_session *s = arg;
    return cli_session_congested(arg) || cli_pager_ahead(&s->pager) > PAGER_AHEAD_LINES;
}

static void cli_session_watch(struct cli_session *s)
{
    bool typing = s->char_mode || s->marks_failures;
    bool wants_input = !s->eof && !s->closing && !s->broken && !cli_session_congested(s) &&
                       (!s->running || (typing && s->in.len - s->in_at < AHEAD_MAX_BYTES));
    u32 in = wants_input ? EPOLLIN : 0, out = cli_session_unsent(s) ? EPOLLOUT : 0;
    loop_fd_mod(s->cli->piste->loop, s->fd, s->fd == s->out_fd ? in | out : in);
    if (s->fd != s->out_fd)
        loop_fd_mod(s->cli->piste->loop, s->out_fd, out);
}

/* The console's descriptors belong to the terminal's other users, too: they stay blocking. */
static ssize_t console_send(struct cli_session *s, const char *p, size_t n)
{
    struct pollfd pfd = {.fd = s->out_fd, .events = POLLOUT};
    if (poll(&pfd, 1, 0) == 0) {
        errno = EAGAIN;
        return -1;
    }
    return write(s->out_fd, p, n < CONSOLE_WRITE_BYTES ? n : CONSOLE_WRITE_BYTES);
}

static void cli_session_flush(struct cli_session *s)
{
    while (cli_session_unsent(s) && !s->broken) {
        const char *p = s->out.s + s->out_sent;
        ssize_t n = s->console
                        ? console_send(s, p, cli_session_unsent(s))
                        : send(s->out_fd, p, cli_session_unsent(s), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0)
            s->out_sent += (size_t)n;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            break;
        else if (errno != EINTR)
            s->broken = true;
    }
    if (cli_session_unsent(s) == 0 || s->broken) {
        s->out_sent = s->out.len = 0;
        if (s->out.cap > OUT_KEEP_BYTES)
            text_free(&s->out);
    } else if (s->out_sent > OUT_HIGH_BYTES) {
        memmove(s->out.s, s->out.s + s->out_sent, cli_session_unsent(s));
        s->out.len -= s->out_sent;
        s->out_sent = 0;
    }
}

static void put_raw(struct cli_session *s, const void *p, size_t n)
{
    if (!s->broken)
        text_putn(&s->out, p, n);
}

/* Text for the user, line ends as the session wants them. */
static void cli_session_put(void *arg, const char *p, size_t n)
{
    struct cli_session *s = arg;
    while (n && !s->broken) {
        const char *newline = s->crlf ? memchr(p, '\n', n) : NULL;
        size_t plain = newline ? (size_t)(newline - p) : n;
        text_putn(&s->out, p, plain);
        if (newline)
            text_putn(&s->out, "\r\n", 2);
        plain += newline != NULL;
        p += plain;
        n -= plain;
    }
}

static void puts_out(struct cli_session *s, const char *text)
{
    cli_session_put(s, text, strlen(text));
}

/* --- running texts --- */

/* Output of a command, maybe long after it was started. */
static void exec_emit(void *arg, const char *p, size_t n)
{
    struct cli_session *s = arg;
    if (s->interactive && s->pager_on)
        cli_pager_add(&s->pager, p, n);
    else
        cli_session_put(s, p, n);
    if (s->in_work)
        return;
    cli_session_flush(s);
    if (cli_session_unsent(s) > OUT_MAX_BYTES) {
        log_notice(&cli_log, "%s does not read its output: session ended", s->name);
        s->broken = true;
    }
    /* a broken session is not freed here, below its own command: its next event does it */
    if (s->broken)
        shutdown(s->fd, SHUT_RDWR);
    cli_session_watch(s);
}

static void cli_session_exec_done(void *arg, int rc)
{
    struct cli_session *s = arg;
    s->exec = NULL;
    s->running = false;
    if (s->marks_failures && rc < 0)
        put_raw(s, "\1", 1);
    if ((!s->interactive || s->closing) && !s->console)
        put_raw(s, "", 1);
    else if (!s->closing && !s->pager.active)
        cli_session_prompt(s);
    session_work(s);
}

static const struct cli_exec_ops exec_ops = {exec_emit, cli_session_exec_done,
                                             cli_session_has_enough};

static void cli_session_run(struct cli_session *s, const char *text)
{
    if (strncmp(text, "complete ", 9) != 0) /* a client's TAB key is nobody's command */
        cli_log_line(s->cli, s, text);
    cli_pager_reset(&s->pager);
    s->pager.limit_lines = s->cli->settings.pager_limit_lines;
    s->running = true;
    s->in_scanned = s->in_at;
    const struct cli_exec_context context = {
        .cli = s->cli,
        .session = s,
        .macros = &s->macros,
        .format = s->json ? OUT_JSON : OUT_TEXT,
    };
    struct cli_exec *x = cli_exec_start(&context, text, true, &exec_ops, s);
    if (x)
        s->exec = x;
}

/* Ends the command under way as if it had failed. */
static void cli_session_interrupt(struct cli_session *s)
{
    struct cli_exec *x = s->exec;
    s->exec = NULL;
    cli_exec_cancel(x);
    if (s->interactive)
        puts_out(s, "^C\n");
    cli_session_exec_done(s, -EINTR);
}

void cli_session_quit(struct cli_session *s)
{
    s->closing = true;
}

/* --- the prompt, the line editor, the pager --- */

static void cli_session_prompt(struct cli_session *s)
{
    cli_pager_reset(&s->pager);
    if (s->interactive)
        cli_edit_redraw(&s->edit);
}

static const char *edit_prompt(void *arg)
{
    const struct cli_session *s = arg;
    return s->interactive ? s->cli->settings.prompt : "";
}

static size_t edit_complete(void *arg, const char *line,
                            void (*add)(void *add_arg, const char *word), void *add_arg)
{
    struct cli_session *s = arg;
    return (size_t)(cli_complete(s->cli, line, add, add_arg) - line);
}

static void edit_enter(void *arg, const char *line)
{
    struct cli_session *s = arg;
    if (s->interactive && s->history_on)
        cli_edit_remember(&s->edit, line);
    cli_session_run(s, line);
}

static void edit_quit(void *arg)
{
    struct cli_session *s = arg;
    puts_out(s, "quit\n");
    cli_session_quit(s);
}

static void cli_session_too_long(void *arg)
{
    struct cli_session *s = arg;
    puts_out(s, "\nthe line is too long\n");
    cli_session_quit(s);
}

static const struct cli_edit_ops edit_ops = {
    cli_session_put, edit_prompt, edit_complete, edit_enter, edit_quit, cli_session_too_long,
};

static void pager_left(void *arg)
{
    struct cli_session *s = arg;
    if (!s->running)
        cli_session_prompt(s);
}

static const struct cli_pager_ops pager_ops = {cli_session_put, pager_left};

static void cli_session_greet(struct cli_session *s)
{
    /* drawn for this project: a hill and the trace of a run down it */
    static const char *const art[] = {
        "          .^.",
        "        .'  /'.   .        p i s t e",
        "    .^.'   (   '.' '.",
        " .-'        \\_~    ' '-.",
    };
    const struct cli_settings *set = &s->cli->settings;
    if (s->greeted || !s->interactive)
        return;
    s->greeted = true;
    if (set->banner) {
        bool color = s->ansi && set->color;
        puts_out(s, "\r");
        for (size_t i = 0; i < array_len(art); i++) {
            puts_out(s, color ? "\x1b[36m" : "");
            puts_out(s, art[i]);
            puts_out(s, color ? "\x1b[0m\n" : "\n");
        }
        puts_out(s, "\n");
    }
    cli_session_prompt(s);
}

/* No terminal type came: whoever is there gets a plain session. */
static void greet_late(void *arg)
{
    struct cli_session *s = arg;
    cli_session_greet(s);
    session_work(s);
}

/* --- input --- */

void cli_session_set_size(struct cli_session *s, u32 width, u32 height)
{
    s->width = width;
    s->height = height;
    s->edit.width = width;
    cli_pager_resize(&s->pager, width, height);
}

static void cli_session_set_terminal(struct cli_session *s, const u8 *name, u32 len)
{
    if (cli_telnet_is_program(name, len)) {
        s->interactive = s->char_mode = s->pager_on = s->history_on = false;
        s->in_complete = true;
        return;
    }
    s->ansi = cli_telnet_is_ansi(name, len);
    s->edit.ansi = s->pager.ansi = s->ansi;
    cli_session_greet(s);
}

static void cli_session_grant(struct cli_session *s, u8 option)
{
    const u8 will[] = {TELNET_IAC, TELNET_WILL, option};
    if (option == TELNET_OPTION_FAILURES)
        s->marks_failures = true;
    else if (option == TELNET_OPTION_JSON)
        s->json = true;
    else
        return;
    put_raw(s, will, sizeof(will));
}

static void cli_session_key(struct cli_session *s, u8 byte)
{
    if (!s->pager.active)
        cli_edit_key(&s->edit, byte);
    else if (byte != CTRL_C)
        cli_pager_key(&s->pager, byte);
    else
        cli_pager_leave(&s->pager);
}

/* One key or telnet sequence; false when it is not complete. */
static bool cli_session_take_key(struct cli_session *s)
{
    struct telnet_event ev;
    u32 n = cli_telnet_next((const u8 *)s->in.s + s->in_at, s->in.len - s->in_at, &ev);
    u8 byte = (u8)s->in.s[s->in_at];
    s->in_at += n;
    switch (ev.kind) {
    case TELNET_MORE:
        return false;
    case TELNET_BYTE:
        cli_session_key(s, byte);
        break;
    case TELNET_TERMINAL:
        cli_session_set_terminal(s, ev.terminal, ev.terminal_len);
        break;
    case TELNET_SIZE:
        cli_session_set_size(s, ev.width, ev.height);
        break;
    case TELNET_AYT:
        puts_out(s, "fd.io VPP\n");
        break;
    case TELNET_ASK:
        cli_session_grant(s, ev.option);
        break;
    case TELNET_NOTHING:
        break;
    }
    return true;
}

/* Line mode: all that has come is one text; what follows a NUL is ignored. Our own client ends each
 * text with a NUL, so that it does not matter how the bytes come. */
static bool cli_session_take_text(struct cli_session *s)
{
    while (s->marks_failures && s->in_at < s->in.len && s->in.s[s->in_at] == CTRL_C)
        s->in_at++; /* came too late to interrupt anything */
    size_t n = s->in.len - s->in_at;
    const char *start = s->in.s + s->in_at;
    const char *nul = memchr(start, '\0', n);
    bool complete = s->marks_failures ? nul != NULL : s->in_complete;
    if (n == 0)
        return true;
    if (!complete && n <= LINE_MAX_BYTES && !s->eof)
        return false;
    size_t len = nul ? (size_t)(nul - start) : n;
    s->in_at = s->marks_failures && nul ? s->in_at + len + 1 : s->in.len;
    if (len > LINE_MAX_BYTES) {
        cli_session_too_long(s);
        return true;
    }
    char *text = mem_printf("%.*s", (int)len, start);
    cli_session_run(s, text);
    free(text);
    return true;
}

/* While a command runs only ^C counts; other keys wait, as far as there is room. */
static void scan_for_interrupt(struct cli_session *s)
{
    struct telnet_event ev;
    while (s->in_scanned < s->in.len) {
        const u8 *p = (const u8 *)s->in.s + s->in_scanned;
        u32 n = 1;
        ev.kind = TELNET_BYTE;
        if (s->char_mode)
            n = cli_telnet_next(p, s->in.len - s->in_scanned, &ev);
        if (ev.kind == TELNET_MORE)
            return;
        s->in_scanned += n;
        if (ev.kind == TELNET_BYTE && *p == CTRL_C && (s->char_mode || s->marks_failures)) {
            s->in_at = s->in_scanned;
            cli_session_interrupt(s);
            return;
        }
    }
}

/* Deals with input as far as possible now. Returns whether it may go on by itself: what stopped it
 * was a reader that is slow, or its time. */
static bool take_input(struct cli_session *s)
{
    u64 end_ns = clock_ns() + INPUT_SLICE_NS;
    bool stopped = false;
    while (s->in_at < s->in.len && !s->closing && !s->broken) {
        stopped = cli_session_congested(s) || clock_ns() >= end_ns;
        if (stopped)
            break;
        if (s->running && !s->pager.active) {
            scan_for_interrupt(s);
            if (s->running)
                break;
        } else if (!(s->char_mode ? cli_session_take_key(s) : cli_session_take_text(s))) {
            break;
        }
    }
    size_t left = s->in.len - s->in_at;
    if (s->in_at && left)
        memmove(s->in.s, s->in.s + s->in_at, left);
    s->in_scanned = s->in_scanned > s->in_at ? s->in_scanned - s->in_at : 0;
    s->in.len = left;
    s->in_at = 0;
    if (left == 0 && s->in.cap > OUT_KEEP_BYTES)
        text_free(&s->in);
    return stopped;
}

static void read_input(struct cli_session *s)
{
    char piece[READ_BYTES];
    ssize_t n = read(s->fd, piece, sizeof(piece));
    if (n > 0) {
        text_putn(&s->in, piece, (size_t)n);
        char last = piece[n - 1];
        /* a full piece may be the beginning of a longer text */
        s->in_complete = n < (ssize_t)sizeof(piece) || last == '\n' || last == '\0';
    } else if (n == 0) {
        s->eof = true;
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        s->broken = true;
    }
}

/* --- life --- */

struct cli_sessions *cli_sessions_get(struct cli *cli)
{
    if (!cli->sessions) {
        cli->sessions = mem_alloc(sizeof(*cli->sessions));
        cli->sessions->cli = cli;
    }
    return cli->sessions;
}

static void cli_session_free(struct cli_session *s)
{
    struct loop *loop = s->cli->piste->loop;
    struct cli_sessions *ss = s->cli->sessions;
    for (u32 i = 0; i < ss->v.n; i++) {
        if (ss->v.v[i] == s) {
            vec_del(&ss->v, i);
            break;
        }
    }
    cli_exec_cancel(s->exec);
    loop_timer_del(loop, s->greet_timer);
    loop_timer_del(loop, s->turn);
    loop_fd_del(loop, s->fd);
    if (s->out_fd != s->fd)
        loop_fd_del(loop, s->out_fd);
    if (s->on_end)
        s->on_end(s);
    if (!s->console)
        close(s->fd);
    cli_edit_fini(&s->edit);
    cli_pager_fini(&s->pager);
    cli_macros_free(&s->macros);
    text_free(&s->in);
    text_free(&s->out);
    free(s->name);
    free(s);
}

/* Whether nothing more is to come out of the session. */
static bool is_over(const struct cli_session *s)
{
    if (s->broken)
        return true;
    if (cli_session_unsent(s))
        return false;
    return s->closing || (s->eof && !s->running && !s->turn);
}

static void on_session_turn(void *arg)
{
    struct cli_session *s = arg;
    loop_timer_del(s->cli->piste->loop, s->turn);
    s->turn = NULL;
    session_work(s);
}

/* Does all there is to do now, and frees the session when it is over. */
static void session_work(struct cli_session *s)
{
    if (s->in_work)
        return;
    s->in_work = true;
    bool more = take_input(s);
    cli_session_flush(s);
    s->in_work = false;
    if (s->exec && !s->broken && !cli_session_has_enough(s))
        cli_exec_resume(s->exec);
    if (more && !s->turn && !cli_session_congested(s)) /* a ^C may stand there */
        s->turn = loop_timer_add(s->cli->piste->loop, clock_ns(), 0, on_session_turn, s);
    if (!is_over(s)) {
        cli_session_watch(s);
        return;
    }
    struct loop *loop = s->cli->piste->loop;
    bool ends_program = s->console;
    cli_session_free(s);
    if (ends_program)
        loop_stop(loop, 0);
}

static void session_event(void *arg, u32 events)
{
    struct cli_session *s = arg;
    if (events & EPOLLIN)
        read_input(s);
    else if (events & (EPOLLHUP | EPOLLERR))
        s->broken = true;
    session_work(s);
}

static u32 free_id(const struct cli_sessions *ss)
{
    for (u32 id = 0;; id++) {
        u32 i = 0;
        while (i < ss->v.n && ss->v.v[i]->id != id)
            i++;
        if (i == ss->v.n)
            return id;
    }
}

struct cli_session *cli_session_new(struct cli *cli, int fd, int out_fd, char *name,
                                    struct error *e)
{
    struct cli_sessions *ss = cli_sessions_get(cli);
    struct cli_session *s = mem_alloc(sizeof(*s));
    struct loop *loop = cli->piste->loop;
    int rc = loop_fd_add(loop, fd, EPOLLIN, session_event, s, e);
    if (rc == 0 && out_fd != fd && (rc = loop_fd_add(loop, out_fd, 0, session_event, s, e)) != 0)
        loop_fd_del(loop, fd);
    if (rc) {
        free(s);
        return NULL;
    }
    s->cli = cli;
    s->id = free_id(ss);
    s->name = name;
    s->fd = fd;
    s->out_fd = out_fd;
    s->char_mode = s->crlf = true;
    s->interactive = s->pager_on = s->history_on = true;
    cli_edit_init(&s->edit, &edit_ops, s);
    cli_edit_set_history_limit(&s->edit, cli->settings.history_limit);
    cli_pager_init(&s->pager, &pager_ops, s);
    cli_session_set_size(s, 80, 24);
    s->pager_on = cli->settings.pager;
    vec_add(&ss->v, s);
    return s;
}

void cli_session_begin(struct cli_session *s)
{
    if (s->console) {
        cli_session_greet(s);
    } else if (s->cli->settings.line_mode) {
        s->interactive = s->pager_on = s->history_on = s->crlf = false;
        cli_session_set_size(s, 0, 0);
    } else {
        put_raw(s, cli_telnet_greeting, sizeof(cli_telnet_greeting));
        s->greet_timer =
            loop_timer_add(s->cli->piste->loop, clock_ns() + GREET_NS, 0, greet_late, s);
    }
    session_work(s);
}

void cli_sessions_free(struct cli_sessions *ss)
{
    if (!ss)
        return;
    while (ss->v.n)
        cli_session_free(ss->v.v[0]);
    vec_free(&ss->v);
    while (ss->listeners.n) {
        cli_listener_free(ss->listeners.v[0]);
        vec_del(&ss->listeners, 0);
    }
    vec_free(&ss->listeners);
    free(ss);
}
