/* What the record in ip4_module.c names. */
#pragma once

#include "control/module.h"
#include "net/ip/ip4/ip4.h"

extern const struct node_def *const ip4_forward_nodes[];
extern const struct cli_command ip4_commands[];
int ip4_init(struct piste *p, void **state, struct error *e);
void ip4_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
