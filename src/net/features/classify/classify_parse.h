/* Masks and matches as people write them:
 *
 *     hex 00000000ffffffff...
 *     l2 src dst proto tag1 ..   l3 ip4 src dst proto ..   l4 src_port dst_port
 *     l2 src 02:00:00:00:00:01   l3 ip4 src 10.0.0.1 ..    l4 dst_port 80
 *
 * Layers lie one behind the other: the ethernet header with as many tags as are named (14 bytes
 * when it is not named), IPv4 or IPv6 without options, ports. Source: VPP's words. */
#pragma once

#include "base/error.h"
#include "base/types.h"

#define CLASSIFY_TEXT_BYTES_MAX 592 /* (skip + match) x 16 */

struct classify_bytes {
    u32 n;
    u8 bytes[CLASSIFY_TEXT_BYTES_MAX];
};

/* Reads as much of *text as is a mask, and moves behind it. -ENOENT: it is none. */
int classify_parse_mask(const char **text, struct classify_bytes *out);
/* The same with values behind the names. */
int classify_parse_match(const char **text, struct classify_bytes *out);
