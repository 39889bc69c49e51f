/* Commands about nodes, threads, buffers and counters. Columns are VPP's. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/cli.h"
#include "control/module.h"
#include "engine/engine_internal.h"

/* --- <node> values --- */

int engine_node_parse(struct piste *p, const char **text, struct cli_value *v, struct error *err)
{
    size_t n = strcspn(*text, " \t\r\n");
    char name[64];
    struct node_index index;
    if (!n || n >= sizeof(name))
        return -ENOENT;
    memcpy(name, *text, n);
    name[n] = 0;
    if (!node_find(engine_of(p), name, &index))
        return -ENOENT;
    *text += n;
    v->u = index.i;
    return 0;
}

void engine_node_complete(struct piste *p, const char *prefix,
                          void (*add)(void *arg, const char *word), void *arg)
{
    struct engine *e = engine_of(p);
    for (u32 i = 0; i < e->nodes.n; i++)
        if (e->nodes.v[i].name && !strncmp(e->nodes.v[i].name, prefix, strlen(prefix)))
            add(arg, e->nodes.v[i].name);
}

const struct cli_type engine_types[] = {
    {"node", "unknown node", engine_node_parse, engine_node_complete},
    {0},
};

/* --- show runtime --- */

static int by_node_name(const void *x, const void *y, void *unused)
{
    const struct node_global *a = *(const struct node_global *const *)x,
                             *b = *(const struct node_global *const *)y;
    return strcmp(a->name, b->name);
}

static int compare_nodes(const void *x, const void *y)
{
    return by_node_name(x, y, NULL);
}

/* Nodes in use, sorted by name; the caller frees. */
static struct node_global **nodes_sorted(struct engine *e, u32 *n)
{
    struct node_global **list = mem_alloc((e->nodes.n + 1) * sizeof(*list));
    *n = 0;
    for (u32 i = 0; i < e->nodes.n; i++)
        if (e->nodes.v[i].name)
            list[(*n)++] = &e->nodes.v[i];
    qsort(list, *n, sizeof(*list), compare_nodes);
    return list;
}

static u32 node_number(struct engine *e, const struct node_global *g)
{
    return (u32)(g - e->nodes.v);
}

static const char *node_state_text(struct thread *t, u32 node, const struct node_def *def)
{
    if (def->kind != NODE_INPUT)
        return def->kind == NODE_TIMER ? "any wait" : "active";
    bool any = false;
    for (u32 i = 0; i < t->queues.n; i++) {
        const struct rx_queue *q = t->queues.v[i];
        if (q->node.i != node || !q->enabled)
            continue;
        if (q->mode == RX_MODE_POLLING)
            return "polling";
        any = true;
    }
    return any ? "interrupt wait" : "disabled";
}

struct runtime_view {
    bool verbose, max, time, summary;
    u32 only; /* node, or UINT32_MAX */
};

struct rates {
    u64 in, out, drop, punt;
};

static struct rates thread_rates(struct engine *e, struct thread *t)
{
    struct rates r = {0};
    for (u32 i = 0; i < e->nodes.n; i++) {
        const struct node_global *g = &e->nodes.v[i];
        if (!g->name)
            continue;
        size_t len = strlen(g->name);
        u64 vectors = tally_read(&t->nodes[i].vectors);
        if (g->def->kind == NODE_INPUT)
            r.in += vectors;
        else if (len > 3 && !strcmp(g->name + len - 3, "-tx"))
            r.out += vectors;
        else if (!strcmp(g->name, "error-drop"))
            r.drop += vectors;
        else if (!strcmp(g->name, "error-punt"))
            r.punt += vectors;
    }
    return r;
}

