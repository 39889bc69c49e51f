/* What the files of IPFIX share. */
#pragma once

#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "net/features/ipfix/ipfix.h"
#include "net/ip/ip4/udp4_send.h"

/* --- for the record in ipfix_module.c --- */
extern const char ipfix_module_name[];
extern const struct cli_command ipfix_commands[];
extern const struct api_handler ipfix_api_handlers[];
int ipfix_init(struct piste *p, void **state, struct error *e);
void ipfix_stop(struct piste *p, void *state);
void ipfix_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
