/* What vhost's own files share. */
#pragma once

#include "base/foreign_map.h"
#include "base/mem.h"
#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "engine/feature.h"
#include "engine/rx_queue.h"
#include "engine/tx_queue.h"
#include "net/link/interface/interface.h"
#include "net/link/virtio/virtio_header.h"
#include "plugins/vhost/vhost.h"
#include "plugins/vhost/vhost_protocol.h"

#define VHOST_PAIRS_MAX 128 /* of queues of an interface */
#define VHOST_REGIONS_MAX 32
#define VHOST_UNASKED_ALL (1u << 16) /* it was never asked: whatever it waits for has passed */

struct vhost;
struct vhost_conn;

/* --- what data threads see --- */

/* The guest's memory as it is mapped here. */
struct vhost_region {
    u64 guest, user, bytes; /* where the guest, and the front end, have it */
    u8 *at;
    u64 offset; /* in what was mapped */
    struct foreign_map map;
};

struct vhost_memory {
    u32 n;
    struct vhost_region region[VHOST_REGIONS_MAX];
};

/* What a data thread has found of a ring that cannot be gone on with. */
enum vhost_fault { VHOST_FAULT_NONE, VHOST_FAULT_INDEX, VHOST_FAULT_HEAD, VHOST_FAULT_CHAIN };

/* A virtqueue, of either kind. What is taken from it is given back before anybody else looks, and
 * in the same order: so there is one index, which is also how far it is used. */
struct vhost_ring {
    /* data threads */
    bool up; /* they may look at what follows */
    bool packed, event_idx, mergeable;
    u8 fault;        /* enum vhost_fault: it is left alone until the control thread has seen */
    bool told;       /* and that knows of it */
    u8 header_bytes; /* of virtio's header before each packet */
    bool wrap;       /* of a packed ring: what a descriptor that is available has at AVAIL */
    bool armed;      /* the guest was told to kick */
    u16 size;        /* descriptors; 0: it was not told yet */
    u16 at;          /* of a split ring: runs freely; of a packed one: a slot */
    u32 unasked;     /* shown since the guest was last asked whether to interrupt it */
    u32 takes;       /* VIRTIO_TAKES_*: large packets that the guest may send */
    bool takes_ecn;  /* it may be sent such ones with CWR */
    enum virtio_order order;
    u8 *desc;  /* of both kinds */
    u8 *avail; /* struct vring_avail; of a packed ring: struct vring_event of the guest */
    u8 *used;  /* struct vring_used; likewise ours */
    const struct vhost_memory *memory;
    u8 *log; /* a bit for each page of the guest's memory that was written; NULL: none */
    u64 log_bytes;
    bool logs_used; /* also what is written to the ring, which the guest has at log_used */
    u64 log_used;
    u8 *inflight;     /* struct vhost_inflight_*; NULL: none */
    int call_fd;      /* -1: the guest wants no interrupts */
    u64 kicks, calls; /* shown */
    /* control thread */
    struct if_index interface;
    u32 index;  /* of the virtqueue */
    u64 serial; /* of the connection */
    bool has_addr, has_kick, enabled, broken;
    bool positioned; /* at is where we were; otherwise it is looked for at the start, */
    bool recovers;   /* and what is in inflight says more than the front end does */
    struct vhost_vring_addr addr;
    int kick_fd, err_fd; /* -1: none */
};

struct vhost_rx {
    struct rx_queue q;
    struct vhost *port;
    struct vhost_ring ring;
};

struct vhost_tx {
    struct tx_queue q;
    struct vhost *port;
    struct vhost_ring ring;
};

enum vhost_input_error {
    VHOST_INPUT_ERR_NO_BUFFER,
    VHOST_INPUT_ERR_MMAP,
    VHOST_INPUT_ERR_INDIRECT,
    VHOST_INPUT_ERR_UNDERSIZED,
    VHOST_INPUT_ERR_OVERSIZED,
    VHOST_INPUT_ERR_BAD_VNET,
    VHOST_INPUT_ERR_GSO,
    VHOST_INPUT_ERR_N
};
enum { VHOST_INPUT_NEXT_ETHERNET, VHOST_INPUT_NEXT_DROP, VHOST_INPUT_NEXT_N };

