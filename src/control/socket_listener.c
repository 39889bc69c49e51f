#include "control/socket_listener.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/listen.h"
#include "control/loop.h"

enum { ACCEPTS_A_ROUND = 64 };
#define PAUSE_NS (200 * NS_PER_MSEC)

struct socket_listener {
    struct loop *loop;
    struct loop_timer *pause;
    struct log_class *log;
    void (*on_client)(void *arg, int fd);
    void *arg;
    int fd;
    bool is_unix, held;
};

static void pause_over(void *arg)
{
    struct socket_listener *l = arg;
    loop_fd_mod(l->loop, l->fd, l->held ? 0 : EPOLLIN);
}

void socket_listener_serve(struct socket_listener *l, bool on)
{
    l->held = !on;
    loop_fd_mod(l->loop, l->fd, on ? EPOLLIN : 0);
}

static void socket_listener_on_event(void *arg, u32 events)
{
    struct socket_listener *l = arg;
    for (int i = 0; i < ACCEPTS_A_ROUND; i++) {
        int client = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0) {
            l->on_client(l->arg, client);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_error(l->log, "cannot accept a client: %s", strerror(errno));
            loop_fd_mod(l->loop, l->fd, 0);
            loop_timer_set(l->loop, l->pause, clock_ns() + PAUSE_NS);
        }
        return;
    }
}

struct socket_listener *socket_listener_new(struct loop *loop, const char *address, int type,
                                            int backlog, struct log_class *log,
                                            void (*on_client)(void *arg, int fd), void *arg,
                                            struct error *e)
{
    struct socket_listener *l = mem_alloc(sizeof(*l));
    *l = (struct socket_listener){.loop = loop, .log = log, .on_client = on_client, .arg = arg};
    l->fd = listen_open(address, type, backlog, &l->is_unix, e);
    if (l->fd < 0 || loop_fd_add(loop, l->fd, EPOLLIN, socket_listener_on_event, l, e)) {
        if (l->fd >= 0)
            close(l->fd);
        free(l);
        return NULL;
    }
    l->pause = loop_timer_add(loop, UINT64_MAX, 0, pause_over, l);
    return l;
}

void socket_listener_free(struct socket_listener *l)
{
    if (!l)
        return;
    loop_timer_del(l->loop, l->pause);
    loop_fd_del(l->loop, l->fd);
    close(l->fd);
    free(l);
}

int socket_listener_fd(const struct socket_listener *l)
{
    return l->fd;
}

bool socket_listener_is_unix(const struct socket_listener *l)
{
    return l->is_unix;
}

char *socket_listener_address(const struct startup *st, const char *name, const char *otherwise)
{
    if (!name || !strcmp(name, "default"))
        name = otherwise;
    if (*name == '/' || strchr(name, ':'))
        return mem_strdup(name);
    return mem_printf("%s/%s", startup_runtime_dir(st), name);
}
