/* See nat44_packet.h. */
#include "plugins/nat/nat44_packet.h"

#include "net/ip/reass/sv_reass.h"
#include "net/packet/tcp_mss.h"

static bool is_query(u8 type)
{
    return type == ICMP4_ECHO_REQUEST || type == ICMP4_ECHO_REPLY ||
           (type >= ICMP4_TIMESTAMP_REQUEST && type <= ICMP4_INFORMATION_REPLY + 2);
}

/* Requests have even numbers but for those of timestamps, information and masks. */
static bool is_request(u8 type)
{
    return type == ICMP4_ECHO_REQUEST || (type > ICMP4_PARAMETER_PROBLEM && type % 2);
}

/* Ports of a TCP or UDP header, the identifier of a query, at l4. false: neither. */
static bool take_ports(u8 protocol, const u8 *l4, union nat44_key *k)
{
    if (protocol == IP_PROTOCOL_TCP || protocol == IP_PROTOCOL_UDP) {
        k->sport = load_be16(l4);
        k->dport = load_be16(l4 + 2);
        return true;
    }
    if (protocol != IP_PROTOCOL_ICMP || !is_query(l4[0]))
        return false;
    k->sport = k->dport = load_be16(l4 + 4);
    return true;
}

/* Of the packet that an error quotes, whose header is right (RFC 5508 REQ-3a) and whose first 8
 * bytes behind that are there. */
static u8 nat44_parse_error(const struct ip4_header *ip, u32 bytes, struct fib_index fib,
                            union nat44_key *key)
{
    const struct ip4_header *in =
        (const struct ip4_header *)(const void *)((const u8 *)ip4_payload(ip) +
                                                  sizeof(struct icmp_echo_header));
    u32 room = bytes - ip4_header_bytes(ip) - (u32)sizeof(struct icmp_echo_header);
    if (room < sizeof(*in) || in->version_ihl >> 4 != 4 || ip4_header_bytes(in) < sizeof(*in) ||
        room < ip4_header_bytes(in) || !be32_equal(in->src, ip->dst) || !ip4_checksum_is_right(in))
        return NAT44_BAD;
    union nat44_key quoted = nat44_key_of(in, fib);
    bool first = !(be16_to_host(in->fragment) & IP4_OFFSET_MASK);
    if (nat44_has_ports(in->protocol) && (!first || room < ip4_header_bytes(in) + 8 ||
                                          !take_ports(in->protocol, ip4_payload(in), &quoted)))
        return NAT44_BAD;
    *key = nat44_key_back(&quoted, fib);
    return NAT44_ERROR;
}

static void parse_icmp(struct thread *t, struct buffer *b, struct fib_index fib,
                       struct nat44_packet *p)
{
    const struct ip4_header *ip = buffer_current(b);
    const u8 *l4 = ip4_payload(ip);
    if (is_query(l4[0])) {
        p->kind = NAT44_QUERY;
        p->asks = is_request(l4[0]);
        take_ports(IP_PROTOCOL_ICMP, l4, &p->key);
        return;
    }
    if (!icmp4_is_error(l4[0]) || l4[0] == ICMP4_REDIRECT) {
        p->kind = NAT44_UNSUPPORTED;
        return;
    }
    /* the longest headers of both packets, and what TCP has in front of its checksum */
    u32 want = ip4_header_bytes(ip) + 8 + IP4_HEADER_MAX_BYTES + sizeof(struct tcp_header);
    if (!buffer_pull(t, b, (u32)min_u64(want, ip4_length(ip)))) {
        p->kind = NAT44_BAD;
        return;
    }
    ip = buffer_current(b);
    u32 l4_bytes = ip4_length(ip) - ip4_header_bytes(ip);
    bool right = csum_fold(csum_add_chain(0, b, ip4_header_bytes(ip), l4_bytes)) == 0xffff;
    p->kind = right || b->flags & (BUFFER_CSUM_PARTIAL | BUFFER_CSUM_VALID)
                  ? nat44_parse_error(ip, b->len, fib, &p->key)
                  : NAT44_BAD;
}

/* Its ports are those of the first one (sv_reass.h). */
static void parse_later(struct buffer *b, struct nat44_packet *p)
{
    const struct sv_note *note = sv_note(b);
    bool icmp = nat44_key_protocol(&p->key) == IP_PROTOCOL_ICMP;
    p->kind = icmp && !is_query(note->icmp_type) ? NAT44_UNSUPPORTED : NAT44_LATER;
    p->key.sport = note->sport;
    p->key.dport = note->dport;
}

