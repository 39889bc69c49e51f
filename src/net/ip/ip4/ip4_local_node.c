/* ip4-receive, ip4-local, ip4-local-end-of-arc and ip4-udp-lookup; see ip4_local.h.
 * Source: RFC 1122 3.2.1, 4.1.3; checks and their names as VPP has them. */
#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_errors.h"
#include "net/ip/ip4/ip4_local.h"
#include "net/ip/ip4/ip4_nodes.h"
#include "net/packet/ip4_packet.h"

/* --- checks --- */

static enum ip4_error check_udp(const struct buffer *b, const struct ip4_header *h, u32 l4_bytes,
                                bool sum)
{
    const struct udp_header *udp = ip4_payload(h);
    u32 length = be16_to_host(udp->length);

    if (length < sizeof(*udp) || length > l4_bytes)
        return IP4_ERROR_UDP_LENGTH;
    if (!sum || be16_is_zero(udp->checksum))
        return IP4_ERROR_NONE;
    u64 s = csum_pseudo_ip4(h->src, h->dst, IP_PROTOCOL_UDP, length);
    return csum_fold(csum_add_chain(s, b, ip4_header_bytes(h), length)) == 0xffff
               ? IP4_ERROR_NONE
               : IP4_ERROR_UDP_CHECKSUM;
}

/* Bytes of the fixed part of an L4 header; 0 where it is not looked at. */
static u32 l4_header_bytes(u8 protocol)
{
    return protocol == IP_PROTOCOL_UDP    ? (u32)sizeof(struct udp_header)
           : protocol == IP_PROTOCOL_TCP  ? (u32)sizeof(struct tcp_header)
           : protocol == IP_PROTOCOL_ICMP ? (u32)sizeof(struct icmp_header)
                                          : 0;
}

static enum ip4_error ip4_local_check_l4(struct thread *t, struct buffer *b)
{
    const struct ip4_header *h = buffer_current(b);
    u32 header_bytes = ip4_header_bytes(h), l4_bytes = ip4_length(h) - header_bytes;
    u32 fixed_bytes = l4_header_bytes(h->protocol);
    bool sum = !(b->flags & (BUFFER_CSUM_PARTIAL | BUFFER_CSUM_VALID | BUFFER_LOCAL));

    if (l4_bytes < fixed_bytes)
        return h->protocol == IP_PROTOCOL_UDP ? IP4_ERROR_UDP_LENGTH : IP4_ERROR_BAD_LENGTH;
    if (!buffer_pull(t, b, header_bytes + fixed_bytes))
        return IP4_ERROR_BAD_LENGTH;
    h = buffer_current(b);
    if (h->protocol == IP_PROTOCOL_UDP)
        return check_udp(b, h, l4_bytes, sum);
    if (!sum || !fixed_bytes)
        return IP4_ERROR_NONE;
    if (h->protocol == IP_PROTOCOL_ICMP)
        return csum_fold(csum_add_chain(0, b, header_bytes, l4_bytes)) == 0xffff
                   ? IP4_ERROR_NONE
                   : IP4_ERROR_ICMP_CHECKSUM;
    return csum_fold(csum_add_chain(ip4_pseudo_sum(h), b, header_bytes, l4_bytes)) == 0xffff
               ? IP4_ERROR_NONE
               : IP4_ERROR_TCP_CHECKSUM;
}

/* The last source looked up: packets come in runs. */
struct last_source {
    be32 src;
    u32 fib;
    enum ip4_error error;
    bool valid;
};

/* A source that is ours, or that there is no way back to. */
static enum ip4_error ip4_local_check_source(const struct buffer *b, struct last_source *last)
{
    const struct ip4_header *h = buffer_current(b);

    if (b->flags & BUFFER_LOCAL || if_is_none(b->rx_if) || ip4_is_limited_broadcast(h->dst) ||
        ip4_is_multicast(h->dst))
        return IP4_ERROR_NONE;
    struct fib_index fib = ip_if_fib(IP_FAMILY_4, b->rx_if);
    if (likely(last->valid && be32_equal(last->src, h->src) && last->fib == fib.i))
        return last->error;
    u8 kind = adj_head(adj_at(lb_pick(lb_load(ip4_lookup(fib, h->src).i), 0))).kind;
    *last = (struct last_source){
        .src = h->src,
        .fib = fib.i,
        .error = kind == ADJ_KIND_RECEIVE ? IP4_ERROR_SPOOFED_LOCAL_PACKETS
                 : kind == ADJ_KIND_DROP  ? IP4_ERROR_SRC_LOOKUP_MISS
                                          : IP4_ERROR_NONE,
        .valid = true,
    };
    return last->error;
}

