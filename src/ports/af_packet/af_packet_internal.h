/* What the files of the AF_PACKET port share. */
#pragma once

#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "engine/feature.h"
#include "engine/thread.h"
#include "engine/tx_queue.h"
#include "host/host_link.h"
#include "net/link/interface/interface.h"
#include "net/link/virtio/virtio_header.h"
#include "ports/af_packet/af_packet.h"

#define AF_PACKET_BATCH 64 /* frames that one recvmmsg takes */
#define AF_PACKET_LARGE_BATCH                                                                      \
    8 /* while large frames come: so many large buffers stay in use, not 64 */
/* Large buffers of a frame that is longer than 64 KB: the kernel's limit is 512 KB (BIG TCP). */
#define AF_PACKET_PARTS 9
#define AF_PACKET_QUEUES_MAX 64
#define AF_PACKET_FRAMES_MAX (1u << 20) /* of a ring */
/* A ring that is made as traffic asks for it holds what comes in so long, while others have the CPU
 * or a larger one is made: the least slots that it has (1 MB), the steps, and the most. */
#define AF_PACKET_RING_HOLDS_NS (20 * NS_PER_MSEC)
#define AF_PACKET_RING_FIRST 512u
#define AF_PACKET_RING_GROWS 4u
#define AF_PACKET_RING_LAST 8192u
#define AF_PACKET_TX_FRAMES 128

/* Room for one PACKET_AUXDATA control message. */
#define AF_PACKET_CONTROL_BYTES 64

/* A ring shared with the kernel, for receiving or for sending; map NULL: none. */
struct af_packet_ring {
    u8 *map;
    size_t bytes;
    u32 n_frames, frame_bytes;
    u32 next; /* slot to look at */
};

static inline struct tpacket2_hdr *af_packet_slot(const struct af_packet_ring *r, u32 i)
{
    return (struct tpacket2_hdr *)(void *)(r->map + (size_t)i * r->frame_bytes);
}

static inline u32 af_packet_slot_after(const struct af_packet_ring *r, u32 i)
{
    return i + 1 == r->n_frames ? 0 : i + 1;
}

/* A packet socket, with a ring or without. */
struct af_packet_socket {
    int fd; /* -1: none */
    struct af_packet_ring ring;
};

/* What a queue sees, from which it is judged whether a ring is worth its memory (af_packet_ring.c).
 * The thread's that is at the queue, but for n_frames, which the control thread reads. */
struct af_packet_demand {
    u64 since_ns;     /* the first of these */
    u32 small, large; /* frames that are to be judged */
    u64 n_frames;     /* small ones ever */
    bool asked;       /* the control thread was told that a ring is wanted; it says no more */
    bool asked_more;  /* likewise, a larger one */
    bool is_full;     /* the ring was, or soon will be */
};

/* What is seen is judged when it is so many frames and so long, or much longer. */
#define AF_PACKET_WINDOW_FRAMES 400
#define AF_PACKET_WINDOW_NS (5 * NS_PER_MSEC)
#define AF_PACKET_WINDOW_LAST_NS NS_PER_SEC

/* Notes frames; returns whether it is time to judge. */
ALWAYS_INLINE bool af_packet_demand_note(struct af_packet_demand *d, u64 now_ns, u32 small,
                                         u32 large)
{
    __atomic_store_n(&d->n_frames, d->n_frames + small, __ATOMIC_RELAXED);
    if (!(d->small + d->large))
        d->since_ns = now_ns;
    d->small += small;
    d->large += large;
    u64 passed = now_ns - d->since_ns;
    return passed >= AF_PACKET_WINDOW_LAST_NS ||
           (passed >= AF_PACKET_WINDOW_NS && d->small + d->large >= AF_PACKET_WINDOW_FRAMES);
}

/* One receive queue: the sockets and the buffers posted for them. The data thread's, but for making
 * and closing. */
