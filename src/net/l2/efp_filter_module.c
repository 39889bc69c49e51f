/* The record of efp-filter, and its node. */
#include "base/text.h"
#include "control/module.h"
#include "engine/feature.h"
#include "engine/trace.h"
#include "net/l2/efp_filter.h"
#include "net/l2/efp_filter_internal.h"
#include "net/packet/ethernet_format.h"

NODE_DECLARE(l2_efp_filter);

static void efp_filter_format_trace(struct piste *p, const struct trace_record *r, struct text *out)
{
    ethernet_format_header(out, r->data, r->data_len);
}

static const struct node_error errors[EFP_FILTER_ERR_N] = {
    [EFP_FILTER_ERR_PACKETS] = {"l2_efp_filter", "L2 EFP filter packets", SEVERITY_ERROR},
    [EFP_FILTER_ERR_DROP] = {"drop", "L2 EFP filter post-rewrite drops", SEVERITY_ERROR},
};

static const struct node_def node = {.name = "l2-efp-filter",
                                     .run = NODE_VARIANTS(l2_efp_filter),
                                     .next = {"error-drop"},
                                     .n_next = 1,
                                     .errors = errors,
                                     .errors_by_description = true,
                                     .n_errors = EFP_FILTER_ERR_N,
                                     .format_trace = efp_filter_format_trace};
static const struct node_def *const nodes[] = {&node, NULL};
static const struct feature_def feature = {"l2-output", "l2-efp-filter"};
static const struct feature_def *const features[] = {&feature, NULL};

static const char *const needs[] = {"interface", "vlan", "l2", NULL};

const struct module efp_filter_module = {
    .abi = MODULE_ABI,
    .name = efp_filter_module_name,
    .description = "Tags checked of what layer 2 sends",
    .needs = needs,
    .nodes = nodes,
    .features = features,
    .commands = efp_filter_commands,
    .init = efp_filter_init,
    .stop = efp_filter_stop,
    .running_config = efp_filter_running_config,
};
