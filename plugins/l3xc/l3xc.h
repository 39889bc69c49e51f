/* Cross-connects of layer 3: what an interface receives of a protocol leaves by the paths that it
 * has for that, whatever the destination: through next hops, recursive ones too, through several by
 * the flow hash, by another table, to this switch, or not at all. The paths are those of routes,
 * and so is how they follow neighbours, interfaces and other routes (fib_paths_new).
 *
 *   ipX-input ─► arc "ipX-unicast": l3xc-input-ipX ─► ipX-rewrite, ipX-arp, ipX-receive ...
 *
 * A path through an interface that is deleted goes; with the last one, packets are dropped from
 * then on. Groups are not connected, and of IPv6 not what a link says to itself: neighbour
 * discovery, and what has an address of the link's own. Source: VPP's words, messages and nodes. */
#pragma once

#include "control/api.h"
#include "control/module.h"
#include "net/ip/fib/fib.h"

extern const char l3xc_module_name[];

struct l3xc {
    struct if_index interface;
    enum ip_family family;
    struct lb_index lb; /* of its paths, and of its counters */
};

/* Of an interface and a protocol; L3XC_NONE. */
#define L3XC_NONE UINT32_MAX
u32 l3xc_find(const struct piste *p, struct if_index i, enum ip_family f);
/* The first whose index is not below `from`, in *index; NULL at the end. */
const struct l3xc *l3xc_next(const struct piste *p, u32 from, u32 *index);

/* Makes the cross-connect of an interface and a protocol, or gives it other paths: packets change
 * over with one store. -EINVAL, -ENOSPC: as it was. */
int l3xc_set(struct piste *p, struct if_index i, enum ip_family f, const struct fib_path *paths,
             u32 n, u32 *index, struct error *e) MUST_CHECK;
/* -ENOENT: there is none. */
int l3xc_del(struct piste *p, struct if_index i, enum ip_family f, struct error *e) MUST_CHECK;

int l3xc_init(struct piste *p, void **state, struct error *e);
void l3xc_stop(struct piste *p, void *state);
void l3xc_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
extern const struct cli_command l3xc_commands[];
extern const struct api_handler l3xc_api_handlers[];

/* --- for the node --- */

/* The feature's word: which cross-connect, and its load balance. */
static inline u64 l3xc_data(u32 index, struct lb_index lb)
{
    return (u64)index << 32 | lb.i;
}

struct l3xc_trace {
    u32 index, lb;
};
