/* Checking what a virtio header says, and saying it. See virtio_header.h. */
#include "net/link/virtio/virtio_header.h"

#include "net/packet/checksum.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/layers.h"

#define IP4_HEADER_MIN_BYTES 20
#define INNER_IP_MAX_BYTES 256 /* with options or extension headers */

/* --- received --- */

static bool set_partial(struct buffer *b, u32 at, u32 offset)
{
    if (offset > UINT8_MAX || at + offset + 2 > b->len)
        return false;
    b->flags |= BUFFER_CSUM_PARTIAL;
    b->csum_start = (i16)(b->start + (int)at);
    b->csum_offset = (u8)offset;
    return true;
}

/* A device that has joined packets (LRO) has checked their sums, and left those of the last one. To
 * cut the packet anew, it is as if the sum were still to be made. */
static bool open_checksum(struct buffer *b, const struct layers *l)
{
    u8 *p = buffer_current(b);
    u32 n = buffer_packet_len(b) - l->l4;
    u64 sum = l->is_ip6 ? csum_pseudo_ip6(p + l->l3 + 8, p + l->l3 + 24, l->protocol, n)
                        : csum_pseudo_ip4(load_be32(p + l->l3 + 12), load_be32(p + l->l3 + 16),
                                          l->protocol, n);
    u32 offset = l->protocol == IP_PROTOCOL_UDP ? offsetof(struct udp_header, checksum)
                                                : offsetof(struct tcp_header, checksum);
    if (buffer_is_shared(b) || !set_partial(b, l->l4, offset))
        return false;
    store_u16(p + l->l4 + offset, csum_fold(sum));
    return true;
}

/* Whether the inner packet's IP header, which ends where its L4 header begins, is at l3. */
static bool is_inner_ip(const struct buffer *b, u32 l3, u32 l4, u8 protocol)
{
    const u8 *p = buffer_current(b);
    u32 bytes = buffer_packet_len(b) - l3;
    struct layers l;
    if (!layers_find_ip(p, b->len, l3, &l) || l.l4 != l4 || l.protocol != protocol || l.is_fragment)
        return false;
    if (l.is_ip6)
        return get_be16(p + l3 + 4) == bytes - IP6_HEADER_BYTES;
    const struct ip4_header *h = (const struct ip4_header *)(p + l3);
    return ip4_length(h) == bytes && csum_fold(csum_add(0, h, l4 - l3)) == 0xffff;
}

/* What a tunnel puts between its IP header and the inner one is its own affair: the inner one is
 * found from its end, by what it says of itself. 0: there is none. */
static u32 find_inner_ip(const struct buffer *b, u32 from, u32 l4, u8 protocol)
{
    for (u32 bytes = IP4_HEADER_MIN_BYTES; bytes <= INNER_IP_MAX_BYTES && from + bytes <= l4;
         bytes += 4)
        if (is_inner_ip(b, l4 - bytes, l4, protocol))
            return l4 - bytes;
    return 0;
}

/* The headers that a large packet is cut by, and that it can be cut. */
static enum virtio_fault take_gso(struct buffer *b, const struct virtio_header *h, u8 type,
                                  bool is_ip)
{
    const u8 *p = buffer_current(b);
    u8 protocol = type == VIRTIO_GSO_UDP_L4 ? IP_PROTOCOL_UDP : IP_PROTOCOL_TCP;
    struct layers l;
    if (!h->gso_size)
        return VIRTIO_FAULT_HEADER;
    if (!layers_find(p, b->len, is_ip, &l) || l.is_fragment)
        return VIRTIO_FAULT_GSO;
    if (!(b->flags & BUFFER_CSUM_PARTIAL) && (l.protocol != protocol || !open_checksum(b, &l)))
        return VIRTIO_FAULT_HEADER;
    u32 l4 = (u32)(b->csum_start - b->start), l3 = l.l3, l4_bytes = sizeof(struct udp_header);
    if (l4 != l.l4 || l.protocol != protocol) {
        l3 = find_inner_ip(b, l.l4, l4, protocol);
        if (!l3)
            return VIRTIO_FAULT_GSO;
        b->flags |= BUFFER_TUNNEL;
        b->inner_l3_start = (i16)(b->start + (int)l3);
    }
    bool is_ip6 = p[l3] >> 4 == 6;
    if (protocol == IP_PROTOCOL_TCP) {
        if (l4 + sizeof(struct tcp_header) > b->len || is_ip6 != (type == VIRTIO_GSO_TCP6))
            return VIRTIO_FAULT_HEADER;
        l4_bytes = tcp_header_bytes((const struct tcp_header *)(p + l4));
        if (l4_bytes < sizeof(struct tcp_header))
            return VIRTIO_FAULT_HEADER;
    }
    if (l4 + l4_bytes > b->len)
        return VIRTIO_FAULT_HEADER;
    b->flags |= BUFFER_GSO | (protocol == IP_PROTOCOL_UDP ? BUFFER_GSO_UDP
                              : is_ip6                    ? BUFFER_GSO_IP6
                                                          : 0);
    b->l3_start = (i16)(b->start + (int)l.l3);
    b->gso_size = h->gso_size;
    b->gso_l4_len = (u8)l4_bytes;
    return VIRTIO_FAULT_NONE;
}

enum virtio_fault virtio_header_check(struct buffer *b, const struct virtio_header *h, bool is_ip,
                                      u32 takes)
{
    u8 type = h->gso_type & (u8)~VIRTIO_GSO_ECN;
    if ((h->flags & VIRTIO_NEEDS_CSUM) && !set_partial(b, h->csum_start, h->csum_offset))
        return VIRTIO_FAULT_HEADER;
    if (h->flags & VIRTIO_DATA_VALID)
        b->flags |= BUFFER_CSUM_VALID;
    if (type == VIRTIO_GSO_NONE)
        return VIRTIO_FAULT_NONE;
    if (type > VIRTIO_GSO_UDP_L4 || !(takes & VIRTIO_TAKES(type)))
        return VIRTIO_FAULT_GSO;
    return take_gso(b, h, type, is_ip);
}

/* --- sent --- */

void virtio_header_fill(struct virtio_header *h, const struct buffer *b)
{
    h->flags = VIRTIO_NEEDS_CSUM;
    h->csum_start = (u16)(b->csum_start - b->start);
    h->csum_offset = b->csum_offset;
    if (!(b->flags & BUFFER_GSO))
        return;
    h->gso_size = b->gso_size;
    h->hdr_len = (u16)(h->csum_start + b->gso_l4_len);
    if (b->flags & BUFFER_GSO_UDP) {
        h->gso_type = VIRTIO_GSO_UDP_L4;
        return;
    }
    const struct tcp_header *tcp = (const void *)((const u8 *)buffer_current(b) + h->csum_start);
    h->gso_type = b->flags & BUFFER_GSO_IP6 ? VIRTIO_GSO_TCP6 : VIRTIO_GSO_TCP4;
    if (h->hdr_len <= b->len && (tcp->flags & TCP_CWR))
        h->gso_type |= VIRTIO_GSO_ECN;
}
