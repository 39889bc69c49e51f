/* The IPv4 header and what is asked of it in nodes; ICMP's numbers. Checksums are in checksum.h, L4
 * headers in l4_packet.h, text in ip4_format.h. Source: RFC 791, RFC 792, RFC 1122 3.2.1.3, RFC
 * 3168. */
#pragma once

#include "base/byteorder.h"
#include "base/types.h"
#include "engine/buffer.h"
#include "net/packet/checksum.h"
#include "net/packet/l4_packet.h"

/* Packed, because a frame's start decides where it lies. */
struct ip4_header {
    u8 version_ihl;
    u8 tos;
    be16 length;
    be16 id;
    be16 fragment; /* IP4_DF, IP4_MF, and the offset in units of 8 bytes */
    u8 ttl;
    u8 protocol;
    be16 checksum;
    be32 src, dst;
} __attribute__((packed));

static_assert(sizeof(struct ip4_header) == 20, "wire format");

#define IP4_VERSION_IHL_PLAIN 0x45 /* no options */
#define IP4_HEADER_MAX_BYTES 60
#define IP4_LENGTH_MAX_BYTES 65535
#define IP4_MIN_MTU_BYTES 68 /* RFC 791: what every link must carry */

/* In host order, of the field `fragment`. */
#define IP4_CE 0x8000 /* reserved, "evil": VPP calls it CONGESTION */
#define IP4_DF 0x4000
#define IP4_MF 0x2000
#define IP4_OFFSET_MASK 0x1fff

/* By the first byte: addresses of networks 0, 127 and from 224 on are not what they seem. */
extern const u8 ip4_special_bytes[256];

static inline u32 ip4_header_bytes(const struct ip4_header *h)
{
    return (h->version_ihl & 15) * 4u;
}

static inline u32 ip4_length(const struct ip4_header *h)
{
    return be16_to_host(h->length);
}

/* A piece of a datagram: the first, a later or the last one. */
static inline bool ip4_is_fragment(const struct ip4_header *h)
{
    return be16_has(h->fragment, IP4_MF | IP4_OFFSET_MASK);
}

static inline bool ip4_is_first_fragment(const struct ip4_header *h)
{
    return be16_has(h->fragment, IP4_MF) && !be16_has(h->fragment, IP4_OFFSET_MASK);
}

static inline u32 ip4_fragment_offset_bytes(const struct ip4_header *h)
{
    return (be16_to_host(h->fragment) & IP4_OFFSET_MASK) * 8u;
}

/* First byte behind the header and its options. */
static inline void *ip4_payload(const struct ip4_header *h)
{
    return (u8 *)h + ip4_header_bytes(h);
}

/* Sum of the header; the version's IHL is trusted, all its bytes must be there. A right one folds
 * to 0xffff. */
static inline u64 ip4_header_sum(const struct ip4_header *h)
{
    const u8 *p = (const u8 *)h;
    u64 sum =
        (u64)load_u32(p) + load_u32(p + 4) + load_u32(p + 8) + load_u32(p + 12) + load_u32(p + 16);
    if (unlikely(h->version_ihl != IP4_VERSION_IHL_PLAIN))
        for (u32 i = 20; i < ip4_header_bytes(h); i += 4)
            sum += load_u32(p + i);
    return sum;
}

static inline bool ip4_checksum_is_right(const struct ip4_header *h)
{
    return csum_fold(ip4_header_sum(h)) == 0xffff;
}

static inline void ip4_set_checksum(struct ip4_header *h)
{
    h->checksum = (be16){0};
    h->checksum = csum_finish(ip4_header_sum(h));
}

/* One hop: TTL, which is not 0, down by one, checksum repaired. Returns the new TTL. */
static inline u8 ip4_decrement_ttl(struct ip4_header *h)
{
    /* the TTL is the high byte of its word: its 1 is 0x0100, and the field goes up by as much */
    if (BYTEORDER_SWAP) { /* TTL, protocol and checksum as one word, the TTL lowest */
        u32 w = load_u32(&h->ttl);
        w = w + 0xffff + (w >= 0xfffe0000 ? 0x10000 : 0);
        store_u32(&h->ttl, w);
        return (u8)w;
    }
    u32 sum = (u32)h->checksum.raw + be16_from_host(0x0100).raw;
    h->checksum.raw = (u16)(sum + (sum >= 0xffff));
    return --h->ttl;
}

/* Sets the field and repairs the header's checksum. */
static inline void ip4_set_ttl(struct ip4_header *h, u8 ttl)
{
    be16 from = be16_from_host((u16)(h->ttl << 8 | h->protocol));
    be16 to = be16_from_host((u16)(ttl << 8 | h->protocol));
    h->checksum = csum_update16(h->checksum, from, to);
    h->ttl = ttl;
}

