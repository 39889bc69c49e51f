/* Segmentation and checksums in software; see gso.h. */
#include "net/link/gso/gso.h"

#include <string.h>

#include "base/byteorder.h"
#include "net/packet/chain.h"
#include "net/packet/checksum.h"
#include "net/packet/ip4_packet.h"

#define IP6_HEADER_BYTES 40
/* Layer 2 with its tags, the headers of a tunnel with options, layer 2 again, IP with options or
 * extensions, TCP with options. */
#define HEADERS_MAX_BYTES 512

/* A packet to cut, checked. */
struct gso {
    const struct buffer *b;
    bool is_ip6, is_udp;
    u8 headers[HEADERS_MAX_BYTES];
    u32 outer_l3, outer_udp;  /* offsets in headers. Without a tunnel l3; 0 for none */
    u32 l3, l4, header_bytes; /* offsets in headers */
    u32 payload_bytes, n_segments;
};

/* --- checking --- */

static bool check_ip4(const struct gso *g)
{
    const struct ip4_header *h = (const struct ip4_header *)(g->headers + g->l3);
    return h->version_ihl >> 4 == 4 && ip4_header_bytes(h) == g->l4 - g->l3 &&
           !ip4_is_fragment(h) && h->protocol == (g->is_udp ? IP_PROTOCOL_UDP : IP_PROTOCOL_TCP);
}

/* Behind the IPv6 header at l3 and its extensions, which end by `end`: where, and which protocol;
 * 0 when they do not. */
static u32 skip_ip6(const struct gso *g, u32 l3, u32 end, u8 *protocol)
{
    u32 at = l3 + IP6_HEADER_BYTES;

    *protocol = g->headers[l3 + 6];
    while (*protocol == IP_PROTOCOL_HOP_BY_HOP || *protocol == IP_PROTOCOL_IP6_ROUTE ||
           *protocol == IP_PROTOCOL_IP6_DESTINATION) {
        if (at + 8 > end)
            return 0;
        *protocol = g->headers[at];
        at += (g->headers[at + 1] + 1u) * 8;
    }
    return at <= end ? at : 0;
}

/* That the extension headers lead to the L4 header. */
static bool check_ip6(const struct gso *g)
{
    u8 protocol;
    return g->headers[g->l3] >> 4 == 6 && skip_ip6(g, g->l3, g->l4, &protocol) == g->l4 &&
           protocol == (g->is_udp ? IP_PROTOCOL_UDP : IP_PROTOCOL_TCP);
}

/* Behind the tunnel's IP header; 0 when that is none, or not before the inner one. */
static u32 skip_outer_ip(const struct gso *g, u8 *protocol)
{
    const struct ip4_header *h = (const struct ip4_header *)(g->headers + g->outer_l3);
    u32 room = g->l3 - g->outer_l3;

    if (h->version_ihl >> 4 == 6 && room >= IP6_HEADER_BYTES)
        return skip_ip6(g, g->outer_l3, g->l3, protocol);
    if (h->version_ihl >> 4 != 4 || room < sizeof(*h) || ip4_header_bytes(h) < sizeof(*h) ||
        ip4_header_bytes(h) > room || ip4_is_fragment(h))
        return 0;
    *protocol = h->protocol;
    return g->outer_l3 + ip4_header_bytes(h);
}

/* That the tunnel's headers can be repeated: nothing in them counts or sums up what follows, but
 * what set_outer sets. */
static bool check_outer(struct gso *g)
{
    u8 protocol;
    u32 at = skip_outer_ip(g, &protocol);

    if (!at)
        return false;
    switch (protocol) {
    case IP_PROTOCOL_UDP:
        g->outer_udp = at;
        /* the sum is made in words */
        return at + sizeof(struct udp_header) <= g->l3 && !((g->l4 - at) & 1);
    case IP_PROTOCOL_GRE:
        return at + 4 <= g->l3 &&
               !(get_be16(g->headers + at) & (GRE_CHECKSUM_PRESENT | GRE_SEQUENCE_PRESENT));
    case IP_PROTOCOL_IP_IN_IP:
    case IP_PROTOCOL_IP6:
        return at == g->l3;
    default:
        return false;
    }
}

static bool check_l4(struct gso *g, u32 packet_bytes)
{
    u32 l4_bytes = sizeof(struct udp_header);

    if (!g->is_udp) {
        if (g->l4 + sizeof(struct tcp_header) > HEADERS_MAX_BYTES)
            return false;
        l4_bytes = tcp_header_bytes((const struct tcp_header *)(g->headers + g->l4));
        if (l4_bytes < sizeof(struct tcp_header))
            return false;
    }
    g->header_bytes = g->l4 + l4_bytes;
    if (g->header_bytes > HEADERS_MAX_BYTES || g->header_bytes >= packet_bytes)
        return false;
    g->payload_bytes = packet_bytes - g->header_bytes;
    /* a segment must fit its own length fields */
    return g->header_bytes - g->outer_l3 + (u32)g->b->gso_size <= IP4_LENGTH_MAX_BYTES;
}

