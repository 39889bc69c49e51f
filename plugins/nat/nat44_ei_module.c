/* The record of the plugin nat44_ei, and its nodes. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/engine.h"
#include "engine/feature.h"
#include "engine/trace.h"
#include "plugins/nat/nat44_cli.h"
#include "plugins/nat/nat44_ei.h"
#include "plugins/nat/nat44_ei_cli.h"
#include "plugins/nat/nat44_ha.h"
#include "plugins/nat/nat44_internal.h"
#include "plugins/nat/nat44_node.h"

NODE_DECLARE(nat44_ei_in2out);
NODE_DECLARE(nat44_ei_out2in);
NODE_DECLARE(nat44_ei_in2out_slowpath);
NODE_DECLARE(nat44_ei_out2in_slowpath);
NODE_DECLARE(nat44_ei_in2out_output);
NODE_DECLARE(nat44_ei_in2out_output_slowpath);
NODE_DECLARE(nat44_ei_classify);
NODE_DECLARE(nat44_ei_handoff_classify);
NODE_DECLARE(nat44_ei_handoff_in2out);
NODE_DECLARE(nat44_ei_handoff_in2out_output);
NODE_DECLARE(nat44_ei_handoff_out2in);
NODE_DECLARE(nat44_ei_hairpinning);
NODE_DECLARE(nat44_ei_local_error);
NODE_DECLARE(nat44_ei_ha);
NODE_DECLARE_TIMER(nat44_ei_expire);

#define IN2OUT "nat44-ei-in2out"
#define IN2OUT_SLOW "nat44-ei-in2out-slowpath"
#define IN2OUT_HANDOFF "nat44-ei-in2out-worker-handoff"
#define IN2OUT_OUTPUT "nat44-ei-in2out-output"
#define IN2OUT_OUTPUT_SLOW "nat44-ei-in2out-output-slowpath"
#define IN2OUT_OUTPUT_HANDOFF "nat44-ei-in2out-output-worker-handoff"
#define OUT2IN "nat44-ei-out2in"
#define OUT2IN_SLOW "nat44-ei-out2in-slowpath"
#define OUT2IN_HANDOFF "nat44-ei-out2in-worker-handoff"
#define CLASSIFY "nat44-ei-classify"
#define CLASSIFY_HANDOFF "nat44-ei-handoff-classify"
#define HAIRPINNING "nat44-ei-hairpinning"
#define LOCAL_ERROR "nat44-ei-local-error"

const char nat44_module_name[] = "nat44_ei";

static void nat44_ei_disable(struct piste *p)
{
    nat44_ha_clear(p);
    nat44_users_free(p);
}

static void nat44_ei_running_config(struct piste *p, struct text *t)
{
    const struct nat44_ha_config *c = &nat44_ha_of(p)->c;
    if (c->listener_port) {
        nat44_format_endpoint(t, "nat44 ei ha listener ", c->listener,
                              be16_from_host(c->listener_port));
        text_add(t, " path-mtu %u\n", c->path_mtu);
    }
    if (c->failover_port) {
        nat44_format_endpoint(t, "nat44 ei ha failover ", c->failover,
                              be16_from_host(c->failover_port));
        text_add(t, " refresh-interval %u\n", c->refresh_s);
    }
}

const struct nat44_flavor nat44_flavor = {
    .prefix = "nat44-ei",
    .words = "nat44 ei",
    .nat_words = "nat44 ei",
    .other = "nat",
    .other_words = "nat44 plugin",
    .local_error = LOCAL_ERROR,
    .sessions = 10 * 1024,
    .in = {{NULL, IN2OUT, OUT2IN, CLASSIFY},
           {NULL, IN2OUT_HANDOFF, OUT2IN_HANDOFF, CLASSIFY_HANDOFF}},
    .output = {IN2OUT_OUTPUT, IN2OUT_OUTPUT_HANDOFF},
    .enable = nat44_users_new,
    .disable = nat44_ei_disable,
    .tell_failover = nat44_ha_tell,
    .running_config = nat44_ei_running_config,
};

/* --- traces --- */

static void ei_format_node(const struct trace_record *r, struct text *t, const char *title)
{
    struct nat44_trace x;
    memcpy(&x, r->extra, sizeof(x));
    text_add(t, "%s: sw_if_index %u, next index %u, session %d", title, r->meta.rx_if.i, r->next,
             x.session == SESSION_NONE ? -1 : (int)x.session);
}

