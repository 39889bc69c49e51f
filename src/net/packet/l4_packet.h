/* Headers that both IP versions carry. Fields may lie anywhere in memory: packed structs make their
 * access safe. Source: RFC 768, RFC 9293, RFC 792, RFC 2784. */
#pragma once

#include "base/types.h"

enum ip_protocol {
    IP_PROTOCOL_HOP_BY_HOP = 0,
    IP_PROTOCOL_ICMP = 1,
    IP_PROTOCOL_IGMP = 2,
    IP_PROTOCOL_IP_IN_IP = 4,
    IP_PROTOCOL_TCP = 6,
    IP_PROTOCOL_UDP = 17,
    IP_PROTOCOL_IP6 = 41,
    IP_PROTOCOL_IP6_ROUTE = 43,
    IP_PROTOCOL_IP6_FRAGMENT = 44,
    IP_PROTOCOL_GRE = 47,
    IP_PROTOCOL_ESP = 50,
    IP_PROTOCOL_AH = 51,
    IP_PROTOCOL_ICMP6 = 58,
    IP_PROTOCOL_IP6_NONE = 59,
    IP_PROTOCOL_IP6_DESTINATION = 60,
    IP_PROTOCOL_UDP_LITE = 136,
};

struct udp_header {
    be16 src_port, dst_port;
    be16 length; /* with this header */
    be16 checksum;
} __attribute__((packed));

enum tcp_flags {
    TCP_FIN = 1 << 0,
    TCP_SYN = 1 << 1,
    TCP_RST = 1 << 2,
    TCP_PSH = 1 << 3,
    TCP_ACK = 1 << 4,
    TCP_URG = 1 << 5,
    TCP_ECE = 1 << 6,
    TCP_CWR = 1 << 7,
};

struct tcp_header {
    be16 src_port, dst_port;
    be32 seq, ack;
    u8 data_offset; /* high nibble: words of this header */
    u8 flags;       /* enum tcp_flags */
    be16 window;
    be16 checksum;
    be16 urgent;
} __attribute__((packed));

/* Bytes of the header, with options; nothing is checked. */
static inline u32 tcp_header_bytes(const struct tcp_header *h)
{
    return (h->data_offset >> 4) * 4u;
}

/* In host order, of the first two bytes of a GRE header (RFC 2784, RFC 2890). */
#define GRE_CHECKSUM_PRESENT 0x8000
#define GRE_KEY_PRESENT 0x2000
#define GRE_SEQUENCE_PRESENT 0x1000

struct icmp_header {
    u8 type, code;
    be16 checksum;
} __attribute__((packed));

/* Echo request and reply. */
struct icmp_echo_header {
    struct icmp_header icmp;
    be16 id, seq;
} __attribute__((packed));

static_assert(sizeof(struct udp_header) == 8, "wire format");
static_assert(sizeof(struct tcp_header) == 20, "wire format");
static_assert(sizeof(struct icmp_echo_header) == 8, "wire format");
