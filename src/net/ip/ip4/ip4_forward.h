/* The nodes that forward IPv4: ip4-lookup and its siblings, ip4-rewrite, and what stands beside
 * them. Their functions, edges and reasons. */
#pragma once

#include "engine/node.h"
#include "net/ip/fib/fib_data.h"

NODE_DECLARE(ip4_lookup);
NODE_DECLARE(ip4_load_balance);
NODE_DECLARE(lookup_ip4_dst);
NODE_DECLARE(lookup_ip4_src);
NODE_DECLARE(interface_rx_dpo_ip4);
NODE_DECLARE(ip4_rewrite);
NODE_DECLARE(ip4_midchain);
NODE_DECLARE(ip4_null);

/* node_def.format_trace: the header, behind a line that says which table, adjacency and flow. */
void ip4_format_forward_trace(struct piste *p, const struct trace_record *r, struct text *out);

enum { IP4_LOOKUP_ERR_LOOP, IP4_LOOKUP_ERR_N };

enum { IP4_INTERFACE_RX_NEXT_DROP, IP4_INTERFACE_RX_NEXT_INPUT, IP4_INTERFACE_RX_N_NEXT };
enum { IP4_INTERFACE_RX_ERR_NO_INTERFACE, IP4_INTERFACE_RX_ERR_LOOP, IP4_INTERFACE_RX_ERR_N };

/* Edges and reasons of ip4-rewrite and ip4-midchain; the edges to interfaces come behind. */
enum {
    IP4_REWRITE_NEXT_DROP,
    IP4_REWRITE_NEXT_ICMP_ERROR,
    IP4_REWRITE_NEXT_FRAGMENT,
    IP4_REWRITE_N_NEXT
};
enum {
    IP4_REWRITE_ERR_TTL,
    IP4_REWRITE_ERR_MTU,
    IP4_REWRITE_ERR_NO_ADJACENCY,
    IP4_REWRITE_ERR_NO_ROOM,
    IP4_REWRITE_ERR_TUNNEL_LOOP, /* these are ip4-midchain's: enum encap_error */
    IP4_REWRITE_ERR_TUNNEL_TOO_LONG,
    IP4_REWRITE_ERR_TUNNEL_OPEN,
    IP4_REWRITE_ERR_TUNNEL_NO_ROOM,
    IP4_REWRITE_ERR_N
};

enum { IP4_NULL_NEXT_DROP, IP4_NULL_NEXT_ICMP_ERROR, IP4_NULL_N_NEXT };
enum { IP4_NULL_ERR_UNREACHABLE, IP4_NULL_ERR_PROHIBITED, IP4_NULL_ERR_N };
