/* Listening sockets of the command line, `unix { cli-listen ADDRESS }'. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/cli_session.h"
#include "control/listen.h"
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
    bool local;
    int rc = listen_open(address, SOCK_STREAM, BACKLOG, &local, e);
    if (rc < 0) {
        error_prefix(e, "cli-listen");
        return rc;
    }
    struct cli_listener *l = mem_alloc(sizeof(*l));
    l->cli = cli;
    l->fd = rc;
    l->local = local;
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
