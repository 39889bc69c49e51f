/* ip4-input, ip4-input-no-checksum: is it a sound IPv4 packet? Those that a router sees in their
 * millions pass one test; for the others ip4_input_odd finds out what they are. Source: RFC 791,
 * RFC 1122 3.2.1.3, RFC 1812 4.2.2, 5.3.4 and 5.3.7; RFC 3128 for the fragment offset of 1. */
#include "engine/node_within.h"
#include "engine/thread.h"
#include "net/link/interface/interface.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_errors.h"
#include "net/ip/ip4/ip4_input.h"
#include "net/ip/ip4/ip4_nodes.h"
#include "net/packet/ip4_packet.h"

/* Whether nothing about it needs a second look. */
ALWAYS_INLINE bool is_plain(const struct buffer *b, const struct ip4_header *h, bool verify)
{
    const u8 *p = (const u8 *)h;
    u32 odd = h->version_ihl != IP4_VERSION_IHL_PLAIN;

    odd |= ip4_length(h) - (u32)sizeof(*h) > b->len - (u32)sizeof(*h);
    odd |= b->flags & (BUFFER_NEXT | BUFFER_LINK_GROUP);
    odd |= h->ttl == 0;
    odd |= (h->fragment.raw & be16_from_host(IP4_OFFSET_MASK).raw) == be16_from_host(1).raw;
    odd |= ip4_special_bytes[p[12]] | ip4_special_bytes[p[16]];
    if (verify) {
        odd |=
            csum_is_wrong(csum_add64(csum_add64(load_u32(p + 16), load_u64(p)), load_u64(p + 8)));
    }
    return likely(!odd);
}

static u16 icmp_error(struct node *n, struct buffer *b, enum ip4_error error, u8 type, u8 code)
{
    struct ip_scratch *s = ip_scratch(b);
    s->icmp_type = type;
    s->icmp_code = code;
    s->icmp_data = 0;
    return node_drop(n, b, error, IP4_INPUT_NEXT_ICMP_ERROR);
}

static enum ip4_error check_header(struct thread *t, struct buffer *b, bool verify)
{
    if (!buffer_pull(t, b, sizeof(struct ip4_header)))
        return IP4_ERROR_TOO_SHORT;
    const struct ip4_header *h = buffer_current(b);
    if (h->version_ihl >> 4 != 4)
        return IP4_ERROR_VERSION;
    u32 header_bytes = ip4_header_bytes(h), length = ip4_length(h);
    if (header_bytes < sizeof(*h))
        return IP4_ERROR_HDR_TOO_SHORT;
    if (length < header_bytes)
        return IP4_ERROR_TOO_SHORT;
    if (length > buffer_packet_len(b) || !buffer_pull(t, b, header_bytes))
        return IP4_ERROR_BAD_LENGTH;
    h = buffer_current(b);
    if (verify && !ip4_checksum_is_right(h))
        return IP4_ERROR_BAD_CHECKSUM;
    if ((be16_to_host(h->fragment) & IP4_OFFSET_MASK) == 1)
        return IP4_ERROR_FRAGMENT_OFFSET_ONE;
    return IP4_ERROR_NONE;
}

/* RFC 1812 5.3.7 */
static enum ip4_error check_addresses(const struct ip4_header *h)
{
    if (ip4_is_multicast(h->src) || ip4_is_class_e(h->src) || ip4_is_limited_broadcast(h->src) ||
        ip4_is_loopback(h->src))
        return IP4_ERROR_BAD_SOURCE;
    /* who has no address yet asks the link for one */
    if (ip4_is_this_network(h->src) && !(be32_is_zero(h->src) && ip4_is_limited_broadcast(h->dst)))
        return IP4_ERROR_BAD_SOURCE;
    if (ip4_is_this_network(h->dst) || ip4_is_loopback(h->dst))
        return IP4_ERROR_BAD_DESTINATION;
    return IP4_ERROR_NONE;
}

/* RFC 1812 5.3.4: what came to all of a link is not forwarded, however it is addressed in layer 3;
 * each of its routers would. */
static bool is_forwarded(const struct buffer *b, const struct ip4_header *h)
{
    if (ip4_is_multicast(h->dst))
        return false;
    struct lb lb = lb_load(ip4_lookup(ip_if_fib(IP_FAMILY_4, b->rx_if), h->dst).i);
    u8 kind = adj_head(adj_at(lb_pick(lb, 0))).kind;
    return kind != ADJ_KIND_RECEIVE && kind != ADJ_KIND_DROP;
}

