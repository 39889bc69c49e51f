/* abf-input-ip4, abf-input-ip6: packets by policies; see abf.h. */
#include "engine/feature.h"
#include "engine/trace.h"
#include "net/ip/address/address_data.h"
#include "net/ip/fib/fib_forward.h"
#include "net/ip/ip4/ip4_flow_hash.h"
#include "net/ip/ip6/ip6_flow_hash.h"
#include "plugins/abf/abf_data.h"

/* What a vector comes to. */
struct abf_sum {
    u32 matched, missed, no_match;
};

/* The load balance of the policy that takes the packet; LB_NONE: it goes its usual way. */
ALWAYS_INLINE struct lb_index abf_judge(const struct abf_chain *c, const struct buffer *b,
                                        enum ip_family f, const struct acl_skipped *skipped,
                                        struct abf_sum *sum)
{
    struct acl_key k;
    acl_key_of(&k, b, b->start, f == IP_FAMILY_6, skipped);
    struct acl_verdict v = {.list = ACL_NONE, .action = ACL_DENY};
    if (likely(k.headers != ACL_HEADERS_BAD))
        v = acl_look(c->context, &k, f);
    if (v.action != ACL_DENY) {
        sum->matched++;
        return c->lb[v.at];
    }
    sum->missed++;
    sum->no_match += v.list == ACL_NONE;
    return LB_NONE;
}

ALWAYS_INLINE void abf_input(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                             u32 count, enum ip_family f, fib_flow_hash *flow_hash)
{
    struct counter_pair *to = counter_combined(fib_counters_to, thread_index(t));
    struct acl_skipped skipped;
    struct abf_sum sum = {0};
    for (u32 i = 0; i < 4; i++)
        skipped.bits[i] = __atomic_load_n(&acl_common->skipped.bits[i], __ATOMIC_RELAXED);
    for (u32 i = 0; i < count; i++) {
        const struct abf_chain *c =
            __atomic_load_n(&abf_interfaces[b[i]->rx_if.i].chain[f], __ATOMIC_ACQUIRE);
        struct lb_index lb = likely(c) ? abf_judge(c, b[i], f, &skipped, &sum) : LB_NONE;
        if (unlikely(b[i]->flags & BUFFER_TRACED)) {
            struct abf_trace note = {lb.i};
            trace_note(t, b[i], &note, sizeof(note));
        }
        next[i] = lb.i == LB_NONE.i
                      ? feature_next(b[i])
                      : fib_forward_by(t, to, b[i], ip_if_fib(f, b[i]->rx_if).i, lb.i, flow_hash);
    }
    node_count(n, ABF_ERR_MATCHED, sum.matched);
    node_count(n, ABF_ERR_MISSED, sum.missed);
    node_count(n, ABF_ERR_NO_MATCH, sum.no_match);
}

void NODE_FN(abf_input_ip4)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                            u32 count)
{
    abf_input(t, n, b, next, count, IP_FAMILY_4, ip4_flow_hash);
}

void NODE_FN(abf_input_ip6)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                            u32 count)
{
    abf_input(t, n, b, next, count, IP_FAMILY_6, ip6_flow_hash);
}
