/* ip6-icmp-input and ip6-icmp-echo-request; see icmp6.h. */
#include "net/ip/address/address_source.h"
#include "net/ip/icmp/icmp6.h"
#include "net/link/gso/gso.h"
#include "net/packet/checksum.h"
#include "net/packet/nd_packet.h"

/* local0: what this switch makes comes from there. */
#define IF_LOCAL ((struct if_index){0})

/* --- ip6-icmp-input --- */

/* Shortest messages, bytes. */
static u32 icmp6_least_bytes(u8 type)
{
    switch (type) {
    case ICMP6_NEIGHBOR_SOLICITATION:
    case ICMP6_NEIGHBOR_ADVERTISEMENT:
        return sizeof(struct nd_header);
    case ICMP6_ROUTER_ADVERTISEMENT:
        return 16;
    case ICMP6_REDIRECT:
        return 40;
    default:
        return 8;
    }
}

/* Whether what begins at `at` came in a fragment, be it the only one. */
static bool icmp6_is_fragment(const struct ip6_header *h, u32 at)
{
    const u8 *packet = (const u8 *)h;
    u8 protocol = h->protocol;
    for (u32 k = sizeof(*h); k < at; k += (packet[k + 1] + 1u) * 8) {
        if (protocol == IP_PROTOCOL_IP6_FRAGMENT)
            return true;
        protocol = packet[k];
    }
    return false;
}

/* What is wrong with a message of n bytes at `at` (RFC 4861 6.1, 7.1, 8.1; RFC 6980 5);
 * ICMP6_ERROR_NONE: nothing. */
static enum icmp6_error icmp6_check(const struct ip6_header *h, u32 at, u32 n)
{
    const struct icmp_header *icmp = (const struct icmp_header *)((const u8 *)h + at);
    bool nd = icmp->type >= ICMP6_ROUTER_SOLICITATION && icmp->type <= ICMP6_REDIRECT;
    if (n < icmp6_least_bytes(icmp->type))
        return ICMP6_ERROR_LENGTH_TOO_SMALL_FOR_TYPE;
    if (nd && h->hop_limit != ND_HOP_LIMIT)
        return ICMP6_ERROR_INVALID_HOP_LIMIT_FOR_TYPE;
    if (nd && icmp6_is_fragment(h, at))
        return ICMP6_ERROR_ND_MALFORMED;
    if (icmp->code && (nd || icmp->type == ICMP6_ECHO_REQUEST))
        return ICMP6_ERROR_INVALID_CODE_FOR_TYPE;
    return ICMP6_ERROR_NONE;
}

static u16 icmp6_input_one(const struct icmp6 *icmp, struct thread *t, struct node *n,
                           struct buffer *b)
{
    const struct ip6_header *h = buffer_current(b);
    u32 at = (u32)(b->l4_start - b->start), bytes = ip6_length(h) - at;

    /* the fixed part of every message is 8 bytes */
    if (bytes < sizeof(struct icmp_echo_header))
        return node_drop(n, b, ICMP6_ERROR_LENGTH_TOO_SMALL_FOR_TYPE, ICMP6_INPUT_NEXT_DROP);
    if (!buffer_pull(t, b, at + (u32)sizeof(struct icmp_echo_header)))
        return node_drop(n, b, ICMP6_ERROR_ALLOC_FAILURE, ICMP6_INPUT_NEXT_DROP);
    h = buffer_current(b);
    b->l4_start = (i16)(b->start + (int)at);
    const struct icmp_header *message = (const struct icmp_header *)((const u8 *)h + at);
    enum icmp6_error error = icmp6_check(h, at, bytes);
    if (error != ICMP6_ERROR_NONE)
        return node_drop(n, b, error, ICMP6_INPUT_NEXT_DROP);
    u16 next = __atomic_load_n(&icmp->next_by_type[message->type], __ATOMIC_ACQUIRE);
    if (next == ICMP6_INPUT_NEXT_PUNT)
        return node_drop(n, b, ICMP6_ERROR_UNKNOWN_TYPE, next);
    return next;
}

void NODE_FN(ip6_icmp_input)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                             u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = icmp6_input_one(n->state, t, n, b[i]);
}

/* --- ip6-icmp-echo-request --- */

enum { ECHO_NEXT_DROP, ECHO_NEXT_LOOKUP };

/* Extension headers of the request are not the reply's: IPv6's moves up to the message. */
static struct ip6_header *icmp6_drop_extensions(struct buffer *b)
{
    struct ip6_header *h = buffer_current(b);
    u32 bytes = (u32)(b->l4_start - b->start) - (u32)sizeof(*h);
    if (bytes) {
        u16 left = (u16)(be16_to_host(h->payload_length) - bytes);
        buffer_advance(b, (int)bytes);
        memmove(buffer_current(b), h, sizeof(*h));
        h = buffer_current(b);
        h->payload_length = be16_from_host(left);
        h->protocol = IP_PROTOCOL_ICMP6;
    }
    b->l3_start = b->start;
    return h;
}

