/* AF_XDP interfaces: a port onto a Linux network device that takes frames before the kernel's stack
 * has seen them, into memory that is ours.
 *
 *   create interface af_xdp host-if x0 num-rx-queues all       makes x0/0
 *
 *            ┌── XDP program: queue i of the device goes to socket i, if there is one
 *   device ──┤
 *            └── socket i: rings of positions in the UMEM, a pool of packet buffers
 *
 * Received frames stay where the kernel (or the device) put them; what leaves is copied into the
 * UMEM unless it is there. Needs CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF. */
#pragma once

#include <net/if.h>

#include "base/error.h"
#include "engine/index.h"
#include "net/link/interface/interface.h"

#define AF_XDP_NS_BYTES 64
#define AF_XDP_PROGRAM_BYTES 256
#define AF_XDP_QUEUES_ALL 65535

enum af_xdp_mode { AF_XDP_AUTO, AF_XDP_COPY, AF_XDP_ZERO_COPY };

struct af_xdp_args {
    char host_name[IFNAMSIZ];
    char name[IF_NAME_BYTES]; /* "": the device's, and a number */
    u32 n_rx_queues;          /* 0: 1; AF_XDP_QUEUES_ALL */
    u32 rx_size, tx_size;     /* frames of a ring; 0: 512 */
    enum af_xdp_mode mode;
    bool no_syscall_lock;               /* kept: no queue has such a lock */
    bool mac_reuse;                     /* the device's MAC address; else a random one */
    bool generic;                       /* behind the driver, also where that could do it */
    bool busy_poll;                     /* the data thread runs the driver when it finds nothing */
    char program[AF_XDP_PROGRAM_BYTES]; /* where it is pinned; "": our own */
    char netns[AF_XDP_NS_BYTES];        /* as host_net_open takes it */
    bool waits; /* a device that is not there is waited for: its saved interface comes back */
};

/* -ENODEV: no such device; -EEXIST: there is an interface of that name; -EAGAIN: another socket has
 * a queue, maybe one that the kernel still closes: to be tried again in a moment. */
int af_xdp_create(struct piste *p, const struct af_xdp_args *args, struct if_index *out,
                  struct error *e) MUST_CHECK;
/* -ENODEV: i is none. */
int af_xdp_delete(struct piste *p, struct if_index i, struct error *e) MUST_CHECK;
