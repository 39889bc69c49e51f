/* The header that virtio puts before each packet: what is still to be done to it. Packet sockets
 * (PACKET_VNET_HDR), taps (IFF_VNET_HDR), vhost and virtio devices have it.
 *
 *   offset   0      1         2        4         6           8            10
 *          flags  gso_type  hdr_len  gso_size  csum_start  csum_offset  num_buffers (if any)
 *
 * What comes in is checked here, once, against the packet itself; buffers then say it in their own
 * words (BUFFER_CSUM_PARTIAL, BUFFER_GSO ...), and what leaves is made from these. hdr_len is a
 * hint, which Linux fills with whatever was contiguous: it is not looked at. Source: virtio 1.2
 * 5.1.6; Linux include/linux/virtio_net.h for what its devices say. */
#pragma once

#include "base/byteorder.h"
#include "engine/buffer.h"

#define VIRTIO_HEADER_BYTES 10     /* legacy, without merged buffers; packet sockets */
#define VIRTIO_HEADER_MRG_BYTES 12 /* with num_buffers */

enum virtio_flags { VIRTIO_NEEDS_CSUM = 1, VIRTIO_DATA_VALID = 2 };

enum virtio_gso {
    VIRTIO_GSO_NONE = 0,
    VIRTIO_GSO_TCP4 = 1,
    VIRTIO_GSO_UDP = 3, /* IP fragments: nothing here can make or take them */
    VIRTIO_GSO_TCP6 = 4,
    VIRTIO_GSO_UDP_L4 = 5,
    VIRTIO_GSO_ECN = 0x80, /* with TCP: the first segment has CWR set */
};

/* The kinds of large packets that the other end may send, by bit. */
#define VIRTIO_TAKES(type) (1u << (type))
#define VIRTIO_TAKES_ALL                                                                           \
    (VIRTIO_TAKES(VIRTIO_GSO_TCP4) | VIRTIO_TAKES(VIRTIO_GSO_TCP6) |                               \
     VIRTIO_TAKES(VIRTIO_GSO_UDP_L4))

/* In host order. */
struct virtio_header {
    u8 flags, gso_type;
    u16 hdr_len, gso_size, csum_start, csum_offset;
};

/* VIRTIO_LITTLE: of a device or driver with VERSION_1; VIRTIO_NATIVE: of this host, which is what
 * Linux has in packet sockets and, unless told otherwise, in taps. */
enum virtio_order { VIRTIO_NATIVE, VIRTIO_LITTLE };

ALWAYS_INLINE u16 virtio_u16(u16 x, enum virtio_order order)
{
    return order == VIRTIO_LITTLE && !BYTEORDER_SWAP ? __builtin_bswap16(x) : x;
}

ALWAYS_INLINE u32 virtio_u32(u32 x, enum virtio_order order)
{
    return order == VIRTIO_LITTLE && !BYTEORDER_SWAP ? __builtin_bswap32(x) : x;
}

ALWAYS_INLINE u64 virtio_u64(u64 x, enum virtio_order order)
{
    return order == VIRTIO_LITTLE && !BYTEORDER_SWAP ? __builtin_bswap64(x) : x;
}

ALWAYS_INLINE struct virtio_header virtio_header_read(const u8 *p, enum virtio_order order)
{
    return (struct virtio_header){
        .flags = p[0],
        .gso_type = p[1],
        .hdr_len = virtio_u16(load_u16(p + 2), order),
        .gso_size = virtio_u16(load_u16(p + 4), order),
        .csum_start = virtio_u16(load_u16(p + 6), order),
        .csum_offset = virtio_u16(load_u16(p + 8), order),
    };
}

/* num_buffers is the caller's. */
ALWAYS_INLINE void virtio_header_write(u8 *p, const struct virtio_header *h,
                                       enum virtio_order order)
{
    p[0] = h->flags;
    p[1] = h->gso_type;
    store_u16(p + 2, virtio_u16(h->hdr_len, order));
    store_u16(p + 4, virtio_u16(h->gso_size, order));
    store_u16(p + 6, virtio_u16(h->csum_start, order));
    store_u16(p + 8, virtio_u16(h->csum_offset, order));
}

/* Why a received packet is dropped. */
enum virtio_fault {
    VIRTIO_FAULT_NONE,
    VIRTIO_FAULT_HEADER, /* it contradicts the packet */
    VIRTIO_FAULT_GSO,    /* a large packet of a kind that cannot be cut */
};

/* The slow part of virtio_header_take. */
enum virtio_fault virtio_header_check(struct buffer *b, const struct virtio_header *h, bool is_ip,
                                      u32 takes) MUST_CHECK;

/* Sets what b, as received, says of its checksum and segments. b: begins at the frame (with is_ip:
 * at IP); its first buffer has all headers, or the whole packet. takes: VIRTIO_TAKES_*. Context:
 * any data thread. Returns why not; b is then to be dropped. */
ALWAYS_INLINE enum virtio_fault virtio_header_take(struct buffer *b, const struct virtio_header *h,
                                                   bool is_ip, u32 takes)
{
    return likely(!h->flags && !h->gso_type) ? VIRTIO_FAULT_NONE
                                             : virtio_header_check(b, h, is_ip, takes);
}

/* The slow part of virtio_header_make. */
void virtio_header_fill(struct virtio_header *h, const struct buffer *b);

/* What b asks of who sends it; b begins at the frame. What the other end does not take has been
 * done before (IF_CAP_*). That a checksum is right (VIRTIO_DATA_VALID) is not said: a node may have
 * changed the packet since somebody looked. */
ALWAYS_INLINE struct virtio_header virtio_header_make(const struct buffer *b)
{
    struct virtio_header h = {0};
    if (unlikely(b->flags & BUFFER_CSUM_PARTIAL))
        virtio_header_fill(&h, b);
    return h;
}
