/* Multicast Listener Discovery, as a listener: routers of each link hear which groups this switch
 * is in, when that changes and when they ask; snooping switches, too. Source: RFC 3810 6 and 8, RFC
 * 2710 for routers of version 1. */
#pragma once

struct module;

extern const struct module mld_module;
