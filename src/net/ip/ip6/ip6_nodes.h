/* Functions of the IPv6 nodes of this folder that take, deliver, answer and drop: for their files
 * and their tables. */
#pragma once

#include "engine/node.h"

NODE_DECLARE(ip6_input);

NODE_DECLARE(ip6_drop);
NODE_DECLARE(ip6_punt);
NODE_DECLARE(ip6_not_enabled);

NODE_DECLARE(ip6_receive);
NODE_DECLARE(ip6_local);
NODE_DECLARE(ip6_local_end_of_arc);
NODE_DECLARE(ip6_udp_lookup);
