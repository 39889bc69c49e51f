/* Error messages: when they may be sent, and what is in them. See icmp4.h. */
#include <string.h>

#include "net/ip/icmp/icmp4.h"
#include "net/packet/ip4_packet.h"

#define ETHERNET_HEADER_BYTES 14

/* Whether the frame that b came in was for a group: no single host is to be answered for it. */
static bool came_to_a_group(const struct buffer *b)
{
    return b->l2_start >= 0 && b->l3_start - b->l2_start >= ETHERNET_HEADER_BYTES &&
           b->data[b->l2_start] & 1;
}

static bool is_one_host(be32 a)
{
    return !ip4_is_multicast(a) && !ip4_is_limited_broadcast(a) && !ip4_is_loopback(a) &&
           !ip4_is_this_network(a) && !ip4_is_class_e(a);
}

/* RFC 1812 4.3.2.7 */
enum icmp4_error icmp4_error_allowed(const struct buffer *b)
{
    const struct ip4_header *h = buffer_current(b);
    u32 header_bytes = b->len >= sizeof(*h) ? ip4_header_bytes(h) : 0;
    u8 type;

    if (header_bytes < sizeof(*h) || b->len < header_bytes)
        return ICMP4_ERROR_LENGTH_TOO_SMALL_FOR_TYPE;
    if (!is_one_host(h->src) || !is_one_host(h->dst) || came_to_a_group(b) ||
        ip4_fragment_offset_bytes(h))
        return ICMP4_ERROR_NOT_ALLOWED;
    if (h->protocol != IP_PROTOCOL_ICMP)
        return ICMP4_ERROR_NONE;
    if (!buffer_copy_out(b, header_bytes, &type, 1) || icmp4_is_error(type))
        return ICMP4_ERROR_NOT_ALLOWED;
    return ICMP4_ERROR_NONE;
}

void icmp4_error_build(struct buffer *to, const struct buffer *b, be32 src, u16 id)
{
    const struct ip_scratch *s = (const struct ip_scratch *)b->scratch;
    const struct ip4_header *about = buffer_current(b);
    struct ip4_header *h = buffer_current(to);
    u8 *icmp = (u8 *)(h + 1);
    const u32 header_bytes = sizeof(*h) + sizeof(struct icmp_echo_header);
    /* what follows the datagram in a frame is none of its sender's */
    u32 quoted = (u32)min_u64(ip4_length(about), ICMP4_ERROR_BYTES_MAX - header_bytes);

    quoted = buffer_copy_out(b, 0, icmp + 8, quoted);
    icmp[0] = s->icmp_type;
    icmp[1] = s->icmp_code;
    put_be16(icmp + 2, 0);
    put_be32(icmp + 4, s->icmp_data);
    store_be16(icmp + 2, csum_finish(csum_add(0, icmp, 8 + quoted)));

    *h = (struct ip4_header){
        .version_ihl = IP4_VERSION_IHL_PLAIN,
        .tos = 0xc0, /* RFC 1812 4.3.2.5: internetwork control */
        .length = be16_from_host((u16)(header_bytes + quoted)),
        .id = be16_from_host(id),
        .ttl = 64,
        .protocol = IP_PROTOCOL_ICMP,
        .src = src,
        .dst = about->src,
    };
    ip4_set_checksum(h);
    to->len = (u16)(header_bytes + quoted);
    to->l3_start = to->start;
    to->l4_start = (i16)(to->start + (int)sizeof(*h));
    to->flags |= BUFFER_IS_IP4 | BUFFER_LOCAL;
}
