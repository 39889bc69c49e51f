/* icmp6-neighbor-solicitation: answers for our own addresses, and those of others that this switch
 * is a proxy of (nd_proxy.h), and tells the control thread who asked and where it is.
 * icmp6-neighbor-advertisement: likewise who answered.
 *
 * What a stranger may say: only from this link (hop limit 255, which ip6-icmp-input has checked),
 * of addresses of this link, and never that it is us. Source: RFC 4861 7.1 and 7.2, RFC 4862 5.4.3;
 * names of reasons as VPP. */
#include "engine/counter.h"
#include "engine/thread.h"
#include "net/ip/address/address_source.h"
#include "net/ip/icmp/icmp6.h"
#include "net/ip/neighbor/nd_internal.h"
#include "net/ip/neighbor/neighbor_data.h"
#include "net/link/interface/interface.h"
#include "net/packet/checksum.h"
#include "net/packet/nd_packet.h"

ALWAYS_INLINE void nd_count(struct thread *t, enum nd_counter c, struct if_index i)
{
    tally_add(&counter_simple(nd_counters[c], thread_index(t))[i.i], 1);
}

static struct node *nd_counting_node(struct node *n)
{
    const struct nd_node *nd = n->state;
    return n - n->index.i + nd->input_node.i;
}

static u16 nd_drop(struct node *n, struct buffer *b, enum icmp6_error error)
{
    return node_drop(nd_counting_node(n), b, error, ND_NEXT_DROP);
}

/* A message with its options in one piece. */
struct nd_message {
    const struct ip6_header *ip;
    const struct nd_header *nd;
    const u8 *mac; /* of the option asked for; NULL: none */
};

/* false: malformed. option: which MAC address is looked for. */
static bool nd_parse(struct thread *t, struct buffer *b, u8 option, struct nd_message *m)
{
    const struct ip6_header *h = buffer_current(b);
    u32 at = (u32)(b->l4_start - b->start), bytes = ip6_length(h) - at;
    const u8 *found;
    if (!buffer_pull(t, b, at + bytes))
        return false;
    m->ip = buffer_current(b);
    m->nd = (const struct nd_header *)((const u8 *)m->ip + at);
    b->l4_start = (i16)(b->start + (int)at);
    if (ip6_is_multicast(m->nd->target) ||
        !nd_option_find((const u8 *)(m->nd + 1), bytes - (u32)sizeof(*m->nd), option, &found))
        return false;
    m->mac = found ? ((const struct nd_mac_option *)found)->mac : NULL;
    return !m->mac || neighbor_is_station(m->mac);
}

/* An address of the interface. */
static bool nd_is_ours(struct if_index rx, const u8 addr[16])
{
    u32 a = nd_adj_of(rx, addr);
    struct if_index at = adj_at(a)->tx_if;
    return adj_head(adj_at(a)).kind == ADJ_KIND_RECEIVE &&
           (if_equal(at, rx) || if_equal(at, ip_if_lender(IP_FAMILY_6, rx)));
}

/* Tells the control thread. */
static void nd_tell(struct thread *t, struct node *n,
                    void (*event)(struct piste *p, const void *payload), const void *payload,
                    u32 bytes)
{
    if (!neighbor_may_tell(t, n) || !thread_post(t, event, payload, bytes))
        node_count(nd_counting_node(n), ICMP6_ERROR_ND_NOT_LEARNED, 1);
}

static void nd_learn(struct thread *t, struct node *n, const struct neighbor_learn *ev)
{
    nd_tell(t, n, neighbor_on_learn, ev, sizeof(*ev));
}

/* Another station has an address of ours, or is about to. */
static void nd_conflict(struct thread *t, struct node *n, const struct buffer *b,
                        const u8 target[16])
{
    const struct nd_node *nd = n->state;
    struct link_host own = {ip6_address_of(target), b->rx_if, IP_FAMILY_6};
    const u8 *from = neighbor_frame_source(b);
    if (__atomic_load_n(&nd->watching, __ATOMIC_RELAXED) && from &&
        memcmp(from, if_data(b->rx_if)->mac, 6) != 0)
        nd_tell(t, n, nd_on_conflict_event, &own, sizeof(own));
}

/* --- solicitations --- */

/* Where an answer to dst comes from: what was asked for, or in its place an address of ours, which
 * are all that are on the link. */
