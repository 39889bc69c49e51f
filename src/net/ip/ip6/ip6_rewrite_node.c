/* ip6-rewrite, ip6-rewrite-mcast: one hop less to live, the link's header in front, and out.
 * ip6-null: those that are told that they cannot get there. Source: RFC 8200 3, RFC 4443 3.1. */
#include "net/ip/ip6/ip6_rewrite.h"
#include "net/ip/ip6/ip6_forward.h"

ALWAYS_INLINE u8 ip6_hops_left(const struct buffer *b)
{
    const struct ip6_header *h = buffer_current(b);
    return h->hop_limit;
}

ALWAYS_INLINE void ip6_hop(struct buffer *b)
{
    struct ip6_header *h = buffer_current(b);
    h->hop_limit--;
}

void NODE_FN(ip6_rewrite)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    fib_rewrite(t, n, b, next, count, ip6_hops_left, ip6_hop, ip6_leave);
}

ALWAYS_INLINE void ip6_rewrite_group_mac(const struct buffer *b, u8 mac[6])
{
    const struct ip6_header *h = (const struct ip6_header *)(b->data + b->l3_start);
    ip6_group_mac(h->dst, mac);
}

void NODE_FN(ip6_rewrite_mcast)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                u32 count)
{
    fib_rewrite_mcast(t, n, b, next, count, ip6_leave, ip6_rewrite_group_mac);
}

void NODE_FN(ip6_null)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        enum adj_kind kind = (enum adj_kind)adj_head(adj_at(ip_scratch(b[i])->adj.i)).kind;
        u32 error = kind == ADJ_KIND_PROHIBIT      ? IP6_NULL_ERR_PROHIBITED
                    : kind == ADJ_KIND_UNREACHABLE ? IP6_NULL_ERR_UNREACHABLE
                                                   : IP6_NULL_ERR_NO_ROUTE;
        u8 code = kind == ADJ_KIND_PROHIBIT      ? ICMP6_ADMIN_PROHIBITED
                  : kind == ADJ_KIND_UNREACHABLE ? ICMP6_ADDRESS_UNREACHABLE
                                                 : ICMP6_NO_ROUTE;
        ip6_note_icmp_error(b[i], ICMP6_DESTINATION_UNREACHABLE, code, 0);
        next[i] = node_drop(n, b[i], error, IP6_NULL_NEXT_ICMP_ERROR);
    }
}
