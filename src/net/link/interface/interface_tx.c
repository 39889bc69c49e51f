/* Flows over the transmit queues of a thread. See interface_tx.h. */
#include "net/link/interface/interface_tx.h"

#include "base/byteorder.h"
#include "net/link/interface/interface.h"
#include "net/packet/ethernet_packet.h"
#include "net/packet/ip4_packet.h"

#define IP6_HEADER_BYTES 40

void interface_tx_trace(struct thread *t, const struct tx_queue *q, struct buffer **b, u32 count)
{
    struct tx_trace x = {q->queue};
    for (u32 i = 0; i < count; i++)
        if (b[i]->flags & BUFFER_TRACED)
            trace_note(t, b[i], &x, sizeof(x));
}

static u32 mix(u32 hash, u32 word)
{
    return (hash ^ word) * 0x9e3779b1u;
}

static u32 mix_bytes(u32 hash, const u8 *p, u32 words)
{
    for (u32 i = 0; i < words; i++)
        hash = mix(hash, load_u32(p + 4 * i));
    return hash;
}

/* Addresses, protocol and, of what is no fragment, ports; whatever of it is in the first buffer. */
static u32 hash_ip(const u8 *p, u32 len)
{
    const struct ip4_header *ip4 = (const struct ip4_header *)p;
    u32 hash, l4;
    u8 protocol;
    if (len >= sizeof(*ip4) && p[0] >> 4 == 4) {
        hash = mix_bytes(0, p + 12, 2);
        protocol = ip4->protocol;
        l4 = ip4_is_fragment(ip4) ? len : ip4_header_bytes(ip4);
    } else if (len >= IP6_HEADER_BYTES && p[0] >> 4 == 6) {
        hash = mix_bytes(0, p + 8, 8);
        protocol = p[6];
        l4 = IP6_HEADER_BYTES;
    } else {
        return 0;
    }
    bool has_ports = protocol == IP_PROTOCOL_TCP || protocol == IP_PROTOCOL_UDP;
    hash = mix(hash, protocol);
    return has_ports && l4 + 4 <= len ? mix(hash, load_u32(p + l4)) : hash;
}

static u32 hash_frame(const u8 *p, u32 len)
{
    u32 at = ETHERNET_HEADER_BYTES;
    while (at + VLAN_TAG_BYTES <= len && ethernet_is_tag(get_be16(p + at - 2)))
        at += VLAN_TAG_BYTES;
    u16 type = get_be16(p + at - 2);
    if (type == ETHERTYPE_IP4 || type == ETHERTYPE_IP6)
        return hash_ip(p + at, len - at);
    return mix_bytes(0, p, 3); /* the stations */
}

static u32 hash_of(const struct buffer *b, bool is_ip)
{
    u32 hash = 0;
    if (b->flags & BUFFER_FLOW_HASH)
        hash = b->flow_hash;
    else if (is_ip)
        hash = hash_ip(buffer_current(b), b->len);
    else if (b->len >= ETHERNET_HEADER_BYTES)
        hash = hash_frame(buffer_current(b), b->len);
    return hash ^ hash >> 16;
}

void interface_tx_spread(struct thread *t, struct node *n, const struct tx_map *map,
                         struct buffer **b, u16 *next, u32 count, tx_send_fn *send)
{
    struct tx_share mine = map->of[thread_index(t)];
    struct buffer *part[FRAME_PKTS];
    u16 choice[FRAME_PKTS], part_next[FRAME_PKTS];
    bool is_ip = if_data(b[0]->tx_if)->flags & IF_DATA_IS_IP;
    for (u32 i = 0; i < count; i++)
        choice[i] = (u16)(hash_of(b[i], is_ip) % mine.n);
    for (u16 k = 0; k < mine.n; k++) {
        u32 n_part = 0;
        for (u32 i = 0; i < count; i++)
            if (choice[i] == k)
                part[n_part++] = b[i];
        if (!n_part)
            continue;
        interface_tx_by(t, n, map->queue[mine.first + k], part, part_next, n_part, send);
        for (u32 i = 0, j = 0; i < count; i++)
            if (choice[i] == k)
                next[i] = part_next[j++];
    }
}
