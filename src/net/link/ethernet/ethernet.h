/* Ethernet: frames in from ports, by type to the protocols.
 * Source: IEEE 802.3; node names, errors and order of checks as VPP's users know them. */
#pragma once

#include "base/types.h"

struct module;
struct piste;

extern const struct module ethernet_module;

/* Frames of this type for layer 3 go to `node` (by name; it may be registered later); IPv4 and ARP
 * are there from the start. Control thread. */
void ethernet_register_type(struct piste *p, u16 type, const char *node);
