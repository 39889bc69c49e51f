/* What the engine itself publishes in its stats segment, and the socket where clients get that. The
 * engine's own. */
#pragma once

#include "base/error.h"
#include "base/types.h"

struct engine;

/* Makes the entries that are always there. */
void stats_collector_init(struct engine *e);
void stats_collector_free(struct engine *e);
/* Brings it up to date once. */
void stats_refresh(struct engine *e);
/* `clear runtime` happened. */
void stats_cleared(struct engine *e);

/* Node i of the engine has a name and its errors, or is about to lose them. */
void stats_node_added(struct engine *e, u32 i);
void stats_node_renamed(struct engine *e, u32 i);
void stats_node_deleted(struct engine *e, u32 i);

void stats_server_free(struct engine *e);