static void runtime_row(struct out *o, struct thread *t, const struct node_global *g, u32 node,
                        const struct runtime_view *view)
{
    struct node_stats n;
    engine_node_stats(t->engine, t->index, (struct node_index){node}, &n);
    double scale = view->time ? 1e9 / clock_cycles_per_sec() : 1;
    u64 per = n.vectors ? n.vectors : n.calls ? n.calls : n.suspends;
    double clocks = per ? (double)n.clocks / (double)per * scale : 0;
    double ratio = n.calls ? (double)n.vectors / (double)n.calls : 0;
    out_cell(o, "%s", g->name);
    if (view->max) {
        double max_each =
            n.max_clocks_vectors ? (double)n.max_clocks / (double)n.max_clocks_vectors : 0;
        out_cell_sci(o, (double)n.max_clocks * scale, 2);
        out_cell_u64(o, n.max_clocks_vectors);
        out_cell_sci(o, max_each * scale, 2);
        out_cell_sci(o, clocks, 2);
        out_cell_f64(o, ratio, 2);
        return;
    }
    out_cell(o, "%s", node_state_text(t, node, g->def));
    out_cell_u64(o, n.calls);
    out_cell_u64(o, n.vectors);
    out_cell_u64(o, n.suspends);
    out_cell_sci(o, clocks, 2);
    out_cell_f64(o, ratio, 2);
}

static void runtime_table(struct out *o, struct engine *e, struct thread *t,
                          const struct runtime_view *view)
{
    struct out_column plain[] = {
        {"Name", "name", 30, OUT_CENTER, OUT_LEFT},
        {"State", "state", 12, OUT_CENTER, OUT_CENTER},
        {"Calls", "calls", 16, OUT_CENTER, OUT_RIGHT},
        {"Vectors", "vectors", 16, OUT_CENTER, OUT_RIGHT},
        {"Suspends", "suspends", 16, OUT_CENTER, OUT_RIGHT},
        {view->time ? "Packet-Time" : "Packet-Clocks", view->time ? "packet_ns" : "packet_clocks",
         16, OUT_CENTER, OUT_RIGHT},
        {"Vectors/Call", "vectors_per_call", 16, OUT_CENTER, OUT_RIGHT},
    };
    struct out_column max[] = {
        {"Name", "name", 30, OUT_CENTER, OUT_LEFT},
        {view->time ? "Max Node Time" : "Max Node Clocks", "max_node_clocks", 17, OUT_CENTER,
         OUT_RIGHT},
        {"Vectors at Max", "vectors_at_max", 16, OUT_CENTER, OUT_RIGHT},
        {view->time ? "Max Time (ns)" : "Max Clocks", "max_clocks", 16, OUT_CENTER, OUT_RIGHT},
        {view->time ? "Avg Time (ns)" : "Avg Clocks", "avg_clocks", 16, OUT_CENTER, OUT_RIGHT},
        {"Avg Vectors/Call", "vectors_per_call", 16, OUT_CENTER, OUT_RIGHT},
    };
    u32 n;
    struct node_global **list = nodes_sorted(e, &n);
    out_table(o, "nodes", view->max ? max : plain, view->max ? array_len(max) : array_len(plain));
    for (u32 i = 0; i < n; i++) {
        u32 node = node_number(e, list[i]);
        const struct node *rt = &t->nodes[node];
        if (view->only != UINT32_MAX
                ? node == view->only
                : view->verbose || tally_read(&rt->calls) || tally_read(&rt->suspends))
            runtime_row(o, t, list[i], node, view);
    }
    out_table_end(o);
    free(list);
}

static void rate_text(struct out *o, const char *key, const char *before, u64 packets,
                      double seconds)
{
    struct text s = {0};
    double rate = seconds > 0 ? (double)packets / seconds : 0;
    text_sci(&s, rate, 4);
    out_text(o, "%s%s", before, text_str(&s));
    out_f64(o, key, rate, NULL);
    text_free(&s);
}

static void thread_banner(struct out *o, struct engine *e, struct thread *t)
{
    if (e->n_threads == 1)
        return;
    if (t->index)
        out_text(o, "---------------\n");
    out_text(o, "Thread %u %s", t->index, t->name);
    if (t->cpu >= 0)
        out_text(o, " (lcore %d)", t->cpu);
    out_text(o, "\n");
}