static bool gso_begin(struct gso *g, const struct buffer *b)
{
    u32 packet_bytes = buffer_packet_len(b);
    bool in_tunnel = b->flags & BUFFER_TUNNEL;
    int outer_l3 = b->l3_start - b->start, l4 = b->csum_start - b->start;
    int l3 = in_tunnel ? b->inner_l3_start - b->start : outer_l3;

    g->b = b;
    g->is_udp = b->flags & BUFFER_GSO_UDP;
    if (!(b->flags & BUFFER_GSO) || !b->gso_size || outer_l3 < 0 || l3 < outer_l3 ||
        l4 > HEADERS_MAX_BYTES - 8)
        return false;
    u32 got = buffer_copy_out(b, 0, g->headers, HEADERS_MAX_BYTES);
    memset(g->headers + got, 0, HEADERS_MAX_BYTES - got);
    if (l3 >= HEADERS_MAX_BYTES)
        return false;
    /* virtio does not tell for UDP, so the header does */
    g->is_ip6 = g->headers[l3] >> 4 == 6;
    if (l4 < l3 + (g->is_ip6 ? IP6_HEADER_BYTES : (int)sizeof(struct ip4_header)))
        return false;
    g->outer_l3 = (u32)outer_l3;
    g->outer_udp = 0;
    g->l3 = (u32)l3;
    g->l4 = (u32)l4;
    if (!check_l4(g, packet_bytes) || (g->is_ip6 ? !check_ip6(g) : !check_ip4(g)) ||
        (in_tunnel && !check_outer(g)))
        return false;
    g->n_segments = (g->payload_bytes + b->gso_size - 1) / b->gso_size;
    return true;
}

u32 gso_n_segments(const struct buffer *b)
{
    struct gso g;
    return gso_begin(&g, b) && g.n_segments <= GSO_SEGMENTS_MAX ? g.n_segments : 0;
}

/* --- cutting --- */

static void set_ip4(u8 *l3, u32 l3_bytes, u32 segment)
{
    struct ip4_header *h = (struct ip4_header *)l3;
    h->length = be16_from_host((u16)l3_bytes);
    h->id = be16_from_host((u16)(be16_to_host(h->id) + segment));
    ip4_set_checksum(h);
}

static void set_ip6(u8 *l3, u32 l3_bytes)
{
    put_be16(l3 + 4, (u16)(l3_bytes - IP6_HEADER_BYTES));
}

static void set_ip(u8 *l3, u32 l3_bytes, u32 segment)
{
    if (l3[0] >> 4 == 6)
        set_ip6(l3, l3_bytes);
    else
        set_ip4(l3, l3_bytes, segment);
}

static u64 pseudo_sum(const u8 *l3, u8 protocol, u32 l4_bytes)
{
    return l3[0] >> 4 == 6
               ? csum_pseudo_ip6(l3 + 8, l3 + 24, protocol, l4_bytes)
               : csum_pseudo_ip4(load_be32(l3 + 12), load_be32(l3 + 16), protocol, l4_bytes);
}

static void set_tcp(const struct gso *g, u8 *l4, u32 segment)
{
    struct tcp_header *h = (struct tcp_header *)l4;
    h->seq = be32_from_host(be32_to_host(h->seq) + segment * g->b->gso_size);
    if (segment > 0)
        h->flags &= (u8)~TCP_CWR; /* RFC 3168 6.1.2: said once */
    if (segment + 1 < g->n_segments)
        h->flags &= (u8) ~(TCP_FIN | TCP_PSH);
}

/* Sum over a whole segment's L4 part; seg begins at the layer 2 header. Returns the sum of what its
 * checksum is of: what a header in front adds for it. */
static u64 set_l4_checksum(const struct gso *g, struct buffer *seg, u32 l4_bytes)
{
    u8 *l3 = (u8 *)buffer_current(seg) + g->l3, *l4 = (u8 *)buffer_current(seg) + g->l4;
    u8 *field = l4 + (g->is_udp ? offsetof(struct udp_header, checksum)
                                : offsetof(struct tcp_header, checksum));
    u64 pseudo = pseudo_sum(l3, g->is_udp ? IP_PROTOCOL_UDP : IP_PROTOCOL_TCP, l4_bytes);

    store_u16(field, 0);
    u64 sum = csum_add_chain(pseudo, seg, g->l4, l4_bytes);
    store_be16(field, g->is_udp ? csum_finish_udp(sum) : csum_finish(sum));
    return csum_of_finished(pseudo);
}

