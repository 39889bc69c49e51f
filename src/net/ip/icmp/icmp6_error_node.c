/* ip6-icmp-error: tells the sender what became of its packet; see icmp6.h. The message is a packet
 * of its own: the one that it is about may be shared, large or a port's, and is dropped for the
 * reason that it came with. */
#include "engine/thread.h"
#include "net/ip/address/address_source.h"
#include "net/ip/icmp/icmp6.h"

#define IF_LOCAL ((struct if_index){0})

enum { NEXT_DROP, NEXT_LOOKUP, NEXT_PUNT };

/* Where the message comes from (RFC 4443 2.2): the address that the packet was for, if that is one
 * of this switch; else one of the interface that received it. NULL: none. */
static const struct ip_address *icmp6_error_source(const struct buffer *b, struct ip_address *own)
{
    const struct ip6_header *h = buffer_current(b);
    struct ip_address to = ip6_address_of(h->src);
    if (if_is_none(b->rx_if))
        return NULL;
    *own = ip6_address_of(h->dst);
    if (!ip6_is_multicast(h->dst) && ip6_kind_of(b->rx_if, h->dst) == ADJ_KIND_RECEIVE)
        return own;
    return ip_if_source(IP_FAMILY_6, b->rx_if, &to);
}

static enum icmp6_error icmp6_counted_as(u8 type)
{
    return type == ICMP6_TIME_EXCEEDED       ? ICMP6_ERROR_TTL_EXPIRE_SENT
           : type == ICMP6_PARAMETER_PROBLEM ? ICMP6_ERROR_PARAM_PROBLEM_SENT
           : type == ICMP6_PACKET_TOO_BIG    ? ICMP6_ERROR_PACKET_TOO_BIG_SENT
                                             : ICMP6_ERROR_DEST_UNREACH_SENT;
}

/* The message about b; BUFFER_NONE, counted, when there is to be none. */
static u32 icmp6_error_message(struct thread *t, struct node *n, const struct buffer *b)
{
    enum icmp6_error error = icmp6_error_allowed(b);
    struct ip_address own;
    const struct ip_address *src = error == ICMP6_ERROR_NONE ? icmp6_error_source(b, &own) : NULL;
    u32 bi = BUFFER_NONE;

    if (error == ICMP6_ERROR_NONE && !src)
        error = ICMP6_ERROR_NO_SOURCE;
    if (error == ICMP6_ERROR_NONE &&
        !icmp_rate_take(&n->local[0], thread_now_ns(t), ICMP_ERRORS_PER_SEC, ICMP_ERRORS_BURST))
        error = ICMP6_ERROR_RATE_LIMITED;
    if (error == ICMP6_ERROR_NONE && !buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1))
        error = ICMP6_ERROR_ALLOC_FAILURE;
    if (error != ICMP6_ERROR_NONE) {
        node_count(n, error, 1);
        return BUFFER_NONE;
    }
    struct buffer *to = buffer_at(bi);
    const struct ip6_header *h = buffer_current(b);
    icmp6_error_build(to, b, src);
    to->rx_if = IF_LOCAL;
    to->flags |= b->flags & BUFFER_TRACED;
    to->trace = b->trace;
    struct fib_index fib = ip6_fib_of(b->rx_if, h->src);
    *ip_scratch(to) = (struct ip_scratch){
        .adj = ADJ_NONE,
        .lb = LB_NONE,
        .fib = fib_is_none(fib) ? ip_if_fib(IP_FAMILY_6, b->rx_if) : fib,
    };
    icmp6_undo_fn *undo = __atomic_load_n(&icmp6_undo, __ATOMIC_ACQUIRE);
    const struct ip_scratch *about = (const struct ip_scratch *)b->scratch;
    if (b->flags & BUFFER_NATTED && undo)
        undo(to, about->fib);
    node_count(n, icmp6_counted_as(about->icmp_type), 1);
    return bi;
}

void NODE_FN(ip6_icmp_error)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                             u32 count)
{
    const struct icmp6 *icmp = n->state;
    u32 out[FRAME_PKTS], n_out = 0;

    for (u32 i = 0; i < count; i++) {
        /* for the reason that it came with */
        if (unlikely(icmp_exception_next(&icmp->exceptions, t, b[i],
                                         icmp6_exception_of(ip_scratch(b[i])), NEXT_PUNT,
                                         &next[i])))
            continue;
        u32 bi = icmp6_error_message(t, n, b[i]);
        if (bi != BUFFER_NONE)
            out[n_out++] = bi;
        next[i] = NEXT_DROP;
    }
    node_enqueue(t, n, NEXT_LOOKUP, out, n_out);
}
