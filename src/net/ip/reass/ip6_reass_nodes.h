/* Functions of the nodes that put IPv6 packets together, and cut them. */
#pragma once

#include "engine/node.h"

NODE_DECLARE(ip6_frag);
NODE_DECLARE(ip6_local_full_reassembly);
NODE_DECLARE(ip6_local_full_reassembly_handoff);
NODE_DECLARE(ip6_full_reassembly_feature);
NODE_DECLARE(ip6_full_reassembly_feature_hoff);
NODE_DECLARE_TIMER(ip6_full_reassembly_expire_walk);
