/* Which sub-interface takes a frame: tables that ethernet-input reads, one set for each interface
 * that has any.
 *
 *   if_data(rx_if)->vlans ─ untagged, fallback (`default`)
 *        └ tpid[dot1q, dot1ad] ─ any ─────────────┐
 *                └ by_id[4096] ───────────────────┤
 *                                                 ▼
 *                                 single (one tag), inner ─► any, by_id[4096] (two tags)
 *
 * The control thread stores words; a table that is taken away is freed when no data thread can
 * still see it. Source: IEEE 802.1Q-2022, 802.1ad; order of the matches as VPP has it. */
#pragma once

#include "base/byteorder.h"
#include "base/types.h"
#include "engine/index.h"
#include "net/packet/ethernet_packet.h"

#define VLAN_IDS 4096
#define VLAN_TAGS_MAX 3 /* looked at; a frame with more counts as having so many */

/* 0: nobody; else interface index + 1, and whether more tags than matched are refused. */
#define VLAN_SLOT_EXACT (1u << 31)

ALWAYS_INLINE struct if_index vlan_slot_if(u32 slot)
{
    return (struct if_index){(slot & ~VLAN_SLOT_EXACT) - 1};
}

struct vlan_inner {
    u32 any;
    u32 by_id[VLAN_IDS];
};

struct vlan_outer {
    u32 single;
    struct vlan_inner *inner; /* NULL: none */
};

enum vlan_tpid { VLAN_DOT1Q, VLAN_DOT1AD, VLAN_TPID_N };

struct vlan_port {
    u32 untagged, fallback;
    struct {
        struct vlan_outer any;
        struct vlan_outer *by_id; /* VLAN_IDS, or NULL */
    } tpid[VLAN_TPID_N];
};

/* A frame's tags. */
struct vlan_header {
    u8 n;          /* tags seen, at most VLAN_TAGS_MAX */
    u8 bytes;      /* of the whole ethernet header; 0: the frame ends within it */
    u16 type;      /* what follows */
    u8 outer_tpid; /* enum vlan_tpid */
    u8 inner_tpid;
    u16 outer, inner;
};

/* The frame has at least an ethernet header. */
ALWAYS_INLINE struct vlan_header vlan_parse(const u8 *frame, u32 len)
{
    struct vlan_header h = {.type = get_be16(frame + 12), .bytes = ETHERNET_HEADER_BYTES};
    while (ethernet_is_tag(h.type) && h.n < VLAN_TAGS_MAX) {
        if (unlikely(len < h.bytes + (u32)VLAN_TAG_BYTES)) {
            h.bytes = 0;
            return h;
        }
        u8 tpid = h.type == ETHERTYPE_VLAN ? VLAN_DOT1Q : VLAN_DOT1AD;
        u16 id = get_be16(frame + h.bytes) & (VLAN_IDS - 1);
        if (h.n == 0) {
            h.outer_tpid = tpid;
            h.outer = id;
        } else if (h.n == 1) {
            h.inner_tpid = tpid;
            h.inner = id;
        }
        h.type = get_be16(frame + h.bytes + 2);
        h.bytes = (u8)(h.bytes + VLAN_TAG_BYTES);
        h.n++;
    }
    return h;
}

/* Whether only a priority was tagged: IEEE 802.1Q 6.9.1 treats the frame as untagged. */
ALWAYS_INLINE bool vlan_is_untagged(const struct vlan_header *h)
{
    return h->n == 0 || (h->n == 1 && h->outer == 0);
}

ALWAYS_INLINE u32 vlan_load(const u32 *slot)
{
    return __atomic_load_n(slot, __ATOMIC_RELAXED);
}

/* Slot of a frame whose outer tag fits; 0: none. */
ALWAYS_INLINE u32 vlan_match_outer(const struct vlan_outer *o, const struct vlan_header *h)
{
    u32 slot;
    if (h->n == 1)
        return vlan_load(&o->single);
    const struct vlan_inner *inner = __atomic_load_n(&o->inner, __ATOMIC_ACQUIRE);
    if (inner && h->inner_tpid == VLAN_DOT1Q) {
        slot = vlan_load(&inner->by_id[h->inner]);
        if (slot && !(h->n > 2 && (slot & VLAN_SLOT_EXACT)))
            return slot;
        slot = vlan_load(&inner->any);
        if (slot && !(h->n > 2 && (slot & VLAN_SLOT_EXACT)))
            return slot;
    }
    slot = vlan_load(&o->single);
    return slot & VLAN_SLOT_EXACT ? 0 : slot;
}

/* Slot of the sub-interface that takes a frame with these tags; 0: none. The most specific match
 * wins. */
ALWAYS_INLINE u32 vlan_match(const struct vlan_port *p, const struct vlan_header *h)
{
    if (vlan_is_untagged(h))
        return vlan_load(&p->untagged);
    const struct vlan_outer *by_id =
        __atomic_load_n(&p->tpid[h->outer_tpid].by_id, __ATOMIC_ACQUIRE);
    u32 slot = by_id ? vlan_match_outer(&by_id[h->outer], h) : 0;
    if (!slot)
        slot = vlan_match_outer(&p->tpid[h->outer_tpid].any, h);
    return slot ? slot : vlan_load(&p->fallback);
}
