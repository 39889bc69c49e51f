/* policer-input, policer-output, l2-policer-input, l2-policer-output; ip4-policer-classify,
 * ip6-policer-classify, l2-policer-classify; ip4-punt-policer, ip6-punt-policer. */
#include "engine/feature.h"
#include "engine/trace.h"
#include "net/features/classify/classify.h"
#include "net/link/interface/feature_place.h"
#include "net/link/interface/own.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/ip6_packet.h"
#include "plugins/policer/policer.h"
#include "plugins/policer/policer_node.h"
#include "net/link/vlan/vlan_data.h"

/* --- marks --- */

static bool policer_is_ip6(const u8 *packet)
{
    return packet[0] >> 4 == 6;
}

static void policer_mark(struct buffer *b, enum feature_place place, u8 dscp)
{
    int at = place == AT_IP_OUTPUT ? b->l3_start : b->start;
    u16 type = policer_is_ip6(b->data + at) ? ETHERTYPE_IP6 : ETHERTYPE_IP4;
    if (place == AT_FRAME) {
        if (b->len < ETHERNET_HEADER_BYTES)
            return;
        struct vlan_header h = vlan_parse(buffer_current(b), b->len);
        type = h.type;
        at = h.bytes ? b->start + h.bytes : INT16_MAX;
    }
    if (at + (int)sizeof(struct ip4_header) > b->start + b->len)
        return;
    struct ip4_header *ip = (struct ip4_header *)(void *)(b->data + at);
    struct ip6_header *ip6 = (struct ip6_header *)(b->data + at);
    if (type == ETHERTYPE_IP4)
        ip4_set_tos(ip, (u8)(dscp << 2 | (ip->tos & 3)));
    else if (type == ETHERTYPE_IP6)
        ip6_set_traffic_class(ip6, (u8)(dscp << 2 | (ip6_traffic_class(ip6) & 3)));
}

/* --- one packet --- */

enum verdict { PASS, DROP, LOST };

/* *b is another packet behind it, when others hold the data of one that is marked. */
ALWAYS_INLINE enum verdict policer_node_packet(struct thread *t, struct buffer **b, u32 index,
                                               enum policer_color color, enum feature_place place)
{
    struct policer *x = policer_at(index);
    if (unlikely(!x)) /* it was deleted */
        return PASS;
    u32 bytes = buffer_packet_len(*b);
    color = policer_police(x, thread_now_ns(t), bytes, color);
    counter_pair_add(&counter_combined(policer_counters[color], thread_index(t))[index], 1, bytes);
    if (unlikely((*b)->flags & BUFFER_TRACED)) {
        struct policer_trace note = {index, color};
        trace_note(t, *b, &note, sizeof(note));
    }
    if (x->acts[color].action == POLICER_DROP)
        return DROP;
    if (x->acts[color].action == POLICER_MARK) {
        *b = own_to_write(t, *b);
        if (unlikely(!*b))
            return LOST;
        policer_mark(*b, place, x->acts[color].dscp);
    }
    return PASS;
}

/* Where a packet goes by its verdict; now: what police made of b. */
ALWAYS_INLINE u16 policer_direct(struct thread *t, struct node *n, struct buffer *b,
                                 struct buffer *now, enum verdict v, enum feature_place place,
                                 u32 err_drop, u32 err_lost)
{
    if (v == DROP)
        return node_drop(n, b, err_drop,
                         place == AT_IP_INPUT && policer_is_ip6(buffer_current(b))
                             ? POLICER_NEXT_DROP_IP6
                             : POLICER_NEXT_DROP);
    if (unlikely(v == LOST)) {
        node_count(n, err_lost, 1);
        return NEXT_CONSUMED;
    }
    u16 next = feature_next(now);
    if (likely(now == b))
        return next;
    u32 bi = buffer_index(now);
    node_enqueue(t, n, next, &bi, 1);
    return NEXT_CONSUMED;
}

/* --- interfaces --- */

ALWAYS_INLINE void policer_by_interface(struct thread *t, struct node *n, struct buffer **b,
                                        u16 *next, u32 count, enum feature_place place)
{
    u32 passed = 0;
    for (u32 i = 0; i < count; i++) {
        struct buffer *now = b[i];
        enum verdict v =
            policer_node_packet(t, &now, (u32)feature_data(b[i]), POLICER_CONFORM, place);
        passed += v == PASS;
        next[i] =
            policer_direct(t, n, b[i], now, v, place, POLICER_ERR_DROP, POLICER_ERR_NO_BUFFER);
    }
    node_count(n, POLICER_ERR_TRANSMIT, passed);
}

void NODE_FN(policer_ip_input)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                               u32 count)
{
    policer_by_interface(t, n, b, next, count, AT_IP_INPUT);
}

void NODE_FN(policer_ip_output)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                u32 count)
{
    policer_by_interface(t, n, b, next, count, AT_IP_OUTPUT);
}

void NODE_FN(policer_l2)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    policer_by_interface(t, n, b, next, count, AT_FRAME);
}

/* --- classifier tables --- */

/* A session's next is its policer, its opaque word the packet's colour. */
ALWAYS_INLINE enum verdict policer_by_classify(struct thread *t, struct buffer **b,
                                               enum feature_place place, struct classify_tally *sum)
{
    const struct classify_table *table = classify_table_at((u32)feature_data(*b));
    if (unlikely((*b)->flags & BUFFER_TRACED)) {
        struct policer_trace note = {POLICER_NONE, 0};
        trace_note(t, *b, &note, sizeof(note));
    }
    if (!table) /* being taken off */
        return PASS;
    int frame = place == AT_IP_INPUT ? (*b)->l2_start : (*b)->start;
    struct classify_session *e = classify_walk(&table, *b, (*b)->start, frame, sum);
    if (!e)
        return PASS;
    classify_hit(t, e);
    u32 policer = __atomic_load_n(&e->next, __ATOMIC_RELAXED);
    return policer_node_packet(t, b, policer,
                               e->opaque < POLICER_COLOR_N ? e->opaque : POLICER_CONFORM, place);
}

ALWAYS_INLINE void by_table(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                            u32 count, enum feature_place place)
{
    struct classify_tally sum = {0};
    for (u32 i = 0; i < count; i++) {
        struct buffer *now = b[i];
        enum verdict v = policer_by_classify(t, &now, place, &sum);
        next[i] = policer_direct(t, n, b[i], now, v, place, POLICER_CLASSIFY_ERR_DROP,
                                 POLICER_CLASSIFY_ERR_NO_BUFFER);
    }
    classify_tally_count(n, &sum, POLICER_CLASSIFY_ERR_HIT, POLICER_CLASSIFY_ERR_CHAIN_HIT,
                         POLICER_CLASSIFY_ERR_MISS);
}

void NODE_FN(policer_classify_ip)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                  u32 count)
{
    by_table(t, n, b, next, count, AT_IP_INPUT);
}

void NODE_FN(policer_classify_l2)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                  u32 count)
{
    by_table(t, n, b, next, count, AT_FRAME);
}
