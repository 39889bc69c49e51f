/* Where IPv6 packets come in, and the ends that they may come to: feature arcs and the nodes around
 * them.
 *
 *   ip6-input ──► ip6-unicast arc ──► ip6-lookup ─► ...
 *       │   └───► ip6-multicast arc ─► ip6-mfib-forward-lookup ─► ...
 *       └─► ip6-icmp-error, error-drop
 *
 *   ip6-drop ─► ip6-drop arc ─► error-drop          ip6-punt ─► ip6-punt arc ─► error-punt
 *
 * An interface takes IPv6 while the feature ip6-not-enabled is off on its unicast and multicast
 * arcs. */
#pragma once

#include "base/types.h"
#include "engine/buffer.h"
#include "engine/feature.h"
#include "engine/node.h"

struct module;

extern const struct module ip6_arcs_module;
extern const struct module ip6_input_module;

/* State of the nodes. */
struct ip6_input {
    const struct feature_arc *unicast, *multicast, *drop, *punt;
    u64 *solicited; /* owned; a bit for each interface: ip6_input_pass_solicitations */
};

/* A packet of i from a link-local address to a host that is not on this switch is refused at once.
 * on: but for neighbour solicitations, which a feature of ip6-unicast takes, or refuses itself.
 * Control thread. */
void ip6_input_pass_solicitations(struct piste *p, struct if_index i, bool on);

enum {
    IP6_INPUT_NEXT_DROP,
    IP6_INPUT_NEXT_LOOKUP,
    IP6_INPUT_NEXT_MULTICAST,
    IP6_INPUT_NEXT_ICMP_ERROR,
    IP6_INPUT_N_NEXT
};
