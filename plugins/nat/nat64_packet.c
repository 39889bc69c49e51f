/* See nat64_packet.h. */
#include "plugins/nat/nat64_packet.h"

#include <string.h>

#include "net/ip/reass/ip6_fragment.h"
#include "net/ip/reass/sv_reass.h"
#include "net/link/gso/gso.h"

#define ICMP_BYTES ((u32)sizeof(struct icmp_echo_header))

/* --- addresses --- */

bool nat64_is_prefix_length(u32 len)
{
    return len == 96 || (len >= 32 && len <= 64 && !(len % 8));
}

/* Where byte k of an IPv4 address is: bits 64 to 71 are left out. */
static u32 embedded_at(u32 len, u32 k)
{
    u32 at = len / 8 + k;
    return len < 96 && at >= 8 ? at + 1 : at;
}

struct ip_address nat64_embed(const struct ip_address *prefix, u32 len, be32 addr)
{
    struct ip_address a = ip_address_mask(prefix, len);
    u8 bytes[4];
    memcpy(bytes, &addr, sizeof(bytes));
    for (u32 k = 0; k < 4; k++)
        a.bytes[embedded_at(len, k)] = bytes[k];
    return a;
}

bool nat64_extract(const struct ip_address *prefix, u32 len, const u8 addr[16], be32 *out)
{
    u8 bytes[4];
    if (memcmp(prefix, addr, len / 8) != 0 || (len < 96 && addr[8]))
        return false;
    for (u32 k = 0; k < 4; k++)
        bytes[k] = addr[embedded_at(len, k)];
    *out = load_be32(bytes);
    return true;
}

/* --- what a packet is --- */

/* false: the packet ends within its headers. */
static bool nat64_find_upper(const u8 *packet, u32 bytes, struct nat64_upper *u)
{
    *u = (struct nat64_upper){.at = sizeof(struct ip6_header),
                              .protocol = ((const struct ip6_header *)packet)->protocol};
    for (u32 k = 0;; k++) {
        bool fragment = u->protocol == IP_PROTOCOL_IP6_FRAGMENT;
        if (!fragment && !ip6_is_extension(u->protocol))
            return true;
        u->mixed |= u->fragment;
        if (u->later)
            return true;
        if (k == IP6_REASS_HEADERS_MAX || u->at + 8u > bytes)
            return false;
        const u8 *h = packet + u->at;
        const struct ip6_routing_header *routing = (const struct ip6_routing_header *)h;
        const struct ip6_fragment_header *f = (const struct ip6_fragment_header *)h;
        if (u->protocol == IP_PROTOCOL_IP6_ROUTE && routing->segments_left && !u->routed_at)
            u->routed_at = (u16)(u->at + offsetof(struct ip6_routing_header, segments_left));
        u->protocol = h[0];
        u->at = (u16)(u->at + (fragment ? 8 : (h[1] + 1u) * 8));
        if (fragment) {
            u->fragment = true;
            u->piece |= be16_has(f->offset_more, 0xfff9);
            u->later = be16_has(f->offset_more, 0xfff8);
            u->offset_more = f->offset_more;
            u->id = f->id;
        }
    }
}

static bool nat64_is_echo(u8 type, bool is_ip6)
{
    return is_ip6 ? type == ICMP6_ECHO_REQUEST || type == ICMP6_ECHO_REPLY
                  : type == ICMP4_ECHO_REQUEST || type == ICMP4_ECHO_REPLY;
}

static void take_note(const struct sv_note *note, struct nat64_packet *p)
{
    p->sport = note->sport;
    p->dport = note->dport;
}

/* Ports of TCP or UDP, or an identifier for both. */
static void nat64_take_ports(const u8 *l4, u8 protocol, be16 *sport, be16 *dport)
{
    if (protocol == IP_PROTOCOL_ICMP) {
        *sport = *dport = load_be16(l4 + 4);
        return;
    }
    *sport = load_be16(l4);
    *dport = load_be16(l4 + 2);
}

/* The upper layer at l4, `bytes' of which are there, of a packet that is no later fragment, and no
 * ICMP error. */
