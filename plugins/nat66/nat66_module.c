/* The record of NAT66, and its nodes. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/feature.h"
#include "engine/trace.h"
#include "plugins/nat66/nat66.h"
#include "plugins/nat66/nat66_node.h"

NODE_DECLARE(nat66_in2out);
NODE_DECLARE(nat66_out2in);

static const struct node_error errors[NAT66_ERRS] = {
    [NAT66_ERR_MALFORMED] = {"malformed", "malformed packet", SEVERITY_ERROR},
    [NAT66_ERR_TTL] = {"time_expired", "ip6 hop limit <= 1", SEVERITY_ERROR},
    [NAT66_ERR_NO_BUFFER] = {"no_buffer", "no buffer to translate in", SEVERITY_ERROR},
};

static void nat66_format_node(const struct trace_record *r, struct text *t, const char *title)
{
    struct nat66_trace x;
    memcpy(&x, r->extra, sizeof(x));
    text_add(t, "%s: sw_if_index %u, next index %u", title, r->meta.rx_if.i, r->next);
    if (x.mapping)
        text_add(t, ", mapping %u", x.mapping - 1);
}

static void nat66_format_in2out(struct piste *p, const struct trace_record *r, struct text *t)
{
    nat66_format_node(r, t, "NAT66-in2out");
}

static void nat66_format_out2in(struct piste *p, const struct trace_record *r, struct text *t)
{
    nat66_format_node(r, t, "NAT66-out2in");
}

#define NAT66_NODE(text_name, c_name, format)                                                      \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name),                                           \
        .next = {[NAT66_NEXT_DROP] = "error-drop", [NAT66_NEXT_ICMP_ERROR] = "ip6-icmp-error"},    \
        .n_next = NAT66_N_NEXT, .errors = errors, .n_errors = NAT66_ERRS,                          \
        .errors_by_description = true, .format_trace = format,                                     \
    }
static const struct node_def in2out = NAT66_NODE("nat66-in2out", nat66_in2out, nat66_format_in2out);
static const struct node_def out2in = NAT66_NODE("nat66-out2in", nat66_out2in, nat66_format_out2in);

/* Filters, policies and fragments put together come first. */
static const char *const before[] = {"ip6-lookup", NULL};
static const struct feature_def on_in = {"ip6-unicast", "nat66-in2out", before, NULL};
static const struct feature_def on_out = {"ip6-unicast", "nat66-out2in", before, NULL};

const struct module piste_module = {
    .abi = MODULE_ABI,
    .name = nat66_module_name,
    .description = "NAT66",
    .needs = (const char *const[]){"api", "interface", "address", "ip6", NULL},
    .nodes = (const struct node_def *const[]){&in2out, &out2in, NULL},
    .features = (const struct feature_def *const[]){&on_in, &on_out, NULL},
    .commands = nat66_commands,
    .api = nat66_api_handlers,
    .init = nat66_init,
    .stop = nat66_stop,
    .running_config = nat66_running_config,
    .running_config_rows = nat66_running_config_rows,
    .place_free = free,
    .tables = nat66_tables,
};
