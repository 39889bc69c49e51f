/* ip4-punt-redirect, ip6-punt-redirect; see punt_redirect.h. */
#include "engine/feature.h"
#include "engine/trace.h"
#include "net/ip/address/address_data.h"
#include "net/ip/fib/fib_forward.h"
#include "net/ip/ip4/ip4_flow_hash.h"
#include "net/ip/ip6/ip6_flow_hash.h"
#include "net/ip/punt/punt_redirect.h"

static u32 punt_redirect_of(const struct punt_redirect *r, const struct buffer *b)
{
    u32 word = if_is_none(b->rx_if) ? 0 : __atomic_load_n(&r->by_rx[b->rx_if.i], __ATOMIC_ACQUIRE);
    return (word ? word : __atomic_load_n(&r->rest, __ATOMIC_ACQUIRE)) - 1;
}

ALWAYS_INLINE void punt_redirect(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                 u32 count, enum ip_family f, fib_flow_hash *flow_hash)
{
    const struct punt_redirect *r = &((const struct punt_redirects *)n->state)->of[f];
    struct counter_pair *to = counter_combined(fib_counters_to, thread_index(t));
    for (u32 i = 0; i < count; i++) {
        u32 lb = punt_redirect_of(r, b[i]);
        if (unlikely(b[i]->flags & BUFFER_TRACED)) {
            struct punt_redirect_trace note = {lb};
            trace_note(t, b[i], &note, sizeof(note));
        }
        if (lb == LB_NONE.i) {
            next[i] = feature_next(b[i]);
        } else if (unlikely(b[i]->flags & BUFFER_LOCAL)) {
            /* it was here before, and would be again; or we made it, and nobody wants it */
            next[i] = node_drop(n, b[i], PUNT_REDIRECT_ERR_DROP, FIB_NEXT_DROP);
        } else {
            b[i]->flags |= BUFFER_LOCAL; /* its TTL is as it should be */
            struct if_index rx = if_is_none(b[i]->rx_if) ? (struct if_index){0} : b[i]->rx_if;
            next[i] = fib_forward_by(t, to, b[i], ip_if_fib(f, rx).i, lb, flow_hash);
        }
    }
}

void NODE_FN(ip4_punt_redirect)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                u32 count)
{
    punt_redirect(t, n, b, next, count, IP_FAMILY_4, ip4_flow_hash);
}

void NODE_FN(ip6_punt_redirect)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                u32 count)
{
    punt_redirect(t, n, b, next, count, IP_FAMILY_6, ip6_flow_hash);
}
