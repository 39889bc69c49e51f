/* `interface collect detailed-stats`: what interfaces receive and send, counted apart by unicast,
 * multicast and broadcast (/if/rx-unicast ...). Costs a node on either way, so it is off unless it
 * is asked for. See detailed_stats.c. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "engine/index.h"

struct module;
struct piste;

extern const struct module detailed_stats_module;