void nat44_parse(struct thread *t, struct buffer *b, struct fib_index fib, struct nat44_packet *p)
{
    const struct ip4_header *ip = buffer_current(b);
    u32 at = ip4_header_bytes(ip);

    *p = (struct nat44_packet){.key = nat44_key_of(ip, fib), .kind = NAT44_BAD};
    bool tcp = ip->protocol == IP_PROTOCOL_TCP, icmp = ip->protocol == IP_PROTOCOL_ICMP;
    if (!nat44_has_ports(ip->protocol)) {
        p->kind = NAT44_OTHER;
        p->asks = true;
        return;
    }
    if (ip4_fragment_offset_bytes(ip)) {
        parse_later(b, p);
        return;
    }
    u32 need = at + (tcp ? (u32)sizeof(struct tcp_header) : 8);
    if (ip4_length(ip) < need || !buffer_pull(t, b, need))
        return;
    ip = buffer_current(b);
    if (icmp) {
        parse_icmp(t, b, fib, p);
        return;
    }
    const u8 *l4 = ip4_payload(ip);
    take_ports(ip->protocol, l4, &p->key);
    p->kind = NAT44_PORTS;
    p->tcp_flags = tcp ? l4[offsetof(struct tcp_header, flags)] : 0;
    p->asks = !tcp || nat44_tcp_asks(p->tcp_flags);
}

/* --- rewriting --- */

void nat44_deltas(const union nat44_key *from, const union nat44_key *back, u16 *ip_delta,
                  u16 *l4_delta)
{
    u64 ip = csum_pseudo_ip4((be32){~from->src.raw}, (be32){~from->dst.raw}, 0, 0) +
             csum_pseudo_ip4(back->dst, back->src, 0, 0);
    u64 ports =
        (u64)(u16)~from->sport.raw + (u16)~from->dport.raw + back->dport.raw + back->sport.raw;
    *ip_delta = csum_fold(ip);
    *l4_delta = csum_fold(ip + ports);
    if (nat44_key_protocol(from) == IP_PROTOCOL_ICMP) /* one identifier, and no pseudo-header */
        *l4_delta = csum_fold((u64)(u16)~from->sport.raw + back->sport.raw);
}

void nat44_clamp(struct buffer *b, u16 mss)
{
    const struct ip4_header *ip = buffer_current(b);
    struct tcp_header *tcp = ip4_payload(ip);
    u32 at = mss ? tcp_mss_above(tcp, b->len - ip4_header_bytes(ip), mss) : 0;
    if (at)
        tcp_mss_write(b, tcp, at, mss);
}

static void set_src(struct ip4_header *ip, be32 to)
{
    ip->checksum = csum_update32(ip->checksum, ip->src, to);
    ip->src = to;
}

static void set_dst(struct ip4_header *ip, be32 to)
{
    ip->checksum = csum_update32(ip->checksum, ip->dst, to);
    ip->dst = to;
}

/* The quoted packet went the other way, translated; as it was before: from -> to. Its checksums are
 * repaired as far as they are quoted. bytes: of it that are there. */
static void rewrite_quoted(struct ip4_header *in, u32 bytes, const union nat44_key *from,
                           const union nat44_key *to)
{
    u8 *l4 = ip4_payload(in);
    u32 l4_bytes = bytes - ip4_header_bytes(in);
    u16 ip_delta, l4_delta;
    nat44_deltas(from, to, &ip_delta, &l4_delta);
    set_src(in, to->src);
    set_dst(in, to->dst);
    if (in->protocol == IP_PROTOCOL_ICMP) {
        struct icmp_echo_header *echo = (struct icmp_echo_header *)(void *)l4;
        echo->icmp.checksum = csum_update16(echo->icmp.checksum, echo->id, to->sport);
        echo->id = to->sport;
    }
    if (in->protocol != IP_PROTOCOL_TCP && in->protocol != IP_PROTOCOL_UDP)
        return;
    store_be16(l4, to->sport);
    store_be16(l4 + 2, to->dport);
    u32 at = in->protocol == IP_PROTOCOL_TCP ? offsetof(struct tcp_header, checksum)
                                             : offsetof(struct udp_header, checksum);
    if (l4_bytes < at + 2)
        return;
    be16 sum = load_be16(l4 + at);
    if (in->protocol == IP_PROTOCOL_TCP)
        store_be16(l4 + at, csum_finish((u64)(u16)~sum.raw + l4_delta));
    else if (!be16_is_zero(sum))
        store_be16(l4 + at, csum_finish_udp((u64)(u16)~sum.raw + l4_delta));
}

void nat44_rewrite_error(struct buffer *b, const union nat44_key *key, const union nat44_key *back,
                         enum nat44_dir dir)
{
    struct ip4_header *ip = buffer_current(b);
    struct icmp_echo_header *icmp = ip4_payload(ip);
    struct ip4_header *in = (struct ip4_header *)(void *)(icmp + 1);
    u32 quoted = b->len - ip4_header_bytes(ip) - (u32)sizeof(*icmp);
    u32 covered = (u32)min_u64(quoted, ip4_header_bytes(in) + sizeof(struct tcp_header));
    u64 before = csum_add(0, in, covered & ~1u);
    struct fib_index none = {0};
    union nat44_key from = nat44_key_back(key, none);

    rewrite_quoted(in, quoted, &from, back);
    u64 after = csum_add(0, in, covered & ~1u);
    icmp->icmp.checksum = csum_finish((u64)(u16)~icmp->icmp.checksum.raw + (u16)~csum_fold(before) +
                                      csum_fold(after));
    /* who says so: the host that it was for, or a router on the way, which outside nobody is to
     * know of */
    if (be32_equal(ip->src, key->src) || dir == NAT44_I2O)
        set_src(ip, back->dst);
    set_dst(ip, back->src);
}
