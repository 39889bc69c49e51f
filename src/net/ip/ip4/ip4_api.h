/* Messages of ip.api, and those of interface.api that are about IPv4. */
#pragma once

#include "base/types.h"
#include "control/api.h"
#include "net/ip/fib/fib.h"

struct module;

extern const struct module ip4_api_module;
extern const struct module ip_route_api_module;

struct api_type_prefix;

/* In ip_route_api.c: routes and tables. In ip4_api.c: interfaces. */
extern const struct api_handler ip_route_handlers[], ip4_interface_handlers[];
/* In ip4_reass_api.c. */
extern const struct api_handler ip4_reass_api[];

/* The prefix of a message, host bits kept: 0, or the retval that says what is wrong. */
i32 api_ip4_prefix(const struct api_type_prefix *p, struct ip4_prefix *out);
void api_ip4_prefix_to(struct ip4_prefix prefix, struct api_type_prefix *out);
