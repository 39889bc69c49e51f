/* ethernet-input: which frames are for us, and which protocol they carry. */
#include "base/byteorder.h"
#include "net/ethernet/ethernet_node.h"
#include "net/interface/interface.h"
#include "net/pcap/pcap_trace.h"

/* Address bytes of a word loaded from a frame's start, as they lie in memory. */
#define MAC_MASK (BYTEORDER_SWAP ? 0x0000ffffffffffffull : 0xffffffffffff0000ull)
#define MAC_GROUP_BIT (BYTEORDER_SWAP ? 1ull : 1ull << 56)

/* What the packets of one interface have in common. */
struct rx_view {
    struct if_index index;
    u8 flags;
    bool l2; /* up, in layer 2, and all its frames are its own */
    u64 mac;
};

ALWAYS_INLINE void view_of(struct rx_view *v, struct if_index i)
{
    const struct if_data *d = if_data(i);
    v->index = i;
    v->flags = __atomic_load_n(&d->flags, __ATOMIC_RELAXED);
    v->mac = load_u64(d->mac) & MAC_MASK;
    v->l2 = __atomic_load_n(&d->l2_mode, __ATOMIC_ACQUIRE) && (v->flags & IF_DATA_ADMIN_UP);
}

/* The frame stays as it is, and is not looked at. */
ALWAYS_INLINE u16 to_l2(struct node *n, struct buffer *b)
{
    b->l2_start = b->start;
    b->l3_start = (i16) (b->start + ETHERNET_HEADER_BYTES);
    if (unlikely(b->len < ETHERNET_HEADER_BYTES))
        return node_drop(n, b, ETHERNET_INPUT_ERR_RUNT, ETHERNET_INPUT_NEXT_DROP);
    if (unlikely(b->flags & BUFFER_GSO)) /* who cuts it must know */
        b->l3_start = (i16) (b->start + (int) ethernet_header_bytes(buffer_current(b), b->len));
    return ETHERNET_INPUT_NEXT_L2;
}

static u16 other_type(const struct ethernet *eth, struct thread *t, struct node *n, struct buffer *b, u16 type)
{
    if (type == ETHERTYPE_VLAN || type == ETHERTYPE_DOT1AD)
        return node_drop(n, b, ETHERNET_INPUT_ERR_VLAN, ETHERNET_INPUT_NEXT_DROP);
    if (type < ETHERTYPE_MIN)
        return node_drop(n, b, ETHERNET_INPUT_ERR_LLC, ETHERNET_INPUT_NEXT_DROP);
    if (type == ETHERTYPE_IP6)
        interface_count(t, IF_IP6, b->rx_if, 1, 0);
    u16 next = eth->next_by_type[type];
    return next ? next : node_drop(n, b, ETHERNET_INPUT_ERR_TYPE, ETHERNET_INPUT_NEXT_DROP);
}

ALWAYS_INLINE u16 one(const struct ethernet *eth, struct thread *t, struct node *n, struct rx_view *v, struct buffer *b)
{
    const u8 *frame = buffer_current(b);
    if (unlikely(b->rx_if.i != v->index.i))
        view_of(v, b->rx_if);
    if (v->l2)
        return to_l2(n, b);
    b->l2_start = b->start;
    if (unlikely(b->len < ETHERNET_HEADER_BYTES))
        return node_drop(n, b, ETHERNET_INPUT_ERR_RUNT, ETHERNET_INPUT_NEXT_DROP);
    u64 dst = load_u64(frame);
    be16 type = load_u16(frame + 12);
    buffer_advance(b, ETHERNET_HEADER_BYTES);
    b->l3_start = b->start;
    if (unlikely(!(v->flags & IF_DATA_ADMIN_UP)))
        return node_drop(n, b, ETHERNET_INPUT_ERR_DOWN, ETHERNET_INPUT_NEXT_DROP);
    if (unlikely((dst & MAC_MASK) != v->mac && !(dst & MAC_GROUP_BIT)))
        return node_drop(n, b, ETHERNET_INPUT_ERR_MAC, ETHERNET_INPUT_NEXT_DROP);
    if (likely(type == be16_from_host(ETHERTYPE_IP4)))
        return ETHERNET_INPUT_NEXT_IP4;
    if (likely(type == be16_from_host(ETHERTYPE_ARP)))
        return ETHERNET_INPUT_NEXT_ARP;
    return other_type(eth, t, n, b, be16_to_host(type));
}

void NODE_FN(ethernet_input)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    const struct ethernet *eth = n->state;
    struct rx_view v;
    pcap_trace_hook(PCAP_RX, IF_NONE, b, count);
    view_of(&v, b[0]->rx_if);
    for (u32 i = 0; i < count; i++) {
        if (i + 8 < count)
            __builtin_prefetch(b[i + 8]);
        if (i + 4 < count)
            __builtin_prefetch(buffer_current(b[i + 4]));
        next[i] = one(eth, t, n, &v, b[i]);
    }
}
