/* The kernel's part of the fast path: two BPF programs, for all host interfaces, and their maps.
 *
 *   frame ─► filter of our packet socket ─► program at the device's ingress
 *            looks the flow up:              hit: counts, changes, sends by another device
 *            hit: the socket gets nothing    miss: the stack goes on
 *            miss: it gets the frame
 *
 * The kernel gives a frame to packet sockets first, all as the same skb. Their filter decides, and
 * leaves its word in skb->cb, which nobody else writes before the program at the ingress reads it:
 * so a frame is at the socket, or it is forwarded, and never both or neither, however fast entries
 * come and go. Context: control thread. */
#pragma once

#include "net/features/fast_path/fast_path.h"

/* Of a device, in an array by the lower bits of its index. */
#define AF_PACKET_BPF_PORTS 4096u
struct af_packet_bpf_port {
    u32 device;
    u16 mask;    /* enum fast_path_mask; 0: it has no entries */
    u16 watched; /* what comes undecided is counted */
};

/* What programs read and write besides. */
struct af_packet_bpf_control {
    u32 generation, spare;
    u64 undecided;
};

struct af_packet_bpf {
    int ports_fd, flows_fd, actions_fd, counts_fd, control_fd;
    int filter_fd, ingress_fd;
    u32 max;
    struct af_packet_bpf_port *ports; /* these are the maps' own memory */
    struct fast_path_action *actions;
    struct fast_path_count *counts;
    struct af_packet_bpf_control *control;
};

/* Makes the maps and loads the programs: needs CAP_BPF and CAP_NET_ADMIN; whatever is done
 * afterwards does not. -errno, and nothing is left. */
int af_packet_bpf_open(struct af_packet_bpf *b, u32 max_flows, struct error *e) MUST_CHECK;
void af_packet_bpf_close(struct af_packet_bpf *b);
