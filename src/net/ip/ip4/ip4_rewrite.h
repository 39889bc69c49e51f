/* What ip4-rewrite and ip4-midchain have in common: whether a packet may leave by its adjacency,
 * and what becomes of it else. Source: RFC 1812 5.3.1, RFC 1191. */
#pragma once

#include "net/ip/fib/fib_rewrite.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_forward.h"
#include "net/link/gso/gso.h"
#include "net/packet/ip4_packet.h"

static inline u16 ip4_rewrite_too_long(struct node *n, struct buffer *b, struct ip4_header *h,
                                       u32 mtu)
{
    if (!be16_has(h->fragment, IP4_DF)) {
        if (!(b->flags & BUFFER_LOCAL))
            ip4_decrement_ttl(h);
        return FIB_REWRITE_NEXT_FRAGMENT;
    }
    ip4_note_icmp_error(b, ICMP4_DESTINATION_UNREACHABLE, ICMP4_FRAGMENTATION_NEEDED, mtu);
    return node_drop(n, b, FIB_REWRITE_ERR_MTU, FIB_REWRITE_NEXT_ICMP_ERROR);
}

/* One hop less to live, unless b was made here. FIB_LEAVES, or where b goes instead. */
static inline u16 ip4_leave(struct node *n, struct buffer *b, struct adj_head head)
{
    struct ip4_header *h = buffer_current(b);
    bool passes = !(b->flags & BUFFER_LOCAL);
    if (passes && h->ttl <= 1) {
        ip4_note_icmp_error(b, ICMP4_TIME_EXCEEDED, ICMP4_TTL_EXCEEDED, 0);
        return node_drop(n, b, FIB_REWRITE_ERR_TTL, FIB_REWRITE_NEXT_ICMP_ERROR);
    }
    if (gso_longest_bytes(b) > head.mtu)
        return ip4_rewrite_too_long(n, b, h, head.mtu);
    if (passes)
        ip4_decrement_ttl(h);
    return FIB_LEAVES;
}
