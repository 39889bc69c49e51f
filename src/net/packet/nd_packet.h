/* Messages of neighbour discovery, and the walk through their options. Source: RFC 4861 4. */
#pragma once

#include "base/byteorder.h"
#include "base/types.h"
#include "net/packet/checksum.h"
#include "net/packet/ip6_packet.h"
#include "net/packet/l4_packet.h"

/* Neighbour solicitation and advertisement. */
struct nd_header {
    struct icmp_header icmp;
    be32 flags; /* ND_* of an advertisement */
    u8 target[16];
} __attribute__((packed));
static_assert(sizeof(struct nd_header) == 24, "wire format");

struct nd_router_solicitation {
    struct icmp_header icmp;
    be32 reserved;
} __attribute__((packed));
static_assert(sizeof(struct nd_router_solicitation) == 8, "wire format");

struct nd_router_advertisement {
    struct icmp_header icmp;
    u8 hop_limit; /* for packets of hosts; 0: it does not say */
    u8 flags;     /* ND_RA_* */
    be16 lifetime_s;
    be32 reachable_ms, retransmit_ms; /* 0: it does not say */
} __attribute__((packed));
static_assert(sizeof(struct nd_router_advertisement) == 16, "wire format");

#define ND_RA_MANAGED 0x80
#define ND_RA_OTHER 0x40

/* In host order. */
#define ND_ROUTER 0x80000000u
#define ND_SOLICITED 0x40000000u
#define ND_OVERRIDE 0x20000000u

#define ND_HOP_LIMIT 255 /* of all its messages: none has passed a router */

enum nd_option_type {
    ND_OPTION_SOURCE_MAC = 1,
    ND_OPTION_TARGET_MAC = 2,
    ND_OPTION_PREFIX = 3,
    ND_OPTION_MTU = 5,
};

/* The MAC address as an option. */
struct nd_mac_option {
    u8 type, length; /* of 8 bytes */
    u8 mac[6];
} __attribute__((packed));
static_assert(sizeof(struct nd_mac_option) == 8, "wire format");

struct nd_prefix_option {
    u8 type, length;
    u8 prefix_len, flags;      /* ND_PREFIX_* */
    be32 valid_s, preferred_s; /* ND_FOREVER */
    be32 reserved;
    u8 prefix[16];
} __attribute__((packed));
static_assert(sizeof(struct nd_prefix_option) == 32, "wire format");

#define ND_PREFIX_ON_LINK 0x80
#define ND_PREFIX_AUTONOMOUS 0x40
#define ND_FOREVER UINT32_MAX /* a lifetime */

struct nd_mtu_option {
    u8 type, length;
    be16 reserved;
    be32 mtu;
} __attribute__((packed));
static_assert(sizeof(struct nd_mtu_option) == 8, "wire format");

/* The first option of that type among the n bytes at p, whole; *out NULL: there is none. Returns
 * false when any option is malformed: the message is to be discarded (RFC 4861 7.1). */
static inline bool nd_option_find(const u8 *p, u32 n, u8 type, const u8 **out)
{
    *out = NULL;
    while (n) {
        if (n < 2 || !p[1] || p[1] * 8u > n)
            return false;
        if (p[0] == type && !*out)
            *out = p;
        n -= p[1] * 8u;
        p += p[1] * 8u;
    }
    return true;
}

/* Whether a packet that begins in n bytes is a solicitation of a neighbour that no router has
 * passed on, as far as its headers tell. */
static inline bool nd_is_solicitation(const struct ip6_header *h, u32 n)
{
    const struct nd_header *s = (const struct nd_header *)(h + 1);
    return h->protocol == IP_PROTOCOL_ICMP6 && h->hop_limit == ND_HOP_LIMIT &&
           n >= sizeof(*h) + sizeof(*s) && s->icmp.type == ICMP6_NEIGHBOR_SOLICITATION;
}

/* Fills the IPv6 header in front of a message of n bytes, and the message's checksum. */
static inline void nd_finish(struct ip6_header *h, const u8 src[16], const u8 dst[16], u32 n)
{
    struct icmp_header *icmp = (struct icmp_header *)(h + 1);
    *h = (struct ip6_header){
        .version_class_flow = IP6_VERSION_PLAIN,
        .payload_length = be16_from_host((u16)n),
        .protocol = IP_PROTOCOL_ICMP6,
        .hop_limit = ND_HOP_LIMIT,
    };
    memcpy(h->src, src, sizeof(h->src));
    memcpy(h->dst, dst, sizeof(h->dst));
    icmp->checksum = (be16){0};
    icmp->checksum =
        csum_finish(csum_add(csum_pseudo_ip6(h->src, h->dst, IP_PROTOCOL_ICMP6, n), icmp, n));
}
