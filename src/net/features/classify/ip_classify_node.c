/* See ip_classify.h. */
#include "net/features/classify/ip_classify.h"

#include "net/features/classify/acl_node.h"
#include "net/ip/fib/fib_data.h"
#include "net/link/interface/reenter.h"
#include "net/packet/ethernet_packet.h"

/* The frame of what this switch sends begins where an untagged one would. */
ALWAYS_INLINE int ip_classify_frame(const struct buffer *b)
{
    return b->flags & BUFFER_LOCAL ? b->start - ETHERNET_HEADER_BYTES : b->l2_start;
}

ALWAYS_INLINE u16 ip_classify_one(struct thread *t, struct node *n, struct buffer *b,
                                  enum classify_action set_fib, struct classify_tally *sum)
{
    struct ip_scratch *s = ip_scratch(b);
    const struct classify_table *table = classify_table_at((u32)adj_at(s->adj.i)->data);
    if (unlikely(!table)) /* the route has just gone, and the table */
        return node_drop(n, b, IP_CLASSIFY_ERR_DROP, IP_CLASSIFY_NEXT_DROP);
    struct classify_session *e = acl_find_at(t, b, b->start, ip_classify_frame(b), &table, sum);
    u32 next = __atomic_load_n(e ? &e->next : &table->miss_next, __ATOMIC_RELAXED);
    if (e && e->action == set_fib && next != IP_CLASSIFY_DROP) {
        if (!reenter_once_more(b))
            return node_drop(n, b, IP_CLASSIFY_ERR_LOOP, IP_CLASSIFY_NEXT_DROP);
        s->fib.i = e->metadata;
        b->flags |= BUFFER_IN_FIB;
        return IP_CLASSIFY_NEXT_LOOKUP;
    }
    if (next == IP_CLASSIFY_PUNT)
        return IP_CLASSIFY_NEXT_PUNT;
    if (next == IP_CLASSIFY_LOCAL) {
        s->adj = ADJ_RECEIVE;
        return IP_CLASSIFY_NEXT_LOCAL;
    }
    return node_drop(n, b, IP_CLASSIFY_ERR_DROP, IP_CLASSIFY_NEXT_DROP);
}

ALWAYS_INLINE void ip_classify_all(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                   u32 count, enum classify_action set_fib)
{
    struct classify_tally sum = {0};
    for (u32 i = 0; i < count; i++)
        next[i] = ip_classify_one(t, n, b[i], set_fib, &sum);
    classify_tally_count(n, &sum, IP_CLASSIFY_ERR_HIT, IP_CLASSIFY_ERR_CHAIN_HIT,
                         IP_CLASSIFY_ERR_MISS);
}

void NODE_FN(ip4_classify)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                           u32 count)
{
    ip_classify_all(t, n, b, next, count, CLASSIFY_ACTION_SET_IP4_FIB);
}

void NODE_FN(ip6_classify)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                           u32 count)
{
    ip_classify_all(t, n, b, next, count, CLASSIFY_ACTION_SET_IP6_FIB);
}