struct af_packet_queue {
    struct rx_queue rx;
    struct af_packet *port;
    struct af_packet_socket now;
    struct af_packet_socket next; /* that is to take now's place: looked at when now is empty */
    bool turns; /* the filters of both do that: af_packet_fast_turn. The control thread's */
    struct af_packet_demand demand;
    u32 n_posted;    /* buffers in small[] (and large[]) that wait for a frame */
    u32 batch;       /* frames to ask for next */
    u32 pressure;    /* full batches since the kernel's drops were last read */
    u32 long_frames; /* so many of the next may be longer than two buffers: one by one */
    u32 small[AF_PACKET_BATCH], large[AF_PACKET_BATCH];
    struct mmsghdr msg[AF_PACKET_BATCH];
    struct iovec iov[AF_PACKET_BATCH][3];
    u8 vnet[AF_PACKET_BATCH][VIRTIO_HEADER_BYTES];
    u8 control[AF_PACKET_BATCH][AF_PACKET_CONTROL_BYTES] __attribute__((aligned(8)));
    /* the control thread's */
    struct af_packet_change *change; /* under way; NULL: none */
    u64 seen_frames;
    u32 quiet;      /* times in a row that it had little to do */
    u32 probe_turn; /* the data thread's */
};

/* One transmit queue. A socket that has a ring sends only by it, so that there are two. */
struct af_packet_tx {
    struct tx_queue q;
    int fd; /* -1: the device is gone. Read by data threads */
    struct af_packet_socket by_ring;
    bool has_ring; /* by_ring may be used. Read by data threads */
    struct af_packet_demand demand;
    /* the control thread's */
    struct af_packet_change *change;
    u64 seen_frames;
    u32 quiet;
};

/* Of the device, as last heard: what packets notice. */
struct af_packet_heard {
    u32 mtu;
    int master;
    bool up, running;
    u8 mac[6];
};

struct af_packet {
    struct piste *piste;
    char host_name[IFNAMSIZ];   /* no other port has it */
    int host_index;             /* 0: the device is gone */
    char device_name[IFNAMSIZ]; /* as last heard: host_name, unless that is another port's */
    struct if_index interface;
    struct af_packet_args args; /* pointers in it are not kept */
    u8 mac[6];
    bool admin_up;
    bool was_open;    /* once, since it was made */
    bool fixed_rings; /* of receive queues: made at once, of the size that was asked for */
    u32 n_queues;
    struct af_packet_queue **queues;
    struct rx_queue **rx; /* the same, for struct interface */
    struct af_packet_tx *tx;
    u32 n_tx;
    struct tx_queue **tx_queue; /* in tx */
    struct tx_queues tx_queues;
    const struct feature_arc *device_input;
    bool has_ip6; /* there is a node ip6-input */
    u32 host_mtu;
    bool is_fast; /* its packets may stay in the kernel: af_packet_fast.c. Read by data threads */
    bool is_watched;
    bool is_held;                     /* an earlier life's program is at the device, too */
    bool is_replayed;                 /* is_held: what is replayed has made it */
    u64 phase_since_ns;               /* is_held: of its enum af_packet_bpf_phase */
    int ingress_fd;                   /* of the program at the device, by tcx; -1: none */
    u16 tc_priority;                  /* of the program there by clsact; 0: none */
    struct af_packet_bpf_port *place; /* while it has sockets; NULL: it cannot be in it */
    u32 own_mtu; /* host_mtu before it was raised for the interface; 0: it is that */
    struct af_packet_heard heard;
    u32 features;       /* enum host_features, as last heard */
    u32 first_features; /* as they were when the interface was made */
};

