/* Messages of interface.api about sub-interfaces. */
#pragma once

struct module;

extern const struct module vlan_api_module;
