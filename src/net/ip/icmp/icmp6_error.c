/* Error messages: when they may be sent, and what is in them. See icmp6.h. */
#include <string.h>

#include "net/ip/address/address_data.h"
#include "net/ip/icmp/icmp6.h"
#include "net/packet/checksum.h"
#include "net/packet/layers.h"

/* RFC 4443 2.4 (e.3), (e.4): what only one host of many could not do is no matter for the sender.
 */
static bool icmp6_is_for_groups(const struct ip_scratch *s)
{
    return s->icmp_type == ICMP6_PACKET_TOO_BIG ||
           (s->icmp_type == ICMP6_PARAMETER_PROBLEM && s->icmp_code == ICMP6_UNKNOWN_OPTION);
}

static bool icmp6_came_to_a_group(const struct buffer *b)
{
    const struct ip6_header *h = buffer_current(b);
    return ip6_is_multicast(h->dst) || (b->flags & BUFFER_LINK_GROUP);
}

enum icmp6_error icmp6_error_allowed(const struct buffer *b)
{
    const struct ip_scratch *s = (const struct ip_scratch *)b->scratch;
    const struct ip6_header *h = buffer_current(b);
    struct layers l;

    if (b->len < sizeof(*h))
        return ICMP6_ERROR_LENGTH_TOO_SMALL_FOR_TYPE;
    if (ip6_is_unspecified(h->src) || ip6_is_multicast(h->src) || ip6_is_loopback(h->src) ||
        (icmp6_came_to_a_group(b) && !icmp6_is_for_groups(s)))
        return ICMP6_ERROR_NOT_ALLOWED;
    /* of a later fragment nobody knows what it is a piece of */
    if (!layers_find_ip((const u8 *)h, b->len, 0, &l))
        return ICMP6_ERROR_NONE;
    if (l.protocol != IP_PROTOCOL_ICMP6)
        return ICMP6_ERROR_NONE;
    u8 type = l.l4 < b->len ? ((const u8 *)h)[l.l4] : 0;
    return icmp6_is_error(type) || type == ICMP6_REDIRECT ? ICMP6_ERROR_NOT_ALLOWED
                                                          : ICMP6_ERROR_NONE;
}

void icmp6_error_build(struct buffer *to, const struct buffer *b, const struct ip_address *src)
{
    const struct ip_scratch *s = (const struct ip_scratch *)b->scratch;
    const struct ip6_header *about = buffer_current(b);
    struct ip6_header *h = buffer_current(to);
    u8 *icmp = (u8 *)(h + 1);
    const u32 header_bytes = sizeof(*h) + 8;
    /* what follows the datagram in a frame is none of its sender's */
    u32 quoted = (u32)min_u64(ip6_length(about), ICMP6_ERROR_BYTES_MAX - header_bytes);

    quoted = buffer_copy_out(b, 0, icmp + 8, quoted);
    icmp[0] = s->icmp_type;
    icmp[1] = s->icmp_code;
    put_be16(icmp + 2, 0);
    put_be32(icmp + 4, s->icmp_data);
    *h = (struct ip6_header){
        .version_class_flow = IP6_VERSION_PLAIN,
        .payload_length = be16_from_host((u16)(8 + quoted)),
        .protocol = IP_PROTOCOL_ICMP6,
        .hop_limit = ip6_if_hop_limit(b->rx_if),
    };
    memcpy(h->src, src->bytes, sizeof(h->src));
    memcpy(h->dst, about->src, sizeof(h->dst));
    u64 sum = csum_pseudo_ip6(h->src, h->dst, IP_PROTOCOL_ICMP6, 8 + quoted);
    store_be16(icmp + 2, csum_finish(csum_add(sum, icmp, 8 + quoted)));
    to->len = (u16)(header_bytes + quoted);
    to->l3_start = to->start;
    to->l4_start = (i16)(to->start + (int)sizeof(*h));
    to->flags |= BUFFER_IS_IP6 | BUFFER_LOCAL;
}
