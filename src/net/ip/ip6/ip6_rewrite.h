/* What ip6-rewrite and ip6-midchain have in common: whether a packet may leave by its adjacency,
 * and what becomes of it else. Source: RFC 8200 3, RFC 8201. */
#pragma once

#include "net/ip/fib/fib_rewrite.h"
#include "net/ip/fib/path_mtu_data.h"
#include "net/ip/ip6/ip6.h"
#include "net/link/gso/gso.h"

/* fib_leave of IPv6: no router cuts a packet, but who sends it does. */
static inline u16 ip6_leave(struct node *n, struct buffer *b, struct adj_head head)
{
    struct ip6_header *h = buffer_current(b);
    bool passes = !(b->flags & BUFFER_LOCAL);
    if (passes && h->hop_limit <= 1) {
        ip6_note_icmp_error(b, ICMP6_TIME_EXCEEDED, ICMP6_HOP_LIMIT_EXCEEDED, 0);
        return node_drop(n, b, FIB_REWRITE_ERR_TTL, FIB_REWRITE_NEXT_ICMP_ERROR);
    }
    if (gso_longest_bytes(b) > (passes ? head.mtu : path_mtu_leave(b, head.mtu))) {
        if (!passes)
            return FIB_REWRITE_NEXT_FRAGMENT;
        ip6_note_icmp_error(b, ICMP6_PACKET_TOO_BIG, 0, head.mtu);
        return node_drop(n, b, FIB_REWRITE_ERR_MTU, FIB_REWRITE_NEXT_ICMP_ERROR);
    }
    if (passes)
        h->hop_limit--;
    return FIB_LEAVES;
}
