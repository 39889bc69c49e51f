/* Fragments of IPv4, for reass.h. Source: RFC 791 3.1, RFC 3168 5.3. */
#include "net/ip/reass/reass.h"

#include "net/packet/ip4_packet.h"

#define IP4_DATAGRAM_PAYLOAD_MAX (IP4_LENGTH_MAX_BYTES - sizeof(struct ip4_header))

static enum reass_fate ip4_reass_read(const struct buffer *b, u32 scope, struct reass_fragment *out)
{
    const struct ip4_header *h = buffer_current(b);
    u32 header_bytes = ip4_header_bytes(h), bytes = ip4_length(h) - header_bytes;

    *out = (struct reass_fragment){
        .key.ip4 = {h->src, h->dst, scope, h->id, h->protocol, 0},
        .header_bytes = header_bytes,
        .first = ip4_fragment_offset_bytes(h),
        .bytes = bytes,
        .ecn = h->tos & 3,
        .more = be16_has(h->fragment, IP4_MF),
    };
    if (!bytes || (out->more && bytes % 8) || ip4_length(h) != buffer_packet_len(b) ||
        out->first + bytes > IP4_DATAGRAM_PAYLOAD_MAX)
        return REASS_MALFORMED;
    return REASS_WHOLE;
}

static bool ip4_reass_finish(struct buffer *b, u32 payload_bytes, bool congested)
{
    struct ip4_header *h = buffer_current(b);
    u32 length = ip4_header_bytes(h) + payload_bytes;

    if (length > IP4_LENGTH_MAX_BYTES)
        return false;
    if (congested)
        h->tos |= 3;
    h->length = be16_from_host((u16)length);
    h->fragment = (be16){0};
    ip4_set_checksum(h);
    return true;
}

const struct reass_protocol ip4_reass_protocol = {
    .name = "ip4-reassembly",
    .key_words = 2,
    .read = ip4_reass_read,
    .finish = ip4_reass_finish,
};
