/* What the files of l2-rw share. */
#pragma once

#include "control/module.h"
#include "net/features/l2_rw/l2_rw.h"
void l2_rw_entry_publish(struct piste *p, u32 i, const struct l2_rw_entry *new);
int l2_rw_interface_set(struct piste *p, struct if_index i, u32 table, u32 miss, struct error *e);

/* --- for the record in l2_rw_module.c --- */
extern const struct cli_command l2_rw_commands[];
int l2_rw_init(struct piste *p, void **state, struct error *e);
void l2_rw_stop(struct piste *p, void *state);
void l2_rw_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