static void ei_format_in2out(struct piste *p, const struct trace_record *r, struct text *t)
{
    ei_format_node(r, t, "NAT44_IN2OUT_FAST_PATH");
}

static void ei_format_out2in(struct piste *p, const struct trace_record *r, struct text *t)
{
    ei_format_node(r, t, "NAT44_OUT2IN_FAST_PATH");
}

static void ei_format_in2out_slow(struct piste *p, const struct trace_record *r, struct text *t)
{
    ei_format_node(r, t, "NAT44_IN2OUT_SLOW_PATH");
}

static void ei_format_out2in_slow(struct piste *p, const struct trace_record *r, struct text *t)
{
    ei_format_node(r, t, "NAT44_OUT2IN_SLOW_PATH");
}

static void ei_format_classify(struct piste *p, const struct trace_record *r, struct text *t)
{
    text_add(t, CLASSIFY ": next %s", r->next == NAT44_NEXT_FAST ? "in2out" : "out2in");
}

static void ei_format_hairpin(struct piste *p, const struct trace_record *r, struct text *t)
{
    text_puts(t, r->next == NEXT_CONSUMED     ? "to another thread"
                 : r->next == NAT44_NEXT_FAST ? "to a host inside"
                                              : "to none inside");
}

/* --- nodes --- */

#define NAT44_EI_NODE(text_name, c_name, slow, fast, format)                                       \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name),                                           \
        .next = {[NAT44_NEXT_DROP] = "error-drop",                                                 \
                 [NAT44_NEXT_ICMP_ERROR] = "ip4-icmp-error",                                       \
                 [NAT44_NEXT_SLOW] = slow,                                                         \
                 [NAT44_NEXT_FAST] = fast,                                                         \
                 [NAT44_NEXT_RESUME] = "feature-resume"},                                          \
        .n_next = NAT44_N_NEXT, .errors = nat44_errors, .n_errors = NAT44_ERRS,                    \
        .errors_by_description = true, .format_trace = format,                                     \
    }

static const struct node_def node_in2out =
    NAT44_EI_NODE(IN2OUT, nat44_ei_in2out, IN2OUT_SLOW, HAIRPINNING, ei_format_in2out);
static const struct node_def node_out2in =
    NAT44_EI_NODE(OUT2IN, nat44_ei_out2in, OUT2IN_SLOW, OUT2IN, ei_format_out2in);
static const struct node_def node_in2out_slow = NAT44_EI_NODE(
    IN2OUT_SLOW, nat44_ei_in2out_slowpath, IN2OUT_SLOW, IN2OUT, ei_format_in2out_slow);
static const struct node_def node_out2in_slow = NAT44_EI_NODE(
    OUT2IN_SLOW, nat44_ei_out2in_slowpath, OUT2IN_SLOW, OUT2IN, ei_format_out2in_slow);
static const struct node_def node_in2out_output = NAT44_EI_NODE(
    IN2OUT_OUTPUT, nat44_ei_in2out_output, IN2OUT_OUTPUT_SLOW, IN2OUT_OUTPUT, ei_format_in2out);
static const struct node_def node_in2out_output_slow =
    NAT44_EI_NODE(IN2OUT_OUTPUT_SLOW, nat44_ei_in2out_output_slowpath, IN2OUT_OUTPUT_SLOW,
                  IN2OUT_OUTPUT, ei_format_in2out_slow);
/* of these, an edge leads to each direction */
static const struct node_def node_classify =
    NAT44_EI_NODE(CLASSIFY, nat44_ei_classify, OUT2IN, IN2OUT, ei_format_classify);
static const struct node_def node_handoff_classify = NAT44_EI_NODE(
    CLASSIFY_HANDOFF, nat44_ei_handoff_classify, OUT2IN, IN2OUT, nat44_format_handoff);
static const struct node_def node_handoff_in2out = NAT44_EI_NODE(
    IN2OUT_HANDOFF, nat44_ei_handoff_in2out, IN2OUT_SLOW, IN2OUT, nat44_format_handoff);
static const struct node_def node_handoff_in2out_output =
    NAT44_EI_NODE(IN2OUT_OUTPUT_HANDOFF, nat44_ei_handoff_in2out_output, IN2OUT_OUTPUT_SLOW,
                  IN2OUT_OUTPUT, nat44_format_handoff);
static const struct node_def node_handoff_out2in = NAT44_EI_NODE(
    OUT2IN_HANDOFF, nat44_ei_handoff_out2in, OUT2IN_SLOW, OUT2IN, nat44_format_handoff);
