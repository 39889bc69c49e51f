/* Where the headers of a packet begin: link, IP (the outermost), and what is behind it. Lengths
 * that headers claim are not looked at; all that is found lies within the bytes given. Source: RFC
 * 791, RFC 8200 4. */
#pragma once

#include "base/types.h"

#define IP6_HEADER_BYTES 40

struct layers {
    u32 l3, l4;  /* offsets; l4 may be the end of the bytes */
    u8 protocol; /* of what is at l4: enum ip_protocol */
    bool is_ip6;
    bool is_fragment; /* in one that is not the first there is no L4 header at l4 */
};

/* The headers of a frame, or with is_ip of a bare IP packet. false: no IP behind an Ethernet header
 * and any number of tags, or it is not whole. */
bool layers_find(const u8 *p, u32 len, bool is_ip, struct layers *out);
/* The same of an IP packet at p + l3. */
bool layers_find_ip(const u8 *p, u32 len, u32 l3, struct layers *out);
