/* What data threads know for ARP; written by the control thread. */
#pragma once

#include "base/types.h"
#include "engine/index.h"

struct counter_vec;

struct arp_if {
    u16 reply_next, proxy_next; /* edges of arp-reply and arp-proxy to its output node */
    u8 n_tags_bytes;            /* 0, 4, 8 */
    u8 spare[3];
    u8 tags[8]; /* of frames that it sends */
};
extern struct arp_if *arp_if_base; /* by interface */

/* Ranges that proxy ARP answers for; published as one piece. */
struct proxy_range {
    u32 fib, first, last; /* host order, inclusive */
};
struct proxy_ranges {
    u32 n;
    struct proxy_range v[];
};
extern struct proxy_ranges *arp_proxy_ranges;

enum arp_counter {
    ARP_RX_REQUESTS,
    ARP_RX_REPLIES,
    ARP_RX_GRATUITOUS,
    ARP_TX_REQUESTS,
    ARP_TX_REPLIES,
    ARP_TX_GRATUITOUS,
    ARP_COUNTER_N
};
extern struct counter_vec *arp_counters[ARP_COUNTER_N]; /* by interface */
