/* The hash of a packet's flow: what has the same is kept together, and in its order, when packets
 * are spread over queues and threads. It is that of the outermost IP packet's addresses and
 * protocol and, of what is no fragment, ports of TCP and UDP, behind any IPv6 extension headers; of
 * other frames the stations' and the type. Both directions of a flow have the same.
 *
 * It is made when somebody first asks, and kept with the packet (BUFFER_FLOW_HASH). Who changes
 * what it is made of, or takes an outer header off, clears the flag. */
#pragma once

#include "engine/buffer.h"

enum flow_hash_kind { FLOW_HASH_ONE_WAY, FLOW_HASH_SYMMETRIC };

/* Of a frame, or with is_ip of a bare IP packet, len bytes of it: never 0. */
u32 flow_hash(const u8 *p, u32 len, bool is_ip, enum flow_hash_kind kind);

/* b's current header is its first. Data threads. */
ALWAYS_INLINE u32 buffer_flow_hash(struct buffer *b, bool is_ip)
{
    if (likely(b->flags & BUFFER_FLOW_HASH))
        return b->flow_hash;
    b->flow_hash = flow_hash(buffer_current(b), b->len, is_ip, FLOW_HASH_SYMMETRIC);
    b->flags |= BUFFER_FLOW_HASH;
    return b->flow_hash;
}
