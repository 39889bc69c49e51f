/* The socket where clients get the stats segment: one descriptor to everybody who connects, and
 * good-bye. Nothing is read from them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/listen.h"
#include "control/loop.h"
#include "engine/engine_internal.h"

enum { BACKLOG = 128, ACCEPTS_A_ROUND = 64 };
#define PAUSE_NS (200 * NS_PER_MSEC)

static struct log_class log_class = {"stats", "socket"};

struct stats_server {
    struct engine *engine;
    char *path;
    int fd;
    struct loop_timer *pause;
};

static void send_segment(struct stats_server *s, int client)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    int fd = stats_fd(s->engine->stats);
    struct msghdr m = {.msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(int));
    if (sendmsg(client, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_debug(&log_class, "cannot send the segment to a client: %s", strerror(errno));
}

static void pause_over(void *arg)
{
    struct stats_server *s = arg;
    loop_fd_mod(s->engine->piste->loop, s->fd, EPOLLIN);
}

static void pause_accepting(struct stats_server *s, const char *why)
{
    struct loop *l = s->engine->piste->loop;
    log_error(&log_class, "cannot accept a client: %s", why);
    loop_fd_mod(l, s->fd, 0);
    if (s->pause)
        loop_timer_set(l, s->pause, clock_ns() + PAUSE_NS);
    else
        s->pause = loop_timer_add(l, clock_ns() + PAUSE_NS, 0, pause_over, s);
}

static void listener_event(void *arg, u32 events)
{
    struct stats_server *s = arg;
    (void)events;
    for (int i = 0; i < ACCEPTS_A_ROUND; i++) {
        int client = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                pause_accepting(s, strerror(errno));
            return;
        }
        stats_collect_from_now(s->engine);
        send_segment(s, client);
        close(client);
    }
}

static char *socket_path(const struct startup *st)
{
    const char *name = st->statseg.socket_name;
    if (!name || !strcmp(name, "default"))
        name = "stats.sock";
    if (*name == '/' || strchr(name, ':'))
        return mem_strdup(name);
    return mem_printf("%s/%s", startup_runtime_dir(st), name);
}

int stats_listen(struct piste *p, struct error *err)
{
    struct engine *e = engine_of(p);
    struct stats_server *s = e->stats_server = mem_alloc(sizeof(*s));
    bool local;
    s->engine = e;
    s->path = socket_path(p->startup);
    s->fd = listen_open(s->path, SOCK_SEQPACKET, BACKLOG, &local, err);
    int rc = s->fd < 0 ? s->fd : 0;
    if (!rc && !local)
        rc = error_set(err, EINVAL, "`%s' is no unix socket", s->path);
    if (!rc)
        rc = listen_give(s->path, p->startup, err);
    if (!rc)
        rc = loop_fd_add(p->loop, s->fd, EPOLLIN, listener_event, s, err);
    if (!rc)
        return 0;
    error_prefix(err, "statseg");
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    return rc;
}

void stats_server_free(struct engine *e)
{
    struct stats_server *s = e->stats_server;
    if (!s)
        return;
    if (s->pause)
        loop_timer_del(e->piste->loop, s->pause);
    if (s->fd >= 0) {
        loop_fd_del(e->piste->loop, s->fd);
        close(s->fd);
        if (*s->path == '/')
            unlink(s->path);
    }
    free(s->path);
    free(s);
    e->stats_server = NULL;
}
