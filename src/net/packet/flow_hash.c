/* See flow_hash.h. */
#include "net/packet/flow_hash.h"

#include <string.h>

#include "base/byteorder.h"
#include "net/packet/ethernet_packet.h"
#include "net/packet/l4_packet.h"
#include "net/packet/layers.h"

/* One end of a flow: address and port, or a station. */
struct end {
    u64 hi, lo;
    u16 port;
};

static u64 flow_hash_mix(u64 x, u64 word)
{
    x = (x ^ word) * 0x9e3779b97f4a7c15ull;
    return x ^ x >> 32;
}

static u64 mix_end(u64 x, const struct end *e)
{
    return flow_hash_mix(flow_hash_mix(flow_hash_mix(x, e->hi), e->lo), e->port);
}

static bool comes_first(const struct end *a, const struct end *b)
{
    if (a->hi != b->hi)
        return a->hi < b->hi;
    if (a->lo != b->lo)
        return a->lo < b->lo;
    return a->port <= b->port;
}

static u32 hash_ends(struct end src, struct end dst, u16 type, enum flow_hash_kind kind)
{
    bool swap = kind == FLOW_HASH_SYMMETRIC && !comes_first(&src, &dst);
    u64 x = mix_end(mix_end(type, swap ? &dst : &src), swap ? &src : &dst);
    u32 hash = (u32)(x * 0xbf58476d1ce4e5b9ull >> 32);
    return hash ? hash : 1;
}

static struct end flow_hash_station(const u8 *mac)
{
    return (struct end){.lo = (u64)get_be16(mac) << 32 | get_be32(mac + 2)};
}

static struct end flow_hash_address(const u8 *p, bool is_ip6)
{
    return is_ip6 ? (struct end){.hi = load_u64(p), .lo = load_u64(p + 8)}
                  : (struct end){.lo = load_u32(p)};
}

u32 flow_hash(const u8 *p, u32 len, bool is_ip, enum flow_hash_kind kind)
{
    struct layers l;
    if (!layers_find(p, len, is_ip, &l)) {
        if (is_ip || len < ETHERNET_HEADER_BYTES)
            return 1;
        return hash_ends(flow_hash_station(p + 6), flow_hash_station(p), get_be16(p + 12), kind);
    }
    u32 at = l.l3 + (l.is_ip6 ? 8 : 12), bytes = l.is_ip6 ? 16 : 4;
    struct end src = flow_hash_address(p + at, l.is_ip6),
               dst = flow_hash_address(p + at + bytes, l.is_ip6);
    bool has_ports = l.protocol == IP_PROTOCOL_TCP || l.protocol == IP_PROTOCOL_UDP ||
                     l.protocol == IP_PROTOCOL_UDP_LITE;
    if (has_ports && !l.is_fragment && l.l4 + 4 <= len) {
        src.port = load_u16(p + l.l4);
        dst.port = load_u16(p + l.l4 + 2);
    }
    return hash_ends(src, dst, l.protocol, kind);
}
