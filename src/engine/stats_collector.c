/* What the stats segment tells of the process, its threads and nodes. These values are copied there
 * from time to time
 * (`statseg { update-interval }`), from when the first client asks for the segment: until then
 * nothing wakes up for them. */
#include "engine/stats_collector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "control/loop.h"
#include "engine/engine_internal.h"

enum {
    HEAP_TOTAL,
    HEAP_USED,
    HEAP_FREE,
    HEAP_MMAP,
    HEAP_MAX,
    HEAP_CHUNKS,
    HEAP_RELEASABLE,
    HEAP_N
};
enum { NODE_CLOCKS, NODE_VECTORS, NODE_CALLS, NODE_SUSPENDS, NODE_N };

struct pool_entries {
    u32 generation; /* of the pool that they are of; 0: there are none */
    struct stats_handle cached, used, available, failures;
};

/* Of one thread, when it was last looked at. */
struct seen {
    u64 calls, vectors, received, loops;
};

struct node_links {
    struct stats_handle link[NODE_N];
};

struct stats_collector {
    struct stats_handle heartbeat, last_clear, last_update, vector_rate, input_rate;
    struct stats_rows vector_rates, loops, segment_heap, main_heap;
    struct pool_entries pools[BUFFER_POOLS_MAX];
    struct seen seen[THREADS_MAX];
    u64 seen_ns;
    u64 n_runs;
    struct loop_timer *timer;
    /* with per-node-counters */
    bool per_node;
    struct stats_names node_names;
    struct stats_rows node_rows[NODE_N];
    VEC(struct node_links) nodes;
};

static const char *const node_counters[NODE_N] = {"clocks", "vectors", "calls", "suspends"};

/* --- entries --- */

static void add_rows(struct engine *e, const char *name, u32 n_rows, u32 columns,
                     struct stats_rows *rows)
{
    if (stats_add_rows(e->stats, STAT_SIMPLE, name, n_rows, columns, rows))
        *rows = (struct stats_rows){.handle = STATS_NO_HANDLE};
}

static void set_column(struct stats_rows *rows, u32 row, u32 column, u64 value)
{
    if (rows->first)
        __atomic_store_n((u64 *)(rows->first + row * rows->stride_bytes) + column, value,
                         __ATOMIC_RELAXED);
}

static void add_heap(struct engine *e, const char *name, struct stats_rows *rows)
{
    add_rows(e, name, 1, HEAP_N, rows);
    stats_grow_rows(rows, rows->max);
    stats_add_link(e->stats, rows->handle, HEAP_USED, "%s/used", name);
    stats_add_link(e->stats, rows->handle, HEAP_TOTAL, "%s/total", name);
    stats_add_link(e->stats, rows->handle, HEAP_FREE, "%s/free", name);
}

static void add_pool(struct engine *e, const struct buffer_pool_info *info)
{
    char name[STAT_NAME_BYTES];
    stats_path_part(info->name, name);
    e->collector->pools[info->index] = (struct pool_entries){
        info->generation,
        stats_add_gauge(e->stats, "/buffer-pools/%s/cached", name),
        stats_add_gauge(e->stats, "/buffer-pools/%s/used", name),
        stats_add_gauge(e->stats, "/buffer-pools/%s/available", name),
        stats_add_gauge(e->stats, "/buffer-pools/%s/failures", name),
    };
}

static void remove_pool(struct engine *e, struct pool_entries *p)
{
    stats_remove(e->stats, p->cached);
    stats_remove(e->stats, p->used);
    stats_remove(e->stats, p->available);
    stats_remove(e->stats, p->failures);
    p->generation = 0;
}

static void collect_pool(struct engine *e, u32 i)
{
    struct pool_entries *p = &e->collector->pools[i];
    struct buffer_pool_info info;
    buffer_pool_get_info(e, i, &info); /* generation 0: there is none any more */
    if (p->generation && p->generation != info.generation)
        remove_pool(e, p);
    if (!info.generation)
        return;
    if (!p->generation)
        add_pool(e, &info);
    stats_set(e->stats, p->cached, info.cached);
    stats_set(e->stats, p->used, info.used);
    stats_set(e->stats, p->available, info.available);
    stats_set(e->stats, p->failures, info.alloc_failures);
}

