/* acl-plugin-macip-ip4, acl-plugin-macip-ip6, acl-plugin-macip-l2: what an interface receives, by
 * the stations and addresses that its MACIP list knows. */
#include "engine/feature.h"
#include "engine/trace.h"
#include "net/link/vlan/vlan_data.h"
#include "net/packet/arp_packet.h"
#include "plugins/acl/acl_macip.h"
#include "plugins/acl/acl_node.h"

#define SOURCE_MAC_AT 6

/* Whether n bytes at `at` are in b's first buffer. */
ALWAYS_INLINE bool acl_macip_whole(const struct buffer *b, int at, u32 n)
{
    return at + (int)n <= b->start + b->len;
}

/* By the IP header at `at`; mac NULL: there is no link header, and so no station. */
ALWAYS_INLINE bool acl_macip_ip(const struct acl_macip *l, const struct buffer *b, int at,
                                const u8 *mac, enum ip_family family, u32 *rule)
{
    static const u8 nobody[6];
    u64 key[ACL_KEY_WORDS_6];
    u32 bytes = family == IP_FAMILY_4 ? sizeof(struct ip4_header) : sizeof(struct ip6_header);
    u32 src =
        family == IP_FAMILY_4 ? offsetof(struct ip4_header, src) : offsetof(struct ip6_header, src);
    *rule = ACL_MATCH_NONE;
    if (unlikely(!acl_macip_whole(b, at, bytes)))
        return false;
    acl_macip_key(key, family, mac ? mac : nobody, b->data + at + src);
    return acl_macip_permits(l, family, key, rule);
}

/* The sender that it tells of has to be the one of the frame. */
static bool acl_macip_arp(const struct acl_macip *l, const struct buffer *b, int at, const u8 *mac,
                          u32 *rule)
{
    enum { SENDER_MAC = 8, SENDER_IP = 14, BYTES = 28 };
    u64 key[ACL_KEY_WORDS_6];
    const u8 *arp = b->data + at;
    *rule = ACL_MATCH_NONE;
    if (!acl_macip_whole(b, at, BYTES) || memcmp(arp + SENDER_MAC, mac, 6) != 0)
        return false;
    acl_macip_key(key, IP_FAMILY_4, mac, arp + SENDER_IP);
    return acl_macip_permits(l, IP_FAMILY_4, key, rule);
}

static bool acl_macip_frame(const struct acl_macip *l, const struct buffer *b, u32 *rule)
{
    const u8 *frame = buffer_current(b);
    *rule = ACL_MATCH_NONE;
    if (b->len < ETHERNET_HEADER_BYTES)
        return false;
    struct vlan_header h = vlan_parse(frame, b->len);
    int at = b->start + h.bytes;
    if (!h.bytes)
        return false;
    if (h.type == ETHERTYPE_ARP)
        return acl_macip_arp(l, b, at, frame + SOURCE_MAC_AT, rule);
    if (h.type != ETHERTYPE_IP4 && h.type != ETHERTYPE_IP6)
        return false;
    return acl_macip_ip(l, b, at, frame + SOURCE_MAC_AT,
                        h.type == ETHERTYPE_IP4 ? IP_FAMILY_4 : IP_FAMILY_6, rule);
}

enum acl_macip_place { MACIP_IP4, MACIP_IP6, MACIP_FRAME };

/* l NULL: it has just been taken away. */
ALWAYS_INLINE bool acl_macip_passes(const struct acl_macip *l, const struct buffer *b,
                                    enum acl_macip_place place, u32 *rule)
{
    *rule = ACL_MATCH_NONE;
    if (unlikely(!l))
        return true;
    if (place == MACIP_FRAME)
        return acl_macip_frame(l, b, rule);
    bool linked = b->l2_start + ETHERNET_HEADER_BYTES <= b->start;
    const u8 *mac = linked ? b->data + b->l2_start + SOURCE_MAC_AT : NULL;
    return acl_macip_ip(l, b, b->start, mac, place == MACIP_IP4 ? IP_FAMILY_4 : IP_FAMILY_6, rule);
}

ALWAYS_INLINE void acl_macip_run(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                 u32 count, enum acl_macip_place place)
{
    u32 permitted = 0;
    for (u32 i = 0; i < count; i++) {
        const struct acl_macip *l =
            __atomic_load_n(&acl_interfaces[b[i]->rx_if.i].macip, __ATOMIC_ACQUIRE);
        u32 rule;
        bool passes = acl_macip_passes(l, b[i], place, &rule);
        if (unlikely(b[i]->flags & BUFFER_TRACED)) {
            struct acl_macip_trace note = {b[i]->rx_if.i, l ? l->index : ACL_NONE, rule, passes};
            trace_note(t, b[i], &note, sizeof(note));
        }
        permitted += passes;
        next[i] =
            passes ? feature_next(b[i]) : node_drop(n, b[i], ACL_FA_ERR_DENY, ACL_FA_NEXT_DROP);
    }
    node_count(n, ACL_FA_ERR_PERMIT, permitted);
    node_count(n, ACL_FA_ERR_CHECK, count);
}

void NODE_FN(acl_macip_in_ip4)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                               u32 count)
{
    acl_macip_run(t, n, b, next, count, MACIP_IP4);
}

void NODE_FN(acl_macip_in_ip6)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                               u32 count)
{
    acl_macip_run(t, n, b, next, count, MACIP_IP6);
}

void NODE_FN(acl_macip_in_l2)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                              u32 count)
{
    acl_macip_run(t, n, b, next, count, MACIP_FRAME);
}
