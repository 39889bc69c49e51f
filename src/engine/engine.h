/* The engine as a module: made with its configuration, started after all modules have made their
 * nodes. */
#pragma once

#include "base/error.h"
#include "base/mem.h"
#include "base/types.h"
#include "engine/thread.h"

struct module;
struct piste;
struct text;

extern const struct module engine_module;
extern const struct module trace_module;
extern const struct module stats_module;
extern const struct module node_module, thread_module;

struct engine_config {
    u32 n_workers;                /* data threads; at least 1 */
    int worker_cpus[THREADS_MAX]; /* to pin worker i to; -1: no pinning */
    char thread_prefix[16];       /* "vpp" */
    u32 buffers_per_numa;
    u32 buffer_data_bytes;
    struct mem_page_size buffer_page;
    enum rx_mode default_rx_mode; /* of queues whose port does not say */
    bool stats_per_node;          /* counters of each node, too */
    double stats_interval_sec;    /* of what is copied there */
    u64 stats_bytes;              /* room for the directory of the stats segment */
    struct mem_page_size stats_page;
};

void engine_config_default(struct engine_config *c);
/* Usable without the module registry, by unit tests and benchmarks. The caller has set p->loop. */
struct engine *engine_new(struct piste *p, const struct engine_config *c, struct error *e);
void engine_free(struct engine *e);
/* Registers a module's nodes, arcs and features (the registry's on_init hook). */
int engine_add_module(struct piste *p, const struct module *m, struct error *e);
/* Starts the data threads. */
int engine_start(struct engine *e, struct error *err) MUST_CHECK;
void engine_stop(struct engine *e);
/* Opens the socket of the stats segment: p->startup says where. */
int stats_listen(struct piste *p, struct error *err) MUST_CHECK;
/* Without started threads (tests, benchmarks): one round of data thread `thread`; returns packets
 * received. */
u32 engine_round(struct engine *e, u32 thread);

/* ---- for show commands ---- */

struct buffer_pool_info {
    char name[32];
    u32 index, generation; /* of the pools that have had this index */
    u32 size_bytes, data_bytes;
    u32 total, available, cached, used;
    u64 alloc_failures;
};
/* Indices are below; not all need be in use. */
u32 buffer_pool_count(void);
/* false, and all zero: there is no pool of that index now. */
bool buffer_pool_get_info(const struct engine *e, u32 pool, struct buffer_pool_info *out);
u64 buffer_pool_touched_bytes(u32 pool);

struct node_stats {
    u64 calls, vectors, clocks, suspends; /* of one thread since the last clear */
    u64 max_clocks, max_clocks_vectors;
};
void engine_node_stats(const struct engine *e, u32 thread, struct node_index n,
                       struct node_stats *out);