static const struct node_def node_hairpinning =
    NAT44_EI_NODE(HAIRPINNING, nat44_ei_hairpinning, IN2OUT_SLOW, IN2OUT, ei_format_hairpin);
static const struct node_def node_local_error = NAT44_EI_NODE(
    LOCAL_ERROR, nat44_ei_local_error, OUT2IN_SLOW, "ip4-lookup", nat44_format_local_error);
static const struct node_def node_expire = {
    .name = "nat44-ei-expire", .kind = NODE_TIMER, .expire = NODE_VARIANTS(nat44_ei_expire)};

static const struct node_error ha_errors[] = {
    {"congestion_drop", "congestion drop", SEVERITY_ERROR}};
static const struct node_def node_ha = {.name = "nat44-ei-ha",
                                        .run = NODE_VARIANTS(nat44_ei_ha),
                                        .next = {"error-drop"},
                                        .n_next = 1,
                                        .errors = ha_errors,
                                        .n_errors = 1,
                                        .errors_by_description = true};

static const struct node_def *const nodes[] = {
    &node_in2out,
    &node_out2in,
    &node_in2out_slow,
    &node_out2in_slow,
    &node_in2out_output,
    &node_in2out_output_slow,
    &node_classify,
    &node_handoff_classify,
    &node_handoff_in2out,
    &node_handoff_in2out_output,
    &node_handoff_out2in,
    &node_hairpinning,
    &node_local_error,
    &node_expire,
    &node_ha,
    NULL,
};

/* Where the other NAT's are. */
static const char *const behind_in[] = {"nat-pre-in2out", NULL};
static const char *const behind_out[] = {"nat-pre-in2out-output", NULL};

#define NAT44_EI_FEATURE(arc, node, after)                                                         \
    &(const struct feature_def)                                                                    \
    {                                                                                              \
        arc, node, NULL, after                                                                     \
    }
static const struct feature_def *const features[] = {
    NAT44_EI_FEATURE("ip4-unicast", IN2OUT, behind_in),
    NAT44_EI_FEATURE("ip4-unicast", OUT2IN, behind_in),
    NAT44_EI_FEATURE("ip4-unicast", CLASSIFY, behind_in),
    NAT44_EI_FEATURE("ip4-unicast", IN2OUT_HANDOFF, behind_in),
    NAT44_EI_FEATURE("ip4-unicast", OUT2IN_HANDOFF, behind_in),
    NAT44_EI_FEATURE("ip4-unicast", CLASSIFY_HANDOFF, behind_in),
    NAT44_EI_FEATURE("ip4-output", IN2OUT_OUTPUT, behind_out),
    NAT44_EI_FEATURE("ip4-output", IN2OUT_OUTPUT_HANDOFF, behind_out),
    &(const struct feature_def){"ip4-local", LOCAL_ERROR,
                                (const char *const[]){"ip4-local-end-of-arc", NULL}, NULL},
    NULL,
};

/* --- life --- */

static int nat44_ei_init(struct piste *p, void **state, struct error *e)
{
    int rc = nat44_init(p, state, e);
    struct nat44_state *s = *state;
    if (rc)
        return rc;
    s->data.total_users =
        counter_vec_new(engine_of(p), "/nat44-ei/total-users", false, THREADS_MAX);
    counter_zero(s->data.total_users, engine_n_threads(engine_of(p)) - 1);
    s->ha = nat44_ha_new(p);
    s->ha->resynced = nat44_ei_resynced;
    return 0;
}

static void nat44_ei_stop(struct piste *p, void *state)
{
    struct counter_vec *users = ((struct nat44_state *)state)->data.total_users;
    struct nat44_ha *ha = ((struct nat44_state *)state)->ha;
    nat44_stop(p, state);
    nat44_ha_free(ha);
    counter_vec_free(users);
}

static const char *const needs[] = {"api",       "interface",  "address",
                                    "ip4-local", "ip4-output", "ip4-sv-reassembly",
                                    "syslog",    "ipfix",      NULL};

const struct module piste_module = {
    .abi = MODULE_ABI,
    .name = nat44_module_name,
    .description = "IPv4 Endpoint-Independent NAT (NAT44 EI)",
    .needs = needs,
    .nodes = nodes,
    .features = features,
    .commands = nat44_ei_commands,
    .types = nat44_ei_types,
    .api = nat44_ei_api_handlers,
    .init = nat44_ei_init,
    .stop = nat44_ei_stop,
    .running_config = nat44_running_config,
    .running_config_rows = nat44_running_config_rows,
    .place_free = free,
    .tables = nat44_tables,
};
