/* Packets that ask whoever sends them to make their checksum, or to cut them into segments. */
#include "net/packet/ethernet_packet.h"
#include "net/packet/ip4_packet.h"
#include "net/features/pg/pg_internal.h"

#define IP6_HEADER_BYTES 40u

struct layers {
    u32 l3, l4;
    u8 protocol;
    bool is_ip6;
};

/* False when there is no IP packet with a whole L4 header's beginning. */
static bool find_layers(const struct pg_frame *f, bool is_ip, struct layers *out)
{
    u32 at = 0;
    const u8 *p = f->bytes;
    if (!is_ip) {
        at = ETHERNET_HEADER_BYTES;
        while (at + VLAN_TAG_BYTES <= f->len &&
               (get_be16(p + at - 2) == ETHERTYPE_VLAN || get_be16(p + at - 2) == ETHERTYPE_DOT1AD))
            at += VLAN_TAG_BYTES;
        if (at > f->len ||
            (get_be16(p + at - 2) != ETHERTYPE_IP4 && get_be16(p + at - 2) != ETHERTYPE_IP6))
            return false;
    }
    if (at + IP6_HEADER_BYTES > f->len)
        return false;
    const struct ip4_header *ip4 = (const struct ip4_header *)(p + at);
    *out = (struct layers){.l3 = at, .is_ip6 = p[at] >> 4 == 6};
    if (!out->is_ip6 && (p[at] >> 4 != 4 || ip4_header_bytes(ip4) < 20 || ip4_is_fragment(ip4)))
        return false;
    out->l4 = at + (out->is_ip6 ? IP6_HEADER_BYTES : ip4_header_bytes(ip4));
    out->protocol = out->is_ip6 ? p[at + 6] : ip4->protocol;
    return out->l4 + 8 <= f->len;
}

/* Whether to ask for segments, of `size` bytes of payload. */
static bool wants_segments(const struct pg_frame *f, u32 want, u32 size)
{
    u32 headers = f->csum_start + f->gso_l4_len;
    if (!size || headers >= f->len)
        return false;
    return (want & PG_OFFLOAD_GSO_ALL) || ((want & PG_OFFLOAD_GSO) && f->len - headers > size);
}

bool pg_frame_set_offload(struct pg_frame *f, bool is_ip, u32 want, u32 gso_size)
{
    struct layers l;
    if (!want || !find_layers(f, is_ip, &l))
        return false;
    bool udp = l.protocol == IP_PROTOCOL_UDP;
    if (!udp && (l.protocol != IP_PROTOCOL_TCP || l.l4 + sizeof(struct tcp_header) > f->len))
        return false;
    if (!(want & (udp ? PG_OFFLOAD_UDP_CSUM : PG_OFFLOAD_TCP_CSUM)))
        return false;
    f->l3 = (u16)l.l3;
    f->csum_start = (u16)l.l4;
    f->csum_offset = udp ? 6 : 16;
    f->gso_l4_len = (u8)(udp ? 8 : tcp_header_bytes((const struct tcp_header *)(f->bytes + l.l4)));
    f->flags |= BUFFER_CSUM_PARTIAL | (l.is_ip6 ? BUFFER_IS_IP6 : BUFFER_IS_IP4);
    if (wants_segments(f, want, gso_size)) {
        f->gso_size = (u16)gso_size;
        f->flags |= BUFFER_GSO | (udp ? BUFFER_GSO_UDP : l.is_ip6 ? BUFFER_GSO_IP6 : 0);
    }
    return true;
}

void pg_frame_put_partial_sum(struct pg_frame *f)
{
    const u8 *ip = f->bytes + f->l3;
    u32 n = f->len - f->csum_start;
    u64 sum = f->flags & BUFFER_IS_IP6
                  ? csum_pseudo_ip6(ip + 8, ip + 24, ip[6], n)
                  : csum_pseudo_ip4(load_be32(ip + 12), load_be32(ip + 16), ip[9], n);
    store_u16(f->bytes + f->csum_start + f->csum_offset, csum_fold(sum));
}
