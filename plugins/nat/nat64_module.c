/* The record of NAT64, and its nodes. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/feature.h"
#include "engine/trace.h"
#include "plugins/nat/nat64.h"
#include "plugins/nat/nat64_node.h"

NODE_DECLARE(nat64_in2out);
NODE_DECLARE(nat64_out2in);
NODE_DECLARE(nat64_hairpin);
NODE_DECLARE_TIMER(nat64_expire);

static const struct node_error errors[NAT64_ERRS] = {
    [NAT64_ERR_UNSUPPORTED] = {"unsupported_protocol", "unsupported protocol", SEVERITY_ERROR},
    [NAT64_ERR_NO_TRANSLATION] = {"no_translation", "no translation", SEVERITY_ERROR},
    [NAT64_ERR_OUT_OF_PORTS] = {"out_of_ports", "out of ports", SEVERITY_ERROR},
    [NAT64_ERR_MAX_SESSIONS] = {"max_sessions_exceed", "maximum sessions exceeded", SEVERITY_ERROR},
    [NAT64_ERR_NON_SYN] = {"non_syn", "non-SYN packet try to create session", SEVERITY_ERROR},
    [NAT64_ERR_FRAGMENT] = {"drop_fragment", "drop fragment", SEVERITY_ERROR},
    [NAT64_ERR_SOURCE] = {"source", "source is no host inside", SEVERITY_ERROR},
    [NAT64_ERR_SOURCE_ROUTED] = {"source_routed", "source route is not done", SEVERITY_ERROR},
    [NAT64_ERR_MALFORMED] = {"malformed", "malformed packet", SEVERITY_ERROR},
    [NAT64_ERR_TTL] = {"time_expired", "ttl or hop limit <= 1", SEVERITY_ERROR},
    [NAT64_ERR_MTU] = {"mtu_exceeded", "MTU exceeded behind the translation", SEVERITY_ERROR},
    [NAT64_ERR_UNREACHABLE] = {"unreachable", "no way behind the translation", SEVERITY_ERROR},
    [NAT64_ERR_NO_BUFFER] = {"no_buffer", "no buffer to translate in", SEVERITY_ERROR},
    [NAT64_ERR_CONGESTION] = {"congestion_drop", "thread has no room for packets", SEVERITY_ERROR},
};

#define NAT64_FORMAT(name, title)                                                                  \
    static void name(struct piste *p, const struct trace_record *r, struct text *t)                \
    {                                                                                              \
        text_add(t, title ": sw_if_index %u, next index %u", r->meta.rx_if.i, r->next);            \
    }
NAT64_FORMAT(nat64_format_in2out, "NAT64-in2out")
NAT64_FORMAT(nat64_format_out2in, "NAT64-out2in")
NAT64_FORMAT(nat64_format_hairpin, "NAT64-hairpin")

#define NAT64_NODE(text_name, c_name, format)                                                      \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name),                                           \
        .next = {[NAT64_NEXT_DROP] = "error-drop",                                                 \
                 [NAT64_NEXT_ICMP4_ERROR] = "ip4-icmp-error",                                      \
                 [NAT64_NEXT_ICMP6_ERROR] = "ip6-icmp-error",                                      \
                 [NAT64_NEXT_LOOKUP4] = "ip4-lookup",                                              \
                 [NAT64_NEXT_LOOKUP6] = "ip6-lookup",                                              \
                 [NAT64_NEXT_HAIRPIN] = "nat64-hairpin",                                           \
                 [NAT64_NEXT_REASS4] = "ip4-full-reassembly-feature",                              \
                 [NAT64_NEXT_REASS6] = "ip6-full-reassembly-feature"},                             \
        .n_next = NAT64_N_NEXT, .errors = errors, .n_errors = NAT64_ERRS,                          \
        .errors_by_description = true, .format_trace = format,                                     \
    }
static const struct node_def in2out = NAT64_NODE("nat64-in2out", nat64_in2out, nat64_format_in2out);
static const struct node_def out2in = NAT64_NODE("nat64-out2in", nat64_out2in, nat64_format_out2in);
static const struct node_def hairpin =
    NAT64_NODE("nat64-hairpin", nat64_hairpin, nat64_format_hairpin);
static const struct node_def expire = {
    .name = "nat64-expire", .kind = NODE_TIMER, .expire = NODE_VARIANTS(nat64_expire)};

/* Filters, policies and what is said of fragments come first; NAT44 would take what is not its own.
 */
static const struct feature_def on_in = {"ip6-unicast", "nat64-in2out",
                                         (const char *const[]){"ip6-lookup", NULL}, NULL};
static const struct feature_def on_out = {"ip4-unicast", "nat64-out2in",
                                          (const char *const[]){"nat44-ed-out2in", NULL}, NULL};

const struct module piste_module = {
    .abi = MODULE_ABI,
    .name = nat64_module_name,
    .description = "NAT64",
    .needs = (const char *const[]){"api", "interface", "address", "ip4-reassembly",
                                   "ip6-reassembly", "ip4-sv-reassembly", "ip6-sv-reassembly",
                                   "ip6", "ipfix", "syslog", NULL},
    .nodes = (const struct node_def *const[]){&in2out, &out2in, &hairpin, &expire, NULL},
    .features = (const struct feature_def *const[]){&on_in, &on_out, NULL},
    .commands = nat64_commands,
    .api = nat64_api_handlers,
    .init = nat64_init,
    .stop = nat64_stop,
    .running_config = nat64_running_config,
    .running_config_rows = nat64_running_config_rows,
    .place_free = free,
    .tables = nat64_tables,
};
