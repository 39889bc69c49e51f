/* The engine's life, its threads, and reclaiming of memory that data threads may still see. */
#include "engine/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <urcu-qsbr.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/tally.h"
#include "control/loop.h"
#include "control/module.h"
#include "engine/engine_internal.h"
#include "engine/probe.h"

void engine_config_default(struct engine_config *c)
{
    *c = (struct engine_config){
        .n_workers = 1,
        .thread_prefix = "vpp",
        .buffers_per_numa = 16384,
        .buffer_data_bytes = 2048,
        .buffer_page = {.kind = MEM_PAGE_DEFAULT},
        .default_rx_mode = RX_MODE_ADAPTIVE,
        .stats_interval_sec = 10.0,
        .stats_bytes = MEM_MOST(256u << 20),
        .stats_page = {.kind = MEM_PAGE_DEFAULT},
    };
    for (u32 i = 0; i < THREADS_MAX; i++)
        c->worker_cpus[i] = -1;
}

struct engine *engine_of(const struct piste *p)
{
    return p->engine;
}

struct stats *stats_of(const struct engine *e)
{
    return e->stats;
}

struct thread *engine_main_thread(struct engine *e)
{
    return e->threads[0];
}

struct thread *engine_thread(struct engine *e, u32 thread)
{
    return e->threads[thread];
}

u32 engine_n_threads(const struct engine *e)
{
    return e->n_threads;
}

/* --- deferred frees --- */

void engine_defer_free(struct engine *e, void (*fn)(void *arg), void *arg)
{
    if (!arg)
        return;
    vec_add(&e->deferred, ((struct deferred){fn, arg}));
}

void engine_synchronize(struct engine *e)
{
    if (!e->started)
        return;
    urcu_qsbr_synchronize_rcu();
    tsan_grace_period_over(e);
}

/* What was deferred before now is freed after one grace period for all of it; what a free defers in
 * its turn waits for the next. */
static void engine_reclaim(struct engine *e)
{
    u32 n = e->deferred.n;
    if (!n)
        return;
    engine_synchronize(e);
    for (u32 i = 0; i < n; i++) {
        struct deferred d = e->deferred.v[i];
        d.fn(d.arg);
    }
    e->deferred.n -= n;
    memmove(e->deferred.v, e->deferred.v + n, e->deferred.n * sizeof(e->deferred.v[0]));
}

static void engine_each_round(void *arg)
{
    struct engine *e = arg;
    tally_add(&e->threads[0]->loops, 1);
    thread_drain_events(e);
    engine_reclaim(e);
    buffer_pools_reap(e, false);
}

/* --- life --- */

static void make_threads(struct engine *e)
{
    char name[32];
    snprintf(name, sizeof(name), "%s_main", e->config.thread_prefix);
    e->threads[0] = thread_new(e, 0, name);
    for (u32 i = 0; i < e->config.n_workers; i++) {
        snprintf(name, sizeof(name), "%s_wk_%u", e->config.thread_prefix, i);
        e->threads[i + 1] = thread_new(e, i + 1, name);
        e->threads[i + 1]->cpu = e->config.worker_cpus[i];
    }
}

static int engine_make_nodes(struct engine *e, struct error *err)
{
    struct mem_page_size page = {.kind = MEM_PAGE_DEFAULT};
    int rc = mem_map_new(&e->nodes.map, "nodes", (u64)NODES_MAX * sizeof(struct node_global), page,
                         false, err);
    e->nodes.v = e->nodes.map.base;
    return rc;
}

static int make_stats(struct engine *e, struct error *err)
{
    struct stats_config c = {e->n_threads, e->config.stats_bytes, e->config.stats_page};
    e->stats = stats_new(&c, err);
    if (!e->stats)
        return -err->code;
    stats_collector_init(e);
    return 0;
}

