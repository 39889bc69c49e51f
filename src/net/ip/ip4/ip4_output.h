/* The arc "ip4-output": features of packets that leave by an interface, behind ip4-rewrite; and
 * that of IPv6, which is the same.
 *
 *   ip4-rewrite ──────────────────────────────────────► X-output
 *        └─(X has features)─► ip4-output ─► features ─┘
 *
 * An adjacency leads to ip4-output only while its interface has features, so that others pay
 * nothing. Features see the packet with its link header in front; l3_start is where IPv4 begins. */
#pragma once

#include "engine/feature.h"

struct module;

extern const struct module ip4_output_module, ip6_output_module;

/* State of the node, of either protocol. */
struct ip4_output {
    const struct feature_arc *arc;
    u16 *edges; /* by interface: to its output node; 0: none yet */
};