static COLD u16 ip4_input_odd(struct thread *t, struct node *n, struct buffer *b, bool verify)
{
    const struct ip4_input *state = n->state;
    enum ip4_error error = check_header(t, b, verify);
    if (error == IP4_ERROR_NONE)
        error = check_addresses(buffer_current(b));
    if (error != IP4_ERROR_NONE)
        return node_drop(n, b, error, IP4_INPUT_NEXT_DROP);

    const struct ip4_header *h = buffer_current(b);
    b->l3_start = b->start;
    b->flags |= BUFFER_IS_IP4;
    if (ip4_length(h) < buffer_packet_len(b)) {
        if (buffer_is_shared(b)) /* others hold what follows, and see its lengths */
            return node_drop(n, b, IP4_ERROR_BAD_LENGTH, IP4_INPUT_NEXT_DROP);
        buffer_trim(t, b, ip4_length(h)); /* a short frame's padding */
    }
    if ((b->flags & BUFFER_LINK_GROUP) && is_forwarded(b, h))
        return node_drop(n, b, IP4_ERROR_LINK_BROADCAST, IP4_INPUT_NEXT_DROP);
    if (h->ttl == 0)
        return icmp_error(n, b, IP4_ERROR_TIME_EXPIRED, ICMP4_TIME_EXCEEDED, ICMP4_TTL_EXCEEDED);
    if (h->version_ihl != IP4_VERSION_IHL_PLAIN)
        return node_run_one(t, n, IP4_INPUT_NEXT_OPTIONS, b);
    if (ip4_is_multicast(h->dst))
        return feature_start(state->multicast, b->rx_if, b, IP4_INPUT_NEXT_MULTICAST);
    return feature_start(state->unicast, b->rx_if, b, IP4_INPUT_NEXT_LOOKUP);
}

ALWAYS_INLINE u16 ip4_input_one(struct thread *t, struct node *n, struct buffer *b, bool verify)
{
    const struct ip4_input *state = n->state;
    const struct ip4_header *h = buffer_current(b);

    if (unlikely(b->len < sizeof(*h)) || unlikely(!is_plain(b, h, verify)))
        return ip4_input_odd(t, n, b, verify);
    b->len = (u16)ip4_length(h);
    b->l3_start = b->start;
    b->flags |= BUFFER_IS_IP4;
    return feature_start(state->unicast, b->rx_if, b, IP4_INPUT_NEXT_LOOKUP);
}

ALWAYS_INLINE void ip4_input_all(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                 u32 count, bool verify)
{
    struct if_index rx_if = b[0]->rx_if; /* of a run of packets, counted together */
    u32 run = 0;

    for (u32 i = 0; i < count; i++) {
        if (likely(i + 8 < count)) {
            __builtin_prefetch(b[i + 8]);
            __builtin_prefetch(buffer_current(b[i + 4]));
        }
        if (unlikely(!if_equal(b[i]->rx_if, rx_if))) {
            interface_count(t, IF_IP4, rx_if, i - run, 0);
            rx_if = b[i]->rx_if;
            run = i;
        }
        next[i] = ip4_input_one(t, n, b[i], verify);
    }
    interface_count(t, IF_IP4, rx_if, count - run, 0);
}

void NODE_FN(ip4_input)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    ip4_input_all(t, n, b, next, count, true);
}

void NODE_FN(ip4_input_no_checksum)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                    u32 count)
{
    ip4_input_all(t, n, b, next, count, false);
}

/* --- ip4-options --- */

struct option_fault {
    enum ip4_error error;
    u8 at; /* offset in the header of the byte at fault */
};

static struct option_fault check_options(const struct ip4_header *h)
{
    const u8 *p = (const u8 *)h;
    u32 end = ip4_header_bytes(h);

    for (u32 i = sizeof(*h); i < end;) {
        u8 option = p[i];
        if (option == IP4_OPTION_END)
            break;
        if (option == IP4_OPTION_NOP) {
            i++;
            continue;
        }
        if (i + 1 >= end || p[i + 1] < 2 || p[i + 1] > end - i)
            return (struct option_fault){IP4_ERROR_BAD_OPTIONS, (u8)(i + 1 < end ? i + 1 : i)};
        if (option == IP4_OPTION_LOOSE_SOURCE_ROUTE || option == IP4_OPTION_STRICT_SOURCE_ROUTE)
            return (struct option_fault){IP4_ERROR_SOURCE_ROUTE, (u8)i};
        i += p[i + 1];
    }
    return (struct option_fault){IP4_ERROR_NONE, 0};
}

/* Packets with options, one by one in ip4-input's vectors, as they came: source routes are refused
 * (RFC 7126 4.3, 4.4), the others go their way. */
void NODE_FN(ip4_options)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    const struct ip4_input *state = n->state;

    for (u32 i = 0; i < count; i++) {
        const struct ip4_header *h = buffer_current(b[i]);
        struct option_fault fault = check_options(h);
        if (fault.error == IP4_ERROR_BAD_OPTIONS) {
            next[i] = icmp_error(n, b[i], fault.error, ICMP4_PARAMETER_PROBLEM, 0);
            ip_scratch(b[i])->icmp_data = (u32)fault.at << 24;
        } else if (fault.error != IP4_ERROR_NONE) {
            next[i] = node_drop(n, b[i], fault.error, IP4_INPUT_NEXT_DROP);
        } else if (ip4_is_multicast(h->dst)) {
            next[i] = feature_start(state->multicast, b[i]->rx_if, b[i], IP4_INPUT_NEXT_MULTICAST);
        } else {
            next[i] = feature_start(state->unicast, b[i]->rx_if, b[i], IP4_INPUT_NEXT_LOOKUP);
        }
    }
    node_count(n, IP4_ERROR_OPTIONS, count);
}
