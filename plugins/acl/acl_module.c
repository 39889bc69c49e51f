/* The record of the ACL plugin, and its nodes. */
#include <stdlib.h>

#include "plugins/acl/acl_internal.h"
#include "plugins/acl/acl_node.h"

NODE_DECLARE(acl_in_ip4);
NODE_DECLARE(acl_in_ip6);
NODE_DECLARE(acl_out_ip4);
NODE_DECLARE(acl_out_ip6);
NODE_DECLARE(acl_in_ip4_l2);
NODE_DECLARE(acl_in_ip6_l2);
NODE_DECLARE(acl_out_ip4_l2);
NODE_DECLARE(acl_out_ip6_l2);
NODE_DECLARE(acl_macip_in_ip4);
NODE_DECLARE(acl_macip_in_ip6);
NODE_DECLARE(acl_macip_in_l2);
NODE_DECLARE(acl_in_types);
NODE_DECLARE(acl_out_types);

static const struct node_error errors[ACL_FA_ERR_N] = {
    [ACL_FA_ERR_DENY] = {"acl_drop", "ACL deny packets", SEVERITY_ERROR},
    [ACL_FA_ERR_PERMIT] = {"acl_permit", "ACL permit packets", SEVERITY_ERROR},
    [ACL_FA_ERR_NEW] = {"acl_new_session", "new sessions added", SEVERITY_ERROR},
    [ACL_FA_ERR_EXISTING] = {"acl_exist_session", "existing session packets", SEVERITY_ERROR},
    [ACL_FA_ERR_TOO_MANY] = {"acl_too_many_sessions", "too many sessions to add new",
                             SEVERITY_ERROR},
    [ACL_FA_ERR_HANDOFF] = {"congestion_drop", "handoff queue congestion drop", SEVERITY_ERROR},
    [ACL_FA_ERR_CHECK] = {"acl_check", "checked packets", SEVERITY_ERROR},
    [ACL_FA_ERR_BAD] = {"bad_headers", "packets whose headers are not whole", SEVERITY_ERROR},
};

#define ACL_NODE(text_name, c_name, format)                                                        \
    .name = text_name, .run = NODE_VARIANTS(c_name), .next = {[ACL_FA_NEXT_DROP] = "error-drop"},  \
    .n_next = ACL_FA_NEXT_N, .errors = errors, .n_errors = ACL_FA_ERR_N,                           \
    .errors_by_description = true, .format_trace = format

#define ACL_FA_NODE(text_name, c_name)                                                             \
    {                                                                                              \
        ACL_NODE(text_name, c_name, acl_trace_format), .feature_vectors = true,                    \
                                                       .feature_changes = FEATURE_CHANGES_NOTHING, \
    }

static const struct node_def node_in_ip4 = ACL_FA_NODE("acl-plugin-in-ip4-fa", acl_in_ip4);
static const struct node_def node_in_ip6 = ACL_FA_NODE("acl-plugin-in-ip6-fa", acl_in_ip6);
static const struct node_def node_out_ip4 = ACL_FA_NODE("acl-plugin-out-ip4-fa", acl_out_ip4);
static const struct node_def node_out_ip6 = ACL_FA_NODE("acl-plugin-out-ip6-fa", acl_out_ip6);
static const struct node_def node_in_ip4_l2 = ACL_FA_NODE("acl-plugin-in-ip4-l2", acl_in_ip4_l2);
static const struct node_def node_in_ip6_l2 = ACL_FA_NODE("acl-plugin-in-ip6-l2", acl_in_ip6_l2);
static const struct node_def node_out_ip4_l2 = ACL_FA_NODE("acl-plugin-out-ip4-l2", acl_out_ip4_l2);
static const struct node_def node_out_ip6_l2 = ACL_FA_NODE("acl-plugin-out-ip6-l2", acl_out_ip6_l2);
static const struct node_def node_in_types = {
    ACL_NODE("acl-plugin-in-nonip-l2", acl_in_types, acl_trace_format_nonip)};
static const struct node_def node_out_types = {
    ACL_NODE("acl-plugin-out-nonip-l2", acl_out_types, acl_trace_format_nonip)};
static const struct node_def node_macip_ip4 = {
    ACL_NODE("acl-plugin-macip-ip4", acl_macip_in_ip4, acl_trace_format_macip)};
static const struct node_def node_macip_ip6 = {
    ACL_NODE("acl-plugin-macip-ip6", acl_macip_in_ip6, acl_trace_format_macip)};