enum vhost_tx_error {
    VHOST_TX_ERR_NOT_READY,
    VHOST_TX_ERR_NO_DESC,
    VHOST_TX_ERR_NO_MERGE,
    VHOST_TX_ERR_MMAP,
    VHOST_TX_ERR_INDIRECT,
    VHOST_TX_ERR_NO_QUEUE,
    VHOST_TX_ERR_NOT_CUT,
    VHOST_TX_ERR_N
};
enum { VHOST_TX_NEXT_DROP };

/* Kept with a traced packet's hop through vhost-user-input. */
struct vhost_trace {
    struct if_index interface;
    u32 queue, len;
    struct virtio_header vnet;
};

extern const struct node_def vhost_input_node, vhost_tx_node;

/* --- control thread --- */

struct vhost {
    struct vhost_state *all;
    struct piste *piste;
    struct vhost_args args; /* without pointers; numbers are those in force */
    char *filename;         /* as it is listened on and connected to */
    u8 mac[6];
    struct if_index interface;
    bool admin_up;
    const struct feature_arc *device_input;
    struct socket_listener *listener; /* of a server */
    struct vhost_conn *conn;          /* NULL: nobody is there */
    int error;                        /* errno of the last attempt to connect or listen */
    /* Pairs that were ever used have structs; of them n_rx and n_tx are the interface's queues. */
    struct vhost_rx *rx[VHOST_PAIRS_MAX];
    struct vhost_tx *tx[VHOST_PAIRS_MAX];
    struct rx_queue *rx_queue[VHOST_PAIRS_MAX]; /* the same, for struct interface */
    struct tx_queue *tx_queue[VHOST_PAIRS_MAX];
    struct tx_queues tx_queues;
    u32 n_rx, n_tx;
};

#define VHOST_MESSAGE_FDS 8

/* Somebody at the socket. */
struct vhost_conn {
    struct vhost *port;
    int fd;
    u64 serial;
    u64 features, protocol_features; /* that it has chosen */
    bool has_features;
    u8 status;                   /* virtio's, if it says it */
    u64 mtu;                     /* of the guest; 0: not said */
    struct vhost_memory *memory; /* NULL: none yet */
    struct vhost_area {          /* memory beside that */
        struct foreign_map map;
        u64 offset, bytes;
    } log, inflight;
    u16 inflight_queues, inflight_size;
    int request_fd; /* at which the front end would hear requests of ours; -1 */
    int reply_fd;   /* goes with the answer that is sent next; -1 */
    /* the message that is coming */
    struct vhost_message message;
    u32 got; /* bytes of it */
    int fds[VHOST_MESSAGE_FDS];
    u32 n_fds;
};

struct vhost_state {
    struct piste *piste;
    VEC(struct vhost *) ports; /* as they were made */
    struct loop_timer *timer;
    int cut_fd; /* readable: a guest's memory was cut short */
    u64 serials;
};

struct vhost_state *vhost_state_of(const struct piste *p);

/* vhost.c */
/* NULL: it is none. */
struct vhost *vhost_of(const struct piste *p, struct if_index i);
/* There are structs for these pairs; so many queues are the interface's. */
void vhost_set_queues(struct vhost *port, u32 n_rx, u32 n_tx);
void vhost_make_pair(struct vhost *port, u32 i);
const char *vhost_name(const struct vhost *port);

ALWAYS_INLINE bool vhost_acked(const struct vhost_conn *c, u32 feature)
{
    return c->features & VHOST_BIT(feature);
}

/* Nothing was ever said of it. */
static inline struct vhost_ring vhost_ring_new(u32 index)
{
    return (struct vhost_ring){.index = index, .kick_fd = -1, .call_fd = -1, .err_fd = -1};
}

/* vhost_conn.c: who is at the socket */
/* What there is has changed: a client that has no peer looks for it, a server that could not listen
 * tries again. */
