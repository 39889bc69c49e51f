/* The record of urpf, and its nodes. */
#include <string.h>

#include "base/text.h"
#include "engine/feature.h"
#include "engine/trace.h"
#include "net/ip/fib/fib.h"
#include "plugins/urpf/urpf.h"

NODE_DECLARE(ip4_rx_urpf_loose);
NODE_DECLARE(ip4_rx_urpf_strict);
NODE_DECLARE(ip4_tx_urpf_loose);
NODE_DECLARE(ip4_tx_urpf_strict);
NODE_DECLARE(ip6_rx_urpf_loose);
NODE_DECLARE(ip6_rx_urpf_strict);
NODE_DECLARE(ip6_tx_urpf_loose);
NODE_DECLARE(ip6_tx_urpf_strict);

static void urpf_format_trace(struct piste *p, const struct trace_record *r, struct text *out)
{
    struct urpf_trace note;
    memcpy(&note, r->extra, sizeof(note));
    text_add(out, "uRPF:%u fib:%u", note.route, fib_number((struct fib_index){note.table}));
}

static const struct node_error errors[URPF_ERR_N] = {
    [URPF_ERR_DROP] = {"drop", "uRPF Drop", SEVERITY_ERROR},
};

#define URPF_NODE(text_name, c_name, drop)                                                         \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name), .next = {[URPF_NEXT_DROP] = drop},        \
        .n_next = URPF_NEXT_N, .errors = errors, .n_errors = URPF_ERR_N,                           \
        .errors_by_description = true, .format_trace = urpf_format_trace,                          \
    }

static const struct node_def nodes[] = {
    URPF_NODE("ip4-rx-urpf-loose", ip4_rx_urpf_loose, "ip4-drop"),
    URPF_NODE("ip4-rx-urpf-strict", ip4_rx_urpf_strict, "ip4-drop"),
    URPF_NODE("ip4-tx-urpf-loose", ip4_tx_urpf_loose, "ip4-drop"),
    URPF_NODE("ip4-tx-urpf-strict", ip4_tx_urpf_strict, "ip4-drop"),
    URPF_NODE("ip6-rx-urpf-loose", ip6_rx_urpf_loose, "ip6-drop"),
    URPF_NODE("ip6-rx-urpf-strict", ip6_rx_urpf_strict, "ip6-drop"),
    URPF_NODE("ip6-tx-urpf-loose", ip6_tx_urpf_loose, "ip6-drop"),
    URPF_NODE("ip6-tx-urpf-strict", ip6_tx_urpf_strict, "ip6-drop"),
};

static const struct feature_def features[] = {
    {"ip4-unicast", "ip4-rx-urpf-loose"}, {"ip4-unicast", "ip4-rx-urpf-strict"},
    {"ip4-output", "ip4-tx-urpf-loose"},  {"ip4-output", "ip4-tx-urpf-strict"},
    {"ip6-unicast", "ip6-rx-urpf-loose"}, {"ip6-unicast", "ip6-rx-urpf-strict"},
    {"ip6-output", "ip6-tx-urpf-loose"},  {"ip6-output", "ip6-tx-urpf-strict"},
};

const struct module piste_module = {
    /* what a plugin exports */
    .abi = MODULE_ABI,
    .name = urpf_module_name,
    .description = "Unicast Reverse Path Forwarding (uRPF)",
    .needs = (const char *const[]){"api", "interface", "ip4", "ip6", NULL},
    .nodes = (const struct node_def *const[]){&nodes[0], &nodes[1], &nodes[2], &nodes[3], &nodes[4],
                                              &nodes[5], &nodes[6], &nodes[7], NULL},
    .features = (const struct feature_def *const[]){&features[0], &features[1], &features[2],
                                                    &features[3], &features[4], &features[5],
                                                    &features[6], &features[7], NULL},
    .commands = urpf_commands,
    .api = urpf_api_handlers,
    .init = urpf_init,
    .stop = urpf_stop,
    .running_config = urpf_running_config,
};