/* --- dispatch --- */

static u16 ip4_local_dispatch(const struct ip4_local *local, u32 which, struct node *n,
                              struct buffer *b)
{
    const struct ip4_header *h = buffer_current(b);
    u16 next = __atomic_load_n(&local->next_by_protocol[which][h->protocol], __ATOMIC_ACQUIRE);

    if (likely(next != IP4_LOCAL_NEXT_ICMP_ERROR))
        return next;
    bool tcp = h->protocol == IP_PROTOCOL_TCP;
    if (tcp && __atomic_load_n(&local->tcp_rest_punted, __ATOMIC_RELAXED))
        return node_drop(n, b, IP4_ERROR_PUNT, IP4_LOCAL_NEXT_PUNT);
    ip4_note_icmp_error(b, ICMP4_DESTINATION_UNREACHABLE,
                        tcp ? ICMP4_PORT_UNREACHABLE : ICMP4_PROTOCOL_UNREACHABLE, 0);
    return node_drop(n, b, tcp ? IP4_ERROR_NO_PORT : IP4_ERROR_UNKNOWN_PROTOCOL, next);
}

static u16 ip4_local_deliver(const struct ip4_local *local, u32 which, struct thread *t,
                             struct node *n, struct buffer *b, struct last_source *last)
{
    const struct ip4_header *h = buffer_current(b);

    if (unlikely(ip4_is_fragment(h)))
        return IP4_LOCAL_NEXT_REASSEMBLY;
    enum ip4_error error = ip4_local_check_l4(t, b);
    if (likely(error == IP4_ERROR_NONE))
        error = ip4_local_check_source(b, last);
    if (unlikely(error != IP4_ERROR_NONE))
        return node_drop(n, b, error, IP4_LOCAL_NEXT_DROP);
    b->l3_start = b->start;
    b->l4_start = (i16)(b->start + (int)ip4_header_bytes(buffer_current(b)));
    u16 next = ip4_local_dispatch(local, which, n, b);
    return if_is_none(b->rx_if) ? next : feature_start(local->arc, b->rx_if, b, next);
}

ALWAYS_INLINE void ip4_local_all(u32 which, struct thread *t, struct node *n, struct buffer **b,
                                 u16 *next, u32 count)
{
    struct last_source last = {.valid = false};
    for (u32 i = 0; i < count; i++)
        next[i] = ip4_local_deliver(n->state, which, t, n, b[i], &last);
}

void NODE_FN(ip4_local)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    ip4_local_all(IP4_LOCAL_NODE, t, n, b, next, count);
}

void NODE_FN(ip4_receive)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    ip4_local_all(IP4_LOCAL_RECEIVE, t, n, b, next, count);
}

/* What comes here was checked before the arc began. */
void NODE_FN(ip4_local_end_of_arc)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                   u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = ip4_local_dispatch(n->state, IP4_LOCAL_END_OF_ARC, n, b[i]);
}

/* --- UDP --- */

void NODE_FN(ip4_udp_lookup)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                             u32 count)
{
    const struct ip4_local *local = n->state;

    for (u32 i = 0; i < count; i++) {
        const struct udp_header *udp = ip4_payload(buffer_current(b[i]));
        next[i] =
            __atomic_load_n(&local->next_by_port[be16_to_host(udp->dst_port)], __ATOMIC_ACQUIRE);
        if (next[i] == UDP_LOOKUP_NEXT_ICMP_ERROR)
            next[i] = __atomic_load_n(&local->udp_rest_next, __ATOMIC_RELAXED);
        if (next[i] == UDP_LOOKUP_NEXT_PUNT)
            node_drop(n, b[i], UDP_ERROR_PUNT, next[i]);
        if (next[i] != UDP_LOOKUP_NEXT_ICMP_ERROR)
            continue;
        ip4_note_icmp_error(b[i], ICMP4_DESTINATION_UNREACHABLE, ICMP4_PORT_UNREACHABLE, 0);
        node_drop(n, b[i], UDP_ERROR_NO_LISTENER, next[i]);
    }
}
