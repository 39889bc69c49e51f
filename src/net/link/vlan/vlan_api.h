/* Messages of interface.api about sub-interfaces, of l2.api about tag rewrites. */
#pragma once

#include "engine/index.h"

struct api_sw_interface_details;
struct module;
struct piste;

extern const struct module vlan_api_module;

/* What is said of an interface's tags: those that it takes, and those that are rewritten. */
void api_vlan_details(const struct piste *p, struct if_index i,
                      struct api_sw_interface_details *out);
