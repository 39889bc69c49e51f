/* arp-input: is it ARP for IPv4? Then along the interface's arc "arp":
 * arp-reply: answers for our own addresses, and tells the control thread who said where they are.
 * arp-proxy: answers for ranges of others. arp-disabled: the interface takes no IPv4.
 *
 * What a stranger may say: only for itself (the sender's address within its frame's), from a subnet
 * of this link, and never that it is us. Source: RFC 826, RFC 5227 2.4; order and names of reasons
 * as VPP. */
#include "engine/counter.h"
#include "engine/feature.h"
#include "engine/thread.h"
#include "net/link/interface/interface.h"
#include "net/ip/ip4/ip4.h"
#include "net/packet/ip4_packet.h"
#include "net/ip/neighbor/arp_internal.h"
#include "net/ip/neighbor/neighbor_data.h"
#include "net/packet/arp_packet.h"
#include "net/packet/ethernet_packet.h"

ALWAYS_INLINE void count_arp(struct thread *t, enum arp_counter c, struct if_index i)
{
    tally_add(&counter_simple(arp_counters[c], thread_index(t))[i.i], 1);
}

/* --- arp-input --- */

/* ARP_ERR_N when it is sound. */
static enum arp_error arp_check(struct thread *t, struct buffer *b)
{
    if (!buffer_pull(t, b, sizeof(struct arp_header)))
        return ARP_ERR_TOO_SHORT;
    const struct arp_header *h = buffer_current(b);
    if (!be16_is(h->hardware_type, ARP_HARDWARE_ETHERNET) || h->hardware_len != 6)
        return ARP_ERR_L2_TYPE_NOT_ETHERNET;
    if (!be16_is(h->protocol_type, ARP_PROTOCOL_IP4) || h->protocol_len != 4)
        return ARP_ERR_L3_TYPE_NOT_IP4;
    if (be32_is_zero(h->target))
        return ARP_ERR_L3_DST_ADDRESS_UNSET;
    return ARP_ERR_N;
}

static void count_received(struct thread *t, const struct buffer *b)
{
    const struct arp_header *h = buffer_current(b);
    if (arp_is_gratuitous(h))
        count_arp(t, ARP_RX_GRATUITOUS, b->rx_if);
    else if (be16_is(h->opcode, ARP_REPLY))
        count_arp(t, ARP_RX_REPLIES, b->rx_if);
    else if (be16_is(h->opcode, ARP_REQUEST))
        count_arp(t, ARP_RX_REQUESTS, b->rx_if);
}

void NODE_FN(arp_input)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    const struct feature_arc *arc = n->state;
    for (u32 i = 0; i < count; i++) {
        enum arp_error error = arp_check(t, b[i]);
        if (error != ARP_ERR_N) {
            next[i] = node_drop(n, b[i], error, ARP_NEXT_DROP);
            continue;
        }
        count_received(t, b[i]);
        node_drop(n, b[i], ARP_ERR_DISABLED, ARP_NEXT_DROP); /* if nobody on the arc says more */
        next[i] = feature_start(arc, b[i]->rx_if, b[i], ARP_NEXT_DROP);
    }
}

/* --- answering --- */

/* Turns the request in b around: the address asked for is here. The frame is as all that the
 * interface sends, whatever tags (of priority) the request had. Behind the longest headers of links
 * there is room for it (BUFFER_HEADROOM_BYTES). */
static void arp_answer(struct thread *t, struct buffer *b, const u8 to[6])
{
    struct arp_header *h = buffer_current(b);
    const struct arp_if *link = &arp_if_base[b->rx_if.i];
    const u8 *own = if_data(b->rx_if)->mac;
    be32 asked = h->target;

    buffer_trim(t, b, sizeof(*h)); /* padding */
    h->opcode = be16_from_host(ARP_REPLY);
    h->target = h->sender;
    h->sender = asked;
    memcpy(h->target_mac, h->sender_mac, 6);
    memcpy(h->sender_mac, own, 6);
    b->l3_start = b->start;
    buffer_advance(b, -(ETHERNET_HEADER_BYTES + link->n_tags_bytes));
    b->l2_start = b->start;
    u8 *frame = buffer_current(b);
    memcpy(frame, to, 6);
    memcpy(frame + 6, own, 6);
    memcpy(frame + 12, link->tags, link->n_tags_bytes);
    put_be16(frame + 12 + link->n_tags_bytes, ETHERTYPE_ARP);
    b->tx_if = b->rx_if;
    b->flags |= BUFFER_LOCAL;
    count_arp(t, ARP_TX_REPLIES, b->rx_if);
}

