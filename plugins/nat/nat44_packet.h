/* What NAT44 asks of a packet, and does to it. Source: RFC 3022, RFC 5508, RFC 1624. */
#pragma once

#include "plugins/nat/nat44_data.h"

enum nat44_kind {
    NAT44_PORTS,       /* TCP, UDP */
    NAT44_QUERY,       /* ICMP that has an identifier */
    NAT44_ERROR,       /* ICMP about a packet of a session */
    NAT44_OTHER,       /* by addresses alone */
    NAT44_LATER,       /* a fragment behind the first one, of TCP, UDP or a query */
    NAT44_BAD,         /* from here on: of no session */
    NAT44_UNSUPPORTED, /* ICMP that is none of these */
};

struct nat44_packet {
    union nat44_key key; /* of an ICMP error: of the session's packets in its direction */
    u8 kind;             /* enum nat44_kind */
    u8 tcp_flags;
    bool asks; /* it may begin a session */
};

ALWAYS_INLINE union nat44_key nat44_key_of(const struct ip4_header *ip, struct fib_index fib)
{
    union nat44_key k = {.src = ip->src, .dst = ip->dst, .fib_protocol = fib.i << 8 | ip->protocol};
    return k;
}

/* Of both addresses and both ports, as they lie in a packet. In whole words: a hash is made of them
 * at once, and would wait for smaller ones to be written. */
ALWAYS_INLINE union nat44_key nat44_key_made(u64 addresses, u32 ports, struct fib_index fib,
                                             u8 protocol)
{
    u64 fib_protocol = fib.i << 8 | protocol;
    return (union nat44_key){.words = {addresses, BYTEORDER_SWAP
                                                      ? fib_protocol << 32 | ports
                                                      : (u64)ports << 32 | fib_protocol}};
}

/* The same with ports, as they lie in the packet. */
ALWAYS_INLINE union nat44_key nat44_key_with(const struct ip4_header *ip, struct fib_index fib,
                                             u32 ports)
{
    return nat44_key_made(load_u64(&ip->src), ports, fib, ip->protocol);
}

/* Turned around, as a packet of the other direction in that table. */
ALWAYS_INLINE union nat44_key nat44_key_back(const union nat44_key *k, struct fib_index fib)
{
    u64 addresses = k->words[0];
    u32 ports = load_u32(&k->sport);
    return nat44_key_made(addresses << 32 | addresses >> 32, ports << 16 | ports >> 16, fib,
                          nat44_key_protocol(k));
}

/* Gives it another destination, as a whole word. */
ALWAYS_INLINE void nat44_key_set_dst(union nat44_key *k, be32 dst)
{
    u64 addresses = k->words[0];
    k->words[0] =
        BYTEORDER_SWAP ? (u64)dst.raw << 32 | (u32)addresses : (addresses >> 32 << 32) | dst.raw;
}

