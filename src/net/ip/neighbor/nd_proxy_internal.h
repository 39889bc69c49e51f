/* What the files of ND proxies share. */
#pragma once

#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "net/ip/neighbor/nd_internal.h"
#include "net/ip/neighbor/nd_proxy.h"

struct nd_proxy {
    const struct nd_node *nd; /* first: what the nodes see */
    struct nd_proxies table;
    u32 n_hosts;
    VEC(bool) all; /* by interface: nd_proxy_set_all */
    void (*on_groups)(struct piste *p, struct if_index i, void *arg);
    void *on_groups_arg;
};

/* --- for the records in nd_proxy_module.c --- */
extern const char nd_proxy_module_name[];
extern const struct cli_command nd_proxy_commands[];
extern const struct api_handler nd_proxy_api_handlers[];
void nd_proxy_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
int nd_proxy_init(struct piste *p, void **state, struct error *e);
void nd_proxy_stop(struct piste *p, void *state);

NODE_DECLARE(ip6_unicast_nd_proxy);
NODE_DECLARE(ip6_multicast_nd_proxy);
