/* stats-collect-rx, stats-collect-tx: frames by the kind of their destination. Features of the arcs
 * "device-input" and "interface-output". */
#include <string.h>

#include "engine/feature.h"
#include "engine/thread.h"
#include "net/packet/ethernet_packet.h"
#include "net/link/interface/interface.h"

static_assert(IF_RX_MULTICAST == IF_RX_UNICAST + 1 && IF_RX_BROADCAST == IF_RX_UNICAST + 2 &&
                  IF_TX_MULTICAST == IF_TX_UNICAST + 1 && IF_TX_BROADCAST == IF_TX_UNICAST + 2,
              "kinds count from unicast");

/* 0: unicast; 1: multicast; 2: broadcast. What is too short for an address counts as unicast. */
ALWAYS_INLINE u32 detailed_stats_kind_of(const struct buffer *b)
{
    static const u8 broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const u8 *dst = buffer_current(b);
    if (b->len < sizeof(broadcast) || !ethernet_is_multicast(dst))
        return 0;
    return memcmp(dst, broadcast, sizeof(broadcast)) ? 1 : 2;
}

void NODE_FN(stats_collect_rx)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                               u32 count)
{
    for (u32 i = 0; i < count; i++) {
        interface_count(t, (enum if_counter)(IF_RX_UNICAST + detailed_stats_kind_of(b[i])),
                        b[i]->rx_if, 1, buffer_packet_len(b[i]));
        next[i] = feature_next(b[i]);
    }
}

void NODE_FN(stats_collect_tx)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                               u32 count)
{
    for (u32 i = 0; i < count; i++) {
        interface_count(t, (enum if_counter)(IF_TX_UNICAST + detailed_stats_kind_of(b[i])),
                        b[i]->tx_if, 1, buffer_packet_len(b[i]));
        next[i] = feature_next(b[i]);
    }
}
