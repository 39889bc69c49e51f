/* Messages of ip_neighbor.api. */
#pragma once

struct module;

extern const struct module neighbor_api_module;
