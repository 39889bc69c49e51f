/* ip4-rewrite: one hop less to live, the link's header in front, and out. ip4-null: those that are
 * told that they cannot get there. Source: RFC 1812 5.3.1, RFC 1191. */
#include "net/ip/ip4/ip4_rewrite.h"

ALWAYS_INLINE u64 rewrite_word(const struct adj *a, u32 i)
{
    return __atomic_load_n(&a->rewrite[i], __ATOMIC_RELAXED);
}

/* Behind 14 bytes: tags. */
static void ip4_rewrite_put_tags(u8 *to, const struct adj *a, u32 len)
{
    u64 words[ADJ_REWRITE_BYTES_MAX / 8];
    for (u32 i = 0; i < array_len(words); i++)
        words[i] = rewrite_word(a, i);
    memcpy(to + 14, (const u8 *)words + 14, len - 14);
}

ALWAYS_INLINE void put_rewrite(u8 *to, const struct adj *a, u32 len)
{
    /* 14 bytes in three words, and never a byte in front of the frame: that may be a peer's memory
     */
    u8 tail[8];
    store_u64(to, rewrite_word(a, 0));
    store_u64(tail, rewrite_word(a, 1));
    memcpy(to + 8, tail, 4);
    memcpy(to + 12, tail + 4, 2);
    if (unlikely(len > 14))
        ip4_rewrite_put_tags(to, a, len);
}

/* Any adjacency, rewrite of any length. */
static u16 rewrite_odd(struct node *n, struct buffer *b, const struct adj *a, struct adj_head head)
{
    if (head.kind != ADJ_KIND_REWRITE)
        return node_drop(n, b, IP4_REWRITE_ERR_NO_ADJACENCY, IP4_REWRITE_NEXT_DROP);
    if (b->start < head.rewrite_len)
        return node_drop(n, b, IP4_REWRITE_ERR_NO_ROOM, IP4_REWRITE_NEXT_DROP);
    u16 elsewhere = ip4_leave(n, b, head);
    if (elsewhere != IP4_LEAVES)
        return elsewhere;
    b->l3_start = b->start;
    buffer_advance(b, -(int)head.rewrite_len);
    b->l2_start = b->start;
    b->tx_if = a->tx_if;
    if (head.rewrite_len >= 14)
        put_rewrite(buffer_current(b), a, head.rewrite_len);
    return head.rewrite_next;
}

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
            next[i] = rewrite_odd(n, b[i], a, head);
            continue;
        }
        ip4_decrement_ttl(h);
        b[i]->l3_start = b[i]->start;
        b[i]->start = (i16)(b[i]->start - 14);
        b[i]->l2_start = b[i]->start;
        b[i]->len = (u16)(b[i]->len + 14);
        b[i]->tx_if = a->tx_if;
        put_rewrite((u8 *)h - 14, a, 14);
        next[i] = head.rewrite_next;
    }
    if (unlikely(adj_is_counting()))
        ip4_count_adjs(t, b, next, count);
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