/* The request becomes the reply, in place, from address `own`. */
static void icmp6_turn_round(struct buffer *b, struct ip_address own)
{
    struct if_index rx = b->rx_if;
    struct ip6_header *h = icmp6_drop_extensions(b);
    struct icmp_header *icmp = (struct icmp_header *)(h + 1);
    struct ip_scratch *s = ip_scratch(b);
    be16 from = load_be16(&icmp->type);
    u64 sum = (u16)~icmp->checksum.raw + (u64)(u16)~csum_fold(csum_add(0, h->dst, 16));

    memcpy(h->dst, h->src, sizeof(h->dst));
    memcpy(h->src, own.bytes, sizeof(h->src));
    h->hop_limit = ip6_if_hop_limit(rx);
    icmp->checksum = csum_finish(csum_add(sum, h->src, 16));
    icmp->type = ICMP6_ECHO_REPLY;
    icmp->checksum = csum_update16(icmp->checksum, from, load_be16(&icmp->type));

    if (!(b->flags & BUFFER_LOCAL))
        s->fib = ip6_fib_of(rx, h->dst);
    s->flow_hash = 0;
    s->lookups = s->tunnels = 0;
    b->flags = (b->flags & ~(u32)(BUFFER_CSUM_VALID | BUFFER_FLOW_HASH)) | BUFFER_LOCAL;
    b->rx_if = IF_LOCAL;
}

/* Whether a reply may be made of b, and from where (RFC 4443 4.2). */
static enum icmp6_error icmp6_check_request(struct buffer *b, struct ip_address *own)
{
    const struct ip6_header *h = buffer_current(b);
    struct ip_address peer = ip6_address_of(h->src);
    *own = ip6_address_of(h->dst);
    if (ip6_is_unspecified(h->src))
        return ICMP6_ERROR_DROP;
    if (ip6_is_multicast(h->dst) || (!(b->flags & BUFFER_LOCAL) && !if_is_none(b->rx_if) &&
                                     ip6_kind_of(b->rx_if, h->dst) == ADJ_KIND_GLEAN)) {
        const struct ip_address *a = ip_if_source(IP_FAMILY_6, b->rx_if, &peer);
        if (!a)
            return ICMP6_ERROR_NO_SOURCE;
        *own = *a;
    }
    if (!(b->flags & BUFFER_LOCAL) && fib_is_none(ip6_fib_of(b->rx_if, h->src)))
        return ICMP6_ERROR_DST_LOOKUP_MISS;
    return (b->flags & BUFFER_GSO) || !csum_complete(b) ? ICMP6_ERROR_LENGTH_TOO_SMALL_FOR_TYPE
                                                        : ICMP6_ERROR_NONE;
}

/* Makes the reply of b, which nobody else holds; its edge. */
static u16 icmp6_answer(struct node *input, struct buffer *b)
{
    struct ip_address own;
    enum icmp6_error error = icmp6_check_request(b, &own);
    if (unlikely(error != ICMP6_ERROR_NONE))
        return node_drop(input, b, error, ECHO_NEXT_DROP);
    icmp6_turn_round(b, own);
    node_count(input, ICMP6_ERROR_ECHO_REPLIES_SENT, 1);
    return ECHO_NEXT_LOOKUP;
}

/* What others hold too is answered with a copy, which goes where the answer would. */
static u16 icmp6_answer_copy(struct thread *t, struct node *n, struct node *input, struct buffer *b)
{
    u32 copy = buffer_copy(t, b);
    if (copy == BUFFER_NONE)
        return node_drop(input, b, ICMP6_ERROR_ALLOC_FAILURE, ECHO_NEXT_DROP);
    *ip_scratch(buffer_at(copy)) = *ip_scratch(b);
    node_enqueue(t, n, icmp6_answer(input, buffer_at(copy)), &copy, 1);
    buffer_free_one(t, buffer_index(b));
    return NEXT_CONSUMED;
}

void NODE_FN(ip6_icmp_echo_request)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                    u32 count)
{
    const struct icmp6 *icmp = n->state;
    struct node *input = n - n->index.i + icmp->input_node.i;

    for (u32 i = 0; i < count; i++)
        next[i] = unlikely(buffer_is_shared(b[i])) ? icmp6_answer_copy(t, n, input, b[i])
                                                   : icmp6_answer(input, b[i]);
}
