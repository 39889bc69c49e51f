/* The records of ip4-output and ip6-output, and their arcs. */
#include "control/module.h"
#include "net/ip/ip4/ip4_output.h"
#include "net/ip/ip4/ip4_output_internal.h"

static const char *const start_nodes[] = {"ip4-output", NULL};
/* VPP's order */
static const char *const slots[] = {
    "gso-ip4",
    "wg4-output-tun",
    "ip4-tx-urpf-strict",
    "ip4-tx-urpf-loose",
    "policer-output",
    "ip4-sv-reassembly-output-feature",
    "nat44-ed-in2out-output",
    "nat44-in2out-output-worker-handoff",
    "nat-pre-in2out-output",
    "acl-plugin-out-ip4-fa",
    "ip4-qos-mark",
    "vlan-ip4-qos-mark",
    "ip4-dvr-reinject",
    "ip4-source-and-port-range-check-tx",
    "ip4-outacl",
    "ipsec4-output-feature",
    NULL,
};
static const struct feature_arc_def arc = {
    .name = "ip4-output", .start_nodes = start_nodes, .slots = slots};

const struct module ip4_output_module = {
    .abi = MODULE_ABI,
    .name = ip4_output_module_name,
    .description = "IPv4 packets that leave, and their features",
    .needs = (const char *const[]){"fib", "interface", NULL},
    .arcs = (const struct feature_arc_def *const[]){&arc, NULL},
    .init = ip4_output_init,
    .stop = ip4_output_stop,
};

static const char *const start_nodes6[] = {"ip6-output", NULL};
/* VPP's order */
static const char *const slots6[] = {
    "gso-ip6",
    "wg6-output-tun",
    "ip6-tx-urpf-strict",
    "ip6-tx-urpf-loose",
    "policer-output",
    "acl-plugin-out-ip6-fa",
    "ip6-qos-mark",
    "vlan-ip6-qos-mark",
    "ip6-dvr-reinject",
    "pt",
    "ip6-sv-reassembly-output-feature",
    "ip6-outacl",
    "ipsec6-output-feature",
    NULL,
};
static const struct feature_arc_def arc6 = {
    .name = "ip6-output", .start_nodes = start_nodes6, .slots = slots6};

const struct module ip6_output_module = {
    .abi = MODULE_ABI,
    .name = ip6_output_module_name,
    .description = "IPv6 packets that leave, and their features",
    .needs = (const char *const[]){"fib", "interface", NULL},
    .arcs = (const struct feature_arc_def *const[]){&arc6, NULL},
    .init = ip6_output_init,
    .stop = ip4_output_stop,
};
