/* The records of punt redirects and their part of the binary API. */
#include <string.h>

#include "base/text.h"
#include "engine/feature.h"
#include "engine/trace.h"
#include "net/ip/fib/fib_data.h"
#include "net/ip/punt/punt_redirect.h"

NODE_DECLARE(ip4_punt_redirect);
NODE_DECLARE(ip6_punt_redirect);

static void punt_redirect_format_trace(struct piste *p, const struct trace_record *r,
                                       struct text *out)
{
    struct punt_redirect_trace note;
    memcpy(&note, r->extra, sizeof(note));
    if (note.lb == LB_NONE.i)
        text_add(out, "ignore");
    else
        text_add(out, "via redirect lb-index:%u", note.lb);
}

static const struct node_error errors_ip4[PUNT_REDIRECT_ERR_N] = {
    [PUNT_REDIRECT_ERR_DROP] = {"drop", "ip4 punt redirect drop", SEVERITY_ERROR},
};
static const struct node_error errors_ip6[PUNT_REDIRECT_ERR_N] = {
    [PUNT_REDIRECT_ERR_DROP] = {"drop", "ip6 punt redirect drop", SEVERITY_ERROR},
};

#define PUNT_REDIRECT_NODE(text_name, c_name, edges, its_errors)                                   \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name), .next = edges, .n_next = FIB_NEXT_N,      \
        .errors = its_errors, .n_errors = PUNT_REDIRECT_ERR_N,                                     \
        .format_trace = punt_redirect_format_trace,                                                \
    }

static const struct node_def node_ip4 =
    PUNT_REDIRECT_NODE("ip4-punt-redirect", ip4_punt_redirect, FIB_LOOKUP_NEXT_IP4, errors_ip4);
static const struct node_def node_ip6 =
    PUNT_REDIRECT_NODE("ip6-punt-redirect", ip6_punt_redirect, FIB_LOOKUP_NEXT_IP6, errors_ip6);

static const struct feature_def feature_ip4 = {.arc = "ip4-punt", .node = "ip4-punt-redirect"};
static const struct feature_def feature_ip6 = {.arc = "ip6-punt", .node = "ip6-punt-redirect"};

const struct module punt_redirect_module = {
    .abi = MODULE_ABI,
    .name = punt_redirect_module_name,
    .description = "Punted packets that leave by paths of their own",
    .needs = (const char *const[]){"interface", "ip4", "ip6", "punt", NULL},
    .nodes = (const struct node_def *const[]){&node_ip4, &node_ip6, NULL},
    .features = (const struct feature_def *const[]){&feature_ip4, &feature_ip6, NULL},
    .commands = punt_redirect_commands,
    .init = punt_redirect_init,
    .stop = punt_redirect_stop,
    .running_config = punt_redirect_running_config,
};

const struct module punt_redirect_api_module = {
    .abi = MODULE_ABI,
    .name = "punt_redirect_api",
    .description = "Binary API of punt redirects",
    .needs = (const char *const[]){"api", punt_redirect_module_name, NULL},
    .api = punt_redirect_api,
};