/* Whether a packet of TCP with these flags may begin a session. */
ALWAYS_INLINE bool nat44_tcp_asks(u8 flags)
{
    return (flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN;
}

/* Most packets: not in pieces, of a protocol with ports or a query, with what is needed in the
 * first buffer, which nobody else holds. false: nat44_parse knows more. */
ALWAYS_INLINE bool nat44_parse_plain(const struct buffer *b, struct fib_index fib,
                                     struct nat44_packet *p)
{
    const struct ip4_header *ip = buffer_current(b);
    u32 at = ip4_header_bytes(ip);
    const u8 *l4 = (const u8 *)ip + at;

    p->tcp_flags = 0;
    if (unlikely(ip4_is_fragment(ip)) || unlikely(buffer_is_shared(b)) ||
        unlikely(b->len < at + 8)) {
        p->key = nat44_key_of(ip, fib);
        return false;
    }
    if (ip->protocol == IP_PROTOCOL_TCP || ip->protocol == IP_PROTOCOL_UDP) {
        p->key = nat44_key_with(ip, fib, load_u32(l4));
        p->kind = NAT44_PORTS;
        if (ip->protocol == IP_PROTOCOL_UDP)
            return true;
        p->tcp_flags = l4[offsetof(struct tcp_header, flags)];
        return likely(b->len >= at + sizeof(struct tcp_header));
    }
    p->key = nat44_key_of(ip, fib);
    if (ip->protocol != IP_PROTOCOL_ICMP ||
        (l4[0] != ICMP4_ECHO_REQUEST && l4[0] != ICMP4_ECHO_REPLY))
        return false;
    p->key = nat44_key_with(ip, fib, load_be16(l4 + 4).raw * 0x10001u);
    p->kind = NAT44_QUERY;
    return true;
}

/* Any packet; its headers are in the first buffer afterwards, unless it is bad. */
void nat44_parse(struct thread *t, struct buffer *b, struct fib_index fib, struct nat44_packet *p);

/* What is to be added to the sums of packets with key `from` that become `back`, turned around or
 * not: to those over addresses, and to those over ports (or an identifier), too. */
void nat44_deltas(const union nat44_key *from, const union nat44_key *back, u16 *ip_delta,
                  u16 *l4_delta);

/* Makes a packet that of `back` turned around, where that has no ports. Deltas: see nat44_deltas.
 */
ALWAYS_INLINE void nat44_rewrite_other(struct buffer *b, const union nat44_key *back, u16 ip_delta)
{
    struct ip4_header *ip = buffer_current(b);
    ip->src = back->dst;
    ip->dst = back->src;
    ip->checksum = csum_update(ip->checksum, ip_delta);
}

/* The same of TCP or UDP, with its headers. */
ALWAYS_INLINE void nat44_rewrite_ports(const struct buffer *b, struct ip4_header *ip, void *l4,
                                       const union nat44_key *back, u16 ip_delta, u16 l4_delta)
{
    bool tcp = ip->protocol == IP_PROTOCOL_TCP;
    struct udp_header *udp = l4; /* ports of both are in the same place */
    be16 *sum = (be16 *)((u8 *)l4 + (tcp ? offsetof(struct tcp_header, checksum)
                                         : offsetof(struct udp_header, checksum)));
    be16 now = load_be16(sum);
    ip->src = back->dst;
    ip->dst = back->src;
    ip->checksum = csum_update(ip->checksum, ip_delta);
    udp->src_port = back->dport;
    udp->dst_port = back->sport;
    if (unlikely(csum_is_open(b, l4)))
        now.raw = csum_fold((u64)now.raw + ip_delta);
    else if (tcp)
        now = csum_update(now, l4_delta);
    else if (!be16_is_zero(now))
        now = csum_update_udp(now, l4_delta);
    store_be16(sum, now);
}

/* The same of one with ports, or of a query. */
ALWAYS_INLINE void nat44_rewrite(struct buffer *b, const union nat44_key *back, u16 ip_delta,
                                 u16 l4_delta)
{
    struct ip4_header *ip = buffer_current(b);
    void *l4 = (u8 *)ip + ip4_header_bytes(ip);
    if (ip->protocol == IP_PROTOCOL_TCP || ip->protocol == IP_PROTOCOL_UDP) {
        nat44_rewrite_ports(b, ip, l4, back, ip_delta, l4_delta);
        return;
    }
    struct icmp_echo_header *icmp = l4;
    nat44_rewrite_other(b, back, ip_delta);
    icmp->id = back->sport;
    if (!csum_is_open(b, l4))
        icmp->icmp.checksum = csum_update(icmp->icmp.checksum, l4_delta);
}

/* Of a SYN: its end takes segments of at most mss bytes; 0: as it says. */
void nat44_clamp(struct buffer *b, u16 mss);

/* As nat44_rewrite, for an ICMP error, whose session's keys these are: also in the packet that it
 * quotes. */
void nat44_rewrite_error(struct buffer *b, const union nat44_key *key, const union nat44_key *back,
                         enum nat44_dir dir);
