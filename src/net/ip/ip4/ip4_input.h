/* Where IPv4 packets come in, and the ends that they may come to: feature arcs and the nodes around
 * them.
 *
 *   ip4-input ──► ip4-unicast arc ──► ip4-lookup ─► ...
 *       │   └───► ip4-multicast arc ─► ip4-mfib-forward-lookup
 *       ├─► ip4-options (and on as above)
 *       └─► ip4-icmp-error, error-drop
 *
 *   ip4-drop ─► ip4-drop arc ─► error-drop          ip4-punt ─► ip4-punt arc ─► error-punt
 *
 * An interface takes IPv4 while the feature ip4-not-enabled is off on its unicast and multicast
 * arcs. */
#pragma once

#include "base/types.h"
#include "engine/buffer.h"
#include "engine/feature.h"
#include "engine/node.h"

struct module;

extern const struct module ip4_arcs_module;
extern const struct module ip4_input_module;

/* State of the nodes. */
struct ip4_input {
    const struct feature_arc *unicast, *multicast, *drop, *punt;
};

/* Edges of ip4-input, ip4-input-no-checksum and ip4-options: all start the same arcs, so they
 * agree. */
enum {
    IP4_INPUT_NEXT_DROP,
    IP4_INPUT_NEXT_PUNT,
    IP4_INPUT_NEXT_OPTIONS,
    IP4_INPUT_NEXT_LOOKUP,
    IP4_INPUT_NEXT_MULTICAST,
    IP4_INPUT_NEXT_ICMP_ERROR,
    IP4_INPUT_N_NEXT
};
