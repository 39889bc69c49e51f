/* Records and trace text of the nodes that forward IPv4; see ip4_forward.h. */
#include "net/ip/ip4/ip4_forward.h"

#include "engine/trace.h"
#include "net/ip/fib/fib_rewrite.h"
#include "net/packet/ip4_format.h"
#include "net/ip/ip4/ip4_internal.h"

/* The packet's words behind its hop. */
static const struct ip_scratch *ip4_forward_words(const struct trace_record *r)
{
    return (const struct ip_scratch *)(const void *)r->meta.scratch;
}

static void ip4_forward_format_lookup(struct piste *p, const struct trace_record *r,
                                      struct text *out)
{
    const struct ip_scratch *s = ip4_forward_words(r);
    text_add(out, "fib %u dpo-idx %u flow hash: 0x%08x\n", fib_number(s->fib), s->adj.i,
             s->flow_hash);
    ip4_format_header(out, r->data, r->data_len, 0);
}

static void format_rewrite(struct piste *p, const struct trace_record *r, struct text *out)
{
    const struct ip_scratch *s = ip4_forward_words(r);
    text_add(out, "tx_sw_if_index %d dpo-idx %u : ", (int)r->meta.tx_if.i, s->adj.i);
    if (adj_is_used(fib_of(p), s->adj))
        adj_describe(fib_of(p), s->adj, IP_FAMILY_4, out);
    text_add(out, " flow hash: 0x%08x\n", s->flow_hash);
    text_hex_lines(out, r->data, r->data_len < 60 ? r->data_len : 60, 0);
}

static const struct node_error lookup_errors[IP4_LOOKUP_ERR_N] = {
    [IP4_LOOKUP_ERR_LOOP] = {"loop", "looked up in too many tables", SEVERITY_ERROR},
};

static const struct node_def lookup_node = {
    .name = "ip4-lookup",
    .run = NODE_VARIANTS(ip4_lookup),
    .next = FIB_LOOKUP_NEXT_IP4,
    .n_next = FIB_NEXT_N,
    .errors = lookup_errors,
    .n_errors = IP4_LOOKUP_ERR_N,
    .format_trace = ip4_forward_format_lookup,
};

static const struct node_def load_balance_node = {
    .name = "ip4-load-balance",
    .run = NODE_VARIANTS(ip4_load_balance),
    .next = FIB_LOOKUP_NEXT_IP4,
    .n_next = FIB_NEXT_N,
    .errors = lookup_errors,
    .n_errors = IP4_LOOKUP_ERR_N,
    .format_trace = ip4_forward_format_lookup,
};

static const struct node_def lookup_dst_node = {
    .name = "lookup-ip4-dst",
    .run = NODE_VARIANTS(lookup_ip4_dst),
    .next = FIB_LOOKUP_NEXT_IP4,
    .n_next = FIB_NEXT_N,
    .errors = lookup_errors,
    .n_errors = IP4_LOOKUP_ERR_N,
    .format_trace = ip4_forward_format_lookup,
};

static const struct node_def lookup_src_node = {
    .name = "lookup-ip4-src",
    .run = NODE_VARIANTS(lookup_ip4_src),
    .next = FIB_LOOKUP_NEXT_IP4,
    .n_next = FIB_NEXT_N,
    .errors = lookup_errors,
    .n_errors = IP4_LOOKUP_ERR_N,
    .format_trace = ip4_forward_format_lookup,
};

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

static const struct node_error rewrite_errors[FIB_REWRITE_ERR_N] = {
    [FIB_REWRITE_ERR_TTL] = {"time_expired", "ip4 ttl <= 1", SEVERITY_ERROR},
    [FIB_REWRITE_ERR_MTU] = {"mtu_exceeded", "ip4 MTU exceeded and DF set", SEVERITY_ERROR},
    [FIB_REWRITE_ERR_NO_ADJACENCY] = {"no_adjacency", "next hop went away", SEVERITY_ERROR},
    [FIB_REWRITE_ERR_NO_ROOM] = {"no_headroom", "no room for the link's header", SEVERITY_ERROR},
    [FIB_REWRITE_ERR_TUNNEL_LOOP] = {"tunnel_loop", "in too many tunnels", SEVERITY_ERROR},
    [FIB_REWRITE_ERR_TUNNEL_TOO_LONG] = {"tunnel_too_long", "too long with the tunnel's header",
                                         SEVERITY_ERROR},
    [FIB_REWRITE_ERR_TUNNEL_OPEN] = {"tunnel_offload", "checksum or segments cannot be made",
                                     SEVERITY_ERROR},
    [FIB_REWRITE_ERR_TUNNEL_NO_ROOM] = {"tunnel_no_room", "no room for the tunnel's header",
                                        SEVERITY_ERROR},
};

static const struct node_def rewrite_node = {
    .name = "ip4-rewrite",
    .run = NODE_VARIANTS(ip4_rewrite),
    .next =
        {
            [FIB_REWRITE_NEXT_DROP] = "ip4-drop",
            [FIB_REWRITE_NEXT_ICMP_ERROR] = "ip4-icmp-error",
            [FIB_REWRITE_NEXT_FRAGMENT] = "ip4-frag",
        },
    .n_next = FIB_REWRITE_N_NEXT,
    .errors = rewrite_errors,
    .n_errors = FIB_REWRITE_ERR_N,
    .format_trace = format_rewrite,
    .trace_after = true,
};

static const struct node_def midchain_node = {
    .name = "ip4-midchain",
    .run = NODE_VARIANTS(ip4_midchain),
    .next =
        {
            [FIB_REWRITE_NEXT_DROP] = "ip4-drop",
            [FIB_REWRITE_NEXT_ICMP_ERROR] = "ip4-icmp-error",
            [FIB_REWRITE_NEXT_FRAGMENT] = "ip4-frag",
        },
    .n_next = FIB_REWRITE_N_NEXT,
    .errors = rewrite_errors,
    .n_errors = FIB_REWRITE_ERR_N,
    .format_trace = format_rewrite,
    .trace_after = true,
};

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
    &lookup_node,     &load_balance_node, &lookup_dst_node,
    &lookup_src_node, &interface_rx_node, &rewrite_node,
    &midchain_node,   &null_node,         NULL,
};
