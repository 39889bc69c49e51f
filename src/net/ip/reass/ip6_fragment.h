/* Where the headers of IPv6 fragments are, for all that reads them. Source: RFC 8200 4.5, RFC 6946
 * (what is whole is no fragment, whatever headers it has), RFC 7112. */
#pragma once

#include "engine/buffer.h"
#include "net/packet/ip6_packet.h"

struct thread;

/* Extensions that a fragment header may stand behind: what is behind it is not looked at. */
#define IP6_REASS_HEADERS_MAX 8

/* The rest of ip6_is_fragment. */
bool ip6_fragment_find(struct thread *t, struct buffer *b);

/* Of a packet whose current header is IPv6's: whether it is a fragment. l4_start is its fragment
 * header from then on, and all up to there is contiguous. Where headers cannot be made so, since
 * others hold them too, it is taken for one that cannot be read: l4_start is the packet's start. */
ALWAYS_INLINE bool ip6_is_fragment(struct thread *t, struct buffer *b)
{
    u8 protocol = ((const struct ip6_header *)buffer_current(b))->protocol;
    if (likely(protocol == IP_PROTOCOL_TCP || protocol == IP_PROTOCOL_UDP))
        return false;
    return ip6_fragment_find(t, b);
}

/* Behind ip6_is_fragment. */
ALWAYS_INLINE const struct ip6_fragment_header *ip6_fragment_of(const struct buffer *b)
{
    return (const struct ip6_fragment_header *)(const void *)(b->data + b->l4_start);
}

/* Steps over extensions: *protocol is that of the header at *at, from b's current header on, before
 * and after. false: they go on behind `end`. */
bool ip6_upper_find(const struct buffer *b, u32 end, u32 *at, u8 *protocol) MUST_CHECK;
