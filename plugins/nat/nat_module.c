/* The record of the plugin, and its nodes. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/feature.h"
#include "engine/trace.h"
#include "net/packet/ip4_format.h"
#include "engine/engine.h"
#include "plugins/nat/nat44_affinity.h"
#include "plugins/nat/nat44_api.h"
#include "plugins/nat/nat44_cli.h"
#include "plugins/nat/nat44_internal.h"
#include "plugins/nat/nat44_node.h"

NODE_DECLARE(nat44_pre_in2out);
NODE_DECLARE(nat44_pre_out2in);
NODE_DECLARE(nat44_ed_in2out);
NODE_DECLARE(nat44_ed_out2in);
NODE_DECLARE(nat44_ed_in2out_slowpath);
NODE_DECLARE(nat44_ed_out2in_slowpath);
NODE_DECLARE(nat44_pre_in2out_output);
NODE_DECLARE(nat44_ed_in2out_output);
NODE_DECLARE(nat44_ed_in2out_output_slowpath);
NODE_DECLARE(nat44_handoff_in2out_output);
NODE_DECLARE(nat44_classify);
NODE_DECLARE(nat44_handoff_classify);
NODE_DECLARE(nat44_handoff_in2out);
NODE_DECLARE(nat44_handoff_out2in);
NODE_DECLARE(nat44_local_error);
NODE_DECLARE_TIMER(nat44_expire);
NODE_DECLARE_TIMER(nat44_affinity_expired);

#define LOCAL_ERROR "nat44-ed-local-error"

const char nat44_module_name[] = "nat";

static void enable_affinities(struct piste *p, struct nat44_options *o)
{
    struct engine *engine = engine_of(p);
    o->users = o->user_sessions = 0;
    nat44_state_of(p)->data.affinities =
        sessions_new(engine, &(struct sessions_args){
                                 .name = "nat44-ed-affinity",
                                 .object_bytes = sizeof(struct nat44_affinity),
                                 .max = NAT44_AFFINITIES_MAX,
                                 .keys = {{offsetof(struct nat44_affinity, key), 2}},
                                 .expire = node_must_find(engine, "nat44-ed-affinity-expire"),
                             });
}

static void disable_affinities(struct piste *p)
{
    struct nat44_data *d = &nat44_state_of(p)->data;
    sessions_free(d->affinities);
    d->affinities = NULL;
}

const struct nat44_flavor nat44_flavor = {
    .prefix = "nat44-ed",
    .words = "nat44",
    .nat_words = "nat",
    .other = "nat44_ei",
    .other_words = "nat44 ei plugin",
    .local_error = LOCAL_ERROR,
    .sessions = 64512,
    .in = {{NULL, "nat-pre-in2out", "nat-pre-out2in", "nat44-ed-classify"},
           {NULL, "nat44-in2out-worker-handoff", "nat44-out2in-worker-handoff",
            "nat44-handoff-classify"}},
    .output = {"nat-pre-in2out-output", "nat44-in2out-output-worker-handoff"},
    .enable = enable_affinities,
    .disable = disable_affinities,
};

/* --- traces --- */

static void format_search(const struct trace_record *r, const struct nat44_trace *x, struct text *t)
{
    nat44_format_endpoint(t, "search key local ", x->search.src, x->search.sport);
    nat44_format_endpoint(t, " remote ", x->search.dst, x->search.dport);
    text_puts(t, " proto ");
    ip_format_protocol(t, nat44_key_protocol(&x->search));
    text_add(t, " fib %u thread-index %u session-index %u", nat44_key_fib(&x->search).i, r->thread,
             x->session == SESSION_NONE ? 0 : x->session);
}

static void format_node(const struct trace_record *r, struct text *t, const char *title, bool slow)
{
    struct nat44_trace x;
    memcpy(&x, r->extra, sizeof(x));
    text_add(t, "%s: sw_if_index %u, next index %u", title, r->meta.rx_if.i, r->next);
    if (x.session != SESSION_NONE) {
        text_add(t, ", session %u, translation result '%s' via %s\n", x.session,
                 x.fate == NAT44_TRANSLATE ? "success" : nat44_errors[x.fate].description,
                 x.dir == NAT44_I2O ? "i2of" : "o2if");
        text_puts(t, "i2of ");
        nat44_format_flow(t, x.key, NAT44_I2O);
        text_puts(t, "\no2if ");
        nat44_format_flow(t, x.key, NAT44_O2I);
    } else if (slow && x.fate < NAT44_ERRS) {
        text_add(t, ", translation result '%s'", nat44_errors[x.fate].description);
    }
    if (slow)
        return;
    text_putc(t, '\n');
    format_search(r, &x, t);
}

