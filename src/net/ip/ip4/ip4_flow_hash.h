/* The hash that chooses among equal paths: all packets of a flow get the same. Data threads. */
#pragma once

#include "net/ip/fib/fib_flow.h"
#include "net/packet/ip4_packet.h"

/* Ports of TCP and UDP (and those that look alike), source first; 0 for fragments and other
 * protocols. len: of what lies in one piece from h on. */
static inline u32 ip4_flow_ports(const struct ip4_header *h, u32 len)
{
    u32 at = ip4_header_bytes(h);
    bool has_ports = h->protocol == IP_PROTOCOL_TCP || h->protocol == IP_PROTOCOL_UDP ||
                     h->protocol == IP_PROTOCOL_UDP_LITE;
    if (!has_ports || ip4_is_fragment(h) || at + 4 > len)
        return 0;
    return load_u32((const u8 *)h + at);
}

/* fields: FLOW_*. Never 0: that says "no hash". */
static inline u32 ip4_flow_hash_of(const struct ip4_header *h, u32 len, u32 fields)
{
    u32 ports = fields & (FLOW_SPORT | FLOW_DPORT) ? ip4_flow_ports(h, len) : 0;
    return fib_flow_hash_of(h->src.raw, h->dst.raw, ports, h->protocol, fields);
}

static inline u32 ip4_flow_hash(const struct buffer *b, u32 fields)
{
    return ip4_flow_hash_of(buffer_current(b), b->len, fields);
}
