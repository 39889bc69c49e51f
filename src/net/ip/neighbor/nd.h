/* Neighbour discovery: how neighbours of IPv6 are found (neighbor.h), and what is answered. Source:
 * RFC 4861 7.2.
 *
 * Context: control thread. */
#pragma once

struct module;

extern const struct module nd_module;