/* A frame that others hold too is answered by a copy. Returns false when there is no buffer for
 * one. */
static bool arp_answer_copy(struct thread *t, struct node *n, struct buffer *b, u16 output)
{
    u32 copy = buffer_copy(t, b);
    if (copy == BUFFER_NONE)
        return false;
    arp_answer(t, buffer_at(copy), neighbor_frame_source(b));
    node_enqueue(t, n, output, &copy, 1);
    return true;
}

static u16 answer_or_copy(struct thread *t, struct node *n, struct buffer *b, enum arp_error sent,
                          u16 output)
{
    if (likely(!buffer_is_shared(b))) {
        u8 to[6];
        memcpy(to, neighbor_frame_source(b), sizeof(to));
        node_count(n, sent, 1);
        arp_answer(t, b, to);
        return output;
    }
    if (!arp_answer_copy(t, n, b, output))
        return node_drop(n, b, ARP_ERR_DISABLED, ARP_NEXT_DROP);
    node_count(n, sent, 1);
    buffer_free_one(t, buffer_index(b));
    return NEXT_CONSUMED;
}

/* --- what is learnt --- */

static void arp_node_learn(struct thread *t, struct node *n, const struct buffer *b,
                           bool only_known)
{
    const struct arp_header *h = buffer_current(b);
    struct neighbor_learn ev = {.host = link_host4(h->sender, b->rx_if), .only_known = only_known};
    memcpy(ev.mac, h->sender_mac, 6);
    bool told = neighbor_may_tell(t, n) && thread_post(t, neighbor_on_learn, &ev, sizeof(ev));
    node_count(n, told ? ARP_ERR_L3_SRC_ADDRESS_LEARNED : ARP_ERR_NOT_LEARNED, 1);
}

static u32 arp_adj_of(struct fib_index fib, be32 addr)
{
    return lb_pick(lb_load(ip4_lookup(fib, addr).i), 0);
}

/* Whether the sender is one of the interface's link; ARP_ERR_N: yes. */
static enum arp_error check_sender(const struct arp_header *h, struct fib_index fib,
                                   struct if_index rx, struct if_index lender)
{
    u32 a = arp_adj_of(fib, h->sender);
    struct if_index tx = adj_at(a)->tx_if;
    enum adj_kind kind = (enum adj_kind)adj_head(adj_at(a)).kind;
    bool here = if_equal(tx, rx) || if_equal(tx, lender);
    if (kind == ADJ_KIND_RECEIVE)
        return ARP_ERR_L3_SRC_ADDRESS_IS_LOCAL;
    if (kind == ADJ_KIND_GLEAN && here)
        return ARP_ERR_N;
    if ((kind == ADJ_KIND_REWRITE || kind == ADJ_KIND_INCOMPLETE) && here &&
        be32_equal(adj_address(a)->ip4, h->sender))
        return ARP_ERR_N;
    if (arp_is_gratuitous(h)) /* of somebody else's subnet: not about us */
        return ARP_ERR_L3_DST_ADDRESS_NOT_LOCAL;
    return if_equal(rx, lender) ? ARP_ERR_L3_SRC_ADDRESS_NOT_LOCAL : ARP_ERR_UNNUMBERED_MISMATCH;
}

/* An address of the interface, or one of its subnet that a route says is here. */
static bool is_our_address(struct fib_index fib, be32 addr, struct if_index rx,
                           struct if_index lender)
{
    u32 a = arp_adj_of(fib, addr);
    if (adj_head(adj_at(a)).kind != ADJ_KIND_RECEIVE)
        return false;
    struct if_index at = adj_at(a)->tx_if;
    struct ip_address x = ip_address_from_ip4(addr);
    return if_equal(at, rx) || if_equal(at, lender) ||
           (if_is_none(at) && ip_if_has_subnet_of(IP_FAMILY_4, rx, &x));
}

/* A virtual router's address, which its frames need not come from (RFC 5798 7.3). */
static bool is_vrrp(const u8 *mac)
{
    static const u8 prefix[5] = {0, 0, 0x5e, 0, 1};
    return !memcmp(mac, prefix, sizeof(prefix));
}

