/* The four nodes; see mss_clamp.h. */
#include "engine/feature.h"
#include "net/link/interface/own.h"
#include "net/packet/checksum.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/ip6_packet.h"
#include "net/packet/l4_packet.h"
#include "plugins/mss_clamp/mss_clamp.h"

enum { TCP_OPTION_END = 0, TCP_OPTION_NOP = 1, TCP_OPTION_MSS = 2 };

/* The TCP header of a SYN that lies in one piece behind its IP header at `ip`; NULL: it is no such
 * packet. */
ALWAYS_INLINE u8 *mss_clamp_syn(const struct buffer *b, u8 *ip, enum ip_family family)
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
    const struct tcp_header *h = (const void *)tcp;
    if (end - tcp < (int)sizeof(*h) || !(h->flags & TCP_SYN) ||
        end - tcp < (int)tcp_header_bytes(h))
        return NULL;
    return tcp;
}

/* Bytes from the TCP header to the value of its MSS option; 0: there is none. */
static u32 mss_clamp_option(const u8 *tcp)
{
    u32 bytes = tcp_header_bytes((const struct tcp_header *)(const void *)tcp);
    for (u32 at = sizeof(struct tcp_header); at + 1 < bytes && tcp[at] != TCP_OPTION_END;) {
        if (tcp[at] == TCP_OPTION_NOP) {
            at++;
            continue;
        }
        u32 len = tcp[at + 1];
        if (len < 2 || at + len > bytes)
            return 0;
        if (tcp[at] == TCP_OPTION_MSS)
            return len == 4 ? at + 2 : 0;
        at += len;
    }
    return 0;
}

/* The option may begin at an odd place, where its bytes are in two words of the sum. */
static void mss_clamp_write(struct buffer *b, u8 *tcp, u32 at, u16 mss)
{
    struct tcp_header *h = (struct tcp_header *)(void *)tcp;
    be16 from = load_be16(tcp + at), to = be16_from_host(mss);
    store_be16(tcp + at, to);
    if (b->flags & BUFFER_CSUM_PARTIAL && b->csum_start == tcp - b->data)
        return; /* the payload's part is made when it leaves */
    if (at & 1) {
        from.raw = __builtin_bswap16(from.raw);
        to.raw = __builtin_bswap16(to.raw);
    }
    h->checksum = csum_update16(h->checksum, from, to);
}

ALWAYS_INLINE u16 mss_clamp_one(struct thread *t, struct node *n, struct buffer *b, i32 l3,
                                enum ip_family family)
{
    u16 mss = (u16)feature_data(b), next = feature_next(b);
    u8 *tcp = mss_clamp_syn(b, b->data + l3, family);
    u32 at = tcp ? mss_clamp_option(tcp) : 0;
    if (likely(!at) || be16_to_host(load_be16(tcp + at)) <= mss)
        return next;
    struct buffer *own = own_to_write(t, b);
    if (unlikely(!own)) {
        node_count(n, MSS_CLAMP_ERR_NO_BUFFER, 1);
        return NEXT_CONSUMED;
    }
    if (likely(own == b)) {
        mss_clamp_write(b, tcp, at, mss);
        node_count(n, MSS_CLAMP_ERR_CLAMPED, 1);
        return next;
    }
    tcp = mss_clamp_syn(own, own->data + l3, family);
    if (likely(tcp)) {
        mss_clamp_write(own, tcp, at, mss);
        node_count(n, MSS_CLAMP_ERR_CLAMPED, 1);
    }
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
