/* A packet's buffer as traces show it, in VPP's words and numbers. */
#pragma once

#include "base/text.h"
#include "engine/buffer.h"

/* "current data 0, length 98, buffer-pool 0, ref-count 1, trace handle 0x0", no line end. */
void buffer_format(struct text *out, const struct buffer *b);
/* What is known of the packet, without a line end: "local ip4 l2-hdr-offset 0 l3-hdr-offset 14 ".
 */
void buffer_format_packet(struct text *out, const struct buffer *b);
/* The flags of b as VPP numbers them. */
u32 buffer_format_flags(const struct buffer *b);