enum af_packet_input_error {
    AF_PACKET_INPUT_ERR_TRUNCATED,
    AF_PACKET_INPUT_ERR_BAD_VNET,
    AF_PACKET_INPUT_ERR_GSO,
    AF_PACKET_INPUT_ERR_NO_BUFFER,
    AF_PACKET_INPUT_ERR_KERNEL_DROP,
    AF_PACKET_INPUT_ERR_IP6,
    AF_PACKET_INPUT_ERR_NO_IP,
    AF_PACKET_INPUT_ERR_N
};
enum {
    AF_PACKET_INPUT_NEXT_ETHERNET,
    AF_PACKET_INPUT_NEXT_IP4,
    AF_PACKET_INPUT_NEXT_IP6,
    AF_PACKET_INPUT_NEXT_DROP,
    AF_PACKET_INPUT_NEXT_N
};

enum af_packet_tx_error {
    AF_PACKET_TX_ERR_CONGESTED,
    AF_PACKET_TX_ERR_REFUSED,
    AF_PACKET_TX_ERR_TOO_LONG,
    AF_PACKET_TX_ERR_DOWN,
    AF_PACKET_TX_ERR_GONE,
    AF_PACKET_TX_ERR_NO_QUEUE,
    AF_PACKET_TX_ERR_NOT_CUT,
    AF_PACKET_TX_ERR_N
};
enum { AF_PACKET_TX_NEXT_DROP };

/* Kept with a traced packet's hop through af-packet-input. */
struct af_packet_trace {
    struct if_index interface;
    u32 queue, len;
    u16 vlan_tci, vlan_tpid;
    struct virtio_header vnet;
};

extern const struct node_def af_packet_input_node, af_packet_tx_node;

struct af_packet_bpf;
struct fast_path_backend;

/* Packets that came undecided, as looked at once a second: af_packet_fast.c. */
struct af_packet_undecided {
    u64 seen;    /* the kernel's count at the last look */
    u64 suspect; /* of those, what came since the look before */
    u64 told;    /* that there is no excuse for */
    u32 excused; /* so many looks more nothing counts */
};

struct af_packet_state {
    struct piste *piste;
    VEC(struct af_packet *) ports;
    struct host_net *net; /* NULL when there is none */
    struct host_listener listener;
    struct loop_timer *ring_timer; /* while there are rings that may go */
    struct af_packet_bpf *bpf;     /* NULL: there is no fast path */
    struct fast_path_backend *fast;
    bool fast_on, by_clsact;
    struct loop_timer *held_timer; /* while there may be programs of an earlier life, */
    u64 held_until_ns;             /* which is at most so long */
    u64 held_over_ns;              /* since then there is none where there was one */
    struct af_packet_undecided undecided;
};

/* af_packet.c */
struct af_packet_state *af_packet_state_of(const struct piste *p);
struct af_packet *af_packet_find(const struct piste *p, const char *host_name);
int af_packet_open(struct af_packet *port, struct error *e) MUST_CHECK;
void af_packet_close(struct af_packet *port);
/* After the device's offloads or the user's wishes have changed. */
int af_packet_update_caps(struct af_packet *port, struct error *e) MUST_CHECK;
/* The interface says what the device is: whether it has a link, its speed, and how long its frames
 * may be. */
void af_packet_update_link(struct af_packet *port, const struct host_link *l);

/* af_packet_socket.c. Any thread: what is opened is nobody's yet. */
struct af_packet_socket_args {
    char host_name[IFNAMSIZ];
    int host_index;
    u32 frames; /* of the ring; 0: none */
    bool qdisc_bypass;
};
/* silent: it receives nothing until af_packet_socket_listen, which is for members of a group. */
int af_packet_socket_rx(const struct af_packet_socket_args *a, bool silent,
                        struct af_packet_socket *out, struct error *e) MUST_CHECK;
int af_packet_socket_listen(int fd, struct error *e) MUST_CHECK;
/* What was under way to sockets has passed their filters. For where one may wait. */
void af_packet_socket_wait(void);
int af_packet_socket_tx(const struct af_packet_socket_args *a, struct af_packet_socket *out,
                        struct error *e) MUST_CHECK;
