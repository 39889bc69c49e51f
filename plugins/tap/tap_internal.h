/* What the files of the tap port share. */
#pragma once

#include "base/numbers.h"
#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "engine/thread.h"
#include "engine/tx_queue.h"
#include "host/host_link.h"
#include "net/link/virtio/virtio_header.h"
#include "plugins/tap/tap.h"

#define TAP_QUEUES_MAX 64
#define TAP_RING_SIZE 256 /* where nothing is said */
#define TAP_RING_SIZE_MAX 32768

/* A descriptor of the device: what Linux sends comes out, what is written goes to Linux. The data
 * thread's, but for making and closing. */
struct tap_queue {
    struct rx_queue rx;
    struct tap *tap;
    u32 small, large; /* buffers for the next frame; BUFFER_NONE */
    bool told;        /* the control thread knows that the device is gone */
};

struct tap_tx {
    struct tx_queue q;
    int fd; /* of one of the queues; -1: the device is gone. Read by data threads */
};

struct tap {
    struct piste *piste;
    struct tap_args args; /* of the host's things: as asked for; id, mac: as they are */
    struct if_index interface;
    bool is_tun;
    bool joins; /* TCP segments are joined before they leave. Read by data threads */
    bool admin_up;
    /* of the Linux device, when it is in the switch's own namespace, whose events are heard; else 0
     */
    int host_index;
    char host_name[IFNAMSIZ]; /* as last known */
    u8 host_mac[6];
    bool takes_uso; /* the kernel knows of large UDP packets */
    bool is_gone;
    u32 n_queues, n_tx;
    struct tap_queue *queue;
    struct rx_queue **rx; /* in queue, for struct interface */
    struct tap_tx *tx;
    struct tx_queue **tx_queue; /* in tx */
    struct tx_queues tx_queues;
    const struct feature_arc *device_input;
    bool has_ip6; /* there is a node ip6-input */
};

enum tap_input_error {
    TAP_INPUT_ERR_NO_BUFFER,
    TAP_INPUT_ERR_TRUNCATED,
    TAP_INPUT_ERR_BAD_VNET,
    TAP_INPUT_ERR_GSO,
    TAP_INPUT_ERR_IP6,
    TAP_INPUT_ERR_NO_IP,
    TAP_INPUT_ERR_N
};
enum {
    TAP_INPUT_NEXT_ETHERNET,
    TAP_INPUT_NEXT_IP4,
    TAP_INPUT_NEXT_IP6,
    TAP_INPUT_NEXT_DROP,
    TAP_INPUT_NEXT_N
};

enum tap_tx_error {
    TAP_TX_ERR_FULL,
    TAP_TX_ERR_REFUSED,
    TAP_TX_ERR_DOWN,
    TAP_TX_ERR_GONE,
    TAP_TX_ERR_NO_QUEUE,
    TAP_TX_ERR_NOT_CUT,
    TAP_TX_ERR_N
};
enum { TAP_TX_NEXT_DROP };

/* Kept with a traced packet's hop through tap-input. */
struct tap_trace {
    struct if_index interface;
    u32 queue, len;
    struct virtio_header vnet;
};

extern const struct node_def tap_input_node, tap_tx_node;

struct tap_state {
    struct piste *piste;
    VEC(struct tap *) taps; /* in the order in which they were made */
    struct numbers ids;
    struct host_net *net; /* the switch's own namespace; */
    struct host_listener listener;
};

/* tap.c */
extern const char tap_module_name[];
struct tap_state *tap_state_of(const struct piste *p);
/* NULL: i is no tap. */
struct tap *tap_of(const struct piste *p, struct if_index i);
/* Data threads: a descriptor of the queue says that its device is gone. */
void tap_tell_gone(struct thread *t, struct tap_queue *q);
int tap_init(struct piste *p, void **state, struct error *e);
void tap_stop(struct piste *p, void *state);

/* tap_device.c: descriptors of /dev/net/tun, and what Linux is asked about the device */

/* Opens all queues of tap in the namespace; the device is down unless it was there. */
int tap_device_open(struct tap *tap, struct host_net *net, struct error *e) MUST_CHECK;
/* Gives the device what the arguments say of Linux's side. */
int tap_device_configure(struct tap *tap, struct host_net *net, struct error *e) MUST_CHECK;
/* The namespace that the device is in now, which may be another than it was made in; for
 * host_net_close. NULL: it is gone. */
struct host_net *tap_device_net(const struct tap *tap, struct error *e) MUST_CHECK;
/* What Linux says of it, in that namespace. */
int tap_device_link(const struct tap *tap, struct host_net *net, struct host_link *out,
                    struct error *e) MUST_CHECK;
bool tap_device_is_there(const struct tap *tap);
/* By args.flags. */
int tap_device_set_offload(struct tap *tap, struct error *e) MUST_CHECK;
/* Whether Linux sees a link. */
void tap_device_set_carrier(const struct tap *tap, bool on);
/* Whether it goes with the last descriptor. */
void tap_device_set_persistent(const struct tap *tap, bool on);

/* tap_show.c */
void tap_show(void *tap, struct out *o, bool verbose);
void tap_counts(void *tap, if_count_fn *tell, void *to);
void tap_show_one(struct out *o, struct tap *tap);

/* tap_cli.c */
void tap_running_config(void *tap, struct text *t);
extern const struct cli_command tap_commands[];

/* tap_api.c */
extern const struct api_handler tap_api[];
