/* What commands of NAT44, its configuration and its traces share. */
#pragma once

#include "base/text.h"
#include "control/cli.h"
#include "plugins/nat/nat44_data.h"

extern const char *const nat44_timeout_words[NAT44_TIMEOUTS];

int nat44_show_timeouts(struct cli_call *c);
int nat44_show_interfaces(struct cli_call *c);
int nat44_show_addresses(struct cli_call *c);
int nat44_show_address_ifs(struct cli_call *c);
int nat44_show_mappings(struct cli_call *c);
int nat44_show_workers(struct cli_call *c);
int nat44_show_mss(struct cli_call *c);
int nat44_show_vrf_tables(struct cli_call *c);
int nat44_show_sessions(struct cli_call *c);
int nat44_show_summary(struct cli_call *c);

/* "WORDS A.B.C.D:PORT" */
void nat44_format_endpoint(struct text *t, const char *words, be32 addr, be16 port);
/* "match: saddr .. rewrite: .." of a session's packets of one direction. */
void nat44_format_flow(struct text *t, const union nat44_key key[NAT44_DIRS], enum nat44_dir dir);