/* Unmaps and closes; s is none then. The kernel waits here. */
void af_packet_socket_give_up(struct af_packet_socket *s);
/* The same aside. Control thread. */
void af_packet_socket_close(struct piste *p, struct af_packet_socket *s);
enum af_packet_group {
    AF_PACKET_GROUP_FLOWS, /* members share the flows */
    AF_PACKET_GROUP_ONE    /* one of them gets all: af_packet_group_choose */
};
/* Puts fd into the group that `with` is in; -1: into one of its own. */
int af_packet_group_join(int fd, int with, enum af_packet_group kind, struct error *e) MUST_CHECK;
/* Which member gets all, by the order in which they came. When it returns, no other gets any. */
int af_packet_group_choose(int fd, u32 member, struct error *e) MUST_CHECK;

/* af_packet_ring.c: rings as the traffic asks for them */
/* Data threads: what this receive or transmit queue has noted is to be judged. */
void af_packet_demand_rx(struct thread *t, struct af_packet_queue *q);
void af_packet_demand_tx(struct thread *t, const struct af_packet *port, struct af_packet_tx *x);
/* Control thread: sockets that are being made for the port are of no use any more. */
void af_packet_changes_forget(struct af_packet *port);
/* Control thread: takes a transmit queue's ring away, if it has one. */
void af_packet_tx_ring_drop(const struct af_packet *port, struct af_packet_tx *x);
/* Control thread: counts what the kernel has lost on a socket that is given up. */
void af_packet_count_drops(const struct af_packet_queue *q, int fd);
void af_packet_rings_stop(struct af_packet_state *s);

/* af_packet_link.c */
int af_packet_link_start(struct af_packet_state *s, struct error *e) MUST_CHECK;
/* Ports take the names of their devices that have become free. */
void af_packet_follow_names(struct af_packet_state *s);
void af_packet_link_stop(struct af_packet_state *s);

/* af_packet_fast.c: the fast path */
/* Makes what the kernel needs for it, if startup.conf asks for one; before capabilities are given
 * up. */
void af_packet_fast_start(struct af_packet_state *s);
void af_packet_fast_stop(struct af_packet_state *s);
/* The port is about to get its sockets: they are silent where it is_held. */
void af_packet_fast_opening(struct af_packet *port);
/* The port has its sockets, all of them bound; it is about to lose them. */
void af_packet_fast_opened(struct af_packet *port);
void af_packet_fast_closing(struct af_packet *port);
/* A device went down or up: its sockets were on no list of the kernel for a moment. */
void af_packet_fast_unhooked(struct af_packet_state *s);
/* fd will be the one that receives for the port. */
void af_packet_fast_socket(const struct af_packet *port, int fd);
/* Whether a socket of the port can take another one's place by filters, in no group. Between two
 * steps all that is under way has to pass (af_packet_socket_wait): -errno, and nothing is done. */
bool af_packet_fast_may_turn(const struct af_packet *port);
enum af_packet_turn {
    AF_PACKET_TURN_NEW,  /* the new one decides about each packet, and takes none */
    AF_PACKET_TURN_OLD,  /* the old one takes what is left to it: all, */
    AF_PACKET_TURN_OVER, /* and nothing from now on */
    AF_PACKET_TURN_DONE
};
int af_packet_fast_turn(const struct af_packet *port, enum af_packet_turn step, int old_fd,
                        int new_fd) MUST_CHECK;
/* fd is the only one now: the other is closed. */
void af_packet_fast_turned(const struct af_packet *port, int fd);

/* af_packet_show.c */
void af_packet_show(void *port, struct out *o, bool verbose);
void af_packet_counts(void *port, if_count_fn *tell, void *to);

/* for the record in af_packet_module.c */
extern const char af_packet_module_name[];
extern const struct cli_command af_packet_commands[];
extern const struct api_handler af_packet_api[];
int af_packet_init(struct piste *p, void **state, struct error *e);
void af_packet_stop(struct piste *p, void *state);
void af_packet_running_config(void *port, struct text *t);
