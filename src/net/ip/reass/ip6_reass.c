/* Fragments of IPv6, for reass.h: l4_start is the fragment header. Source: RFC 8200 4.5, RFC 7112
 * (the first one has all headers), RFC 3168 5.3. */
#include "net/ip/reass/reass.h"

#include <string.h>

#include "net/packet/ip6_packet.h"

#define IP6_PAYLOAD_MAX UINT16_MAX

/* Bytes of the fixed part of an upper-layer header; 0: of no kind that is known. */
static u32 ip6_reass_upper_bytes(u8 protocol)
{
    switch (protocol) {
    case IP_PROTOCOL_TCP:
        return sizeof(struct tcp_header);
    case IP_PROTOCOL_UDP:
    case IP_PROTOCOL_ICMP6:
        return sizeof(struct udp_header);
    default:
        return 0;
    }
}

/* Whether the headers behind the fragment header, up to the upper layer's, are within. */
static bool ip6_reass_has_upper(const struct buffer *b, u32 at, u8 protocol, u32 bytes)
{
    u8 header[2];
    u32 end = at + bytes;
    while (ip6_is_extension(protocol)) {
        if (at + 8 > end || buffer_copy_out(b, at, header, sizeof(header)) != sizeof(header))
            return false;
        protocol = header[0];
        at += (header[1] + 1u) * 8;
    }
    return at + ip6_reass_upper_bytes(protocol) <= end;
}

static enum reass_fate ip6_reass_read(const struct buffer *b, u32 scope, struct reass_fragment *out)
{
    const struct ip6_header *h = buffer_current(b);
    u32 at = (u32)(b->l4_start - b->start);
    const struct ip6_fragment_header *f = (const struct ip6_fragment_header *)((const u8 *)h + at);
    u32 header_bytes = at + (u32)sizeof(*f), word = be16_to_host(f->offset_more);

    if (ip6_length(h) < header_bytes || ip6_length(h) != buffer_packet_len(b))
        return REASS_MALFORMED;
    *out = (struct reass_fragment){
        .key.ip6 = {.scope = scope, .id = f->id},
        .header_bytes = header_bytes,
        .first = word & 0xfff8,
        .bytes = ip6_length(h) - header_bytes,
        .ecn = ip6_traffic_class(h) & 3,
        .more = word & 1,
    };
    memcpy(out->key.ip6.src, h->src, sizeof(h->src));
    memcpy(out->key.ip6.dst, h->dst, sizeof(h->dst));
    if (!out->bytes)
        return REASS_MALFORMED;
    if (out->more && out->bytes % 8)
        return REASS_ODD_LENGTH;
    if (at - sizeof(*h) + out->first + out->bytes > IP6_PAYLOAD_MAX)
        return REASS_TOO_LONG;
    if (!out->first && !ip6_reass_has_upper(b, header_bytes, f->protocol, out->bytes))
        return REASS_NO_UPPER;
    return REASS_WHOLE;
}

/* Where the header in front of the fragment header names it. */
static u8 *ip6_reass_named_at(struct ip6_header *h, u32 fragment_at)
{
    u8 *packet = (u8 *)h, *named = &h->protocol;
    for (u32 at = sizeof(*h); at < fragment_at; at += (packet[at + 1] + 1u) * 8)
        named = packet + at;
    return named;
}

/* The fragment header goes: what is in front of it moves up. */
static bool ip6_reass_finish(struct buffer *b, u32 payload_bytes, bool congested)
{
    struct ip6_header *h = buffer_current(b);
    u32 at = (u32)(b->l4_start - b->start), length = at - (u32)sizeof(*h) + payload_bytes;
    const struct ip6_fragment_header *f = (const struct ip6_fragment_header *)((const u8 *)h + at);

    if (length > IP6_PAYLOAD_MAX)
        return false;
    *ip6_reass_named_at(h, at) = f->protocol;
    if (congested)
        ip6_set_traffic_class(h, ip6_traffic_class(h) | 3);
    h->payload_length = be16_from_host((u16)length);
    memmove((u8 *)h + sizeof(*f), h, at);
    buffer_advance(b, sizeof(*f));
    b->l3_start = b->start;
    return true;
}

const struct reass_protocol ip6_reass_protocol = {
    .name = "ip6-reassembly",
    .key_words = 5,
    .read = ip6_reass_read,
    .finish = ip6_reass_finish,
};
