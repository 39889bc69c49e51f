/* See layers.h. */
#include "net/packet/layers.h"

#include "base/byteorder.h"
#include "net/packet/ethernet_packet.h"
#include "net/packet/ip4_packet.h"

/* Behind the IPv6 header and those extension headers that say their length in units of 8 bytes. */
static bool skip_ip6(const u8 *p, u32 len, struct layers *out)
{
    u32 at = out->l3 + IP6_HEADER_BYTES;
    if (at > len)
        return false;
    out->protocol = p[out->l3 + 6];
    for (;;) {
        bool is_fragment = out->protocol == IP_PROTOCOL_IP6_FRAGMENT;
        out->l4 = at;
        if (!is_fragment && out->protocol != IP_PROTOCOL_HOP_BY_HOP &&
            out->protocol != IP_PROTOCOL_IP6_ROUTE && out->protocol != IP_PROTOCOL_IP6_DESTINATION)
            return true;
        if (at + 8 > len)
            return false;
        out->is_fragment |= is_fragment;
        out->protocol = p[at];
        at += is_fragment ? 8 : (p[at + 1] + 1u) * 8;
        if (at > len)
            return false;
    }
}

bool layers_find_ip(const u8 *p, u32 len, u32 l3, struct layers *out)
{
    *out = (struct layers){.l3 = l3};
    if (l3 >= len)
        return false;
    if (p[l3] >> 4 == 6) {
        out->is_ip6 = true;
        return skip_ip6(p, len, out);
    }
    const struct ip4_header *h = (const struct ip4_header *)(p + l3);
    if (p[l3] >> 4 != 4 || l3 + sizeof(*h) > len || ip4_header_bytes(h) < sizeof(*h) ||
        l3 + ip4_header_bytes(h) > len)
        return false;
    out->l4 = l3 + ip4_header_bytes(h);
    out->protocol = h->protocol;
    out->is_fragment = ip4_is_fragment(h);
    return true;
}

bool layers_find(const u8 *p, u32 len, bool is_ip, struct layers *out)
{
    u32 at = ETHERNET_HEADER_BYTES;
    if (is_ip)
        return layers_find_ip(p, len, 0, out);
    if (len < at)
        return false;
    while (ethernet_is_tag(get_be16(p + at - 2))) {
        at += VLAN_TAG_BYTES;
        if (at > len)
            return false;
    }
    u16 type = get_be16(p + at - 2);
    return (type == ETHERTYPE_IP4 || type == ETHERTYPE_IP6) && layers_find_ip(p, len, at, out) &&
           out->is_ip6 == (type == ETHERTYPE_IP6);
}
