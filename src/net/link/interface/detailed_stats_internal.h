/* What the files of detailed-stats share. */
#pragma once

#include "control/api.h"
#include "control/module.h"
#include "net/link/interface/detailed_stats.h"

/* --- for the record in detailed_stats_module.c --- */
extern const char detailed_stats_module_name[];
extern const struct cli_command detailed_stats_commands[];
extern const struct api_handler detailed_stats_api[];
void detailed_stats_running_config(struct piste *p, void *state, enum rc_phase phase,
                                   struct text *t);
int detailed_stats_init(struct piste *p, void **state, struct error *e);
void detailed_stats_stop(struct piste *p, void *state);
