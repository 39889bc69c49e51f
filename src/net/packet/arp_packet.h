/* ARP for IPv4 over Ethernet. Source: RFC 826, RFC 5227. */
#pragma once

#include "base/byteorder.h"
#include "base/types.h"

struct arp_header {
    be16 hardware_type, protocol_type;
    u8 hardware_len, protocol_len;
    be16 opcode;
    u8 sender_mac[6];
    be32 sender;
    u8 target_mac[6];
    be32 target;
} __attribute__((packed));

static_assert(sizeof(struct arp_header) == 28, "wire format");

enum { ARP_HARDWARE_ETHERNET = 1, ARP_PROTOCOL_IP4 = 0x0800 };
enum { ARP_REQUEST = 1, ARP_REPLY = 2 };

static inline bool arp_is_gratuitous(const struct arp_header *h)
{
    return be32_equal(h->sender, h->target);
}
