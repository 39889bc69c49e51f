/* The records of ip4-input and the ends, and the feature arcs; see ip4_input.h. */
#include "net/ip/ip4/ip4_input.h"

#include <stdlib.h>

#include "base/mem.h"
#include "control/module.h"
#include "engine/thread.h"
#include "net/ip/ip4/ip4_errors.h"
#include "net/ip/ip4/ip4_forward.h"
#include "net/packet/ip4_format.h"
#include "net/ip/ip4/ip4_nodes.h"

/* --- arcs --- */

static const char *const input_nodes[] = {"ip4-input", "ip4-input-no-checksum", "ip4-options",
                                          NULL};

/* VPP's order, of all arcs here. */
static const char *const unicast_slots[] = {
    "ip4-rx-urpf-loose",
    "ip4-rx-urpf-strict",
    "policer-input",
    "ip4-dhcp-client-detect",
    "acl-plugin-in-ip4-fa",
    "ip4-full-reassembly-feature",
    "ip4-sv-reassembly-feature",
    "nat44-ed-out2in",
    "nat44-ed-in2out",
    "nat44-out2in-worker-handoff",
    "nat44-in2out-worker-handoff",
    "nat44-handoff-classify",
    "nat44-ed-classify",
    "nat-pre-out2in",
    "nat-pre-in2out",
    "l3xc-input-ip4",
    "abf-input-ip4",
    "ip4-qos-store",
    "vlan-ip4-qos-record",
    "ip4-qos-record",
    "ip4-not-enabled",
    "ip4-source-and-port-range-check-rx",
    "ip4-flow-classify",
    "ip4-inacl",
    "ip4-policer-classify",
    "ipsec4-input-feature",
    "vpath-input-ip4",
    "ip4-vxlan-bypass",
    NULL,
};
static const char *const multicast_slots[] = {
    "ip4-qos-store",
    "vlan-ip4-qos-record",
    "ip4-qos-record",
    "ip4-sv-reassembly-mcast-feature",
    "ip4-not-enabled",
    "vpath-input-ip4",
    NULL,
};

static const struct feature_arc_def unicast_arc = {.name = "ip4-unicast",
                                                   .start_nodes = input_nodes,
                                                   .end_node = "ip4-lookup",
                                                   .slots = unicast_slots};
static const struct feature_arc_def multicast_arc = {.name = "ip4-multicast",
                                                     .start_nodes = input_nodes,
                                                     .end_node = "ip4-mfib-forward-lookup",
                                                     .slots = multicast_slots};
static const struct feature_arc_def local_arc = {
    .name = "ip4-local",
    .start_nodes = (const char *const[]){"ip4-local", "ip4-receive", NULL},
    .end_node = "ip4-local-end-of-arc",
    .slots = (const char *const[]){"syn-filter-4", NULL}};
static const struct feature_arc_def drop_arc = {.name = "ip4-drop",
                                                .start_nodes =
                                                    (const char *const[]){"ip4-drop", NULL},
                                                .end_node = "error-drop"};
static const struct feature_arc_def punt_arc = {
    .name = "ip4-punt",
    .start_nodes = (const char *const[]){"ip4-punt", NULL},
    .end_node = "error-punt",
    .slots = (const char *const[]){"ip4-punt-acl", "ip4-punt-policer", "ip4-punt-redirect", NULL}};

static const struct feature_def not_enabled_unicast = {.arc = "ip4-unicast",
                                                       .node = "ip4-not-enabled"};
static const struct feature_def not_enabled_multicast = {.arc = "ip4-multicast",
                                                         .node = "ip4-not-enabled"};

static const struct node_def not_enabled_node = {
    .name = "ip4-not-enabled",
    .run = NODE_VARIANTS(ip4_not_enabled),
    .next = {"error-drop"},
    .n_next = 1,
    .errors = ip4_errors,
    .n_errors = IP4_ERROR_N,
    .format_trace = ip4_format_forward_trace,
};

