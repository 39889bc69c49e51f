/* What `show ip local` and `show ip6 local` have in common. Control thread. */
#pragma once

#include "base/types.h"
#include "engine/index.h"
#include "net/packet/ip_address.h"

struct cli_call;

/* Prints which node takes which protocol, which IPv4 has by name and IPv6 by number. from: a node
 * that dispatches, by its edges next_by_protocol[256], of which `nobody` stands for none. */
void ip_local_show(struct cli_call *c, enum ip_family f, struct node_index from,
                   const u16 *next_by_protocol, u16 nobody);
