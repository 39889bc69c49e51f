/* ethernet-input: which interface a frame is for, whether its station is us, and which protocol it
 * carries.
 *
 *   plain interface (up, layer 3, no sub-interfaces): address ─► type
 *   up, layer 2, no sub-interfaces:                   l2-input
 *   else by its tags: the sub-interface ─► l2-input, or address ─► type */
#include <string.h>

#include "base/byteorder.h"
#include "net/link/ethernet/ethernet_node.h"
#include "net/link/ethernet/express.h"
#include "net/link/interface/capture_data.h"
#include "net/link/interface/interface.h"
#include "net/link/vlan/vlan_data.h"

/* What the packets of one interface have in common. */
struct rx_view {
    struct if_index index;
    bool plain; /* up, in layer 3, and all its frames are its own */
    bool l2;    /* up, in layer 2, and likewise */
    bool up;
    u8 l2_mode;
    u64 mac;
    const struct vlan_port *vlans;
};

/* What a sub-interface received, not yet counted. */
struct tally {
    struct if_index index;
    u32 packets;
    u64 bytes;
};

ALWAYS_INLINE void ethernet_input_view_of(struct rx_view *v, struct if_index i)
{
    const struct if_data *d = if_data(i);
    v->index = i;
    v->up = __atomic_load_n(&d->flags, __ATOMIC_RELAXED) & IF_DATA_ADMIN_UP;
    v->l2_mode = __atomic_load_n(&d->l2_mode, __ATOMIC_RELAXED);
    v->vlans = __atomic_load_n(&d->vlans, __ATOMIC_ACQUIRE);
    v->mac = 0;
    memcpy(&v->mac, d->mac, sizeof(d->mac));
    v->plain = v->up && !v->l2_mode && !v->vlans;
    v->l2 = v->up && v->l2_mode && !v->vlans;
}

/* The frame stays as it is, and is not looked at; but who cuts a large packet must know where layer
 * 3 begins. */
ALWAYS_INLINE u16 to_l2(struct buffer *b)
{
    b->l3_start = (i16)(b->start + ETHERNET_HEADER_BYTES);
    if (unlikely(b->flags & BUFFER_GSO)) {
        struct vlan_header h = vlan_parse(buffer_current(b), b->len);
        b->l3_start = (i16)(b->start + (h.bytes ? h.bytes : ETHERNET_HEADER_BYTES));
    }
    return ETHERNET_INPUT_NEXT_L2;
}

ALWAYS_INLINE bool is_for(u64 mac, u64 dst)
{
    return (dst & MAC_MASK) == mac || (dst & MAC_GROUP_BIT);
}

ALWAYS_INLINE void note_group(struct buffer *b, u64 dst)
{
    if (unlikely(dst & MAC_GROUP_BIT))
        b->flags |= BUFFER_LINK_GROUP;
}

static u16 other_type(const struct ethernet *eth, struct thread *t, struct node *n,
                      struct buffer *b, u16 type)
{
    if (ethernet_is_tag(type))
        return node_drop(n, b, ETHERNET_INPUT_ERR_VLAN, ETHERNET_INPUT_NEXT_DROP);
    if (type < ETHERTYPE_MIN)
        return node_drop(n, b, ETHERNET_INPUT_ERR_LLC, ETHERNET_INPUT_NEXT_DROP);
    if (type == ETHERTYPE_IP6)
        interface_count(t, IF_IP6, b->rx_if, 1, 0);
    u16 next = eth->next_by_type[type];
    return next ? next : node_drop(n, b, ETHERNET_INPUT_ERR_TYPE, ETHERNET_INPUT_NEXT_DROP);
}

ALWAYS_INLINE u16 by_type(const struct ethernet *eth, struct thread *t, struct node *n,
                          struct buffer *b, be16 type)
{
    if (likely(be16_is(type, ETHERTYPE_IP4)))
        return ETHERNET_INPUT_NEXT_IP4;
    if (likely(be16_is(type, ETHERTYPE_ARP)))
        return ETHERNET_INPUT_NEXT_ARP;
    return other_type(eth, t, n, b, be16_to_host(type));
}

static void count_tally(struct thread *t, struct tally *sum)
{
    if (sum->packets)
        interface_count(t, IF_RX, sum->index, sum->packets, sum->bytes);
    sum->packets = 0;
    sum->bytes = 0;
}

