/* ip4-mfib-forward-lookup, ip4-mfib-forward-rpf and those of IPv6: the route of a packet to a
 * group, and whether it came the way that packets from its source come. Source: RFC 1112, RFC
 * 4291 2.8 for the groups that this switch is in; checks and their names as VPP has them. */
#include "engine/control_packet.h"
#include "engine/thread.h"
#include "net/ip/address/address_data.h"
#include "net/ip/ip4/ip4_errors.h"
#include "net/ip/ip6/ip6_errors.h"
#include "net/ip/mfib/mfib_internal.h"
#include "net/ip/mfib/mfib_packet.h"

/* Whether no route takes the packet: the lookup fails. */
ALWAYS_INLINE bool mfib_is_miss(enum ip_family f, const struct mfib_data *m, u32 route,
                                const struct buffer *b)
{
    if (route == MFIB_NO_ROUTE)
        return true;
    u32 flags = mfib_forwarding(m, route)->flags;
    if (f == IP_FAMILY_6 && (flags & MFIB_ROUTE_HOST)) {
        const struct ip6_header *h = buffer_current(b);
        return !ip6_if_has_joined(b->rx_if, h->dst);
    }
    return flags & MFIB_ROUTE_MISS;
}

ALWAYS_INLINE void mfib_lookup_all(enum ip_family f, struct node *n, struct buffer **b, u16 *next,
                                   u32 count)
{
    const struct mfib_data *m = n->state;
    struct fib_index last_fib = {0};
    struct ip_address last_src = {{{0}}}, last_group = {{{0}}};
    u32 route = MFIB_NO_ROUTE;
    for (u32 i = 0; i < count; i++) {
        struct fib_index fib = ip_if_fib(f, b[i]->rx_if);
        struct ip_address src = mfib_source_of(f, b[i]), group = mfib_group_of(f, b[i]);
        if (!i || fib.i != last_fib.i || !ip_address_equal(&src, &last_src) ||
            !ip_address_equal(&group, &last_group))
            route = mfib_lookup(m, fib, &src, &group);
        last_fib = fib;
        last_src = src;
        last_group = group;
        *mfib_scratch(b[i]) = (struct mfib_scratch){
            .ip = {.adj = ADJ_RECEIVE, .lb = LB_NONE, .fib = fib}, .route = route};
        next[i] = MFIB_LOOKUP_NEXT_RPF;
        if (unlikely(mfib_is_miss(f, m, route, b[i])))
            next[i] = node_drop(n, b[i],
                                f == IP_FAMILY_4 ? IP4_ERROR_DST_LOOKUP_MISS : IP6_ERROR_NOT_JOINED,
                                MFIB_LOOKUP_NEXT_DROP);
    }
}

void NODE_FN(ip4_mfib_forward_lookup)(struct thread *t, struct node *n, struct buffer **b,
                                      u16 *next, u32 count)
{
    mfib_lookup_all(IP_FAMILY_4, n, b, next, count);
}

void NODE_FN(ip6_mfib_forward_lookup)(struct thread *t, struct node *n, struct buffer **b,
                                      u16 *next, u32 count)
{
    mfib_lookup_all(IP_FAMILY_6, n, b, next, count);
}

/* --- signals --- */

ALWAYS_INLINE bool mfib_is_signalled(enum ip_family f, u32 route_flags, u32 itf_flags,
                                     const struct buffer *b)
{
    bool signals = route_flags & MFIB_ROUTE_SIGNAL, negated = itf_flags & MFIB_ITF_NEGATE_SIGNAL;
    if (signals != negated)
        return true;
    if (likely(!(route_flags & MFIB_ROUTE_CONNECTED)))
        return false;
    struct ip_address src = mfib_source_of(f, b);
    return ip_if_has_subnet_of(f, b->rx_if, &src);
}

/* How the packet begins goes to the control thread. false: it cannot have it now. */
static bool mfib_preserve(struct thread *t, const struct buffer *b,
                          const struct mfib_signalled *about)
{
    u32 bi;
    if (!buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1))
        return false;
    struct buffer *copy = buffer_at(bi);
    copy->len = (u16)buffer_copy_out(b, 0, buffer_current(copy), MFIB_SIGNAL_BYTES);
    if (control_packet_give(t, mfib_on_signal_packet, bi, about, sizeof(*about)))
        return true;
    buffer_free_one(t, bi);
    return false;
}

/* Once, until a client has asked for it. */
static void mfib_signal(struct thread *t, const struct buffer *b, u32 route, struct mfib_itf *itf)
{
    const struct mfib_signalled about = {route, b->rx_if};
    u32 before = __atomic_fetch_or(&itf->flags, MFIB_ITF_SIGNAL_PRESENT, __ATOMIC_RELAXED);
    if (before & MFIB_ITF_SIGNAL_PRESENT)
        return;
    bool given = before & MFIB_ITF_DONT_PRESERVE
                     ? thread_post(t, mfib_on_signal, &about, sizeof(about))
                     : mfib_preserve(t, b, &about);
    if (!given)
        __atomic_fetch_and(&itf->flags, ~(u32)MFIB_ITF_SIGNAL_PRESENT, __ATOMIC_RELAXED);
}

/* --- where it came from --- */

ALWAYS_INLINE void mfib_rpf_all(enum ip_family f, struct thread *t, struct node *n,
                                struct buffer **b, u16 *next, u32 count)
{
    const struct mfib_data *m = n->state;
    for (u32 i = 0; i < count; i++) {
        struct mfib_scratch *s = mfib_scratch(b[i]);
        const struct mfib_forwarding *w = mfib_forwarding(m, s->route);
        struct mfib_itf *itf = mfib_itf_find(w, b[i]->rx_if);
        u32 flags = itf ? __atomic_load_n(&itf->flags, __ATOMIC_RELAXED) : 0;
        next[i] = MFIB_RPF_NEXT_REPLICATE;
        if (unlikely(itf && !(flags & MFIB_ITF_SIGNAL_PRESENT) &&
                     mfib_is_signalled(f, w->flags, flags, b[i])))
            mfib_signal(t, b[i], s->route, itf);
        if (unlikely(w->flags & MFIB_ROUTE_DROP)) {
            next[i] = node_drop(n, b[i], f == IP_FAMILY_4 ? IP4_ERROR_DROP : IP6_ERROR_DROP,
                                MFIB_RPF_NEXT_DROP);
            continue;
        }
        s->accepted =
            (flags & MFIB_ITF_ACCEPT) || (w->flags & (MFIB_ROUTE_ACCEPT_ALL_ITF | MFIB_ROUTE_HOST));
        if (unlikely(!s->accepted))
            next[i] =
                node_drop(n, b[i], f == IP_FAMILY_4 ? IP4_ERROR_RPF_FAILURE : IP6_ERROR_RPF_FAILURE,
                          MFIB_RPF_NEXT_DROP);
        else if (w->n_to)
            s->ip.adj.i = w->to[0];
    }
}

void NODE_FN(ip4_mfib_forward_rpf)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                   u32 count)
{
    mfib_rpf_all(IP_FAMILY_4, t, n, b, next, count);
}

void NODE_FN(ip6_mfib_forward_rpf)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                   u32 count)
{
    mfib_rpf_all(IP_FAMILY_6, t, n, b, next, count);
}
