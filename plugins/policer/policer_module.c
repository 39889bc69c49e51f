/* The record of policer, and its nodes. */
#include "plugins/policer/policer.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/trace.h"
#include "plugins/policer/policer_internal.h"
#include "plugins/policer/policer_node.h"

NODE_DECLARE(policer_ip_input);
NODE_DECLARE(policer_ip_output);
NODE_DECLARE(policer_l2);
NODE_DECLARE(policer_classify_ip);
NODE_DECLARE(policer_classify_l2);

static void policer_format_trace(struct piste *p, const struct trace_record *r, struct text *out)
{
    static const char *const colors[] = {"conform", "exceed", "violate"};
    struct policer_trace note;
    memcpy(&note, r->extra, sizeof(note));
    text_add(out, "POLICER: sw_if_index %d policer_index %d next %d", (int)r->meta.rx_if.i,
             (int)note.policer, r->next);
    if (note.policer != POLICER_NONE && note.color < POLICER_COLOR_N)
        text_add(out, " %s", colors[note.color]);
}

static const struct node_error errors[POLICER_ERR_N] = {
    [POLICER_ERR_TRANSMIT] = {"transmit", "Packets Transmitted", SEVERITY_INFO},
    [POLICER_ERR_DROP] = {"drop", "Packets Dropped", SEVERITY_ERROR},
    [POLICER_ERR_NO_BUFFER] = {"no_buffer", "Packets to mark that found no buffer", SEVERITY_ERROR},
};

static const struct node_error classify_errors[POLICER_CLASSIFY_ERR_N] = {
    [POLICER_CLASSIFY_ERR_MISS] = {"miss", "Policer classify misses", SEVERITY_INFO},
    [POLICER_CLASSIFY_ERR_HIT] = {"hit", "Policer classify hits", SEVERITY_INFO},
    [POLICER_CLASSIFY_ERR_CHAIN_HIT] = {"chain_hit", "Policer classify hits after chain walk",
                                        SEVERITY_INFO},
    [POLICER_CLASSIFY_ERR_DROP] = {"drop", "Policer classify action drop", SEVERITY_ERROR},
    [POLICER_CLASSIFY_ERR_NO_BUFFER] = {"no_buffer", "Packets to mark that found no buffer",
                                        SEVERITY_ERROR},
};

#define POLICER_NODE(text_name, c_name, drop, drop_ip6, reasons)                                   \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name),                                           \
        .next = {[POLICER_NEXT_DROP] = drop, [POLICER_NEXT_DROP_IP6] = drop_ip6},                  \
        .n_next = POLICER_NEXT_N, .errors = reasons, .n_errors = array_len(reasons),               \
        .errors_by_description = true, .format_trace = policer_format_trace,                       \
    }
#define POLICER_NODE_IN(text_name, c_name, reasons)                                                \
    POLICER_NODE(text_name, c_name, "ip4-drop", "ip6-drop", reasons)
#define POLICER_NODE_ELSE(text_name, c_name, reasons)                                              \
    POLICER_NODE(text_name, c_name, "error-drop", "error-drop", reasons)

static const struct node_def node_ip_input =
    POLICER_NODE_IN("policer-input", policer_ip_input, errors);
static const struct node_def node_ip_output =
    POLICER_NODE_ELSE("policer-output", policer_ip_output, errors);
static const struct node_def node_ip4_punt =
    POLICER_NODE_IN("ip4-punt-policer", policer_ip_input, errors);
static const struct node_def node_ip6_punt =
    POLICER_NODE_IN("ip6-punt-policer", policer_ip_input, errors);
static const struct node_def node_l2_input =
    POLICER_NODE_ELSE("l2-policer-input", policer_l2, errors);
static const struct node_def node_l2_output =
    POLICER_NODE_ELSE("l2-policer-output", policer_l2, errors);
static const struct node_def node_classify_ip4 =
    POLICER_NODE_IN("ip4-policer-classify", policer_classify_ip, classify_errors);
static const struct node_def node_classify_ip6 =
    POLICER_NODE_IN("ip6-policer-classify", policer_classify_ip, classify_errors);
static const struct node_def node_classify_l2 =
    POLICER_NODE_ELSE("l2-policer-classify", policer_classify_l2, classify_errors);
static const struct node_def *const nodes[] = {
    &node_ip_input,  &node_ip_output,    &node_ip4_punt,     &node_ip6_punt,    &node_l2_input,
    &node_l2_output, &node_classify_ip4, &node_classify_ip6, &node_classify_l2, NULL,
};

static const struct feature_def feature_ip4_input = {"ip4-unicast", "policer-input"};
static const struct feature_def feature_ip6_input = {"ip6-unicast", "policer-input"};
static const struct feature_def feature_ip4_output = {"ip4-output", "policer-output"};
static const struct feature_def feature_ip6_output = {"ip6-output", "policer-output"};
static const struct feature_def feature_ip4_punt = {"ip4-punt", "ip4-punt-policer"};
static const struct feature_def feature_ip6_punt = {"ip6-punt", "ip6-punt-policer"};
static const struct feature_def feature_l2_input = {"l2-input", "l2-policer-input"};
static const struct feature_def feature_l2_output = {"l2-output", "l2-policer-output"};
static const struct feature_def feature_classify_ip4 = {"ip4-unicast", "ip4-policer-classify"};
static const struct feature_def feature_classify_ip6 = {"ip6-unicast", "ip6-policer-classify"};
static const struct feature_def feature_classify_l2 = {"l2-input", "l2-policer-classify"};
static const struct feature_def *const features[] = {
    &feature_ip4_input,    &feature_ip6_input,    &feature_ip4_output,  &feature_ip6_output,
    &feature_ip4_punt,     &feature_ip6_punt,     &feature_l2_input,    &feature_l2_output,
    &feature_classify_ip4, &feature_classify_ip6, &feature_classify_l2, NULL,
};

static const char *const needs[] = {"api", "classify", "interface", "l2", NULL};

const struct module piste_module = {
    /* what a plugin exports */
    .abi = MODULE_ABI,
    .name = policer_module_name,
    .description = "Policer",
    .needs = needs,
    .nodes = nodes,
    .features = features,
    .commands = policer_commands,
    .types = policer_types,
    .api = policer_api_handlers,
    .init = policer_init,
    .stop = policer_stop,
    .running_config = policer_running_config,
    .running_config_rows = policer_running_config_rows,
    .place_free = free,
};
