/* See host_net.h. */
#include "host/host_net.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/privilege.h"
#include "base/vec.h"
#include "control/loop.h"
#include "control/module.h"
#include "control/piste.h"
#include "host/host_internal.h"

#define DATAGRAM_BYTES 32768 /* the kernel's longest */
#define EVENTS_BYTES (1 << 20)

const char host_module_name[] = "host";

static struct log_class log_class = {"host", NULL};

/* Somebody waits for all of a kind. */
struct question {
    struct host_listener *listener;
    enum host_kind kind;
};

struct host_net {
    struct host_nets *all;
    u32 users;
    dev_t dev; /* which namespace it is */
    ino_t ino;
    int ns_fd, own_ns_fd; /* -1: it is the process's own */
    int ioctl_fd;
    struct mnl_socket *requests, *events, *answers;
    u32 sequence;
    VEC(struct host_listener *) listeners; /* NULL: one that went while events were told */
    u32 groups;                            /* that events has joined, by kind */
    VEC(struct question) questions;        /* the first one is being answered */
    bool telling;
};

/* --- the namespace --- */

static int open_spec(const char *spec, struct error *e)
{
    char path[256];
    if (!spec)
        snprintf(path, sizeof(path), "/proc/self/ns/net");
    else if (!strncmp(spec, "pid:", 4))
        snprintf(path, sizeof(path), "/proc/%d/ns/net", atoi(spec + 4));
    else if (spec[0] == '/')
        snprintf(path, sizeof(path), "%s", spec);
    else
        snprintf(path, sizeof(path), "/var/run/netns/%s", spec);
    /* another process's is shown to who may look into that */
    if (spec)
        privilege_raise(PRIVILEGE_NAMESPACES);
    int fd = open(path, O_RDONLY | O_CLOEXEC), code = errno;
    if (spec)
        privilege_lower(PRIVILEGE_NAMESPACES);
    return fd < 0 ? error_errno(e, code, "no network namespace %s", spec ? spec : path) : fd;
}

int host_net_enter(struct host_net *n, struct error *e)
{
    if (n->ns_fd < 0)
        return 0;
    privilege_raise(PRIVILEGE_NAMESPACES);
    int rc = setns(n->ns_fd, CLONE_NEWNET) ? -errno : 0;
    privilege_lower(PRIVILEGE_NAMESPACES);
    return rc ? error_errno(e, -rc, "cannot enter a network namespace%s",
                            PRIVILEGE_HINT(-rc, "CAP_SYS_ADMIN"))
              : 0;
}

void host_net_leave(struct host_net *n)
{
    if (n->ns_fd < 0)
        return;
    privilege_raise(PRIVILEGE_NAMESPACES);
    if (setns(n->own_ns_fd, CLONE_NEWNET))
        panic("cannot come back from a network namespace: %s", strerror(errno));
    privilege_lower(PRIVILEGE_NAMESPACES);
}

static struct mnl_socket *open_netlink(int flags, struct error *e)
{
    struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, flags | SOCK_CLOEXEC);
    if (s && mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0) {
        int code = errno;
        mnl_socket_close(s);
        errno = code;
        s = NULL;
    }
    if (!s)
        error_errno(e, errno, "netlink");
    return s;
}

static void on_events(void *arg, u32 events);
static void on_answers(void *arg, u32 events);

static int host_net_open_sockets(struct host_net *n, struct error *e)
{
    struct loop *loop = n->all->piste->loop;
    int rc = host_net_enter(n, e), size = EVENTS_BYTES;
    if (rc)
        return rc;
    n->requests = open_netlink(0, e);
    n->events = n->requests ? open_netlink(SOCK_NONBLOCK, e) : NULL;
    n->answers = n->events ? open_netlink(SOCK_NONBLOCK, e) : NULL;
    n->ioctl_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    host_net_leave(n);
    if (!n->answers)
        return -e->code;
    /* as much as asked for with CAP_NET_ADMIN, else what the system allows */
    int fd = mnl_socket_get_fd(n->events);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) &&
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)))
        log_debug(&log_class, "netlink: the socket's buffer stays as it is");
    rc = loop_fd_add(loop, fd, EPOLLIN, on_events, n, e);
    if (!rc)
        rc = loop_fd_add(loop, mnl_socket_get_fd(n->answers), EPOLLIN, on_answers, n, e);
    return rc;
}

static void socket_free(struct loop *loop, struct mnl_socket *s)
{
    if (!s)
        return;
    loop_fd_del(loop, mnl_socket_get_fd(s));
    mnl_socket_close(s);
}

static void net_free(struct host_net *n)
{
    struct loop *loop = n->all->piste->loop;
    socket_free(loop, n->events);
    socket_free(loop, n->answers);
    if (n->requests)
        mnl_socket_close(n->requests);
    if (n->ioctl_fd >= 0)
        close(n->ioctl_fd);
    if (n->ns_fd >= 0) {
        close(n->ns_fd);
        close(n->own_ns_fd);
    }
    vec_free(&n->listeners);
    vec_free(&n->questions);
    free(n);
}

