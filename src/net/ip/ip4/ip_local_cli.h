/* What `show ip local` and `show ip6 local` have in common. Control thread. */
#pragma once

#include "base/types.h"
#include "engine/index.h"

struct cli_call;

/* Prints which node takes which protocol. from: a node that dispatches, by its edges
 * next_by_protocol[256], of which `nobody` stands for none; title: its name in the heading. */
void ip_local_show(struct cli_call *c, const char *title, struct node_index from,
                   const u16 *next_by_protocol, u16 nobody);
