/* Expresses: functions that take packets from ethernet-input to the port that they leave by, in one
 * go, while nothing on the way is enabled that has to see them and nothing about them is odd. Those
 * of IP run the functions of what is enabled on ipX-unicast themselves.
 *
 *   ethernet-input ─┬─► (express of layer 2, of IPv4, or of IPv6) ────────────────► X-tx
 *                   └─► l2-input, ip4-input … : all that an express leaves, and all while packets
 *                       are traced or captured
 *
 * An express takes packets one by one, and leaves others as they came; what it takes is as if the
 * nodes on the way had seen it: bytes, metadata and counters are the same, and the nodes' calls and
 * vectors in `show runtime`, whose clocks are ethernet-input's then. The nodes are what is right;
 * tests hold the expresses against them. Whether something is enabled is looked at for each vector:
 * there is no state that could be out of date.
 *
 * Packets of a flow stay in order. What an express leaves comes behind what it takes: where nodes
 * may send that where others of its flow go, the express says thread_detour, and nothing behind it
 * in this round is taken. Context: data threads. */
#pragma once

#include "base/byteorder.h"
#include "engine/thread.h"
#include "net/link/ethernet/ethernet_node.h"
#include "net/link/interface/interface.h"
#include "net/link/vlan/vlan_data.h"

/* Address bytes of a word loaded from a frame's start, as they lie in memory. */
#define MAC_MASK (BYTEORDER_SWAP ? 0x0000ffffffffffffull : 0xffffffffffff0000ull)
#define MAC_GROUP_BIT (BYTEORDER_SWAP ? 1ull : 1ull << 56)

/* next[] of a packet that an express leaves; of others NEXT_CONSUMED. */
#define EXPRESS_LEFT 0

/* What frames of one port with the same tag, or without one, have in common. */
struct express_view {
    struct if_index port, rx_if; /* rx_if: the port itself, or its sub-interface */
    u32 tag_mask, tag;           /* of the four bytes behind the addresses */
    u64 mac;
    u8 header_bytes;
    u8 l2_mode; /* of rx_if; 0: layer 3 */
};

/* Of the interface that takes b; false: nobody does, or it is not for an express. */
static inline bool express_view_of(struct express_view *v, const struct buffer *b)
{
    const struct if_data *d = if_data(b->rx_if);
    const struct vlan_port *vlans = __atomic_load_n(&d->vlans, __ATOMIC_ACQUIRE);
    if (!(__atomic_load_n(&d->flags, __ATOMIC_RELAXED) & IF_DATA_ADMIN_UP) ||
        b->len < ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES)
        return false;
    v->port = v->rx_if = b->rx_if;
    v->l2_mode = __atomic_load_n(&d->l2_mode, __ATOMIC_RELAXED);
    v->mac = 0;
    memcpy(&v->mac, d->mac, sizeof(d->mac));
    v->header_bytes = ETHERNET_HEADER_BYTES;
    v->tag_mask = v->tag = 0;
    if (likely(!vlans))
        return true;

    const u8 *frame = buffer_current(b);
    struct vlan_header h = vlan_parse(frame, b->len);
    u8 mask[4] = {0xff, 0xff, 0x0f, 0xff};
    u32 slot = vlan_match(vlans, &h);
    if (!slot && v->l2_mode == 0 && h.n == 0) {
        mask[2] = mask[3] = 0; /* the type, which is no tag's */
    } else {
        if (!slot || h.n != 1 || h.outer == 0)
            return false;
        d = if_data(vlan_slot_if(slot));
        if (!(__atomic_load_n(&d->flags, __ATOMIC_RELAXED) & IF_DATA_ADMIN_UP))
            return false;
        v->rx_if = vlan_slot_if(slot);
        v->l2_mode = __atomic_load_n(&d->l2_mode, __ATOMIC_RELAXED);
        v->header_bytes = ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES;
    }
    v->tag_mask = load_u32(mask);
    v->tag = load_u32(frame + 12) & v->tag_mask;
    return true;
}

/* Whether b, which is at least as long as its headers, is one of them. The type behind a tag is the
 * caller's to look at: it may be another tag. */
ALWAYS_INLINE bool express_view_has(const struct express_view *v, const struct buffer *b,
                                    const u8 *frame)
{
    return b->rx_if.i == v->port.i && (load_u32(frame + 12) & v->tag_mask) == v->tag;
}

/* Of packets that an express took: what a sub-interface received. bytes: as they came in. */
ALWAYS_INLINE void express_count_rx(const struct express_view *v, struct thread *t, u64 packets,
                                    u64 bytes)
{
    if (!if_equal(v->rx_if, v->port) && packets)
        interface_count(t, IF_RX, v->rx_if, packets, bytes);
}