static inline void ip4_set_tos(struct ip4_header *h, u8 tos)
{
    be16 from = be16_from_host((u16)(h->version_ihl << 8 | h->tos));
    be16 to = be16_from_host((u16)(h->version_ihl << 8 | tos));
    h->checksum = csum_update16(h->checksum, from, to);
    h->tos = tos;
}

static inline void ip4_set_length(struct ip4_header *h, u32 bytes)
{
    be16 to = be16_from_host((u16)bytes);
    h->checksum = csum_update16(h->checksum, h->length, to);
    h->length = to;
}

static inline void ip4_set_id(struct ip4_header *h, be16 id)
{
    h->checksum = csum_update16(h->checksum, h->id, id);
    h->id = id;
}

static inline void ip4_set_fragment(struct ip4_header *h, be16 fragment)
{
    h->checksum = csum_update16(h->checksum, h->fragment, fragment);
    h->fragment = fragment;
}

/* Sum of the pseudo-header for the payload of h, which is no fragment. */
static inline u64 ip4_pseudo_sum(const struct ip4_header *h)
{
    return csum_pseudo_ip4(h->src, h->dst, h->protocol, ip4_length(h) - ip4_header_bytes(h));
}

/* --- addresses --- */

/* Whether a lies in the prefix of `len` bits, 1 to 32, at `prefix`, both in host order. */
static inline bool ip4_is_in(be32 a, u32 prefix, u32 len)
{
    return be32_equal(be32_and(a, be32_from_host(~0u << (32 - len))), be32_from_host(prefix));
}

static inline bool ip4_is_multicast(be32 a)
{
    return ip4_is_in(a, 0xe0000000, 4);
}

static inline bool ip4_is_limited_broadcast(be32 a)
{
    return a.raw == 0xffffffff;
}

static inline bool ip4_is_loopback(be32 a)
{
    return ip4_is_in(a, 0x7f000000, 8);
}

/* 0.0.0.0/8: "this host on this network". */
static inline bool ip4_is_this_network(be32 a)
{
    return ip4_is_in(a, 0, 8);
}

/* 240.0.0.0/4 without the limited broadcast. */
static inline bool ip4_is_class_e(be32 a)
{
    return ip4_is_in(a, 0xf0000000, 4) && !ip4_is_limited_broadcast(a);
}

/* --- options --- */

#define IP4_OPTION_COPIED 0x80 /* goes into every fragment */

enum ip4_option {
    IP4_OPTION_END = 0,
    IP4_OPTION_NOP = 1,
    IP4_OPTION_RECORD_ROUTE = 7,
    IP4_OPTION_TIMESTAMP = 68,
    IP4_OPTION_LOOSE_SOURCE_ROUTE = 131,
    IP4_OPTION_STRICT_SOURCE_ROUTE = 137,
    IP4_OPTION_ROUTER_ALERT = 148,
};

/* --- ICMP --- */

enum icmp4_type {
    ICMP4_ECHO_REPLY = 0,
    ICMP4_DESTINATION_UNREACHABLE = 3,
    ICMP4_SOURCE_QUENCH = 4,
    ICMP4_REDIRECT = 5,
    ICMP4_ECHO_REQUEST = 8,
    ICMP4_ROUTER_ADVERTISEMENT = 9,
    ICMP4_ROUTER_SOLICITATION = 10,
    ICMP4_TIME_EXCEEDED = 11,
    ICMP4_PARAMETER_PROBLEM = 12,
    ICMP4_TIMESTAMP_REQUEST = 13,
    ICMP4_TIMESTAMP_REPLY = 14,
    ICMP4_INFORMATION_REQUEST = 15,
    ICMP4_INFORMATION_REPLY = 16,
};

enum icmp4_code {
    /* with ICMP4_DESTINATION_UNREACHABLE */
    ICMP4_NET_UNREACHABLE = 0,
    ICMP4_HOST_UNREACHABLE = 1,
    ICMP4_PROTOCOL_UNREACHABLE = 2,
    ICMP4_PORT_UNREACHABLE = 3,
    ICMP4_FRAGMENTATION_NEEDED = 4,
    ICMP4_SOURCE_ROUTE_FAILED = 5,
    ICMP4_ADMIN_PROHIBITED = 13,
    /* with ICMP4_TIME_EXCEEDED */
    ICMP4_TTL_EXCEEDED = 0,
    ICMP4_REASSEMBLY_TIME_EXCEEDED = 1,
};

/* Messages that tell of an error in another packet: none may be sent about them (RFC 1812 4.3.2.7).
 */
static inline bool icmp4_is_error(u8 type)
{
    return type == ICMP4_DESTINATION_UNREACHABLE || type == ICMP4_SOURCE_QUENCH ||
           type == ICMP4_REDIRECT || type == ICMP4_TIME_EXCEEDED || type == ICMP4_PARAMETER_PROBLEM;
}
