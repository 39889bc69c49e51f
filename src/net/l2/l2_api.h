/* Messages of l2.api. */
#pragma once

struct api_type_address;
struct arp_key;
struct module;

extern const struct module tag_api_module;
extern const struct module l2_api_module;
extern const struct module l2_flags_api_module;
extern const struct module l2_event_api_module;

void api_l2_address_to(const struct arp_key *key, struct api_type_address *out);
