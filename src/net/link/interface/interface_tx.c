/* Flows over the transmit queues of a thread. See interface_tx.h. */
#include "net/link/interface/interface_tx.h"

#include "base/byteorder.h"
#include "net/link/interface/interface.h"
#include "net/packet/ethernet_packet.h"
#include "net/packet/l4_packet.h"
#include "net/packet/layers.h"

void interface_tx_trace(struct thread *t, const struct tx_queue *q, struct buffer **b, u32 count)
{
    struct tx_trace x = {q->queue};
    for (u32 i = 0; i < count; i++)
        if (b[i]->flags & BUFFER_TRACED)
            trace_note(t, b[i], &x, sizeof(x));
}

static u32 interface_tx_mix(u32 hash, u32 word)
{
    return (hash ^ word) * 0x9e3779b1u;
}

static u32 mix_bytes(u32 hash, const u8 *p, u32 words)
{
    for (u32 i = 0; i < words; i++)
        hash = interface_tx_mix(hash, load_u32(p + 4 * i));
    return hash;
}

/* Addresses, protocol and, of what is no fragment, ports; of other frames the stations. */
static u32 hash_packet(const u8 *p, u32 len, bool is_ip)
{
    struct layers l;
    if (!layers_find(p, len, is_ip, &l))
        return len >= ETHERNET_HEADER_BYTES ? mix_bytes(0, p, 3) : 0;
    u32 hash = l.is_ip6 ? mix_bytes(0, p + l.l3 + 8, 8) : mix_bytes(0, p + l.l3 + 12, 2);
    bool has_ports = l.protocol == IP_PROTOCOL_TCP || l.protocol == IP_PROTOCOL_UDP;
    hash = interface_tx_mix(hash, l.protocol);
    return has_ports && !l.is_fragment && l.l4 + 4 <= len
               ? interface_tx_mix(hash, load_u32(p + l.l4))
               : hash;
}

static u32 hash_of(const struct buffer *b, bool is_ip)
{
    u32 hash =
        b->flags & BUFFER_FLOW_HASH ? b->flow_hash : hash_packet(buffer_current(b), b->len, is_ip);
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
