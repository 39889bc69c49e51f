/* Putting a packet behind a tunnel's header; see encap.h. */
#include <string.h>

#include "engine/thread.h"
#include "net/ip/fib/encap.h"
#include "net/ip/fib/fib_data.h"
#include "net/link/gso/gso.h"
#include "net/packet/chain.h"
#include "net/packet/flow_hash.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/ip6_packet.h"

#define L2_ROOM_BYTES FIB_LINK_HEADER_BYTES_MAX /* for what is put in front of all that */
#define TUNNELS_MOST 8                          /* headers that a packet may be put behind */
#define PORT_FIRST 0xc000                       /* of those that tell flows apart (RFC 6335) */

#define ECN_MASK 3

/* The last IPv4 identifier, by thread. */
static struct {
    u32 id;
} CACHE_ALIGNED encap_ids[THREADS_MAX];

static bool encap_packet_is_open(const struct buffer *b)
{
    return b->flags & (BUFFER_GSO | BUFFER_CSUM_PARTIAL);
}

/* What is open of b can stay open, and be told, behind one more header. */
static bool can_stay_open(const struct buffer *b, const struct encap *e)
{
    int l4 = b->csum_start - b->start;
    bool is_here = l4 >= 0 && l4 + b->csum_offset + 2 <= b->len;
    /* the sum over a tunnel's UDP is made of words, up to there */
    bool is_even = !e->udp || !((l4 + e->len - e->udp) & 1);
    return !(b->flags & BUFFER_TUNNEL) && !(e->flags & ENCAP_NUMBERS) && is_here && is_even;
}

bool encap_must_cut(const struct buffer *b, const struct encap *e)
{
    return (b->flags & BUFFER_GSO) &&
           (!can_stay_open(b, e) || buffer_packet_len(b) + e->len > IP4_LENGTH_MAX_BYTES);
}

/* --- the header's words --- */

/* What the inner packet's header has: traffic class, and DF. */
struct inner {
    u8 tos;
    bool has_df;
};

static struct inner inner_of(const struct buffer *b, enum ip_family f)
{
    const struct ip4_header *h4 = buffer_current(b);
    const struct ip6_header *h6 = buffer_current(b);
    if (f == IP_FAMILY_4)
        return (struct inner){h4->tos, be16_has(h4->fragment, IP4_DF)};
    if (f == IP_FAMILY_6)
        return (struct inner){ip6_traffic_class(h6), true};
    return (struct inner){0};
}

/* The outer traffic class, from the template's and the inner one. */
static u8 outer_tos(const struct encap *e, u8 template, struct inner in)
{
    u8 tos = template;
    if (e->flags & ENCAP_DSCP)
        tos = (u8)((tos & ECN_MASK) | (in.tos & ~ECN_MASK));
    if (e->flags & ENCAP_ECN)
        tos = (u8)((tos & ~ECN_MASK) | (in.tos & ECN_MASK));
    return tos;
}

static u32 n_segments_about(const struct buffer *b, u32 payload)
{
    return b->flags & BUFFER_GSO && b->gso_size ? payload / b->gso_size + 1 : 1;
}

static void encap_packet_set_ip4(const struct encap *e, struct thread *t, const struct buffer *b,
                                 u32 payload, struct inner in)
{
    struct ip4_header *h = buffer_current(b);
    u32 *id = &encap_ids[thread_index(t)].id;
    h->tos = outer_tos(e, h->tos, in);
    h->length = be16_from_host((u16)(e->len + payload));
    h->id = be16_from_host((u16)(*id + 1));
    *id += n_segments_about(b, payload);
    if ((e->flags & ENCAP_DF) && in.has_df)
        h->fragment = be16_from_host(IP4_DF);
    ip4_set_checksum(h);
}

static void encap_packet_set_ip6(const struct encap *e, const struct buffer *b, u32 payload,
                                 struct inner in, u32 hash)
{
    struct ip6_header *h = buffer_current(b);
    h->payload_length = be16_from_host((u16)(e->len - sizeof(*h) + payload));
    if (e->flags & (ENCAP_DSCP | ENCAP_ECN))
        ip6_set_traffic_class(h, outer_tos(e, ip6_traffic_class(h), in));
    if (e->flags & ENCAP_ENTROPY) /* RFC 6438 */
        h->version_class_flow =
            be32_from_host((be32_to_host(h->version_class_flow) & ~0xfffffu) | (hash & 0xfffff));
}

