/* Commands about what nodes have done: `show runtime`, `show errors`. Columns are VPP's. */
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

/* --- show runtime --- */

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

/* Where it is, and the columns, which the output borrows. */
struct runtime_place {
    struct node_list nodes; /* first: node_list_fini */
    u32 thread;
    bool in_table;
    struct out_column cols[7];
};

static void runtime_table_begin(struct out *o, struct engine *e, const struct runtime_view *view,
                                struct runtime_place *at)
{
    const struct out_column plain[] = {
        {"Name", "name", 30, OUT_CENTER, OUT_LEFT},
        {"State", "state", 12, OUT_CENTER, OUT_CENTER},
        {"Calls", "calls", 16, OUT_CENTER, OUT_RIGHT},
        {"Vectors", "vectors", 16, OUT_CENTER, OUT_RIGHT},
        {"Suspends", "suspends", 16, OUT_CENTER, OUT_RIGHT},
        {view->time ? "Packet-Time" : "Packet-Clocks", view->time ? "packet_ns" : "packet_clocks",
         16, OUT_CENTER, OUT_RIGHT},
        {"Vectors/Call", "vectors_per_call", 16, OUT_CENTER, OUT_RIGHT},
    };
    const struct out_column max[] = {
        {"Name", "name", 30, OUT_CENTER, OUT_LEFT},
        {view->time ? "Max Node Time" : "Max Node Clocks", "max_node_clocks", 17, OUT_CENTER,
         OUT_RIGHT},
        {"Vectors at Max", "vectors_at_max", 16, OUT_CENTER, OUT_RIGHT},
        {view->time ? "Max Time (ns)" : "Max Clocks", "max_clocks", 16, OUT_CENTER, OUT_RIGHT},
        {view->time ? "Avg Time (ns)" : "Avg Clocks", "avg_clocks", 16, OUT_CENTER, OUT_RIGHT},
        {"Avg Vectors/Call", "vectors_per_call", 16, OUT_CENTER, OUT_RIGHT},
    };
    static_assert(sizeof(plain) <= sizeof(at->cols) && sizeof(max) <= sizeof(at->cols), "room");
    memcpy(at->cols, view->max ? max : plain, view->max ? sizeof(max) : sizeof(plain));
    out_table(o, "nodes", at->cols, view->max ? array_len(max) : array_len(plain));
    node_list_begin(&at->nodes, e);
    at->in_table = true;
}

/* CLI_MORE, or 0 at the table's end. */
static int runtime_table(struct cli_call *c, struct engine *e, struct thread *t,
                         const struct runtime_view *view, struct runtime_place *at)
{
    for (u32 i; (i = node_list_next(&at->nodes, e)) != UINT32_MAX;) {
        const struct node *rt = &t->nodes[i];
        if (view->only != UINT32_MAX
                ? i == view->only
                : view->verbose || tally_read(&rt->calls) || tally_read(&rt->suspends))
            runtime_row(c->out, t, &e->nodes.v[i], i, view);
        if (cli_full(c))
            return CLI_MORE;
    }
    out_table_end(c->out);
    node_list_fini(&at->nodes);
    at->nodes = (struct node_list){0};
    at->in_table = false;
    return 0;
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

static void runtime_thread(struct out *o, struct engine *e, struct thread *t)
{
    double seconds = (double)(clock_ns() - e->runtime_clear_ns) / 1e9;
    struct rates r = thread_rates(e, t);
    u64 calls = 0, vectors = 0, loops = tally_read(&t->loops);
    for (u32 k = 0; k < e->nodes.n; k++) {
        const struct node_global *g = &e->nodes.v[k];
        if (!g->name || g->def->kind != NODE_INTERNAL)
            continue;
        calls += tally_read(&t->nodes[k].calls);
        vectors += tally_read(&t->nodes[k].vectors);
    }
    out_str(o, "thread", t->name, NULL);
    thread_banner(o, e, t);
    char sec[32];
    snprintf(sec, sizeof(sec), "%.1f", seconds);
    out_text(o, "Time %s, %f sec internal node vector rate %.2f loops/sec %.2f\n",
             *sec == '0' ? sec + 1 : sec, e->config.stats_interval_sec,
             calls ? (double)vectors / (double)calls : 0,
             seconds > 0 ? (double)loops / seconds : 0);
    out_f64(o, "seconds", seconds, NULL);
    out_u64(o, "loops", loops, NULL);
    out_u64(o, "sleeps", tally_read(&t->sleeps), NULL);
    rate_text(o, "rate_in", "  vector rates in ", r.in, seconds);
    rate_text(o, "rate_out", ", out ", r.out, seconds);
    rate_text(o, "rate_drop", ", drop ", r.drop, seconds);
    rate_text(o, "rate_punt", ", punt ", r.punt, seconds);
    out_text(o, "\n");
}

static int show_runtime(struct cli_call *c)
{
    struct engine *e = engine_of(c->piste);
    struct runtime_place *at = cli_kept(c, sizeof(*at), node_list_fini);
    struct runtime_view view = {
        .verbose = cli_has(c, "verbose"),
        .max = cli_has(c, "max"),
        .time = cli_has(c, "time"),
        .summary = cli_has(c, "summary"),
        .only = (u32)cli_u64(c, "node", UINT32_MAX),
    };
    if (!c->again)
        out_array(c->out, "threads");
    for (; at->thread < e->n_threads; at->thread++) {
        struct thread *t = e->threads[at->thread];
        if (!at->in_table) {
            out_object(c->out, NULL);
            runtime_thread(c->out, e, t);
            if (!view.summary)
                runtime_table_begin(c->out, e, &view, at);
        }
        if (at->in_table && runtime_table(c, e, t, &view, at))
            return CLI_MORE;
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

const struct cli_command engine_commands[] = {
    {"show runtime [<node>] [time] [brief] [verbose] [max] [summary]",
     "Packets, calls and cycles of each node since the last clear", show_runtime, 0},
    {"clear runtime", "Starts the figures of `show runtime` anew", clear_runtime, 0},
    {"show errors [verbose [<level:u32>]]", "Counters of drops and other events by node",
     show_errors, 0},
    {"show node counters [verbose [<level:u32>]]", "The same as `show errors`", show_errors, 0},
    {"clear errors", "Starts the figures of `show errors` anew", clear_errors, 0},
    {"clear node counters", "The same as `clear errors`", clear_errors, 0},
    {0},
};
