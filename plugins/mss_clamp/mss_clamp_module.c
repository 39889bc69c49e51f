/* The record of mss_clamp, and its nodes. */
#include "control/module.h"
#include "engine/feature.h"
#include "engine/node.h"
#include "plugins/mss_clamp/mss_clamp.h"

NODE_DECLARE(mss_clamp_ip4_in);
NODE_DECLARE(mss_clamp_ip4_out);
NODE_DECLARE(mss_clamp_ip6_in);
NODE_DECLARE(mss_clamp_ip6_out);

static const struct node_error errors[MSS_CLAMP_ERR_N] = {
    [MSS_CLAMP_ERR_CLAMPED] = {"clamped", "packets clamped", SEVERITY_INFO},
    [MSS_CLAMP_ERR_NO_BUFFER] = {"no_buffer", "packets to clamp that found no buffer",
                                 SEVERITY_ERROR},
};

#define MSS_CLAMP_NODE(text_name, c_name)                                                          \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name), .next = {"error-drop"}, .n_next = 1,      \
        .errors = errors, .n_errors = MSS_CLAMP_ERR_N,                                             \
    }

static const struct node_def ip4_in = MSS_CLAMP_NODE("tcp-mss-clamping-ip4-in", mss_clamp_ip4_in);
static const struct node_def ip4_out =
    MSS_CLAMP_NODE("tcp-mss-clamping-ip4-out", mss_clamp_ip4_out);
static const struct node_def ip6_in = MSS_CLAMP_NODE("tcp-mss-clamping-ip6-in", mss_clamp_ip6_in);
static const struct node_def ip6_out =
    MSS_CLAMP_NODE("tcp-mss-clamping-ip6-out", mss_clamp_ip6_out);
static const struct node_def *const nodes[] = {&ip4_in, &ip4_out, &ip6_in, &ip6_out, NULL};

static const struct feature_def on_ip4_in = {"ip4-unicast", "tcp-mss-clamping-ip4-in",
                                             (const char *const[]){"ip4-lookup", NULL}, NULL};
static const struct feature_def on_ip4_out = {"ip4-output", "tcp-mss-clamping-ip4-out", NULL,
                                              (const char *const[]){"ip4-outacl", NULL}};
static const struct feature_def on_ip6_in = {"ip6-unicast", "tcp-mss-clamping-ip6-in",
                                             (const char *const[]){"ip6-lookup", NULL}, NULL};
static const struct feature_def on_ip6_out = {"ip6-output", "tcp-mss-clamping-ip6-out", NULL,
                                              (const char *const[]){"ip6-outacl", NULL}};
static const struct feature_def *const features[] = {&on_ip4_in, &on_ip4_out, &on_ip6_in,
                                                     &on_ip6_out, NULL};

const struct module piste_module = {
    /* what a plugin exports */
    .abi = MODULE_ABI,
    .name = mss_clamp_module_name,
    .description = "TCP MSS clamping plugin",
    .needs = (const char *const[]){"api", "interface", "ip4", "ip6", NULL},
    .nodes = nodes,
    .features = features,
    .commands = mss_clamp_commands,
    .api = mss_clamp_api_handlers,
    .init = mss_clamp_init,
    .stop = mss_clamp_stop,
    .running_config = mss_clamp_running_config,
};