static u64 udp_pseudo_sum(const struct encap *e, const struct buffer *b, u32 udp_bytes)
{
    const struct ip4_header *h4 = buffer_current(b);
    const struct ip6_header *h6 = buffer_current(b);
    return e->is_ip6 ? csum_pseudo_ip6(h6->src, h6->dst, IP_PROTOCOL_UDP, udp_bytes)
                     : csum_pseudo_ip4(h4->src, h4->dst, IP_PROTOCOL_UDP, udp_bytes);
}

/* Over a packet whose own checksum is open: as if it were made. */
static u64 udp_sum(const struct buffer *b, u32 udp, u32 udp_bytes)
{
    u32 l4 = (u32)(b->csum_start - b->start);
    if (!(b->flags & BUFFER_CSUM_PARTIAL))
        return csum_add_chain(0, b, udp, udp_bytes);
    u64 pseudo = load_u16((const u8 *)buffer_current(b) + l4 + b->csum_offset);
    return csum_add_chain(0, b, udp, l4 - udp) + csum_of_finished(pseudo);
}

static void set_udp(const struct encap *e, const struct buffer *b, u32 payload, u32 hash)
{
    struct udp_header *h = (struct udp_header *)((u8 *)buffer_current(b) + e->udp);
    u32 bytes = e->len - e->udp + payload;
    h->length = be16_from_host((u16)bytes);
    if (e->flags & ENCAP_ENTROPY)
        h->src_port = be16_from_host((u16)(PORT_FIRST | (hash & (u16)~PORT_FIRST)));
    h->checksum = (be16){0};
    if (!(e->flags & ENCAP_UDP_SUM))
        return;
    /* of segments each has its own; here it only says that they shall */
    h->checksum = b->flags & BUFFER_GSO
                      ? (be16){UINT16_MAX}
                      : csum_finish_udp(udp_pseudo_sum(e, b, bytes) + udp_sum(b, e->udp, bytes));
}

/* --- a packet --- */

/* Finishes what cannot stay open. */
static bool encap_close(struct buffer *b, const struct encap *e)
{
    if (!encap_packet_is_open(b) || can_stay_open(b, e))
        return true;
    return !(b->flags & BUFFER_GSO) && csum_complete(b);
}

static void encap_packet_set_metadata(struct buffer *b, const struct encap *e, enum ip_family f,
                                      i16 inner_l3)
{
    u32 gone = BUFFER_IS_IP4 | BUFFER_IS_IP6 | BUFFER_CSUM_VALID | BUFFER_IN_FIB | BUFFER_TUNNEL |
               BUFFER_LINK_GROUP;
    if (encap_packet_is_open(b))
        b->inner_l3_start = inner_l3;
    b->flags &= ~gone;
    b->flags |= BUFFER_LOCAL | (e->is_ip6 ? BUFFER_IS_IP6 : BUFFER_IS_IP4);
    if (encap_packet_is_open(b))
        b->flags |= BUFFER_TUNNEL;
    b->l2_start = b->l3_start = b->start;
    b->l4_start = (i16)(b->start + e->l4);
}

enum encap_error encap_packet(struct thread *t, struct buffer *b, const struct encap *e,
                              enum ip_family f, u32 hash)
{
    struct ip_scratch *s = ip_scratch(b);
    u8 tunnels = b->flags & BUFFER_LOCAL ? (u8)(s->tunnels + 1) : 1;
    u32 payload = buffer_packet_len(b);
    if (tunnels > TUNNELS_MOST)
        return ENCAP_ERR_LOOP;
    if (payload + e->len > IP4_LENGTH_MAX_BYTES)
        return ENCAP_ERR_TOO_LONG;
    if (buffer_is_shared(b) || !encap_close(b, e))
        return ENCAP_ERR_OPEN;
    if (chain_make_room(t, b, e->len + L2_ROOM_BYTES))
        return ENCAP_ERR_NO_ROOM;

    if (!hash && (e->flags & ENCAP_ENTROPY))
        hash = buffer_flow_hash(b, f != IP_FAMILY_N);
    struct inner in = inner_of(b, f);
    i16 inner_l3 = f == IP_FAMILY_N ? b->l3_start : b->start;
    buffer_advance(b, -(int)e->len);
    memcpy(buffer_current(b), e->header, e->len);
    if (e->is_ip6)
        encap_packet_set_ip6(e, b, payload, in, hash);
    else
        encap_packet_set_ip4(e, t, b, payload, in);
    if (e->fixup)
        e->fixup(b, e, payload);
    if (e->udp)
        set_udp(e, b, payload, hash);
    encap_packet_set_metadata(b, e, f, inner_l3);
    s->lb.i = e->lb;
    s->fib.i = e->fib;
    s->flow_hash = hash;
    s->tunnels = tunnels;
    return ENCAP_OK;
}
