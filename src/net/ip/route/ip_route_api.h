/* Messages of ip.api about routes and tables, and those of fib.api. */
#pragma once

#include "control/api.h"

struct module;

extern const struct module ip_route_api_module;

/* For the record in ip4_module.c. */
extern const struct api_handler ip_route_handlers[];
