/* The record of classify-acl, and its nodes. */
#include <string.h>

#include "base/text.h"
#include "control/module.h"
#include "engine/feature.h"
#include "engine/trace.h"
#include "net/features/classify/acl.h"
#include "net/features/classify/acl_internal.h"
#include "net/features/classify/acl_node.h"

NODE_DECLARE(acl_l2);
NODE_DECLARE(acl_ip4_input);
NODE_DECLARE(acl_ip6_input);
NODE_DECLARE(acl_ip_output);

static void format_lookup(const struct trace_record *r, const char *word, struct if_index i,
                          struct text *out)
{
    struct acl_trace note;
    memcpy(&note, r->extra, sizeof(note));
    text_add(out, "%s: sw_if_index %d, next_index %d, table_index %d, offset %d", word, (int)i.i,
             r->next, (int)note.table, (int)note.session);
}

static void acl_format_input(struct piste *p, const struct trace_record *r, struct text *out)
{
    format_lookup(r, "INACL", r->meta.rx_if, out);
}

static void acl_format_output(struct piste *p, const struct trace_record *r, struct text *out)
{
    format_lookup(r, "OUTACL", r->meta.tx_if, out);
}

#define ACL_ERRORS(direction)                                                                      \
    {                                                                                              \
        [ACL_ERR_NONE] = {"none", "valid " direction " ACL packets", SEVERITY_INFO},               \
        [ACL_ERR_MISS] = {"miss", direction " ACL misses", SEVERITY_INFO},                         \
        [ACL_ERR_HIT] = {"hit", direction " ACL hits", SEVERITY_INFO},                             \
        [ACL_ERR_CHAIN_HIT] = {"chain_hit", direction " ACL hits after chain walk",                \
                               SEVERITY_INFO},                                                     \
        [ACL_ERR_TABLE_MISS] = {"table_miss", direction " ACL table-miss drops", SEVERITY_ERROR},  \
        [ACL_ERR_SESSION_DENY] = {"session_deny", direction " ACL session deny drops",             \
                                  SEVERITY_ERROR},                                                 \
        [ACL_ERR_ADVANCE] = {"advance", direction " ACL advance out of the packet",                \
                             SEVERITY_ERROR},                                                      \
    }

static const struct node_error input_errors[ACL_ERR_N] = ACL_ERRORS("input");
static const struct node_error output_errors[ACL_ERR_N] = ACL_ERRORS("output");

#define ACL_NODE(text_name, c_name, deny, reasons, format)                                         \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name), .next = {[ACL_NEXT_DENY] = deny},         \
        .n_next = ACL_NEXT_N, .errors = reasons, .n_errors = ACL_ERR_N, .format_trace = format,    \
        .errors_by_description = true,                                                             \
    }

static const struct node_def node_l2_input =
    ACL_NODE("l2-input-acl", acl_l2, "error-drop", input_errors, acl_format_input);
static const struct node_def node_l2_output =
    ACL_NODE("l2-output-acl", acl_l2, "error-drop", output_errors, acl_format_output);
static const struct node_def node_ip4_input =
    ACL_NODE("ip4-inacl", acl_ip4_input, "ip4-drop", input_errors, acl_format_input);
static const struct node_def node_ip4_output =
    ACL_NODE("ip4-outacl", acl_ip_output, "error-drop", output_errors, acl_format_output);
static const struct node_def node_ip4_punt =
    ACL_NODE("ip4-punt-acl", acl_ip4_input, "ip4-drop", input_errors, acl_format_input);

static const struct node_def node_ip6_input =
    ACL_NODE("ip6-inacl", acl_ip6_input, "ip6-drop", input_errors, acl_format_input);
static const struct node_def node_ip6_output =
    ACL_NODE("ip6-outacl", acl_ip_output, "error-drop", output_errors, acl_format_output);
static const struct node_def node_ip6_punt =
    ACL_NODE("ip6-punt-acl", acl_ip6_input, "ip6-drop", input_errors, acl_format_input);

static const struct node_def *const nodes[] = {&node_l2_input,   &node_l2_output, &node_ip4_input,
                                               &node_ip4_output, &node_ip4_punt,  &node_ip6_input,
                                               &node_ip6_output, &node_ip6_punt,  NULL};

static const struct feature_def feature_l2_input = {"l2-input", "l2-input-acl"};
static const struct feature_def feature_l2_output = {"l2-output", "l2-output-acl"};
static const struct feature_def feature_ip4_input = {"ip4-unicast", "ip4-inacl"};
static const struct feature_def feature_ip4_output = {"ip4-output", "ip4-outacl"};
static const struct feature_def feature_ip4_punt = {"ip4-punt", "ip4-punt-acl"};
static const struct feature_def feature_ip6_input = {"ip6-unicast", "ip6-inacl"};
static const struct feature_def feature_ip6_output = {"ip6-output", "ip6-outacl"};
static const struct feature_def feature_ip6_punt = {"ip6-punt", "ip6-punt-acl"};
static const struct feature_def *const features[] = {
    &feature_l2_input,   &feature_l2_output, &feature_ip4_input,
    &feature_ip4_output, &feature_ip4_punt,  &feature_ip6_input,
    &feature_ip6_output, &feature_ip6_punt,  NULL};

static const char *const needs[] = {"classify", "interface", NULL};

const struct module classify_acl_module = {
    .abi = MODULE_ABI,
    .name = classify_acl_module_name,
    .description = "Access lists by classifier tables",
    .needs = needs,
    .nodes = nodes,
    .features = features,
    .commands = acl_commands,
    .init = acl_init,
    .stop = acl_stop,
    .running_config = acl_running_config,
};
