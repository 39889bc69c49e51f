/* ip6-input: is it a sound IPv6 packet? Those that a router sees in their millions pass one test;
 * for the others ip6_input_odd finds out what they are. Source: RFC 8200 3, RFC 4291 2.5.2, 2.5.3,
 * 2.5.6 and 2.7 (whose packets a router may not forward). */
#include "engine/thread.h"
#include "net/ip/ip6/ip6.h"
#include "net/ip/ip6/ip6_errors.h"
#include "net/ip/ip6/ip6_input.h"
#include "net/ip/ip6/ip6_nodes.h"
#include "net/packet/nd_packet.h"

/* Whether nothing about it needs a second look. Addresses that begin with 8 bytes of 0 (::, ::1) or
 * with 0xfe or 0xff (of a link, of a group) are not what they seem. */
ALWAYS_INLINE bool ip6_input_is_plain(const struct buffer *b, const struct ip6_header *h)
{
    u32 odd = !ip6_is_version(h);

    odd |= be16_to_host(h->payload_length) > b->len - (u32)sizeof(*h);
    odd |= b->flags & (BUFFER_NEXT | BUFFER_LINK_GROUP);
    odd |= h->src[0] >= 0xfe;
    odd |= h->dst[0] == 0xff;
    odd |= !load_u64(h->src);
    odd |= !load_u64(h->dst);
    return likely(!odd);
}

static enum ip6_error ip6_input_check(struct thread *t, struct buffer *b)
{
    if (!buffer_pull(t, b, sizeof(struct ip6_header)))
        return IP6_ERROR_TOO_SHORT;
    const struct ip6_header *h = buffer_current(b);
    if (!ip6_is_version(h))
        return IP6_ERROR_VERSION;
    if (ip6_length(h) > buffer_packet_len(b))
        return IP6_ERROR_BAD_LENGTH;
    if (ip6_is_multicast(h->src) || ip6_is_loopback(h->src))
        return IP6_ERROR_BAD_SOURCE;
    if (ip6_is_unspecified(h->dst) || ip6_is_loopback(h->dst))
        return IP6_ERROR_BAD_DESTINATION;
    /* scopes that never leave a node */
    if (ip6_is_multicast(h->dst) && ip6_scope(h->dst) <= IP6_SCOPE_INTERFACE)
        return IP6_ERROR_BAD_DESTINATION;
    /* who has no address yet asks groups only */
    if (ip6_is_unspecified(h->src) && !ip6_is_multicast(h->dst))
        return IP6_ERROR_BAD_SOURCE;
    return IP6_ERROR_NONE;
}

static bool ip6_input_is_solicitation(const struct ip6_input *state, const struct buffer *b)
{
    u32 i = b->rx_if.i;
    return __atomic_load_n(&state->solicited[i / 64], __ATOMIC_RELAXED) >> i % 64 & 1 &&
           nd_is_solicitation(buffer_current(b), b->len);
}

static u16 ip6_input_unicast(const struct ip6_input *state, struct node *n, struct buffer *b)
{
    const struct ip6_header *h = buffer_current(b);
    bool link = ip6_is_link_local(h->src), group = b->flags & BUFFER_LINK_GROUP;
    if ((link || group) && ip6_is_forwarded(b->rx_if, h->dst) &&
        (group || !ip6_input_is_solicitation(state, b))) {
        /* each router of the link would forward it */
        if (group)
            return node_drop(n, b, IP6_ERROR_LINK_GROUP, IP6_INPUT_NEXT_DROP);
        ip6_note_icmp_error(b, ICMP6_DESTINATION_UNREACHABLE, ICMP6_BEYOND_SCOPE, 0);
        return node_drop(n, b, IP6_ERROR_SCOPE, IP6_INPUT_NEXT_ICMP_ERROR);
    }
    return feature_start(state->unicast, b->rx_if, b, IP6_INPUT_NEXT_LOOKUP);
}

static COLD u16 ip6_input_odd(struct thread *t, struct node *n, struct buffer *b)
{
    const struct ip6_input *state = n->state;
    enum ip6_error error = ip6_input_check(t, b);
    if (error != IP6_ERROR_NONE)
        return node_drop(n, b, error, IP6_INPUT_NEXT_DROP);
    const struct ip6_header *h = buffer_current(b);
    b->l3_start = b->start;
    b->flags |= BUFFER_IS_IP6;
    if (ip6_length(h) < buffer_packet_len(b)) {
        if (buffer_is_shared(b)) /* others hold what follows, and see its lengths */
            return node_drop(n, b, IP6_ERROR_BAD_LENGTH, IP6_INPUT_NEXT_DROP);
        buffer_trim(t, b, ip6_length(h)); /* a short frame's padding */
    }
    if (ip6_is_multicast(h->dst))
        return feature_start(state->multicast, b->rx_if, b, IP6_INPUT_NEXT_MULTICAST);
    return ip6_input_unicast(state, n, b);
}

void NODE_FN(ip6_input)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    const struct ip6_input *state = n->state;

    for (u32 i = 0; i < count; i++) {
        if (likely(i + 8 < count)) {
            __builtin_prefetch(b[i + 8]);
            __builtin_prefetch(buffer_current(b[i + 4]));
        }
        const struct ip6_header *h = buffer_current(b[i]);
        if (unlikely(b[i]->len < sizeof(*h)) || unlikely(!ip6_input_is_plain(b[i], h))) {
            next[i] = ip6_input_odd(t, n, b[i]);
            continue;
        }
        b[i]->len = (u16)ip6_length(h);
        b[i]->l3_start = b[i]->start;
        b[i]->flags |= BUFFER_IS_IP6;
        next[i] = feature_start(state->unicast, b[i]->rx_if, b[i], IP6_INPUT_NEXT_LOOKUP);
    }
}
