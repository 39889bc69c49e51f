/* The graph: registration of nodes and edges (control thread), and dispatch (data threads). See
 * node.h. */
#include "engine/node.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/byteorder.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/tally.h"
#include "control/module.h"
#include "engine/engine_internal.h"
#include "engine/feature_data.h"
#include "engine/node_within.h"

static struct log_class log_class = {"engine", "node"};

/* --- registration --- */

static void node_name_key(char key[NODE_NAME_BYTES], const char *name)
{
    memset(key, 0, NODE_NAME_BYTES);
    snprintf(key, NODE_NAME_BYTES, "%s", name);
}

bool node_find(const struct engine *e, const char *name, struct node_index *out)
{
    char key[NODE_NAME_BYTES];
    u64 v;
    node_name_key(key, name);
    if (!hash_get(&e->node_by_name, key, &v))
        return false;
    out->i = (u32)v;
    return true;
}

struct node_index node_must_find(const struct engine *e, const char *name)
{
    struct node_index n;
    if (!node_find(e, name, &n))
        panic("no node %s", name);
    return n;
}

const char *node_name(const struct engine *e, struct node_index n)
{
    return n.i < e->nodes.n && e->nodes.v[n.i].name ? e->nodes.v[n.i].name : "deleted";
}

bool node_is(const struct engine *e, struct node_index n, const struct node_def *def)
{
    return n.i < e->nodes.n && e->nodes.v[n.i].name && e->nodes.v[n.i].def == def;
}

const char *node_error_description(const struct engine *e, struct node_index n, u32 error)
{
    if (n.i >= e->nodes.n || !e->nodes.v[n.i].def || error >= e->nodes.v[n.i].def->n_errors)
        return "unknown";
    return e->nodes.v[n.i].def->errors[error].description;
}

bool node_error_find(const struct engine *e, struct node_index n, const char *name, u32 *error)
{
    const struct node_def *def = n.i < e->nodes.n ? e->nodes.v[n.i].def : NULL;
    for (u32 i = 0; def && i < def->n_errors; i++)
        if (!strcmp(def->errors[i].name, name)) {
            *error = i;
            return true;
        }
    return false;
}

u32 node_count_all(const struct engine *e)
{
    return e->nodes.n;
}

static enum cpu_level best_variant(const struct node_def *def)
{
    for (int l = CPU_LEVEL_N - 1; l > CPU_LEVEL_BASE; l--)
        if (def->run[l] && cpu_level_runs((enum cpu_level)l))
            return (enum cpu_level)l;
    return CPU_LEVEL_BASE;
}

/* Gives node i its place in thread t: everything but edges, which node_edge publishes. */
static void thread_set_node(struct thread *t, u32 i, const struct node_global *g)
{
    struct node *n = &t->nodes[i];
    n->state = g->state;
    n->errors = &t->errors[g->error_base];
    if (!n->run)
        n->index.i = i; /* else it is so, and a data thread may be reading it */
    n->kind = (u8)g->def->kind;
    n->feature_vectors = g->def->feature_vectors;
    n->feature_changes = g->def->feature_changes;
    n->feature_fragments = g->def->feature_fragments;
    n->next_nodes = g->next_nodes;
    n->n_next = g->n_next;
    free(n->next_vectors);
    n->next_vectors = g->next_cap ? mem_alloc(g->next_cap * sizeof(u64)) : NULL;
    __atomic_store_n(&n->run, g->def->run[g->level], __ATOMIC_RELEASE);
}

static void names_keep(struct node_global *g, const struct node_def *def)
{
    if (!def->n_next)
        return;
    g->next_names = mem_alloc(def->n_next * sizeof(char *));
    for (u32 i = 0; i < def->n_next; i++)
        g->next_names[i] = mem_strdup(def->next[i]);
}

static void errors_register(struct engine *e, u32 node, struct node_global *g,
                            const struct node_def *def)
{
    if (e->n_errors + def->n_errors > NODE_ERRORS_MAX)
        panic("more than %u node errors", NODE_ERRORS_MAX);
    g->error_base = e->n_errors;
    for (u32 i = 0; i < def->n_errors; i++)
        e->error_names[e->n_errors++] = (struct error_name){node, &def->errors[i]};
}

