/* What the files of QoS share. */
#pragma once

#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "net/features/qos/qos.h"

/* --- for the record in qos_module.c --- */
extern const char qos_module_name[];
extern const struct cli_command qos_commands[];
extern const struct cli_type qos_types[];
extern const struct api_handler qos_api_handlers[];
void qos_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
int qos_init(struct piste *p, void **state, struct error *e);
void qos_stop(struct piste *p, void *state);
