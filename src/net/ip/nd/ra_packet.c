#include "net/ip/nd/ra_packet.h"

#include <string.h>

#include "net/packet/nd_packet.h"

/* One that hosts of this link may do something with (RFC 4861 6.3.4, RFC 4862 5.5.3). */
static void ra_parse_prefix(const struct nd_prefix_option *o, struct ra_message *m)
{
    struct ra_prefix_info x = {
        .prefix = {.addr = ip6_address_of(o->prefix), .family = IP_FAMILY_6, .len = o->prefix_len},
        .flags = o->flags,
        .valid_s = be32_to_host(o->valid_s),
        .preferred_s = be32_to_host(o->preferred_s),
    };
    if (o->prefix_len > IP6_ADDRESS_BITS || ip6_is_multicast(o->prefix) ||
        m->n_prefixes == RA_PREFIXES_MAX)
        return;
    x.prefix.addr = ip_address_mask(&x.prefix.addr, x.prefix.len);
    m->prefixes[m->n_prefixes++] = x;
}

static bool ra_parse_option(const u8 *o, struct ra_message *m)
{
    u32 bytes = o[1] * 8u;
    switch (o[0]) {
    case ND_OPTION_SOURCE_MAC:
        m->has_mac = true;
        memcpy(m->mac, ((const struct nd_mac_option *)o)->mac, sizeof(m->mac));
        return true;
    case ND_OPTION_MTU:
        if (bytes != sizeof(struct nd_mtu_option))
            return false;
        m->mtu = be32_to_host(((const struct nd_mtu_option *)o)->mtu);
        return true;
    case ND_OPTION_PREFIX:
        if (bytes != sizeof(struct nd_prefix_option))
            return false;
        ra_parse_prefix((const struct nd_prefix_option *)o, m);
        return true;
    default:
        return true; /* RFC 4861 6.1.2: what is not known is ignored */
    }
}

bool ra_parse(const u8 *p, u32 n, struct ra_message *out)
{
    const struct nd_router_advertisement *h = (const struct nd_router_advertisement *)p;
    if (n < sizeof(*h))
        return false;
    *out = (struct ra_message){
        .hop_limit = h->hop_limit,
        .flags = h->flags,
        .lifetime_s = be16_to_host(h->lifetime_s),
        .reachable_ms = be32_to_host(h->reachable_ms),
        .retransmit_ms = be32_to_host(h->retransmit_ms),
    };
    for (u32 at = sizeof(*h); at < n; at += p[at + 1] * 8u)
        if (n - at < 2 || !p[at + 1] || p[at + 1] * 8u > n - at || !ra_parse_option(p + at, out))
            return false;
    return true;
}

u32 ra_write(const struct ra_message *m, u8 *out)
{
    struct nd_router_advertisement *h = (struct nd_router_advertisement *)out;
    u8 *at = out + sizeof(*h);
    *h = (struct nd_router_advertisement){
        .icmp.type = ICMP6_ROUTER_ADVERTISEMENT,
        .hop_limit = m->hop_limit,
        .flags = m->flags,
        .lifetime_s = be16_from_host(m->lifetime_s),
        .reachable_ms = be32_from_host(m->reachable_ms),
        .retransmit_ms = be32_from_host(m->retransmit_ms),
    };
    if (m->has_mac) {
        struct nd_mac_option *o = (struct nd_mac_option *)at;
        *o = (struct nd_mac_option){.type = ND_OPTION_SOURCE_MAC, .length = 1};
        memcpy(o->mac, m->mac, sizeof(o->mac));
        at += sizeof(*o);
    }
    if (m->mtu) {
        struct nd_mtu_option *o = (struct nd_mtu_option *)at;
        *o = (struct nd_mtu_option){
            .type = ND_OPTION_MTU, .length = 1, .mtu = be32_from_host(m->mtu)};
        at += sizeof(*o);
    }
    for (u32 i = 0; i < m->n_prefixes; i++, at += sizeof(struct nd_prefix_option)) {
        const struct ra_prefix_info *x = &m->prefixes[i];
        struct nd_prefix_option *o = (struct nd_prefix_option *)at;
        *o = (struct nd_prefix_option){
            .type = ND_OPTION_PREFIX,
            .length = sizeof(*o) / 8,
            .prefix_len = x->prefix.len,
            .flags = x->flags,
            .valid_s = be32_from_host(x->valid_s),
            .preferred_s = be32_from_host(x->preferred_s),
        };
        memcpy(o->prefix, x->prefix.addr.bytes, sizeof(o->prefix));
    }
    return (u32)(at - out);
}
