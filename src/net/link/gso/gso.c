/* Segmentation and checksums in software; see gso.h. */
#include "net/link/gso/gso.h"

#include <string.h>

#include "base/byteorder.h"
#include "net/packet/chain.h"
#include "net/packet/checksum.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/layers.h"

/* Layer 2 with its tags, the headers of a tunnel with options, layer 2 again, IP with options or
 * extensions, TCP with options. */
#define HEADERS_MAX_BYTES 512

/* RFC 2675: an option of 6 bytes in an extension header of 8. */
#define JUMBO_OPTION 0xc2
#define JUMBO_BYTES 8
#define GRE_SUM_BYTES 4 /* the checksum and what is reserved beside it */

/* A packet to cut, checked. */
struct gso {
    const struct buffer *b;
    bool is_ip6, is_udp;
    u8 headers[HEADERS_MAX_BYTES];
    u32 outer_l3, outer_udp, outer_gre; /* offsets in headers. Without a tunnel l3; 0 for none */
    u32 l3, l4, header_bytes;           /* offsets in headers */
    u32 payload_at, payload_bytes;      /* in the packet */
    u32 piece_bytes, n_pieces;          /* payload in a piece; how many these are */
};

/* --- checking --- */

static bool check_ip(const struct gso *g)
{
    struct layers l;
    return layers_find_ip(g->headers, HEADERS_MAX_BYTES, g->l3, &l) && l.l4 == g->l4 &&
           l.is_ip6 == g->is_ip6 && !l.is_fragment &&
           l.protocol == (g->is_udp ? IP_PROTOCOL_UDP : IP_PROTOCOL_TCP);
}

/* GRE whose checksum can be made anew, and that does not count. */
static bool check_gre(struct gso *g, u32 at)
{
    u16 flags = get_be16(g->headers + at);
    if (flags & GRE_SEQUENCE_PRESENT)
        return false;
    if (!(flags & GRE_CHECKSUM_PRESENT))
        return true;
    g->outer_gre = at;
    return at + 4 + GRE_SUM_BYTES <= g->l3 && !((g->l4 - at) & 1);
}

/* That the tunnel's headers can be repeated: nothing in them counts or sums up what follows, but
 * what set_outer sets. */
