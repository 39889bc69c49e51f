/* l2-input-acl, l2-output-acl, ip4-inacl, ip4-outacl, ip4-punt-acl and their like of IPv6: deny, or
 * go on.
 * l2-input-classify, l2-output-classify: frames to where their session says. */
#include "base/byteorder.h"
#include "engine/feature.h"
#include "net/features/classify/acl_node.h"
#include "net/features/classify/classify.h"
#include "net/features/classify/l2_classify.h"
#include "net/packet/ethernet_packet.h"
#include "net/link/interface/feature_place.h"
#include "net/ip/ip4/ip4.h"

ALWAYS_INLINE struct classify_session *acl_find(struct thread *t, struct buffer *b,
                                                enum feature_place place,
                                                const struct classify_table **table,
                                                struct classify_tally *sum)
{
    int node = place == AT_IP_OUTPUT ? b->l3_start : b->start;
    int frame = place == AT_IP_INPUT ? b->l2_start : b->start;
    return acl_find_at(t, b, node, frame, table, sum);
}

/* What a session does to a packet that it lets go on; false: it cannot. A frame that is advanced
 * still has a link header, as nodes behind think; IP is not advanced, since nodes behind trust that
 * its header was checked. set_fib: the action that says a table of the packet's protocol. */
ALWAYS_INLINE bool acl_apply(const struct classify_session *e, struct buffer *b,
                             enum feature_place place, enum classify_action set_fib)
{
    if (e->action == set_fib && place == AT_IP_INPUT) {
        ip_scratch(b)->fib.i = e->metadata;
        b->flags |= BUFFER_IN_FIB;
    }
    if (unlikely(e->advance) && place == AT_FRAME) {
        if (e->advance > b->len - ETHERNET_HEADER_BYTES || b->start + e->advance < 0)
            return false;
        buffer_advance(b, e->advance);
    }
    return true;
}

/* --- access lists --- */

ALWAYS_INLINE u16 permit_or_deny(struct thread *t, struct node *n, struct buffer *b,
                                 enum feature_place place, enum classify_action set_fib,
                                 struct classify_tally *sum)
{
    const struct classify_table *table = classify_table_at((u32)feature_data(b));
    if (unlikely(!table)) /* being taken off */
        return feature_next(b);
    struct classify_session *e = acl_find(t, b, place, &table, sum);
    if (e) {
        if (__atomic_load_n(&e->next, __ATOMIC_RELAXED) == ACL_NEXT_DENY)
            return node_drop(n, b, ACL_ERR_SESSION_DENY, ACL_NEXT_DENY);
        if (unlikely(!acl_apply(e, b, place, set_fib)))
            return node_drop(n, b, ACL_ERR_ADVANCE, ACL_NEXT_DENY);
    } else if (__atomic_load_n(&table->miss_next, __ATOMIC_RELAXED) == ACL_NEXT_DENY) {
        return node_drop(n, b, ACL_ERR_TABLE_MISS, ACL_NEXT_DENY);
    }
    return feature_next(b);
}

ALWAYS_INLINE void acl_run(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                           u32 count, enum feature_place place, enum classify_action set_fib)
{
    struct classify_tally sum = {0};
    for (u32 i = 0; i < count; i++) {
        if (i + 4 < count)
            __builtin_prefetch(b[i + 4]->data + b[i + 4]->start);
        next[i] = permit_or_deny(t, n, b[i], place, set_fib, &sum);
    }
    node_count(n, ACL_ERR_NONE, count);
    classify_tally_count(n, &sum, ACL_ERR_HIT, ACL_ERR_CHAIN_HIT, ACL_ERR_MISS);
}

void NODE_FN(acl_l2)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    acl_run(t, n, b, next, count, AT_FRAME, CLASSIFY_ACTION_SET_IP4_FIB);
}

void NODE_FN(acl_ip4_input)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                            u32 count)
{
    acl_run(t, n, b, next, count, AT_IP_INPUT, CLASSIFY_ACTION_SET_IP4_FIB);
}

void NODE_FN(acl_ip6_input)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                            u32 count)
{
    acl_run(t, n, b, next, count, AT_IP_INPUT, CLASSIFY_ACTION_SET_IP6_FIB);
}

void NODE_FN(acl_ip_output)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                            u32 count)
{
    acl_run(t, n, b, next, count, AT_IP_OUTPUT, CLASSIFY_ACTION_SET_IP4_FIB);
}

/* --- to another node --- */

ALWAYS_INLINE enum l2_classify_kind kind_of(const struct buffer *b)
{
    u16 type = b->len >= ETHERNET_HEADER_BYTES ? get_be16(b->data + b->start + 12) : 0;
    return type == ETHERTYPE_IP4   ? L2_CLASSIFY_IP4
           : type == ETHERTYPE_IP6 ? L2_CLASSIFY_IP6
                                   : L2_CLASSIFY_OTHER;
}

ALWAYS_INLINE u16 acl_direct(struct thread *t, struct node *n, struct buffer *b, bool is_input,
                             struct classify_tally *sum)
{
    const struct classify_table *table =
        classify_table_at(l2_classify_table_of(feature_data(b), kind_of(b)));
    if (!table)
        return feature_next(b);
    struct classify_session *e = acl_find(t, b, AT_FRAME, &table, sum);
    u32 next = __atomic_load_n(e ? &e->next : &table->miss_next, __ATOMIC_RELAXED);
    if (e && unlikely(!acl_apply(e, b, AT_FRAME, CLASSIFY_ACTION_SET_IP4_FIB)))
        next = L2_CLASSIFY_DROP;
    if (next == L2_CLASSIFY_DROP)
        return node_drop(n, b, L2_CLASSIFY_ERR_DROP, L2_CLASSIFY_NEXT_DROP);
    return next == L2_CLASSIFY_TO_IP4 && is_input ? L2_CLASSIFY_NEXT_IP4 : feature_next(b);
}

ALWAYS_INLINE void direct_all(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                              u32 count, bool is_input)
{
    struct classify_tally sum = {0};
    for (u32 i = 0; i < count; i++) {
        if (i + 4 < count)
            __builtin_prefetch(b[i + 4]->data + b[i + 4]->start);
        next[i] = acl_direct(t, n, b[i], is_input, &sum);
    }
    classify_tally_count(n, &sum, L2_CLASSIFY_ERR_HIT, L2_CLASSIFY_ERR_CHAIN_HIT,
                         L2_CLASSIFY_ERR_MISS);
}

void NODE_FN(l2_input_classify)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                u32 count)
{
    direct_all(t, n, b, next, count, true);
}

/* Others may hold the data of what leaves: it is not for nodes that write. */
void NODE_FN(l2_output_classify)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                 u32 count)
{
    direct_all(t, n, b, next, count, false);
}