static int show_runtime(struct cli_call *c)
{
    struct engine *e = engine_of(c->piste);
    struct runtime_view view = {
        .verbose = cli_has(c, "verbose"),
        .max = cli_has(c, "max"),
        .time = cli_has(c, "time"),
        .summary = cli_has(c, "summary"),
        .only = (u32)cli_u64(c, "node", UINT32_MAX),
    };
    double seconds = (double)(clock_ns() - e->runtime_clear_ns) / 1e9;
    out_array(c->out, "threads");
    for (u32 i = 0; i < e->n_threads; i++) {
        struct thread *t = e->threads[i];
        struct rates r = thread_rates(e, t);
        u64 calls = 0, vectors = 0;
        for (u32 k = 0; k < e->nodes.n; k++) {
            const struct node_global *g = &e->nodes.v[k];
            if (!g->name || g->def->kind != NODE_INTERNAL)
                continue;
            calls += tally_read(&t->nodes[k].calls);
            vectors += tally_read(&t->nodes[k].vectors);
        }
        out_object(c->out, NULL);
        out_str(c->out, "thread", t->name, NULL);
        thread_banner(c->out, e, t);
        char sec[32];
        snprintf(sec, sizeof(sec), "%.1f", seconds);
        u64 loops = tally_read(&t->loops);
        out_text(c->out, "Time %s, %f sec internal node vector rate %.2f loops/sec %.2f\n",
                 *sec == '0' ? sec + 1 : sec, e->config.stats_interval_sec,
                 calls ? (double)vectors / (double)calls : 0,
                 seconds > 0 ? (double)loops / seconds : 0);
        out_f64(c->out, "seconds", seconds, NULL);
        out_u64(c->out, "loops", loops, NULL);
        out_u64(c->out, "sleeps", tally_read(&t->sleeps), NULL);
        rate_text(c->out, "rate_in", "  vector rates in ", r.in, seconds);
        rate_text(c->out, "rate_out", ", out ", r.out, seconds);
        rate_text(c->out, "rate_drop", ", drop ", r.drop, seconds);
        rate_text(c->out, "rate_punt", ", punt ", r.punt, seconds);
        out_text(c->out, "\n");
        if (!view.summary)
            runtime_table(c->out, e, t, &view);
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

static void zero_runtime(struct thread *t, void *arg)
{
    u32 n = *(u32 *)arg;
    for (u32 i = 0; i < n; i++)
        node_clear_stats(&t->nodes[i]);
    tally_set(&t->loops, 0);
    tally_set(&t->sleeps, 0);
}

static int clear_runtime(struct cli_call *c)
{
    struct engine *e = engine_of(c->piste);
    for (u32 i = 0; i < e->n_threads; i++)
        thread_call(e->threads[i], zero_runtime, &e->nodes.n);
    e->runtime_clear_ns = clock_ns();
    stats_cleared(e);
    return 0;
}

/* --- show errors --- */

static const char *const severities[] = {"info", "warn", "error"};

static void errors_of_thread(struct out *o, struct engine *e, struct thread *t, bool index,
                             bool zero, u64 *total)
{
    for (u32 i = 0; i < e->n_errors; i++) {
        u64 count = tally_read(&t->errors[i]) - t->errors_shown[i];
        if (total && count)
            total[i] += count;
        if (!count && !zero)
            continue;
        out_cell_u64(o, count);
        out_cell(o, "%s", node_name(e, (struct node_index){e->error_names[i].node}));
        out_cell(o, "%s", e->error_names[i].def->description);
        out_cell(o, "%s", severities[e->error_names[i].def->severity]);
        if (index)
            out_cell_u64(o, i);
    }
}

static void errors_total(struct out *o, struct engine *e, const u64 *total)
{
    static const struct out_column cols[] = {
        {NULL, "count", 10, OUT_LEFT, OUT_RIGHT},
        {NULL, "node", 40, OUT_LEFT, OUT_CENTER},
        {NULL, "reason", 20, OUT_LEFT, OUT_CENTER},
        {NULL, "index", 10, OUT_LEFT, OUT_CENTER},
    };
    out_text(o, "Total:\n");
    out_table(o, "total", cols, array_len(cols));
    for (u32 i = 0; i < e->n_errors; i++) {
        if (!total[i])
            continue;
        out_cell_u64(o, total[i]);
        out_cell(o, "%s", node_name(e, (struct node_index){e->error_names[i].node}));
        out_cell(o, "%s", e->error_names[i].def->description);
        out_cell_u64(o, i);
    }
    out_table_end(o);
}

static int show_errors(struct cli_call *c)
{
    struct engine *e = engine_of(c->piste);
    static const struct out_column cols[] = {
        {"Count", "count", 10, OUT_CENTER, OUT_RIGHT},
        {"Node", "node", 35, OUT_CENTER, OUT_CENTER},
        {"Reason", "reason", 35, OUT_CENTER, OUT_CENTER},
        {"Severity", "severity", 10, OUT_CENTER, OUT_CENTER},
        {"Index", "index", 6, OUT_CENTER, OUT_CENTER},
    };
    bool verbose = cli_has(c, "verbose"), zero = cli_u64(c, "level", 1) > 1;
    u64 *total = verbose ? mem_alloc((e->n_errors + 1) * sizeof(u64)) : NULL;
    if (verbose) {
        struct out_column no_title[array_len(cols)];
        memcpy(no_title, cols, sizeof(cols));
        for (u32 i = 0; i < array_len(cols); i++)
            no_title[i].title = NULL;
        out_table(c->out, NULL, cols, array_len(cols)); /* the title line */
        out_table_end(c->out);
        for (u32 i = 0; i < e->n_threads; i++) {
            out_text(c->out, "Thread %u (%s):\n", i, e->threads[i]->name);
            out_table(c->out, e->threads[i]->name, no_title, array_len(cols));
            errors_of_thread(c->out, e, e->threads[i], true, zero, total);
            out_table_end(c->out);
        }
        errors_total(c->out, e, total);
        free(total);
        return 0;
    }
    out_table(c->out, "errors", cols, array_len(cols) - 1);
    for (u32 i = 0; i < e->n_threads; i++)
        errors_of_thread(c->out, e, e->threads[i], false, false, NULL);
    out_table_end(c->out);
    return 0;
}

static int clear_errors(struct cli_call *c)
{
    struct engine *e = engine_of(c->piste);
    for (u32 i = 0; i < e->n_threads; i++)
        for (u32 k = 0; k < e->n_errors; k++)
            if (tally_read(&e->threads[i]->errors[k]))
                e->threads[i]->errors_shown[k] = tally_read(&e->threads[i]->errors[k]);
    return 0;
}

/* --- show buffers, show threads --- */

static int show_buffers(struct cli_call *c)
{
    static const struct out_column cols[] = {
        {"Pool Name", "name", 20, OUT_LEFT, OUT_LEFT},
        {"Index", "index", 6, OUT_CENTER, OUT_CENTER},
        {"NUMA", "numa", 6, OUT_CENTER, OUT_CENTER},
        {"Size", "size", 6, OUT_CENTER, OUT_CENTER},
        {"Data Size", "data_size", 11, OUT_CENTER, OUT_CENTER},
        {"Total", "total", 7, OUT_CENTER, OUT_CENTER},
        {"Avail", "avail", 7, OUT_CENTER, OUT_CENTER},
        {"Cached", "cached", 8, OUT_CENTER, OUT_CENTER},
        {"Used", "used", 8, OUT_CENTER, OUT_CENTER},
        {"Touched", "touched_bytes", 10, OUT_CENTER, OUT_CENTER},
        {"Failures", "alloc_failures", 10, OUT_CENTER, OUT_CENTER},
    };
    /* the last two columns are ours: in the text they would surprise scripts that know VPP's */
    bool all = cli_has(c, "verbose") || out_format(c->out) == OUT_JSON;
    out_table(c->out, "pools", cols, (u32)array_len(cols) - (all ? 0 : 2));
    for (u32 i = 0; i < buffer_pool_count(); i++) {
        struct buffer_pool_info p;
        if (!buffer_pool_get_info(engine_of(c->piste), i, &p))
            continue;
        out_cell(c->out, "%s", p.name);
        out_cell_u64(c->out, p.index);
        out_cell_u64(c->out, 0);
        out_cell_u64(c->out, p.size_bytes + sizeof(struct buffer));
        out_cell_u64(c->out, p.data_bytes);
        out_cell_u64(c->out, p.total);
        out_cell_u64(c->out, p.available);
        out_cell_u64(c->out, p.cached);
        out_cell_u64(c->out, p.used);
        if (!all)
            continue;
        out_cell_u64(c->out, buffer_pool_touched_bytes(i));
        out_cell_u64(c->out, p.alloc_failures);
    }
    out_table_end(c->out);
    return 0;
}

int thread_lwp(const struct thread *t)
{
    return t->index ? __atomic_load_n(&t->lwp, __ATOMIC_RELAXED) : (int)getpid();
}

static void engine_cli_topology(int cpu, int *core, int *package)
{
    char path[96];
    const char *files[] = {"core_id", "physical_package_id"};
    int *values[] = {core, package};
    for (u32 i = 0; i < 2; i++) {
        *values[i] = 0;
        snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/topology/%s", cpu, files[i]);
        FILE *f = fopen(path, "re");
        if (!f)
            continue;
        if (fscanf(f, "%d", values[i]) != 1)
            *values[i] = 0;
        fclose(f);
    }
}

static const char *policy_name(int policy)
{
    switch (policy) {
    case SCHED_FIFO:
        return "fifo";
    case SCHED_RR:
        return "rr";
    case SCHED_BATCH:
        return "batch";
    case SCHED_IDLE:
        return "idle";
    default:
        return "other";
    }
}

int thread_main_core(const struct piste *p)
{
    return p->startup ? p->startup->cpu.main_core : -1;
}

static int show_threads(struct cli_call *c)
{
    struct engine *e = engine_of(c->piste);
    static const struct out_column cols[] = {
        {"ID", "id", 7, OUT_LEFT, OUT_LEFT},
        {"Name", "name", 20, OUT_LEFT, OUT_LEFT},
        {"Type", "type", 12, OUT_LEFT, OUT_LEFT},
        {"LWP", "lwp", 8, OUT_LEFT, OUT_LEFT},
        {"Sched Policy (Priority)", "sched", 25, OUT_LEFT, OUT_LEFT},
        {"lcore", "lcore", 7, OUT_LEFT, OUT_LEFT},
        {"Core", "core", 7, OUT_LEFT, OUT_LEFT},
        {"Socket State", "socket", 17, OUT_LEFT, OUT_LEFT},
    };
    out_table(c->out, "threads", cols, array_len(cols));
    for (u32 i = 0; i < e->n_threads; i++) {
        struct thread *t = e->threads[i];
        struct sched_param param = {0};
        int lwp = thread_lwp(t), policy = sched_getscheduler(lwp), core, package,
            cpu = i ? t->cpu : thread_main_core(c->piste);
        sched_getparam(lwp, &param);
        out_cell_u64(c->out, i);
        out_cell(c->out, "%s", t->name);
        out_cell(c->out, "%s", i ? "workers" : "");
        out_cell(c->out, "%d", lwp);
        out_cell(c->out, "%s (%d)", policy_name(policy), param.sched_priority);
        if (cpu >= 0) {
            engine_cli_topology(cpu, &core, &package);
            out_cell(c->out, "%d", cpu);
            out_cell(c->out, "%d", core);
            out_cell(c->out, "%d", package);
        } else {
            for (u32 k = 0; k < 3; k++)
                out_cell(c->out, "%s", "");
        }
    }
    out_table_end(c->out);
    return 0;
}

/* --- show node --- */

static void show_variants(struct out *o, const struct node_global *g)
{
    static const struct out_column cols[] = {
        {NULL, NULL, 4, OUT_LEFT, OUT_LEFT},
        {"Name", "name", 17, OUT_LEFT, OUT_LEFT},
        {"Priority", "priority", 8, OUT_LEFT, OUT_RIGHT},
        {"Active", "active", 10, OUT_CENTER, OUT_CENTER},
        {"Description", "description", 0, OUT_LEFT, OUT_LEFT},
    };
    u32 n = 0;
    for (u32 l = 0; l < CPU_LEVEL_N; l++)
        n += g->def->run[l] != NULL;
    out_text(o, "  node function variants:\n");
    if (n == 1) {
        out_text(o, "    default only\n");
        return;
    }
    out_table(o, "variants", cols, array_len(cols));
    for (int l = CPU_LEVEL_N - 1; l >= 0; l--) {
        if (!g->def->run[l])
            continue;
        out_cell(o, "%s", "");
        out_cell(o, "%s", cpu_level_name((enum cpu_level)l));
        out_cell_i64(o, cpu_level_runs((enum cpu_level)l) ? l * 15 : -1);
        out_cell(o, "%s", (int)g->level == l ? "yes" : "");
        out_cell(o, "%s", cpu_level_description((enum cpu_level)l));
    }
    out_table_end(o);
}

static u64 edge_vectors(struct engine *e, u32 node, u32 edge)
{
    u64 sum = 0;
    for (u32 t = 0; t < e->n_threads; t++)
        sum += e->threads[t]->nodes[node].next_vectors
                   ? tally_read(&e->threads[t]->nodes[node].next_vectors[edge])
                   : 0;
    return sum;
}

static void show_edges(struct out *o, struct engine *e, u32 node)
{
    const struct node_global *g = &e->nodes.v[node];
    if (!g->n_next)
        return;
    out_text(o, "\n  next nodes:\n"
                "    next-index  node-index               Node               Vectors\n");
    out_array(o, "next_nodes");
    for (u32 k = 0; k < g->n_next; k++) {
        const char *name = node_name(e, (struct node_index){g->next_nodes[k]});
        u64 vectors = edge_vectors(e, node, k);
        char text[24];
        out_object(o, NULL);
        out_u64(o, "next_index", k, "%10" PRIu64 "    ");
        out_u64(o, "node_index", g->next_nodes[k], NULL);
        snprintf(text, sizeof(text), "%u", g->next_nodes[k]);
        out_aligned(o, text, 14, OUT_CENTER);
        out_str(o, "node", name, NULL);
        out_aligned(o, name, 30, OUT_CENTER);
        out_u64(o, "vectors", vectors, NULL);
        snprintf(text, sizeof(text), "%" PRIu64, vectors);
        out_text(o, " ");
        out_aligned(o, text, 8, OUT_CENTER);
        out_text(o, "\n");
        out_end(o);
    }
    out_end(o);
}

static void show_previous(struct out *o, struct engine *e, u32 node)
{
    static const struct out_column cols[] = {{NULL, "name", 35, OUT_LEFT, OUT_LEFT},
                                             {NULL, "name2", 35, OUT_LEFT, OUT_LEFT},
                                             {NULL, "name3", 35, OUT_LEFT, OUT_LEFT}};
    bool any = false;
    u32 column = 0;
    out_array(o, "previous_nodes");
    for (u32 i = 0; i < e->nodes.n; i++) {
        const struct node_global *g = &e->nodes.v[i];
        bool leads = false;
        for (u32 k = 0; g->name && k < g->n_next && !leads; k++)
            leads = g->next_nodes[k] == node;
        if (!leads)
            continue;
        if (!any)
            out_text(o, "\n  known previous nodes:\n");
        any = true;
        char text[64];
        snprintf(text, sizeof(text), "%s (%u)", g->name, i);
        out_text(o, "%s%-*.*s", column ? "" : "    ", (int)cols[0].width, (int)cols[0].width, text);
        out_str(o, NULL, g->name, NULL);
        if (++column == array_len(cols)) {
            out_text(o, "\n");
            column = 0;
        }
    }
    if (column)
        out_text(o, "\n");
    out_end(o);
}

static int show_node(struct cli_call *c)
{
    struct engine *e = engine_of(c->piste);
    u32 node = (u32)cli_u64(c, "node", cli_u64(c, "number", UINT32_MAX));
    if (node >= e->nodes.n || !e->nodes.v[node].name)
        return error_set(c->err, ENOENT, "please specify a valid node name or index");
    const struct node_global *g = &e->nodes.v[node];
    out_text(c->out, "node %s, type %s, state %s, index %u\n", g->name,
             g->def->kind == NODE_INPUT   ? "input"
             : g->def->kind == NODE_TIMER ? "process"
                                          : "internal",
             node_state_text(e->threads[e->n_threads - 1], node, g->def), node);
    out_str(c->out, "name", g->name, NULL);
    out_u64(c->out, "index", node, NULL);
    show_variants(c->out, g);
    show_edges(c->out, e, node);
    show_previous(c->out, e, node);
    return 0;
}

static int show_node_variants(struct cli_call *c)
{
    struct engine *e = engine_of(c->piste);
    static const struct out_column cols[] = {
        {"Name", "node", 40, OUT_LEFT, OUT_LEFT},
        {"Active", "active", 14, OUT_LEFT, OUT_LEFT},
        {"Available", "available", 0, OUT_LEFT, OUT_LEFT},
    };
    u32 n;
    struct node_global **list = nodes_sorted(e, &n);
    out_table(c->out, "nodes", cols, array_len(cols));
    for (u32 i = 0; i < n; i++) {
        struct text names = {0};
        for (int l = 0; l < CPU_LEVEL_N; l++)
            if (list[i]->def->run[l] && cpu_level_runs((enum cpu_level)l))
                text_add(&names, "%s%s", names.len ? " " : "", cpu_level_name((enum cpu_level)l));
        out_cell(c->out, "%s", list[i]->name);
        out_cell(c->out, "%s", cpu_level_name(list[i]->level));
        out_cell(c->out, "%s", text_str(&names));
        text_free(&names);
    }
    out_table_end(c->out);
    free(list);
    return 0;
}

static int set_node_function(struct cli_call *c)
{
    struct engine *e = engine_of(c->piste);
    const char *variant = cli_str(c, "variant", "");
    u32 node = (u32)cli_u64(c, "node", 0);
    switch (node_set_variant(e, (struct node_index){node}, variant)) {
    case -ENOTSUP:
        return error_set(c->err, ENOTSUP, "this CPU does not run variant `%s'", variant);
    case -ENOENT:
        return error_set(c->err, ENOENT, "node function variant `%s' not found", variant);
    default:
        e->nodes.v[node].level_by_user = true;
        return 0;
    }
}

const struct cli_command engine_commands[] = {
    {"show runtime [<node>] [time] [brief] [verbose] [max] [summary]",
     "Packets, calls and cycles of each node since the last clear", show_runtime, 0},
    {"clear runtime", "Starts the figures of `show runtime` anew", clear_runtime, 0},
    {"show errors [verbose [<level:u32>]]", "Counters of drops and other events by node",
     show_errors, 0},
    {"show node counters [verbose [<level:u32>]]", "The same as `show errors`", show_errors, 0},
    {"clear errors", "Starts the figures of `show errors` anew", clear_errors, 0},
    {"clear node counters", "The same as `clear errors`", clear_errors, 0},
    {"show buffers [verbose]", "Buffer pools: how many are free, cached, in use", show_buffers, 0},
    {"show threads", "Threads, where they run and how they are scheduled", show_threads, 0},
    {"show node [index <number:u32>] [<node>]", "A node's variants, edges and neighbours",
     show_node, 0},
    {"show node variants", "CPU level that each node's code runs at", show_node_variants, 0},
    {"set node function <node> <variant:string>", "Runs a node's code at another CPU level",
     set_node_function, 0},
    {0},
};
