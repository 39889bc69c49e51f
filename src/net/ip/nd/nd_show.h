/* `show ip6 interface`: what interfaces of IPv6 are and do. */
#pragma once

struct cli_call;

int nd_show_interface(struct cli_call *c);