const struct module ip4_arcs_module = {
    .abi = MODULE_ABI,
    .name = "ip4-arcs",
    .description = "IPv4 feature arcs",
    .nodes = (const struct node_def *const[]){&not_enabled_node, NULL},
    .arcs = (const struct feature_arc_def *const[]){&multicast_arc, &unicast_arc, &local_arc,
                                                    &drop_arc, &punt_arc, NULL},
    .features =
        (const struct feature_def *const[]){&not_enabled_unicast, &not_enabled_multicast, NULL},
};

/* --- nodes --- */

#define INPUT_NEXT                                                                                 \
    {                                                                                              \
        [IP4_INPUT_NEXT_DROP] = "error-drop", [IP4_INPUT_NEXT_PUNT] = "error-punt",                \
        [IP4_INPUT_NEXT_OPTIONS] = "ip4-options", [IP4_INPUT_NEXT_LOOKUP] = "ip4-lookup",          \
        [IP4_INPUT_NEXT_MULTICAST] = "ip4-mfib-forward-lookup",                                    \
        [IP4_INPUT_NEXT_ICMP_ERROR] = "ip4-icmp-error",                                            \
    }

static const struct node_def input_node = {
    .name = "ip4-input",
    .run = NODE_VARIANTS(ip4_input),
    .next = INPUT_NEXT,
    .n_next = IP4_INPUT_N_NEXT,
    .errors = ip4_errors,
    .n_errors = IP4_ERROR_N,
    .format_trace = ip4_format_trace,
    .plain = NODE_PLAIN_DST,
};

static const struct node_def input_no_checksum_node = {
    .name = "ip4-input-no-checksum",
    .run = NODE_VARIANTS(ip4_input_no_checksum),
    .next = INPUT_NEXT,
    .n_next = IP4_INPUT_N_NEXT,
    .errors = ip4_errors,
    .n_errors = IP4_ERROR_N,
    .format_trace = ip4_format_trace,
};

static const struct node_def options_node = {
    .name = "ip4-options",
    .run = NODE_VARIANTS(ip4_options),
    .next = INPUT_NEXT,
    .n_next = IP4_INPUT_N_NEXT,
    .errors = ip4_errors,
    .n_errors = IP4_ERROR_N,
    .format_trace = ip4_format_trace,
};

static const struct node_def drop_node = {
    .name = "ip4-drop",
    .run = NODE_VARIANTS(ip4_drop),
    .next = {"error-drop"},
    .n_next = 1,
    .format_trace = ip4_format_forward_trace,
};

static const struct node_def punt_node = {
    .name = "ip4-punt",
    .run = NODE_VARIANTS(ip4_punt),
    .next = {"error-punt"},
    .n_next = 1,
    .format_trace = ip4_format_forward_trace,
};

static int ip4_input_init(struct piste *p, void **out, struct error *e)
{
    struct engine *engine = engine_of(p);
    struct ip4_input *state = mem_alloc(sizeof(*state));

    *state = (struct ip4_input){
        .unicast = feature_arc_find(engine, "ip4-unicast"),
        .multicast = feature_arc_find(engine, "ip4-multicast"),
        .drop = feature_arc_find(engine, "ip4-drop"),
        .punt = feature_arc_find(engine, "ip4-punt"),
    };
    *out = state;
    return 0;
}

static void ip4_input_stop(struct piste *p, void *state)
{
    free(state);
}

const struct module ip4_input_module = {
    .abi = MODULE_ABI,
    .name = "ip4-input",
    .description = "IPv4 reception",
    .needs = (const char *const[]){"ip4-arcs", NULL},
    .nodes = (const struct node_def *const[]){&input_node, &input_no_checksum_node, &options_node,
                                              &drop_node, &punt_node, NULL},
    .init = ip4_input_init,
    .stop = ip4_input_stop,
};
