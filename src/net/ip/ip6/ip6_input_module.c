/* The records of ip6-input and the ends, and the feature arcs; see ip6_input.h. */
#include "net/ip/ip6/ip6_input.h"

#include <stdlib.h>

#include "base/mem.h"
#include "control/module.h"
#include "engine/thread.h"
#include "net/ip/ip6/ip6_errors.h"
#include "net/ip/ip6/ip6_forward.h"
#include "net/ip/ip6/ip6_nodes.h"
#include "net/link/ethernet/ethernet.h"
#include "net/link/interface/interface.h"
#include "net/packet/ethernet_packet.h"
#include "net/packet/ip6_format.h"

/* --- arcs --- */

static const char *const input_nodes[] = {"ip6-input", NULL};

/* VPP's order, of all arcs here. */
static const char *const unicast_slots[] = {
    "ip6-rx-urpf-loose",
    "ip6-rx-urpf-strict",
    "policer-input",
    "acl-plugin-in-ip6-fa",
    "l3xc-input-ip6",
    "ip6-sv-reassembly-feature",
    "ip6-full-reassembly-feature",
    "abf-input-ip6",
    "ip6-unicast-nd-proxy",
    "ip6-qos-store",
    "vlan-ip6-qos-record",
    "ip6-qos-record",
    "ip6-not-enabled",
    "ip6-flow-classify",
    "ip6-inacl",
    "ip6-policer-classify",
    "ipsec6-input-feature",
    "l2tp-decap",
    "vpath-input-ip6",
    "ip6-vxlan-bypass",
    NULL,
};
static const char *const multicast_slots[] = {
    "ip6-multicast-nd-proxy",          "ip6-qos-store",   "vlan-ip6-qos-record", "ip6-qos-record",
    "ip6-sv-reassembly-mcast-feature", "ip6-not-enabled", "vpath-input-ip6",     NULL,
};

static const struct feature_arc_def unicast_arc = {.name = "ip6-unicast",
                                                   .start_nodes = input_nodes,
                                                   .end_node = "ip6-lookup",
                                                   .slots = unicast_slots};
static const struct feature_arc_def multicast_arc = {.name = "ip6-multicast",
                                                     .start_nodes = input_nodes,
                                                     .end_node = "ip6-mfib-forward-lookup",
                                                     .slots = multicast_slots};
static const struct feature_arc_def local_arc = {
    .name = "ip6-local",
    .start_nodes = (const char *const[]){"ip6-local", "ip6-receive", NULL},
    .end_node = "ip6-local-end-of-arc",
    .slots = (const char *const[]){"arping6-input", NULL}};
static const struct feature_arc_def drop_arc = {.name = "ip6-drop",
                                                .start_nodes =
                                                    (const char *const[]){"ip6-drop", NULL},
                                                .end_node = "error-drop"};
static const struct feature_arc_def punt_arc = {
    .name = "ip6-punt",
    .start_nodes = (const char *const[]){"ip6-punt", NULL},
    .end_node = "error-punt",
    .slots = (const char *const[]){"ip6-punt-acl", "ip6-punt-policer", "ip6-punt-redirect", NULL}};

static const struct feature_def not_enabled_unicast = {.arc = "ip6-unicast",
                                                       .node = "ip6-not-enabled"};
static const struct feature_def not_enabled_multicast = {.arc = "ip6-multicast",
                                                         .node = "ip6-not-enabled"};

static const struct node_def not_enabled_node = {
    .name = "ip6-not-enabled",
    .run = NODE_VARIANTS(ip6_not_enabled),
    .next = {"error-drop"},
    .n_next = 1,
    .errors = ip6_errors,
    .n_errors = IP6_ERROR_N,
    .format_trace = ip6_format_forward_trace,
};

const struct module ip6_arcs_module = {
    .abi = MODULE_ABI,
    .name = "ip6-arcs",
    .description = "IPv6 feature arcs",
    .nodes = (const struct node_def *const[]){&not_enabled_node, NULL},
    .arcs = (const struct feature_arc_def *const[]){&multicast_arc, &unicast_arc, &local_arc,
                                                    &drop_arc, &punt_arc, NULL},
    .features =
        (const struct feature_def *const[]){&not_enabled_unicast, &not_enabled_multicast, NULL},
};

/* --- nodes --- */

static const struct node_def input_node = {
    .name = "ip6-input",
    .run = NODE_VARIANTS(ip6_input),
    .next =
        {
            [IP6_INPUT_NEXT_DROP] = "error-drop",
            [IP6_INPUT_NEXT_LOOKUP] = "ip6-lookup",
            [IP6_INPUT_NEXT_MULTICAST] = "ip6-mfib-forward-lookup",
            [IP6_INPUT_NEXT_ICMP_ERROR] = "ip6-icmp-error",
        },
    .n_next = IP6_INPUT_N_NEXT,
    .errors = ip6_errors,
    .n_errors = IP6_ERROR_N,
    .format_trace = ip6_format_trace,
    .plain = NODE_PLAIN_DST,
};

static const struct node_def drop_node = {
    .name = "ip6-drop",
    .run = NODE_VARIANTS(ip6_drop),
    .next = {"error-drop"},
    .n_next = 1,
    .format_trace = ip6_format_forward_trace,
};

static const struct node_def punt_node = {
    .name = "ip6-punt",
    .run = NODE_VARIANTS(ip6_punt),
    .next = {"error-punt"},
    .n_next = 1,
    .format_trace = ip6_format_forward_trace,
};

static int ip6_input_init(struct piste *p, void **out, struct error *e)
{
    struct engine *engine = engine_of(p);
    struct ip6_input *state = mem_alloc(sizeof(*state));

    *state = (struct ip6_input){
        .unicast = feature_arc_find(engine, "ip6-unicast"),
        .multicast = feature_arc_find(engine, "ip6-multicast"),
        .drop = feature_arc_find(engine, "ip6-drop"),
        .punt = feature_arc_find(engine, "ip6-punt"),
        .solicited = mem_alloc(IF_MAX / 8),
    };
    node_register(engine, &input_node, NULL, state);
    ethernet_register_type(p, ETHERTYPE_IP6, "ip6-input");
    *out = state;
    return 0;
}

static void ip6_input_stop(struct piste *p, void *state)
{
    struct ip6_input *s = state;
    free(s->solicited);
    free(s);
}

static const char ip6_input_module_name[] = "ip6-input";

void ip6_input_pass_solicitations(struct piste *p, struct if_index i, bool on)
{
    struct ip6_input *s = module_state(p, ip6_input_module_name);
    u64 bit = 1ull << i.i % 64, *word = &s->solicited[i.i / 64];
    __atomic_store_n(word, on ? *word | bit : *word & ~bit, __ATOMIC_RELAXED);
}

const struct module ip6_input_module = {
    .abi = MODULE_ABI,
    .name = ip6_input_module_name,
    .description = "IPv6 reception",
    .needs = (const char *const[]){"ip6-arcs", "ethernet", NULL},
    .nodes = (const struct node_def *const[]){&drop_node, &punt_node, NULL},
    .init = ip6_input_init,
    .stop = ip6_input_stop,
};
