/* Text of IPv4, ICMP, UDP and TCP headers, as VPP words it in traces. Control thread. */
#pragma once

#include "base/text.h"
#include "base/types.h"

struct piste;
struct trace_record;

/* "ICMP", "UDP", "IP6_HOP_BY_HOP_OPTIONS" ...; NULL when the number has no name. */
const char *ip_protocol_name(u8 protocol);
/* Its name, or "unknown 200". */
void ip_format_protocol(struct text *t, u8 protocol);
/* By name, in any case; false when there is none. */
bool ip_protocol_by_name(const char *name, u8 *protocol);

/* Type and code of ICMP by their names in traces, "echo_request", "port_unreachable"; false when
 * there is none. */
bool icmp4_by_name(const char *name, u8 *type, u8 *code);

/* The header behind IPv4's or IPv6's: UDP, TCP, ICMP of either; nothing for others. Starts with a
 * newline, and ends without one. */
void ip_format_l4(struct text *t, u8 protocol, const void *packet, u32 n, unsigned indent);

/* "CS0", "AF11", "EF"; "unknown" */
const char *ip_dscp_name(u8 dscp);

/* a.b.c.d */
void ip4_format_address(struct text *t, be32 a);

/* n bytes of a packet from the IPv4 header on, with the headers within it as far as they are there;
 * every line of the text is indented, the last has no newline:
 *
 *   ICMP: 10.10.1.1 -> 10.10.1.2
 *     tos 0x00, ttl 64, length 84, checksum 0xa7e7 dscp CS0 ecn NON_ECN
 *     fragment id 0x7cab, flags DONT_FRAGMENT
 *   ICMP echo_request checksum 0xf13a id 14951 */
void ip4_format_header(struct text *t, const void *packet, u32 n, unsigned indent);

/* node_def.format_trace of nodes whose current header is IPv4's. */
void ip4_format_trace(struct piste *p, const struct trace_record *r, struct text *out);
