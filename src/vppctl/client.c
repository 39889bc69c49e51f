#include "vppctl/client.h"

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    IAC = 0xff,
    DONT = 0xfe,
    DO = 0xfd,
    WILL = 0xfb,
    SB = 0xfa,
    SE = 0xf0,
    TTYPE = 24,
    NAWS = 31,
    /* private, see control/cli_telnet.h; VPP ignores them */
    OPTION_FAILURES = 200,
    OPTION_JSON = 201,
    FAILURE_MARK = 1,
    CTRL_C = 3,
    HELLO_TIMEOUT_MS = 3000,
};

/* Where the daemon's socket is; NULL when it is nowhere. */
static const char *client_find_socket(void)
{
    static char user[64];
    struct stat st;
    snprintf(user, sizeof(user), "/var/run/user/%u/vpp/cli.sock", (unsigned)geteuid());
    const char *const places[] = {"/run/vpp/cli.sock", "/var/run/vpp/cli.sock", user, "./cli.sock"};
    for (size_t i = 0; i < array_len(places); i++)
        if (stat(places[i], &st) == 0)
            return places[i] == user ? user : places[i];
    return NULL;
}

void client_close(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static int client_send_all(struct client *c, const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n) {
        ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return -1;
        p += sent;
        n -= (size_t)sent;
    }
    return 0;
}

int client_send(struct client *c, const char *text)
{
    /* in one piece, with the NUL: VPP takes what it reads at once for a text of its own */
    char *line = mem_printf("%s\n", text);
    int rc = client_send_all(c, line, strlen(line) + 1);
    free(line);
    return rc;
}

int client_interrupt(struct client *c)
{
    return client_send_all(c, (const u8[]){CTRL_C}, 1);
}

/* A byte of text: line ends are told as our own terminal and files want them. */
static void put_text(struct client *c, u8 byte, struct text *out)
{
    if (c->cr && byte != '\n')
        text_putc(out, '\r');
    c->cr = byte == '\r';
    if (!c->cr)
        text_putc(out, (char)byte);
}

/* What came before the daemon knew that a program is here is a greeting for people: it waits for a
 * second only. */
static void client_take_option(struct client *c, u8 option, struct text *out)
{
    if (c->verb == WILL && option == OPTION_FAILURES) {
        c->is_piste = true;
        text_clear(out);
    }
    c->state = STREAM_TEXT;
}

/* One byte from the daemon; true: it ends the answer. */
static bool take_byte(struct client *c, u8 byte, struct text *out)
{
    switch (c->state) {
    case STREAM_TEXT:
        if (byte == IAC)
            c->state = STREAM_IAC;
        else if (byte == FAILURE_MARK && c->is_piste)
            c->failed = true;
        else if (byte != 0)
            put_text(c, byte, out);
        return byte == 0;
    case STREAM_IAC:
        c->verb = byte;
        c->state = byte == SB                     ? STREAM_SUBOPTION
                   : byte >= WILL && byte <= DONT ? STREAM_OPTION
                                                  : STREAM_TEXT;
        return false;
    case STREAM_OPTION:
        client_take_option(c, byte, out);
        return false;
    case STREAM_SUBOPTION:
        c->wants_terminal |= byte == TTYPE;
        if (byte == IAC)
            c->state = STREAM_SUBOPTION_IAC;
        return false;
    case STREAM_SUBOPTION_IAC:
        c->state = byte == SE ? STREAM_TEXT : STREAM_SUBOPTION;
        return false;
    }
    return false;
}

enum client_event client_read(struct client *c, struct text *out, int timeout_ms)
{
    if (c->at == c->n) {
        struct pollfd pfd = {.fd = c->fd, .events = POLLIN};
        if (poll(&pfd, 1, timeout_ms) <= 0)
            return CLIENT_MORE;
        ssize_t n = read(c->fd, c->buf, sizeof(c->buf));
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            return CLIENT_MORE;
        if (n <= 0)
            return CLIENT_LOST;
        c->n = (size_t)n;
        c->at = 0;
    }
    while (c->at < c->n)
        if (take_byte(c, c->buf[c->at++], out))
            return CLIENT_ANSWERED;
    return CLIENT_MORE;
}

size_t client_window_size(u8 out[9])
{
    struct winsize size = {0};
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
        return 0;
    const u16 w = size.ws_col, h = size.ws_row;
    const u8 message[9] = {IAC, SB, NAWS, (u8)(w >> 8), (u8)w, (u8)(h >> 8), (u8)h, IAC, SE};
    memcpy(out, message, sizeof(message));
    return sizeof(message);
}

