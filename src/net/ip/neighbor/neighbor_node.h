/* Functions of this folder's nodes, for their files and tables. */
#pragma once

#include "engine/node.h"
#include "net/ip/neighbor/neighbor_internal.h"

NODE_DECLARE(arp_input);
NODE_DECLARE(arp_reply);
NODE_DECLARE(arp_proxy);
NODE_DECLARE(arp_disabled);
NODE_DECLARE(ip4_arp);
NODE_DECLARE(ip4_glean);
