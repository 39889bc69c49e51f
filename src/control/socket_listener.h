/* Clients of a listening socket, accepted in the event loop. When there are no file descriptors
 * left, connections are left alone for a moment. Control thread. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "control/startup.h"

struct log_class;
struct loop;
struct socket_listener;

/* address, type, backlog: as listen_open has them. on_client: a connection, non-blocking, which is
 * its own then. log: who says what goes wrong. NULL: it cannot listen. */
struct socket_listener *socket_listener_new(struct loop *loop, const char *address, int type,
                                            int backlog, struct log_class *log,
                                            void (*on_client)(void *arg, int fd), void *arg,
                                            struct error *e);
/* Off: who connects waits, without an error. */
void socket_listener_serve(struct socket_listener *l, bool on);
/* NULL: nothing to do. A file that stands for the socket stays. */
void socket_listener_free(struct socket_listener *l);
int socket_listener_fd(const struct socket_listener *l); /* for show */
bool socket_listener_is_unix(const struct socket_listener *l);

/* Address of a socket that startup.conf calls `name`: itself, or a file of that name in the runtime
 * folder; NULL or "default": `otherwise` there. The caller's to free. */
char *socket_listener_address(const struct startup *st, const char *name, const char *otherwise);
