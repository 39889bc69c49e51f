/* Fragments of IPv4, for reass.h. Source: RFC 791 3.1, RFC 3168 5.3. */
#include "net/ip/reass/reass.h"

#include "net/ip/ip4/ip4_errors.h"
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

static u64 ip4_reass_mix(const struct buffer *b, u64 seed)
{
    const struct ip4_header *h = buffer_current(b);
    u64 x = (((u64)h->src.raw << 32 | h->dst.raw) ^ seed) * 0x9e3779b97f4a7c15ull;
    return (x ^ x >> 29 ^ ((u64)h->id.raw << 8 | h->protocol)) * 0xbf58476d1ce4e5b9ull;
}

const struct reass_protocol ip4_reass_protocol = {
    .name = "ip4-reassembly",
    .key_words = 2,
    .error_of =
        {
            [REASS_DUPLICATE] = IP4_ERROR_REASS_DUPLICATE_FRAGMENT,
            [REASS_OVERLAP] = IP4_ERROR_REASS_OVERLAP,
            [REASS_MALFORMED] = IP4_ERROR_REASS_MALFORMED_PACKET,
            [REASS_NO_UPPER] = IP4_ERROR_REASS_MALFORMED_PACKET,
            [REASS_TOO_MANY] = IP4_ERROR_REASS_FRAGMENT_CHAIN_TOO_LONG,
            [REASS_LIMIT] = IP4_ERROR_REASS_LIMIT_REACHED,
            [REASS_TIMEOUT] = IP4_ERROR_REASS_TIMEOUT,
            [REASS_TIMEOUT_FIRST] = IP4_ERROR_REASS_TIMEOUT,
            [REASS_NO_BUFFER] = IP4_ERROR_REASS_NO_BUF,
        },
    .congestion = IP4_ERROR_REASS_CONGESTION,
    .mix = ip4_reass_mix,
    .read = ip4_reass_read,
    .finish = ip4_reass_finish,
};
