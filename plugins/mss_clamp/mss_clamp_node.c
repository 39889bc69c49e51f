/* The four nodes; see mss_clamp.h. */
#include "engine/feature.h"
#include "net/link/interface/own.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/ip6_packet.h"
#include "net/packet/tcp_mss.h"
#include "plugins/mss_clamp/mss_clamp.h"

/* The TCP header of a SYN that lies in one piece behind its IP header at `ip`; NULL: it is no such
 * packet. */
ALWAYS_INLINE struct tcp_header *mss_clamp_syn(const struct buffer *b, u8 *ip,
                                               enum ip_family family)
{
    const u8 *end = b->data + b->start + b->len;
    u8 *tcp = ip;
    if (family == IP_FAMILY_4) {
        const struct ip4_header *h = (const void *)ip;
        if (end - ip < (int)sizeof(*h) || h->protocol != IP_PROTOCOL_TCP ||
            ip4_fragment_offset_bytes(h))
            return NULL;
        tcp += ip4_header_bytes(h);
    } else {
        const struct ip6_header *h = (const void *)ip;
        if (end - ip < (int)sizeof(*h) || h->protocol != IP_PROTOCOL_TCP)
            return NULL;
        tcp += sizeof(*h);
    }
    struct tcp_header *h = (void *)tcp;
    if (end - tcp < (int)sizeof(*h) || !(h->flags & TCP_SYN) ||
        end - tcp < (int)tcp_header_bytes(h))
        return NULL;
    return h;
}

ALWAYS_INLINE u16 mss_clamp_one(struct thread *t, struct node *n, struct buffer *b, i32 l3,
                                enum ip_family family)
{
    u16 mss = (u16)feature_data(b), next = feature_next(b);
    struct tcp_header *tcp = mss_clamp_syn(b, b->data + l3, family);
    u32 at = tcp ? tcp_mss_above(tcp, tcp_header_bytes(tcp), mss) : 0;
    if (likely(!at))
        return next;
    struct buffer *own = own_to_write(t, b);
    if (unlikely(!own)) {
        node_count(n, MSS_CLAMP_ERR_NO_BUFFER, 1);
        return NEXT_CONSUMED;
    }
    if (unlikely(own != b))
        tcp = mss_clamp_syn(own, own->data + l3, family);
    if (likely(tcp)) {
        tcp_mss_write(own, tcp, at, mss);
        node_count(n, MSS_CLAMP_ERR_CLAMPED, 1);
    }
    if (likely(own == b))
        return next;
    u32 bi = buffer_index(own);
    node_enqueue(t, n, next, &bi, 1);
    return NEXT_CONSUMED;
}

void NODE_FN(mss_clamp_ip4_in)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                               u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = mss_clamp_one(t, n, b[i], b[i]->start, IP_FAMILY_4);
}

void NODE_FN(mss_clamp_ip6_in)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                               u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = mss_clamp_one(t, n, b[i], b[i]->start, IP_FAMILY_6);
}

void NODE_FN(mss_clamp_ip4_out)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = mss_clamp_one(t, n, b[i], b[i]->l3_start, IP_FAMILY_4);
}

void NODE_FN(mss_clamp_ip6_out)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = mss_clamp_one(t, n, b[i], b[i]->l3_start, IP_FAMILY_6);
}
