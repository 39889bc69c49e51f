/* The IPv6 header, its extensions and addresses, and ICMPv6's numbers, as far as all that handle
 * packets need them. Neighbour discovery's messages are in nd_packet.h. Source: RFC 8200, RFC 2474,
 * RFC 3168, RFC 4291, RFC 4443. */
#pragma once

#include <string.h>

#include "base/byteorder.h"
#include "base/types.h"
#include "net/packet/ip_address.h"
#include "net/packet/l4_packet.h"

#define IP6_MIN_MTU_BYTES 1280 /* RFC 8200 5: what every link must carry */

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

/* Bytes of the packet, header and all. */
static inline u32 ip6_length(const struct ip6_header *h)
{
    return (u32)sizeof(*h) + be16_to_host(h->payload_length);
}

static inline bool ip6_is_version(const struct ip6_header *h)
{
    return *(const u8 *)h >> 4 == 6;
}

static inline u32 ip6_flow_label(const struct ip6_header *h)
{
    return be32_to_host(h->version_class_flow) & 0xfffff;
}

/* The first word of a header: traffic class and flow label 0. */
#define IP6_VERSION_PLAIN BE32(0x60000000u)

struct ip6_fragment_header {
    u8 protocol, reserved;
    be16 offset_more; /* offset in units of 8 bytes << 3 | more follow */
    be32 id;
} __attribute__((packed));
static_assert(sizeof(struct ip6_fragment_header) == 8, "wire format");

struct ip6_routing_header {
    u8 protocol, length; /* of 8 bytes, without the first */
    u8 type, segments_left;
    u8 data[4];
} __attribute__((packed));
static_assert(sizeof(struct ip6_routing_header) == 8, "wire format");

enum ip6_option {
    IP6_OPTION_PAD1 = 0,
    IP6_OPTION_PADN = 1,
    IP6_OPTION_ROUTER_ALERT = 5,
};

/* What to do about an option that is not known: its two upper bits (RFC 8200 4.2). */
enum ip6_option_action {
    IP6_OPTION_SKIP,
    IP6_OPTION_DISCARD,
    IP6_OPTION_TELL,         /* discard, and say so, */
    IP6_OPTION_TELL_UNICAST, /* unless it was for a group */
};

/* --- addresses --- */

static inline struct ip_address ip6_address_of(const u8 a[16])
{
    struct ip_address x;
    memcpy(x.bytes, a, sizeof(x.bytes));
    return x;
}

static inline bool ip6_is_equal(const u8 a[16], const u8 b[16])
{
    return !((load_u64(a) ^ load_u64(b)) | (load_u64(a + 8) ^ load_u64(b + 8)));
}

static inline bool ip6_is_unspecified(const u8 a[16])
{
    return !(load_u64(a) | load_u64(a + 8));
}

static inline bool ip6_is_multicast(const u8 a[16])
{
    return a[0] == 0xff;
}

/* fe80::/10 */
static inline bool ip6_is_link_local(const u8 a[16])
{
    return a[0] == 0xfe && (a[1] & 0xc0) == 0x80;
}

static inline bool ip6_is_loopback(const u8 a[16])
{
    return !load_u64(a) && !(load_u32(a + 8) | (load_u32(a + 12) ^ BE32(1).raw));
}

enum ip6_scope { IP6_SCOPE_INTERFACE = 1, IP6_SCOPE_LINK = 2, IP6_SCOPE_GLOBAL = 14 };

/* RFC 6724 3.1: of a group its own, else by how far the address leads. */
static inline u32 ip6_scope(const u8 a[16])
{
    if (ip6_is_multicast(a))
        return a[1] & 15;
    return ip6_is_link_local(a) || ip6_is_loopback(a) ? IP6_SCOPE_LINK : IP6_SCOPE_GLOBAL;
}