/* They begin at 0 for the new node: stats_node_added sees to the counters themselves. */
static void errors_again(struct engine *e, const struct node_global *g)
{
    for (u32 t = 0; t < e->n_threads; t++)
        for (u32 k = 0; k < g->def->n_errors; k++)
            if (e->threads[t]->errors_shown[g->error_base + k])
                e->threads[t]->errors_shown[g->error_base + k] = 0;
}

static void edges_init(struct node_global *g, u16 n)
{
    g->n_next = n;
    g->next_cap = (u16)max_u64(n, 4);
    g->next_nodes = mem_alloc(g->next_cap * sizeof(u32)); /* 0: the sink, until joined */
}

/* A deleted node leaves its index and error counters to the next of its kind: what was counted is
 * never shown for a node that does not count such errors, and their number has a bound. When
 * indices run out, it leaves its index to any. */
static u32 node_free_index(struct engine *e, const struct node_def *def)
{
    u64 free_index;
    if (!hash_get(&e->nodes_free, &def, &free_index)) {
        if (e->nodes.n < NODES_MAX)
            return e->nodes.n++;
        for (free_index = 0; free_index < NODES_MAX && !e->nodes.v[free_index].deleted;)
            free_index++;
        if (free_index == NODES_MAX)
            panic("more than %u nodes", NODES_MAX);
        def = e->nodes.v[free_index].def;
        (void)hash_get(&e->nodes_free, &def, &free_index); /* it is there */
    }
    u32 next = e->nodes.v[free_index].next_free;
    if (next)
        hash_set(&e->nodes_free, &def, next);
    else
        hash_del(&e->nodes_free, &def);
    return (u32)free_index;
}

static void node_is_free(struct engine *e, u32 i)
{
    u64 next = 0;
    (void)hash_get(&e->nodes_free, &e->nodes.v[i].def, &next);
    e->nodes.v[i].next_free = (u32)next;
    hash_set(&e->nodes_free, &e->nodes.v[i].def, i);
}

/* The best, or what `node { default { variant V } NAME { variant V } }` of startup.conf says; what
 * this CPU or node has not is skipped. */
static enum cpu_level wanted_variant(const struct engine *e, const char *name,
                                     const struct node_def *def)
{
    const struct engine_settings *s = module_settings(e->piste, engine_module_name);
    enum cpu_level level = best_variant(def);
    for (u32 pass = 0; s && pass < 2; pass++)
        for (u32 i = 0; i < s->variants.n; i++) {
            const struct node_variant_wish *wish = &s->variants.v[i];
            if (strcmp(wish->node, pass ? name : "default") != 0)
                continue;
            int l = 0;
            while (l < CPU_LEVEL_N && (strcmp(cpu_level_name((enum cpu_level)l), wish->variant) ||
                                       !def->run[l] || !cpu_level_runs((enum cpu_level)l)))
                l++;
            if (l < CPU_LEVEL_N)
                level = (enum cpu_level)l;
            else if (pass)
                log_warn(&log_class, "node %s has no variant %s on this CPU", name, wish->variant);
        }
    return level;
}

/* Joins static edges of g whose target exists by now. */
static void node_join_edges(const struct engine *e, struct node_global *g)
{
    bool waiting = false;
    for (u32 k = 0; g->next_names && k < g->def->n_next; k++) {
        struct node_index to;
        if (!g->next_names[k])
            continue;
        if (!node_find(e, g->next_names[k], &to)) {
            waiting = true;
            continue;
        }
        __atomic_store_n(&g->next_nodes[k], to.i, __ATOMIC_RELEASE);
        free(g->next_names[k]);
        g->next_names[k] = NULL;
    }
    if (!waiting) {
        free(g->next_names);
        g->next_names = NULL;
    }
}

/* The node called so is there: edges to it. */
static void node_join(struct engine *e, const char *name)
{
    for (u32 w = e->nodes_waiting.n; w--;) {
        struct node_global *g = &e->nodes.v[e->nodes_waiting.v[w]];
        bool wants = false;
        for (u32 k = 0; k < g->def->n_next && !wants; k++)
            wants = g->next_names[k] && !strcmp(g->next_names[k], name);
        if (wants)
            node_join_edges(e, g);
        if (!g->next_names)
            vec_del(&e->nodes_waiting, w);
    }
}

