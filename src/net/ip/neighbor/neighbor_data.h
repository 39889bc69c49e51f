/* What the nodes of ARP and of unresolved neighbours share with the control thread. */
#pragma once

#include "base/byteorder.h"
#include "base/types.h"
#include "engine/counter.h"
#include "engine/index.h"
#include "net/ip/fib/fib_data.h"

struct engine;
struct piste;
struct proxy_ranges;

/* Packets that the control thread was handed and still has; all threads. */
extern u32 neighbor_pending;
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
void arp_counters_init(struct engine *e);
void arp_counters_begin(struct if_index i); /* for a new interface */
void arp_counters_fini(void);

/* What arp-reply tells the control thread. */
struct arp_learn {
    struct if_index interface;
    be32 addr;
    u8 mac[6];
    u8 only_known; /* no new entry comes of it */
};
void neighbor_on_learn(struct piste *p, const void *payload);

/* A packet without a rewrite. */
struct arp_packet_event {
    u32 bi, adj;
    struct if_index interface;
    be32 addr;
    u32 glean;
};
void neighbor_on_packet(struct piste *p, const void *payload);

/* The control thread is done with a packet that came by adj. */
static inline void neighbor_packet_done(u32 adj)
{
    u32 *pending = &adj_base[adj].pending;
    u32 was = __atomic_load_n(pending, __ATOMIC_RELAXED);
    while (was && !__atomic_compare_exchange_n(pending, &was, was - 1, false, __ATOMIC_RELAXED,
                                               __ATOMIC_RELAXED))
        ;
    __atomic_fetch_sub(&neighbor_pending, 1, __ATOMIC_RELAXED);
}

enum arp_error {
    ARP_ERR_REPLIES_SENT,
    ARP_ERR_DISABLED,
    ARP_ERR_L2_TYPE_NOT_ETHERNET,
    ARP_ERR_L3_TYPE_NOT_IP4,
    ARP_ERR_L3_SRC_ADDRESS_NOT_LOCAL,
    ARP_ERR_L3_DST_ADDRESS_NOT_LOCAL,
    ARP_ERR_L3_DST_ADDRESS_UNSET,
    ARP_ERR_L3_SRC_ADDRESS_IS_LOCAL,
    ARP_ERR_L3_SRC_ADDRESS_LEARNED,
    ARP_ERR_REPLIES_RECEIVED,
    ARP_ERR_OPCODE_NOT_REQUEST,
    ARP_ERR_PROXY_ARP_REPLIES_SENT,
    ARP_ERR_L2_ADDRESS_MISMATCH,
    ARP_ERR_GRATUITOUS_ARP,
    ARP_ERR_INTERFACE_NO_TABLE,
    ARP_ERR_INTERFACE_NOT_IP_ENABLED,
    ARP_ERR_UNNUMBERED_MISMATCH,
    ARP_ERR_TOO_SHORT,
    ARP_ERR_BAD_SENDER_MAC,
    ARP_ERR_N
};
enum { ARP_NEXT_DROP, ARP_N_NEXT };

enum ip4_arp_error {
    IP4_ARP_ERR_THROTTLED,
    IP4_ARP_ERR_RESOLVED,
    IP4_ARP_ERR_NO_BUFFERS,
    IP4_ARP_ERR_REQUEST_SENT,
    IP4_ARP_ERR_NON_ARP_ADJ,
    IP4_ARP_ERR_NO_SOURCE_ADDRESS,
    IP4_ARP_ERR_NO_ANSWER,
    IP4_ARP_ERR_N
};
enum { IP4_ARP_NEXT_DROP, IP4_ARP_NEXT_REWRITE, IP4_ARP_N_NEXT };
