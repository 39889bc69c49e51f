/* The record of detailed-stats: its nodes, where they stand, and what else it brings. */
#include "base/text.h"
#include "control/api.h"
#include "control/module.h"
#include "engine/feature.h"
#include "engine/trace.h"
#include "net/link/interface/detailed_stats.h"
#include "net/link/interface/detailed_stats_internal.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "net/packet/ethernet_format.h"

NODE_DECLARE(stats_collect_rx);
NODE_DECLARE(stats_collect_tx);

static void detailed_stats_format_trace(struct piste *p, const struct trace_record *r,
                                        struct text *out)
{
    ethernet_format_header(out, r->data, r->data_len);
}

#define COLLECT_NODE(text_name, c_name)                                                            \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name), .next = {"error-drop"}, .n_next = 1,      \
        .format_trace = detailed_stats_format_trace,                                               \
    }

static const struct node_def node_rx = COLLECT_NODE("stats-collect-rx", stats_collect_rx);
static const struct node_def node_tx = COLLECT_NODE("stats-collect-tx", stats_collect_tx);
static const struct node_def *const nodes[] = {&node_rx, &node_tx, NULL};
static const struct feature_def feature_rx = {"device-input", "stats-collect-rx"};
static const struct feature_def feature_tx = {"interface-output", "stats-collect-tx"};
static const struct feature_def *const features[] = {&feature_rx, &feature_tx, NULL};

static const char *const needs[] = {"interface", "ethernet", "l2", NULL};

const struct module detailed_stats_module = {
    .abi = MODULE_ABI,
    .name = detailed_stats_module_name,
    .description = "Unicast, multicast and broadcast counted apart",
    .needs = needs,
    .nodes = nodes,
    .features = features,
    .commands = detailed_stats_commands,
    .api = detailed_stats_api,
    .init = detailed_stats_init,
    .stop = detailed_stats_stop,
    .running_config = detailed_stats_running_config,
};
