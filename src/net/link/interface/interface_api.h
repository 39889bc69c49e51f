/* Messages of interface.api and feature.api; a module of its own, so that interfaces need no API.
 */
#pragma once

#include "engine/index.h"

struct module;
struct piste;
struct interface;

extern const struct module interface_api_module;

struct api_sw_interface_details;

/* fn adds to what sw_interface_details says of interface i. For ever. */
void interface_api_on_details(struct piste *p, void (*fn)(const struct piste *p, struct if_index i,
                                                          struct api_sw_interface_details *out));

/* The interface of a message's sw_if_index, NULL: there is none. */
struct interface *api_interface(const struct piste *p, u32 sw_if_index);
