/* Ethernet headers and VLAN tags. Source: IEEE 802.3, 802.1Q. */
#pragma once

#include "base/byteorder.h"
#include "base/types.h"
#include "engine/buffer.h"

#define ETHERNET_HEADER_BYTES 14
#define VLAN_TAG_BYTES 4

enum {
    ETHERTYPE_IP4 = 0x0800,
    ETHERTYPE_ARP = 0x0806,
    ETHERTYPE_VLAN = 0x8100,
    ETHERTYPE_IP6 = 0x86dd,
    ETHERTYPE_MPLS = 0x8847,
    ETHERTYPE_DOT1AD = 0x88a8,
    ETHERTYPE_MIN = 0x0600, /* below: a length, 802.2 LLC follows */
};

struct ethernet_header {
    u8 dst[6], src[6];
    be16 type;
};
static_assert(sizeof(struct ethernet_header) == ETHERNET_HEADER_BYTES, "wire format");

ALWAYS_INLINE bool ethernet_is_multicast(const u8 *mac)
{
    return mac[0] & 1;
}

ALWAYS_INLINE bool ethernet_is_tag(u16 type)
{
    return type == ETHERTYPE_VLAN || type == ETHERTYPE_DOT1AD;
}

/* Bytes in front of layer 3: the header and up to two tags, as far as `bytes` of the frame go. */
ALWAYS_INLINE u32 ethernet_header_bytes(const u8 *frame, u32 bytes)
{
    u32 at = ETHERNET_HEADER_BYTES;
    for (u32 tags = 0; tags < 2 && at + VLAN_TAG_BYTES <= bytes; tags++, at += VLAN_TAG_BYTES) {
        if (!ethernet_is_tag(get_be16(frame + at - 2)))
            break;
    }
    return at;
}

/* Puts a tag that a device took out of the frame back behind the addresses; b has them, and room in
 * front. */
ALWAYS_INLINE void ethernet_insert_tag(struct buffer *b, u16 tpid, u16 tci)
{
    buffer_advance(b, -VLAN_TAG_BYTES);
    u8 *frame = buffer_current(b);
    memmove(frame, frame + VLAN_TAG_BYTES, 12);
    put_be16(frame + 12, tpid);
    put_be16(frame + 14, tci);
}