static void format_in2out(struct piste *p, const struct trace_record *r, struct text *t)
{
    format_node(r, t, "NAT44_IN2OUT_ED_FAST_PATH", false);
}

static void format_out2in(struct piste *p, const struct trace_record *r, struct text *t)
{
    format_node(r, t, "NAT44_OUT2IN_ED_FAST_PATH", false);
}

static void format_in2out_slow(struct piste *p, const struct trace_record *r, struct text *t)
{
    format_node(r, t, "NAT44_IN2OUT_ED_SLOW_PATH", true);
}

static void format_out2in_slow(struct piste *p, const struct trace_record *r, struct text *t)
{
    format_node(r, t, "NAT44_OUT2IN_ED_SLOW_PATH", true);
}

static void format_pre_in2out(struct piste *p, const struct trace_record *r, struct text *t)
{
    text_add(t, "in2out next_index %u", r->next);
}

static void format_pre_out2in(struct piste *p, const struct trace_record *r, struct text *t)
{
    text_add(t, "out2in next_index %u", r->next);
}

static void format_classify(struct piste *p, const struct trace_record *r, struct text *t)
{
    text_add(t, "nat44-ed-classify: next %s", r->next == NAT44_NEXT_FAST ? "in2out" : "out2in");
}

/* --- nodes --- */

#define NAT44_FIELDS(text_name, c_name, slow, fast, format)                                        \
    .name = text_name, .run = NODE_VARIANTS(c_name),                                               \
    .next = {[NAT44_NEXT_DROP] = "error-drop",                                                     \
             [NAT44_NEXT_ICMP_ERROR] = "ip4-icmp-error",                                           \
             [NAT44_NEXT_SLOW] = slow,                                                             \
             [NAT44_NEXT_FAST] = fast,                                                             \
             [NAT44_NEXT_RESUME] = "feature-resume"},                                              \
    .n_next = NAT44_N_NEXT, .errors = nat44_errors,                                                \
    .n_errors = NAT44_ERR_NO_USER, /* hosts are not counted */                                     \
        .errors_by_description = true, .format_trace = format
#define NAT44_NODE(...)                                                                            \
    {                                                                                              \
        NAT44_FIELDS(__VA_ARGS__)                                                                  \
    }
#define NAT44_PRE_NODE(...)                                                                        \
    {                                                                                              \
        NAT44_FIELDS(__VA_ARGS__), .feature_vectors = true,                                        \
                                   .feature_changes = FEATURE_CHANGES_ADDRESSES                    \
    }
#define IN2OUT "nat44-ed-in2out"
#define IN2OUT_SLOW "nat44-ed-in2out-slowpath"
#define IN2OUT_OUTPUT "nat44-ed-in2out-output"
#define IN2OUT_OUTPUT_SLOW "nat44-ed-in2out-output-slowpath"
#define OUT2IN "nat44-ed-out2in"
#define OUT2IN_SLOW "nat44-ed-out2in-slowpath"

static const struct node_def node_pre_in2out =
    NAT44_PRE_NODE("nat-pre-in2out", nat44_pre_in2out, IN2OUT_SLOW, IN2OUT, format_pre_in2out);
static const struct node_def node_pre_in2out_output =
    NAT44_PRE_NODE("nat-pre-in2out-output", nat44_pre_in2out_output, IN2OUT_OUTPUT_SLOW,
                   IN2OUT_OUTPUT, format_pre_in2out);
static const struct node_def node_pre_out2in =
    NAT44_PRE_NODE("nat-pre-out2in", nat44_pre_out2in, OUT2IN_SLOW, OUT2IN, format_pre_out2in);
static const struct node_def node_in2out =
    NAT44_NODE(IN2OUT, nat44_ed_in2out, IN2OUT_SLOW, IN2OUT, format_in2out);
static const struct node_def node_in2out_output = NAT44_NODE(
    IN2OUT_OUTPUT, nat44_ed_in2out_output, IN2OUT_OUTPUT_SLOW, IN2OUT_OUTPUT, format_in2out);
static const struct node_def node_out2in =
    NAT44_NODE(OUT2IN, nat44_ed_out2in, OUT2IN_SLOW, OUT2IN, format_out2in);
static const struct node_def node_in2out_slow =
    NAT44_NODE(IN2OUT_SLOW, nat44_ed_in2out_slowpath, IN2OUT_SLOW, IN2OUT, format_in2out_slow);