/* Says that a program is here, once the daemon has asked. A daemon in cli-line-mode never asks, but
 * understands it, too. */
static int client_hello(struct client *c)
{
    static const u8 options[] = {IAC, DO, OPTION_FAILURES, IAC, DO, OPTION_JSON};
    static const u8 terminal[] = {IAC, SB, TTYPE, 0, 'v', 'p', 'p', 'c', 't', 'l', IAC, SE};
    struct text ignored = {0};
    enum client_event ev = CLIENT_MORE;
    for (int waited = 0; waited < HELLO_TIMEOUT_MS && !c->wants_terminal; waited += 100)
        if ((ev = client_read(c, &ignored, 100)) == CLIENT_LOST)
            break;
    text_free(&ignored);
    if (ev == CLIENT_LOST || client_send_all(c, options, c->json ? 6 : 3) < 0)
        return -1;
    return client_send_all(c, terminal, sizeof(terminal));
}

/* --- connecting --- */

static int dial_error(const char *text)
{
    fprintf(stderr, "connect: %s\n", text);
    return -1;
}

/* -1 with errno. */
static int dial_socket(const struct sockaddr *sa, socklen_t len)
{
    int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, sa, len) == 0)
        return fd;
    int err = errno;
    close(fd);
    errno = err;
    return -1;
}

/* Root of a container may lack the capability to pass by permissions, and have those to become the
 * user whose socket this is. errno stays what it was. */
static bool become_owner(const char *path)
{
    struct stat st;
    int err = errno;
    bool did = !geteuid() && !stat(path, &st) && st.st_uid && !setgroups(0, NULL) &&
               !setgid(st.st_gid) && !setuid(st.st_uid);
    errno = err;
    return did;
}

/* name: a path, or behind a 0 an abstract name. */
static int dial_unix(const char *name, bool abstract)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    size_t n = strlen(name), at = abstract;
    if (at + n >= sizeof(sa.sun_path))
        return dial_error(strerror(ENAMETOOLONG));
    memcpy(sa.sun_path + at, name, n);
    size_t len = abstract ? offsetof(struct sockaddr_un, sun_path) + 1 + n : sizeof(sa);
    int fd = dial_socket((struct sockaddr *)&sa, (socklen_t)len);
    if (fd < 0 && errno == EACCES && become_owner(name))
        fd = dial_socket((struct sockaddr *)&sa, (socklen_t)len);
    return fd < 0 ? dial_error(strerror(errno)) : fd;
}

static int dial_tcp(const char *where)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    const char *colon = strrchr(where, ':');
    size_t n = (size_t)(colon - where);
    bool brackets = n > 2 && where[0] == '[' && where[n - 1] == ']';
    char *host = mem_printf("%.*s", (int)(brackets ? n - 2 : n), where + brackets);
    int rc = getaddrinfo(host, colon + 1, &hints, &found), fd = -1;
    free(host);
    if (rc)
        return dial_error(gai_strerror(rc));
    for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
        fd = dial_socket(a->ai_addr, a->ai_addrlen);
        rc = errno;
    }
    freeaddrinfo(found);
    return fd < 0 ? dial_error(strerror(rc)) : fd;
}

int client_dial(const char *where)
{
    struct stat st;
    if (!where)
        where = client_find_socket();
    if (!where) {
        fprintf(stderr, "Could not find VPP CLI socket\n");
        return -1;
    }
    if (strncmp(where, "abstract:", 9) == 0)
        return dial_unix(where + 9, true);
    bool tcp = strncmp(where, "tcp:", 4) == 0;
    const char *host = tcp ? where + 4 : where;
    if (strchr(host, ':') && (tcp || (!strchr(where, '/') && stat(where, &st) < 0)))
        return dial_tcp(host);
    return dial_unix(where, false);
}

int client_connect(struct client *c)
{
    c->fd = client_dial(c->where);
    if (c->fd < 0)
        return -1;
    c->state = STREAM_TEXT;
    c->wants_terminal = c->is_piste = c->cr = c->failed = false;
    c->n = c->at = 0;
    if (client_hello(c) < 0) {
        fprintf(stderr, "the daemon has closed the connection\n");
        client_close(c);
        return -1;
    }
    return 0;
}

bool client_is_quit(const char *line)
{
    char word[8] = "", more[2] = "";
    int n = sscanf(line, "%7s %1s", word, more);
    return n == 1 &&
           (strcmp(word, "quit") == 0 || strcmp(word, "q") == 0 || strcmp(word, "exit") == 0);
}
