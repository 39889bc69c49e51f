/* ip6-receive, ip6-local, ip6-local-end-of-arc and ip6-udp-lookup; see ip6_local.h. Source: RFC
 * 8200 4 and 8.1, RFC 5095 (routing header of type 0), RFC 6946 (a fragment that is a whole
 * datagram); checks and their names as VPP has them. */
#include "net/ip/ip6/ip6.h"
#include "net/ip/ip6/ip6_errors.h"
#include "net/ip/ip6/ip6_local.h"
#include "net/ip/ip6/ip6_nodes.h"
#include "net/packet/checksum.h"

/* --- extension headers --- */

/* What is behind IPv6's header and its extensions, or what is wrong with them: with an ICMP type
 * the sender is told. Offsets are from the IPv6 header. */
struct ip6_walk {
    enum ip6_error error;
    u8 icmp_type, icmp_code;
    u8 protocol; /* of the header at `at` */
    u32 at;
    u32 named_at; /* of the byte that says so */
    u32 pointer;  /* for the ICMP message */
};

#define IP6_EXTENSIONS_MAX 16 /* each is a step: nobody needs more */

static bool ip6_walk_fail(struct ip6_walk *w, enum ip6_error error)
{
    w->error = error;
    return false;
}

static bool ip6_walk_problem(struct ip6_walk *w, enum ip6_error error, u8 code, u32 pointer)
{
    w->icmp_type = ICMP6_PARAMETER_PROBLEM;
    w->icmp_code = code;
    w->pointer = pointer;
    return ip6_walk_fail(w, error);
}

static bool ip6_walk_unknown_option(struct ip6_walk *w, u8 option, u32 at, bool group)
{
    switch ((enum ip6_option_action)(option >> 6)) {
    case IP6_OPTION_SKIP:
        return true;
    case IP6_OPTION_DISCARD:
        break;
    case IP6_OPTION_TELL_UNICAST:
        if (group)
            break;
        return ip6_walk_problem(w, IP6_ERROR_UNKNOWN_OPTION, ICMP6_UNKNOWN_OPTION, at);
    case IP6_OPTION_TELL:
        return ip6_walk_problem(w, IP6_ERROR_UNKNOWN_OPTION, ICMP6_UNKNOWN_OPTION, at);
    }
    return ip6_walk_fail(w, IP6_ERROR_UNKNOWN_OPTION);
}

/* Options of a header at w->at whose n bytes are there. */
static bool ip6_walk_options(struct ip6_walk *w, const u8 *packet, u32 n, bool group)
{
    u32 end = w->at + n;
    for (u32 i = w->at + 2; i < end;) {
        if (packet[i] == IP6_OPTION_PAD1) {
            i++;
            continue;
        }
        if (i + 2 > end || packet[i + 1] > end - i - 2)
            return ip6_walk_problem(w, IP6_ERROR_BAD_EXTENSION, ICMP6_BAD_FIELD, i);
        bool known = packet[i] == IP6_OPTION_PADN || packet[i] == IP6_OPTION_ROUTER_ALERT;
        if (!known && !ip6_walk_unknown_option(w, packet[i], i, group))
            return false;
        i += 2u + packet[i + 1];
    }
    return true;
}

/* One header, of which all bytes are there. */
static bool ip6_walk_header(struct ip6_walk *w, const u8 *packet, u32 n)
{
    const u8 *h = packet + w->at;
    const struct ip6_header *ip = (const struct ip6_header *)packet;
    switch (w->protocol) {
    case IP_PROTOCOL_HOP_BY_HOP:
        if (w->at != sizeof(*ip))
            return ip6_walk_problem(w, IP6_ERROR_BAD_EXTENSION, ICMP6_UNKNOWN_NEXT_HEADER,
                                    w->named_at);
        return ip6_walk_options(w, packet, n, ip6_is_multicast(ip->dst));
    case IP_PROTOCOL_IP6_DESTINATION:
        return ip6_walk_options(w, packet, n, ip6_is_multicast(ip->dst));
    case IP_PROTOCOL_IP6_ROUTE: /* no type is known here */
        if (!((const struct ip6_routing_header *)h)->segments_left)
            return true;
        return ip6_walk_problem(w, IP6_ERROR_ROUTING_HEADER, ICMP6_BAD_FIELD,
                                w->at + offsetof(struct ip6_routing_header, type));
    default: { /* a fragment header */
        const struct ip6_fragment_header *f = (const struct ip6_fragment_header *)h;
        return be16_has(f->offset_more, 0xfff9) ? ip6_walk_fail(w, IP6_ERROR_FRAGMENT) : true;
    }
    }
}

