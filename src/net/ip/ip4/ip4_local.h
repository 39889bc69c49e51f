/* Delivery of IPv4 packets that are for this switch.
 *
 *   ip4-lookup ─► ip4-receive ─┐
 *                 ip4-local  ──┴─► ip4-local arc ─► (ip4-local-end-of-arc) ─► the protocol's node
 *                      ▲                                                  └─► ip4-icmp-error:
 * nobody here └── ip4-local-full-reassembly ◄── fragments
 *
 * The L4 checksum and the source are checked on the way. */
#pragma once

#include "base/types.h"
#include "control/cli.h"
#include "engine/feature.h"
#include "engine/index.h"
#include "engine/node.h"

struct module;
struct piste;

extern const struct module ip4_local_module;
extern const char ip4_local_module_name[];

/* Packets of that protocol go to `node`: their current header is IPv4's, whole, l4_start is the
 * next header, of which the first buffer holds what fits its fixed part; checksums of UDP, TCP and
 * ICMP are right. Control thread. */
void ip4_local_register(struct piste *p, u8 protocol, struct node_index node);
void ip4_local_unregister(struct piste *p, u8 protocol);
/* Whether anybody takes packets of that protocol. */
bool ip4_local_has(const struct piste *p, u8 protocol);

/* Datagrams to that UDP port (host order) go to `node`, in the same state. -EADDRINUSE. */
int ip4_udp_register(struct piste *p, u16 port, struct node_index node) MUST_CHECK;
void ip4_udp_unregister(struct piste *p, u16 port);

/* Datagrams to that port go to ip4-punt, until ip4_udp_unregister. -EADDRINUSE. */
int ip4_udp_punt(struct piste *p, u16 port) MUST_CHECK;
/* What nobody takes of UDP or TCP goes to ip4-punt, or is answered by an ICMP error. */
void ip4_udp_punt_rest(struct piste *p, bool on);
void ip4_tcp_punt_rest(struct piste *p, bool on);

extern const struct cli_command ip4_local_commands[];

/* --- for the nodes --- */

enum {
    IP4_LOCAL_NEXT_DROP,
    IP4_LOCAL_NEXT_PUNT,
    IP4_LOCAL_NEXT_UDP_LOOKUP,
    IP4_LOCAL_NEXT_ICMP,
    IP4_LOCAL_NEXT_REASSEMBLY,
    IP4_LOCAL_NEXT_ICMP_ERROR,
    IP4_LOCAL_N_NEXT
};

/* The three nodes that dispatch. */
enum { IP4_LOCAL_NODE, IP4_LOCAL_RECEIVE, IP4_LOCAL_END_OF_ARC, IP4_LOCAL_NODES };

enum { UDP_LOOKUP_NEXT_ICMP_ERROR, UDP_LOOKUP_NEXT_PUNT, UDP_LOOKUP_N_NEXT };

struct ip4_local {
    const struct feature_arc *arc;
    u16 next_by_protocol[IP4_LOCAL_NODES][256]; /* IP4_LOCAL_NEXT_ICMP_ERROR: nobody */
    struct node_index nodes[IP4_LOCAL_NODES], udp_node;
    u16 *next_by_port; /* by port in host order; UDP_LOOKUP_NEXT_ICMP_ERROR: nobody */
    u16 udp_rest_next; /* of that, then */
    bool tcp_rest_punted;
};

enum udp_error { UDP_ERROR_NONE, UDP_ERROR_NO_LISTENER, UDP_ERROR_PUNT, UDP_ERROR_N };
