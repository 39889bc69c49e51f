/* What the files of syslog share. */
#pragma once

#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "net/features/syslog/syslog.h"
#include "net/ip/ip4/udp4_send.h"

/* --- for the record in syslog_module.c --- */
extern const char syslog_module_name[];
extern const struct cli_command syslog_commands[];
extern const struct api_handler syslog_api_handlers[];
int syslog_init(struct piste *p, void **state, struct error *e);
void syslog_stop(struct piste *p, void *state);
void syslog_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
