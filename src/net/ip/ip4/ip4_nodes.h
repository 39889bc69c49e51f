/* Functions of the IPv4 nodes of this folder that deliver, answer and drop: for their files and
 * their tables. */
#pragma once

#include "engine/node.h"

NODE_DECLARE(ip4_input);
NODE_DECLARE(ip4_input_no_checksum);
NODE_DECLARE(ip4_options);

NODE_DECLARE(ip4_drop);
NODE_DECLARE(ip4_punt);
NODE_DECLARE(ip4_not_enabled);

NODE_DECLARE(ip4_receive);
NODE_DECLARE(ip4_local);
NODE_DECLARE(ip4_local_end_of_arc);
NODE_DECLARE(ip4_udp_lookup);

NODE_DECLARE(ip4_frag);
NODE_DECLARE(ip4_local_full_reassembly);
NODE_DECLARE(ip4_local_full_reassembly_handoff);
NODE_DECLARE(ip4_full_reassembly_feature);
NODE_DECLARE(ip4_full_reassembly_feature_hoff);
NODE_DECLARE_TIMER(ip4_full_reassembly_expire_walk);