static struct ip_address nd_answer_source(const struct buffer *b, const struct nd_message *m,
                                          const struct ip_address *dst, bool ours)
{
    const struct ip_address *own = ours ? NULL : ip_if_source(IP_FAMILY_6, b->rx_if, dst);
    return own ? *own : ip6_address_of(m->nd->target);
}

/* The answer to m, in a packet of its own: the one that asks may be shared, and short. ours: it is
 * neither a proxy's nor for an address that all routers have: those override nothing (RFC 4861
 * 7.2.7, 7.2.8). */
static u32 nd_advertise(struct thread *t, const struct nd_node *nd, const struct buffer *b,
                        const struct nd_message *m, bool ours)
{
    const struct nd_if *link = &nd->ifs[b->rx_if.i];
    u32 bi, link_bytes = ETHERNET_HEADER_BYTES + link->n_tags_bytes;
    bool probe = ip6_is_unspecified(m->ip->src); /* RFC 4862: who asks has no address yet */
    struct ip_address dst = probe ? ip6_link_group(IP6_ALL_NODES) : ip6_address_of(m->ip->src);
    if (!buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1))
        return BUFFER_NONE;
    struct buffer *to = buffer_at(bi);
    u8 *frame = buffer_current(to);
    struct ip6_header *h = (struct ip6_header *)(frame + link_bytes);
    struct nd_header *answer = (struct nd_header *)(h + 1);
    struct nd_mac_option *option = (struct nd_mac_option *)(answer + 1);
    const u8 *own = if_data(b->rx_if)->mac;
    u32 flags = ND_ROUTER | (ours ? ND_OVERRIDE : 0) | (probe ? 0 : ND_SOLICITED);
    struct ip_address src = nd_answer_source(b, m, &dst, ours);

    memcpy(frame, neighbor_frame_source(b), 6);
    if (probe)
        ip6_group_mac(dst.bytes, frame);
    memcpy(frame + 6, own, 6);
    memcpy(frame + 12, link->tags, link->n_tags_bytes);
    put_be16(frame + link_bytes - 2, ETHERTYPE_IP6);
    *answer = (struct nd_header){
        .icmp.type = ICMP6_NEIGHBOR_ADVERTISEMENT,
        .flags = be32_from_host(flags),
    };
    memcpy(answer->target, m->nd->target, sizeof(answer->target));
    *option = (struct nd_mac_option){.type = ND_OPTION_TARGET_MAC, .length = 1};
    memcpy(option->mac, own, 6);
    nd_finish(h, src.bytes, dst.bytes, sizeof(*answer) + sizeof(*option));
    to->len = (u16)(link_bytes + sizeof(*h) + sizeof(*answer) + sizeof(*option));
    to->l2_start = to->start;
    to->l3_start = (i16)(to->start + (int)link_bytes);
    to->l4_start = (i16)(to->l3_start + (int)sizeof(*h));
    to->rx_if = to->tx_if = b->rx_if;
    to->flags |= BUFFER_LOCAL | BUFFER_IS_IP6 | (b->flags & BUFFER_TRACED);
    to->trace = b->trace;
    return bi;
}

/* What is wrong with a solicitation, ICMP6_ERROR_NONE: nothing. */
static enum icmp6_error nd_check_solicitation(const struct buffer *b, const struct nd_message *m)
{
    const u8 *from = neighbor_frame_source(b);
    struct ip_address group = ip6_solicited_node(m->nd->target);
    if (!from)
        return ICMP6_ERROR_ROUTER_SOLICITATION_UNSUPPORTED_INTF;
    if (!memcmp(from, if_data(b->rx_if)->mac, 6))
        return ICMP6_ERROR_ND_LOOPED;
    if (ip6_is_unspecified(m->ip->src))
        return m->mac || !ip6_is_equal(m->ip->dst, group.bytes) ? ICMP6_ERROR_ND_MALFORMED
                                                                : ICMP6_ERROR_NONE;
    return nd_is_on_link(b->rx_if, m->ip->src)
               ? ICMP6_ERROR_NONE
               : ICMP6_ERROR_NEIGHBOR_SOLICITATION_SOURCE_NOT_ON_LINK;
}

