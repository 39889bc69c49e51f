/* Listening sockets by their address, as startup.conf has it:
 *
 *     /path                                      a unix socket in the file system
 *     abstract:NAME[,netns_name=N|,netns_pid=P]  one without a file, maybe in another namespace
 *     host[:port], tcp:host[:port]               TCP over IPv4 */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "control/startup.h"

/* The descriptor, non-blocking, or -errno. type: SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM. A path
 * is writable for its group; a socket there that nobody listens on any more is replaced. local:
 * whether it is a unix socket. */
int listen_open(const char *address, int type, int backlog, bool *local,
                struct error *e) MUST_CHECK;
/* A connection to who listens there, non-blocking: the descriptor, or -errno (-ENOENT,
 * -ECONNREFUSED: nobody does; -EAGAIN: too many wait). Unix sockets only. */
int listen_connect(const char *address, int type, struct error *e) MUST_CHECK;
/* Whether it is such an address. -EINVAL. */
int listen_check(const char *address, struct error *e) MUST_CHECK;
/* `api-segment { uid gid }` say who else may use the socket at a path; other addresses are left
 * alone. */
int listen_give(const char *address, const struct startup *st, struct error *e) MUST_CHECK;
