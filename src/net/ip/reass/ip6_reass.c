/* Fragments of IPv6, for reass.h: l4_start is the fragment header. Source: RFC 8200 4.5, RFC 7112
 * (the first one has all headers), RFC 6980, RFC 3168 5.3. */
#include "net/ip/reass/reass.h"

#include <string.h>

#include "net/ip/ip6/ip6_errors.h"
#include "net/ip/reass/ip6_fragment.h"
#include "net/packet/nd_packet.h"

#define IP6_PAYLOAD_MAX UINT16_MAX

static bool ip6_fragment_unread(struct buffer *b)
{
    b->l4_start = b->start;
    return true;
}

bool ip6_fragment_find(struct thread *t, struct buffer *b)
{
    const u8 *packet = buffer_current(b);
    u8 protocol = ((const struct ip6_header *)(const void *)packet)->protocol;
    u32 at = sizeof(struct ip6_header), length = ip6_length((const struct ip6_header *)packet);
    for (u32 k = 0; k < IP6_REASS_HEADERS_MAX && ip6_is_extension(protocol); k++) {
        if (at + 8 > length)
            return false;
        if (!buffer_pull(t, b, at + 8))
            return ip6_fragment_unread(b);
        packet = buffer_current(b);
        protocol = packet[at];
        at += (packet[at + 1] + 1u) * 8;
    }
    if (protocol != IP_PROTOCOL_IP6_FRAGMENT || at + 8 > length)
        return false;
    if (!buffer_pull(t, b, at + 8))
        return ip6_fragment_unread(b);
    b->l4_start = (i16)(b->start + (int)at);
    return be16_has(ip6_fragment_of(b)->offset_more, 0xfff9);
}

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

bool ip6_upper_find(const struct buffer *b, u32 end, u32 *at, u8 *protocol)
{
    u8 header[2];
    while (ip6_is_extension(*protocol)) {
        if (*at + 8 > end || buffer_copy_out(b, *at, header, sizeof(header)) != sizeof(header))
            return false;
        *protocol = header[0];
        *at += (header[1] + 1u) * 8;
    }
    return *at <= end;
}

/* Neighbour discovery comes whole (RFC 6980 5), and by its hop limit it is no transit. */
static bool ip6_reass_is_discovery(const struct buffer *b, u32 at, u8 protocol)
{
    const struct ip6_header *h = buffer_current(b);
    u8 type;
    return protocol == IP_PROTOCOL_ICMP6 && h->hop_limit == ND_HOP_LIMIT &&
           buffer_copy_out(b, at, &type, 1) == 1 && type >= ICMP6_ROUTER_SOLICITATION &&
           type <= ICMP6_REDIRECT;
}

/* What is wrong with a first fragment: the headers behind that header, up to the upper layer's, are
 * within. REASS_WHOLE: nothing. */
static enum reass_fate ip6_reass_check_first(const struct buffer *b, u32 at, u8 protocol, u32 bytes)
{
    u32 end = at + bytes;
    if (!ip6_upper_find(b, end, &at, &protocol) || at + ip6_reass_upper_bytes(protocol) > end)
        return REASS_NO_UPPER;
    return ip6_reass_is_discovery(b, at, protocol) ? REASS_MALFORMED : REASS_WHOLE;
}

static enum reass_fate ip6_reass_read(const struct buffer *b, u32 scope, struct reass_fragment *out)
{
    const struct ip6_header *h = buffer_current(b);
    u32 at = (u32)(b->l4_start - b->start);
    const struct ip6_fragment_header *f = ip6_fragment_of(b);
    u32 header_bytes = at + (u32)sizeof(*f), word = be16_to_host(f->offset_more);

    if (!at || ip6_length(h) < header_bytes || ip6_length(h) != buffer_packet_len(b))
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
    return out->first ? REASS_WHOLE
                      : ip6_reass_check_first(b, header_bytes, f->protocol, out->bytes);
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

static u64 ip6_reass_mix(const struct buffer *b, u64 seed)
{
    const struct ip6_header *h = buffer_current(b);
    u64 x = seed;
    for (u32 i = 0; i < sizeof(h->src) + sizeof(h->dst); i += 8) {
        x = (x ^ load_u64(h->src + i)) * 0x9e3779b97f4a7c15ull;
        x ^= x >> 29;
    }
    return (x ^ ip6_fragment_of(b)->id.raw) * 0xbf58476d1ce4e5b9ull;
}

const struct reass_protocol ip6_reass_protocol = {
    .name = "ip6-reassembly",
    .key_words = 5,
    .error_of =
        {
            [REASS_DUPLICATE] = IP6_ERROR_REASS_DUPLICATE_FRAGMENT,
            [REASS_OVERLAP] = IP6_ERROR_REASS_OVERLAPPING_FRAGMENT,
            [REASS_MALFORMED] = IP6_ERROR_REASS_INVALID_FRAG_LEN,
            [REASS_ODD_LENGTH] = IP6_ERROR_REASS_INVALID_FRAG_SIZE,
            [REASS_TOO_LONG] = IP6_ERROR_REASS_INVALID_FRAG_LEN,
            [REASS_NO_UPPER] = IP6_ERROR_REASS_MISSING_UPPER,
            [REASS_TOO_MANY] = IP6_ERROR_REASS_FRAGMENT_CHAIN_TOO_LONG,
            [REASS_LIMIT] = IP6_ERROR_REASS_LIMIT_REACHED,
            [REASS_TIMEOUT] = IP6_ERROR_REASS_TIMEOUT,
            [REASS_TIMEOUT_FIRST] = IP6_ERROR_REASS_TIMEOUT,
            [REASS_NO_BUFFER] = IP6_ERROR_REASS_NO_BUF,
        },
    .congestion = IP6_ERROR_REASS_CONGESTION,
    .mix = ip6_reass_mix,
    .read = ip6_reass_read,
    .finish = ip6_reass_finish,
};
