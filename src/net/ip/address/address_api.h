/* Messages about addresses of interfaces, and prefixes and addresses of messages. */
#pragma once

#include "base/types.h"
#include "net/packet/ip_address.h"

struct api_type_address;
struct api_type_prefix;

/* The prefix of a message, host bits kept: 0, or the retval that says what is wrong. */
i32 api_ip_prefix(const struct api_type_prefix *p, struct ip_prefix *out);
void api_ip_prefix_to(const struct ip_prefix *prefix, struct api_type_prefix *out);
i32 api_ip_address(const struct api_type_address *a, enum ip_family *f, struct ip_address *out);
void api_ip_address_to(enum ip_family f, const struct ip_address *a, struct api_type_address *out);