struct node_index node_register(struct engine *e, const struct node_def *def, const char *name,
                                void *state)
{
    struct node_index found;
    if (!name)
        name = def->name;
    if (node_find(e, name, &found))
        panic("node %s registered twice", name);
    u32 i = node_free_index(e, def);
    struct node_global *g = &e->nodes.v[i];
    bool again = g->deleted && g->def == def;
    g->name = mem_strdup(name);
    g->state = state;
    g->level = wanted_variant(e, name, def);
    g->level_by_user = g->deleted = false;
    /* the sink in its place may be traced meanwhile */
    __atomic_store_n(&g->def, def, __ATOMIC_RELEASE);
    if (again)
        errors_again(e, g);
    else
        errors_register(e, i, g, def);
    stats_node_added(e, i);
    edges_init(g, def->n_next);
    names_keep(g, def);
    char key[NODE_NAME_BYTES];
    node_name_key(key, name);
    hash_set(&e->node_by_name, key, i);
    for (u32 t = 0; t < e->n_threads; t++)
        thread_set_node(e->threads[t], i, g);
    node_join_edges(e, g);
    node_join(e, name);
    if (g->next_names)
        vec_add(&e->nodes_waiting, i);
    return (struct node_index){i};
}

int node_set_variant(struct engine *e, struct node_index n, const char *variant)
{
    struct node_global *g = &e->nodes.v[n.i];
    for (int l = 0; l < CPU_LEVEL_N; l++) {
        if (strcmp(cpu_level_name((enum cpu_level)l), variant) || !g->def->run[l])
            continue;
        if (!cpu_level_runs((enum cpu_level)l))
            return -ENOTSUP;
        g->level = (enum cpu_level)l;
        for (u32 t = 0; t < e->n_threads; t++)
            __atomic_store_n(&e->threads[t]->nodes[n.i].run, g->def->run[l], __ATOMIC_RELEASE);
        return 0;
    }
    return -ENOENT;
}

static void edges_grow(struct engine *e, struct node_global *g, u32 node)
{
    u16 cap = (u16)min_u64(2u * g->next_cap, UINT16_MAX - 1);
    u32 *new = mem_alloc(cap * sizeof(u32)), *old = g->next_nodes;
    memcpy(new, old, g->n_next * sizeof(u32));
    g->next_nodes = new;
    g->next_cap = cap;
    for (u32 t = 0; t < e->n_threads; t++) {
        struct node *n = &e->threads[t]->nodes[node];
        /* what is counted on an edge while its counters move may be missing from `show node` */
        u64 *counts = mem_alloc(cap * sizeof(u64)), *old_counts = n->next_vectors;
        for (u32 k = 0; k < g->n_next; k++)
            counts[k] = tally_read(&old_counts[k]);
        __atomic_store_n(&n->next_nodes, new, __ATOMIC_RELEASE);
        __atomic_store_n(&n->next_vectors, counts, __ATOMIC_RELEASE);
        engine_defer_free(e, free, old_counts);
    }
    engine_defer_free(e, free, old);
}

/* Whether edge k of `from` leads to `to`, and not by a static name that is still to be joined. */
static bool edge_is(const struct engine *e, struct node_index from, u16 k, struct node_index to)
{
    const struct node_global *g = &e->nodes.v[from.i];
    bool waiting = g->next_names && k < g->def->n_next && g->next_names[k];
    return k < g->n_next && g->next_nodes[k] == to.i && !waiting;
}

static u16 edge_add(struct engine *e, struct node_index from, struct node_index to)
{
    struct node_global *g = &e->nodes.v[from.i];
    if (g->n_next == UINT16_MAX - 1)
        panic("node %s has too many edges", g->name);
    if (g->n_next == g->next_cap)
        edges_grow(e, g, from.i);
    u16 k = g->n_next++;
    __atomic_store_n(&g->next_nodes[k], to.i, __ATOMIC_RELEASE);
    for (u32 t = 0; t < e->n_threads; t++)
        __atomic_store_n(&e->threads[t]->nodes[from.i].n_next, g->n_next, __ATOMIC_RELEASE);
    struct edge_ends ends = {from.i, to.i};
    if (to.i && !hash_get(&e->edge_by_ends, &ends, NULL))
        hash_set(&e->edge_by_ends, &ends, k);
    return k;
}

