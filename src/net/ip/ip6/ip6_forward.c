/* Records and trace text of the nodes that forward IPv6; see ip6_forward.h. */
#include "net/ip/ip6/ip6_forward.h"

#include <inttypes.h>

#include "base/text.h"
#include "net/ip/fib/fib_forward.h"
#include "net/ip/fib/fib_rewrite.h"
#include "net/ip/fib/fib_trace.h"
#include "net/ip/ip4/ip4_forward.h"
#include "net/ip/ip6/ip6_internal.h"
#include "net/packet/ip6_format.h"

void ip6_format_forward_trace(struct piste *p, const struct trace_record *r, struct text *out)
{
    fib_format_forward(r, out);
    ip6_format_trace(p, r, out);
}

static void ip6_format_lookup(struct piste *p, const struct trace_record *r, struct text *out)
{
    fib_format_lookup(r, out);
    ip6_format_header(out, r->data, r->data_len, 0);
}

static void ip6_format_rewrite(struct piste *p, const struct trace_record *r, struct text *out)
{
    fib_format_rewrite(p, r, IP_FAMILY_6, "adj-idx", UINT32_MAX, out);
}

static void ip6_format_link_local(struct piste *p, const struct trace_record *r, struct text *out)
{
    const struct ip_scratch *s = (const struct ip_scratch *)(const void *)r->meta.scratch;
    text_add(out, "sw_if_index:%" PRIu32 " fib_index:%" PRIu32, r->meta.rx_if.i,
             fib_number(s->fib));
}

#define LOOKUP_NODE(text_name, c_name, its_plain)                                                  \
    FIB_LOOKUP_NODE(text_name, c_name, FIB_LOOKUP_NEXT_IP6, ip6_format_lookup, its_plain)

static const struct node_def lookup_node = LOOKUP_NODE("ip6-lookup", ip6_lookup, NODE_PLAIN_DST);
static const struct node_def load_balance_node =
    LOOKUP_NODE("ip6-load-balance", ip6_load_balance, 0);
static const struct node_def lookup_dst_node = LOOKUP_NODE("lookup-ip6-dst", lookup_ip6_dst, 0);
static const struct node_def lookup_src_node = LOOKUP_NODE("lookup-ip6-src", lookup_ip6_src, 0);

/* Its function is that of IPv4. */
static const struct node_def interface_rx_node = {
    .name = "interface-rx-dpo-ip6",
    .run = NODE_VARIANTS(interface_rx_dpo_ip4),
    .next =
        {[IP4_INTERFACE_RX_NEXT_DROP] = "ip6-drop", [IP4_INTERFACE_RX_NEXT_INPUT] = "ip6-input"},
    .n_next = IP4_INTERFACE_RX_N_NEXT,
    .errors = ip4_interface_rx_errors,
    .n_errors = IP4_INTERFACE_RX_ERR_N,
    .format_trace = ip6_format_forward_trace,
};

static const struct node_error link_local_errors[IP6_LINK_LOCAL_ERR_N] = {
    [IP6_LINK_LOCAL_ERR_NO_LINK] = {"no_link", "link-local address without a link", SEVERITY_ERROR},
    [IP6_LINK_LOCAL_ERR_TRANSIT] = {"transit", "link-local address of another host",
                                    SEVERITY_ERROR},
};

static const struct node_def link_local_node = {
    .name = "ip6-link-local",
    .run = NODE_VARIANTS(ip6_link_local),
    .next = {[IP6_LINK_LOCAL_NEXT_DROP] = "ip6-drop", [IP6_LINK_LOCAL_NEXT_LOOKUP] = "ip6-lookup"},
    .n_next = IP6_LINK_LOCAL_N_NEXT,
    .errors = link_local_errors,
    .n_errors = IP6_LINK_LOCAL_ERR_N,
    .format_trace = ip6_format_link_local,
    .trace_after = true,
};

static const struct node_error rewrite_errors[FIB_REWRITE_ERR_N] =
    FIB_REWRITE_ERRORS("ip6 ttl <= 1", "ip6 MTU exceeded");

#define REWRITE_NODE(text_name, c_name, its_plain)                                                 \
    FIB_REWRITE_NODE(text_name, c_name, "ip6-drop", "ip6-icmp-error", "ip6-frag", rewrite_errors,  \
                     ip6_format_rewrite, its_plain)

static const struct node_def rewrite_node =
    REWRITE_NODE("ip6-rewrite", ip6_rewrite, NODE_PLAIN_DST);
static const struct node_def rewrite_mcast_node =
    REWRITE_NODE("ip6-rewrite-mcast", ip6_rewrite_mcast, 0);
static const struct node_def midchain_node = REWRITE_NODE("ip6-midchain", ip6_midchain, 0);

static const struct node_error null_errors[IP6_NULL_ERR_N] = {
    [IP6_NULL_ERR_UNREACHABLE] = {"unreachable", "route says unreachable", SEVERITY_ERROR},
    [IP6_NULL_ERR_PROHIBITED] = {"prohibited", "route says prohibited", SEVERITY_ERROR},
    [IP6_NULL_ERR_NO_ROUTE] = {"dst_lookup_miss", "ip6 destination lookup miss", SEVERITY_ERROR},
};

static const struct node_def null_node = {
    .name = "ip6-null",
    .run = NODE_VARIANTS(ip6_null),
    .next = {[IP6_NULL_NEXT_DROP] = "ip6-drop", [IP6_NULL_NEXT_ICMP_ERROR] = "ip6-icmp-error"},
    .n_next = IP6_NULL_N_NEXT,
    .errors = null_errors,
    .n_errors = IP6_NULL_ERR_N,
    .format_trace = ip6_format_forward_trace,
};

const struct node_def *const ip6_forward_nodes[] = {
    &lookup_node,
    &load_balance_node,
    &lookup_dst_node,
    &lookup_src_node,
    &interface_rx_node,
    &link_local_node,
    &rewrite_node,
    &midchain_node,
    &null_node,
    &rewrite_mcast_node,
    NULL,
};