/* The first three have their places in the directory by number: clients know them. */
void stats_collector_init(struct engine *e)
{
    struct stats_collector *c = e->collector = mem_alloc(sizeof(*c));
    struct stats *s = e->stats;
    u32 threads = (u32)max_u64(2, e->n_threads);
    c->heartbeat = stats_add_scalar(s, "/sys/heartbeat");
    c->last_clear = stats_add_scalar(s, "/sys/last_stats_clear");
    stats_set(s, stats_add_scalar(s, "/sys/boottime"), (u64)time(NULL));
    add_heap(e, "/mem/stat segment", &c->segment_heap);
    c->vector_rate = stats_add_gauge(s, "/sys/vector_rate");
    add_rows(e, "/sys/vector_rate_per_worker", 1, threads, &c->vector_rates);
    add_rows(e, "/sys/loops_per_worker", 1, threads, &c->loops);
    stats_grow_rows(&c->vector_rates, c->vector_rates.max);
    stats_grow_rows(&c->loops, c->loops.max);
    collect_pool(e, BUFFER_POOL_DEFAULT);
    stats_set(s, stats_add_gauge(s, "/sys/num_worker_threads"), e->n_threads - 1);
    e->errors = counter_vec_new(e, "/node/errors", false, NODE_ERRORS_MAX);
    c->last_update = stats_add_scalar(s, "/sys/last_update");
    c->input_rate = stats_add_gauge(s, "/sys/input_rate");
    add_heap(e, "/mem/main heap", &c->main_heap);
    c->per_node = e->config.stats_per_node;
    if (!c->per_node)
        return;
    c->node_names = stats_add_names(s, "/sys/node/names", NODES_MAX);
    for (u32 k = 0; k < NODE_N; k++) {
        char name[STAT_NAME_BYTES];
        snprintf(name, sizeof(name), "/sys/node/%s", node_counters[k]);
        add_rows(e, name, e->n_threads, NODES_MAX, &c->node_rows[k]);
    }
}

void stats_collector_free(struct engine *e)
{
    struct stats_collector *c = e->collector;
    if (!c)
        return;
    if (c->timer)
        loop_timer_del(e->piste->loop, c->timer);
    vec_free(&c->nodes);
    free(c);
}

/* --- nodes --- */

/* An entry for each error counter of node i, and for each counter of the node itself. */
static const char *shown_error(const struct node_error *error, const struct node_def *def)
{
    return def->errors_by_description ? error->description : error->name;
}

void stats_node_added(struct engine *e, u32 i)
{
    struct stats_collector *c = e->collector;
    struct node_global *g = &e->nodes.v[i];
    const struct node_def *def = g->def;
    char part[STAT_NAME_BYTES];
    stats_lock(e->stats);
    g->error_stats = def->n_errors ? mem_alloc(def->n_errors * sizeof(*g->error_stats)) : NULL;
    for (u32 k = 0; k < def->n_errors; k++) {
        counter_zero(e->errors, g->error_base + k);
        g->error_stats[k] =
            stats_add_link(e->stats, counter_handle(e->errors), g->error_base + k, "/err/%s/%s",
                           g->name, shown_error(&def->errors[k], def));
    }
    while (c->per_node && c->nodes.n <= i)
        vec_add(&c->nodes, ((struct node_links){0}));
    stats_path_part(g->name, part);
    if (c->per_node)
        stats_set_name(e->stats, &c->node_names, i, g->name);
    for (u32 k = 0; c->per_node && k < NODE_N; k++) {
        stats_grow_rows(&c->node_rows[k], i + 1);
        c->nodes.v[i].link[k] = stats_add_link(e->stats, c->node_rows[k].handle, i,
                                               "/nodes/%.100s/%s", part, node_counters[k]);
    }
    stats_unlock(e->stats);
}

void stats_node_renamed(struct engine *e, u32 i)
{
    struct stats_collector *c = e->collector;
    const struct node_global *g = &e->nodes.v[i];
    char part[STAT_NAME_BYTES];
    stats_lock(e->stats);
    for (u32 k = 0; k < g->def->n_errors; k++)
        stats_rename(e->stats, g->error_stats[k], "/err/%s/%s", g->name,
                     shown_error(&g->def->errors[k], g->def));
    stats_path_part(g->name, part);
    if (c->per_node)
        stats_set_name(e->stats, &c->node_names, i, g->name);
    for (u32 k = 0; c->per_node && k < NODE_N; k++)
        stats_rename(e->stats, c->nodes.v[i].link[k], "/nodes/%.100s/%s", part, node_counters[k]);
    stats_unlock(e->stats);
}

void stats_node_deleted(struct engine *e, u32 i)
{
    struct stats_collector *c = e->collector;
    struct node_global *g = &e->nodes.v[i];
    stats_lock(e->stats);
    for (u32 k = 0; k < g->def->n_errors; k++)
        stats_remove(e->stats, g->error_stats[k]);
    free(g->error_stats);
    g->error_stats = NULL;
    if (c->per_node)
        stats_set_name(e->stats, &c->node_names, i, "deleted");
    for (u32 k = 0; c->per_node && k < NODE_N; k++)
        stats_remove(e->stats, c->nodes.v[i].link[k]);
    stats_unlock(e->stats);
}

