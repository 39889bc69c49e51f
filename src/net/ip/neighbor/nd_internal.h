/* What the files of neighbour discovery share. */
#pragma once

#include "base/mem.h"
#include "control/module.h"
#include "engine/node.h"
#include "net/ip/ip6/ip6.h"
#include "net/ip/neighbor/nd.h"
#include "net/ip/neighbor/nd_data.h"
#include "net/ip/neighbor/neighbor.h"
#include "net/ip/neighbor/neighbor_data.h"

struct nd {
    struct nd_node node; /* first: what the nodes see */
    struct mem_map if_map;
    struct neighbor_counter counters[ND_COUNTER_N];
    struct neighbor_protocol protocol;
    void (*on_conflict)(struct piste *p, const struct link_host *own, void *arg);
    void *conflict_arg;
    void (*on_host)(struct piste *p, const struct link_host *host);
};

/* Events of data threads (thread_post): struct link_host, an address of ours that another has; */
void nd_on_conflict_event(struct piste *p, const void *payload);
/* struct neighbor_learn, of one that says that it is no router. */
void nd_on_host_event(struct piste *p, const void *payload);

/* The adjacency that packets for an address of the link of rx take. */
static inline u32 nd_adj_of(struct if_index rx, const u8 addr[16])
{
    struct fib_index t = ip6_fib_of(rx, addr);
    return fib_is_none(t) ? ADJ_DROP.i : lb_pick(lb_load(ip6_lookup(t, addr).i), 0);
}

/* Whether the address is one of a host on the link of rx. */
static inline bool nd_is_on_link(struct if_index rx, const u8 addr[16])
{
    u32 a = nd_adj_of(rx, addr);
    struct if_index tx = adj_at(a)->tx_if;
    enum adj_kind kind = (enum adj_kind)adj_head(adj_at(a)).kind;
    if (!if_equal(tx, rx) && !if_equal(tx, ip_if_lender(IP_FAMILY_6, rx)))
        return false;
    return kind == ADJ_KIND_GLEAN || ((kind == ADJ_KIND_REWRITE || kind == ADJ_KIND_INCOMPLETE) &&
                                      ip6_is_equal(adj_address(a)->bytes, addr));
}

/* Whether an address that leads to adjacency a is that of all routers of the link, and of nobody
 * who is known there. */
static inline bool nd_is_anycast(u32 a, const u8 addr[16])
{
    return adj_head(adj_at(a)).kind == ADJ_KIND_GLEAN && ip6_if_has_anycast(adj_at(a)->tx_if, addr);
}

/* Whether addr is known to be that of a host on the link of rx. */
static inline bool nd_is_there(struct if_index rx, const u8 addr[16])
{
    u32 a = nd_adj_of(rx, addr);
    return adj_head(adj_at(a)).kind == ADJ_KIND_REWRITE && if_equal(adj_at(a)->tx_if, rx) &&
           ip6_is_equal(adj_address(a)->bytes, addr);
}

/* Whether a host of rx's table has the address, on another link. */
static inline bool nd_is_elsewhere(const struct nd_proxies *s, struct if_index rx,
                                   const u8 addr[16])
{
    u32 i = nd_proxied_find(s, ip_if_fib(IP_FAMILY_6, rx), addr);
    return i != SHARED_HASH_NONE &&
           !if_equal(((const struct nd_proxied *)pool_at(&s->entries, i))->interface, rx);
}

/* Whether a solicitation that rx received from src is answered for another. Who probes for an
 * address that he is about to take hears only of those that are known to be taken. */
static inline bool nd_proxy_answers(const struct nd_node *nd, struct if_index rx, const u8 src[16],
                                    const u8 target[16])
{
    u8 what = __atomic_load_n(&nd->ifs[rx.i].proxies, __ATOMIC_RELAXED);
    if (likely(!what) || ip6_is_multicast(target))
        return false;
    if (what & ND_PROXY_TABLE && nd_is_elsewhere(nd->proxies, rx, target))
        return true;
    return what & ND_PROXY_ALL && !ip6_is_unspecified(src) && !ip6_is_equal(src, target) &&
           !nd_is_there(rx, target);
}

/* Edges of the nodes for solicitations and advertisements; those to interfaces come behind. */
enum { ND_NEXT_DROP, ND_N_NEXT };
/* Of ip6-glean, behind those that it shares. */
enum { GLEAN_NEXT_RECEIVE = HOLD_N_NEXT, GLEAN_N_NEXT };
/* Of the nodes that take those for others. */
enum { ND_PROXY_NEXT_RECEIVE, ND_PROXY_NEXT_ICMP_ERROR, ND_PROXY_N_NEXT };

NODE_DECLARE(icmp6_neighbor_solicitation);
NODE_DECLARE(icmp6_neighbor_advertisement);
NODE_DECLARE(ip6_discover_neighbor);
NODE_DECLARE(ip6_glean);

/* --- for the record in nd_module.c --- */
extern const char nd_module_name[];
extern const struct node_def nd_solicitation_node, nd_advertisement_node;
int nd_init(struct piste *p, void **state, struct error *e);
void nd_stop(struct piste *p, void *state);
