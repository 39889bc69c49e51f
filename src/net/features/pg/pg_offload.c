/* Packets that ask whoever sends them to make their checksum, or to cut them into segments. */
#include "net/features/pg/pg_internal.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/layers.h"

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
    if (!want || !layers_find(f->bytes, f->len, is_ip, &l) || l.is_fragment ||
        l.l4 + sizeof(struct udp_header) > f->len)
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
    u8 protocol =
        f->csum_offset == offsetof(struct udp_header, checksum) ? IP_PROTOCOL_UDP : IP_PROTOCOL_TCP;
    u64 sum = f->flags & BUFFER_IS_IP6
                  ? csum_pseudo_ip6(ip + 8, ip + 24, protocol, n)
                  : csum_pseudo_ip4(load_be32(ip + 12), load_be32(ip + 16), protocol, n);
    store_u16(f->bytes + f->csum_start + f->csum_offset, csum_fold(sum));
}
