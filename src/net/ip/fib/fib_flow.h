/* What the flow hashes of both protocols have in common. Data threads. */
#pragma once

#include "net/ip/fib/fib_data.h"

static inline u32 flow_mix(u32 a, u32 b, u32 c)
{
    u64 x = ((u64)a << 32 | b) * 0x9e3779b97f4a7c15ull;
    x ^= x >> 29;
    x = (x + c) * 0xbf58476d1ce4e5b9ull;
    x ^= x >> 32;
    return (u32)x;
}

/* Of a flow's addresses (of IPv6: folded), ports (source first, as they lie in a packet) and
 * protocol, those that fields (FLOW_*) name. Never 0: that says "no hash". */
static inline u32 fib_flow_hash_of(u32 src, u32 dst, u32 ports, u32 proto, u32 fields)
{
    u16 both[2];
    __builtin_memcpy(both, &ports, 4);
    src = fields & FLOW_SRC ? src : 0;
    dst = fields & FLOW_DST ? dst : 0;
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
    proto = fields & FLOW_PROTO ? proto : 0;
    u32 hash = flow_mix(src, dst, ((u32)sport << 16 | dport) + proto * 0x01000193u);
    u32 router_id = __atomic_load_n(&fib_flow_router_id, __ATOMIC_RELAXED);
    if (router_id)
        hash = flow_mix(hash, router_id, 0);
    return hash ? hash : 1;
}