void vhost_connect(struct vhost *port);
int vhost_listen(struct vhost *port, struct error *e) MUST_CHECK;
/* Ends a connection, and all that it has brought. */
void vhost_close(struct vhost_conn *c, const char *reason);
/* Nobody listens or looks for a peer any more. */
void vhost_close_socket(struct vhost *port);
int vhost_conns_init(struct vhost_state *s, struct error *e) MUST_CHECK;
void vhost_conns_fini(struct vhost_state *s);

/* vhost_message.c: what it says */
/* Whole messages, with their descriptors, which the handler takes or leaves. */
void vhost_take_message(struct vhost_conn *c);
/* What the interface does for packets, and how long they may be, is as the guest has it. */
void vhost_offloads_follow(struct vhost *port);
/* What is offered. */
u64 vhost_features(const struct vhost *port);
/* VPP's: what the mask and the words of the command leave. */
u64 vhost_feature_mask(const struct vhost *port);

/* vhost_memory.c */
/* All of the table, or nothing; fds stay the caller's. No ring is up. */
int vhost_memory_set(struct vhost_conn *c, const struct vhost_region_message *region, u32 n,
                     const int *fds, struct error *e) MUST_CHECK;
int vhost_memory_add(struct vhost_conn *c, const struct vhost_region_message *region, int fd,
                     struct error *e) MUST_CHECK;
int vhost_memory_remove(struct vhost_conn *c, const struct vhost_region_message *region,
                        struct error *e) MUST_CHECK;
void vhost_memory_free(struct vhost_conn *c);
bool vhost_memory_is_cut(const struct vhost_conn *c);
/* Where the front end has so many bytes in one piece; NULL: it has not. */
u8 *vhost_memory_of_user(const struct vhost_conn *c, u64 user, u64 bytes);

/* vhost_area.c: memory beside that */
int vhost_log_set(struct vhost_conn *c, const struct vhost_log_message *m, int fd,
                  struct error *e) MUST_CHECK;
/* Makes memory for so many queues, for the front end to hold: its descriptor, or -errno. */
int vhost_inflight_make(struct vhost_inflight_message *m, bool packed, struct error *e) MUST_CHECK;
int vhost_inflight_set(struct vhost_conn *c, const struct vhost_inflight_message *m, int fd,
                       struct error *e) MUST_CHECK;
/* r's part of it; its size is known. NULL: it has none. */
u8 *vhost_inflight_of(const struct vhost_conn *c, const struct vhost_ring *r);
void vhost_areas_free(struct vhost_conn *c);

/* vhost_rings.c: their life */
/* The ring of a message; NULL: there cannot be one. Of a new pair it is made. */
struct vhost_ring *vhost_ring_at(struct vhost *port, u32 index);
/* No data thread looks at it any more. */
void vhost_ring_stop(struct vhost *port, struct vhost_ring *r);
/* All of them. */
void vhost_rings_stop(struct vhost *port);
/* Those that are ready are up after that, and the link is as they are. */
void vhost_rings_start(struct vhost *port);
/* As if nothing was ever said of them. None is up. */
void vhost_rings_reset(struct vhost *port);
void vhost_ring_set_call(struct vhost *port, struct vhost_ring *r, int fd);
/* Of one that is up: another descriptor to be woken by. */
void vhost_ring_set_kick(struct vhost *port, struct vhost_ring *r, int fd);
/* Their positions are in memory that was handed over just now. */
void vhost_rings_recover(struct vhost *port);
/* What came while the interface was down is not for it. No data thread looks there. */
void vhost_ring_discard(struct vhost_ring *r);
extern const struct rx_queue_ops vhost_rx_ops;
/* Data threads: the guest has broken the rules. */
void vhost_ring_fault(struct thread *t, struct vhost_ring *r, enum vhost_fault fault);

/* vhost_show.c */
int vhost_show_command(struct cli_call *c);
void vhost_show_hardware(void *port, struct out *o, bool verbose);

/* for the record in vhost_module.c */
extern const char vhost_module_name[];
extern const struct cli_command vhost_commands[];
extern const struct api_handler vhost_api[];
int vhost_init(struct piste *p, void **state, struct error *e);
void vhost_stop(struct piste *p, void *state);
void vhost_port_config(void *port, struct text *t);
