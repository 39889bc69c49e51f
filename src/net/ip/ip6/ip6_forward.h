/* The nodes that forward IPv6: ip6-lookup and its siblings, ip6-rewrite, and what stands beside
 * them. Their functions, edges and reasons; those of ip6-rewrite and ip6-midchain are in
 * fib_rewrite.h. */
#pragma once

#include "engine/node.h"
#include "net/ip/fib/fib_data.h"

NODE_DECLARE(ip6_lookup);
NODE_DECLARE(ip6_load_balance);
NODE_DECLARE(lookup_ip6_dst);
NODE_DECLARE(lookup_ip6_src);
NODE_DECLARE(ip6_link_local);
NODE_DECLARE(ip6_rewrite);
NODE_DECLARE(ip6_rewrite_mcast);
NODE_DECLARE(ip6_midchain);
NODE_DECLARE(ip6_null);

/* node_def.format_trace: the header, behind a line that says which table, adjacency and flow. */
void ip6_format_forward_trace(struct piste *p, const struct trace_record *r, struct text *out);

enum { IP6_LINK_LOCAL_NEXT_DROP, IP6_LINK_LOCAL_NEXT_LOOKUP, IP6_LINK_LOCAL_N_NEXT };
enum { IP6_LINK_LOCAL_ERR_NO_LINK, IP6_LINK_LOCAL_ERR_TRANSIT, IP6_LINK_LOCAL_ERR_N };

enum { IP6_NULL_NEXT_DROP, IP6_NULL_NEXT_ICMP_ERROR, IP6_NULL_N_NEXT };
enum { IP6_NULL_ERR_UNREACHABLE, IP6_NULL_ERR_PROHIBITED, IP6_NULL_ERR_NO_ROUTE, IP6_NULL_ERR_N };
