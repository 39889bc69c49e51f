#include "vppctl/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "vppctl/client.h"

enum { IAC = 0xff, SB = 0xfa, SE = 0xf0, TTYPE = 24, CTRL_C = 0x03 };

static volatile sig_atomic_t resized, interrupted;

static void terminal_on_signal(int number)
{
    if (number == SIGWINCH)
        resized = 1;
    else
        interrupted = 1;
}

static void catch_signals(void)
{
    struct sigaction sa = {.sa_handler =
                               terminal_on_signal}; /* no SA_RESTART: poll is to wake up */
    sigaction(SIGWINCH, &sa, NULL);
    sigaction(SIGINT, &sa, NULL);
}

static int terminal_send_all(int fd, const void *p, size_t n)
{
    const char *s = p;
    while (n) {
        ssize_t sent = send(fd, s, n, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return -1;
        s += sent > 0 ? sent : 0;
        n -= sent > 0 ? (size_t)sent : 0;
    }
    return 0;
}

static int send_terminal_type(int fd)
{
    const char *term = getenv("TERM");
    u8 message[64];
    /* a longer name would not be recognised */
    if (!term || strlen(term) > 26)
        term = "dumb";
    int n = snprintf((char *)message + 4, sizeof(message) - 6, "%s", term);
    memcpy(message, (const u8[]){IAC, SB, TTYPE, 0}, 4);
    message[4 + n] = IAC;
    message[5 + n] = SE;
    return terminal_send_all(fd, message, (size_t)n + 6);
}

static int send_size(int fd)
{
    u8 message[9];
    size_t n = client_window_size(message);
    return terminal_send_all(fd, message, n);
}

/* Takes telnet sequences and NULs out of buf; what is left is its new length. state goes from one
 * call to the next: how many bytes of the sequence under way are known. */
static size_t terminal_strip(u8 *buf, size_t n, u8 *sequence, u32 *known)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        u8 b = buf[i];
        if (*known == 0) {
            if (b == IAC)
                sequence[(*known)++] = b;
            else if (b)
                buf[kept++] = b;
            continue;
        }
        if (*known < 2)
            sequence[(*known)++] = b;
        else
            (*known)++;
        bool verb = sequence[1] >= 0xfb && sequence[1] <= 0xfe;
        bool end = *known == 2 ? !verb && sequence[1] != SB : verb ? true : b == SE;
        if (end)
            *known = 0;
    }
    return kept;
}

static int terminal_show(int fd)
{
    static u8 sequence[2];
    static u32 known;
    u8 buf[16384];
    ssize_t n = read(fd, buf, sizeof(buf));
    if (n < 0 && errno == EINTR)
        return 0;
    if (n <= 0)
        return -1;
    size_t left = terminal_strip(buf, (size_t)n, sequence, &known);
    for (size_t at = 0; at < left;) {
        ssize_t written = write(STDOUT_FILENO, buf + at, left - at);
        if (written < 0 && errno != EINTR)
            return -1;
        at += written > 0 ? (size_t)written : 0;
    }
    return 0;
}

static void terminal_talk(int fd)
{
    struct pollfd pfd[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    for (;;) {
        if (resized && send_size(fd) < 0)
            return;
        if (interrupted && terminal_send_all(fd, (const u8[]){CTRL_C}, 1) < 0)
            return;
        resized = interrupted = 0;
        if (poll(pfd, 2, -1) < 0)
            continue; /* a signal */
        if (pfd[1].revents && terminal_show(fd) < 0)
            return;
        if (!pfd[0].revents)
            continue;
        u8 keys[256];
        ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));
        if (n == 0 || (n < 0 && errno != EINTR))
            return;
        if (n > 0 && terminal_send_all(fd, keys, (size_t)n) < 0)
            return;
    }
}

int terminal_run(const char *where)
{
    struct termios before;
    bool is_tty = tcgetattr(STDIN_FILENO, &before) == 0;
    int fd = client_dial(where);
    if (fd < 0)
        return 1;
    catch_signals();
    if (is_tty) {
        struct termios raw = before;
        raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON | IEXTEN);
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
    }
    if (send_size(fd) == 0 && send_terminal_type(fd) == 0)
        terminal_talk(fd);
    if (is_tty)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    close(fd);
    return 0;
}
