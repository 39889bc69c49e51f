/* What the files of neighbor/ share.
 *
 *   data threads                                control thread
 *   arp-reply ── who said what (arp_learn) ───► neighbor.c: entries, ageing
 *   ip4-arp, ip4-glean ── packets ────────────► hold.c: asks, holds packets, lets them go
 */
#pragma once

#include "base/hash.h"
#include "base/pool.h"
#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "engine/counter.h"
#include "engine/node.h"
#include "net/ip/fib/fib.h"
#include "net/ip/fib/fib_data.h"
#include "net/ip/neighbor/neighbor_data.h"
#include "net/packet/arp_packet.h"
#include "net/ip/neighbor/neighbor.h"

struct loop_timer;
struct interface;
struct ip4_prefix;

#define NEIGHBORS_MAX (1u << 20)
#define NEIGHBOR_NONE UINT32_MAX
#define PROBES_MAX 3

/* --- limits of what strangers can make us do --- */

enum {
    PENDING_PER_ADJ = 64,    /* packets handed over for one adjacency */
    PENDING_MAX = 2048,      /* and for all */
    HELD_PER_NEIGHBOR = 8,   /* packets that wait for one answer, */
    HELD_FRAGMENTS_MAX = 48, /* and with them the rest of a datagram: 64 KiB in frames of 1500 */
    RESOLVING_MAX = 1024,    /* addresses that are asked for at a time */
    LEARN_PER_SECOND = 2000, /* ARP packets that the control thread looks at, per data thread */
};

/* --- entries --- */

struct neighbor_key {
    struct if_index interface;
    be32 addr;
};

struct neighbor_entry {
    struct neighbor_key key;
    u8 mac[6];
    u8 flags; /* NEIGHBOR_* */
    u8 probes;
    bool stale; /* while all are replaced */
    u64 updated_ns, probe_ns;
    u32 adj;          /* owned reference */
    u32 newer, older; /* by updated_ns; NEIGHBOR_NONE at the ends */
};

/* --- addresses that are being asked for --- */

struct held_packet {
    u32 bi;
    u32 adj; /* the one that it was sent by: its pending goes down when the packet goes */
    bool glean;
};

struct resolving {
    struct neighbor_key key;
    u64 next_ns;
    u32 adj; /* of the neighbour; owned reference */
    u8 tries;
    u8 n_held;
    struct held_packet held[HELD_FRAGMENTS_MAX];
};

struct neighbor_event_hook {
    void (*fn)(struct piste *p, const struct neighbor *n, enum neighbor_event ev, void *arg);
    void *arg;
};

/* Ranges that proxy ARP answers for; published as one piece. */
struct proxy_range {
    u32 fib, first, last; /* host order, inclusive */
};
struct proxy_ranges {
    u32 n;
    struct proxy_range v[];
};

struct neighbors {
    struct piste *piste;
    struct fib *fib;
    struct pool entries, resolving;
    struct hash by_key, resolving_by_key;
    u32 newest, oldest;
    u32 n_dynamic;
    struct neighbor_config config;
    struct loop_timer *age_timer, *resolve_timer;
    VEC(struct neighbor_event_hook) hooks;
    struct proxy_ranges *ranges; /* owned; arp_proxy_ranges is the same */
    u64 unasked_window_ns;       /* requests for neighbours that no packet waits for: rate */
    u32 unasked;
    struct node_index arp_node, glean_node;
    u64 n_timed_out, n_held_dropped, n_learn_dropped, n_recycled;
};

struct neighbors *neighbors_of(const struct piste *p);
static inline struct neighbor_entry *neighbor_at(const struct neighbors *ns, u32 i)
{
    return pool_at(&ns->entries, i);
}
u32 neighbor_index(const struct neighbors *ns, struct if_index i, be32 addr);

/* --- neighbor.c --- */
void neighbor_age_tick(void *arg);

/* --- hold.c --- */
/* Asks for key unless that is under way; NULL when there is no room. */
struct resolving *resolving_get(struct neighbors *ns, struct neighbor_key key);
/* The neighbour is known now: what waited for it goes out. */
void resolving_answered(struct neighbors *ns, struct neighbor_key key);
/* All of an interface (IF_NONE: all): what waits is dropped. */
void resolving_forget(struct neighbors *ns, struct if_index i);
void resolving_tick(void *arg);

/* --- arp.c --- */
/* Sends a request from i for addr, to mac or (NULL) to everybody. -ENOBUFS, -ENETUNREACH,
 * -EADDRNOTAVAIL. */
int arp_send_request(struct piste *p, struct if_index i, be32 addr, const u8 *mac) MUST_CHECK;
void arp_send_gratuitous(struct piste *p, struct if_index i, be32 addr);

/* --- for the records in neighbor_module.c --- */
int neighbor_init(struct piste *p, void **state, struct error *e);
void neighbor_stop(struct piste *p, void *state);
int neighbor_api_init(struct piste *p, void **state, struct error *e);
void neighbor_api_stop(struct piste *p, void *state);
extern const struct cli_command neighbor_commands[];
extern const struct api_handler neighbor_api_handlers[];
void neighbor_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
extern const char neighbor_module_name[], neighbor_api_module_name[];
