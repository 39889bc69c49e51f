/* The console, `unix { interactive }': a session on standard input and output. On a terminal it
 * edits lines as a socket session does; else it takes commands line by line. Its end is the
 * program's. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "control/cli_session.h"
#include "control/cli_telnet.h"
#include "control/loop.h"

static void cli_console_take_size(struct cli_session *s)
{
    struct winsize size;
    if (ioctl(s->out_fd, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row)
        cli_session_set_size(s, size.ws_col, size.ws_row);
}

static void on_resize(void *arg, const struct loop_signal *signal)
{
    struct cli *cli = arg;
    for (u32 i = 0; cli->sessions && i < cli->sessions->v.n; i++)
        if (cli->sessions->v.v[i]->console)
            cli_console_take_size(cli->sessions->v.v[i]);
}

static void restore_terminal(struct cli_session *s)
{
    if (s->on_end_arg)
        tcsetattr(s->fd, TCSADRAIN, s->on_end_arg);
    free(s->on_end_arg);
}

static void cli_console_set_terminal(struct cli_session *s)
{
    struct termios *before = mem_alloc(sizeof(*before));
    const char *term = getenv("TERM");
    if (tcgetattr(s->fd, before) < 0) {
        free(before);
        return;
    }
    struct termios raw = *before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tcsetattr(s->fd, TCSADRAIN, &raw);
    s->on_end = restore_terminal;
    s->on_end_arg = before;
    s->ansi = term && isatty(s->out_fd) && cli_telnet_is_ansi((const u8 *)term, (u32)strlen(term));
    s->edit.ansi = s->pager.ansi = s->ansi;
    cli_console_take_size(s);
}

int cli_console(struct cli *cli, struct error *e)
{
    char *name = mem_strdup("unix-cli-stdin");
    struct cli_session *s = cli_session_new(cli, STDIN_FILENO, STDOUT_FILENO, name, e);
    if (!s) {
        free(name);
        error_prefix(e, "console");
        return e ? -e->code : -EINVAL;
    }
    s->console = true;
    if (isatty(STDIN_FILENO)) {
        cli_console_set_terminal(s);
        if (loop_signal_add(cli->piste->loop, SIGWINCH, on_resize, cli, e))
            log_warn(&cli_log, "the console will not know of new window sizes: %s", e->text);
    } else {
        s->interactive = s->char_mode = s->crlf = s->pager_on = s->history_on = false;
    }
    cli_session_begin(s);
    return 0;
}
