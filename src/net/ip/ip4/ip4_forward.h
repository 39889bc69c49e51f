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
NODE_DECLARE(ip4_rewrite_mcast);
NODE_DECLARE(ip4_midchain);
NODE_DECLARE(ip4_null);

/* node_def.format_trace: the header, behind a line that says which table, adjacency and flow. */
void ip4_format_forward_trace(struct piste *p, const struct trace_record *r, struct text *out);

enum { IP4_INTERFACE_RX_NEXT_DROP, IP4_INTERFACE_RX_NEXT_INPUT, IP4_INTERFACE_RX_N_NEXT };
enum { IP4_INTERFACE_RX_ERR_NO_INTERFACE, IP4_INTERFACE_RX_ERR_LOOP, IP4_INTERFACE_RX_ERR_N };
extern const struct node_error ip4_interface_rx_errors[IP4_INTERFACE_RX_ERR_N];

enum { IP4_NULL_NEXT_DROP, IP4_NULL_NEXT_ICMP_ERROR, IP4_NULL_N_NEXT };
enum { IP4_NULL_ERR_UNREACHABLE, IP4_NULL_ERR_PROHIBITED, IP4_NULL_ERR_N };
