/* What the files of neighbour discovery share. */
#pragma once

#include "base/mem.h"
#include "control/module.h"
#include "engine/node.h"
#include "net/ip/neighbor/nd.h"
#include "net/ip/neighbor/nd_data.h"
#include "net/ip/neighbor/neighbor.h"

struct nd {
    struct nd_node node; /* first: what the nodes see */
    struct mem_map if_map;
    struct neighbor_counter counters[ND_COUNTER_N];
    struct neighbor_protocol protocol;
    void (*on_conflict)(struct piste *p, const struct link_host *own, void *arg);
    void *conflict_arg;
};

/* Events of data threads (thread_post): struct link_host, an address of ours that another has. */
void nd_on_conflict_event(struct piste *p, const void *payload);

/* Edges of the nodes for solicitations and advertisements; those to interfaces come behind. */
enum { ND_NEXT_DROP, ND_N_NEXT };

NODE_DECLARE(icmp6_neighbor_solicitation);
NODE_DECLARE(icmp6_neighbor_advertisement);
NODE_DECLARE(ip6_discover_neighbor);
NODE_DECLARE(ip6_glean);

/* --- for the record in nd_module.c --- */
extern const char nd_module_name[];
extern const struct node_def nd_solicitation_node, nd_advertisement_node;
int nd_init(struct piste *p, void **state, struct error *e);
void nd_stop(struct piste *p, void *state);
