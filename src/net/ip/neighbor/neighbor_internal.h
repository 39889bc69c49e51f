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
#define PROBES_MAX 3                /* neighbor_ask_ns apart */
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
    u64 stamp; /* of the last update */
    u64 updated_ns, probe_ns;
    u32 adj;                /* owned reference: for packets of its own protocol */
    struct fib_index table; /* that its host route was put into; FIB_NONE: it has none */
    struct {
        u32 newer, older; /* NEIGHBOR_NONE at the ends */
    } in[LIST_N];
};

struct neighbor_ends {
    u32 newest, oldest, n;
};

/* --- what befalls many entries at once: neighbor_sweep.c --- */

/* An entry that one of these takes away is gone as soon as that begins: it is not found, neither
 * shown nor in the way of a new one. What is left of it goes in pieces. */
enum neighbor_sweep_kind {
    SWEEP_REMOVE,
    SWEEP_MOVE, /* host routes to another table */
};

struct neighbor_sweep {
    enum neighbor_sweep_kind kind;
    struct if_index interface; /* IF_NONE: all */
    struct ip_prefix within;   /* their addresses; of no length: all of its protocol */
    bool with_static;          /* REMOVE: else dynamic ones only */
    bool of_link;              /* MOVE: those in a link's own table, or the others */
    struct fib_index to;       /* MOVE; FIB_NONE: to none */
    u64 before;                /* entries that were updated since are not meant: their stamps */
    u32 next;                  /* the first that was not looked at, in order of updates */
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
    u64 stamp; /* counts updates */
    VEC(struct neighbor_sweep) sweeps;
    VEC(u32) routes_in[IP_FAMILY_N]; /* by table: host routes there; there are some: it is locked */
    u64 unasked_window_ns;           /* requests for neighbours that no packet waits for: rate */
    u32 unasked;
    u64 replace_stamp; /* what is not updated since goes when replacing all ends */
    u64 n_timed_out, n_held_dropped, n_learn_dropped, n_recycled;
};

struct neighbors *neighbors_of(const struct piste *p);
static inline struct neighbor_entry *neighbor_at(const struct neighbors *ns, u32 i)
{
    return pool_at(&ns->entries, i);
}
/* NEIGHBOR_NONE: there is none, or it is gone. */
u32 neighbor_index(const struct neighbors *ns, const struct link_host *host);
static inline struct neighbor_ends neighbor_none(void)
{
    return (struct neighbor_ends){NEIGHBOR_NONE, NEIGHBOR_NONE, 0};
}
/* Those on an interface. */
struct neighbor_ends neighbor_ends_of(const struct neighbors *ns, enum ip_family f,
                                      struct if_index i);
void neighbor_entry_free(struct neighbors *ns, u32 n);
/* Its host route in table t, and in no other (FIB_NONE: in none); on failure it has none. */
int neighbor_route_set(struct neighbors *ns, struct neighbor_entry *e, struct fib_index t,
                       struct error *err) MUST_CHECK;
/* A link's own address: its host route is in the link's own table. */
bool neighbor_is_of_link(const struct neighbor_entry *e);

/* Sends a request; -EAFNOSUPPORT, and those of neighbor_protocol.ask. */
int neighbor_ask(struct neighbors *ns, const struct link_host *host, const u8 *mac) MUST_CHECK;
/* How long to wait before the next: a second, unless routers of the link say otherwise. */
u64 neighbor_ask_ns(const struct link_host *host);

/* --- neighbor_sweep.c --- */
/* Begins a sweep over what there is now (before 0), or what was not updated since stamp `before`:
 * the first entries at once, the others are work of the loop. */
void neighbor_sweep(struct neighbors *ns, struct neighbor_sweep s);
bool neighbor_sweep_piece(void *neighbors);
/* Removes those of a protocol, of an interface or all (IF_NONE). */
void neighbor_sweep_remove(struct neighbors *ns, enum ip_family f, struct if_index i,
                           bool with_static);
/* Takes the host routes of an interface to another table: those in its own (of_link) or the others.
 */
void neighbor_sweep_move(struct neighbors *ns, enum ip_family f, struct if_index i, bool of_link,
                         struct fib_index to);
/* Removes what is left of the entries of an interface that was deleted, at once. */
void neighbor_sweep_finish(struct neighbors *ns, struct if_index i);
/* Nobody is moved any more on an interface that goes. */
void neighbor_sweep_forget_moves(struct neighbors *ns, struct if_index i);
bool neighbor_is_gone(const struct neighbors *ns, const struct neighbor_entry *e);
/* Entry n leaves its place in a list. */
void neighbor_sweep_skip(struct neighbors *ns, u32 n, enum neighbor_list which);

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
extern const struct cli_command neighbor_commands[], neighbor_api_commands[];
extern const struct api_handler neighbor_api_handlers[];
void neighbor_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
bool neighbor_running_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                                  struct text *t);
void neighbor_place_free(void *place);
void neighbor_tables(struct piste *p, void *state, module_table_fn *tell, void *arg);
extern const char neighbor_module_name[], neighbor_api_module_name[];