static void parse_upper(const u8 *l4, u32 bytes, bool is_ip6, struct nat64_packet *p)
{
    bool tcp = p->protocol == IP_PROTOCOL_TCP, icmp = p->protocol == IP_PROTOCOL_ICMP;
    if (bytes < (tcp ? sizeof(struct tcp_header) : 8))
        return;
    if (icmp && !nat64_is_echo(l4[0], is_ip6)) {
        p->kind = NAT64_UNSUPPORTED;
        return;
    }
    nat64_take_ports(l4, p->protocol, &p->sport, &p->dport);
    p->kind = icmp ? NAT64_QUERY : NAT64_PORTS;
    p->tcp_flags = tcp ? l4[offsetof(struct tcp_header, flags)] : 0;
    p->asks = !tcp || (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN;
    if (icmp)
        p->asks = l4[0] == (is_ip6 ? ICMP6_ECHO_REQUEST : ICMP4_ECHO_REQUEST);
    p->no_sum = p->protocol == IP_PROTOCOL_UDP && !load_u16(l4 + 6);
}

/* Ends of the quoted packet, whose upper layer is at l4, turned around: those of the session in the
 * direction of the error. */
static void take_quoted(const u8 *l4, u32 bytes, u8 protocol, bool is_ip6, struct nat64_packet *p)
{
    bool ports = protocol == IP_PROTOCOL_TCP || protocol == IP_PROTOCOL_UDP;
    bool icmp = protocol == IP_PROTOCOL_ICMP;
    if ((ports || icmp) && bytes < 8)
        return;
    if (icmp && !nat64_is_echo(l4[0], is_ip6))
        return;
    if (ports || icmp)
        nat64_take_ports(l4, protocol, &p->dport, &p->sport);
    p->protocol = protocol;
    p->kind = NAT64_ERROR;
}

static u8 protocol_as4(u8 protocol)
{
    return protocol == IP_PROTOCOL_ICMP6 ? IP_PROTOCOL_ICMP : protocol;
}

static void nat64_parse_error6(const u8 *packet, u32 bytes, struct nat64_packet *p)
{
    u32 at = p->at + ICMP_BYTES;
    const struct ip6_header *in = (const struct ip6_header *)(packet + at);
    if (at + sizeof(*in) > bytes || !ip6_is_version(in) ||
        !nat64_find_upper(packet + at, bytes - at, &p->quoted_upper) || p->quoted_upper.later ||
        at + p->quoted_upper.at > bytes || ip6_length(in) < p->quoted_upper.at ||
        in->protocol == IP_PROTOCOL_ICMP)
        return;
    p->quoted_at = (u16)at;
    p->quoted_l4_at = (u16)(at + p->quoted_upper.at);
    p->src6 = ip6_address_of(in->dst);
    p->dst6 = ip6_address_of(in->src);
    take_quoted(packet + p->quoted_l4_at, bytes - p->quoted_l4_at,
                protocol_as4(p->quoted_upper.protocol), true, p);
}

void nat64_parse6(const u8 *packet, u32 bytes, const struct sv_note *note, struct nat64_packet *p)
{
    const struct ip6_header *ip = (const struct ip6_header *)packet;
    *p = (struct nat64_packet){
        .kind = NAT64_BAD, .src6 = ip6_address_of(ip->src), .dst6 = ip6_address_of(ip->dst)};
    if (!nat64_find_upper(packet, bytes, &p->upper) || p->upper.at > bytes ||
        p->upper.at > ip6_length(ip))
        return;
    p->at = p->upper.at;
    p->protocol = protocol_as4(p->upper.protocol);
    bytes = (u32)min_u64(bytes, ip6_length(ip));
    if (p->upper.routed_at) {
        p->kind = NAT64_SOURCE_ROUTED;
        p->at = p->upper.routed_at;
    } else if (p->upper.protocol == IP_PROTOCOL_ICMP || (p->upper.piece && p->upper.mixed)) {
        p->kind = NAT64_UNSUPPORTED; /* IPv4's own, and what has no place in its fragments */
    } else if (!nat64_has_ports(p->protocol)) {
        p->kind = NAT64_OTHER;
        p->asks = true;
    } else if (p->upper.piece && p->protocol == IP_PROTOCOL_ICMP) {
        p->kind = NAT64_ICMP_FRAGMENT;
    } else if (p->upper.later) {
        p->kind = NAT64_LATER;
        take_note(note, p);
    } else if (p->protocol == IP_PROTOCOL_ICMP && p->at + ICMP_BYTES <= bytes &&
               icmp6_is_error(packet[p->at])) {
        nat64_parse_error6(packet, bytes, p);
    } else {
        parse_upper(packet + p->at, bytes - p->at, true, p);
    }
}

static void nat64_parse_error4(const u8 *packet, u32 bytes, struct nat64_packet *p)
{
    u32 at = p->at + ICMP_BYTES;
    const struct ip4_header *in = (const struct ip4_header *)(packet + at);
    if (at + sizeof(*in) > bytes || in->version_ihl >> 4 != 4 ||
        ip4_header_bytes(in) < sizeof(*in) || at + ip4_header_bytes(in) > bytes ||
        ip4_length(in) < ip4_header_bytes(in) || ip4_fragment_offset_bytes(in) ||
        in->protocol == IP_PROTOCOL_ICMP6)
        return;
    p->quoted_at = (u16)at;
    p->quoted_l4_at = (u16)(at + ip4_header_bytes(in));
    p->src4 = in->dst;
    p->dst4 = in->src;
    take_quoted(packet + p->quoted_l4_at, bytes - p->quoted_l4_at, in->protocol, false, p);
}

void nat64_parse4(const u8 *packet, u32 bytes, const struct sv_note *note, struct nat64_packet *p)
{
    const struct ip4_header *ip = (const struct ip4_header *)packet;
    *p = (struct nat64_packet){.kind = NAT64_BAD,
                               .protocol = ip->protocol,
                               .src4 = ip->src,
                               .dst4 = ip->dst,
                               .at = (u16)ip4_header_bytes(ip)};
    if (p->at > bytes || ip4_length(ip) < p->at)
        return;
    bytes = (u32)min_u64(bytes, ip4_length(ip));
    if (ip->protocol == IP_PROTOCOL_ICMP6 || ip->protocol == IP_PROTOCOL_IP6_FRAGMENT ||
        ip6_is_extension(ip->protocol)) {
        p->kind = NAT64_UNSUPPORTED; /* IPv6's own: it would be taken for another's there */
    } else if (!nat64_has_ports(p->protocol)) {
        p->kind = NAT64_OTHER;
        p->asks = true;
    } else if (ip4_is_fragment(ip) && p->protocol == IP_PROTOCOL_ICMP) {
        p->kind = NAT64_ICMP_FRAGMENT;
    } else if (ip4_fragment_offset_bytes(ip)) {
        p->kind = NAT64_LATER;
        take_note(note, p);
    } else if (p->protocol == IP_PROTOCOL_ICMP && p->at + ICMP_BYTES <= bytes &&
               icmp4_is_error(packet[p->at])) {
        nat64_parse_error4(packet, bytes, p);
    } else {
        parse_upper(packet + p->at, bytes - p->at, false, p);
    }
    if (p->no_sum && ip4_is_fragment(ip))
        p->kind = NAT64_UNSUPPORTED; /* its sum cannot be made */
}

/* --- sums --- */

static u64 sum_of6(const u8 src[16], const u8 dst[16])
{
    return csum_pseudo_ip6(src, dst, 0, 0);
}

static u64 sum_of4(be32 src, be32 dst)
{
    return csum_pseudo_ip4(src, dst, 0, 0);
}

/* Not inlined here. */
static void rewrite_ports(u8 *l4, u32 bytes, u8 protocol, u64 addresses, be16 sport, be16 dport,
                          bool open)
{
    nat64_rewrite_ports(l4, bytes, protocol, addresses, sport, dport, open);
}

/* What nat64_rewrite_ports does, of an echo: its type, and with ICMPv6 a pseudo-header. */
static void rewrite_echo(u8 *l4, u64 pseudo6, be16 id, bool to4)
{
    static const u8 as4[] = {ICMP4_ECHO_REQUEST, ICMP4_ECHO_REPLY};
    u8 type = l4[0];
    u64 before = (u64)load_u16(l4) + load_u16(l4 + 4) + (to4 ? pseudo6 : 0);
    l4[0] = to4                          ? as4[type - ICMP6_ECHO_REQUEST]
            : type == ICMP4_ECHO_REQUEST ? ICMP6_ECHO_REQUEST
                                         : ICMP6_ECHO_REPLY;
    store_be16(l4 + 4, id);
    u64 now = (u64)load_u16(l4) + load_u16(l4 + 4) + (to4 ? 0 : pseudo6);
    store_be16(l4 + 2, csum_finish((u64)(u16)~load_u16(l4 + 2) + nat64_sum_instead(before, now)));
}

/* --- errors --- */

/* What an error becomes: type, code and the word behind the checksum. */
struct error_word {
    u8 type, code;
    u32 word; /* host order */
};

#define NOT_TOLD 255

/* RFC 7915 5.2. false: there is no such thing. */
static bool error_as4(u8 type, u8 code, u32 word, struct error_word *e)
{
    static const u8 unreachable[] = {ICMP4_HOST_UNREACHABLE, 10 /* host prohibited */,
                                     ICMP4_HOST_UNREACHABLE, ICMP4_HOST_UNREACHABLE,
                                     ICMP4_PORT_UNREACHABLE};
    static const u8 pointers[] = {0, 1, NOT_TOLD, NOT_TOLD, 2, 2, 9, 8};
    *e = (struct error_word){ICMP4_DESTINATION_UNREACHABLE, 0, 0};
    switch (type) {
    case ICMP6_DESTINATION_UNREACHABLE:
        if (code >= sizeof(unreachable))
            return false;
        e->code = unreachable[code];
        return true;
    case ICMP6_PACKET_TOO_BIG:
        e->code = ICMP4_FRAGMENTATION_NEEDED;
        word = word < IP6_MIN_MTU_BYTES ? IP6_MIN_MTU_BYTES : word;
        e->word = (u32)min_u64(word - 20, UINT16_MAX);
        return true;
    case ICMP6_TIME_EXCEEDED:
        *e = (struct error_word){ICMP4_TIME_EXCEEDED, code, 0};
        return code <= ICMP6_REASSEMBLY_TIME_EXCEEDED;
    case ICMP6_PARAMETER_PROBLEM:
        if (code == ICMP6_UNKNOWN_NEXT_HEADER) {
            e->code = ICMP4_PROTOCOL_UNREACHABLE;
            return true;
        }
        u32 pointer = word < 8 ? pointers[word] : word < 24 ? 12 : word < 40 ? 16 : NOT_TOLD;
        *e = (struct error_word){ICMP4_PARAMETER_PROBLEM, 0, pointer << 24};
        return code == ICMP6_BAD_FIELD && pointer != NOT_TOLD;
    default:
        return false;
    }
}

/* What routers mean that do not say an MTU. bytes: of the packet that was too long. RFC 1191 7. */
static u32 plateau_below(u32 bytes)
{
    static const u16 plateaus[] = {65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68};
    u32 k = 0;
    while (k + 1 < array_len(plateaus) && plateaus[k] >= bytes)
        k++;
    return plateaus[k];
}

/* RFC 7915 4.2. quoted: bytes that the quoted packet says it has. */
static bool error_as6(u8 type, u8 code, u32 word, u32 quoted, struct error_word *e)
{
    static const u8 unreachable[] = {ICMP6_NO_ROUTE,
                                     ICMP6_NO_ROUTE,
                                     NOT_TOLD,
                                     ICMP6_PORT_UNREACHABLE,
                                     NOT_TOLD,
                                     ICMP6_NO_ROUTE,
                                     ICMP6_NO_ROUTE,
                                     ICMP6_NO_ROUTE,
                                     ICMP6_NO_ROUTE,
                                     ICMP6_ADMIN_PROHIBITED,
                                     ICMP6_ADMIN_PROHIBITED,
                                     ICMP6_NO_ROUTE,
                                     ICMP6_NO_ROUTE,
                                     ICMP6_ADMIN_PROHIBITED,
                                     NOT_TOLD,
                                     ICMP6_ADMIN_PROHIBITED};
    static const u8 pointers[] = {0,        1, 4,  4,        NOT_TOLD, NOT_TOLD, NOT_TOLD,
                                  NOT_TOLD, 7, 6,  NOT_TOLD, NOT_TOLD, 8,        8,
                                  8,        8, 24, 24,       24,       24};
    *e = (struct error_word){ICMP6_DESTINATION_UNREACHABLE, 0, 0};
    switch (type) {
    case ICMP4_DESTINATION_UNREACHABLE:
        if (code == ICMP4_PROTOCOL_UNREACHABLE) {
            *e = (struct error_word){ICMP6_PARAMETER_PROBLEM, ICMP6_UNKNOWN_NEXT_HEADER,
                                     offsetof(struct ip6_header, protocol)};
            return true;
        }
        if (code == ICMP4_FRAGMENTATION_NEEDED) {
            u32 mtu = word & 0xffff ? word & 0xffff : plateau_below(quoted);
            *e = (struct error_word){ICMP6_PACKET_TOO_BIG, 0, mtu + 20};
            e->word = e->word < IP6_MIN_MTU_BYTES ? IP6_MIN_MTU_BYTES : e->word;
            return true;
        }
        if (code >= sizeof(unreachable) || unreachable[code] == NOT_TOLD)
            return false;
        e->code = unreachable[code];
        return true;
    case ICMP4_TIME_EXCEEDED:
        *e = (struct error_word){ICMP6_TIME_EXCEEDED, code, 0};
        return code <= ICMP4_REASSEMBLY_TIME_EXCEEDED;
    case ICMP4_PARAMETER_PROBLEM:
        word >>= 24;
        if ((code && code != 2) || word >= sizeof(pointers) || pointers[word] == NOT_TOLD)
            return false;
        *e = (struct error_word){ICMP6_PARAMETER_PROBLEM, ICMP6_BAD_FIELD, pointers[word]};
        return true;
    default:
        return false;
    }
}

/* An error with extensions says in words how long the quoted packet is in front of them (RFC 4884);
 * these go. Returns bytes of the packet without them. */
static u32 without_extensions(u32 bytes, u32 quoted_at, u32 words, u32 word_bytes)
{
    u32 end = quoted_at + words * word_bytes;
    return words && end < bytes ? end : bytes;
}

bool nat64_error_is_whole(const struct buffer *b, const struct nat64_packet *p)
{
    const struct ip6_header *ip6 = buffer_current(b);
    const struct ip4_header *ip4 = buffer_current(b);
    bool is_ip6 = ip6_is_version(ip6);
    u32 bytes = (is_ip6 ? ip6_length(ip6) : ip4_length(ip4)) - p->at;
    u64 sum = is_ip6 ? csum_pseudo_ip6(ip6->src, ip6->dst, IP_PROTOCOL_ICMP6, bytes) : 0;
    return b->flags & BUFFER_CSUM_PARTIAL ||
           csum_fold(csum_add_chain(sum, b, p->at, bytes)) == 0xffff;
}

/* --- headers --- */

/* Of a packet of so many bytes. */
static struct ip4_header ip4_header_of(const struct ip6_header *from, const struct nat64_upper *u,
                                       u32 bytes, u32 longest, const struct nat64_to4 *to)
{
    u16 offset_more = be16_to_host(u->offset_more);
    u16 fragment = (u16)(offset_more >> 3 | (offset_more & 1 ? IP4_MF : 0));
    bool may_be_cut = u->fragment || longest <= IP6_MIN_MTU_BYTES - 20;
    return (struct ip4_header){
        .version_ihl = IP4_VERSION_IHL_PLAIN,
        .tos = ip6_traffic_class(from),
        .length = be16_from_host((u16)bytes),
        .id = u->fragment  ? be16_from_host((u16)be32_to_host(u->id))
              : may_be_cut ? to->id
                           : (be16){0},
        .fragment = be16_from_host(may_be_cut ? fragment : IP4_DF),
        .ttl = from->hop_limit,
        .protocol = protocol_as4(u->protocol),
        .src = to->src,
        .dst = to->dst,
    };
}

static void put_ip4_header(u8 *at, const struct ip4_header *h)
{
    memcpy(at, h, sizeof(*h));
    ip4_set_checksum((struct ip4_header *)at);
}

static u8 protocol_as6(u8 protocol)
{
    return protocol == IP_PROTOCOL_ICMP ? IP_PROTOCOL_ICMP6 : protocol;
}

/* Of a packet with so many bytes of payload, in front of `at'. Returns where it begins. */
static u8 *write_ip6_header(u8 *at, const struct ip4_header *from, u32 payload,
                            const struct ip_address *src, const struct ip_address *dst)
{
    struct ip6_header h = {
        .version_class_flow = IP6_VERSION_PLAIN,
        .protocol = protocol_as6(from->protocol),
        .hop_limit = from->ttl,
    };
    ip6_set_traffic_class(&h, from->tos);
    memcpy(h.src, src, sizeof(h.src));
    memcpy(h.dst, dst, sizeof(h.dst));
    if (ip4_is_fragment(from)) {
        u16 fragment = be16_to_host(from->fragment);
        struct ip6_fragment_header f = {
            .protocol = h.protocol,
            .offset_more = be16_from_host((u16)(fragment << 3 | !!(fragment & IP4_MF))),
            .id = be32_from_host(be16_to_host(from->id)),
        };
        h.protocol = IP_PROTOCOL_IP6_FRAGMENT;
        payload += sizeof(f);
        at -= sizeof(f);
        memcpy(at, &f, sizeof(f));
    }
    h.payload_length = be16_from_host((u16)payload);
    at -= sizeof(h);
    memcpy(at, &h, sizeof(h));
    return at;
}

/* Bytes that an IPv6 header takes for that one of IPv4. */
static u32 ip6_bytes_for(const struct ip4_header *h)
{
    return sizeof(struct ip6_header) +
           (ip4_is_fragment(h) ? sizeof(struct ip6_fragment_header) : 0);
}

/* --- packets --- */

u32 nat64_bytes_as4(const struct buffer *b, const struct nat64_packet *p)
{
    u32 bytes = gso_longest_bytes(b);
    return p->kind == NAT64_ERROR ? bytes - p->quoted_l4_at + 48 : bytes - p->at + 20;
}

u32 nat64_bytes_as6(const struct buffer *b, const struct nat64_packet *p)
{
    const u8 *packet = buffer_current(b);
    const struct ip4_header *ip = (const struct ip4_header *)packet;
    u32 bytes = gso_longest_bytes(b) - p->at + ip6_bytes_for(ip);
    if (p->kind != NAT64_ERROR)
        return bytes;
    const struct ip4_header *in = (const struct ip4_header *)(packet + p->quoted_at);
    return (u32)min_u64(bytes + ip6_bytes_for(in) - ip4_header_bytes(in), IP6_MIN_MTU_BYTES);
}

/* Whether the sum of the upper layer is still to be made: of TCP and UDP. Other ones are made. */
static bool nat64_open_sum(struct buffer *b, const struct nat64_packet *p, bool *is_open)
{
    bool icmp = p->kind == NAT64_QUERY || p->kind == NAT64_ERROR;
    bool open = csum_is_open(b, (const u8 *)buffer_current(b) + p->at);
    *is_open = open && !icmp;
    return !open || !icmp || (!(b->flags & BUFFER_GSO) && csum_complete(b));
}

/* The current header begins `at' bytes behind the one that it was, or in front of it. */
static void packet_becomes(struct buffer *b, int at, u32 header_bytes, bool is_ip6)
{
    buffer_advance(b, at);
    b->l3_start = b->start;
    b->l4_start = (i16)(b->start + (int)header_bytes);
    b->flags &= ~(u32)(BUFFER_IS_IP4 | BUFFER_IS_IP6 | BUFFER_FLOW_HASH);
    b->flags |= is_ip6 ? BUFFER_IS_IP6 : BUFFER_IS_IP4;
    if ((b->flags & (BUFFER_GSO | BUFFER_GSO_UDP | BUFFER_TUNNEL)) == BUFFER_GSO)
        b->flags = is_ip6 ? b->flags | BUFFER_GSO_IP6 : b->flags & ~(u32)BUFFER_GSO_IP6;
}

static void put_icmp(u8 *at, const struct error_word *e)
{
    at[0] = e->type;
    at[1] = e->code;
    put_be16(at + 2, 0);
    put_be32(at + 4, e->word);
}

/* From the back: the quoted upper layer stays where it is. */
static bool error_to_ip4(struct thread *t, struct buffer *b, const struct nat64_packet *p,
                         const struct nat64_to4 *to)
{
    u8 *packet = buffer_current(b), *l4 = packet + p->quoted_l4_at;
    struct ip6_header outer, in;
    struct error_word e;
    const u8 *icmp = packet + p->at;
    memcpy(&outer, packet, sizeof(outer));
    memcpy(&in, packet + p->quoted_at, sizeof(in));
    if (!error_as4(icmp[0], icmp[1], get_be32(icmp + 4), &e))
        return false;
    bool extended = icmp[0] == ICMP6_DESTINATION_UNREACHABLE || icmp[0] == ICMP6_TIME_EXCEEDED;
    u32 bytes = without_extensions(ip6_length(&outer), p->quoted_at, extended ? icmp[4] : 0, 8);
    if (bytes < p->quoted_l4_at + 8u || bytes > buffer_packet_len(b))
        return false;
    buffer_trim(t, b, bytes);
    u32 room = b->len - p->quoted_l4_at;

    struct nat64_to4 back = {.src = to->dst, .dst = to->src, .id = to->id};
    if (p->protocol == IP_PROTOCOL_ICMP)
        rewrite_echo(l4,
                     csum_pseudo_ip6(in.src, in.dst, IP_PROTOCOL_ICMP6,
                                     ip6_length(&in) - p->quoted_upper.at),
                     to->sport, true);
    else if (nat64_has_ports(p->protocol))
        rewrite_ports(l4, room, p->protocol,
                      nat64_sum_instead(sum_of6(in.src, in.dst), sum_of4(back.src, back.dst)),
                      to->dport, to->sport, false);
    u32 quoted = ip6_length(&in) - p->quoted_upper.at + (u32)sizeof(struct ip4_header);
    struct ip4_header h = ip4_header_of(&in, &p->quoted_upper, quoted, quoted, &back);
    put_ip4_header(l4 - 20, &h);
    put_icmp(l4 - 28, &e);
    struct nat64_to4 from = {.src = to->from, .dst = to->dst, .id = to->id};
    u32 total = 48 + bytes - p->quoted_l4_at;
    h = ip4_header_of(&outer, &p->upper, total, total, &from);
    put_ip4_header(l4 - 48, &h);
    packet_becomes(b, p->quoted_l4_at - 48, sizeof(h), false);
    store_be16(l4 - 26, csum_finish(csum_add_chain(0, b, sizeof(h), total - (u32)sizeof(h))));
    return true;
}

bool nat64_to_ip4(struct thread *t, struct buffer *b, const struct nat64_packet *p,
                  const struct nat64_to4 *to)
{
    u8 *packet = buffer_current(b), *l4 = packet + p->at;
    struct ip6_header ip;
    bool open;
    if (!nat64_open_sum(b, p, &open))
        return false;
    if (p->kind == NAT64_ERROR)
        return error_to_ip4(t, b, p, to);
    memcpy(&ip, packet, sizeof(ip));
    u32 payload = ip6_length(&ip) - p->at, bytes = payload + (u32)sizeof(struct ip4_header);
    if (bytes > IP4_LENGTH_MAX_BYTES)
        return false;
    struct ip4_header h = ip4_header_of(&ip, &p->upper, bytes, nat64_bytes_as4(b, p), to);
    if (p->kind == NAT64_PORTS)
        rewrite_ports(l4, b->len - p->at, p->protocol,
                      nat64_sum_instead(sum_of6(ip.src, ip.dst), sum_of4(h.src, h.dst)), to->sport,
                      to->dport, open);
    else if (p->kind == NAT64_QUERY)
        rewrite_echo(l4, csum_pseudo_ip6(ip.src, ip.dst, IP_PROTOCOL_ICMP6, payload), to->sport,
                     true);
    put_ip4_header(l4 - sizeof(h), &h);
    packet_becomes(b, p->at - (int)sizeof(h), sizeof(h), false);
    return true;
}

/* Whether there is room for so many bytes more in front of it. */
static bool has_room(const struct buffer *b, int more)
{
    return b->start >= more;
}

static bool error_to_ip6(struct thread *t, struct buffer *b, const struct nat64_packet *p,
                         const struct nat64_to6 *to)
{
    u8 *packet = buffer_current(b), *l4 = packet + p->quoted_l4_at;
    struct ip4_header outer, in;
    struct error_word e;
    const u8 *icmp = packet + p->at;
    memcpy(&outer, packet, sizeof(outer));
    memcpy(&in, packet + p->quoted_at, sizeof(in));
    if (!error_as6(icmp[0], icmp[1], get_be32(icmp + 4), ip4_length(&in), &e))
        return false;
    u32 quoted_header = ip6_bytes_for(&in);
    u32 headers = (u32)sizeof(struct ip6_header) + ICMP_BYTES + quoted_header;
    bool extended = icmp[0] != ICMP4_DESTINATION_UNREACHABLE ||
                    icmp[1] != ICMP4_FRAGMENTATION_NEEDED; /* there it is part of the MTU's word */
    u32 bytes = without_extensions(ip4_length(&outer), p->quoted_at, extended ? icmp[5] : 0, 4);
    bytes = (u32)min_u64(bytes, p->quoted_l4_at + IP6_MIN_MTU_BYTES - headers);
    if (bytes < p->quoted_l4_at + 8u || bytes > buffer_packet_len(b) ||
        !has_room(b, (int)headers - p->quoted_l4_at))
        return false;
    buffer_trim(t, b, bytes);
    u32 room = b->len - p->quoted_l4_at, quoted = ip4_length(&in) - ip4_header_bytes(&in);

    if (p->protocol == IP_PROTOCOL_ICMP)
        rewrite_echo(l4, csum_pseudo_ip6(to->dst.bytes, to->src.bytes, IP_PROTOCOL_ICMP6, quoted),
                     to->dport, false);
    else if (nat64_has_ports(p->protocol))
        rewrite_ports(
            l4, room, p->protocol,
            nat64_sum_instead(sum_of4(in.src, in.dst), sum_of6(to->dst.bytes, to->src.bytes)),
            to->dport, to->sport, false);
    u8 *at = write_ip6_header(l4, &in, quoted, &to->dst, &to->src);
    at -= ICMP_BYTES;
    put_icmp(at, &e);
    u32 icmp_bytes = ICMP_BYTES + quoted_header + bytes - p->quoted_l4_at;
    outer.fragment = (be16){0};
    (void)write_ip6_header(at, &outer, icmp_bytes, &to->from, &to->dst);
    packet_becomes(b, p->quoted_l4_at - (int)headers, sizeof(struct ip6_header), true);
    u64 sum = csum_pseudo_ip6(to->from.bytes, to->dst.bytes, IP_PROTOCOL_ICMP6, icmp_bytes);
    store_be16(at + 2, csum_finish(csum_add_chain(sum, b, sizeof(struct ip6_header), icmp_bytes)));
    return true;
}

bool nat64_to_ip6(struct thread *t, struct buffer *b, const struct nat64_packet *p,
                  const struct nat64_to6 *to)
{
    u8 *packet = buffer_current(b), *l4 = packet + p->at;
    struct ip4_header ip;
    bool open;
    if (!nat64_open_sum(b, p, &open))
        return false;
    if (p->kind == NAT64_ERROR)
        return error_to_ip6(t, b, p, to);
    memcpy(&ip, packet, sizeof(ip));
    u32 header_bytes = ip6_bytes_for(&ip), payload = ip4_length(&ip) - p->at;
    int at = p->at - (int)header_bytes;
    if (!has_room(b, -at))
        return false;
    if (p->kind == NAT64_PORTS)
        rewrite_ports(
            l4, b->len - p->at, p->protocol,
            nat64_sum_instead(sum_of4(ip.src, ip.dst), sum_of6(to->src.bytes, to->dst.bytes)),
            to->sport, to->dport, open);
    else if (p->kind == NAT64_QUERY)
        rewrite_echo(l4, csum_pseudo_ip6(to->src.bytes, to->dst.bytes, IP_PROTOCOL_ICMP6, payload),
                     to->dport, false);
    (void)write_ip6_header(l4, &ip, payload, &to->src, &to->dst);
    packet_becomes(b, at, header_bytes, true);
    if (p->no_sum && !open) {
        u32 bytes = be16_to_host(load_be16(l4 + offsetof(struct udp_header, length)));
        u64 sum = csum_pseudo_ip6(to->src.bytes, to->dst.bytes, IP_PROTOCOL_UDP, bytes);
        if (bytes < sizeof(struct udp_header) || bytes > payload)
            return false;
        store_be16(l4 + offsetof(struct udp_header, checksum),
                   csum_finish_udp(csum_add_chain(sum, b, header_bytes, bytes)));
    }
    return true;
}
