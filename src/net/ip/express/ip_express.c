/* The modules of the expresses of IPv4 and IPv6: they tell ethernet-input of them. */
#include "net/ip/express/ip_express.h"

#include <stdlib.h>

#include "base/mem.h"
#include "control/module.h"
#include "engine/engine.h"
#include "engine/feature.h"

struct ip_express_state {
    struct ip_express data;
    struct express express;
};

/* x: what the protocol runs; returns the module's state. */
static void *ip_express_start(struct piste *p, enum express_kind kind, const char *arc,
                              const char *const nodes[3], struct express x)
{
    struct engine *e = engine_of(p);
    struct ip_express_state *s = mem_alloc(sizeof(*s));
    struct node_index input = node_must_find(e, nodes[0]), lookup = node_must_find(e, nodes[1]);
    s->data = (struct ip_express){
        .unicast = feature_arc_find(e, arc),
        .input = input,
        .lookup = lookup,
        .rewrite = node_must_find(e, nodes[2]),
        .ethernet_next = node_edge(e, node_must_find(e, "ethernet-input"), input),
        .input_next = node_edge(e, input, lookup),
    };
    s->express = x;
    s->express.state = &s->data;
    ethernet_set_express(p, kind, &s->express);
    return s;
}

static int ip4_express_init(struct piste *p, void **out, struct error *e)
{
    static const char *const nodes[] = {"ip4-input", "ip4-lookup", "ip4-rewrite"};
    *out = ip_express_start(p, EXPRESS_IP4, "ip4-unicast", nodes,
                            (struct express){.run = NODE_VARIANTS(ip4_express)});
    return 0;
}

static int ip6_express_init(struct piste *p, void **out, struct error *e)
{
    static const char *const nodes[] = {"ip6-input", "ip6-lookup", "ip6-rewrite"};
    *out = ip_express_start(p, EXPRESS_IP6, "ip6-unicast", nodes,
                            (struct express){.run = NODE_VARIANTS(ip6_express)});
    return 0;
}

static void ip4_express_stop(struct piste *p, void *state)
{
    ethernet_set_express(p, EXPRESS_IP4, NULL);
    free(state);
}

static void ip6_express_stop(struct piste *p, void *state)
{
    ethernet_set_express(p, EXPRESS_IP6, NULL);
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

const struct module ip6_express_module = {
    .abi = MODULE_ABI,
    .name = "ip6-express",
    .description = "IPv6 packets straight from ethernet-input to their port",
    .needs = (const char *const[]){"ethernet", "ip6", "ip6-input", NULL},
    .init = ip6_express_init,
    .stop = ip6_express_stop,
};