/* Edges of a node that goes. */
static void edges_forget(struct engine *e, u32 from)
{
    const struct node_global *g = &e->nodes.v[from];
    for (u32 k = g->def->n_next; k < g->n_next; k++)
        (void)hash_del(&e->edge_by_ends, &(struct edge_ends){from, g->next_nodes[k]});
}

u16 node_edge(struct engine *e, struct node_index from, struct node_index to)
{
    u64 edge;
    for (u16 k = 0; k < e->nodes.v[from.i].def->n_next; k++)
        if (edge_is(e, from, k, to))
            return k;
    /* many, where interfaces are many */
    if (hash_get(&e->edge_by_ends, &(struct edge_ends){from.i, to.i}, &edge))
        return (u16)edge;
    return edge_add(e, from, to);
}

struct node_index node_next(const struct engine *e, struct node_index n, u16 edge)
{
    return (struct node_index){e->nodes.v[n.i].next_nodes[edge]};
}

u16 node_common_edge(struct engine *e, const struct node_index *from, u32 n, struct node_index to)
{
    u16 most = 0;
    for (u32 i = 0; i < n; i++)
        most = (u16)max_u64(most, e->nodes.v[from[i].i].n_next);
    for (u16 k = 0; k < most; k++) {
        u32 same = 0;
        while (same < n && edge_is(e, from[same], k, to))
            same++;
        if (same == n)
            return k;
    }
    for (u32 i = 0; i < n; i++) {
        while (e->nodes.v[from[i].i].n_next < most)
            edge_add(e, from[i], (struct node_index){0}); /* a number that this node does not use */
        edge_add(e, from[i], to);
    }
    return most;
}

bool node_edge_at(struct engine *e, struct node_index from, u16 number, struct node_index to)
{
    if (number < e->nodes.v[from.i].n_next)
        return edge_is(e, from, number, to);
    while (e->nodes.v[from.i].n_next < number)
        edge_add(e, from, (struct node_index){0}); /* a number that this node does not use */
    edge_add(e, from, to);
    return true;
}

/* Node 0, and what a deleted node becomes: frees what comes. */
static void sink_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        buffer_free_one(t, buffer_index(b[i]));
        next[i] = NEXT_CONSUMED;
    }
}

static const struct node_error sink_errors[] = {
    {"blackholed_packets", "blackholed packets", SEVERITY_ERROR},
};

/* Node 0: what has no other reason to be dropped is counted here. */
const struct node_def engine_sink_node = {
    .name = "null-node",
    .run = {[CPU_LEVEL_BASE] = sink_run},
    .errors = sink_errors,
    .n_errors = array_len(sink_errors),
    .errors_by_description = true,
};

void node_rename(struct engine *e, struct node_index n, const char *name)
{
    struct node_global *g = &e->nodes.v[n.i];
    struct node_index other;
    char key[NODE_NAME_BYTES];
    if (node_find(e, name, &other))
        panic("node %s cannot be called %s: there is one", g->name, name);
    node_name_key(key, g->name);
    hash_del(&e->node_by_name, key);
    node_name_key(key, name);
    hash_set(&e->node_by_name, key, n.i);
    free(g->name);
    g->name = mem_strdup(name);
    stats_node_renamed(e, n.i);
}

static void node_wait_no_more(struct engine *e, u32 i)
{
    struct node_global *g = &e->nodes.v[i];
    if (!g->next_names)
        return;
    for (u32 k = 0; k < g->def->n_next; k++)
        free(g->next_names[k]);
    free(g->next_names);
    g->next_names = NULL;
    for (u32 w = 0; w < e->nodes_waiting.n; w++)
        if (e->nodes_waiting.v[w] == i) {
            vec_del(&e->nodes_waiting, w);
            return;
        }
}

