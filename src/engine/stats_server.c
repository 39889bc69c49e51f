/* The socket where clients get the stats segment: one descriptor to everybody who connects, and
 * good-bye. Nothing is read from them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "control/listen.h"
#include "control/socket_listener.h"
#include "engine/engine_internal.h"

enum { BACKLOG = 128 };

static struct log_class log_class = {"stats", "socket"};

struct stats_server {
    struct engine *engine;
    char *path;
    struct socket_listener *listener; /* NULL: it does not listen */
};

static void send_segment(struct stats_server *s, int client)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    int fd = stats_fd(s->engine->stats);
    /* qemu, when it emulates another processor, sends no message without one */
    struct iovec nothing = {0};
    struct msghdr m = {.msg_iov = &nothing,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(int));
    if (sendmsg(client, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_debug(&log_class, "cannot send the segment to a client: %s", strerror(errno));
}

static void stats_server_on_client(void *arg, int client)
{
    struct stats_server *s = arg;
    stats_collect_from_now(s->engine);
    send_segment(s, client);
    close(client);
}

int stats_listen(struct piste *p, struct error *err)
{
    struct engine *e = engine_of(p);
    struct stats_server *s = e->stats_server = mem_alloc(sizeof(*s));
    s->engine = e;
    s->path = socket_listener_address(p->startup, p->startup->statseg.socket_name, "stats.sock");
    s->listener = socket_listener_new(p->loop, s->path, SOCK_SEQPACKET, BACKLOG, &log_class,
                                      stats_server_on_client, s, err);
    int rc = s->listener ? 0 : -err->code;
    if (!rc && !socket_listener_is_unix(s->listener))
        rc = error_set(err, EINVAL, "`%s' is no unix socket", s->path);
    if (!rc)
        rc = listen_give(s->path, p->startup, err);
    if (!rc)
        return 0;
    error_prefix(err, "statseg");
    socket_listener_free(s->listener);
    s->listener = NULL;
    return rc;
}

void stats_server_free(struct engine *e)
{
    struct stats_server *s = e->stats_server;
    if (!s)
        return;
    if (s->listener && *s->path == '/')
        unlink(s->path);
    socket_listener_free(s->listener);
    free(s->path);
    free(s);
    e->stats_server = NULL;
}