static bool check_outer(struct gso *g)
{
    struct layers l;
    if (!layers_find_ip(g->headers, g->l3, g->outer_l3, &l) || l.is_fragment)
        return false;
    switch (l.protocol) {
    case IP_PROTOCOL_UDP:
        g->outer_udp = l.l4;
        /* the sum is made in words */
        return l.l4 + sizeof(struct udp_header) <= g->l3 && !((g->l4 - l.l4) & 1);
    case IP_PROTOCOL_GRE:
        return l.l4 + 4 <= g->l3 && check_gre(g, l.l4);
    case IP_PROTOCOL_IP_IN_IP:
    case IP_PROTOCOL_IP6:
        return l.l4 == g->l3;
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
    g->payload_at = g->header_bytes;
    g->payload_bytes = packet_bytes - g->header_bytes;
    /* a segment must fit its own length fields */
    return g->header_bytes - g->outer_l3 + (u32)g->b->gso_size <= IP4_LENGTH_MAX_BYTES;
}

static void set_pieces(struct gso *g, u32 piece_bytes)
{
    g->piece_bytes = piece_bytes;
    g->n_pieces = (g->payload_bytes + piece_bytes - 1) / piece_bytes;
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
    g->outer_udp = g->outer_gre = 0;
    g->l3 = (u32)l3;
    g->l4 = (u32)l4;
    if (!check_l4(g, packet_bytes) || !check_ip(g) || (in_tunnel && !check_outer(g)))
        return false;
    set_pieces(g, b->gso_size);
    return true;
}

u32 gso_n_segments(const struct buffer *b)
{
    struct gso g;
    return gso_begin(&g, b) && g.n_pieces <= GSO_SEGMENTS_MAX ? g.n_pieces : 0;
}

/* --- cutting --- */

static void gso_set_ip4(u8 *l3, u32 l3_bytes, u32 segment)
{
    struct ip4_header *h = (struct ip4_header *)l3;
    h->length = be16_from_host((u16)l3_bytes);
    h->id = be16_from_host((u16)(be16_to_host(h->id) + segment));
    ip4_set_checksum(h);
}

static void gso_set_ip6(u8 *l3, u32 l3_bytes)
{
    put_be16(l3 + 4, (u16)(l3_bytes - IP6_HEADER_BYTES));
}

static void set_ip(u8 *l3, u32 l3_bytes, u32 segment)
{
    if (l3[0] >> 4 == 6)
        gso_set_ip6(l3, l3_bytes);
    else
        gso_set_ip4(l3, l3_bytes, segment);
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
    h->seq = be32_from_host(be32_to_host(h->seq) + segment * g->piece_bytes);
    if (segment > 0)
        h->flags &= (u8)~TCP_CWR; /* RFC 3168 6.1.2: said once */
    if (segment + 1 < g->n_pieces)
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
    if (g->outer_gre) {
        u8 *gre = p + g->outer_gre;
        store_u32(gre + 4, 0);
        store_be16(gre + 4, csum_finish(csum_add(inner_sum, gre, g->l4 - g->outer_gre)));
    }
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

static void gso_set_metadata(const struct gso *g, struct buffer *seg)
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

/* The headers and a piece of the payload, in a buffer of that pool and what more it takes. */
static u32 piece_copy(struct thread *t, const struct gso *g, u32 at, u32 bytes, u32 pool)
{
    u32 bi;
    if (!buffer_alloc(t, pool, &bi, 1))
        return BUFFER_NONE;
    struct buffer *seg = buffer_at(bi);
    if (buffer_append(t, seg, g->headers, g->header_bytes) || seg->len < g->header_bytes ||
        chain_append(t, seg, g->b, g->payload_at + at, bytes)) {
        buffer_free_one(t, bi);
        return BUFFER_NONE;
    }
    gso_set_metadata(g, seg);
    return bi;
}

static u32 payload_of(const struct gso *g, u32 piece)
{
    return (u32)min_u64(g->payload_bytes - piece * g->piece_bytes, g->piece_bytes);
}

/* Returns its index; BUFFER_NONE when there are no buffers. */
static u32 segment_make(struct thread *t, const struct gso *g, u32 segment)
{
    u32 bytes = payload_of(g, segment), l4_bytes = g->header_bytes - g->l4 + bytes;
    u32 bi = piece_copy(t, g, segment * g->piece_bytes, bytes, BUFFER_POOL_DEFAULT);
    if (bi == BUFFER_NONE)
        return bi;
    struct buffer *seg = buffer_at(bi);
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

    if (!gso_begin(&g, b) || g.n_pieces > max)
        return 0;
    for (u32 i = 0; i < g.n_pieces; i++) {
        out_bi[i] = segment_make(t, &g, i);
        if (out_bi[i] == BUFFER_NONE) {
            buffer_free(t, out_bi, i);
            return 0;
        }
    }
    return g.n_pieces;
}

/* --- packets that are longer than IP can say --- */

/* IPv6 says so in an option (RFC 2675), which the pieces do not have. */
static void drop_jumbo(struct gso *g)
{
    u8 *ip = g->headers + g->l3, *option = ip + IP6_HEADER_BYTES;
    if (!g->is_ip6 || ip[6] != IP_PROTOCOL_HOP_BY_HOP || option[1] || option[2] != JUMBO_OPTION)
        return;
    ip[6] = option[0];
    memmove(option, option + JUMBO_BYTES, g->header_bytes - g->l3 - IP6_HEADER_BYTES - JUMBO_BYTES);
    g->l4 -= JUMBO_BYTES;
    g->header_bytes -= JUMBO_BYTES;
}

/* A piece that is to be cut in its turn, or the last, which may be short. */
static u32 part_make(struct thread *t, const struct gso *g, u32 part)
{
    u32 bytes = payload_of(g, part), l4_bytes = g->header_bytes - g->l4 + bytes;
    u32 bi = piece_copy(t, g, part * g->piece_bytes, bytes, BUFFER_POOL_LARGE);
    if (bi == BUFFER_NONE)
        return bi;
    struct buffer *b = buffer_at(bi);
    u8 *l3 = (u8 *)buffer_current(b) + g->l3, *l4 = (u8 *)buffer_current(b) + g->l4;
    set_ip(l3, g->l4 - g->l3 + l4_bytes, part * (g->piece_bytes / g->b->gso_size));
    set_tcp(g, l4, part);
    store_u16(l4 + offsetof(struct tcp_header, checksum),
              csum_fold(pseudo_sum(l3, IP_PROTOCOL_TCP, l4_bytes)));
    b->flags |= BUFFER_CSUM_PARTIAL;
    if (bytes > g->b->gso_size)
        b->flags |= g->b->flags & (BUFFER_GSO | BUFFER_GSO_IP6);
    b->csum_start = b->l4_start = (i16)(b->start + (int)g->l4);
    b->csum_offset = offsetof(struct tcp_header, checksum);
    b->gso_size = g->b->gso_size;
    b->gso_l4_len = g->b->gso_l4_len;
    return bi;
}

u32 gso_split(struct thread *t, const struct buffer *b, u32 *out_bi, u32 max)
{
    struct gso g;
    if (!gso_begin(&g, b) || g.is_udp || (b->flags & BUFFER_TUNNEL))
        return 0;
    drop_jumbo(&g);
    u32 room = GSO_BYTES_MAX - (g.header_bytes - g.l3);
    if (b->gso_size > room)
        return 0;
    set_pieces(&g, room / b->gso_size * b->gso_size);
    if (g.n_pieces > max)
        return 0;
    for (u32 i = 0; i < g.n_pieces; i++) {
        out_bi[i] = part_make(t, &g, i);
        if (out_bi[i] == BUFFER_NONE) {
            buffer_free(t, out_bi, i);
            return 0;
        }
    }
    return g.n_pieces;
}

/* --- checksum --- */

bool csum_complete(struct buffer *b)
{
    int from = b->csum_start - b->start, field = from + b->csum_offset;

    if (!(b->flags & BUFFER_CSUM_PARTIAL))
        return true;
    if (from < 0 || field + 2 > (int)b->len || buffer_is_shared(b))
        return false;
    /* the field holds the pseudo-header's sum, which is part of the whole */
    u64 sum = csum_add_chain(0, b, (u32)from, buffer_packet_len(b) - (u32)from);
    /* never 0: for TCP the same value, for UDP the only one that is a checksum */
    store_be16((u8 *)buffer_current(b) + field, csum_finish_udp(sum));
    b->flags &= ~(u32)BUFFER_CSUM_PARTIAL;
    return true;
}
