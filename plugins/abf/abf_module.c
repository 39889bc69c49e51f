/* The record of ABF, and its nodes. */
#include <string.h>

#include "base/text.h"
#include "engine/feature.h"
#include "engine/trace.h"
#include "net/ip/fib/fib_data.h"
#include "plugins/abf/abf.h"

NODE_DECLARE(abf_input_ip4);
NODE_DECLARE(abf_input_ip6);

static void abf_format_trace(struct piste *p, const struct trace_record *r, struct text *out)
{
    struct abf_trace note;
    memcpy(&note, r->extra, sizeof(note));
    text_add(out, " next %u index %d", r->next, (int)note.lb);
}

static const struct node_error errors[ABF_ERR_N] = {
    [ABF_ERR_NO_MATCH] = {"no_match", "no match", SEVERITY_INFO},
    [ABF_ERR_MATCHED] = {"matched", "matched", SEVERITY_INFO},
    [ABF_ERR_MISSED] = {"missed", "missed", SEVERITY_INFO},
};

#define ABF_NODE(text_name, c_name, edges)                                                         \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name), .next = edges, .n_next = FIB_NEXT_N,      \
        .errors = errors, .n_errors = ABF_ERR_N, .errors_by_description = true,                    \
        .format_trace = abf_format_trace,                                                          \
    }

static const struct node_def node_ip4 =
    ABF_NODE("abf-input-ip4", abf_input_ip4, FIB_LOOKUP_NEXT_IP4);
static const struct node_def node_ip6 =
    ABF_NODE("abf-input-ip6", abf_input_ip6, FIB_LOOKUP_NEXT_IP6);

static const struct feature_def feature_ip4 = {"ip4-unicast", "abf-input-ip4"};
static const struct feature_def feature_ip6 = {"ip6-unicast", "abf-input-ip6"};

const struct module piste_module = {
    /* what a plugin exports */
    .abi = MODULE_ABI,
    .name = abf_module_name,
    .description = "Access Control List (ACL) Based Forwarding",
    .needs = (const char *const[]){"api", "interface", "ip4", "ip6", "acl-plugin", NULL},
    .nodes = (const struct node_def *const[]){&node_ip4, &node_ip6, NULL},
    .features = (const struct feature_def *const[]){&feature_ip4, &feature_ip6, NULL},
    .commands = abf_commands,
    .api = abf_api_handlers,
    .init = abf_init,
    .stop = abf_stop,
    .running_config = abf_running_config,
};
