/* See nat66_packet.h. */
#include "plugins/nat66/nat66_packet.h"

#include <string.h>

#include "net/packet/checksum.h"
#include "net/packet/ip6_packet.h"

#define EXTENSIONS_MAX 16

/* Where the upper layer is. */
struct nat66_upper {
    u32 at;
    u8 protocol;
    bool later;  /* a fragment behind the first one: nothing of it is there */
    bool routed; /* the sum is over another destination, which a routing header names */
};

/* false: the packet ends within its headers. */
static bool nat66_find_upper(const u8 *packet, u32 bytes, struct nat66_upper *u)
{
    *u = (struct nat66_upper){.at = sizeof(struct ip6_header),
                              .protocol = ((const struct ip6_header *)packet)->protocol};
    for (u32 k = 0;; k++) {
        bool fragment = u->protocol == IP_PROTOCOL_IP6_FRAGMENT;
        if (!fragment && !ip6_is_extension(u->protocol))
            return true;
        if (k == EXTENSIONS_MAX || u->at + 8 > bytes)
            return false;
        const u8 *h = packet + u->at;
        if (u->protocol == IP_PROTOCOL_IP6_ROUTE)
            u->routed = ((const struct ip6_routing_header *)h)->segments_left > 0;
        if (fragment && be16_has(((const struct ip6_fragment_header *)h)->offset_more, 0xfff8)) {
            u->later = true;
            return true;
        }
        u->protocol = h[0];
        u->at += fragment ? 8 : (h[1] + 1u) * 8;
    }
}

/* Where the sum over the pseudo-header is, behind the upper layer's beginning; 0: it has none. */
static u32 nat66_sum_at(u8 protocol)
{
    switch (protocol) {
    case IP_PROTOCOL_TCP:
        return offsetof(struct tcp_header, checksum);
    case IP_PROTOCOL_UDP:
    case IP_PROTOCOL_UDP_LITE:
        return offsetof(struct udp_header, checksum);
    case IP_PROTOCOL_ICMP6:
        return offsetof(struct icmp_header, checksum);
    default:
        return 0;
    }
}

/* Puts another address in the place of one. Returns what that adds to sums. */
static u64 nat66_put(u8 at[16], const struct ip_address *a)
{
    u64 sum = 0;
    for (u32 i = 0; i < sizeof(a->bytes); i += 4)
        sum += (u64)(u32)~load_u32(at + i) + load_u32(a->bytes + i);
    memcpy(at, a->bytes, sizeof(a->bytes));
    return sum;
}

/* Adds that to what the field of the upper layer at p sums up. Returns what the change of the field
 * adds to a sum over it. */
static u64 nat66_repair(u8 *p, u8 protocol, u64 change)
{
    u8 *field = p + nat66_sum_at(protocol);
    be16 was = load_be16(field), now = was;
    bool may_be_none = protocol == IP_PROTOCOL_UDP || protocol == IP_PROTOCOL_UDP_LITE;
    u64 sum = (u64)(u16)~was.raw + change;
    if (!may_be_none)
        now = csum_finish(sum);
    else if (!be16_is_zero(was))
        now = csum_finish_udp(sum);
    store_be16(field, now);
    return (u64)(u16)~was.raw + now.raw;
}

bool nat66_is_of_link(const u8 *packet, u32 bytes)
{
    const struct ip6_header *ip = (const struct ip6_header *)packet;
    struct nat66_upper u;
    if (ip6_is_link_local(ip->src) || ip6_is_link_local(ip->dst) || ip6_is_multicast(ip->dst))
        return true;
    if (ip->protocol != IP_PROTOCOL_ICMP6 && !ip6_is_extension(ip->protocol))
        return false;
    if (!nat66_find_upper(packet, bytes, &u) || u.later || u.protocol != IP_PROTOCOL_ICMP6 ||
        u.at >= bytes)
        return false;
    u8 type = packet[u.at];
    return (type >= ICMP6_LISTENER_QUERY && type <= ICMP6_REDIRECT) ||
           type == ICMP6_LISTENER_REPORT_V2;
}

/* Where what it quotes begins; 0: it is no error, or less than a header is there. */
static u32 nat66_quoted_at(const u8 *packet, u32 bytes, const struct nat66_upper *u)
{
    u32 at = u->at + (u32)sizeof(struct icmp_echo_header);
    bool quotes = !u->later && u->protocol == IP_PROTOCOL_ICMP6 &&
                  at + sizeof(struct ip6_header) <= bytes && icmp6_is_error(packet[u->at]) &&
                  ip6_is_version((const struct ip6_header *)(packet + at));
    return quotes ? at : 0;
}

const struct ip6_header *nat66_quoted(const u8 *packet, u32 bytes)
{
    struct nat66_upper u;
    u32 at = nat66_find_upper(packet, bytes, &u) ? nat66_quoted_at(packet, bytes, &u) : 0;
    return at ? (const struct ip6_header *)(packet + at) : NULL;
}

/* The quoted packet went the other way: it is as its sender knows it afterwards. Returns what that
 * adds to a sum over it. bytes: of it that are there. */
static u64 nat66_translate_quoted(u8 *packet, u32 bytes, const struct nat66_change *c)
{
    struct ip6_header *in = (struct ip6_header *)packet;
    struct nat66_upper u;
    bool whole = nat66_find_upper(packet, bytes, &u);
    u64 change = 0, covered = 0;
    if (c->src && ip6_is_equal(in->dst, c->src->local.addr.bytes)) {
        u64 of_dst = nat66_put(in->dst, &c->src->external.addr);
        change += of_dst;
        covered += whole && u.routed ? 0 : of_dst;
    }
    if (c->dst && ip6_is_equal(in->src, c->dst->external.addr.bytes)) {
        u64 of_src = nat66_put(in->src, &c->dst->local.addr);
        change += of_src;
        covered += of_src;
    }
    u32 sum_at = whole && !u.later ? nat66_sum_at(u.protocol) : 0;
    if (sum_at && u.at + sum_at + 2 <= bytes)
        change += nat66_repair(packet + u.at, u.protocol, covered);
    return change;
}

bool nat66_translate(u8 *packet, u32 bytes, const struct nat66_change *c, u32 partial_at)
{
    struct ip6_header *ip = (struct ip6_header *)packet;
    struct nat66_upper u;
    if (!nat66_find_upper(packet, bytes, &u))
        return false;
    u32 sum_at = u.later ? 0 : nat66_sum_at(u.protocol);
    if (sum_at && u.at + sum_at + 2 > bytes)
        return false;
    bool puts_src = c->src && (!c->by_switch || ip6_is_equal(ip->src, c->src->local.addr.bytes));
    u64 change = puts_src ? nat66_put(ip->src, &c->src->external.addr) : 0;
    u64 of_dst = c->dst ? nat66_put(ip->dst, &c->dst->local.addr) : 0;
    if (!u.routed)
        change += of_dst;
    if (!sum_at)
        return true;
    u32 quoted_at = nat66_quoted_at(packet, bytes, &u);
    u64 of_quoted =
        quoted_at ? nat66_translate_quoted(packet + quoted_at, bytes - quoted_at, c) : 0;
    u8 *field = packet + u.at + sum_at;
    if (partial_at == u.at) /* the field has the sum of the pseudo-header, as it is */
        store_u16(field, csum_fold((u64)load_u16(field) + change));
    else
        nat66_repair(packet + u.at, u.protocol, change + of_quoted);
    return true;
}
