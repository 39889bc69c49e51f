/* Linux network devices: what one is and does, and setting it. By index, which a device keeps
 * whatever it is called. All return 0, or -errno with a sentence that names the device and the
 * capability that is missing. Context: control thread. */
#pragma once

#include "host/host_net.h"

/* -ENODEV: there is none. */
int host_link_find(struct host_net *n, const char *name, struct host_link *out,
                   struct error *e) MUST_CHECK;
int host_link_get(struct host_net *n, int index, struct host_link *out, struct error *e) MUST_CHECK;

int host_link_set_up(struct host_net *n, int index, bool up, struct error *e) MUST_CHECK;
int host_link_set_mtu(struct host_net *n, int index, u32 bytes, struct error *e) MUST_CHECK;
int host_link_set_mac(struct host_net *n, int index, const u8 mac[6], struct error *e) MUST_CHECK;
int host_link_set_name(struct host_net *n, int index, const char *name, struct error *e) MUST_CHECK;
/* master: index of a bridge or bond; 0: of none. */
int host_link_set_master(struct host_net *n, int index, int master, struct error *e) MUST_CHECK;
/* Packets that wait in the device's queue at most. */
int host_link_set_queue_len(struct host_net *n, int index, u32 packets, struct error *e) MUST_CHECK;
/* It loses its addresses, goes down and may get another index. name: what it is called there, maybe
 * with %d for the lowest number that is free; NULL: as before. */
int host_link_move(struct host_net *n, int index, struct host_net *to, const char *name,
                   struct error *e) MUST_CHECK;

/* --- what it leaves to hardware, as ethtool shows it --- */

enum host_features {
    HOST_RX_CSUM = 1 << 0,
    HOST_TX_CSUM = 1 << 1, /* some of them */
    HOST_TSO4 = 1 << 2,
    HOST_TSO6 = 1 << 3,
    HOST_USO = 1 << 4,
    HOST_GSO = 1 << 5, /* the kernel cuts what the device does not */
    HOST_GRO = 1 << 6,
    HOST_LRO = 1 << 7,
    HOST_RX_VLAN = 1 << 8, /* tags come beside the frame */
};

/* What is on now; 0 also when it cannot be said. */
u32 host_link_features(struct host_net *n, int index);
/* Queues that it receives by now; at least 1. */
u32 host_link_rx_queues(struct host_net *n, int index);
/* 0: unknown, or there is no link. */
u64 host_link_kbps(struct host_net *n, int index);
/* What Linux counts for the device: tell is called for each, or not at all when it is gone. */
void host_link_counts(struct host_net *n, int index,
                      void (*tell)(void *to, const char *name, u64 value), void *to);
