/* ping: what its node and its sessions share.
 *
 *   control thread: a session ─► echo request
 *   data thread:    ip4-ping-request: the time goes into the request ─► ip4-lookup
 *                   ip4-icmp-input ─► ip4-icmp-echo-reply ─► event with both times
 *                   (and likewise of IPv6)
 *   control thread: the session
 *
 * Times are taken where packets leave and arrive: how long the two threads wait for each other is
 * not in them. */
#pragma once

#include "base/types.h"
#include "engine/node.h"
#include "net/packet/ip_address.h"

struct piste;

/* Sessions at a time. A session's ICMP identifier holds its slot in the low bits. */
#define PING_SESSIONS_MAX 64

/* Read by data threads: identifier | PING_ACTIVE of the session in that slot, 0: none. */
#define PING_ACTIVE 0x10000u
struct ping_slots {
    u32 active[PING_SESSIONS_MAX];
};

#define PING_STAMP_BYTES 8 /* in front of the data, as VPP's time stamp */

/* A reply that arrived. */
struct ping_reply {
    u64 rx_ns;
    u64 sent_ns; /* the stamp it brought back, which may be anything */
    struct ip_address src;
    u32 payload_bytes; /* behind the ICMP header */
    struct if_index rx_if;
    u16 id, seq;
    u8 ttl;
    u8 family; /* enum ip_family, of src */
};

/* Event: the payload is a struct ping_reply. Control thread. */
void ping_on_reply(struct piste *p, const void *payload);

enum ping_error { PING_ERROR_NONE, PING_ERROR_NOT_OURS, PING_ERROR_CONGESTED, PING_ERROR_N };

enum { PING_NEXT_DROP, PING_NEXT_PUNT, PING_N_NEXT };

NODE_DECLARE(ip4_ping_request);
NODE_DECLARE(ip4_icmp_echo_reply);
NODE_DECLARE(ip6_ping_request);
NODE_DECLARE(ip6_icmp_echo_reply);
