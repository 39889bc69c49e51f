/* The hash that chooses among equal paths: all packets of a flow get the same. Data threads. */
#pragma once

#include "net/ip/fib/fib_data.h"
#include "net/packet/ip4_packet.h"

/* Ports of TCP and UDP (and those that look alike), source first; 0 for fragments and other
 * protocols. */
static inline u32 ip4_flow_ports(const struct buffer *b, const struct ip4_header *h)
{
    u32 at = ip4_header_bytes(h);
    bool has_ports = h->protocol == IP_PROTOCOL_TCP || h->protocol == IP_PROTOCOL_UDP ||
                     h->protocol == IP_PROTOCOL_UDP_LITE;
    if (!has_ports || ip4_is_fragment(h) || at + 4 > b->len)
        return 0;
    return load_u32((const u8 *)h + at);
}

static inline u32 flow_mix(u32 a, u32 b, u32 c)
{
    u64 x = ((u64)a << 32 | b) * 0x9e3779b97f4a7c15ull;
    x ^= x >> 29;
    x = (x + c) * 0xbf58476d1ce4e5b9ull;
    x ^= x >> 32;
    return (u32)x;
}

/* fields: FLOW_*. Never 0: that says "no hash". */
static inline u32 ip4_flow_hash(const struct buffer *b, u32 fields)
{
    const struct ip4_header *h = buffer_current(b);
    u32 src = fields & FLOW_SRC ? h->src.raw : 0, dst = fields & FLOW_DST ? h->dst.raw : 0;
    u32 ports = fields & (FLOW_SPORT | FLOW_DPORT) ? ip4_flow_ports(b, h) : 0;
    u16 both[2];
    __builtin_memcpy(both, &ports, 4);
    u16 sport = fields & FLOW_SPORT ? both[0] : 0, dport = fields & FLOW_DPORT ? both[1] : 0;
    bool swap = fields & FLOW_REVERSE;
    if (fields & FLOW_SYMMETRIC)
        swap = src > dst || (src == dst && sport > dport);
    if (swap) {
        u32 a = src;
        src = dst;
        dst = a;
        u16 p = sport;
        sport = dport;
        dport = p;
    }
    u32 proto = fields & FLOW_PROTO ? h->protocol : 0;
    u32 hash = flow_mix(src, dst, ((u32)sport << 16 | dport) + proto * 0x01000193u);
    return hash ? hash : 1;
}
