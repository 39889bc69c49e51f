/* The record of l2-classify, and its nodes. */
#include <string.h>

#include "base/text.h"
#include "control/module.h"
#include "engine/feature.h"
#include "engine/trace.h"
#include "net/features/classify/acl_node.h"
#include "net/features/classify/l2_classify.h"
#include "net/features/classify/l2_classify_internal.h"

NODE_DECLARE(l2_input_classify);
NODE_DECLARE(l2_output_classify);

static void l2_classify_format_trace(struct piste *p, const struct trace_record *r,
                                     struct text *out)
{
    struct acl_trace note;
    memcpy(&note, r->extra, sizeof(note));
    text_add(out, "L2-CLASSIFY: sw_if_index %d, table %d, offset %d, next %d", (int)r->meta.rx_if.i,
             (int)note.table, (int)note.session, r->next);
}

static const struct node_error errors[L2_CLASSIFY_ERR_N] = {
    [L2_CLASSIFY_ERR_MISS] = {"miss", "Classify misses", SEVERITY_INFO},
    [L2_CLASSIFY_ERR_HIT] = {"hit", "Classify hits", SEVERITY_INFO},
    [L2_CLASSIFY_ERR_CHAIN_HIT] = {"chain_hit", "Classify hits after chain walk", SEVERITY_INFO},
    [L2_CLASSIFY_ERR_DROP] = {"drop", "L2 Classify Drops", SEVERITY_ERROR},
};

#define L2_CLASSIFY_NODE(text_name, c_name)                                                        \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name),                                           \
        .next = {[L2_CLASSIFY_NEXT_DROP] = "error-drop", [L2_CLASSIFY_NEXT_IP4] = "ip4-input"},    \
        .n_next = L2_CLASSIFY_NEXT_N, .errors = errors, .n_errors = L2_CLASSIFY_ERR_N,             \
        .errors_by_description = true, .format_trace = l2_classify_format_trace,                   \
    }

static const struct node_def node_input = L2_CLASSIFY_NODE("l2-input-classify", l2_input_classify);
static const struct node_def node_output =
    L2_CLASSIFY_NODE("l2-output-classify", l2_output_classify);
static const struct node_def *const nodes[] = {&node_input, &node_output, NULL};

static const struct feature_def feature_input = {"l2-input", "l2-input-classify"};
static const struct feature_def feature_output = {"l2-output", "l2-output-classify"};
static const struct feature_def *const features[] = {&feature_input, &feature_output, NULL};

static const char *const needs[] = {"classify", "interface", "l2", NULL};

const struct module l2_classify_module = {
    .abi = MODULE_ABI,
    .name = l2_classify_module_name,
    .description = "Frames by classifier tables to other nodes",
    .needs = needs,
    .nodes = nodes,
    .features = features,
    .commands = l2_classify_commands,
    .init = l2_classify_init,
    .stop = l2_classify_stop,
    .running_config = l2_classify_running_config,
};
