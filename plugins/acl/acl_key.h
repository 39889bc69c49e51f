/* What access lists know of a packet: addresses, protocol, ports (of ICMP: type and code), TCP's
 * flags.
 *
 * A packet whose headers cannot be told is not judged but dropped: what a list says of ports would
 * not hold for it. These are packets that end within a header, those with more IPv6 extension
 * headers than anybody has use for, and pieces of TCP that begin within its header (RFC 1858, RFC
 * 3128). */
#pragma once

#include "base/byteorder.h"
#include "engine/buffer.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/ip6_packet.h"
#include "net/packet/l4_packet.h"
#include "plugins/acl/acl_rule.h"

#define ACL_KEY_WORDS_4 2
#define ACL_KEY_WORDS_6 5
#define ACL_KEY_HEADER_BYTES 256 /* headers that lie across buffers are looked at so far */

enum acl_headers {
    ACL_HEADERS_WHOLE,
    ACL_HEADERS_FRAGMENT, /* not the first one: no ports */
    ACL_HEADERS_BAD,
};

struct acl_key {
    u64 words[ACL_KEY_WORDS_6]; /* as rules are compiled, of the family's length */
    u8 protocol;
    u8 headers; /* enum acl_headers */
    u8 tcp_flags;
    bool l4; /* ports are valid */
    u16 src_port, dst_port;
    u16 icmp_id; /* of queries, which have one; else 0 */
};

/* One bit for each IPv6 extension header that is skipped to find the protocol. */
struct acl_skipped {
    u64 bits[4];
};

ALWAYS_INLINE bool acl_key_skips(const struct acl_skipped *s, u8 protocol)
{
    return s->bits[protocol / 64] >> protocol % 64 & 1;
}

/* The L4 header at p. false: it is not whole. */
ALWAYS_INLINE bool acl_key_l4(struct acl_key *k, const u8 *p, u32 len)
{
    switch (k->protocol) {
    case IP_PROTOCOL_TCP:
        if (unlikely(len < sizeof(struct tcp_header)))
            return false;
        k->tcp_flags = p[offsetof(struct tcp_header, flags)];
        break;
    case IP_PROTOCOL_UDP:
        if (unlikely(len < sizeof(struct udp_header)))
            return false;
        break;
    case IP_PROTOCOL_ICMP:
    case IP_PROTOCOL_ICMP6:
        if (unlikely(len < sizeof(struct icmp_header)))
            return false;
        k->src_port = p[0];
        k->dst_port = p[1];
        k->icmp_id = len >= sizeof(struct icmp_echo_header) ? get_be16(p + 4) : 0;
        k->l4 = true;
        return true;
    default:
        return true;
    }
    k->src_port = get_be16(p);
    k->dst_port = get_be16(p + 2);
    k->l4 = true;
    return true;
}

ALWAYS_INLINE u64 acl_key_last(const struct acl_key *k)
{
    return (u64)k->src_port << ACL_MATCH_SRC_SHIFT | (u64)k->dst_port << ACL_MATCH_DST_SHIFT |
           (u64)k->protocol << ACL_KEY_PROTOCOL_SHIFT |
           (u64)k->tcp_flags << ACL_KEY_TCP_FLAGS_SHIFT | (k->l4 ? ACL_KEY_L4 : 0);
}

/* The first rule of m that matches; ACL_MATCH_NONE. m NULL: there are no rules of the family. */
ALWAYS_INLINE u32 acl_key_find(const struct acl_match *m, const u64 *words, enum ip_family family)
{
    if (!m)
        return ACL_MATCH_NONE;
    return family == IP_FAMILY_4 ? acl_match_find(m, words, ACL_KEY_WORDS_4)
                                 : acl_match_find(m, words, ACL_KEY_WORDS_6);
}

/* len: bytes at p, which begin with the IP header; more: the packet goes on behind them. */
ALWAYS_INLINE void acl_key_ip4(struct acl_key *k, const u8 *p, u32 len)
{
    const struct ip4_header *h = (const struct ip4_header *)(const void *)p;
    struct acl_key l = {.headers = ACL_HEADERS_BAD}; /* in registers, until it is whole */
    u32 bytes = len < sizeof(*h) || h->version_ihl >> 4 != 4 ? 0 : ip4_header_bytes(h);
    if (likely(bytes >= sizeof(*h) && bytes <= len)) {
        l.words[0] = (u64)be32_to_host(h->src) << 32 | be32_to_host(h->dst);
        l.protocol = h->protocol;
        if (unlikely(be16_has(h->fragment, IP4_OFFSET_MASK))) {
            bool in_header = l.protocol == IP_PROTOCOL_TCP && ip4_fragment_offset_bytes(h) == 8;
            l.headers = in_header ? ACL_HEADERS_BAD : ACL_HEADERS_FRAGMENT;
        } else if (likely(acl_key_l4(&l, p + bytes, len - bytes))) {
            l.headers = ACL_HEADERS_WHOLE;
        }
        l.words[1] = acl_key_last(&l);
    }
    *k = l;
}

