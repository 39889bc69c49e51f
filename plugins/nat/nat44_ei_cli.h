/* Commands and messages of NAT44 EI, for its record. */
#pragma once

#include "control/api.h"
#include "control/cli.h"

extern const struct cli_command nat44_ei_commands[];
extern const struct cli_type nat44_ei_types[];
extern const struct api_handler nat44_ei_api_handlers[];

/* Tells who asked that the failover has been told of all sessions. */
void nat44_ei_resynced(struct piste *p, u32 missed);

/* --- nat44_ei_show.c --- */

int nat44_ei_show_sessions(struct cli_call *c);
int nat44_ei_show_addresses(struct cli_call *c);
int nat44_ei_show_ports(struct cli_call *c);