void node_delete(struct engine *e, struct node_index n)
{
    struct node_global *g = &e->nodes.v[n.i];
    char key[NODE_NAME_BYTES];
    node_name_key(key, g->name);
    hash_del(&e->node_by_name, key);
    for (u32 t = 0; t < e->n_threads; t++)
        __atomic_store_n(&e->threads[t]->nodes[n.i].run, sink_run, __ATOMIC_RELEASE);
    engine_synchronize(e);
    stats_node_deleted(e, n.i);
    free(g->name);
    g->name = NULL;
    g->deleted = true;
    node_wait_no_more(e, n.i);
    edges_forget(e, n.i);
    engine_defer_free(e, free, g->next_nodes);
    g->next_nodes = NULL;
    for (u32 t = 0; t < e->n_threads; t++) {
        struct node *rt = &e->threads[t]->nodes[n.i];
        node_clear_stats(rt);
    }
    if (e->trace_filter.node.i == n.i)
        e->trace_filter.node.i = UINT32_MAX; /* no packet passes it any more */
    node_is_free(e, n.i);
    log_debug(&log_class, "node %u deleted", n.i);
}

void node_count_main(struct engine *e, struct node_index n, u32 error, u64 packets)
{
    node_count(&e->threads[0]->nodes[n.i], error, packets);
}

/* --- dispatch --- */

static struct frame *frame_new(struct thread *t, u32 node)
{
    struct frame *f = t->frame_free;
    if (likely(f != NULL)) {
        t->frame_free = f->link;
    } else {
        if (t->frames_high == FRAMES_MAX)
            return NULL;
        f = &t->frames[t->frames_high++];
    }
    f->node = node;
    f->n = 0;
    f->link = NULL;
    *t->pending_last = f;
    t->pending_last = &f->link;
    return f;
}

ALWAYS_INLINE void node_put(struct thread *t, u32 to, const u32 *bi, u32 count)
{
    struct node *dst = &t->nodes[to];
    while (count) {
        struct frame *f = dst->open;
        if (!f) {
            f = dst->open = frame_new(t, to);
            if (unlikely(!f)) {
                thread_count_loss(t, LOSS_FRAME, count);
                buffer_free(t, bi, count);
                return;
            }
        }
        u32 k = (u32)min_u64(count, FRAME_PKTS - f->n);
        memcpy(f->bi + f->n, bi, k * sizeof(u32));
        f->n += k;
        if (f->n == FRAME_PKTS)
            dst->open = NULL;
        bi += k;
        count -= k;
    }
}

void node_enqueue(struct thread *t, struct node *n, u16 next, const u32 *bi, u32 count)
{
    u32 to = __atomic_load_n(&n->next_nodes, __ATOMIC_ACQUIRE)[next];
    tally_add(&__atomic_load_n(&n->next_vectors, __ATOMIC_ACQUIRE)[next], count);
    node_put(t, to, bi, count);
}

void node_enqueue_to(struct thread *t, struct node_index to, const u32 *bi, u32 count)
{
    node_put(t, to.i, bi, count);
}

/* How many packets from the first on go where it goes; most often that is all. */
ALWAYS_INLINE u32 run_length(const u16 *next, u32 count)
{
    u64 four = next[0] * 0x0001000100010001ull;
    u32 n = 1;
    while (n + 4 <= count && load_u64(&next[n]) == four)
        n += 4;
    while (n < count && next[n] == next[0])
        n++;
    return n;
}

void node_enqueue_each(struct thread *t, struct node *n, const u32 *bi, const u16 *next, u32 count)
{
    for (u32 i = 0, run; i < count; i += run) {
        run = run_length(next + i, count - i);
        if (next[i] != NEXT_CONSUMED)
            node_enqueue(t, n, next[i], bi + i, run);
    }
}

void node_clear_stats(struct node *n)
{
    if (!n->calls && !n->suspends)
        return; /* its page may never have been touched */
    u64 *counts[] = {&n->calls,    &n->vectors,    &n->clocks,
                     &n->suspends, &n->max_clocks, &n->max_clocks_vectors};
    for (u32 i = 0; i < array_len(counts); i++)
        tally_set(counts[i], 0);
}

