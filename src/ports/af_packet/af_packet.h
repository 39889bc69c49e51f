/* Host interfaces: a port onto a Linux network device through packet sockets (AF_PACKET).
 *
 *   create host-interface name vpp1out    makes host-vpp1out
 *
 * Packets are received from a ring of small slots, or with recvmmsg, and sent with sendmmsg; whole
 * GSO frames and partial checksums pass both ways in virtio headers (PACKET_VNET_HDR). CAP_NET_RAW
 * is all that it needs. */
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
    u32 n_rx_queues, n_tx_queues; /* 0: 1 */
    enum af_packet_mode mode;
    bool qdisc_bypass_off, cksum_gso_off;
    bool waits;    /* a device that is not there is waited for: its saved interface comes back */
    bool no_ring;  /* receive with recvmmsg: 1 MB less, more CPU a packet */
    u32 rx_frames; /* slots of the ring; 0: 512 */
    /* VPP's other ring settings, kept for the running config: transmission has no ring, slots have
     * one size */
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
