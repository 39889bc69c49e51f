/* The IPv6 header and its extensions, as far as all that handle packets need them. Source: RFC
 * 8200, RFC 2474, RFC 3168. */
#pragma once

#include "base/byteorder.h"
#include "base/types.h"
#include "net/packet/l4_packet.h"

/* Packed, because a frame's start decides where it lies. */
struct ip6_header {
    be32 version_class_flow; /* 4 bits 6, 8 traffic class, 20 flow label */
    be16 payload_length;
    u8 protocol; /* next header */
    u8 hop_limit;
    u8 src[16], dst[16];
} __attribute__((packed));

static_assert(sizeof(struct ip6_header) == 40, "wire format");

/* DSCP and ECN. */
static inline u8 ip6_traffic_class(const struct ip6_header *h)
{
    return (u8)(be32_to_host(h->version_class_flow) >> 20);
}

static inline void ip6_set_traffic_class(struct ip6_header *h, u8 tc)
{
    u32 word = be32_to_host(h->version_class_flow) & 0xf00fffff;
    h->version_class_flow = be32_from_host(word | (u32)tc << 20);
}

/* Of those that any packet may have in front of its L4 header, with a length in their second byte.
 */
static inline bool ip6_is_extension(u8 protocol)
{
    return protocol == IP_PROTOCOL_HOP_BY_HOP || protocol == IP_PROTOCOL_IP6_ROUTE ||
           protocol == IP_PROTOCOL_IP6_DESTINATION;
}
