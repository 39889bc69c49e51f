/* The records of the modules arp and arp_api: nodes, and their arc. */
#include "control/module.h"
#include "engine/feature.h"
#include "engine/trace.h"
#include "net/ip/ip4/ip4_forward.h"
#include "net/ip/neighbor/arp_internal.h"
#include "net/ip/neighbor/neighbor_data.h"
#include "net/packet/ethernet_format.h"

static void format_arp(struct piste *p, const struct trace_record *r, struct text *out)
{
    ethernet_format_arp(out, r->data, r->data_len, 0);
}

static void format_hold(struct piste *p, const struct trace_record *r, struct text *out)
{
    ip4_format_forward_trace(p, r, out);
}

static const struct node_error arp_errors[ARP_ERR_N] = {
    [ARP_ERR_REPLIES_SENT] = {"replies_sent", "ARP replies sent", SEVERITY_INFO},
    [ARP_ERR_DISABLED] = {"disabled", "ARP Disabled", SEVERITY_ERROR},
    [ARP_ERR_L2_TYPE_NOT_ETHERNET] = {"l2_type_not_ethernet", "L2 type not ethernet",
                                      SEVERITY_ERROR},
    [ARP_ERR_L3_TYPE_NOT_IP4] = {"l3_type_not_ip4", "L3 type not IP4", SEVERITY_ERROR},
    [ARP_ERR_L3_SRC_ADDRESS_NOT_LOCAL] = {"l3_src_address_not_local",
                                          "IP4 source address not local to subnet", SEVERITY_ERROR},
    [ARP_ERR_L3_DST_ADDRESS_NOT_LOCAL] = {"l3_dst_address_not_local",
                                          "IP4 destination address not local to subnet",
                                          SEVERITY_ERROR},
    [ARP_ERR_L3_DST_ADDRESS_UNSET] = {"l3_dst_address_unset", "IP4 destination address is unset",
                                      SEVERITY_ERROR},
    [ARP_ERR_L3_SRC_ADDRESS_IS_LOCAL] = {"l3_src_address_is_local",
                                         "IP4 source address matches local interface",
                                         SEVERITY_ERROR},
    [ARP_ERR_L3_SRC_ADDRESS_LEARNED] = {"l3_src_address_learned",
                                        "ARP request IP4 source address learned", SEVERITY_INFO},
    [ARP_ERR_REPLIES_RECEIVED] = {"replies_received", "ARP replies received", SEVERITY_INFO},
    [ARP_ERR_OPCODE_NOT_REQUEST] = {"opcode_not_request", "ARP opcode not request", SEVERITY_ERROR},
    [ARP_ERR_PROXY_ARP_REPLIES_SENT] = {"proxy_arp_replies_sent", "Proxy ARP replies sent",
                                        SEVERITY_INFO},
    [ARP_ERR_L2_ADDRESS_MISMATCH] = {"l2_address_mismatch",
                                     "ARP hw addr does not match L2 frame src addr",
                                     SEVERITY_ERROR},
    [ARP_ERR_GRATUITOUS_ARP] = {"gratuitous_arp", "ARP probe or announcement dropped",
                                SEVERITY_INFO},
    [ARP_ERR_INTERFACE_NO_TABLE] = {"interface_no_table", "Interface is not mapped to an IP table",
                                    SEVERITY_ERROR},
    [ARP_ERR_INTERFACE_NOT_IP_ENABLED] = {"interface_not_ip_enabled", "Interface is not IP enabled",
                                          SEVERITY_ERROR},
    [ARP_ERR_UNNUMBERED_MISMATCH] = {"unnumbered_mismatch",
                                     "RX interface is unnumbered to different subnet",
                                     SEVERITY_ERROR},
    [ARP_ERR_TOO_SHORT] = {"too_short", "ARP packet is too short", SEVERITY_ERROR},
    [ARP_ERR_BAD_SENDER_MAC] = {"bad_sender_mac", "ARP sender is no station", SEVERITY_ERROR},
    [ARP_ERR_NOT_LEARNED] = {"not_learned", "ARP senders not learned: too many at a time",
                             SEVERITY_WARN},
};

