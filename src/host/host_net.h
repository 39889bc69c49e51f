/* Network namespaces of this host: asking Linux for changes, and hearing of those that others make.
 *
 *   host_net_open ─► request (one answer, at once)      host_link.h, host_ip.h say what there is
 *                └─► listen  (events, as they come)     host_event.h
 *                └─► ask     (all that there is, as events to who asked)
 *
 * Ports onto Linux devices use it (packet sockets, taps, AF_XDP), and whoever mirrors addresses or
 * routes. A namespace is opened once, however many use it. Context: control thread. */
#pragma once

#include "base/error.h"
#include "host/host_event.h"

struct module;
struct nlmsghdr;
struct piste;
struct host_net;

extern const struct module host_module;

/* spec: NULL for the namespace that the process is in, "pid:N", an absolute path, or a name of
 * /var/run/netns. NULL, and e says why: there is none such, or it may not be entered. Owned: give
 * it back with host_net_close. */
struct host_net *host_net_open(struct piste *p, const char *spec, struct error *e) MUST_CHECK;
void host_net_close(struct host_net *n);
/* This thread is in the namespace until host_net_leave: sockets that are made meanwhile, and
 * devices, belong to it. Not nested. */
int host_net_enter(struct host_net *n, struct error *e) MUST_CHECK;
void host_net_leave(struct host_net *n);

/* A descriptor of the namespace, which is the caller's; -errno. */
int host_net_fd(const struct host_net *n, struct error *e) MUST_CHECK;
/* A descriptor for ioctls on its devices; borrowed. */
int host_net_ioctl_fd(const struct host_net *n);

/* --- hearing --- */

#define HOST_KINDS(kind) (1u << (kind))

/* The caller's, until host_net_unlisten. */
struct host_listener {
    u32 kinds; /* HOST_KINDS */
    void (*event)(void *arg, const struct host_event *ev);
    /* Messages were lost, because too many came at once: what is known may be wrong. */
    void (*lost)(void *arg);
    void *arg;
};

int host_net_listen(struct host_net *n, struct host_listener *l, struct error *e) MUST_CHECK;
void host_net_unlisten(struct host_net *n, struct host_listener *l);
/* All that there is of one kind comes to l as events that are `asked`, after this returned; one
 * that is_last ends it, also when the kernel refuses. */
void host_net_ask(struct host_net *n, struct host_listener *l, enum host_kind kind);

/* --- requests --- */

#define HOST_REQUEST_BYTES 512

/* A message being made: begin, add attributes (libmnl), send. */
struct host_request {
    struct nlmsghdr *h;
    u8 bytes[HOST_REQUEST_BYTES] __attribute__((aligned(8)));
};

/* Returns the message's fixed part, of so many bytes, zeroed. type: RTM_*; flags: NLM_F_* beside
 * those that every request has. */
void *host_request_begin(struct host_request *r, u16 type, u16 flags, size_t bytes);
/* Sends it and waits for what the kernel says: 0 or -errno. */
int host_request_send(struct host_net *n, struct host_request *r) MUST_CHECK;
/* The same for one that is answered by a message: fn gets it. */
int host_request_get(struct host_net *n, struct host_request *r,
                     void (*fn)(void *arg, const struct host_event *ev), void *arg) MUST_CHECK;
