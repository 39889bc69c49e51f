/* Layer 2: bridge domains, cross-connects, and what nodes read about an interface that is in one.
 *
 *   ethernet-input ─(if_data.l2_mode != 0)─► l2-input ─► l2-learn ─► l2-fwd ──► l2-output ─►
 * X-output │            └► l2-flood ┘ copies   ▲ └── cross-connect ──────────────────┘
 *
 * Contract with ethernet-input: a frame of an interface or sub-interface whose if_data.l2_mode is
 * not 0 goes to l2-input as it came: the buffer starts at the ethernet header (tags included),
 * rx_if is the (sub-)interface, l2_start and l3_start (behind the tags that were parsed) are set,
 * no destination address was checked. A BVI has l2_mode 0: what l2-fwd and l2-flood give it enters
 * ethernet-input as received on it, what layer 3 sends by it enters l2-input.
 *
 * Contract with tag rewriting: struct l2_if holds one rewrite for frames that come in and one for
 * those that leave; l2_rewrites says which an interface gets as long as it is in layer 2.
 *
 * Features under layer 2 (classify, policer, QoS, SPAN) are on the arcs "l2-input" and "l2-output":
 * they see the frame as it is on the wire: before learning and before the input rewrite; and after
 * the output rewrite.
 *
 * Context: control thread, except what is under "data path". */
#pragma once

#include <string.h>

#include "base/byteorder.h"
#include "base/error.h"
#include "base/types.h"
#include "engine/buffer.h"
#include "engine/index.h"
#include "net/l2/l2_data.h"
#include "net/packet/ethernet_packet.h"
#include "net/link/interface/interface.h"

struct module;
struct piste;
struct text;
struct thread;

extern const struct module l2_fib_module, l2_module;

/* ---- control thread ---- */

/* The mode of an interface; leaving a mode first. shg: 0 to 255. */
enum l2_port_kind { L2_PORT_NORMAL, L2_PORT_BVI, L2_PORT_UU_FWD };
/* -ENOENT: no such domain is not an error, it is made. */
int l2_set_bridge(struct piste *p, struct if_index i, u32 bd_id, enum l2_port_kind kind, u8 shg,
                  struct error *e) MUST_CHECK;
int l2_set_xconnect(struct piste *p, struct if_index i, struct if_index peer,
                    struct error *e) MUST_CHECK;
int l2_set_l3(struct piste *p, struct if_index i, struct error *e) MUST_CHECK;

/* Who says what rewrites an interface gets in layer 2 (false: none), and their words for `show
 * bridge-domain detail`. One at most. */
struct l2_rewriter {
    bool (*rewrites)(struct piste *p, struct if_index i, struct l2_rewrites *out);
    void (*words)(struct piste *p, struct if_index i, struct text *t);
};
void l2_set_rewriter(struct piste *p, const struct l2_rewriter *r); /* borrowed for ever */
/* The rewriter has changed its mind about i. */
void l2_rewrites_changed(struct piste *p, struct if_index i);

/* A frame from mac has come in by i, which no node of layer 2 has seen: what is learnt of it does
 * not age. */
void l2_seen(struct piste *p, struct if_index i, const u8 mac[6]);
/* The number of a station of i's domain in FORWARDING_STATION (engine/probe.h). */
u64 l2_station(struct if_index i, const u8 mac[6]);
/* Addresses learnt, of all domains. */
u64 l2_learned(const struct piste *p);
