/* Host interfaces: a port onto a Linux network device through packet sockets (AF_PACKET).
 *
 *   create host-interface name vpp1out    makes host-vpp1out
 *
 * Packets are received with recvmmsg and sent with sendmmsg, and where many small ones come, by
 * rings of small slots, which are made as the traffic asks for them; whole GSO frames and partial
 * checksums pass both ways in virtio headers (PACKET_VNET_HDR). CAP_NET_RAW is all that it needs.
 */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "engine/index.h"

struct module;
struct piste;

extern const struct module af_packet_module;

enum af_packet_mode { AF_PACKET_MODE_ETHERNET, AF_PACKET_MODE_IP };

struct af_packet_args {
    const char *host_name;        /* Linux device */
    const u8 *hw_addr;            /* 6 bytes, or NULL: a random one, 02:fe:... */
    u32 n_rx_queues, n_tx_queues; /* 0: 1; 0: one for each data thread */
    enum af_packet_mode mode;
    bool qdisc_bypass_off, cksum_gso_off;
    bool waits;    /* a device that is not there is waited for: its saved interface comes back */
    bool no_ring;  /* receive and send by messages only, whatever the traffic */
    u32 rx_frames; /* slots of a receive queue's ring, from the start; 0: as traffic asks for */
    /* VPP's other ring settings, kept for the running config: slots have one size, and rings of
     * transmit queues have as many as are worth it */
    u32 version, tx_frames, rx_per_block, tx_per_block;
};

/* With a host interface of that device already there: its index, and 0. -ENODEV, -EPERM, ... */
int af_packet_create(struct piste *p, const struct af_packet_args *args, struct if_index *out,
                     struct error *e) MUST_CHECK;
/* -ENODEV: no host interface of that device. */
int af_packet_delete(struct piste *p, const char *host_name, struct error *e) MUST_CHECK;
int af_packet_set_qdisc_bypass(struct piste *p, const char *host_name, bool on,
                               struct error *e) MUST_CHECK;
int af_packet_set_cksum_offload(struct piste *p, const char *host_name, bool on,
                                struct error *e) MUST_CHECK;
