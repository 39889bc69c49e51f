/* The record of span, and its nodes. */
#include "control/module.h"
#include "engine/trace.h"
#include "net/features/span/span.h"
#include "net/features/span/span_internal.h"
#include "net/packet/ethernet_format.h"

NODE_DECLARE(span);

static void span_format_trace(struct piste *p, const struct trace_record *r, struct text *out)
{
    ethernet_format_header(out, r->data, r->data_len);
}

static const struct node_error errors[SPAN_ERR_N] = {
    [SPAN_ERR_COPIES] = {"hits", "SPAN incoming packets processed", SEVERITY_INFO},
    [SPAN_ERR_NO_BUFFER] = {"no_buffer", "SPAN copies that found no buffer", SEVERITY_ERROR},
};

#define SPAN_NODE(text_name)                                                                       \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(span), .next = {"error-drop"}, .n_next = 1,        \
        .errors = errors, .errors_by_description = true, .n_errors = SPAN_ERR_N,                   \
        .format_trace = span_format_trace,                                                         \
    }

static const struct node_def node_input = SPAN_NODE("span-input");
static const struct node_def node_output = SPAN_NODE("span-output");
static const struct node_def node_l2_input = SPAN_NODE("span-l2-input");
static const struct node_def node_l2_output = SPAN_NODE("span-l2-output");
static const struct node_def *const nodes[] = {&node_input, &node_output, &node_l2_input,
                                               &node_l2_output, NULL};
static const struct feature_def feature_input = {"device-input", "span-input"};
static const struct feature_def feature_output = {"interface-output", "span-output"};
static const struct feature_def feature_l2_input = {"l2-input", "span-l2-input"};
static const struct feature_def feature_l2_output = {"l2-output", "span-l2-output"};
static const struct feature_def *const features[] = {&feature_input, &feature_output,
                                                     &feature_l2_input, &feature_l2_output, NULL};

static const char *const needs[] = {"interface", "l2", NULL};

const struct module span_module = {
    .abi = MODULE_ABI,
    .name = span_module_name,
    .description = "Port mirroring",
    .needs = needs,
    .nodes = nodes,
    .features = features,
    .commands = span_commands,
    .api = span_api,
    .init = span_init,
    .stop = span_stop,
    .running_config = span_running_config,
};