void node_enqueue_first(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    u32 bi[FRAME_PKTS];
    if (!count)
        return;
    for (u32 i = 0; i < count; i++)
        bi[i] = buffer_index(b[i]);
    node_enqueue_each(t, n, bi, next, count);
    for (u32 i = 0; i < count; i++)
        next[i] = NEXT_CONSUMED;
}

ALWAYS_INLINE void node_account(struct thread *t, struct node *n, u32 vectors)
{
    u64 now = clock_cycles(), spent = now - t->last_cycles;
    t->last_cycles = now;
    tally_add(&n->calls, 1);
    tally_add(&n->vectors, vectors);
    tally_add(&n->clocks, spent);
    if (unlikely(spent > n->max_clocks)) {
        tally_set(&n->max_clocks, spent);
        tally_set(&n->max_clocks_vectors, vectors);
    }
}

void node_run_within(struct thread *t, struct node *outer, struct node *inner,
                     const struct feature_vector *v, struct buffer **b, u16 *next, u32 count)
{
    u64 now = clock_cycles();
    tally_add(&outer->clocks, now - t->last_cycles);
    t->last_cycles = now;
    for (u32 i = 0; i < count && !inner->feature_vectors; i++)
        b[i]->feature = v->here;
    t->vector = inner->feature_vectors ? v : NULL;
    node_fn *run = __atomic_load_n(&inner->run, __ATOMIC_ACQUIRE);
    run(t, inner, b, next, count);
    t->vector = NULL;
    node_account(t, inner, count);
}

u16 node_run_one(struct thread *t, struct node *outer, u16 edge, struct buffer *b)
{
    struct node *inner = thread_node(t, node_target(outer, edge));
    struct trace_record *r = NULL;
    u64 now = clock_cycles();
    u16 next;
    tally_add(&outer->clocks, now - t->last_cycles);
    t->last_cycles = now;
    node_sent(outer, edge, 1);
    if (unlikely(t->traces))
        r = trace_before_one(t, inner, b);
    node_fn *run = __atomic_load_n(&inner->run, __ATOMIC_ACQUIRE);
    run(t, inner, &b, &next, 1);
    if (unlikely(r))
        trace_after_one(t, inner, r, b, next);
    if (next != NEXT_CONSUMED) { /* inner's edge; that outer takes it is still to be counted */
        node_sent(inner, next, 1);
        node_sent(outer, next, (u64)-1);
    }
    node_account(t, inner, 1);
    return next;
}

static void frame_run(struct thread *t, struct frame *f)
{
    struct node *n = &t->nodes[f->node];
    u32 count = f->n;
    if (n->open == f)
        n->open = NULL;
    for (u32 i = 0; i < count; i++)
        t->b[i] = buffer_at(f->bi[i]);
    bool traced = unlikely(t->traces);
    if (traced)
        trace_before(t, n, t->b, count);
    node_fn *run = __atomic_load_n(&n->run, __ATOMIC_ACQUIRE);
    run(t, n, t->b, t->next, count);
    if (traced)
        trace_after(t, n, t->b, t->next, count);
    node_enqueue_each(t, n, f->bi, t->next, count);
    f->link = t->frame_free;
    t->frame_free = f;
    node_account(t, n, count);
}

void node_run_pending(struct thread *t)
{
    struct frame *f;
    while ((f = t->pending_first)) {
        t->pending_first = f->link;
        if (!t->pending_first)
            t->pending_last = &t->pending_first;
        frame_run(t, f);
    }
}

/* As VPP counts a process: without packets, and each wait. */
void node_run_timers(struct thread *t, struct node_index i, const u32 *timers, u32 count)
{
    struct node *n = &t->nodes[i.i];
    t->last_cycles = clock_cycles();
    n->expire(t, n, timers, count);
    node_account(t, n, 0);
    tally_add(&n->suspends, 1);
}

u32 node_run_input(struct thread *t, struct rx_queue *q)
{
    struct node *n = &t->nodes[q->node.i];
    t->last_cycles = clock_cycles();
    u32 got = n->input(t, n, q);
    node_account(t, n, got);
    return got;
}