static bool ip6_walk_is_extension(u8 protocol)
{
    return ip6_is_extension(protocol) || protocol == IP_PROTOCOL_IP6_FRAGMENT;
}

/* To the L4 header. w->error says whether it is there. */
static void ip6_walk(struct thread *t, struct buffer *b, struct ip6_walk *w)
{
    const struct ip6_header *h = buffer_current(b);
    u32 length = ip6_length(h);
    *w = (struct ip6_walk){.protocol = h->protocol,
                           .at = (u32)sizeof(*h),
                           .named_at = offsetof(struct ip6_header, protocol)};
    for (u32 k = 0; ip6_walk_is_extension(w->protocol); k++) {
        if (k == IP6_EXTENSIONS_MAX || w->at + 8 > length || !buffer_pull(t, b, w->at + 8)) {
            w->error = IP6_ERROR_BAD_EXTENSION;
            return;
        }
        const u8 *packet = buffer_current(b);
        u32 n = w->protocol == IP_PROTOCOL_IP6_FRAGMENT ? 8 : (packet[w->at + 1] + 1u) * 8;
        if (w->at + n > length || !buffer_pull(t, b, w->at + n)) {
            w->error = IP6_ERROR_BAD_EXTENSION;
            return;
        }
        packet = buffer_current(b);
        if (!ip6_walk_header(w, packet, n))
            return;
        w->protocol = packet[w->at];
        w->named_at = w->at;
        w->at += n;
    }
    if (w->protocol == IP_PROTOCOL_IP6_NONE)
        w->error = IP6_ERROR_NO_NEXT_HEADER;
}

/* --- checks --- */

/* Bytes of the fixed part of an L4 header; 0 where it is not looked at. */
static u32 ip6_local_l4_bytes(u8 protocol)
{
    return protocol == IP_PROTOCOL_UDP     ? (u32)sizeof(struct udp_header)
           : protocol == IP_PROTOCOL_TCP   ? (u32)sizeof(struct tcp_header)
           : protocol == IP_PROTOCOL_ICMP6 ? (u32)sizeof(struct icmp_header)
                                           : 0;
}

static enum ip6_error ip6_local_check_l4(struct thread *t, struct buffer *b,
                                         const struct ip6_walk *w)
{
    const struct ip6_header *h = buffer_current(b);
    u32 bytes = ip6_length(h) - w->at, fixed = ip6_local_l4_bytes(w->protocol);
    bool sum = !(b->flags & (BUFFER_CSUM_PARTIAL | BUFFER_CSUM_VALID | BUFFER_LOCAL));
    if (bytes < fixed)
        return w->protocol == IP_PROTOCOL_UDP ? IP6_ERROR_UDP_LENGTH : IP6_ERROR_BAD_LENGTH;
    if (!buffer_pull(t, b, w->at + fixed))
        return IP6_ERROR_BAD_LENGTH;
    h = buffer_current(b);
    if (w->protocol == IP_PROTOCOL_UDP) {
        const struct udp_header *udp = (const struct udp_header *)((const u8 *)h + w->at);
        u32 length = be16_to_host(udp->length);
        if (length < sizeof(*udp) || length > bytes)
            return IP6_ERROR_UDP_LENGTH;
        bytes = length;
        /* RFC 8200 8.1: there is none without */
        if (sum && be16_is_zero(udp->checksum))
            return IP6_ERROR_UDP_CHECKSUM;
    }
    if (!sum || !fixed)
        return IP6_ERROR_NONE;
    u64 s = csum_pseudo_ip6(h->src, h->dst, w->protocol, bytes);
    if (csum_fold(csum_add_chain(s, b, w->at, bytes)) == 0xffff)
        return IP6_ERROR_NONE;
    return w->protocol == IP_PROTOCOL_UDP   ? IP6_ERROR_UDP_CHECKSUM
           : w->protocol == IP_PROTOCOL_TCP ? IP6_ERROR_TCP_CHECKSUM
                                            : IP6_ERROR_ICMP_CHECKSUM;
}

