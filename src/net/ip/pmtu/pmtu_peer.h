/* Path MTUs of peers that somebody says: what is sent to a peer, or through it as a next hop, is no
 * longer, whether it passes or is this switch's own. Longer packets are cut, or their senders are
 * told.
 *
 * A peer that is a neighbour has it in its adjacencies. One that is farther away has it in front of
 * what its route forwards by, where a node of its own looks (fib_path_mtu_set). Packets that go
 * elsewhere never ask. A peer's route may change from one to the other. Control thread; source:
 * behaviour of VPP.
 */
#pragma once

#include "control/api.h"
#include "control/module.h"
#include "engine/node.h"
#include "net/ip/fib/fib_data.h"
#include "net/ip/ip4/ip4_errors.h"

#define PMTU_PEERS_MAX (1u << 16)

struct cli_call;

/* Edges of the nodes, behind those of lookup nodes; and what they drop for. */
enum { PMTU_PEER_NEXT_ICMP_ERROR = FIB_NEXT_N, PMTU_PEER_NEXT_FRAGMENT, PMTU_PEER_N_NEXT };
enum { PMTU_PEER_ERR_LOOP = IP_FRAG_ERROR_N, PMTU_PEER_ERR_TTL, PMTU_PEER_ERR_N };

NODE_DECLARE(ip4_pmtu_dpo);
NODE_DECLARE(ip6_pmtu_dpo);

struct pmtu_peer {
    struct fib_index table;
    struct ip_address addr;
    u16 mtu;
    bool is_stale; /* is being replaced, and nobody has said it again */
    struct fib_track_index track;
    struct link_host neighbor; /* whose adjacencies have it; interface IF_NONE: the route has */
};

/* mtu 0: none. -EINVAL: not an address that has a path of its own, or less than IPv4's 68 or IPv6's
 * 1,280 bytes; -ENOENT: none is known there; -ENOSPC. */
int pmtu_peer_set(struct piste *p, struct fib_index table, const struct ip_address *addr, u16 mtu,
                  struct error *e) MUST_CHECK;
/* What is said between the two stays, and no other. */
void pmtu_peer_replace_begin(struct piste *p);
void pmtu_peer_replace_end(struct piste *p);
/* The first from number *at on, which is then its own; NULL: there is none. */
const struct pmtu_peer *pmtu_peer_next(const struct piste *p, u32 *at);

/* For `show ip pmtu`. */
void pmtu_peer_show(struct cli_call *c);

extern const char pmtu_peer_module_name[];
int pmtu_peer_init(struct piste *p, void **state, struct error *e);
void pmtu_peer_stop(struct piste *p, void *state);
extern const struct api_handler pmtu_peer_api[];
extern const struct module pmtu_peer_module, pmtu_peer_api_module;
