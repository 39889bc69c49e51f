/* ip6-rewrite: one hop less to live, the link's header in front, and out. ip6-null: those that are
 * told that they cannot get there. Source: RFC 8200 3, RFC 4443 3.1. */
#include "net/ip/ip6/ip6_rewrite.h"
#include "net/ip/ip6/ip6_forward.h"

void NODE_FN(ip6_rewrite)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        if (i + 8 < count)
            __builtin_prefetch((const u8 *)b[i + 8] + CACHE_LINE_BYTES);
        const struct adj *a = adj_at(ip_scratch(b[i])->adj.i);
        struct adj_head head = adj_head(a);
        struct ip6_header *h = buffer_current(b[i]);

        u32 odd = head.kind != ADJ_KIND_REWRITE || head.rewrite_len != 14;
        odd |= b[i]->flags & (BUFFER_LOCAL | BUFFER_GSO | BUFFER_NEXT);
        odd |= b[i]->len > head.mtu;
        odd |= b[i]->start < 14;
        odd |= h->hop_limit <= 1;
        if (unlikely(odd)) {
            next[i] = fib_rewrite_odd(n, b[i], a, head, ip6_leave);
            continue;
        }
        h->hop_limit--;
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
