/* Tap and tun interfaces: a port whose other end is a Linux network device of its own making.
 *
 *   create tap id 0 host-if-name lx0 host-ip4-addr 10.0.0.1/24     makes tap0, and Linux's lx0
 *
 *   tap0 ── queue 0 ── descriptor of /dev/net/tun ──┐
 *        ── queue 1 ── another one ─────────────────┴── lx0, with as many queues
 *
 * A frame is a read or a write of a descriptor, with a virtio header in front: large TCP and UDP
 * packets and checksums that are still to be made pass both ways, where the interface was made with
 * `gso`. CAP_NET_ADMIN is what it needs. */
#pragma once

#include <net/if.h>

#include "base/error.h"
#include "engine/index.h"
#include "net/link/interface/interface.h"
#include "net/packet/ip_address.h"

#define TAP_NS_BYTES 64

/* As the API numbers them. */
enum tap_flags {
    TAP_GSO = 1 << 0,  /* large TCP and UDP packets and open checksums, both ways */
    TAP_CSUM = 1 << 1, /* open checksums */
    /* the device stays when the switch ends, and is taken over if it is there */
    TAP_PERSIST = 1 << 2,
    TAP_ATTACH = 1 << 3,       /* the device is there already */
    TAP_TUN = 1 << 4,          /* IP packets, no ethernet */
    TAP_GRO_COALESCE = 1 << 5, /* with TAP_GSO: TCP segments are joined before they leave */
    /* layouts of virtio's rings, and which thread has which: there are none, and each thread sends
     * by the queue that it receives from */
    TAP_PACKED = 1 << 6,
    TAP_IN_ORDER = 1 << 7,
    TAP_CONSISTENT_QP = 1 << 8,
    TAP_FLAGS_ALL = (1 << 9) - 1
};

struct tap_args {
    u32 id;                      /* tapID, tunID; UINT32_MAX: the lowest that is free */
    char if_name[IF_NAME_BYTES]; /* in the place of that; "": none */
    u32 flags;                   /* enum tap_flags */
    bool has_mac;                /* else a random one */
    u8 mac[6];
    u32 n_rx_queues, n_tx_queues;   /* 0: 1; 0: one for each data thread, which is the least */
    u32 rx_ring_size, tx_ring_size; /* 0: 256 */
    /* of the Linux device; what is zero, "" or 0.0.0.0/0 is left as it is */
    char host_name[IFNAMSIZ];
    char host_ns[TAP_NS_BYTES]; /* as host_net_open takes it */
    char host_bridge[IFNAMSIZ];
    bool has_host_mac;
    u8 host_mac[6];
    u32 host_mtu;
    struct tap_host_ip {
        bool has_addr, has_gateway;
        u8 prefix_len;
        struct ip_address addr, gateway;
    } host_ip[IP_FAMILY_N];
};

/* -EEXIST: the instance or the name is taken. All fails without a trace. */
int tap_create(struct piste *p, const struct tap_args *args, struct if_index *out,
               struct error *e) MUST_CHECK;
/* Takes the Linux device away, also one that is persistent. -ENODEV: i is no tap. */
int tap_delete(struct piste *p, struct if_index i, struct error *e) MUST_CHECK;
/* flags: TAP_GSO, TAP_CSUM, TAP_GRO_COALESCE, or 0. -ENODEV: i is no tap. */
int tap_set_offload(struct piste *p, struct if_index i, u32 flags, struct error *e) MUST_CHECK;