/* Bits that two addresses of so many bytes have in common from the first on. */
static inline u32 ip6_common_bits(const u8 *a, const u8 *b, u32 bytes)
{
    u32 i = 0;
    while (i < bytes && a[i] == b[i])
        i++;
    return i * 8 + (i == bytes ? 0 : (u32)__builtin_clz((u32)(a[i] ^ b[i]) << 24));
}

/* ff02::N */
static inline struct ip_address ip6_link_group(u8 n)
{
    struct ip_address a = {.bytes = {0xff, 2}};
    a.bytes[15] = n;
    return a;
}

#define IP6_ALL_NODES 1
#define IP6_ALL_ROUTERS 2
#define IP6_ALL_MLD_ROUTERS 22

/* The group in which an address is asked for (RFC 4291 2.7.1): ff02::1:ffXX:XXXX. */
static inline struct ip_address ip6_solicited_node(const u8 a[16])
{
    struct ip_address x = {.bytes = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff}};
    memcpy(x.bytes + 13, a + 13, 3);
    return x;
}

/* Where a group's packets go on Ethernet (RFC 2464 7). */
static inline void ip6_group_mac(const u8 group[16], u8 mac[6])
{
    mac[0] = mac[1] = 0x33;
    memcpy(mac + 2, group + 12, 4);
}

/* RFC 4291 appendix A: fe80:: and the station's EUI-64. */
static inline struct ip_address ip6_link_local_of(const u8 mac[6])
{
    struct ip_address a = {.bytes = {0xfe, 0x80}};
    memcpy(a.bytes + 8, mac, 3);
    a.bytes[8] ^= 2;
    a.bytes[11] = 0xff;
    a.bytes[12] = 0xfe;
    memcpy(a.bytes + 13, mac + 3, 3);
    return a;
}

/* --- ICMPv6 --- */

enum icmp6_type {
    ICMP6_DESTINATION_UNREACHABLE = 1,
    ICMP6_PACKET_TOO_BIG = 2,
    ICMP6_TIME_EXCEEDED = 3,
    ICMP6_PARAMETER_PROBLEM = 4,
    ICMP6_ECHO_REQUEST = 128,
    ICMP6_ECHO_REPLY = 129,
    ICMP6_LISTENER_QUERY = 130, /* of multicast listener discovery */
    ICMP6_LISTENER_REPORT = 131,
    ICMP6_LISTENER_DONE = 132,
    ICMP6_ROUTER_SOLICITATION = 133,
    ICMP6_ROUTER_ADVERTISEMENT = 134,
    ICMP6_NEIGHBOR_SOLICITATION = 135,
    ICMP6_NEIGHBOR_ADVERTISEMENT = 136,
    ICMP6_REDIRECT = 137,
    ICMP6_LISTENER_REPORT_V2 = 143,
};

enum icmp6_code {
    /* with ICMP6_DESTINATION_UNREACHABLE */
    ICMP6_NO_ROUTE = 0,
    ICMP6_ADMIN_PROHIBITED = 1,
    ICMP6_BEYOND_SCOPE = 2,
    ICMP6_ADDRESS_UNREACHABLE = 3,
    ICMP6_PORT_UNREACHABLE = 4,
    /* with ICMP6_TIME_EXCEEDED */
    ICMP6_HOP_LIMIT_EXCEEDED = 0,
    ICMP6_REASSEMBLY_TIME_EXCEEDED = 1,
    /* with ICMP6_PARAMETER_PROBLEM */
    ICMP6_BAD_FIELD = 0,
    ICMP6_UNKNOWN_NEXT_HEADER = 1,
    ICMP6_UNKNOWN_OPTION = 2,
    ICMP6_FIRST_FRAGMENT_SHORT = 3, /* it has not all headers (RFC 7112) */
};

/* Messages that tell of an error in another packet: none may be sent about them (RFC 4443 2.4). */
static inline bool icmp6_is_error(u8 type)
{
    return type < 128;
}
