/* Which of its own addresses this switch uses towards a peer: RFC 6724 5, for both protocols.
 *
 * Candidates are those of the interface that the packet leaves by (or, for errors, came by), and
 * for IPv6 the link's own. Rules 4 and 7 are about addresses that a router does not have (mobile,
 * temporary), 5.5 about hosts that several routers advertise to; rule 5, that the outgoing
 * interface's come first, is in who the candidates are, and in ip_source_address. */
#pragma once

#include "net/ip/address/address_data.h"
#include "net/packet/ip4_packet.h"

struct ip_source {
    const struct ip_address *address; /* NULL: none */
    u32 len;                          /* of its subnet */
    bool is_deprecated;
};

/* RFC 6724 3.1, 3.2: enum ip6_scope. */
static inline u32 ip_source_scope(enum ip_family f, const struct ip_address *a)
{
    if (f == IP_FAMILY_6)
        return ip6_scope(a->bytes);
    bool is_links = ip4_is_in(a->ip4, 0xa9fe0000, 16) || ip4_is_in(a->ip4, 0x7f000000, 8) ||
                    ip4_is_in(a->ip4, 0xe0000000, 24);
    return is_links ? IP6_SCOPE_LINK : IP6_SCOPE_GLOBAL;
}

/* Labels of RFC 6724 2.1's default table, of what can be one of ours or a peer of ours. */
static inline u32 ip_source_label(enum ip_family f, const struct ip_address *a)
{
    static const struct {
        u8 bytes[4], bits, label;
    } table[] = {
        {{0x20, 0x01, 0, 0}, 32, 5}, {{0x20, 0x02}, 16, 2}, {{0x3f, 0xfe}, 16, 12},
        {{0xfe, 0xc0}, 10, 11},      {{0xfc}, 7, 13},
    };
    for (u32 k = 0; f == IP_FAMILY_6 && k < array_len(table); k++)
        if (ip6_common_bits(table[k].bytes, a->bytes, sizeof(table[k].bytes)) >= table[k].bits)
            return table[k].label;
    return 1;
}

/* Whether x is to be preferred to y. */
static inline bool ip_source_is_better(enum ip_family f, const struct ip_source *x,
                                       const struct ip_source *y, const struct ip_address *peer)
{
    u32 bytes = ip_family_bits(f) / 8;
    bool x_is = ip_address_equal(x->address, peer), y_is = ip_address_equal(y->address, peer);
    if (x_is != y_is) /* rule 1 */
        return x_is;
    u32 x_scope = ip_source_scope(f, x->address), y_scope = ip_source_scope(f, y->address),
        scope = ip_source_scope(f, peer);
    if (x_scope != y_scope) /* 2: the smallest that is no smaller than the peer's */
        return x_scope < y_scope ? x_scope >= scope : y_scope < scope;
    if (x->is_deprecated != y->is_deprecated) /* 3 */
        return y->is_deprecated;
    u32 label = ip_source_label(f, peer);
    x_is = ip_source_label(f, x->address) == label;
    y_is = ip_source_label(f, y->address) == label;
    if (x_is != y_is) /* 6 */
        return x_is;
    u64 x_bits = ip6_common_bits(x->address->bytes, peer->bytes, bytes),
        y_bits = ip6_common_bits(y->address->bytes, peer->bytes, bytes);
    return min_u64(x_bits, x->len) > min_u64(y_bits, y->len); /* 8 */
}

/* The one that this switch uses on the link of i towards peer; address NULL: none. Among equals the
 * first that was configured. In data threads, valid for this round. */
static inline struct ip_source ip_if_source_of(enum ip_family f, struct if_index i,
                                               const struct ip_address *peer)
{
    const struct ip_if_addresses *a = ip_if_addresses(f, i);
    const struct ip6_link *link = f == IP_FAMILY_6 ? ip6_link(i) : NULL;
    struct ip_source best = {link ? &link->address : NULL, 64, false};
    for (u32 k = 0; a && k < a->n; k++) {
        const struct ip_source x = {&a->v[k].prefix.addr, a->v[k].prefix.len,
                                    a->v[k].is_deprecated};
        if (!best.address || ip_source_is_better(f, &x, &best, peer))
            best = x;
    }
    return best;
}

static inline const struct ip_address *ip_if_source(enum ip_family f, struct if_index i,
                                                    const struct ip_address *peer)
{
    return ip_if_source_of(f, i, peer).address;
}