ALWAYS_INLINE void acl_key_ip6(struct acl_key *k, const u8 *p, u32 len,
                               const struct acl_skipped *skipped)
{
    const struct ip6_header *h = (const struct ip6_header *)(const void *)p;
    u32 at = sizeof(*h);
    *k = (struct acl_key){.headers = ACL_HEADERS_BAD};
    if (unlikely(len < sizeof(*h) || !ip6_is_version(h)))
        return;
    for (u32 i = 0; i < 2; i++) {
        k->words[i] = get_be64(h->src + 8 * i);
        k->words[2 + i] = get_be64(h->dst + 8 * i);
    }
    k->protocol = h->protocol;
    k->headers = ACL_HEADERS_WHOLE;
    while (unlikely(acl_key_skips(skipped, k->protocol))) {
        bool fragment = k->protocol == IP_PROTOCOL_IP6_FRAGMENT;
        if (at + 8 > len) {
            k->headers = ACL_HEADERS_BAD;
            return;
        }
        k->protocol = p[at];
        u16 offset = fragment ? get_be16(p + at + 2) & 0xfff8 : 0;
        at += fragment ? 8 : (p[at + 1] + 1u) * 8;
        if (unlikely(offset)) {
            bool in_header = k->protocol == IP_PROTOCOL_TCP && offset == 8;
            k->headers = in_header ? ACL_HEADERS_BAD : ACL_HEADERS_FRAGMENT;
            break;
        }
    }
    if (k->headers == ACL_HEADERS_WHOLE && unlikely(at > len || !acl_key_l4(k, p + at, len - at)))
        k->headers = ACL_HEADERS_BAD;
    k->words[4] = acl_key_last(k);
}

/* Of the IP packet at `at` of b, which may lie across buffers. */
ALWAYS_INLINE void acl_key_of(struct acl_key *k, const struct buffer *b, int at, bool is_ip6,
                              const struct acl_skipped *skipped)
{
    u8 copy[ACL_KEY_HEADER_BYTES];
    int left = b->start + b->len - at;
    u32 len = left > 0 ? (u32)left : 0;
    const u8 *p = b->data + at;
    if (unlikely((b->flags & BUFFER_NEXT) && len < sizeof(copy))) {
        len = buffer_copy_out(b, (u32)(at - b->start), copy, sizeof(copy));
        p = copy;
    }
    if (is_ip6)
        acl_key_ip6(k, p, len, skipped);
    else
        acl_key_ip4(k, p, len);
}

/* What headers have to be like to have the same key as those before them: all of a flow are. */
struct acl_like {
    u32 bytes;          /* of the headers; 0: none are like them */
    u32 last_at;        /* the eight bytes of these that end with what tells of TCP's flags */
    u64 words[6], last; /* without what lists do not ask for */
    u64 last_mask;
};

/* A word of headers, where that is a plain IP header with ports behind it. */
ALWAYS_INLINE u64 acl_like_word(const u8 *p, u32 word, bool is_ip6)
{
    static const u8 mask4[2][8] = {{0xff, 0, 0, 0, 0, 0, 0x1f, 0xff}, /* version, IHL, offset */
                                   {0, 0xff, 0, 0, 0xff, 0xff, 0xff, 0xff}}; /* protocol, source */
    static const u8 mask6[8] = {0xf0, 0, 0, 0, 0, 0, 0xff, 0};               /* version, protocol */
    if (is_ip6)
        return word ? load_u64(p + (word < 5 ? 8 * word : 36)) : load_u64(p) & load_u64(mask6);
    return word < 2 ? load_u64(p + 8 * word) & load_u64(mask4[word]) : load_u64(p + 16);
}

ALWAYS_INLINE u32 acl_like_words(bool is_ip6)
{
    return is_ip6 ? 6 : 3;
}

/* p: the packet, of which len bytes lie there, and of which this is the key. */
ALWAYS_INLINE void acl_like_of(struct acl_like *l, const struct acl_key *k, const u8 *p, u32 len,
                               bool is_ip6)
{
    static const u8 flags[8] = {0, 0, 0, 0, 0, 0, 0, 0xff};
    u32 ip_bytes = is_ip6 ? sizeof(struct ip6_header) : sizeof(struct ip4_header);
    bool tcp = k->protocol == IP_PROTOCOL_TCP;
    u32 bytes = ip_bytes + (tcp ? sizeof(struct tcp_header) : sizeof(struct udp_header));
    bool plain = k->headers == ACL_HEADERS_WHOLE && (tcp || k->protocol == IP_PROTOCOL_UDP) &&
                 len >= bytes && (is_ip6 ? p[6] == k->protocol : p[0] == 0x45);
    *l = (struct acl_like){.bytes = plain ? bytes : 0};
    if (unlikely(!plain))
        return;
    for (u32 i = 0; i < acl_like_words(is_ip6); i++)
        l->words[i] = acl_like_word(p, i, is_ip6);
    l->last_at = tcp ? ip_bytes + offsetof(struct tcp_header, flags) - 7 : ip_bytes;
    l->last_mask = tcp ? load_u64(flags) : 0;
    l->last = load_u64(p + l->last_at) & l->last_mask;
}

/* Whether acl_key_of says the same of this packet. */
ALWAYS_INLINE bool acl_is_like(const struct acl_like *l, const u8 *p, u32 len, bool is_ip6)
{
    if (!l->bytes || len < l->bytes)
        return false;
    u64 differ = (load_u64(p + l->last_at) & l->last_mask) ^ l->last;
    for (u32 i = 0; i < acl_like_words(is_ip6); i++)
        differ |= acl_like_word(p, i, is_ip6) ^ l->words[i];
    return !differ;
}