/* Who has an address of ours says so from there. */
static bool ip6_local_is_advertisement(const struct buffer *b, const struct ip6_walk *w)
{
    const u8 *packet = buffer_current(b);
    return w->protocol == IP_PROTOCOL_ICMP6 && packet[w->at] == ICMP6_NEIGHBOR_ADVERTISEMENT;
}

/* A source that is ours, or that there is no way back to. */
static enum ip6_error ip6_local_check_source(const struct buffer *b, const struct ip6_walk *w)
{
    const struct ip6_header *h = buffer_current(b);

    if (b->flags & BUFFER_LOCAL || if_is_none(b->rx_if) || ip6_is_unspecified(h->src))
        return IP6_ERROR_NONE;
    enum adj_kind kind = ip6_kind_of(b->rx_if, h->src);
    if (kind == ADJ_KIND_RECEIVE && !ip6_local_is_advertisement(b, w))
        return IP6_ERROR_SPOOFED_LOCAL_PACKETS;
    /* who asks a group need not be reachable otherwise: a host with an address of another subnet
     * is answered on the link */
    return ip6_kind_drops(kind) && !ip6_is_multicast(h->dst) ? IP6_ERROR_SRC_LOOKUP_MISS
                                                             : IP6_ERROR_NONE;
}

/* --- dispatch --- */

static u16 ip6_local_nobody(const struct ip6_local *local, struct node *n, struct buffer *b,
                            u8 protocol, u32 named_at)
{
    if (protocol == IP_PROTOCOL_TCP && __atomic_load_n(&local->tcp_rest_punted, __ATOMIC_RELAXED))
        return node_drop(n, b, IP6_ERROR_PUNT, IP6_LOCAL_NEXT_PUNT);
    if (protocol == IP_PROTOCOL_TCP) {
        ip6_note_icmp_error(b, ICMP6_DESTINATION_UNREACHABLE, ICMP6_PORT_UNREACHABLE, 0);
        return node_drop(n, b, IP6_ERROR_NO_PORT, IP6_LOCAL_NEXT_ICMP_ERROR);
    }
    ip6_note_icmp_error(b, ICMP6_PARAMETER_PROBLEM, ICMP6_UNKNOWN_NEXT_HEADER, named_at);
    return node_drop(n, b, IP6_ERROR_UNKNOWN_PROTOCOL, IP6_LOCAL_NEXT_ICMP_ERROR);
}

static u16 ip6_local_dispatch(const struct ip6_local *local, u32 which, struct node *n,
                              struct buffer *b, u8 protocol, u32 named_at)
{
    u16 next = __atomic_load_n(&local->next_by_protocol[which][protocol], __ATOMIC_ACQUIRE);
    return likely(next != IP6_LOCAL_NEXT_ICMP_ERROR)
               ? next
               : ip6_local_nobody(local, n, b, protocol, named_at);
}

