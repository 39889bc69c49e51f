/* What NAT64 asks of packets, and makes of them. Source: RFC 7915 (headers, ICMP), RFC 6052
 * (addresses), RFC 6146 3.4 and 3.5, RFC 4884, RFC 1191 (plateaus). */
#pragma once

#include "engine/buffer.h"
#include "plugins/nat/nat64_data.h"
#include "net/packet/checksum.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/ip6_packet.h"

struct sv_note;
struct thread;

/* Within which headers are looked for, with those of a quotation. */
#define NAT64_HEADERS_BYTES 512

/* --- addresses --- */

/* Whether addresses may be in prefixes of that length. */
bool nat64_is_prefix_length(u32 len);
struct ip_address nat64_embed(const struct ip_address *prefix, u32 len, be32 addr);
/* false: it is not in the prefix. */
bool nat64_extract(const struct ip_address *prefix, u32 len, const u8 addr[16], be32 *out);

/* --- what a packet is --- */

enum nat64_kind {
    NAT64_PORTS, /* TCP, UDP */
    NAT64_QUERY, /* echo */
    NAT64_ERROR, /* ICMP about a packet of a session */
    NAT64_LATER, /* a fragment behind the first one, of TCP or UDP */
    NAT64_OTHER, /* by addresses alone */
    NAT64_BAD,   /* from here on: of no session */
    NAT64_UNSUPPORTED,
    NAT64_ICMP_FRAGMENT, /* whose sum is of the whole */
    NAT64_SOURCE_ROUTED, /* IPv6 whose way is not done: `at' is where that is said */
};

/* The upper layer of an IPv6 packet. */
struct nat64_upper {
    u16 at;
    u8 protocol;
    bool fragment; /* has a fragment header; */
    bool piece;    /* and is not all of it, */
    bool later;    /* but behind the first */
    bool mixed;    /* has extension headers behind its fragment header */
    be16 offset_more;
    be32 id;
    u16 routed_at; /* of a routing header that has segments left: the field; 0: none */
};

struct nat64_packet {
    u8 kind;     /* enum nat64_kind */
    u8 protocol; /* IPv4's: ICMPv6 is ICMP */
    u8 tcp_flags;
    bool asks;         /* may begin a session */
    bool no_sum;       /* UDP without a checksum */
    u16 at;            /* of the upper layer */
    be16 sport, dport; /* of an error: as packets of the session in its direction have them; so */
    struct ip_address src6, dst6;           /* these, of IPv6, */
    be32 src4, dst4;                        /* or of IPv4 */
    u16 quoted_at, quoted_l4_at;            /* of an error */
    struct nat64_upper upper, quoted_upper; /* of IPv6 */
};

/* packet: a header, with `bytes' that are there, NAT64_HEADERS_BYTES if the packet has so many.
 * note: of a later fragment. */
void nat64_parse6(const u8 *packet, u32 bytes, const struct sv_note *note, struct nat64_packet *p);
void nat64_parse4(const u8 *packet, u32 bytes, const struct sv_note *note, struct nat64_packet *p);

/* Whether the sum of an ICMP error is right, of b, which is p; one that is still to be made is. */
bool nat64_error_is_whole(const struct buffer *b, const struct nat64_packet *p);

/* --- what it becomes --- */

/* Bytes of b, which is p, when it is translated, and the longest of its segments. */
u32 nat64_bytes_as4(const struct buffer *b, const struct nat64_packet *p);
u32 nat64_bytes_as6(const struct buffer *b, const struct nat64_packet *p);

/* Of an error: those of the quoted packet, as its sender knows it, are these turned around. */
struct nat64_to4 {
    be32 src, dst; /* of the session, in this direction */
    be16 sport, dport;
    be32 from; /* who says so: the source of the packet itself */
    be16 id;   /* for one that has none */
};
struct nat64_to6 {
    struct ip_address src, dst;
    be16 sport, dport;
    struct ip_address from;
};

/* Makes b, which is p and the caller's to write in, with its headers contiguous, one of the other
 * protocol; its current header is the new one. false: there is no room, or it is one that cannot be
 * translated; it may have changed. */
bool nat64_to_ip4(struct thread *t, struct buffer *b, const struct nat64_packet *p,
                  const struct nat64_to4 *to) MUST_CHECK;
bool nat64_to_ip6(struct thread *t, struct buffer *b, const struct nat64_packet *p,
                  const struct nat64_to6 *to) MUST_CHECK;

/* --- sums --- */

/* What it adds to a sum that some words in it are others now. */
ALWAYS_INLINE u64 nat64_sum_instead(u64 before, u64 now)
{
    return (u16)~csum_fold(before) + now;
}

/* Gives TCP or UDP other ports, and its sum what other addresses add. bytes: that are there.
 * open: the sum is still to be made, and is of the pseudo-header. */
ALWAYS_INLINE void nat64_rewrite_ports(u8 *l4, u32 bytes, u8 protocol, u64 addresses, be16 sport,
                                       be16 dport, bool open)
{
    u32 at = protocol == IP_PROTOCOL_TCP ? offsetof(struct tcp_header, checksum)
                                         : offsetof(struct udp_header, checksum);
    u64 ports = nat64_sum_instead((u64)load_u16(l4) + load_u16(l4 + 2), (u64)sport.raw + dport.raw);
    store_be16(l4, sport);
    store_be16(l4 + 2, dport);
    if (at + 2 > bytes)
        return;
    be16 sum = load_be16(l4 + at);
    u64 now = (u64)(u16)~sum.raw + addresses + ports;
    if (open)
        sum.raw = csum_fold((u64)sum.raw + addresses);
    else if (protocol == IP_PROTOCOL_TCP)
        sum = csum_finish(now);
    else if (!be16_is_zero(sum))
        sum = csum_finish_udp(now);
    store_be16(l4 + at, sum);
}
