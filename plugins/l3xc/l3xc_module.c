/* The record of l3xc, and its nodes. */
#include <string.h>

#include "base/text.h"
#include "engine/feature.h"
#include "engine/trace.h"
#include "net/ip/fib/fib_data.h"
#include "plugins/l3xc/l3xc.h"

NODE_DECLARE(l3xc_input_ip4);
NODE_DECLARE(l3xc_input_ip6);

static void l3xc_format_trace(struct piste *p, const struct trace_record *r, struct text *out)
{
    struct l3xc_trace note;
    memcpy(&note, r->extra, sizeof(note));
    text_add(out, "l3xc-index:%u lb-index:%u", note.index, note.lb);
}

#define L3XC_NODE(text_name, c_name, edges)                                                        \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name), .next = edges, .n_next = FIB_NEXT_N,      \
        .format_trace = l3xc_format_trace,                                                         \
    }

static const struct node_def node_ip4 =
    L3XC_NODE("l3xc-input-ip4", l3xc_input_ip4, FIB_LOOKUP_NEXT_IP4);
static const struct node_def node_ip6 =
    L3XC_NODE("l3xc-input-ip6", l3xc_input_ip6, FIB_LOOKUP_NEXT_IP6);

static const struct feature_def feature_ip4 = {"ip4-unicast", "l3xc-input-ip4"};
static const struct feature_def feature_ip6 = {"ip6-unicast", "l3xc-input-ip6"};

const struct module piste_module = {
    /* what a plugin exports */
    .abi = MODULE_ABI,
    .name = l3xc_module_name,
    .description = "L3 Cross-Connect (L3XC)",
    .needs = (const char *const[]){"api", "interface", "ip4", "ip6", NULL},
    .nodes = (const struct node_def *const[]){&node_ip4, &node_ip6, NULL},
    .features = (const struct feature_def *const[]){&feature_ip4, &feature_ip6, NULL},
    .commands = l3xc_commands,
    .api = l3xc_api_handlers,
    .init = l3xc_init,
    .stop = l3xc_stop,
    .running_config = l3xc_running_config,
};
