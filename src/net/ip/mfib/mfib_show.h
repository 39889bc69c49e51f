/* What people see of multicast routes. */
#pragma once

struct cli_call;

int mfib_show_ip4(struct cli_call *c);
int mfib_show_ip6(struct cli_call *c);
int mfib_show_entries(struct cli_call *c);
int mfib_show_replicates(struct cli_call *c);
int mfib_show_interfaces(struct cli_call *c);
int mfib_show_itf_flags(struct cli_call *c);
int mfib_show_signals(struct cli_call *c);
int mfib_show_route_flags(struct cli_call *c);
