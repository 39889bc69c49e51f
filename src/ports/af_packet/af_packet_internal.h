/* What the files of the AF_PACKET port share. */
#pragma once

#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "engine/feature.h"
#include "engine/thread.h"
#include "engine/tx_queue.h"
#include "net/link/interface/interface.h"
#include "net/link/virtio/virtio_header.h"
#include "ports/af_packet/af_packet.h"

#define AF_PACKET_BATCH 64 /* frames that one recvmmsg takes */
#define AF_PACKET_LARGE_BATCH                                                                      \
    8 /* while large frames come: so many large buffers stay in use, not 64 */
#define AF_PACKET_QUEUES_MAX 64
#define AF_PACKET_FRAMES_MAX (1u << 20) /* of a ring */

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

/* One receive queue: a socket and the buffers posted for it. The data thread's, but for making and
 * closing. */
struct af_packet_queue {
    struct rx_queue rx;
    struct af_packet *port;
    int fd;
    struct af_packet_ring ring;
    u32 n_posted; /* buffers in small[] (and large[]) that wait for a frame */
    u32 batch;    /* frames to ask for next */
    u32 pressure; /* full batches since the kernel's drops were last read */
    u32 small[AF_PACKET_BATCH], large[AF_PACKET_BATCH];
    struct mmsghdr msg[AF_PACKET_BATCH];
    struct iovec iov[AF_PACKET_BATCH][3];
    u8 vnet[AF_PACKET_BATCH][VIRTIO_HEADER_BYTES];
    u8 control[AF_PACKET_BATCH][AF_PACKET_CONTROL_BYTES] __attribute__((aligned(8)));
};

/* One transmit queue. A socket that has a ring sends only by it, so that there are two. */
struct af_packet_tx {
    struct tx_queue q;
    int fd; /* -1: the device is gone. Read by data threads */
    int ring_fd;
    struct af_packet_ring ring;
};

struct af_packet {
    struct piste *piste;
    char host_name[IFNAMSIZ];
    int host_index; /* 0: the device is gone */
    struct if_index interface;
    struct af_packet_args args; /* pointers in it are not kept */
    u8 mac[6];
    bool fixed_mac; /* the user gave it */
    bool admin_up;
    u32 n_queues;
    struct af_packet_queue **queues;
    struct rx_queue **rx; /* the same, for struct interface */
    struct af_packet_tx *tx;
    u32 n_tx;
    struct tx_queue **tx_queue; /* in tx */
    struct tx_queues tx_queues;
    const struct feature_arc *device_input;
    u32 host_mtu;
    u32 features;       /* ethtool's, as last heard */
    u32 first_features; /* as they were when the device was first there */
    bool was_open;
};

enum af_packet_input_error {
    AF_PACKET_INPUT_ERR_TRUNCATED,
    AF_PACKET_INPUT_ERR_BAD_VNET,
    AF_PACKET_INPUT_ERR_GSO,
    AF_PACKET_INPUT_ERR_NO_BUFFER,
    AF_PACKET_INPUT_ERR_KERNEL_DROP,
    AF_PACKET_INPUT_ERR_N
};
enum {
    AF_PACKET_INPUT_NEXT_ETHERNET,
    AF_PACKET_INPUT_NEXT_IP4,
    AF_PACKET_INPUT_NEXT_DROP,
    AF_PACKET_INPUT_NEXT_N
};

enum af_packet_tx_error {
    AF_PACKET_TX_ERR_CONGESTED,
    AF_PACKET_TX_ERR_REFUSED,
    AF_PACKET_TX_ERR_DOWN,
    AF_PACKET_TX_ERR_GONE,
    AF_PACKET_TX_ERR_NO_QUEUE,
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
extern const struct cli_command af_packet_commands[];

struct af_packet_state {
    struct piste *piste;
    VEC(struct af_packet *) ports;
    struct mnl_socket *netlink; /* NULL when there is none */
};

/* af_packet.c */
struct af_packet *af_packet_find(const struct piste *p, const char *host_name);
int af_packet_open(struct af_packet *port, struct error *e) MUST_CHECK;
void af_packet_close(struct af_packet *port);
/* After the device's offloads or the user's wishes have changed. */
int af_packet_update_caps(struct af_packet *port, struct error *e) MUST_CHECK;
void af_packet_running_config(void *port, struct text *t);

/* af_packet_link.c: the host device as netlink and ioctls show it */
int af_packet_link_start(struct af_packet_state *s, struct error *e) MUST_CHECK;
void af_packet_link_stop(struct af_packet_state *s);
int af_packet_host_set_up(const char *name, bool up, struct error *e) MUST_CHECK;
int af_packet_host_set_mac(const char *name, const u8 mac[6], struct error *e) MUST_CHECK;
u32 af_packet_host_mtu(const char *name);
int af_packet_host_set_mtu(const char *name, u32 bytes, struct error *e) MUST_CHECK;
bool af_packet_host_link_up(const char *name);
u32 af_packet_host_features(const char *name); /* AF_PACKET_FEATURE_* */
enum {
    AF_PACKET_FEATURE_RX_CSUM = 1,
    AF_PACKET_FEATURE_TX_CSUM = 2,
    AF_PACKET_FEATURE_TSO = 4,
    AF_PACKET_FEATURE_GSO = 8,
    AF_PACKET_FEATURE_GRO = 16,
};

extern const struct api_handler af_packet_api[];