/* The sub-interface of that slot is where b came in. */
static void received_on(struct thread *t, struct tally *sum, struct buffer *b, struct if_index i)
{
    if (!if_equal(sum->index, i)) {
        count_tally(t, sum);
        sum->index = i;
    }
    sum->packets++;
    sum->bytes += buffer_packet_len(b);
    b->rx_if = i;
}

/* Frames of interfaces that are down, have sub-interfaces or are in layer 2; b is at least an
 * ethernet header. */
static u16 ethernet_input_special(const struct ethernet *eth, struct thread *t, struct node *n,
                                  const struct rx_view *v, struct buffer *b, struct tally *sum)
{
    const u8 *frame = buffer_current(b);
    struct vlan_header h = vlan_parse(frame, b->len);
    u8 l2_mode = v->l2_mode;
    b->l3_start = (i16)(b->start + h.bytes);
    if (unlikely(!v->up))
        return node_drop(n, b, ETHERNET_INPUT_ERR_DOWN, ETHERNET_INPUT_NEXT_DROP);
    if (unlikely(!h.bytes))
        return node_drop(n, b, ETHERNET_INPUT_ERR_RUNT, ETHERNET_INPUT_NEXT_DROP);
    u32 slot = v->vlans ? vlan_match(v->vlans, &h) : 0;
    if (slot) {
        const struct if_data *d = if_data(vlan_slot_if(slot));
        received_on(t, sum, b, vlan_slot_if(slot));
        if (unlikely(!(__atomic_load_n(&d->flags, __ATOMIC_RELAXED) & IF_DATA_ADMIN_UP)))
            return node_drop(n, b, ETHERNET_INPUT_ERR_SUB_DOWN, ETHERNET_INPUT_NEXT_DROP);
        l2_mode = __atomic_load_n(&d->l2_mode, __ATOMIC_RELAXED);
    } else if (!l2_mode && !vlan_is_untagged(&h)) {
        return node_drop(n, b,
                         h.n < VLAN_TAGS_MAX ? ETHERNET_INPUT_ERR_VLAN : ETHERNET_INPUT_ERR_TAGS,
                         ETHERNET_INPUT_NEXT_DROP);
    }
    if (l2_mode)
        return ETHERNET_INPUT_NEXT_L2;
    buffer_advance(b, h.bytes);
    /* a sub-interface has the address of its port */
    u64 dst = load_u64(frame);
    if (unlikely(!is_for(v->mac, dst)) && !if_has_secondary_mac(v->index, frame))
        return node_drop(n, b, ETHERNET_INPUT_ERR_MAC, ETHERNET_INPUT_NEXT_PUNT);
    note_group(b, dst);
    return by_type(eth, t, n, b, be16_from_host(h.type));
}

/* Tags on a plain interface: nobody takes VLANs, but a tag may only say the priority. */
static COLD u16 ethernet_input_tagged(const struct ethernet *eth, struct thread *t, struct node *n,
                                      struct rx_view *v, struct buffer *b, struct tally *sum)
{
    buffer_advance(b, -ETHERNET_HEADER_BYTES);
    return ethernet_input_special(eth, t, n, v, b, sum);
}

ALWAYS_INLINE u16 ethernet_input_one(const struct ethernet *eth, struct thread *t, struct node *n,
                                     struct rx_view *v, struct buffer *b, struct tally *sum)
{
    const u8 *frame = buffer_current(b);
    if (unlikely(b->rx_if.i != v->index.i))
        ethernet_input_view_of(v, b->rx_if);
    b->l2_start = b->start;
    if (unlikely(b->len < ETHERNET_HEADER_BYTES))
        return node_drop(n, b, ETHERNET_INPUT_ERR_RUNT, ETHERNET_INPUT_NEXT_DROP);
    if (v->l2)
        return to_l2(b);
    if (unlikely(!v->plain))
        return ethernet_input_special(eth, t, n, v, b, sum);
    u64 dst = load_u64(frame);
    be16 type = load_be16(frame + 12);
    buffer_advance(b, ETHERNET_HEADER_BYTES);
    b->l3_start = b->start;
    if (unlikely(!is_for(v->mac, dst)) && !if_has_secondary_mac(v->index, frame))
        return node_drop(n, b, ETHERNET_INPUT_ERR_MAC, ETHERNET_INPUT_NEXT_PUNT);
    note_group(b, dst);
    if (likely(be16_is(type, ETHERTYPE_IP4)))
        return ETHERNET_INPUT_NEXT_IP4;
    if (unlikely(ethernet_is_tag(be16_to_host(type))))
        return ethernet_input_tagged(eth, t, n, v, b, sum);
    return by_type(eth, t, n, b, type);
}

