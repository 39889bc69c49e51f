/* The records of the modules mfib and mfib_api, and of their nodes. */
#include "base/text.h"
#include "control/module.h"
#include "engine/trace.h"
#include "net/ip/ip4/ip4_errors.h"
#include "net/ip/ip6/ip6_errors.h"
#include "net/ip/mfib/mfib_internal.h"

/* --- traces --- */

static const struct mfib_scratch *mfib_trace_words(const struct trace_record *r)
{
    return (const struct mfib_scratch *)(const void *)r->meta.scratch;
}

static void mfib_format_lookup(struct piste *p, const struct trace_record *r, struct text *out)
{
    const struct mfib_scratch *s = mfib_trace_words(r);
    text_add(out, "fib %u entry %d", fib_number(s->ip.fib), (int)s->route);
}

static void mfib_format_rpf(struct piste *p, const struct trace_record *r, struct text *out)
{
    const struct mfib_scratch *s = mfib_trace_words(r);
    text_add(out, "entry %d itf %d flags %s", (int)s->route,
             s->accepted ? (int)r->meta.rx_if.i : -1, s->accepted ? "Accept," : "");
}

/* The first copy: each leaves a trace of its own from here on. */
static void mfib_format_replicate(struct piste *p, const struct trace_record *r, enum ip_family f,
                                  struct text *out)
{
    const struct mfib_scratch *s = mfib_trace_words(r);
    text_add(out, "replicate: %d via ", (int)s->route);
    if (adj_is_used(fib_of(p), s->ip.adj))
        adj_describe(fib_of(p), s->ip.adj, f, out);
}

static void format_replicate_ip4(struct piste *p, const struct trace_record *r, struct text *out)
{
    mfib_format_replicate(p, r, IP_FAMILY_4, out);
}

static void format_replicate_ip6(struct piste *p, const struct trace_record *r, struct text *out)
{
    mfib_format_replicate(p, r, IP_FAMILY_6, out);
}

/* --- nodes --- */

#define LOOKUP_NODE(text_name, c_name, drop, rpf, reasons, n_reasons)                              \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name),                                           \
        .next = {[MFIB_LOOKUP_NEXT_DROP] = drop, [MFIB_LOOKUP_NEXT_RPF] = rpf},                    \
        .n_next = MFIB_LOOKUP_N_NEXT, .errors = reasons, .n_errors = n_reasons,                    \
        .format_trace = mfib_format_lookup, .trace_after = true,                                   \
    }
#define RPF_NODE(text_name, c_name, drop, replicate, reasons, n_reasons)                           \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name),                                           \
        .next = {[MFIB_RPF_NEXT_DROP] = drop, [MFIB_RPF_NEXT_REPLICATE] = replicate},              \
        .n_next = MFIB_RPF_N_NEXT, .errors = reasons, .n_errors = n_reasons,                       \
        .format_trace = mfib_format_rpf, .trace_after = true,                                      \
    }

static const struct node_def lookup_ip4 =
    LOOKUP_NODE("ip4-mfib-forward-lookup", ip4_mfib_forward_lookup, "ip4-drop",
                "ip4-mfib-forward-rpf", ip4_errors, IP4_ERROR_N);
static const struct node_def lookup_ip6 =
    LOOKUP_NODE("ip6-mfib-forward-lookup", ip6_mfib_forward_lookup, "ip6-drop",
                "ip6-mfib-forward-rpf", ip6_errors, IP6_ERROR_N);
static const struct node_def rpf_ip4 =
    RPF_NODE("ip4-mfib-forward-rpf", ip4_mfib_forward_rpf, "ip4-drop", "ip4-replicate", ip4_errors,
             IP4_ERROR_N);
static const struct node_def rpf_ip6 =
    RPF_NODE("ip6-mfib-forward-rpf", ip6_mfib_forward_rpf, "ip6-drop", "ip6-replicate", ip6_errors,
             IP6_ERROR_N);

const struct node_def *const mfib_nodes[] = {&lookup_ip4, &lookup_ip6, &rpf_ip4, &rpf_ip6, NULL};

static const struct node_error replicate_errors[REPLICATE_ERR_N] = {
    [REPLICATE_ERR_NO_BUFFER] = {"no_buffer", "Buffer Allocation Failure", SEVERITY_ERROR},
    [REPLICATE_ERR_NOWHERE] = {"nowhere", "no interface to replicate to", SEVERITY_ERROR},
};

const struct node_def mfib_replicate_nodes[IP_FAMILY_N] = {
    {.name = "ip4-replicate",
     .run = NODE_VARIANTS(ip4_replicate),
     .next = FIB_LOOKUP_NEXT_IP4,
     .n_next = FIB_NEXT_N,
     .errors = replicate_errors,
     .n_errors = REPLICATE_ERR_N,
     .format_trace = format_replicate_ip4},
    {.name = "ip6-replicate",
     .run = NODE_VARIANTS(ip6_replicate),
     .next = FIB_LOOKUP_NEXT_IP6,
     .n_next = FIB_NEXT_N,
     .errors = replicate_errors,
     .n_errors = REPLICATE_ERR_N,
     .format_trace = format_replicate_ip6},
};

const struct module mfib_module = {
    .abi = MODULE_ABI,
    .name = mfib_module_name,
    .description = "Multicast routes",
    .needs = (const char *const[]){"fib", "interface", "address", NULL},
    .commands = mfib_commands,
    .init = mfib_init,
    .stop = mfib_stop,
    .running_config_rows = mfib_running_config_rows,
    .place_free = free,
};

const struct module mfib_api_module = {
    .abi = MODULE_ABI,
    .name = "mfib_api",
    .description = "Binary API of multicast routes",
    .needs = (const char *const[]){"api", "mfib", NULL},
    .api = mfib_handlers,
};
