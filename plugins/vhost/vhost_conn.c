/* Who is at the socket of an interface: connecting, accepting, reading messages, and what ends it.
 * One message is handled at a time, so that a peer that floods others with them waits in its turn.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/foreign_fd.h"
#include "base/log.h"
#include "control/listen.h"
#include "control/loop.h"
#include "control/socket_listener.h"
#include "plugins/vhost/vhost_internal.h"

#define RETRY_NS NS_PER_SEC

static struct log_class log_class = {"vhost-user", "socket"};

/* --- when there is something to do without a message --- */

static bool vhost_waits(const struct vhost *port)
{
    return port->args.is_server ? !port->listener : !port->conn;
}

static void vhost_plan(const struct vhost_state *s)
{
    bool any = false;
    for (u32 i = 0; i < s->ports.n && !any; i++)
        any = vhost_waits(s->ports.v[i]);
    loop_timer_set(s->piste->loop, s->timer, any ? clock_ns() + RETRY_NS : UINT64_MAX);
}

static void vhost_on_readable(void *arg, u32 events);

static void vhost_conn_new(struct vhost *port, int fd)
{
    struct vhost_conn *c = mem_alloc(sizeof(*c));
    struct error e;
    *c = (struct vhost_conn){
        .port = port, .fd = fd, .serial = ++port->all->serials, .request_fd = -1, .reply_fd = -1};
    if (loop_fd_add(port->piste->loop, fd, EPOLLIN, vhost_on_readable, c, &e)) {
        log_error(&log_class, "%s", e.text);
        close(fd);
        free(c);
        return;
    }
    port->conn = c;
    port->error = 0;
    log_notice(&log_class, "%s: connected at %s", vhost_name(port), port->filename);
}

static void vhost_try_to_connect(struct vhost *port)
{
    struct error e;
    int fd = listen_connect(port->filename, SOCK_STREAM, &e);
    if (fd >= 0) {
        vhost_conn_new(port, fd);
        return;
    }
    port->error = -fd;
    log_debug(&log_class, "%s", e.text);
}

static void vhost_on_timer(void *arg)
{
    const struct vhost_state *s = arg;
    struct error e;
    for (u32 i = 0; i < s->ports.n; i++) {
        struct vhost *port = s->ports.v[i];
        if (!vhost_waits(port))
            continue;
        if (!port->args.is_server)
            vhost_try_to_connect(port);
        else if (vhost_listen(port, &e))
            log_debug(&log_class, "%s", e.text);
    }
    vhost_plan(s);
}

void vhost_connect(struct vhost *port)
{
    if (!port->args.is_server && !port->conn)
        vhost_try_to_connect(port);
    vhost_plan(port->all);
}

/* --- who comes --- */

/* The newest is right: the one before may have died without our hearing of it. */
static void vhost_on_client(void *arg, int fd)
{
    struct vhost *port = arg;
    if (port->conn)
        vhost_close(port->conn, "another peer has connected");
    vhost_conn_new(port, fd);
}

int vhost_listen(struct vhost *port, struct error *e)
{
    struct error why;
    port->listener = socket_listener_new(port->piste->loop, port->filename, SOCK_STREAM, 1,
                                         &log_class, vhost_on_client, port, &why);
    port->error = port->listener ? 0 : why.code;
    return port->listener ? 0 : error_set(e, why.code, "%s", why.text);
}

void vhost_close(struct vhost_conn *c, const char *reason)
{
    struct vhost *port = c->port;
    log_notice(&log_class, "%s: disconnected: %s", vhost_name(port), reason);
    vhost_rings_stop(port);
    vhost_rings_reset(port);
    port->conn = NULL;
    vhost_rings_start(port); /* none: the link goes down */
    vhost_offloads_follow(port);
    loop_fd_del(port->piste->loop, c->fd);
    close(c->fd);
    for (u32 i = 0; i < c->n_fds; i++)
        close(c->fds[i]);
    vhost_memory_free(c);
    vhost_areas_free(c);
    if (c->request_fd >= 0)
        close(c->request_fd);
    free(c);
    vhost_plan(port->all);
}

void vhost_close_socket(struct vhost *port)
{
    socket_listener_free(port->listener);
    port->listener = NULL;
    if (port->conn)
        vhost_close(port->conn, "interface deleted");
}

/* --- receiving --- */

/* Reads what is missing of the message; returns whether it is whole. */
static bool vhost_receive(struct vhost_conn *c, const char **bad)
{
    u32 header_bytes = sizeof(c->message.header);
    bool in_header = c->got < header_bytes;
    u32 want = in_header ? header_bytes : header_bytes + c->message.header.bytes;
    u8 *to = in_header ? (u8 *)&c->message.header + c->got
                       : (u8 *)&c->message.u64 + (c->got - header_bytes);
    ssize_t n = foreign_fd_receive(c->fd, to, want - c->got, c->fds, VHOST_MESSAGE_FDS, &c->n_fds);
    if (n == -EAGAIN || n == -EINTR)
        return false;
    if (n <= 0) {
        *bad = !n               ? "the peer has closed it"
               : n == -EMSGSIZE ? "too many descriptors"
                                : "read error";
        return false;
    }
    c->got += (u32)n;
    return c->got == want;
}

static void vhost_on_readable(void *arg, u32 events)
{
    struct vhost_conn *c = arg;
    const char *bad = NULL;
    bool whole = vhost_receive(c, &bad);
    if (whole && c->got == sizeof(c->message.header) && c->message.header.bytes) {
        u32 most = sizeof(c->message) - offsetof(struct vhost_message, u64);
        if (c->message.header.bytes > most)
            bad = "a message is too long";
        whole = !bad && vhost_receive(c, &bad);
    }
    if (bad) {
        vhost_close(c, bad);
        return;
    }
    if (!whole)
        return;
    c->got = 0;
    vhost_take_message(c);
}

/* --- memory that was cut short --- */

static void vhost_on_cut(void *arg, u32 events)
{
    struct vhost_state *s = arg;
    u64 count;
    if (read(s->cut_fd, &count, sizeof(count)) < 0)
        return;
    for (u32 i = 0; i < s->ports.n; i++) {
        struct vhost_conn *c = s->ports.v[i]->conn;
        if (c && vhost_memory_is_cut(c))
            vhost_close(c, "its memory was made shorter");
    }
}

int vhost_conns_init(struct vhost_state *s, struct error *e)
{
    struct loop *loop = s->piste->loop;
    s->cut_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (s->cut_fd < 0)
        return error_errno(e, errno, "eventfd");
    int rc = loop_fd_add(loop, s->cut_fd, EPOLLIN, vhost_on_cut, s, e);
    if (rc) {
        close(s->cut_fd);
        return rc;
    }
    s->timer = loop_timer_add(loop, UINT64_MAX, 0, vhost_on_timer, s);
    return 0;
}

void vhost_conns_fini(struct vhost_state *s)
{
    loop_timer_del(s->piste->loop, s->timer);
    loop_fd_del(s->piste->loop, s->cut_fd);
    close(s->cut_fd);
}
