/* `ip route`, and its lines of the running configuration. */
#pragma once

#include "base/mem.h"
#include "control/module.h"

struct cli_call;
struct piste;
struct text;

#define FIB_ROUTES_MOST (MEM_MOST(1u << 21) - 1)

int ip_route_command(struct cli_call *c);
/* What it takes for other things than interfaces; NULL at the end. */
extern const char *const ip_route_words[];
bool ip_route_running_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                                  struct text *t);
void ip_route_place_free(void *place);
