/* Text of IPv6 and ICMPv6 headers, as VPP words it in traces. Control thread. */
#pragma once

#include "base/text.h"
#include "base/types.h"

struct piste;
struct trace_record;

/* Type and code of ICMPv6 by their names in traces, "echo_request", "packet_too_big"; false when
 * there is none. */
bool icmp6_by_name(const char *name, u8 *type, u8 *code);

/* The message at p, of which there are n bytes; starts with a newline, and ends without one. */
void icmp6_format(struct text *t, const u8 *p, u32 n, unsigned indent);

/* n bytes of a packet from the IPv6 header on, with the headers within it as far as they are there;
 * every line of the text is indented, the last has no newline:
 *
 *   ICMP6: 2001:db8::1 -> ff02::1:ff00:1
 *     tos 0x00, flow label 0x0, hop limit 255, payload length 32
 *   ICMP neighbor_solicitation checksum 0x438c
 *     target address 2001:db8::2 */
void ip6_format_header(struct text *t, const void *packet, u32 n, unsigned indent);

/* node_def.format_trace of nodes whose current header is IPv6's. */
void ip6_format_trace(struct piste *p, const struct trace_record *r, struct text *out);