struct engine *engine_new(struct piste *p, const struct engine_config *c, struct error *err)
{
    if (!c->n_workers || c->n_workers >= THREADS_MAX) {
        error_set(err, EINVAL, "%u workers: 1 to %u are possible", c->n_workers, THREADS_MAX - 1);
        return NULL;
    }
    struct engine *e = mem_alloc(sizeof(*e));
    e->piste = p;
    e->config = *c;
    e->n_threads = 1 + c->n_workers;
    hash_init(&e->node_by_name, NODE_NAME_BYTES);
    hash_init(&e->edge_by_ends, sizeof(struct edge_ends));
    hash_init(&e->nodes_free, sizeof(struct node_def *));
    e->error_names = mem_alloc(NODE_ERRORS_MAX * sizeof(*e->error_names));
    if (engine_make_nodes(e, err) || buffer_pools_init(e, err) || make_stats(e, err)) {
        mem_map_free(&e->nodes.map);
        hash_fini(&e->node_by_name);
        free(e->error_names);
        free(e);
        return NULL;
    }
    make_threads(e);
    node_register(e, &engine_sink_node, NULL, NULL);
    e->thread_losses = node_register(e, &engine_thread_losses_node, NULL, NULL);
    e->feature_resume = node_register(e, &engine_feature_resume_node, NULL, NULL);
    e->runtime_clear_ns = clock_ns();
    p->engine = e;
    if (p->loop)
        loop_each_round(p->loop, engine_each_round, e);
    return e;
}

int engine_start(struct engine *e, struct error *err)
{
    e->started = true;
    for (u32 i = 1; i < e->n_threads; i++) {
        int rc = thread_start(e->threads[i], err);
        if (rc) {
            engine_stop(e);
            return rc;
        }
    }
    return 0;
}

void engine_stop(struct engine *e)
{
    for (u32 i = 1; i < e->n_threads; i++)
        thread_stop(e->threads[i]);
    e->started = false;
    thread_drain_events(e);        /* while those who handle them are still there */
    forwarding_on_change(e, NULL); /* what is taken down now is no change of what nodes do */
}

void engine_free(struct engine *e)
{
    stats_server_free(e);
    stats_collector_free(e);
    for (u32 i = 1; i < e->n_threads; i++)
        thread_stop(e->threads[i]);
    e->started = false;
    while (e->deferred.n)
        engine_reclaim(e);
    feature_fini(e);
    for (u32 i = 0; i < e->n_threads; i++)
        thread_free(e->threads[i]);
    buffer_pools_reap(e, true);
    while (e->counters.n)
        counter_vec_free(e->counters.v[0]);
    vec_free(&e->counters);
    for (u32 i = 0; i < e->nodes.n; i++) {
        struct node_global *g = &e->nodes.v[i];
        for (u32 k = 0; g->next_names && k < g->def->n_next; k++)
            free(g->next_names[k]);
        free(g->next_names);
        free(g->next_nodes);
        free(g->error_stats);
        free(g->name);
    }
    mem_map_free(&e->nodes.map);
    hash_fini(&e->edge_by_ends);
    hash_fini(&e->nodes_free);
    vec_free(&e->nodes_waiting);
    vec_free(&e->deferred);
    hash_fini(&e->node_by_name);
    free(e->error_names);
    stats_free(e->stats);
    e->piste->engine = NULL;
    free(e);
}

u32 engine_round(struct engine *e, u32 thread)
{
    return thread_round(e->threads[thread]);
}

int engine_add_module(struct piste *p, const struct module *m, struct error *err)
{
    struct engine *e = p->engine;
    void *state = module_state(p, m->name);
    for (const struct node_def *const *d = m->nodes; d && *d; d++)
        node_register(e, *d, NULL, state);
    return feature_check(e, m->arcs, m->features, err);
}

void engine_node_stats(const struct engine *e, u32 thread, struct node_index n,
                       struct node_stats *out)
{
    const struct node *rt = &e->threads[thread]->nodes[n.i];
    *out = (struct node_stats){
        .calls = tally_read(&rt->calls),
        .vectors = tally_read(&rt->vectors),
        .clocks = tally_read(&rt->clocks),
        .suspends = tally_read(&rt->suspends),
        .max_clocks = tally_read(&rt->max_clocks),
        .max_clocks_vectors = tally_read(&rt->max_clocks_vectors),
    };
}
