/* Listening sockets of the command line, `unix { cli-listen ADDRESS }':
 *
 *     /path                                    a unix socket in the file system
 *     abstract:NAME[,netns_name=N|,netns_pid=P]  one without a file, maybe in another network
 * namespace host[:port], tcp:host[:port]             TCP over IPv4 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/cli_session.h"
#include "control/loop.h"

enum { BACKLOG = 128 };

/* How long to leave connections alone when there are no file descriptors left. */
#define PAUSE_NS (200 * NS_PER_MSEC)

struct cli_listener {
    struct cli *cli;
    int fd;
    bool local;
    struct loop_timer *pause;
};

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_un un;
        struct sockaddr_in in;
    } sa;
    socklen_t len;
    char netns[64]; /* file of the namespace, "" for ours */
};

static void accept_pause_over(void *arg)
{
    struct cli_listener *l = arg;
    loop_fd_mod(l->cli->piste->loop, l->fd, EPOLLIN);
}

static char *session_name(struct cli_listener *l, const struct sockaddr_in *peer)
{
    char ip[INET_ADDRSTRLEN] = "";
    if (l->local)
        return mem_printf("unix-cli-local:%u", cli_sessions_get(l->cli)->names++);
    inet_ntop(AF_INET, &peer->sin_addr, ip, sizeof(ip));
    return mem_printf("unix-cli-%s:%u", ip, ntohs(peer->sin_port));
}

static void listener_event(void *arg, u32 events)
{
    struct cli_listener *l = arg;
    struct loop *loop = l->cli->piste->loop;
    struct sockaddr_in peer = {0};
    socklen_t len = sizeof(peer);
    struct error e;
    int fd = accept4(l->fd, l->local ? NULL : (struct sockaddr *)&peer, l->local ? NULL : &len,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_error(&cli_log, "cannot accept a session: %s", strerror(errno));
            loop_fd_mod(loop, l->fd, 0);
            loop_timer_set(loop, l->pause, clock_ns() + PAUSE_NS);
        }
        return;
    }
    char *name = session_name(l, &peer);
    struct cli_session *s = cli_session_new(l->cli, fd, fd, name, &e);
    if (!s) {
        log_error(&cli_log, "cannot begin a session: %s", e.text);
        close(fd);
        free(name);
        return;
    }
    cli_session_begin(s);
}

/* --- addresses --- */

static int bad_address(const char *rest, struct error *e)
{
    struct text t = {0};
    cli_rest(&t, rest);
    int rc = error_set(e, EINVAL, "unknown input `%s'", text_str(&t));
    text_free(&t);
    return rc;
}

static int parse_path(const char *path, struct address *a, struct error *e)
{
    for (const char *p = path; *p; p++)
        if (!isalnum((u8)*p) && !strchr("/-._", *p))
            return bad_address(p, e);
    if (strlen(path) >= sizeof(a->sa.un.sun_path))
        return error_set(e, ENAMETOOLONG, "socket path is too long: `%s'", path);
    a->sa.un.sun_family = AF_UNIX;
    strcpy(a->sa.un.sun_path, path);
    a->len = sizeof(a->sa.un);
    return 0;
}

static int parse_abstract(const char *s, struct address *a, struct error *e)
{
    size_t n = strcspn(s, ",");
    const char *option = s[n] ? s + n + 1 : NULL;
    if (n == 0 || n + 1 > sizeof(a->sa.un.sun_path))
        return bad_address(s, e);
    a->sa.un.sun_family = AF_UNIX;
    memcpy(a->sa.un.sun_path + 1, s, n);
    a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
    if (!option)
        return 0;
    int len;
    if (strncmp(option, "netns_name=", 11) == 0 && option[11] && !strchr(option + 11, '/'))
        len = snprintf(a->netns, sizeof(a->netns), "/var/run/netns/%s", option + 11);
    else if (strncmp(option, "netns_pid=", 10) == 0 && option[10] &&
             !option[10 + strspn(option + 10, "0123456789")])
        len = snprintf(a->netns, sizeof(a->netns), "/proc/%s/ns/net", option + 10);
    else
        return bad_address(option, e);
    return len < (int)sizeof(a->netns) ? 0 : bad_address(option, e);
}

static int parse_tcp(const char *s, struct address *a, struct error *e)
{
    char host[256];
    size_t n = 0;
    while (isalnum((u8)s[n]) || s[n] == '-' || s[n] == '.')
        n++;
    if (n == 0 || n >= sizeof(host) || (s[n] && s[n] != ':'))
        return bad_address(s + n, e);
    memcpy(host, s, n);
    host[n] = '\0';
    unsigned long port = 0;
    if (s[n] == ':') {
        const char *digits = s + n + 1;
        char *end;
        port = isdigit((u8)*digits) ? strtoul(digits, &end, 10) : 0;
        if (port < 1 || port > 65535 || *end)
            return bad_address(digits, e);
    }
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    int rc = getaddrinfo(host, NULL, &hints, &found);
    if (rc)
        return error_set(e, EADDRNOTAVAIL, "host `%s': %s", host, gai_strerror(rc));
    memcpy(&a->sa.in, found->ai_addr, sizeof(a->sa.in));
    freeaddrinfo(found);
    a->sa.in.sin_port = htons((u16)port);
    a->len = sizeof(a->sa.in);
    return 0;
}

