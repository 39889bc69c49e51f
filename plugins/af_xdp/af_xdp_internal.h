/* What the files of the AF_XDP port share. */
#pragma once

#include "base/mem.h"
#include "base/numbers.h"
#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "engine/buffer_pool.h"
#include "engine/thread.h"
#include "engine/tx_queue.h"
#include "host/host_link.h"
#include "plugins/af_xdp/af_xdp.h"
#include "plugins/af_xdp/af_xdp_ring.h"

#define AF_XDP_QUEUES_MAX 64
#define AF_XDP_RING_SIZE 512
#define AF_XDP_RING_SIZE_MIN 256
#define AF_XDP_RING_SIZE_MAX 32768

/* Linux 6.6; headers may be older */
#ifndef XDP_USE_SG
#define XDP_USE_SG (1 << 4)
#endif
#ifndef XDP_PKT_CONTD
#define XDP_PKT_CONTD (1 << 0)
#endif

/* Where a chunk of the UMEM is, when it is not in the pool or a packet on its way. */
enum af_xdp_holder { AF_XDP_OURS, AF_XDP_WITH_RX, AF_XDP_WITH_TX };

/* Memory that packets are in: chunk i is buffer first + i of the pool. It outlives its port for as
 * long as packets are on their way. */
struct af_xdp_umem {
    struct engine *engine;
    struct mem_map map;
    u32 pool, first;
    u32 n_chunks, chunk_bytes;
    u8 *holder; /* enum af_xdp_holder, by chunk; that of the thread whose ring it goes to */
};

/* A socket: queue `rx.queue` of the device, in both directions. */
struct af_xdp_queue {
    struct rx_queue rx;
    struct tx_queue tx;
    struct af_xdp *port;
    int fd; /* -1: the device is gone. Data threads read tx_fd */
    int tx_fd;
    struct xdp_ring received, fill;  /* the thread's that receives */
    struct xdp_ring sent, completed; /* of who sends */
    /* Of a received frame whose last piece is not there yet. */
    struct {
        u32 first, last; /* buffers; BUFFER_NONE */
        bool lost;       /* a piece: what is left of it is left out */
    } begun;
    bool told; /* the control thread knows that the device is gone */
};

struct af_xdp {
    struct piste *piste;
    struct af_xdp_args args; /* rx_size, tx_size: as they are */
    u32 instance;
    struct if_index interface;
    u8 mac[6];
    bool admin_up;
    struct host_net *net;
    struct host_listener listener;
    int host_index; /* 0: the device is gone, or was never there */
    bool zero_copy, native;
    bool in_pieces;           /* a frame may lie in several chunks */
    struct af_xdp_umem *umem; /* NULL: closed */
    int map_fd, link_fd;      /* of the XDP program; -1: none */
    u32 n_sockets, n_rx, n_tx;
    struct af_xdp_queue *queue;
    struct rx_queue **rx;       /* in queue, for struct interface */
    struct tx_queue **tx_queue; /* in queue */
    struct tx_queues tx_queues;
    const struct feature_arc *device_input;
    struct loop_timer *retry; /* of sockets that another has, for a device that came; NULL */
    u32 tries;
};

/* A queue may be another's only because the kernel still closes the socket before: so often, and so
 * far apart it is asked for. */
#define AF_XDP_BUSY_TRIES 50
#define AF_XDP_BUSY_WAIT_NS (20 * NS_PER_MSEC)

enum af_xdp_input_error {
    AF_XDP_INPUT_ERR_SYSCALL_REQUIRED,
    AF_XDP_INPUT_ERR_SYSCALL_FAILURE,
    AF_XDP_INPUT_ERR_NO_BUFFER,
    AF_XDP_INPUT_ERR_BAD_DESCRIPTOR,
    AF_XDP_INPUT_ERR_N
};
enum { AF_XDP_INPUT_NEXT_ETHERNET, AF_XDP_INPUT_NEXT_N };

enum af_xdp_tx_error {
    AF_XDP_TX_ERR_NO_FREE_SLOTS,
    AF_XDP_TX_ERR_SYSCALL_REQUIRED,
    AF_XDP_TX_ERR_SYSCALL_FAILURE,
    AF_XDP_TX_ERR_TOO_LONG,
    AF_XDP_TX_ERR_GONE,
    AF_XDP_TX_ERR_NO_QUEUE,
    AF_XDP_TX_ERR_NOT_CUT,
    AF_XDP_TX_ERR_N
};
enum { AF_XDP_TX_NEXT_DROP };

/* Kept with a traced packet's hop through af_xdp-input. */
struct af_xdp_trace {
    struct if_index interface;
    u32 queue, len;
    u64 address;
};

extern const struct node_def af_xdp_input_node, af_xdp_tx_node;

struct af_xdp_state {
    struct piste *piste;
    VEC(struct af_xdp *) ports;
    struct numbers instances;
};

/* af_xdp.c */
extern const char af_xdp_module_name[];
struct af_xdp_state *af_xdp_state_of(const struct piste *p);
int af_xdp_init(struct piste *p, void **state, struct error *e);
void af_xdp_stop(struct piste *p, void *state);
void af_xdp_running_config(void *port, struct text *t);

/* af_xdp_device.c: a port's sockets and program, while there is a device */
/* link: of the device. -EAGAIN: a queue is in use, maybe not for long. */
int af_xdp_open_sockets(struct af_xdp *port, const struct host_link *link,
                        struct error *e) MUST_CHECK;
/* Then: the queues are added and, with admin_up, enabled. */
int af_xdp_start(struct af_xdp *port, struct error *e) MUST_CHECK;
void af_xdp_close(struct af_xdp *port);
/* What the device is like now. */
void af_xdp_follow(struct af_xdp *port, const struct host_link *l);
int af_xdp_set_admin(void *port, bool up, struct error *e);
int af_xdp_listen(struct af_xdp *port, struct error *e) MUST_CHECK;
void af_xdp_counts(void *port, if_count_fn *tell, void *to);
void af_xdp_show(void *port, struct out *o, bool verbose);

/* af_xdp_socket.c. The caller is in the device's namespace. */
/* Memory for n chunks. */
int af_xdp_umem_new(struct af_xdp *port, u32 n_chunks, u32 chunk_bytes, struct error *e) MUST_CHECK;
/* It goes when the last packet is gone. */
void af_xdp_umem_close(struct af_xdp_umem *u);
/* Opens queue i, and gives the kernel its chunks to receive into. -EAGAIN: it is in use. */
int af_xdp_socket_open(struct af_xdp *port, u32 i, struct error *e) MUST_CHECK;
/* No data thread looks at it any more. */
void af_xdp_socket_close(struct af_xdp_queue *q);

/* af_xdp_program.c */
/* Attaches the program to the device: map_fd and link_fd. */
int af_xdp_program_attach(struct af_xdp *port, struct error *e) MUST_CHECK;
void af_xdp_program_detach(struct af_xdp *port);
/* Whether frames go to the sockets, or on to the kernel. */
int af_xdp_program_direct(const struct af_xdp *port, bool to_sockets, struct error *e) MUST_CHECK;

/* af_xdp_cli.c, af_xdp_api.c */
extern const struct cli_command af_xdp_commands[];
extern const struct api_handler af_xdp_api[];