struct host_net *host_net_open(struct piste *p, const char *spec, struct error *e)
{
    struct host_nets *all = module_state(p, host_module_name);
    struct stat st, own;
    int fd = open_spec(spec, e);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) || stat("/proc/self/ns/net", &own)) {
        error_errno(e, errno, "network namespace");
        close(fd);
        return NULL;
    }
    for (u32 i = 0; i < all->nets.n; i++) {
        struct host_net *n = all->nets.v[i];
        if (n->dev == st.st_dev && n->ino == st.st_ino) {
            close(fd);
            n->users++;
            return n;
        }
    }
    struct host_net *n = mem_alloc(sizeof(*n));
    *n = (struct host_net){.all = all, .users = 1, .dev = st.st_dev, .ino = st.st_ino};
    bool is_own = st.st_dev == own.st_dev && st.st_ino == own.st_ino;
    n->ns_fd = is_own ? -1 : fd;
    n->own_ns_fd = is_own ? -1 : open_spec(NULL, e);
    n->ioctl_fd = -1;
    if (is_own)
        close(fd);
    if (host_net_open_sockets(n, e)) {
        net_free(n);
        return NULL;
    }
    vec_add(&all->nets, n);
    return n;
}

void host_net_close(struct host_net *n)
{
    if (!n || --n->users)
        return;
    struct host_nets *all = n->all;
    for (u32 i = 0; i < all->nets.n; i++)
        if (all->nets.v[i] == n) {
            vec_del(&all->nets, i);
            break;
        }
    net_free(n);
}

struct host_nets *host_nets_of(const struct host_net *n)
{
    return n->all;
}

int host_net_fd(const struct host_net *n, struct error *e)
{
    int fd = n->ns_fd >= 0 ? fcntl(n->ns_fd, F_DUPFD_CLOEXEC, 0) : open_spec(NULL, e);
    return fd < 0 && n->ns_fd >= 0 ? error_errno(e, errno, "network namespace") : fd;
}

int host_net_ioctl_fd(const struct host_net *n)
{
    return n->ioctl_fd;
}

/* --- telling --- */

static void host_net_tell(void *arg, const struct host_event *ev)
{
    struct host_net *n = arg;
    for (u32 i = 0; i < n->listeners.n; i++) {
        struct host_listener *l = n->listeners.v[i];
        if (l && (l->kinds & HOST_KINDS(ev->kind)))
            l->event(l->arg, ev);
    }
}

static void tell_lost(struct host_net *n)
{
    log_warn(&log_class, "netlink: messages were lost, all is looked at anew");
    for (u32 i = 0; i < n->listeners.n; i++) {
        struct host_listener *l = n->listeners.v[i];
        if (l && l->lost)
            l->lost(l->arg);
    }
}

static void forget_the_gone(struct host_net *n)
{
    u32 k = 0;
    for (u32 i = 0; i < n->listeners.n; i++)
        if (n->listeners.v[i])
            n->listeners.v[k++] = n->listeners.v[i];
    n->listeners.n = k;
}

static void on_events(void *arg, u32 events)
{
    struct host_net *n = arg;
    char *buf = mem_alloc(DATAGRAM_BYTES);
    n->telling = true;
    for (;;) {
        ssize_t got = mnl_socket_recvfrom(n->events, buf, DATAGRAM_BYTES);
        if (got < 0 && (errno == ENOBUFS || errno == ENOSPC))
            tell_lost(n);
        else if (got <= 0)
            break;
        else
            host_events_parse(buf, (size_t)got, host_net_tell, n);
    }
    n->telling = false;
    forget_the_gone(n);
    free(buf);
}

static const u16 groups[HOST_KIND_N][2] = {
    [HOST_LINK] = {RTNLGRP_LINK},
    [HOST_ADDRESS] = {RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR},
    [HOST_NEIGHBOR] = {RTNLGRP_NEIGH},
    [HOST_ROUTE] = {RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE},
};

int host_net_listen(struct host_net *n, struct host_listener *l, struct error *e)
{
    int fd = mnl_socket_get_fd(n->events);
    for (u32 kind = 0; kind < HOST_KIND_N; kind++) {
        u32 bit = HOST_KINDS(kind);
        if (!(l->kinds & bit & ~n->groups))
            continue;
        for (u32 i = 0; i < 2 && groups[kind][i]; i++) {
            int group = groups[kind][i];
            if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
                return error_errno(e, errno, "netlink");
        }
        n->groups |= bit;
    }
    vec_add(&n->listeners, l);
    return 0;
}

static void ask_next(struct host_net *n);

void host_net_unlisten(struct host_net *n, struct host_listener *l)
{
    for (u32 i = 0; i < n->listeners.n; i++)
        if (n->listeners.v[i] == l)
            n->listeners.v[i] = NULL;
    if (!n->telling)
        forget_the_gone(n);
    /* the kernel goes on with the first; nobody listens */
    for (u32 i = n->questions.n; i-- > 0;) {
        if (n->questions.v[i].listener != l)
            continue;
        if (i == 0)
            n->questions.v[i].listener = NULL;
        else
            vec_del(&n->questions, i);
    }
}