static void collect_nodes(struct engine *e)
{
    struct stats_collector *c = e->collector;
    for (u32 t = 0; t < e->n_threads; t++)
        for (u32 i = 0; i < c->nodes.n; i++) {
            const struct node *n = &e->threads[t]->nodes[i];
            set_column(&c->node_rows[NODE_CLOCKS], t, i, tally_read(&n->clocks));
            set_column(&c->node_rows[NODE_VECTORS], t, i, tally_read(&n->vectors));
            set_column(&c->node_rows[NODE_CALLS], t, i, tally_read(&n->calls));
            set_column(&c->node_rows[NODE_SUSPENDS], t, i, tally_read(&n->suspends));
        }
}

/* --- from time to time --- */

/* What was counted since; a count that was cleared begins at 0. */
static u64 stats_collector_since(u64 now, u64 before)
{
    return now >= before ? now - before : now;
}

static struct seen look_at(const struct engine *e, u32 thread)
{
    const struct thread *t = e->threads[thread];
    struct seen now = {.loops = tally_read(&t->loops)};
    for (u32 i = 0; i < e->nodes.n; i++) {
        if (!e->nodes.v[i].name)
            continue;
        if (e->nodes.v[i].def->kind == NODE_INPUT) {
            now.received += tally_read(&t->nodes[i].vectors);
        } else if (e->nodes.v[i].def->kind == NODE_INTERNAL) {
            now.calls += tally_read(&t->nodes[i].calls);
            now.vectors += tally_read(&t->nodes[i].vectors);
        }
    }
    return now;
}

static void collect_threads(struct engine *e, double seconds)
{
    struct stats_collector *c = e->collector;
    u64 received = 0, rates = 0;
    for (u32 t = 0; t < e->n_threads; t++) {
        struct seen now = look_at(e, t), *before = &c->seen[t];
        u64 calls = stats_collector_since(now.calls, before->calls);
        u64 rate = calls ? stats_collector_since(now.vectors, before->vectors) / calls : 0;
        rates += t ? rate : 0;
        received += stats_collector_since(now.received, before->received);
        set_column(&c->vector_rates, 0, t, rate);
        set_column(&c->loops, 0, t,
                   (u64)((double)stats_collector_since(now.loops, before->loops) / seconds));
        *before = now;
    }
    stats_set(e->stats, c->vector_rate, rates / (e->n_threads - 1));
    stats_set(e->stats, c->input_rate, (u64)((double)received / seconds));
}

static void collect_pools(struct engine *e)
{
    for (u32 i = 0; i < buffer_pool_count(); i++)
        collect_pool(e, i);
}

static void collect_memory(struct engine *e)
{
    struct stats_collector *c = e->collector;
    u64 total, used, resident = mem_process_rss_bytes();
    struct rusage usage = {0};
    stats_room(e->stats, &total, &used);
    set_column(&c->segment_heap, 0, HEAP_TOTAL, total);
    set_column(&c->segment_heap, 0, HEAP_USED, used);
    set_column(&c->segment_heap, 0, HEAP_FREE, total - used);
    set_column(&c->segment_heap, 0, HEAP_MAX, total);
    /* there is no heap of a fixed size: what the process has is all used */
    getrusage(RUSAGE_SELF, &usage);
    set_column(&c->main_heap, 0, HEAP_TOTAL, resident);
    set_column(&c->main_heap, 0, HEAP_USED, resident);
    set_column(&c->main_heap, 0, HEAP_MAX, (u64)usage.ru_maxrss << 10);
}

void stats_refresh(struct engine *e)
{
    struct stats_collector *c = e->collector;
    u64 now = clock_ns(), from = c->seen_ns ? c->seen_ns : e->piste->start_ns;
    double seconds = now > from ? (double)(now - from) / 1e9 : 1e-9;
    collect_threads(e, seconds);
    collect_pools(e);
    collect_memory(e);
    if (c->per_node)
        collect_nodes(e);
    c->seen_ns = now;
    stats_set(e->stats, c->last_update, (now - e->piste->start_ns) / NS_PER_SEC);
}

static void stats_collector_collect(void *arg)
{
    struct engine *e = arg;
    stats_refresh(e);
    stats_set(e->stats, e->collector->heartbeat, ++e->collector->n_runs);
}

void stats_collect_from_now(struct engine *e)
{
    struct stats_collector *c = e->collector;
    u64 period = (u64)(e->config.stats_interval_sec * 1e9);
    if (c->timer || !e->piste->loop)
        return;
    stats_collector_collect(e);
    c->timer =
        loop_timer_add(e->piste->loop, clock_ns() + period, period, stats_collector_collect, e);
}

void stats_cleared(struct engine *e)
{
    stats_set(e->stats, e->collector->last_clear, (clock_ns() - e->piste->start_ns) / NS_PER_SEC);
}