/* Lengths and sums of what is in front of the inner packet, whose L4 part sums up to inner_sum. */
static void set_outer(const struct gso *g, struct buffer *seg, u32 segment, u64 inner_sum)
{
    u8 *p = buffer_current(seg), *l3 = p + g->outer_l3;
    u32 bytes = buffer_packet_len(seg);

    set_ip(l3, bytes - g->outer_l3, segment);
    if (!g->outer_udp)
        return;
    struct udp_header *udp = (struct udp_header *)(p + g->outer_udp);
    u32 udp_bytes = bytes - g->outer_udp;
    bool wanted = !be16_is_zero(udp->checksum);
    udp->length = be16_from_host((u16)udp_bytes);
    udp->checksum = (be16){0};
    if (wanted)
        udp->checksum = csum_finish_udp(csum_add(
            pseudo_sum(l3, IP_PROTOCOL_UDP, udp_bytes) + inner_sum, udp, g->l4 - g->outer_udp));
}

static void set_metadata(const struct gso *g, struct buffer *seg)
{
    const struct buffer *b = g->b;
    i16 moved = (i16)(seg->start - b->start);

    seg->flags |= b->flags & ~(u32)(BUFFER_NEXT | BUFFER_TRACED | BUFFER_GSO | BUFFER_GSO_IP6 |
                                    BUFFER_GSO_UDP | BUFFER_CSUM_PARTIAL | BUFFER_TUNNEL);
    seg->rx_if = b->rx_if;
    seg->tx_if = b->tx_if;
    seg->l2_start = (i16)(b->l2_start + moved);
    seg->l3_start = (i16)(b->l3_start + moved);
    seg->l4_start = (i16)(b->csum_start + moved);
    seg->flow_hash = b->flow_hash;
    seg->feature = b->feature;
    memcpy(seg->scratch, b->scratch, sizeof(seg->scratch));
}

/* Returns its index; BUFFER_NONE when there are no buffers. */
static u32 segment_make(struct thread *t, const struct gso *g, u32 segment)
{
    u32 at = segment * g->b->gso_size;
    u32 bytes = g->payload_bytes - at < g->b->gso_size ? g->payload_bytes - at : g->b->gso_size;
    u32 l4_bytes = g->header_bytes - g->l4 + bytes, bi;

    if (!buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1))
        return BUFFER_NONE;
    struct buffer *seg = buffer_at(bi);
    if (buffer_append(t, seg, g->headers, g->header_bytes) || seg->len < g->header_bytes ||
        chain_append(t, seg, g->b, g->header_bytes + at, bytes)) {
        buffer_free_one(t, bi);
        return BUFFER_NONE;
    }
    set_metadata(g, seg);
    u8 *l3 = (u8 *)buffer_current(seg) + g->l3, *l4 = (u8 *)buffer_current(seg) + g->l4;
    set_ip(l3, g->l4 - g->l3 + l4_bytes, segment);
    if (g->is_udp)
        ((struct udp_header *)l4)->length = be16_from_host((u16)l4_bytes);
    else
        set_tcp(g, l4, segment);
    u64 inner_sum = set_l4_checksum(g, seg, l4_bytes);
    if (g->b->flags & BUFFER_TUNNEL)
        set_outer(g, seg, segment, inner_sum);
    return bi;
}

u32 gso_segment(struct thread *t, const struct buffer *b, u32 *out_bi, u32 max)
{
    struct gso g;

    if (!gso_begin(&g, b) || g.n_segments > max)
        return 0;
    for (u32 i = 0; i < g.n_segments; i++) {
        out_bi[i] = segment_make(t, &g, i);
        if (out_bi[i] == BUFFER_NONE) {
            buffer_free(t, out_bi, i);
            return 0;
        }
    }
    return g.n_segments;
}

/* --- checksum --- */

bool csum_complete(struct buffer *b)
{
    int from = b->csum_start - b->start, field = from + b->csum_offset;

    if (!(b->flags & BUFFER_CSUM_PARTIAL))
        return true;
    if (from < 0 || field + 2 > (int)b->len || b->refs > 1)
        return false;
    /* the field holds the pseudo-header's sum, which is part of the whole */
    u64 sum = csum_add_chain(0, b, (u32)from, buffer_packet_len(b) - (u32)from);
    /* never 0: for TCP the same value, for UDP the only one that is a checksum */
    store_be16((u8 *)buffer_current(b) + field, csum_finish_udp(sum));
    b->flags &= ~(u32)BUFFER_CSUM_PARTIAL;
    return true;
}
