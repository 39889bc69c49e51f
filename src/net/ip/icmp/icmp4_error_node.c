/* ip4-icmp-error: tells the sender what became of its packet; see icmp4.h. The message is a packet
 * of its own: the one that it is about may be shared, large or a port's, and is dropped for the
 * reason that it came with. */
#include "engine/thread.h"
#include "net/ip/address/address_source.h"
#include "net/ip/icmp/icmp4.h"
#include "net/packet/ip4_packet.h"

#define IF_LOCAL ((struct if_index){0})

enum { NEXT_DROP, NEXT_LOOKUP, NEXT_PUNT };

/* Where the message comes from: the address that the packet was for, if that is what could not be
 * reached here; else one of the interface that received it (RFC 1812 4.3.2.4), of the sender's
 * subnet if there is one. 0: none. */
static be32 icmp4_error_source(const struct buffer *b)
{
    const struct ip_scratch *s = (const struct ip_scratch *)b->scratch;
    const struct ip4_header *h = buffer_current(b);
    struct ip_address to = ip_address_from_ip4(h->src);

    if (s->icmp_type == ICMP4_DESTINATION_UNREACHABLE &&
        (s->icmp_code == ICMP4_PROTOCOL_UNREACHABLE || s->icmp_code == ICMP4_PORT_UNREACHABLE))
        return h->dst;
    if (if_is_none(b->rx_if))
        return (be32){0};
    const struct ip_address *a = ip_if_source(IP_FAMILY_4, b->rx_if, &to);
    return a ? a->ip4 : (be32){0};
}

static enum icmp4_error counted_as(u8 type)
{
    return type == ICMP4_TIME_EXCEEDED       ? ICMP4_ERROR_TTL_EXPIRE_SENT
           : type == ICMP4_PARAMETER_PROBLEM ? ICMP4_ERROR_PARAM_PROBLEM_SENT
                                             : ICMP4_ERROR_DEST_UNREACH_SENT;
}

/* The message about b; BUFFER_NONE, counted, when there is to be none. */
static u32 icmp4_error_message(struct thread *t, struct node *n, const struct buffer *b)
{
    enum icmp4_error error = icmp4_error_allowed(b);
    be32 src = error == ICMP4_ERROR_NONE ? icmp4_error_source(b) : (be32){0};
    u32 bi = BUFFER_NONE;

    if (error == ICMP4_ERROR_NONE && be32_is_zero(src))
        error = ICMP4_ERROR_NO_SOURCE;
    if (error == ICMP4_ERROR_NONE &&
        !icmp_rate_take(&n->local[0], thread_now_ns(t), ICMP_ERRORS_PER_SEC, ICMP_ERRORS_BURST))
        error = ICMP4_ERROR_RATE_LIMITED;
    if (error == ICMP4_ERROR_NONE && !buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1))
        error = ICMP4_ERROR_NO_BUFFER;
    if (error != ICMP4_ERROR_NONE) {
        node_count(n, error, 1);
        return BUFFER_NONE;
    }
    struct buffer *to = buffer_at(bi);
    icmp4_error_build(to, b, src, (u16)++n->local[1]);
    to->rx_if = IF_LOCAL;
    to->flags |= b->flags & BUFFER_TRACED;
    to->trace = b->trace;
    *ip_scratch(to) = (struct ip_scratch){
        .adj = ADJ_NONE,
        .lb = LB_NONE,
        .fib = if_is_none(b->rx_if) ? (struct fib_index){0} : ip_if_fib(IP_FAMILY_4, b->rx_if),
    };
    node_count(n, counted_as(ip_scratch((struct buffer *)b)->icmp_type), 1);
    return bi;
}

void NODE_FN(ip4_icmp_error)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                             u32 count)
{
    const struct icmp4 *icmp = n->state;
    u32 out[FRAME_PKTS], n_out = 0;

    for (u32 i = 0; i < count; i++) {
        /* for the reason that it came with */
        if (unlikely(icmp_exception_next(&icmp->exceptions, t, b[i],
                                         icmp4_exception_of(ip_scratch(b[i])), NEXT_PUNT,
                                         &next[i])))
            continue;
        u32 bi = icmp4_error_message(t, n, b[i]);
        if (bi != BUFFER_NONE)
            out[n_out++] = bi;
        next[i] = NEXT_DROP;
    }
    node_enqueue(t, n, NEXT_LOOKUP, out, n_out);
}