/* --- asking for all --- */

static void host_net_take(struct host_net *n, struct host_event *ev)
{
    struct host_listener *l = n->questions.v[0].listener;
    ev->asked = true;
    if (l)
        l->event(l->arg, ev);
}

static void answer_is_over(struct host_net *n)
{
    struct host_event last = {.kind = n->questions.v[0].kind, .is_last = true};
    host_net_take(n, &last);
    vec_del(&n->questions, 0);
    ask_next(n);
}

static const u16 get_types[HOST_KIND_N] = {RTM_GETLINK, RTM_GETADDR, RTM_GETNEIGH, RTM_GETROUTE};

static void ask_next(struct host_net *n)
{
    struct host_request r;
    if (!n->questions.n)
        return;
    /* all of these begin with the family: 0, any */
    host_request_begin(&r, get_types[n->questions.v[0].kind], NLM_F_DUMP, sizeof(struct ifinfomsg));
    r.h->nlmsg_flags &= (u16)~NLM_F_ACK;
    r.h->nlmsg_seq = ++n->sequence;
    if (mnl_socket_sendto(n->answers, r.h, r.h->nlmsg_len) < 0)
        log_error(&log_class, "netlink: %s", strerror(errno));
}

void host_net_ask(struct host_net *n, struct host_listener *l, enum host_kind kind)
{
    vec_add(&n->questions, ((struct question){l, kind}));
    if (n->questions.n == 1)
        ask_next(n);
}

/* One datagram of an answer; false: it was the last. */
static bool take_answer(struct host_net *n, const void *datagram, int left)
{
    struct host_event ev;
    for (const struct nlmsghdr *h = datagram; host_message_ok(h, left);
         h = mnl_nlmsg_next(h, &left)) {
        if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
            return false;
        if (host_event_parse(h, &ev))
            host_net_take(n, &ev);
    }
    return true;
}

static void on_answers(void *arg, u32 events)
{
    struct host_net *n = arg;
    char *buf = mem_alloc(DATAGRAM_BYTES);
    ssize_t got = mnl_socket_recvfrom(n->answers, buf, DATAGRAM_BYTES);
    /* one datagram a round: a large table does not hold up the loop */
    if (got > 0 && n->questions.n && !take_answer(n, buf, (int)got))
        answer_is_over(n);
    free(buf);
}

/* --- requests --- */

void *host_request_begin(struct host_request *r, u16 type, u16 flags, size_t bytes)
{
    r->h = mnl_nlmsg_put_header(r->bytes);
    r->h->nlmsg_type = type;
    r->h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
    return mnl_nlmsg_put_extra_header(r->h, bytes);
}

int host_request_get(struct host_net *n, struct host_request *r,
                     void (*fn)(void *arg, const struct host_event *ev), void *arg)
{
    u8 *buf = mem_alloc(DATAGRAM_BYTES);
    int rc = -EIO;
    bool done = false;
    r->h->nlmsg_seq = ++n->sequence;
    if (mnl_socket_sendto(n->requests, r->h, r->h->nlmsg_len) < 0) {
        rc = -errno;
        done = true;
    }
    while (!done) {
        ssize_t got = mnl_socket_recvfrom(n->requests, buf, DATAGRAM_BYTES);
        if (got <= 0) {
            rc = got < 0 ? -errno : -EIO;
            break;
        }
        int left = (int)got;
        struct host_event ev;
        for (const struct nlmsghdr *h = (void *)buf; host_message_ok(h, left);
             h = mnl_nlmsg_next(h, &left)) {
            if (h->nlmsg_seq != r->h->nlmsg_seq)
                continue;
            if (h->nlmsg_type == NLMSG_ERROR) {
                const struct nlmsgerr *err = mnl_nlmsg_get_payload(h);
                rc = mnl_nlmsg_get_payload_len(h) >= sizeof(*err) ? err->error : -EIO;
                done = true;
            } else if (fn && host_event_parse(h, &ev)) {
                fn(arg, &ev);
            }
        }
    }
    free(buf);
    return rc;
}

int host_request_send(struct host_net *n, struct host_request *r)
{
    return host_request_get(n, r, NULL, NULL);
}

/* --- all of them --- */

int host_init(struct piste *p, void **state, struct error *e)
{
    struct host_nets *all = mem_alloc(sizeof(*all));
    all->piste = p;
    *state = all;
    int rc = aside_init(&all->aside, p->loop, e);
    if (rc)
        free(all);
    return rc;
}

void host_stop(struct piste *p, void *state)
{
    struct host_nets *all = state;
    while (all->nets.n) {
        struct host_net *n = all->nets.v[0];
        vec_del(&all->nets, 0);
        net_free(n);
    }
    vec_free(&all->nets);
    aside_fini(&all->aside);
    free(all);
}
