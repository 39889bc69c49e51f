/* Commands about nodes themselves. Columns are VPP's. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "control/cli.h"
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

const struct cli_type node_types[] = {
    {"node", "unknown node", engine_node_parse, engine_node_complete},
    {0},
};

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

struct node_global **nodes_sorted(struct engine *e, u32 *n)
{
    struct node_global **list = mem_alloc((e->nodes.n + 1) * sizeof(*list));
    *n = 0;
    for (u32 i = 0; i < e->nodes.n; i++)
        if (e->nodes.v[i].name)
            list[(*n)++] = &e->nodes.v[i];
    qsort(list, *n, sizeof(*list), compare_nodes);
    return list;
}

const char *node_state_text(struct thread *t, u32 node, const struct node_def *def)
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

static bool node_leads_to(const struct node_global *g, u32 node)
{
    for (u32 k = 0; g->name && k < g->n_next; k++)
        if (g->next_nodes[k] == node)
            return true;
    return false;
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
        if (!node_leads_to(g, node))
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

/* --- show vlib graph --- */

static void graph_cell(struct out *o, const char *text)
{
    out_text(o, " ");
    out_aligned(o, text, (unsigned)max_u64(25, strlen(text)), OUT_CENTER);
}

/* A node, and in lines of two columns where it leads, and what leads to it. */
static void graph_node(struct out *o, struct engine *e, u32 node)
{
    const struct node_global *g = &e->nodes.v[node];
    u32 next = 0, before = 0;
    out_object(o, NULL);
    out_str(o, "name", g->name, "%-26s");
    out_array(o, "next_nodes");
    for (u32 k = 0; k < g->n_next; k++)
        out_str(o, NULL, node_name(e, (struct node_index){g->next_nodes[k]}), NULL);
    out_end(o);
    for (bool first = true;; first = false, next++, before++) {
        char to[NODE_NAME_BYTES + 16] = "";
        while (before < e->nodes.n && !node_leads_to(&e->nodes.v[before], node))
            before++;
        if (next >= g->n_next && before >= e->nodes.n)
            break;
        if (next < g->n_next)
            snprintf(to, sizeof(to), "%s [%u]",
                     node_name(e, (struct node_index){g->next_nodes[next]}), next);
        out_text(o, "%s%*s", first ? "" : "\n", first ? 0 : 26, "");
        graph_cell(o, to);
        graph_cell(o, before < e->nodes.n ? e->nodes.v[before].name : "");
    }
    out_text(o, "\n");
    out_end(o);
}

static int show_graph(struct cli_call *c)
{
    struct engine *e = engine_of(c->piste);
    u32 only = (u32)cli_u64(c, "node", UINT32_MAX), n;
    struct node_global **list = nodes_sorted(e, &n);
    graph_cell(c->out, "Name");
    graph_cell(c->out, "Next");
    graph_cell(c->out, "Previous");
    out_text(c->out, "\n");
    out_array(c->out, "nodes");
    for (u32 i = 0; i < n; i++) {
        u32 node = (u32)(list[i] - e->nodes.v);
        if (only == UINT32_MAX || only == node)
            graph_node(c->out, e, node);
    }
    out_end(c->out);
    free(list);
    return 0;
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

const struct cli_command node_commands[] = {
    {"show node [index <number:u32>] [<node>]", "A node's variants, edges and neighbours",
     show_node, 0},
    {"show node variants", "CPU level that each node's code runs at", show_node_variants, 0},
    {"show vlib graph [<node>]", "Where each node leads, and what leads to it", show_graph, 0},
    {"set node function <node> <variant:string>", "Runs a node's code at another CPU level",
     set_node_function, 0},
    {0},
};
