/* ip4-rewrite, ip4-rewrite-mcast: one hop less to live, the link's header in front, and out.
 * ip4-null: those that are told that they cannot get there. Source: RFC 1812 5.3.1, RFC 1191. */
#include "net/ip/ip4/ip4_rewrite.h"

ALWAYS_INLINE u8 ip4_hops_left(const struct buffer *b)
{
    const struct ip4_header *h = buffer_current(b);
    return h->ttl;
}

ALWAYS_INLINE void ip4_hop(struct buffer *b)
{
    ip4_decrement_ttl(buffer_current(b));
}

void NODE_FN(ip4_rewrite)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    fib_rewrite(t, n, b, next, count, ip4_hops_left, ip4_hop, ip4_leave);
}

/* RFC 1112 6.4 */
ALWAYS_INLINE void ip4_group_mac(const struct buffer *b, u8 mac[6])
{
    const struct ip4_header *h = (const struct ip4_header *)(b->data + b->l3_start);
    u32 group = be32_to_host(h->dst);
    mac[3] = (u8)(group >> 16 & 0x7f);
    mac[4] = (u8)(group >> 8);
    mac[5] = (u8)group;
}

void NODE_FN(ip4_rewrite_mcast)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                u32 count)
{
    fib_rewrite_mcast(t, n, b, next, count, ip4_leave, ip4_group_mac);
}

void NODE_FN(ip4_null)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        struct ip_scratch *s = ip_scratch(b[i]);
        bool prohibited = adj_head(adj_at(s->adj.i)).kind == ADJ_KIND_PROHIBIT;
        u32 error = prohibited ? IP4_NULL_ERR_PROHIBITED : IP4_NULL_ERR_UNREACHABLE;
        ip4_note_icmp_error(b[i], ICMP4_DESTINATION_UNREACHABLE,
                            prohibited ? ICMP4_ADMIN_PROHIBITED : ICMP4_HOST_UNREACHABLE, 0);
        next[i] = node_drop(n, b[i], error, IP4_NULL_NEXT_ICMP_ERROR);
    }
}
