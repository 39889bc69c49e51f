/* The module of IPv4's express: tells ethernet-input of it. */
#include "net/ip/ip4/ip4_express.h"

#include <stdlib.h>

#include "base/mem.h"
#include "control/module.h"
#include "engine/thread.h"
#include "net/ip/ip4/ip4_input.h"

struct state {
    struct ip4_express data;
    struct express express;
};

static int ip4_express_init(struct piste *p, void **out, struct error *e)
{
    struct state *s = mem_alloc(sizeof(*s));
    s->data = (struct ip4_express){
        .arcs = module_state(p, ip4_input_module.name),
        .input = node_must_find(engine_of(p), "ip4-input"),
        .lookup = node_must_find(engine_of(p), "ip4-lookup"),
        .rewrite = node_must_find(engine_of(p), "ip4-rewrite"),
    };
    s->express = (struct express){.run = NODE_VARIANTS(ip4_express), .state = &s->data};
    ethernet_set_express(p, EXPRESS_IP4, &s->express);
    *out = s;
    return 0;
}

static void ip4_express_stop(struct piste *p, void *state)
{
    ethernet_set_express(p, EXPRESS_IP4, NULL);
    free(state);
}

const struct module ip4_express_module = {
    .abi = MODULE_ABI,
    .name = "ip4-express",
    .description = "IPv4 packets straight from ethernet-input to their port",
    .needs = (const char *const[]){"ethernet", "ip4", "ip4-input", NULL},
    .init = ip4_express_init,
    .stop = ip4_express_stop,
};
