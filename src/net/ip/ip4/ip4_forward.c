/* Records and trace text of the nodes that forward IPv4; see ip4_forward.h. */
#include "net/ip/ip4/ip4_forward.h"

#include "net/ip/fib/fib_forward.h"
#include "net/ip/fib/fib_rewrite.h"
#include "net/ip/fib/fib_trace.h"
#include "net/packet/ip4_format.h"
#include "net/ip/ip4/ip4_internal.h"

void ip4_format_forward_trace(struct piste *p, const struct trace_record *r, struct text *out)
{
    fib_format_forward(r, out);
    ip4_format_trace(p, r, out);
}

static void ip4_format_lookup(struct piste *p, const struct trace_record *r, struct text *out)
{
    fib_format_lookup(r, out);
    ip4_format_header(out, r->data, r->data_len, 0);
}

static void ip4_format_rewrite(struct piste *p, const struct trace_record *r, struct text *out)
{
    fib_format_rewrite(p, r, IP_FAMILY_4, "dpo-idx", 60, out);
}

#define LOOKUP_NODE(text_name, c_name, its_plain)                                                  \
    FIB_LOOKUP_NODE(text_name, c_name, FIB_LOOKUP_NEXT_IP4, ip4_format_lookup, its_plain)

static const struct node_def lookup_node = LOOKUP_NODE("ip4-lookup", ip4_lookup, NODE_PLAIN_DST);
static const struct node_def load_balance_node =
    LOOKUP_NODE("ip4-load-balance", ip4_load_balance, NODE_PLAIN_ECHO);
static const struct node_def lookup_dst_node = LOOKUP_NODE("lookup-ip4-dst", lookup_ip4_dst, 0);
static const struct node_def lookup_src_node = LOOKUP_NODE("lookup-ip4-src", lookup_ip4_src, 0);

const struct node_error ip4_interface_rx_errors[IP4_INTERFACE_RX_ERR_N] = {
    [IP4_INTERFACE_RX_ERR_NO_INTERFACE] = {"no_interface", "the interface went away",
                                           SEVERITY_ERROR},
    [IP4_INTERFACE_RX_ERR_LOOP] = {"loop", "routed to interfaces' receive too often",
                                   SEVERITY_ERROR},
};

static const struct node_def interface_rx_node = {
    .name = "interface-rx-dpo-ip4",
    .run = NODE_VARIANTS(interface_rx_dpo_ip4),
    .next =
        {[IP4_INTERFACE_RX_NEXT_DROP] = "ip4-drop", [IP4_INTERFACE_RX_NEXT_INPUT] = "ip4-input"},
    .n_next = IP4_INTERFACE_RX_N_NEXT,
    .errors = ip4_interface_rx_errors,
    .n_errors = IP4_INTERFACE_RX_ERR_N,
    .format_trace = ip4_format_forward_trace,
};

static const struct node_error rewrite_errors[FIB_REWRITE_ERR_N] =
    FIB_REWRITE_ERRORS("ip4 ttl <= 1", "ip4 MTU exceeded and DF set");

#define REWRITE_NODE(text_name, c_name, its_plain)                                                 \
    FIB_REWRITE_NODE(text_name, c_name, "ip4-drop", "ip4-icmp-error", "ip4-frag", rewrite_errors,  \
                     ip4_format_rewrite, its_plain)

static const struct node_def rewrite_node =
    REWRITE_NODE("ip4-rewrite", ip4_rewrite, NODE_PLAIN_DST);
static const struct node_def rewrite_mcast_node =
    REWRITE_NODE("ip4-rewrite-mcast", ip4_rewrite_mcast, 0);
static const struct node_def midchain_node = REWRITE_NODE("ip4-midchain", ip4_midchain, 0);

static const struct node_error null_errors[IP4_NULL_ERR_N] = {
    [IP4_NULL_ERR_UNREACHABLE] = {"unreachable", "route says unreachable", SEVERITY_ERROR},
    [IP4_NULL_ERR_PROHIBITED] = {"prohibited", "route says prohibited", SEVERITY_ERROR},
};

static const struct node_def null_node = {
    .name = "ip4-null",
    .run = NODE_VARIANTS(ip4_null),
    .next = {[IP4_NULL_NEXT_DROP] = "ip4-drop", [IP4_NULL_NEXT_ICMP_ERROR] = "ip4-icmp-error"},
    .n_next = IP4_NULL_N_NEXT,
    .errors = null_errors,
    .n_errors = IP4_NULL_ERR_N,
    .format_trace = ip4_format_forward_trace,
};

const struct node_def *const ip4_forward_nodes[] = {
    &lookup_node,  &load_balance_node, &lookup_dst_node, &lookup_src_node,    &interface_rx_node,
    &rewrite_node, &midchain_node,     &null_node,       &rewrite_mcast_node, NULL,
};
