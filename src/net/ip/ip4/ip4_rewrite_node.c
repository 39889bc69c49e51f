/* ip4-rewrite: one hop less to live, the link's header in front, and out. ip4-null: those that are
 * told that they cannot get there. Source: RFC 1812 5.3.1, RFC 1191. */
#include "net/ip/ip4/ip4_rewrite.h"

void NODE_FN(ip4_rewrite)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        if (i + 8 < count)
            __builtin_prefetch((const u8 *)b[i + 8] + CACHE_LINE_BYTES);
        const struct adj *a = adj_at(ip_scratch(b[i])->adj.i);
        struct adj_head head = adj_head(a);
        struct ip4_header *h = buffer_current(b[i]);

        u32 odd = head.kind != ADJ_KIND_REWRITE || head.rewrite_len != 14;
        odd |= b[i]->flags & (BUFFER_LOCAL | BUFFER_GSO | BUFFER_NEXT);
        odd |= b[i]->len > head.mtu;
        odd |= b[i]->start < 14;
        odd |= h->ttl <= 1;
        if (unlikely(odd)) {
            next[i] = fib_rewrite_odd(n, b[i], a, head, ip4_leave);
            continue;
        }
        ip4_decrement_ttl(h);
        b[i]->l3_start = b[i]->start;
        b[i]->start = (i16)(b[i]->start - 14);
        b[i]->l2_start = b[i]->start;
        b[i]->len = (u16)(b[i]->len + 14);
        b[i]->tx_if = a->tx_if;
        fib_rewrite_put((u8 *)h - 14, a, 14);
        next[i] = head.rewrite_next;
    }
    if (unlikely(adj_is_counting()))
        fib_count_adjs(t, b, next, count);
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