static u16 nd_solicited(struct thread *t, struct node *n, struct buffer *b)
{
    const struct nd_node *state = n->state;
    struct nd_message m;
    nd_count(t, ND_RX_REQUESTS, b->rx_if);
    if (!nd_parse(t, b, ND_OPTION_SOURCE_MAC, &m))
        return nd_drop(n, b, ICMP6_ERROR_ND_MALFORMED);
    enum icmp6_error error = nd_check_solicitation(b, &m);
    if (error != ICMP6_ERROR_NONE)
        return nd_drop(n, b, error);
    bool ours = nd_is_ours(b->rx_if, m.nd->target);
    bool answered = ours || nd_is_anycast(nd_adj_of(b->rx_if, m.nd->target), m.nd->target) ||
                    nd_proxy_answers(state, b->rx_if, m.ip->src, m.nd->target);
    if (m.mac) {
        struct neighbor_learn ev = {.host = {ip6_address_of(m.ip->src), b->rx_if, IP_FAMILY_6},
                                    .only_known = !answered};
        memcpy(ev.mac, m.mac, 6);
        nd_learn(t, n, &ev);
    }
    if (!answered)
        return nd_drop(n, b, ICMP6_ERROR_NEIGHBOR_SOLICITATION_SOURCE_UNKNOWN);
    if (ours && ip6_is_unspecified(m.ip->src))
        nd_conflict(t, n, b, m.nd->target);
    u32 answer = nd_advertise(t, state, b, &m, ours);
    if (answer == BUFFER_NONE)
        return nd_drop(n, b, ICMP6_ERROR_ALLOC_FAILURE);
    node_count(nd_counting_node(n), ICMP6_ERROR_NEIGHBOR_ADVERTISEMENTS_TX, 1);
    nd_count(t, ND_TX_REPLIES, b->rx_if);
    node_enqueue(t, n, state->ifs[b->rx_if.i].output_edge, &answer, 1);
    buffer_free_one(t, buffer_index(b));
    return NEXT_CONSUMED;
}

void NODE_FN(icmp6_neighbor_solicitation)(struct thread *t, struct node *n, struct buffer **b,
                                          u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = if_is_none(b[i]->rx_if) || b[i]->flags & BUFFER_LOCAL
                      ? nd_drop(n, b[i], ICMP6_ERROR_ND_LOOPED)
                      : nd_solicited(t, n, b[i]);
}

/* --- advertisements --- */

static u16 nd_advertised(struct thread *t, struct node *n, struct buffer *b)
{
    const struct nd_node *nd = n->state;
    struct nd_message m;
    if (!nd_parse(t, b, ND_OPTION_TARGET_MAC, &m))
        return nd_drop(n, b, ICMP6_ERROR_ND_MALFORMED);
    u32 flags = be32_to_host(m.nd->flags);
    bool solicited = flags & ND_SOLICITED;
    nd_count(t, solicited ? ND_RX_REPLIES : ND_RX_GRATUITOUS, b->rx_if);
    if (solicited && ip6_is_multicast(m.ip->dst))
        return nd_drop(n, b, ICMP6_ERROR_ND_MALFORMED);
    if (nd_is_ours(b->rx_if, m.nd->target)) {
        nd_conflict(t, n, b, m.nd->target);
        return nd_drop(n, b, ICMP6_ERROR_ND_LOOPED);
    }
    if (!nd_is_on_link(b->rx_if, m.nd->target))
        return nd_drop(n, b, ICMP6_ERROR_NEIGHBOR_SOLICITATION_SOURCE_NOT_ON_LINK);
    struct neighbor_learn ev = {
        .host = {ip6_address_of(m.nd->target), b->rx_if, IP_FAMILY_6},
        .only_known = !m.mac,
        .only_wanted = true,
        .no_override = !(flags & ND_OVERRIDE),
        .confirms = !m.mac,
    };
    if (m.mac)
        memcpy(ev.mac, m.mac, 6);
    if (m.mac || solicited)
        nd_learn(t, n, &ev);
    if (!(flags & ND_ROUTER) && __atomic_load_n(&nd->watching_hosts, __ATOMIC_RELAXED))
        nd_tell(t, n, nd_on_host_event, &ev, sizeof(ev));
    return nd_drop(n, b, ICMP6_ERROR_NEIGHBOR_ADVERTISEMENTS_RX);
}

void NODE_FN(icmp6_neighbor_advertisement)(struct thread *t, struct node *n, struct buffer **b,
                                           u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = if_is_none(b[i]->rx_if) || b[i]->flags & BUFFER_LOCAL
                      ? nd_drop(n, b[i], ICMP6_ERROR_ND_LOOPED)
                      : nd_advertised(t, n, b[i]);
}