/* next[] of a vector that nobody has looked at; a few more than count. */
ALWAYS_INLINE void leave_all(u16 *next, u32 count)
{
    static_assert(EXPRESS_LEFT == 0, "four at once");
    for (u32 i = 0; i < count; i += 4)
        store_u64(&next[i], 0);
}

/* Whose packets of the view are, of which frame is one; EXPRESS_N: nobody's. */
ALWAYS_INLINE enum express_kind express_kind_of(const struct express_view *v, const u8 *frame)
{
    if (v->l2_mode)
        return EXPRESS_L2;
    be16 type = load_be16(frame + v->header_bytes - 2);
    if (likely(be16_is(type, ETHERTYPE_IP4)))
        return EXPRESS_IP4;
    return be16_is(type, ETHERTYPE_IP6) ? EXPRESS_IP6 : EXPRESS_N;
}

/* Offers packets to the express of that kind; returns how many it took. v: of b[0]. */
ALWAYS_INLINE u32 express_offer(const struct ethernet *eth, struct thread *t, struct node *n,
                                enum express_kind kind, const struct express_view *v,
                                struct buffer **b, u16 *next, u32 count)
{
    const struct express *x = __atomic_load_n(&eth->express[kind], __ATOMIC_ACQUIRE);
    return x ? x->run[NODE_CPU_LEVEL](t, n, x->state, v, b, next, count) : 0;
}

/* What the express of that kind left is offered to another, if the first of it is that one's. */
static u32 express_offer_rest(const struct ethernet *eth, struct thread *t, struct node *n,
                              enum express_kind kind, struct buffer **b, u16 *next, u32 count)
{
    struct express_view v;
    struct buffer *rest[FRAME_PKTS];
    u16 rest_next[FRAME_PKTS], at[FRAME_PKTS];
    u32 first = 0, left = 0;
    while (next[first] != EXPRESS_LEFT)
        first++;
    if (!express_view_of(&v, b[first]))
        return 0;
    enum express_kind other = express_kind_of(&v, buffer_current(b[first]));
    if (other == kind || other == EXPRESS_N)
        return 0;
    for (u32 i = first; i < count; i++) {
        rest[left] = b[i];
        at[left] = (u16)i;
        left += next[i] == EXPRESS_LEFT;
    }
    leave_all(rest_next, left);
    u32 taken = express_offer(eth, t, n, other, &v, rest, rest_next, left);
    for (u32 i = 0; i < left; i++)
        next[at[i]] = rest_next[i];
    return taken;
}

/* Packets that expresses take; returns whether these were all. The first one says which kind it is
 * for, and the first one left which is asked then: links have IPv4 and IPv6 side by side. */
ALWAYS_INLINE bool ethernet_input_express(const struct ethernet *eth, struct thread *t,
                                          struct node *n, struct buffer **b, u16 *next, u32 count)
{
    struct express_view v;
    if (unlikely(thread_traces(t) || thread_detours(t) || !express_view_of(&v, b[0])))
        return false;
    enum express_kind kind = express_kind_of(&v, buffer_current(b[0]));
    if (kind == EXPRESS_N)
        return false;
    u32 taken = express_offer(eth, t, n, kind, &v, b, next, count);
    return taken == count || taken + express_offer_rest(eth, t, n, kind, b, next, count) == count;
}

void NODE_FN(ethernet_input)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                             u32 count)
{
    const struct ethernet *eth = n->state;
    struct rx_view v = {.index = IF_NONE};
    struct tally sum = {.index = IF_NONE};
    leave_all(next, count);
    if (unlikely(capture_is_on()))
        capture_packets(t, CAPTURE_RX, IF_NONE, b, count);
    else if (likely(ethernet_input_express(eth, t, n, b, next, count)))
        return;
    for (u32 i = 0; i < count; i++) {
        if (next[i] != EXPRESS_LEFT)
            continue; /* another thread may have it by now */
        if (i + 8 < count)
            __builtin_prefetch(b[i + 8]);
        if (i + 4 < count && next[i + 4] == EXPRESS_LEFT)
            __builtin_prefetch(buffer_current(b[i + 4]));
        next[i] = ethernet_input_one(eth, t, n, &v, b[i], &sum);
    }
    count_tally(t, &sum);
}
