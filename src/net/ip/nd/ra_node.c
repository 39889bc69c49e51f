/* icmp6-router-solicitation and icmp6-router-advertisement: what comes from this link is given to
 * the control thread. Hop limit, code and least length were checked by ip6-icmp-input. Source: RFC
 * 4861 6.1; names of reasons as VPP. */
#include "engine/control_packet.h"
#include "engine/thread.h"
#include "net/ip/icmp/icmp6.h"
#include "net/ip/nd/ra_internal.h"
#include "net/ip/neighbor/neighbor_data.h"
#include "net/link/interface/interface.h"

enum { RA_NEXT_DROP };

static struct node *ra_counting_node(struct node *n)
{
    const struct ra *ra = n->state;
    return n - n->index.i + ra->input_node.i;
}

/* Whether it came from another station of the link. */
static enum icmp6_error ra_check_link(const struct buffer *b)
{
    const u8 *from = neighbor_frame_source(b);
    if (if_is_none(b->rx_if) || b->flags & BUFFER_LOCAL)
        return ICMP6_ERROR_ND_LOOPED;
    if (!from)
        return ICMP6_ERROR_ROUTER_SOLICITATION_UNSUPPORTED_INTF;
    return memcmp(from, if_data(b->rx_if)->mac, 6) ? ICMP6_ERROR_NONE : ICMP6_ERROR_ND_LOOPED;
}

/* Its edge; NEXT_CONSUMED when the control thread has it. */
static u16 ra_give(struct thread *t, struct node *n, struct buffer *b, control_packet_fn *fn)
{
    struct ra_received about = {.interface = b->rx_if};
    memcpy(about.src_mac, neighbor_frame_source(b), sizeof(about.src_mac));
    if (neighbor_may_tell(t, n) &&
        control_packet_give(t, fn, buffer_index(b), &about, sizeof(about)))
        return NEXT_CONSUMED;
    return node_drop(ra_counting_node(n), b, ICMP6_ERROR_ND_NOT_LEARNED, RA_NEXT_DROP);
}

static u16 ra_solicited(struct thread *t, struct node *n, struct buffer *b)
{
    const struct ip6_header *h = buffer_current(b);
    struct ip_address src = ip6_address_of(h->src);
    enum icmp6_error error = ra_check_link(b);
    if (error == ICMP6_ERROR_NONE && !ip6_is_unspecified(h->src) && !ip6_is_link_local(h->src) &&
        !ip_if_has_subnet_of(IP_FAMILY_6, b->rx_if, &src))
        error = ICMP6_ERROR_ROUTER_SOLICITATION_SOURCE_NOT_ON_LINK;
    return error == ICMP6_ERROR_NONE ? ra_give(t, n, b, ra_on_solicitation)
                                     : node_drop(ra_counting_node(n), b, error, RA_NEXT_DROP);
}

void NODE_FN(icmp6_router_solicitation)(struct thread *t, struct node *n, struct buffer **b,
                                        u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = ra_solicited(t, n, b[i]);
}

static u16 ra_advertised(struct thread *t, struct node *n, struct buffer *b)
{
    const struct ip6_header *h = buffer_current(b);
    enum icmp6_error error = ra_check_link(b);
    if (error == ICMP6_ERROR_NONE && !ip6_is_link_local(h->src))
        error = ICMP6_ERROR_ROUTER_ADVERTISEMENT_SOURCE_NOT_LINK_LOCAL;
    if (error != ICMP6_ERROR_NONE)
        return node_drop(ra_counting_node(n), b, error, RA_NEXT_DROP);
    node_count(ra_counting_node(n), ICMP6_ERROR_ROUTER_ADVERTISEMENTS_RX, 1);
    return ra_give(t, n, b, ra_on_advertisement_packet);
}

void NODE_FN(icmp6_router_advertisement)(struct thread *t, struct node *n, struct buffer **b,
                                         u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = ra_advertised(t, n, b[i]);
}
