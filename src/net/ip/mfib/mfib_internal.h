/* What the files of mfib/ share. */
#pragma once

#include "base/ordset.h"
#include "base/pool.h"
#include "control/api.h"
#include "control/cli.h"
#include "control/module.h"
#include "net/ip/mfib/mfib.h"

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
