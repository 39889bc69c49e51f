/* What the nodes of layer 2 count, and pieces that several of them use. */
#pragma once

#include "engine/feature.h"
#include "engine/thread.h"
#include "net/packet/ethernet_packet.h"
#include "net/l2/l2_internal.h"

enum { L2_INPUT_ERR_PACKETS, L2_INPUT_ERR_REWRITE, L2_INPUT_ERR_N };
enum {
    L2_LEARN_ERR_PACKETS,
    L2_LEARN_ERR_MISS,
    L2_LEARN_ERR_MOVE,
    L2_LEARN_ERR_VIOLATE,
    L2_LEARN_ERR_LIMIT,
    L2_LEARN_ERR_UPDATE,
    L2_LEARN_ERR_FILTER,
    L2_LEARN_ERR_FULL,
    L2_LEARN_ERR_SOURCE,
    L2_LEARN_ERR_STORM,
    L2_LEARN_ERR_N
};
enum {
    L2_FWD_ERR_PACKETS,
    L2_FWD_ERR_MISS,
    L2_FWD_ERR_HIT,
    L2_FWD_ERR_FILTER,
    L2_FWD_ERR_REFLECT,
    L2_FWD_ERR_STALE,
    L2_FWD_ERR_N
};
enum {
    L2_FLOOD_ERR_PACKETS,
    L2_FLOOD_ERR_FAIL,
    L2_FLOOD_ERR_NO_MEMBERS,
    L2_FLOOD_ERR_BVI_MAC,
    L2_FLOOD_ERR_N
};
enum { L2_UU_FWD_ERR_PACKETS, L2_UU_FWD_ERR_N };
enum {
    L2_OUTPUT_ERR_PACKETS,
    L2_OUTPUT_ERR_SHG,
    L2_OUTPUT_ERR_INTERFACE,
    L2_OUTPUT_ERR_REWRITE,
    L2_OUTPUT_ERR_EFP,
    L2_OUTPUT_ERR_N
};
enum {
    ARP_TERM_ERR_REPLIES,
    ARP_TERM_ERR_ND_REPLIES,
    ARP_TERM_ERR_UFWD,
    ARP_TERM_ERR_MISS,
    ARP_TERM_ERR_MISMATCH,
    ARP_TERM_ERR_UNTOLD,
    ARP_TERM_ERR_N
};
enum { L2_PATCH_ERR_PACKETS, L2_PATCH_ERR_N };
enum { L2_RW_ERR_PACKETS, L2_RW_ERR_REWRITTEN, L2_RW_ERR_NO_BUFFER, L2_RW_ERR_N };
enum { L2_FEATURE_DROP_ERR_DISABLED, L2_FEATURE_DROP_ERR_N };

#define L2_HEADER_BYTES 128
#define L2_HEADER_BYTES_MAX 256

/* Bytes of a frame that a copy has of its own: all headers, for who completes checksums or
 * segments. */
ALWAYS_INLINE u32 l2_header_bytes(const struct buffer *b)
{
    u32 need = L2_HEADER_BYTES;
    if (b->flags & BUFFER_CSUM_PARTIAL)
        need = (u32)max_u64(need, (u64)(b->csum_start - b->start) +
                                      (u32)max_u64(b->csum_offset + 2u, b->gso_l4_len));
    return (u32)min_u64(need, L2_HEADER_BYTES_MAX);
}

ALWAYS_INLINE u32 l2_bd_of(struct if_index i)
{
    return __atomic_load_n(&l2_if(i)->bd, __ATOMIC_RELAXED);
}

/* b enters layer 3 as received on the BVI; returns the edge. */
ALWAYS_INLINE u16 l2_to_bvi(struct thread *t, struct buffer *b, struct if_index bvi)
{
    b->rx_if = bvi;
    interface_count(t, IF_RX, bvi, 1, buffer_packet_len(b));
    return L2_NEXT_BVI;
}