static const struct node_def node_in2out_output_slow =
    NAT44_NODE(IN2OUT_OUTPUT_SLOW, nat44_ed_in2out_output_slowpath, IN2OUT_OUTPUT_SLOW,
               IN2OUT_OUTPUT, format_in2out_slow);
static const struct node_def node_out2in_slow =
    NAT44_NODE(OUT2IN_SLOW, nat44_ed_out2in_slowpath, OUT2IN_SLOW, OUT2IN, format_out2in_slow);
/* of these, an edge leads to each direction */
static const struct node_def node_classify =
    NAT44_NODE("nat44-ed-classify", nat44_classify, OUT2IN, IN2OUT, format_classify);
static const struct node_def node_handoff_classify = NAT44_NODE(
    "nat44-handoff-classify", nat44_handoff_classify, OUT2IN, IN2OUT, nat44_format_handoff);
static const struct node_def node_handoff_in2out = NAT44_NODE(
    "nat44-in2out-worker-handoff", nat44_handoff_in2out, IN2OUT_SLOW, IN2OUT, nat44_format_handoff);
static const struct node_def node_handoff_in2out_output =
    NAT44_NODE("nat44-in2out-output-worker-handoff", nat44_handoff_in2out_output,
               IN2OUT_OUTPUT_SLOW, IN2OUT_OUTPUT, nat44_format_handoff);
static const struct node_def node_handoff_out2in = NAT44_NODE(
    "nat44-out2in-worker-handoff", nat44_handoff_out2in, OUT2IN_SLOW, OUT2IN, nat44_format_handoff);
static const struct node_def node_local_error =
    NAT44_NODE(LOCAL_ERROR, nat44_local_error, OUT2IN_SLOW, "ip4-lookup", nat44_format_local_error);
static const struct node_def node_expire = {
    .name = "nat44-ed-expire", .kind = NODE_TIMER, .expire = NODE_VARIANTS(nat44_expire)};
static const struct node_def node_affinity_expire = {.name = "nat44-ed-affinity-expire",
                                                     .kind = NODE_TIMER,
                                                     .expire =
                                                         NODE_VARIANTS(nat44_affinity_expired)};

static const struct node_def *const nodes[] = {
    &node_pre_in2out,
    &node_pre_out2in,
    &node_in2out,
    &node_out2in,
    &node_in2out_slow,
    &node_out2in_slow,
    &node_pre_in2out_output,
    &node_in2out_output,
    &node_in2out_output_slow,
    &node_handoff_in2out_output,
    &node_classify,
    &node_handoff_classify,
    &node_handoff_in2out,
    &node_handoff_out2in,
    &node_local_error,
    &node_expire,
    &node_affinity_expire,
    NULL,
};

#define NAT44_FEATURE_ON(arc, node)                                                                \
    &(const struct feature_def)                                                                    \
    {                                                                                              \
        arc, node, NULL, NULL                                                                      \
    }
#define NAT44_FEATURE(node) NAT44_FEATURE_ON("ip4-unicast", node)
static const struct feature_def *const features[] = {
    NAT44_FEATURE("nat-pre-in2out"),
    NAT44_FEATURE("nat-pre-out2in"),
    NAT44_FEATURE("nat44-ed-classify"),
    NAT44_FEATURE("nat44-in2out-worker-handoff"),
    NAT44_FEATURE("nat44-out2in-worker-handoff"),
    NAT44_FEATURE("nat44-handoff-classify"),
    NAT44_FEATURE_ON("ip4-output", "nat-pre-in2out-output"),
    NAT44_FEATURE_ON("ip4-output", "nat44-in2out-output-worker-handoff"),
    &(const struct feature_def){"ip4-local", LOCAL_ERROR,
                                (const char *const[]){"ip4-local-end-of-arc", NULL}, NULL},
    NULL,
};

static const char *const needs[] = {
    "api", "interface", "address", "ip4-output", "ip4-sv-reassembly", "syslog", "ipfix", NULL};

const struct module piste_module = {
    .abi = MODULE_ABI,
    .name = nat44_module_name,
    .description = "Network Address Translation (NAT)",
    .needs = needs,
    .nodes = nodes,
    .features = features,
    .commands = nat44_ed_commands,
    .types = nat44_ed_types,
    .api = nat44_ed_api_handlers,
    .init = nat44_init,
    .stop = nat44_stop,
    .running_config = nat44_running_config,
    .running_config_rows = nat44_running_config_rows,
    .place_free = free,
    .tables = nat44_tables,
};
