/* ip4-qos-store, ip4-qos-record, vlan-ip4-qos-record, l2-ip-qos-record; ip4-qos-mark,
 * vlan-ip4-qos-mark; and their like of IPv6. */
#include "engine/feature.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/ip6_packet.h"
#include "net/features/qos/qos.h"
#include "net/link/vlan/vlan_data.h"

#define PCP_SHIFT 13
#define PCP_MASK 7u

/* --- what comes in --- */

void NODE_FN(qos_store)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        qos_record(b[i], QOS_IP, (u8)feature_data(b[i]));
        next[i] = feature_next(b[i]);
    }
}

void NODE_FN(qos_record_ip4)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                             u32 count)
{
    for (u32 i = 0; i < count; i++) {
        const struct ip4_header *ip = buffer_current(b[i]);
        qos_record(b[i], QOS_IP, ip->tos);
        next[i] = feature_next(b[i]);
    }
}

void NODE_FN(qos_record_ip6)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                             u32 count)
{
    for (u32 i = 0; i < count; i++) {
        qos_record(b[i], QOS_IP, ip6_traffic_class(buffer_current(b[i])));
        next[i] = feature_next(b[i]);
    }
}

/* The tag in front of the packet, the inner one of two; without one nothing is recorded. */
void NODE_FN(qos_record_vlan)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                              u32 count)
{
    for (u32 i = 0; i < count; i++) {
        int l2_bytes = b[i]->start - b[i]->l2_start;
        if (l2_bytes >= ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES)
            qos_record(b[i], QOS_VLAN,
                       (u8)(get_be16(b[i]->data + b[i]->start - VLAN_TAG_BYTES) >> PCP_SHIFT));
        next[i] = feature_next(b[i]);
    }
}

/* IPv4 and IPv6 behind any tags. */
void NODE_FN(qos_record_l2)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                            u32 count)
{
    for (u32 i = 0; i < count; i++) {
        const u8 *frame = buffer_current(b[i]);
        struct vlan_header h = {0};
        next[i] = feature_next(b[i]);
        if (likely(b[i]->len >= ETHERNET_HEADER_BYTES))
            h = vlan_parse(frame, b[i]->len);
        if (!h.bytes || b[i]->len < h.bytes + 2)
            continue;
        if (h.type == ETHERTYPE_IP4)
            qos_record(b[i], QOS_IP, frame[h.bytes + 1]);
        else if (h.type == ETHERTYPE_IP6)
            qos_record(b[i], QOS_IP, (u8)(get_be16(frame + h.bytes) >> 4));
    }
}

/* --- what leaves --- */

/* NULL: there is nothing to write; the packet was given no priority, or `set interface feature` no
 * map. */
ALWAYS_INLINE const struct qos_map *qos_map_for(const struct buffer *b)
{
    return b->flags & BUFFER_QOS ? (const struct qos_map *)(uintptr_t)feature_data(b) : NULL;
}

void NODE_FN(qos_mark_ip4)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                           u32 count)
{
    for (u32 i = 0; i < count; i++) {
        const struct qos_map *map = qos_map_for(b[i]);
        if (map)
            ip4_set_tos((struct ip4_header *)(void *)(b[i]->data + b[i]->l3_start),
                        qos_output(map, b[i]));
        next[i] = feature_next(b[i]);
    }
}

void NODE_FN(qos_mark_ip6)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                           u32 count)
{
    for (u32 i = 0; i < count; i++) {
        const struct qos_map *map = qos_map_for(b[i]);
        if (map)
            ip6_set_traffic_class((struct ip6_header *)(void *)(b[i]->data + b[i]->l3_start),
                                  qos_output(map, b[i]));
        next[i] = feature_next(b[i]);
    }
}

/* The outer tag of the link header. */
void NODE_FN(qos_mark_vlan)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                            u32 count)
{
    for (u32 i = 0; i < count; i++) {
        u8 *frame = buffer_current(b[i]);
        const struct qos_map *map = qos_map_for(b[i]);
        if (map && b[i]->l3_start - b[i]->start >= ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES &&
            ethernet_is_tag(get_be16(frame + 12))) {
            u16 pcp = qos_output(map, b[i]) & PCP_MASK;
            put_be16(frame + 14, (u16)((get_be16(frame + 14) & 0x1fff) | pcp << PCP_SHIFT));
        }
        next[i] = feature_next(b[i]);
    }
}
