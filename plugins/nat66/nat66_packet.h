/* What NAT66 does to the bytes of a packet. Source: RFC 1624 (sums), RFC 8200 8.1 (pseudo-headers),
 * RFC 5508 4.2 (what errors quote). */
#pragma once

#include "plugins/nat66/nat66_data.h"

struct ip6_header;

#define NAT66_HEADERS_BYTES                                                                        \
    512 /* within which headers are looked for, with those of a quotation                          \
         */

/* By whose mapping each address is translated; NULL: it stays. */
struct nat66_change {
    const struct nat66_mapping *src; /* local becomes external */
    const struct nat66_mapping *dst; /* external becomes local */
    bool by_switch; /* an error that this switch tells of: another source than local stays */
};

/* Whether it is what a link says to itself: neighbour discovery, multicast listener discovery, or
 * of an address of the link's own. bytes: that are there, a header at least. */
bool nat66_is_of_link(const u8 *packet, u32 bytes);

/* The header of the packet that an ICMPv6 error quotes; NULL: it is none, or quotes less. */
const struct ip6_header *nat66_quoted(const u8 *packet, u32 bytes);

/* Translates, and repairs the checksum of the upper layer, also in the packet that an error quotes.
 * bytes: that are there, a header at least. partial_at: where the upper layer begins whose checksum
 * is still to be made; 0: none is. false: it ends within its headers, and is as it was. */
bool nat66_translate(u8 *packet, u32 bytes, const struct nat66_change *c, u32 partial_at);
