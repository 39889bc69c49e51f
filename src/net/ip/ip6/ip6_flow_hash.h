/* The hash that chooses among equal paths: all packets of a flow get the same. Data threads. */
#pragma once

#include "net/ip/fib/fib_flow.h"
#include "net/packet/ip6_packet.h"

/* Ports of TCP and UDP (and those that look alike), source first; 0 for fragments, other protocols
 * and behind extension headers. len: of what lies in one piece from h on. */
static inline u32 ip6_flow_ports(const struct ip6_header *h, u32 len)
{
    bool has_ports = h->protocol == IP_PROTOCOL_TCP || h->protocol == IP_PROTOCOL_UDP ||
                     h->protocol == IP_PROTOCOL_UDP_LITE;
    return has_ports && sizeof(*h) + 4 <= len ? load_u32(h + 1) : 0;
}

static inline u32 ip6_flow_fold(const u8 a[16])
{
    u64 x = load_u64(a) * 0x9e3779b97f4a7c15ull + load_u64(a + 8);
    return (u32)(x ^ x >> 32);
}

/* fields: FLOW_*. Never 0: that says "no hash". */
static inline u32 ip6_flow_hash_of(const struct ip6_header *h, u32 len, u32 fields)
{
    u32 ports = fields & (FLOW_SPORT | FLOW_DPORT) ? ip6_flow_ports(h, len) : 0;
    u32 hash =
        fib_flow_hash_of(ip6_flow_fold(h->src), ip6_flow_fold(h->dst), ports, h->protocol, fields);
    if (fields & FLOW_LABEL)
        hash = flow_mix(hash, ip6_flow_label(h), 0);
    return hash ? hash : 1;
}

static inline u32 ip6_flow_hash(const struct buffer *b, u32 fields)
{
    return ip6_flow_hash_of(buffer_current(b), b->len, fields);
}
