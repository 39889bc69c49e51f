/* What the multicast nodes ask of a packet, of either protocol. */
#pragma once

#include "engine/buffer.h"
#include "net/ip/mfib/mfib_data.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/ip6_packet.h"

ALWAYS_INLINE struct ip_address mfib_source_of(enum ip_family f, const struct buffer *b)
{
    if (f == IP_FAMILY_4)
        return ip_address_from_ip4(((const struct ip4_header *)buffer_current(b))->src);
    return ip6_address_of(((const struct ip6_header *)buffer_current(b))->src);
}

ALWAYS_INLINE struct ip_address mfib_group_of(enum ip_family f, const struct buffer *b)
{
    if (f == IP_FAMILY_4)
        return ip_address_from_ip4(((const struct ip4_header *)buffer_current(b))->dst);
    return ip6_address_of(((const struct ip6_header *)buffer_current(b))->dst);
}

/* Whether a router may send it on at all: groups of a link stay there (RFC 5771 4, RFC 4291 2.7),
 * and so does what comes from an address of a link, or from none (RFC 4291 2.5.2, 2.5.6). */
ALWAYS_INLINE bool mfib_may_leave_link(enum ip_family f, const struct buffer *b)
{
    if (f == IP_FAMILY_4)
        return !ip4_is_in(((const struct ip4_header *)buffer_current(b))->dst, 0xe0000000, 24);
    const struct ip6_header *h = buffer_current(b);
    return ip6_scope(h->dst) > IP6_SCOPE_LINK && !ip6_is_link_local(h->src) &&
           !ip6_is_unspecified(h->src);
}
