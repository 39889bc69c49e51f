/* The record of qos, and its nodes. */
#include "engine/feature.h"
#include "engine/trace.h"
#include "net/features/qos/qos.h"
#include "net/features/qos/qos_internal.h"

NODE_DECLARE(qos_store);
NODE_DECLARE(qos_record_ip4);
NODE_DECLARE(qos_record_ip6);
NODE_DECLARE(qos_record_vlan);
NODE_DECLARE(qos_record_l2);
NODE_DECLARE(qos_mark_ip4);
NODE_DECLARE(qos_mark_ip6);
NODE_DECLARE(qos_mark_vlan);

static void qos_format_trace(struct piste *p, const struct trace_record *r, struct text *out)
{
    u32 word = r->meta.flags >> BUFFER_QOS_SHIFT;
    if (r->meta.flags & BUFFER_QOS)
        text_add(out, "source:%s qos:%u", qos_source_name((enum qos_source)(word >> 8 & 3)),
                 word & 255);
    else
        text_puts(out, "no qos");
}

#define QOS_NODE(text_name, c_name)                                                                \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name), .format_trace = qos_format_trace,         \
    }

static const struct node_def node_store_ip4 = QOS_NODE("ip4-qos-store", qos_store);
static const struct node_def node_store_ip6 = QOS_NODE("ip6-qos-store", qos_store);
static const struct node_def node_record_ip4 = QOS_NODE("ip4-qos-record", qos_record_ip4);
static const struct node_def node_record_ip6 = QOS_NODE("ip6-qos-record", qos_record_ip6);
static const struct node_def node_record_vlan4 = QOS_NODE("vlan-ip4-qos-record", qos_record_vlan);
static const struct node_def node_record_vlan6 = QOS_NODE("vlan-ip6-qos-record", qos_record_vlan);
static const struct node_def node_record_l2 = QOS_NODE("l2-ip-qos-record", qos_record_l2);
static const struct node_def node_mark_ip4 = QOS_NODE("ip4-qos-mark", qos_mark_ip4);
static const struct node_def node_mark_ip6 = QOS_NODE("ip6-qos-mark", qos_mark_ip6);
static const struct node_def node_mark_vlan4 = QOS_NODE("vlan-ip4-qos-mark", qos_mark_vlan);
static const struct node_def node_mark_vlan6 = QOS_NODE("vlan-ip6-qos-mark", qos_mark_vlan);
static const struct node_def *const nodes[] = {
    &node_store_ip4,    &node_store_ip6,    &node_record_ip4, &node_record_ip6,
    &node_record_vlan4, &node_record_vlan6, &node_record_l2,  &node_mark_ip4,
    &node_mark_ip6,     &node_mark_vlan4,   &node_mark_vlan6, NULL,
};

static const struct feature_def features_of[] = {
    {"ip4-unicast", "ip4-qos-store"},         {"ip4-unicast", "vlan-ip4-qos-record"},
    {"ip4-unicast", "ip4-qos-record"},        {"ip4-multicast", "ip4-qos-store"},
    {"ip4-multicast", "vlan-ip4-qos-record"}, {"ip4-multicast", "ip4-qos-record"},
    {"ip6-unicast", "ip6-qos-store"},         {"ip6-unicast", "vlan-ip6-qos-record"},
    {"ip6-unicast", "ip6-qos-record"},        {"ip6-multicast", "ip6-qos-store"},
    {"ip6-multicast", "vlan-ip6-qos-record"}, {"ip6-multicast", "ip6-qos-record"},
    {"l2-input", "l2-ip-qos-record"},         {"ip4-output", "ip4-qos-mark"},
    {"ip4-output", "vlan-ip4-qos-mark"},      {"ip6-output", "ip6-qos-mark"},
    {"ip6-output", "vlan-ip6-qos-mark"},
};
static const struct feature_def *const features[] = {
    &features_of[0],  &features_of[1],  &features_of[2],
    &features_of[3],  &features_of[4],  &features_of[5],
    &features_of[6],  &features_of[7],  &features_of[8],
    &features_of[9],  &features_of[10], &features_of[11],
    &features_of[12], &features_of[13], &features_of[14],
    &features_of[15], &features_of[16], NULL,
};

static const char *const needs[] = {"api", "interface", "l2", NULL};

const struct module qos_module = {
    .abi = MODULE_ABI,
    .name = qos_module_name,
    .description = "Quality of service",
    .needs = needs,
    .nodes = nodes,
    .features = features,
    .commands = qos_commands,
    .types = qos_types,
    .api = qos_api_handlers,
    .init = qos_init,
    .stop = qos_stop,
    .running_config = qos_running_config,
};
