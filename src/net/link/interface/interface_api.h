/* Messages of interface.api and feature.api; a module of its own, so that interfaces need no API.
 */
#pragma once

#include "engine/index.h"

struct module;
struct piste;
struct interface;

extern const struct module interface_api_module;

/* The interface of a message's sw_if_index, NULL: there is none. */
struct interface *api_interface(const struct piste *p, u32 sw_if_index);
