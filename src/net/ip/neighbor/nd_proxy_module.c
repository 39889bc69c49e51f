/* The records of the modules nd-proxy and nd-proxy_api. */
#include "engine/feature.h"
#include "net/ip/ip6/ip6_errors.h"
#include "net/ip/neighbor/nd_proxy_internal.h"
#include "net/packet/ip6_format.h"

#define ND_PROXY_NODE(text_name, c_name)                                                           \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name),                                           \
        .next = {[ND_PROXY_NEXT_RECEIVE] = "ip6-receive",                                          \
                 [ND_PROXY_NEXT_ICMP_ERROR] = "ip6-icmp-error"},                                   \
        .n_next = ND_PROXY_N_NEXT, .errors = ip6_errors, .n_errors = IP6_ERROR_N,                  \
        .format_trace = ip6_format_trace,                                                          \
    }

static const struct node_def unicast_node =
    ND_PROXY_NODE("ip6-unicast-nd-proxy", ip6_unicast_nd_proxy);
static const struct node_def multicast_node =
    ND_PROXY_NODE("ip6-multicast-nd-proxy", ip6_multicast_nd_proxy);

static const struct feature_def unicast_feature = {.arc = "ip6-unicast",
                                                   .node = "ip6-unicast-nd-proxy"};
static const struct feature_def multicast_feature = {.arc = "ip6-multicast",
                                                     .node = "ip6-multicast-nd-proxy"};

const struct module nd_proxy_module = {
    .abi = MODULE_ABI,
    .name = nd_proxy_module_name,
    .description = "Neighbor discovery for others",
    .needs = (const char *const[]){"nd", "ip6-input", "ip6-local", "address", "fib", NULL},
    .nodes = (const struct node_def *const[]){&unicast_node, &multicast_node, NULL},
    .features = (const struct feature_def *const[]){&unicast_feature, &multicast_feature, NULL},
    .commands = nd_proxy_commands,
    .init = nd_proxy_init,
    .stop = nd_proxy_stop,
    .running_config = nd_proxy_running_config,
};

const struct module nd_proxy_api_module = {
    .abi = MODULE_ABI,
    .name = "nd-proxy_api",
    .description = "Binary API of neighbor discovery for others",
    .needs = (const char *const[]){"api", "nd-proxy", NULL},
    .api = nd_proxy_api_handlers,
};
