/* Descriptors that pass between processes over Unix sockets: sending and receiving them, and
 * eventfds that somebody else holds the other end of. What the other end does to a descriptor
 * (O_NONBLOCK is its as much as ours) or with it makes nobody here wait. */
#pragma once

#include <sys/types.h>

#include "base/types.h"

/* Sends all of these bytes, and fd with them (-1: none). false: the other end is gone, or does not
 * read. */
bool foreign_fd_send(int socket, const void *bytes, size_t n, int fd) MUST_CHECK;
/* As recv does without waiting: up to n bytes; -EMSGSIZE: more descriptors came along than `most`.
 * Those that came are added to fds[] and *n_fds, also then: the caller closes them. Shapes:
 * fds[most], most <= FOREIGN_FDS_MAX. Returns: bytes, 0: the end; -errno. */
#define FOREIGN_FDS_MAX 16
ssize_t foreign_fd_receive(int socket, void *to, size_t n, int *fds, u32 most,
                           u32 *n_fds) MUST_CHECK;

/* Whether it is an eventfd (or a pipe or socket in the place of one), which neither reads nor
 * writes of this process wait at from now on: of something else a write might wait for somebody. */
enum foreign_event { FOREIGN_EVENTFD, FOREIGN_EVENTFD_OR_STREAM };
bool foreign_event_take(int fd, enum foreign_event kind) MUST_CHECK;
/* It is not readable any more. Any thread. */
void foreign_event_drain(int fd);
/* Wakes who waits for it. Any thread. */
void foreign_event_signal(int fd);