/* What is wrong with a packet whoever it is about; ARP_ERR_N: nothing. */
static enum arp_error check_form(const struct arp_header *h, const u8 *from, struct if_index rx)
{
    if (!be16_is(h->opcode, ARP_REQUEST) && !be16_is(h->opcode, ARP_REPLY))
        return ARP_ERR_OPCODE_NOT_REQUEST;
    if (!from || (memcmp(from, h->sender_mac, 6) != 0 && !is_vrrp(h->sender_mac)))
        return ARP_ERR_L2_ADDRESS_MISMATCH;
    if (!neighbor_is_station(h->sender_mac))
        return ARP_ERR_BAD_SENDER_MAC;
    /* what this switch sent, looped back */
    return memcmp(h->sender_mac, if_data(rx)->mac, 6) != 0 ? ARP_ERR_N : ARP_ERR_GRATUITOUS_ARP;
}

static u16 reply_one(struct thread *t, struct node *n, struct buffer *b)
{
    const struct arp_header *h = buffer_current(b);
    struct if_index rx = b->rx_if, lender = ip_if_lender(IP_FAMILY_4, rx);
    struct fib_index fib = ip_if_fib(IP_FAMILY_4, rx);
    bool request = be16_is(h->opcode, ARP_REQUEST);

    enum arp_error error = check_form(h, neighbor_frame_source(b), rx);
    if (error != ARP_ERR_N)
        return node_drop(n, b, error, ARP_NEXT_DROP);

    bool ours = is_our_address(fib, h->target, rx, lender);
    /* a probe (RFC 5227): the sender has no address yet, and is told that this one is taken */
    if (be32_is_zero(h->sender) && request && ours)
        return answer_or_copy(t, n, b, ARP_ERR_REPLIES_SENT, arp_if_base[rx.i].reply_next);

    error = check_sender(h, fib, rx, lender);
    if (error != ARP_ERR_N)
        return node_drop(n, b, error, ARP_NEXT_DROP);
    if (arp_is_gratuitous(h)) {
        arp_node_learn(t, n, b, true);
        return node_drop(n, b, ARP_ERR_GRATUITOUS_ARP, ARP_NEXT_DROP);
    }
    if (!ours) {
        arp_node_learn(t, n, b, true);
        node_drop(n, b, ARP_ERR_L3_DST_ADDRESS_NOT_LOCAL, ARP_NEXT_DROP);
        return request ? feature_next(b) : ARP_NEXT_DROP;
    }
    arp_node_learn(t, n, b, false);
    if (!request)
        return node_drop(n, b, ARP_ERR_REPLIES_RECEIVED, ARP_NEXT_DROP);
    return answer_or_copy(t, n, b, ARP_ERR_REPLIES_SENT, arp_if_base[rx.i].reply_next);
}

void NODE_FN(arp_reply)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = reply_one(t, n, b[i]);
}

/* --- arp-proxy, arp-disabled --- */

static bool in_range(struct fib_index fib, u32 addr)
{
    const struct proxy_ranges *r = __atomic_load_n(&arp_proxy_ranges, __ATOMIC_ACQUIRE);
    for (u32 i = 0; r && i < r->n; i++)
        if (r->v[i].fib == fib.i && addr >= r->v[i].first && addr <= r->v[i].last)
            return true;
    return false;
}

void NODE_FN(arp_proxy)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        const struct arp_header *h = buffer_current(b[i]);
        const u8 *from = neighbor_frame_source(b[i]);
        bool request = be16_is(h->opcode, ARP_REQUEST) && !arp_is_gratuitous(h);
        if (request && from && neighbor_is_station(h->sender_mac) &&
            !memcmp(from, h->sender_mac, 6) &&
            in_range(ip_if_fib(IP_FAMILY_4, b[i]->rx_if), be32_to_host(h->target)))
            next[i] = answer_or_copy(t, n, b[i], ARP_ERR_PROXY_ARP_REPLIES_SENT,
                                     arp_if_base[b[i]->rx_if.i].proxy_next);
        else
            next[i] = feature_next(b[i]);
    }
}

void NODE_FN(arp_disabled)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                           u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = node_drop(n, b[i], ARP_ERR_INTERFACE_NOT_IP_ENABLED, ARP_NEXT_DROP);
}
