/* What the files of neighbors of both protocols share.
 *
 *   data threads                                control thread
 *   arp-reply ── who said what (learn) ───────► neighbor_age.c: entries are made, refreshed, age
 *   ip4-arp, ip4-glean ── packets ────────────► hold.c: asks, holds packets, lets them go
 */
#pragma once

#include "base/hash.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "net/ip/neighbor/neighbor.h"
#include "net/ip/neighbor/neighbor_data.h"

struct interface;
struct loop_timer;

#define NEIGHBORS_MAX MEM_MOST(1u << 20)
#define NEIGHBOR_NONE UINT32_MAX
#define NEIGHBORS_DEFAULT_LIMIT 50000
#define PROBES_MAX 3                /* a second apart */
#define BURST_MAX 5                 /* requests for a new one, while packets come for it, */
#define BURST_NS (NS_PER_SEC / 100) /* and so far apart */

/* --- limits of what strangers can make us do --- */

enum {
    HELD_PER_NEIGHBOR = 8,   /* packets that wait for one answer, */
    HELD_FRAGMENTS_MAX = 48, /* and with them the rest of a datagram: 64 KiB in frames of 1500 */
    RESOLVING_MAX = 1024,    /* addresses that are asked for at a time */
};

/* --- entries --- */

/* Lists that an entry may be in, in order of the last update. */
enum neighbor_list {
    LIST_ALL,       /* of the protocol */
    LIST_INTERFACE, /* of the protocol on the interface */
    LIST_DYNAMIC,   /* of the protocol, learnt or as if */
    LIST_N
};

struct neighbor_entry {
    struct link_host host;
    u8 mac[6];
    u8 flags; /* NEIGHBOR_* */
    u8 probes;
    u32 generation; /* of the last replacing that it was said in */
    u64 updated_ns, probe_ns;
    u32 adj; /* owned reference: for packets of its own protocol */
    struct {
        u32 newer, older; /* NEIGHBOR_NONE at the ends */
    } in[LIST_N];
};

struct neighbor_ends {
    u32 newest, oldest, n;
};

/* --- addresses that are being asked for --- */

struct held_packet {
    u32 bi;
    u32 adj; /* the one that it was sent by: its pending goes down when the packet goes */
    u8 link; /* enum ip_family of the packet */
    bool glean;
};

struct resolving {
    struct link_host host;
    u64 next_ns;  /* the next request, or the end */
    u64 burst_ns; /* from then on a packet makes another request */
    u32 adj;      /* of the neighbour; owned reference */
    u8 tries, burst;
    u8 n_held;
    struct held_packet held[HELD_FRAGMENTS_MAX];
};

struct neighbor_event_hook {
    void (*fn)(struct piste *p, const struct neighbor *n, enum neighbor_event ev, void *arg);
    void *arg;
};

struct neighbors {
    struct piste *piste;
    struct fib *fib;
    const struct neighbor_protocol *protocols[IP_FAMILY_N]; /* NULL: not spoken */
    struct neighbor_config config[IP_FAMILY_N];
    struct pool entries, resolving;
    struct hash by_host, resolving_by_host;
    struct neighbor_ends all[IP_FAMILY_N], dynamic[IP_FAMILY_N];
    VEC(struct neighbor_ends) of_interface[IP_FAMILY_N];
    struct loop_timer *age_timer, *resolve_timer;
    VEC(struct neighbor_event_hook) hooks;
    u64 unasked_window_ns; /* requests for neighbours that no packet waits for: rate */
    u32 unasked;
    u32 generation;            /* counts beginnings of replacing all */
    u32 sweep_below, sweep_at; /* entries of older generations go, from this index on */
    u64 n_timed_out, n_held_dropped, n_learn_dropped, n_recycled;
};

struct neighbors *neighbors_of(const struct piste *p);
static inline struct neighbor_entry *neighbor_at(const struct neighbors *ns, u32 i)
{
    return pool_at(&ns->entries, i);
}
u32 neighbor_index(const struct neighbors *ns, const struct link_host *host);
static inline struct neighbor_ends neighbor_none(void)
{
    return (struct neighbor_ends){NEIGHBOR_NONE, NEIGHBOR_NONE, 0};
}
/* Those on an interface. */
struct neighbor_ends neighbor_ends_of(const struct neighbors *ns, enum ip_family f,
                                      struct if_index i);
void neighbor_entry_free(struct neighbors *ns, u32 n);
/* Its host route; on failure it has none. */
int neighbor_route_set(struct neighbors *ns, const struct neighbor_entry *e, struct fib_index t,
                       struct error *err) MUST_CHECK;
void neighbor_route_del(struct neighbors *ns, const struct neighbor_entry *e, struct fib_index t);

/* Sends a request; -EAFNOSUPPORT, and those of neighbor_protocol.ask. */
int neighbor_ask(struct neighbors *ns, const struct link_host *host, const u8 *mac) MUST_CHECK;

/* Those that were not said again: work that replacing leaves. */
bool neighbor_sweep_piece(void *neighbors);

/* --- neighbor_age.c --- */
/* After the settings have changed. */
void neighbor_age_schedule(struct neighbors *ns);
void neighbor_age_tick(void *arg);

/* --- hold.c --- */
/* Asks for host unless that is under way; NULL when there is no room. */
struct resolving *resolving_get(struct neighbors *ns, const struct link_host *host);
/* The neighbour is known now: what waited for it goes out. */
void resolving_answered(struct neighbors *ns, const struct link_host *host);
/* All of an interface (IF_NONE: all): what waits is dropped. */
void resolving_forget(struct neighbors *ns, struct if_index i);
/* The next packets to those of an interface ask again at once. */
void resolving_restart(struct neighbors *ns, struct if_index i);
void resolving_tick(void *arg);

/* --- for the records in neighbor_module.c --- */
int neighbor_init(struct piste *p, void **state, struct error *e);
void neighbor_stop(struct piste *p, void *state);
int neighbor_api_init(struct piste *p, void **state, struct error *e);
void neighbor_api_stop(struct piste *p, void *state);
extern const struct cli_command neighbor_commands[];
extern const struct api_handler neighbor_api_handlers[];
void neighbor_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
bool neighbor_running_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                                  struct text *t);
void neighbor_place_free(void *place);
void neighbor_tables(struct piste *p, void *state, module_table_fn *tell, void *arg);
extern const char neighbor_module_name[], neighbor_api_module_name[];
