/* ip4-rewrite: one hop less to live, the link's header in front, and out. ip4-null: those that are
 * told that they cannot get there. Source: RFC 1812 5.3.1, RFC 1191. */
#include "engine/counter.h"
#include "engine/thread.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_forward.h"
#include "net/link/gso/gso.h"
#include "net/packet/ip4_packet.h"

ALWAYS_INLINE void put_rewrite(u8 *to, const struct adj *a, u32 len)
{
    /* 14 bytes in three words, and never a byte in front of the frame: that may be a peer's memory
     */
    u64 first = __atomic_load_n(&a->rewrite[0], __ATOMIC_RELAXED);
    u64 second = __atomic_load_n(&a->rewrite[1], __ATOMIC_RELAXED);
    u8 tail[8];
    store_u64(to, first);
    store_u64(tail, second);
    memcpy(to + 8, tail, 4);
    memcpy(to + 12, tail + 4, 2);
    if (unlikely(len > 14))
        memcpy(to + 14, (const u8 *)a->rewrite + 14, len - 14);
}

static u16 ip4_rewrite_too_long(struct node *n, struct buffer *b, struct ip4_header *h, u32 mtu)
{
    struct ip4_scratch *s = ip4_scratch(b);
    if (!be16_has(h->fragment, IP4_DF)) {
        if (!(b->flags & BUFFER_LOCAL))
            ip4_decrement_ttl(h);
        return IP4_REWRITE_NEXT_FRAGMENT;
    }
    s->icmp_type = ICMP4_DESTINATION_UNREACHABLE;
    s->icmp_code = ICMP4_FRAGMENTATION_NEEDED;
    s->icmp_data = mtu;
    return node_drop(n, b, IP4_REWRITE_ERR_MTU, IP4_REWRITE_NEXT_ICMP_ERROR);
}

static u16 ip4_rewrite_expired(struct node *n, struct buffer *b)
{
    struct ip4_scratch *s = ip4_scratch(b);
    s->icmp_type = ICMP4_TIME_EXCEEDED;
    s->icmp_code = ICMP4_TTL_EXCEEDED;
    s->icmp_data = 0;
    return node_drop(n, b, IP4_REWRITE_ERR_TTL, IP4_REWRITE_NEXT_ICMP_ERROR);
}

/* Any adjacency, rewrite of any length. */
static u16 rewrite_odd(struct node *n, struct buffer *b, const struct adj *a, struct adj_head head)
{
    struct ip4_header *h = buffer_current(b);
    if (head.kind != ADJ_KIND_REWRITE)
        return node_drop(n, b, IP4_REWRITE_ERR_NO_ADJACENCY, IP4_REWRITE_NEXT_DROP);
    if (!(b->flags & BUFFER_LOCAL) && h->ttl <= 1)
        return ip4_rewrite_expired(n, b);
    if (gso_longest_bytes(b) > head.mtu)
        return ip4_rewrite_too_long(n, b, h, head.mtu);
    if (b->start < head.rewrite_len)
        return node_drop(n, b, IP4_REWRITE_ERR_NO_ROOM, IP4_REWRITE_NEXT_DROP);
    if (!(b->flags & BUFFER_LOCAL))
        ip4_decrement_ttl(h);
    b->l3_start = b->start;
    buffer_advance(b, -(int)head.rewrite_len);
    b->l2_start = b->start;
    b->tx_if = a->tx_if;
    if (head.rewrite_len >= 14)
        put_rewrite(buffer_current(b), a, head.rewrite_len);
    return head.rewrite_next;
}

/* What goes out, by adjacency: the other edges are those that the record names. */
static void count_adjs(struct thread *t, struct buffer **b, const u16 *next, u32 count)
{
    struct counter_pair *adjs = counter_combined(fib_counters_adj, thread_index(t));
    for (u32 i = 0; i < count; i++) {
        if (next[i] < IP4_REWRITE_N_NEXT)
            continue;
        counter_pair_add(&adjs[ip4_scratch(b[i])->adj.i], 1, buffer_packet_len(b[i]));
    }
}

void NODE_FN(ip4_rewrite)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        if (i + 8 < count)
            __builtin_prefetch((const u8 *)b[i + 8] + CACHE_LINE_BYTES);
        const struct adj *a = adj_at(ip4_scratch(b[i])->adj.i);
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
        count_adjs(t, b, next, count);
}

void NODE_FN(ip4_null)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        struct ip4_scratch *s = ip4_scratch(b[i]);
        bool prohibited = adj_at(s->adj.i)->head.kind == ADJ_KIND_PROHIBIT;
        u32 error = prohibited ? IP4_NULL_ERR_PROHIBITED : IP4_NULL_ERR_UNREACHABLE;
        s->icmp_type = ICMP4_DESTINATION_UNREACHABLE;
        s->icmp_code = prohibited ? ICMP4_ADMIN_PROHIBITED : ICMP4_HOST_UNREACHABLE;
        s->icmp_data = 0;
        next[i] = node_drop(n, b[i], error, IP4_NULL_NEXT_ICMP_ERROR);
    }
}
