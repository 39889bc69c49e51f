/* Neighbours: which MAC address an IP address has on a link. Learnt by ARP or configured; a
 * neighbour completes the adjacency to it, and has a host route unless it says otherwise.
 *
 * Context: control thread. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "engine/index.h"

struct piste;
struct module;

extern const struct module arp_module, neighbor_module;

enum {
    NEIGHBOR_STATIC = 1 << 0,       /* configured for ever */
    NEIGHBOR_DYNAMIC = 1 << 1,      /* learnt, or configured as if learnt: ages */
    NEIGHBOR_NO_FIB_ENTRY = 1 << 2, /* no host route */
};

struct neighbor {
    struct if_index interface;
    be32 addr;
    u8 mac[6];
    u8 flags;       /* NEIGHBOR_* */
    u64 updated_ns; /* clock_ns() */
};

/* Adds or changes. -EINVAL: flags, address; -ENOSPC: at the limit, and nothing may be recycled. */
int neighbor_add(struct piste *p, struct if_index i, be32 addr, const u8 mac[6], u8 flags,
                 struct error *e) MUST_CHECK;
/* -ENOENT. */
int neighbor_del(struct piste *p, struct if_index i, be32 addr, struct error *e) MUST_CHECK;
/* All dynamic ones (with_static: all) of an interface, or of all interfaces (IF_NONE). */
void neighbor_flush(struct piste *p, struct if_index i, bool with_static);
/* Replacing all: those that there are when it begins, and are neither added nor learnt again until
 * its end, go then. */
void neighbor_replace_begin(struct piste *p);
void neighbor_replace_end(struct piste *p);
bool neighbor_find(const struct piste *p, struct if_index i, be32 addr, struct neighbor *out);
/* By interface (IF_NONE: all), in order of the last update, newest first; fn returns false to stop.
 */
void neighbor_each(const struct piste *p, struct if_index i,
                   bool (*fn)(const struct neighbor *n, void *arg), void *arg);

enum neighbor_event { NEIGHBOR_ADDED, NEIGHBOR_CHANGED, NEIGHBOR_REMOVED };
/* After it was added or changed; before it is removed. For ever. */
void neighbor_on_event(struct piste *p,
                       void (*fn)(struct piste *p, const struct neighbor *n, enum neighbor_event ev,
                                  void *arg),
                       void *arg);

/* Sends an ARP request for addr on i now; -ENETUNREACH, -ENOBUFS. */
int neighbor_probe(struct piste *p, struct if_index i, be32 addr, struct error *e) MUST_CHECK;
/* Tells the link about our own addresses on i (gratuitous ARP). */
void neighbor_advertise(struct piste *p, struct if_index i);

/* Where neighbours for interface i may be learnt from: proxy ARP ranges, inclusive, host order. */
int neighbor_proxy_range(struct piste *p, u32 table_id, u32 first, u32 last, bool add,
                         struct error *e) MUST_CHECK;
int neighbor_proxy_enable(struct piste *p, struct if_index i, bool enable,
                          struct error *e) MUST_CHECK;
bool neighbor_proxy_is_enabled(const struct piste *p, struct if_index i);

/* `set ip neighbor-config`: limit 0 keeps none new; age_s 0: for ever. */
struct neighbor_config {
    u32 limit, age_s;
    bool recycle;
};
struct neighbor_config neighbor_config(const struct piste *p);
void neighbor_set_config(struct piste *p, struct neighbor_config c);
