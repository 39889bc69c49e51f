/* What the files of ip4-output share. */
#pragma once

#include "control/module.h"
#include "net/ip/ip4/ip4_output.h"

/* --- for the record in ip4_output_module.c --- */
extern const char ip4_output_module_name[], ip6_output_module_name[];
int ip4_output_init(struct piste *p, void **state, struct error *e);
int ip6_output_init(struct piste *p, void **state, struct error *e);
void ip4_output_stop(struct piste *p, void *state);
