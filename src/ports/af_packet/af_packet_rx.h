/* What both ways of receiving do to a frame: tags and offloads. */
#pragma once

#include <linux/if_packet.h>
#include <string.h>

#include "base/byteorder.h"
#include "net/packet/ethernet_packet.h"
#include "ports/af_packet/af_packet_internal.h"

/* Puts back a tag that the kernel took out of the frame. */
static inline void restore_vlan(struct buffer *b, u32 status, u16 tci, u16 tpid)
{
    if (!(status & TP_STATUS_VLAN_TPID_VALID))
        tpid = ETHERTYPE_VLAN;
    if (b->len < 12)
        return;
    buffer_advance(b, -VLAN_TAG_BYTES);
    u8 *frame = buffer_current(b);
    memmove(frame, frame + VLAN_TAG_BYTES, 12);
    put_be16(frame + 12, tpid);
    put_be16(frame + 14, tci);
}

/* Checksum and GSO state of b from its virtio header; start is where the frame began, before a tag
 * was put back. Returns false when they make no sense. */
static inline bool take_offloads(struct buffer *b, const struct vnet_header *h, int start)
{
    if (h->flags & VNET_DATA_VALID)
        b->flags |= BUFFER_CSUM_VALID;
    if (h->flags & VNET_NEEDS_CSUM) {
        u32 at = h->csum_start, end = at + h->csum_offset + 2u;
        if (h->csum_offset > UINT8_MAX || start + (int)end > b->start + b->len)
            return false;
        b->flags |= BUFFER_CSUM_PARTIAL;
        b->csum_start = (i16)(start + (int)at);
        b->csum_offset = (u8)h->csum_offset;
    }
    u8 type = h->gso_type & (u8)~VNET_GSO_ECN;
    if (type == VNET_GSO_NONE)
        return true;
    if (!(b->flags & BUFFER_CSUM_PARTIAL) || !h->gso_size || h->header_len <= h->csum_start ||
        h->header_len - h->csum_start > UINT8_MAX)
        return false;
    b->flags |= BUFFER_GSO;
    if (type == VNET_GSO_TCP6)
        b->flags |= BUFFER_GSO_IP6;
    else if (type == VNET_GSO_UDP_L4)
        b->flags |= BUFFER_GSO_UDP;
    else if (type != VNET_GSO_TCP4)
        return false;
    b->gso_size = h->gso_size;
    b->gso_l4_len = (u8)(h->header_len - h->csum_start);
    return true;
}