static int parse_address(const char *s, struct address *a, struct error *e)
{
    memset(a, 0, sizeof(*a));
    if (*s == '/')
        return parse_path(s, a, e);
    if (strncmp(s, "abstract:", 9) == 0)
        return parse_abstract(s + 9, a, e);
    return parse_tcp(strncmp(s, "tcp:", 4) == 0 ? s + 4 : s, a, e);
}

/* --- sockets --- */

/* A socket that nobody listens on any more is taken away; anything else at that place is an error.
 */
static int clear_path(const struct address *a, struct error *e)
{
    const char *path = a->sa.un.sun_path;
    struct stat st;
    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : error_errno(e, errno, "`%s'", path);
    if (!S_ISSOCK(st.st_mode))
        return error_set(e, EEXIST, "File '%s' already exists", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_errno(e, errno, "socket");
    int rc = connect(fd, &a->sa.any, a->len) < 0 ? errno : 0;
    close(fd);
    if (rc != ECONNREFUSED)
        return error_set(e, EADDRINUSE, "Active listener on '%s'", path);
    return unlink(path) < 0 ? error_errno(e, errno, "unlink `%s'", path) : 0;
}

/* Folders below /run are made: they are lost at each boot. */
static int make_folder(const char *path, struct error *e)
{
    char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
    if (strncmp(path, "/run/", 5) != 0)
        return 0;
    strcpy(folder, path);
    for (char *p = folder + 5; (p = strchr(p, '/')); *p++ = '/') {
        *p = '\0';
        if (mkdir(folder, 0755) < 0 && errno != EEXIST)
            return error_errno(e, errno, "mkdir `%s'", folder);
    }
    return 0;
}

/* A socket in the namespace whose file is given; the thread comes back to its own. */
static int socket_in(const char *netns, int family, struct error *e)
{
    int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    int home = -1, there = -1, fd = -1;
    if (!*netns) {
        fd = socket(family, type, 0);
        return fd < 0 ? error_errno(e, errno, "socket") : fd;
    }
    home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    there = open(netns, O_RDONLY | O_CLOEXEC);
    if (home < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0) {
        fd = error_errno(e, errno, "network namespace `%s'", netns);
    } else {
        fd = socket(family, type, 0);
        if (fd < 0)
            fd = error_errno(e, errno, "socket");
        if (setns(home, CLONE_NEWNET) < 0)
            panic("cannot go back to the own network namespace: %s", strerror(errno));
    }
    if (home >= 0)
        close(home);
    if (there >= 0)
        close(there);
    return fd;
}

static int bind_path(int fd, const struct address *a, struct error *e)
{
    const char *path = a->sa.un.sun_path;
    struct stat st;
    if (bind(fd, &a->sa.any, a->len) < 0)
        return error_errno(e, errno, "bind `%s'", path);
    if (stat(path, &st) < 0 || chmod(path, (st.st_mode & 0775) | S_IWGRP) < 0)
        return error_errno(e, errno, "chmod `%s'", path);
    return 0;
}

static int open_listener(const struct address *a, struct error *e)
{
    bool is_path = a->sa.any.sa_family == AF_UNIX && a->sa.un.sun_path[0];
    int rc, on = 1;
    if (is_path && ((rc = make_folder(a->sa.un.sun_path, e)) || (rc = clear_path(a, e))))
        return rc;
    int fd = socket_in(a->netns, a->sa.any.sa_family, e);
    if (fd < 0)
        return fd;
    if (a->sa.any.sa_family == AF_INET)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (is_path)
        rc = bind_path(fd, a, e);
    else
        rc = bind(fd, &a->sa.any, a->len) < 0 ? error_errno(e, errno, "bind") : 0;
    if (rc == 0 && listen(fd, BACKLOG) < 0)
        rc = error_errno(e, errno, "listen");
    if (rc) {
        close(fd);
        return rc;
    }
    return fd;
}

void cli_listener_free(struct cli_listener *l)
{
    struct loop *loop = l->cli->piste->loop;
    loop_timer_del(loop, l->pause);
    loop_fd_del(loop, l->fd);
    close(l->fd);
    free(l);
}

int cli_listen(struct cli *cli, const char *address, struct error *e)
{
    struct address a;
    int rc = parse_address(address, &a, e);
    if (rc == 0)
        rc = open_listener(&a, e);
    if (rc < 0) {
        error_prefix(e, "cli-listen");
        return rc;
    }
    struct cli_listener *l = mem_alloc(sizeof(*l));
    l->cli = cli;
    l->fd = rc;
    l->local = a.sa.any.sa_family == AF_UNIX;
    rc = loop_fd_add(cli->piste->loop, l->fd, EPOLLIN, listener_event, l, e);
    if (rc) {
        close(l->fd);
        free(l);
        return rc;
    }
    l->pause = loop_timer_add(cli->piste->loop, UINT64_MAX, 0, accept_pause_over, l);
    vec_add(&cli_sessions_get(cli)->listeners, l);
    return 0;
}
