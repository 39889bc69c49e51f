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
 * come and go.
 *
 * With a hold, both stay while the switch is gone: what no filter has decided about is looked up by
 * the program itself, until a deadline that the switch pushes on while it lives. The next life of
 * the switch stands in front of it and takes over step by step (af_packet_fast.c). Context:
 * control thread. */
#pragma once

#include <stddef.h>

#include "net/features/fast_path/fast_path.h"

/* What a port's filter leaves to the program of an earlier life: it does not decide, then. */
enum af_packet_bpf_phase {
    AF_PACKET_BPF_ALONE,   /* nothing: there is none */
    AF_PACKET_BPF_WAITS,   /* all: this switch is not ready */
    AF_PACKET_BPF_SAMPLES, /* all but one IP packet in some, by which neighbours get known */
};

enum {
    AF_PACKET_BPF_WATCHED = 1 << 0, /* what comes undecided is counted */
    AF_PACKET_BPF_TURNED = 1 << 1,  /* of two sockets, the new one has the packets */
};

/* Of a device, in an array by the lower bits of its index; or, where devices share these bits, at
 * the next of a few places that are far apart, for devices come with indices in a row. */
#define AF_PACKET_BPF_PORTS 4096u
#define AF_PACKET_BPF_PLACES 4u
#define AF_PACKET_BPF_NEXT_PLACE (AF_PACKET_BPF_PORTS / AF_PACKET_BPF_PLACES)
struct af_packet_bpf_port {
    u32 device;
    u8 mask;       /* enum fast_path_mask; 0: it has no entries */
    u8 flags;      /* AF_PACKET_BPF_* */
    u8 phase;      /* enum af_packet_bpf_phase */
    u8 generation; /* of its last entry, the lowest bits: of another one there is none */
};

/* What programs read and write besides. */
struct af_packet_bpf_control {
    u32 generation;
    u32 ends_chain; /* what the socket got is for no program behind ours */
    u64 undecided;
    u64 deadline_ns; /* of CLOCK_MONOTONIC; with a hold */
};

/* Short keys are in a map of their own, which costs half of the time and memory. */
struct af_packet_bpf {
    int ports_fd, flows_fd, short_fd, actions_fd, counts_fd, control_fd, left_fd;
    int filter_fd, ingress_fd;
    /* Of a socket that shall take another one's place, and of the other one meanwhile: both see
     * each packet, one right after the other, the new one first. That one's filter decides, and
     * says what it leaves to the old one by left_fd, of which each processor has its own. */
    int new_filter_fd, old_filter_fd;
    u32 max, max_actions;
    bool holds;                       /* see above */
    struct af_packet_bpf_port *ports; /* these are the maps' own memory */
    struct fast_path_action *actions;
    struct fast_path_count *counts;
    struct af_packet_bpf_control *control;
};

/* Makes the maps and loads the programs: needs CAP_BPF and CAP_NET_ADMIN; whatever is done
 * afterwards does not. -errno, and nothing is left. */
struct af_packet_bpf_args {
    u32 flows;
    bool holds;
    bool clsact; /* the program is for that, not for tcx */
};
int af_packet_bpf_open(struct af_packet_bpf *b, const struct af_packet_bpf_args *args,
                       struct error *e) MUST_CHECK;
void af_packet_bpf_close(struct af_packet_bpf *b);
/* The map that has the key. */
int af_packet_bpf_map_of(const struct af_packet_bpf *b, const struct fast_path_key *k);