#define ARP_NODE(c_name, text_name)                                                                \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name), .next = {"error-drop"},                   \
        .n_next = ARP_N_NEXT, .errors = arp_errors, .n_errors = ARP_ERR_N,                         \
        .format_trace = format_arp,                                                                \
    }

const struct node_def arp_input_node = ARP_NODE(arp_input, "arp-input");
static const struct node_def reply_node = ARP_NODE(arp_reply, "arp-reply");
static const struct node_def proxy_node = ARP_NODE(arp_proxy, "arp-proxy");
static const struct node_def disabled_node = ARP_NODE(arp_disabled, "arp-disabled");

static const struct node_error hold_errors[HOLD_ERR_N] = {
    [HOLD_ERR_THROTTLED] = {"throttled", "ARP requests throttled", SEVERITY_INFO},
    [HOLD_ERR_RESOLVED] = {"resolved", "ARP requests resolved", SEVERITY_INFO},
    [HOLD_ERR_NO_BUFFERS] = {"no_buffers", "ARP requests out of buffer", SEVERITY_ERROR},
    [HOLD_ERR_REQUEST_SENT] = {"request_sent", "ARP requests sent", SEVERITY_INFO},
    [HOLD_ERR_NON_ARP_ADJ] = {"non_arp_adj", "ARPs to non-ARP adjacencies", SEVERITY_ERROR},
    [HOLD_ERR_NO_SOURCE_ADDRESS] = {"no_source_address", "no source address for ARP request",
                                    SEVERITY_ERROR},
    [HOLD_ERR_NO_ANSWER] = {"no_answer", "next hop does not answer", SEVERITY_ERROR},
};

#define HOLD_NODE(c_name, text_name)                                                               \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name),                                           \
        .next = {[HOLD_NEXT_DROP] = "ip4-drop", [HOLD_NEXT_REWRITE] = "ip4-rewrite"},              \
        .n_next = HOLD_N_NEXT, .errors = hold_errors, .n_errors = HOLD_ERR_N,                      \
        .format_trace = format_hold,                                                               \
    }

static const struct node_def arp_node = HOLD_NODE(ip4_arp, "ip4-arp");
static const struct node_def glean_node = HOLD_NODE(ip4_glean, "ip4-glean");

static const struct node_def *const nodes[] = {
    &reply_node, &proxy_node, &disabled_node, &arp_node, &glean_node, NULL,
};

static const struct feature_arc_def arp_arc = {
    .name = "arp",
    .start_nodes = (const char *const[]){"arp-input", NULL},
    .end_node = "error-drop",
    .slots = (const char *const[]){"arping-input", "arp-reply", "arp-proxy", "arp-disabled", NULL},
};

static const struct feature_arc_def *const arcs[] = {&arp_arc, NULL};

static const struct feature_def reply_feature = {.arc = "arp", .node = "arp-reply"};
static const struct feature_def proxy_feature = {.arc = "arp", .node = "arp-proxy"};
static const struct feature_def disabled_feature = {.arc = "arp", .node = "arp-disabled"};

static const struct feature_def *const features[] = {&reply_feature, &proxy_feature,
                                                     &disabled_feature, NULL};

static const char *const arp_needs[] = {"neighbor", "interface", "ip4", NULL};

const struct module arp_module = {
    .abi = MODULE_ABI,
    .name = arp_module_name,
    .description = "Neighbors of IPv4: ARP",
    .needs = arp_needs,
    .nodes = nodes,
    .arcs = arcs,
    .features = features,
    .commands = arp_commands,
    .init = arp_init,
    .stop = arp_stop,
    .running_config = arp_running_config,
};

static const char *const api_needs[] = {"api", "arp", NULL};

const struct module arp_api_module = {
    .abi = MODULE_ABI,
    .name = "arp_api",
    .description = "Binary API of proxy ARP",
    .needs = api_needs,
    .api = arp_api_handlers,
};
