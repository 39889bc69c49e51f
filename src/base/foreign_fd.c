/* See foreign_fd.h. */
#include "base/foreign_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef RWF_NOWAIT /* musl before 1.2.5 */
#define RWF_NOWAIT 8
#endif

bool foreign_fd_send(int socket, const void *bytes, size_t n, int fd)
{
    union {
        struct cmsghdr align;
        u8 bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {(void *)(uintptr_t)bytes, n};
    struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fd >= 0) {
        memset(&control, 0, sizeof(control));
        h.msg_control = control.bytes;
        h.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *c = CMSG_FIRSTHDR(&h);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(fd));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    }
    return sendmsg(socket, &h, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n;
}

/* Returns false when there are more than there is room for: the rest is closed. */
static bool take_fds(struct msghdr *h, int *fds, u32 most, u32 *n_fds)
{
    bool fit = true;
    for (struct cmsghdr *m = CMSG_FIRSTHDR(h); m; m = CMSG_NXTHDR(h, m)) {
        if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; CMSG_LEN((i + 1) * sizeof(int)) <= m->cmsg_len; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(m) + i * sizeof(fd), sizeof(fd));
            if (*n_fds < most) {
                fds[(*n_fds)++] = fd;
            } else {
                close(fd);
                fit = false;
            }
        }
    }
    return fit && !(h->msg_flags & MSG_CTRUNC);
}

ssize_t foreign_fd_receive(int socket, void *to, size_t n, int *fds, u32 most, u32 *n_fds)
{
    union {
        struct cmsghdr align;
        u8 bytes[CMSG_SPACE(FOREIGN_FDS_MAX * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec iov = {to, n};
    struct msghdr h = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof(control.bytes)};
    ssize_t got = recvmsg(socket, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0)
        return -errno;
    return take_fds(&h, fds, most, n_fds) ? got : -EMSGSIZE;
}

/* What some have in the place of an eventfd. */
static bool is_pipe_or_socket(int fd)
{
    struct stat st;
    return !fstat(fd, &st) && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

bool foreign_event_take(int fd, enum foreign_event kind)
{
    static const char wanted[] = "anon_inode:[eventfd]";
    char path[64], is[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(path, is, sizeof(is)); /* without /proc it is believed */
    return (n < 0 || (n == (ssize_t)strlen(wanted) && !memcmp(is, wanted, (size_t)n)) ||
            (kind == FOREIGN_EVENTFD_OR_STREAM && is_pipe_or_socket(fd))) &&
           !fcntl(fd, F_SETFL, O_NONBLOCK);
}

void foreign_event_drain(int fd)
{
    u64 count;
    struct iovec to = {&count, sizeof(count)};
    if (syscall(SYS_preadv2, fd, &to, 1, -1l, -1l, RWF_NOWAIT) < 0 &&
        (errno == EOPNOTSUPP || errno == ENOSYS) && read(fd, &count, sizeof(count)) < 0) {
        /* somebody else has read it */
    }
}

void foreign_event_signal(int fd)
{
    static const u64 one = 1;
    if (write(fd, &one, sizeof(one)) < 0) {
        /* it is readable already */
    }
}
