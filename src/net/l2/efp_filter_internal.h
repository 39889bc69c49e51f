/* What the files of efp-filter share. */
#pragma once

#include "base/vec.h"
#include "control/module.h"
#include "net/l2/efp_filter.h"

struct efp_filter {
    VEC(struct if_index) on;
};

/* --- for the record in efp_filter_module.c --- */
extern const char efp_filter_module_name[];
extern const struct cli_command efp_filter_commands[];
int efp_filter_init(struct piste *p, void **state, struct error *e);
void efp_filter_stop(struct piste *p, void *state);
void efp_filter_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