/* To who puts it together, if anybody does. */
static u16 ip6_local_fragment(const struct ip6_local *local, u32 which, struct node *n,
                              struct buffer *b, const struct ip6_walk *w)
{
    u16 next = __atomic_load_n(&local->next_by_protocol[which][IP_PROTOCOL_IP6_FRAGMENT],
                               __ATOMIC_ACQUIRE);
    if (next == IP6_LOCAL_NEXT_ICMP_ERROR)
        return node_drop(n, b, IP6_ERROR_FRAGMENT, IP6_LOCAL_NEXT_DROP);
    b->l3_start = b->start;
    b->l4_start = (i16)(b->start + (int)w->at);
    return next;
}

static u16 ip6_local_deliver(const struct ip6_local *local, u32 which, struct thread *t,
                             struct node *n, struct buffer *b)
{
    struct ip6_walk w;
    ip6_walk(t, b, &w);
    if (unlikely(w.error == IP6_ERROR_FRAGMENT))
        return ip6_local_fragment(local, which, n, b, &w);
    if (unlikely(w.error != IP6_ERROR_NONE)) {
        ip6_note_icmp_error(b, w.icmp_type, w.icmp_code, w.pointer);
        return node_drop(n, b, w.error,
                         w.icmp_type ? IP6_LOCAL_NEXT_ICMP_ERROR : IP6_LOCAL_NEXT_DROP);
    }
    enum ip6_error error = ip6_local_check_l4(t, b, &w);
    if (likely(error == IP6_ERROR_NONE))
        error = ip6_local_check_source(b, &w);
    if (unlikely(error != IP6_ERROR_NONE))
        return node_drop(n, b, error, IP6_LOCAL_NEXT_DROP);
    b->l3_start = b->start;
    b->l4_start = (i16)(b->start + (int)w.at);
    u16 next = ip6_local_dispatch(local, which, n, b, w.protocol, w.named_at);
    return if_is_none(b->rx_if) ? next : feature_start(local->arc, b->rx_if, b, next);
}

ALWAYS_INLINE void ip6_local_all(u32 which, struct thread *t, struct node *n, struct buffer **b,
                                 u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = ip6_local_deliver(n->state, which, t, n, b[i]);
}

void NODE_FN(ip6_local)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    ip6_local_all(IP6_LOCAL_NODE, t, n, b, next, count);
}

void NODE_FN(ip6_receive)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    ip6_local_all(IP6_LOCAL_RECEIVE, t, n, b, next, count);
}

/* What comes here was checked before the arc began. */
void NODE_FN(ip6_local_end_of_arc)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                   u32 count)
{
    for (u32 i = 0; i < count; i++) {
        struct ip6_walk w;
        ip6_walk(t, b[i], &w);
        next[i] = w.error != IP6_ERROR_NONE ? node_drop(n, b[i], w.error, IP6_LOCAL_NEXT_DROP)
                                            : ip6_local_dispatch(n->state, IP6_LOCAL_END_OF_ARC, n,
                                                                 b[i], w.protocol, w.named_at);
    }
}

/* --- UDP --- */

void NODE_FN(ip6_udp_lookup)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                             u32 count)
{
    const struct ip6_local *local = n->state;

    for (u32 i = 0; i < count; i++) {
        const struct udp_header *udp = (const struct udp_header *)(b[i]->data + b[i]->l4_start);
        next[i] =
            __atomic_load_n(&local->next_by_port[be16_to_host(udp->dst_port)], __ATOMIC_ACQUIRE);
        if (next[i] == IP6_UDP_LOOKUP_NEXT_ICMP_ERROR)
            next[i] = __atomic_load_n(&local->udp_rest_next, __ATOMIC_RELAXED);
        if (next[i] == IP6_UDP_LOOKUP_NEXT_PUNT)
            node_drop(n, b[i], IP6_UDP_ERROR_PUNT, next[i]);
        if (next[i] != IP6_UDP_LOOKUP_NEXT_ICMP_ERROR)
            continue;
        ip6_note_icmp_error(b[i], ICMP6_DESTINATION_UNREACHABLE, ICMP6_PORT_UNREACHABLE, 0);
        node_drop(n, b[i], IP6_UDP_ERROR_NO_LISTENER, next[i]);
    }
}
