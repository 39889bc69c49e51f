/* What the files of mfib/ share. */
#pragma once

#include "base/ordset.h"
#include "base/pool.h"
#include "control/api.h"
#include "control/cli.h"
#include "control/module.h"
#include "net/ip/mfib/mfib.h"

/* What waits for a client to ask for it: a packet's route, where it came from, and how it begins.
 */
struct mfib_signal {
    struct mfib_signal *next;
    struct mfib_key route;
    struct if_index interface;
    u32 n_bytes; /* 0: the packet was not to be kept */
    u8 bytes[MFIB_SIGNAL_BYTES];
};
#define MFIB_SIGNALS_MAX MEM_MOST(4096u)

/* What a source says: replaced whole. */
struct mfib_src {
    struct mfib_src *next;
    enum fib_source source;
    bool stale; /* the source replaces what it said */
    u32 flags, rpf_id, n_paths;
    struct mfib_path paths[];
};

/* A route that all tables of a protocol have. */
struct mfib_fixed {
    struct ip_prefix group;
    enum fib_source source;
    struct mfib_forwarding forwarding;
};

struct mfib_lens_count {
    u32 len, n;
};

/* How many routes a table has of each length. */
struct mfib_table {
    VEC(struct mfib_lens_count) lens;
};

struct mfib {
    struct mfib_data data; /* first: what the nodes see */
    struct piste *piste;
    struct pool routes;
    struct mem_map lens_map, tables_map;
    struct mfib_table *tables; /* by table */
    struct ordset order;
    struct mfib_signal *signals, **signals_end; /* the oldest first */
    u32 n_signals;
};

extern const char mfib_module_name[];
int mfib_init(struct piste *p, void **state, struct error *e);
void mfib_stop(struct piste *p, void *state);
extern const struct node_def *const mfib_nodes[];
extern const struct node_def mfib_replicate_nodes[IP_FAMILY_N];
extern const struct cli_command mfib_commands[];
extern const char *const mfib_words[]; /* what `ip mroute' takes beside those of `ip route' */
bool mfib_running_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                              struct text *t);
extern const struct api_handler mfib_handlers[];
/* A route that is not on its way out, from `from` on; POOL_NONE: no more. */
u32 mfib_pool_next(const struct mfib *m, u32 from);

/* --- mfib_signal.c --- */
/* The oldest signal whose route and interface are still there; NULL: none. Until signals change. */
const struct mfib_signal *mfib_signal_first(struct mfib *m);
/* The oldest is done with: the next packet is signalled again. */
void mfib_signal_done(struct mfib *m);
void mfib_signals_free(struct mfib *m);
/* From data threads: about is a struct mfib_signalled. */
void mfib_on_signal(struct piste *p, const void *about);
void mfib_on_signal_packet(struct piste *p, u32 bi, const void *about);
