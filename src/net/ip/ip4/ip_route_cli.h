/* `ip route`, and its lines of the running configuration. */
#pragma once

struct cli_call;
struct piste;
struct text;

#define FIB_ROUTES_MOST 2097151u

int ip_route_command(struct cli_call *c);
/* What it takes for other things than interfaces; NULL at the end. */
extern const char *const ip_route_words[];
void ip_route_running_config(struct piste *p, struct text *t);
