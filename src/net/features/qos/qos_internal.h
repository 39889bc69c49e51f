/* What the files of QoS share. */
#pragma once

#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "net/features/qos/qos.h"

extern const struct cli_command qos_commands[];
extern const struct cli_type qos_types[];
extern const struct api_handler qos_api_handlers[];
void qos_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
