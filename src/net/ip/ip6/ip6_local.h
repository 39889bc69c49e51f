/* Delivery of IPv6 packets that are for this switch.
 *
 *   ip6-lookup ─► ip6-receive ─┐
 *                 ip6-local  ──┴─► ip6-local arc ─► (ip6-local-end-of-arc) ─► the protocol's node
 *                                                                        └─► ip6-icmp-error:
 *                                                                            nobody here
 *
 * Extension headers, the L4 checksum and the source are checked on the way. Fragments that are not
 * whole datagrams go to who is registered for their header, if anybody is, and come back whole. */
#pragma once

#include "base/types.h"
#include "control/cli.h"
#include "engine/feature.h"
#include "engine/index.h"
#include "engine/node.h"

struct module;
struct piste;

extern const struct module ip6_local_module;
extern const char ip6_local_module_name[];

/* Packets of that protocol go to `node`: their current header is IPv6's, l4_start the header behind
 * its extensions, of which the first buffer holds what fits its fixed part; checksums of UDP, TCP
 * and ICMP are right. Of IP_PROTOCOL_IP6_FRAGMENT, l4_start is the fragment header. Control thread.
 */
void ip6_local_register(struct piste *p, u8 protocol, struct node_index node);
void ip6_local_unregister(struct piste *p, u8 protocol);
/* Whether anybody takes packets of that protocol. */
bool ip6_local_has(const struct piste *p, u8 protocol);

/* Datagrams to that UDP port (host order) go to `node`, in the same state. -EADDRINUSE. */
int ip6_udp_register(struct piste *p, u16 port, struct node_index node) MUST_CHECK;
void ip6_udp_unregister(struct piste *p, u16 port);

/* Datagrams to that port go to ip6-punt, until ip6_udp_unregister. -EADDRINUSE. */
int ip6_udp_punt(struct piste *p, u16 port) MUST_CHECK;
/* What nobody takes of UDP or TCP goes to ip6-punt, or is answered by an ICMP error. */
void ip6_udp_punt_rest(struct piste *p, bool on);
void ip6_tcp_punt_rest(struct piste *p, bool on);

extern const struct cli_command ip6_local_commands[];

/* --- for the nodes --- */

enum {
    IP6_LOCAL_NEXT_DROP,
    IP6_LOCAL_NEXT_PUNT,
    IP6_LOCAL_NEXT_UDP_LOOKUP,
    IP6_LOCAL_NEXT_ICMP,
    IP6_LOCAL_NEXT_ICMP_ERROR,
    IP6_LOCAL_N_NEXT
};

/* The three nodes that dispatch. */
enum { IP6_LOCAL_NODE, IP6_LOCAL_RECEIVE, IP6_LOCAL_END_OF_ARC, IP6_LOCAL_NODES };

enum { IP6_UDP_LOOKUP_NEXT_ICMP_ERROR, IP6_UDP_LOOKUP_NEXT_PUNT, IP6_UDP_LOOKUP_N_NEXT };
enum { IP6_UDP_ERROR_NONE, IP6_UDP_ERROR_NO_LISTENER, IP6_UDP_ERROR_PUNT, IP6_UDP_ERROR_N };

struct ip6_local {
    const struct feature_arc *arc;
    u16 next_by_protocol[IP6_LOCAL_NODES][256]; /* IP6_LOCAL_NEXT_ICMP_ERROR: nobody */
    struct node_index nodes[IP6_LOCAL_NODES], udp_node;
    u16 *next_by_port; /* by port in host order; IP6_UDP_LOOKUP_NEXT_ICMP_ERROR: nobody */
    u16 udp_rest_next; /* of that, then */
    bool tcp_rest_punted;
};