static const struct node_def node_macip_l2 = {
    ACL_NODE("acl-plugin-macip-l2", acl_macip_in_l2, acl_trace_format_macip)};
static const struct node_def *const nodes[] = {
    &node_macip_ip4,  &node_macip_ip6,
    &node_macip_l2,   &node_in_ip4,
    &node_in_ip6,     &node_out_ip4,
    &node_out_ip6,    &node_in_ip4_l2,
    &node_in_ip6_l2,  &node_out_ip4_l2,
    &node_out_ip6_l2, &node_in_types,
    &node_out_types,  NULL,
};

/* In layer 2 VPP has arcs of their own for these, which begin where they stand here. */
static const char *const behind_input_classify[] = {"l2-input-classify", NULL};
static const char *const behind_in_ip4[] = {"acl-plugin-in-ip4-l2", NULL};
static const char *const behind_in_ip6[] = {"acl-plugin-in-ip6-l2", NULL};
static const char *const behind_output_acl[] = {"l2-output-acl", NULL};
static const char *const behind_out_ip4[] = {"acl-plugin-out-ip4-l2", NULL};
static const char *const behind_out_ip6[] = {"acl-plugin-out-ip6-l2", NULL};
static const struct feature_def feature_in_ip4 = {"ip4-unicast", "acl-plugin-in-ip4-fa"};
static const struct feature_def feature_in_ip6 = {"ip6-unicast", "acl-plugin-in-ip6-fa"};
static const struct feature_def feature_out_ip4 = {"ip4-output", "acl-plugin-out-ip4-fa"};
static const struct feature_def feature_out_ip6 = {"ip6-output", "acl-plugin-out-ip6-fa"};
static const struct feature_def feature_in_ip4_l2 = {"l2-input", "acl-plugin-in-ip4-l2", NULL,
                                                     behind_input_classify};
static const struct feature_def feature_in_ip6_l2 = {"l2-input", "acl-plugin-in-ip6-l2", NULL,
                                                     behind_in_ip4};
static const struct feature_def feature_in_types = {"l2-input", "acl-plugin-in-nonip-l2", NULL,
                                                    behind_in_ip6};
static const struct feature_def feature_out_ip4_l2 = {"l2-output", "acl-plugin-out-ip4-l2", NULL,
                                                      behind_output_acl};
static const struct feature_def feature_out_ip6_l2 = {"l2-output", "acl-plugin-out-ip6-l2", NULL,
                                                      behind_out_ip4};
static const struct feature_def feature_out_types = {"l2-output", "acl-plugin-out-nonip-l2", NULL,
                                                     behind_out_ip6};
static const char *const before_in_ip4[] = {"acl-plugin-in-ip4-fa", NULL};
static const char *const before_in_ip6[] = {"acl-plugin-in-ip6-fa", NULL};
static const char *const before_in_l2[] = {"acl-plugin-in-ip4-l2", NULL};
static const struct feature_def feature_macip_ip4 = {"ip4-unicast", "acl-plugin-macip-ip4",
                                                     before_in_ip4};
static const struct feature_def feature_macip_ip6 = {"ip6-unicast", "acl-plugin-macip-ip6",
                                                     before_in_ip6};
static const struct feature_def feature_macip_l2 = {"l2-input", "acl-plugin-macip-l2",
                                                    before_in_l2};
static const struct feature_def *const features[] = {
    &feature_macip_ip4,  &feature_macip_ip6,
    &feature_macip_l2,   &feature_in_ip4,
    &feature_in_ip6,     &feature_out_ip4,
    &feature_out_ip6,    &feature_in_ip4_l2,
    &feature_in_ip6_l2,  &feature_in_types,
    &feature_out_ip4_l2, &feature_out_ip6_l2,
    &feature_out_types,  NULL,
};

static const char *const needs[] = {"api",        "interface",  "ip4", "ip6",
                                    "ip4-output", "ip6-output", "l2",  NULL};

const struct module piste_module = {
    /* what a plugin exports */
    .abi = MODULE_ABI,
    .name = acl_plugin_name,
    .description = "Access Control Lists (ACL)",
    .needs = needs,
    .nodes = nodes,
    .features = features,
    .config = acl_session_config,
    .settings = &acl_session_settings_usual,
    .settings_bytes = sizeof(acl_session_settings_usual),
    .tables = acl_session_tables,
    .commands = acl_plugin_commands,
    .api = acl_plugin_handlers,
    .init = acl_plugin_init,
    .stop = acl_plugin_stop,
    .running_config = acl_plugin_config,
    .running_config_rows = acl_plugin_config_rows,
    .place_free = free,
};
