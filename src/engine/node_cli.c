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

struct named_node {
    const char *name;
    u32 index;
};

static int compare_nodes(const void *x, const void *y)
{
    return strcmp(((const struct named_node *)x)->name, ((const struct named_node *)y)->name);
}

void node_list_begin(struct node_list *l, const struct engine *e)
{
    struct named_node *found = mem_alloc((e->nodes.n + 1) * sizeof(*found));
    *l = (struct node_list){.v = mem_alloc((e->nodes.n + 1) * sizeof(*l->v))};
    for (u32 i = 0; i < e->nodes.n; i++)
        if (e->nodes.v[i].name)
            found[l->n++] = (struct named_node){e->nodes.v[i].name, i};
    qsort(found, l->n, sizeof(*found), compare_nodes);
    for (u32 i = 0; i < l->n; i++)
        l->v[i] = found[i].index;
    free(found);
}

u32 node_list_next(struct node_list *l, const struct engine *e)
{
    while (l->at < l->n) {
        u32 node = l->v[l->at++];
        if (e->nodes.v[node].name)
            return node;
    }
    return UINT32_MAX;
}

void node_list_fini(void *list)
{
    free(((struct node_list *)list)->v);
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

/* `show vlib graph`: where it is. */
struct graph_place {
    struct node_list nodes; /* first: node_list_fini */
    u32 node;               /* that is shown; UINT32_MAX: none */
    u32 next;               /* of its lines */
    u32 before;             /* edge + 1 of the next line; 0: none */
    /* what led to each node at the beginning: by node, an edge + 1; 0: nothing */
    u32 *first, *last;
    VEC(struct graph_edge {
        u32 from;
        u32 next; /* that leads to the same node, + 1 */
    })
    edges;
};

static void graph_fini(void *kept)
{
    struct graph_place *x = kept;
    node_list_fini(&x->nodes);
    free(x->first);
    free(x->last);
    vec_free(&x->edges);
}

/* A node that leads somewhere by several edges is listed once. */
static void graph_edge(struct graph_place *x, u32 from, u32 to)
{
    u32 *last = &x->last[to];
    if (*last && x->edges.v[*last - 1].from == from)
        return;
    struct graph_edge edge = {from, 0};
    vec_add(&x->edges, edge);
    *(*last ? &x->edges.v[*last - 1].next : &x->first[to]) = x->edges.n;
    *last = x->edges.n;
}

static void graph_begin(struct graph_place *x, const struct engine *e)
{
    node_list_begin(&x->nodes, e);
    x->node = UINT32_MAX;
    x->first = mem_alloc((e->nodes.n + 1) * sizeof(*x->first));
    x->last = mem_alloc((e->nodes.n + 1) * sizeof(*x->last));
    for (u32 i = 0; i < e->nodes.n; i++)
        for (u32 k = 0; e->nodes.v[i].name && k < e->nodes.v[i].n_next; k++)
            graph_edge(x, i, e->nodes.v[i].next_nodes[k]);
}

/* Where a node leads; what leads to it stands beside that in lines of two columns. */
static void graph_node(struct out *o, const struct engine *e, struct graph_place *x)
{
    const struct node_global *g = &e->nodes.v[x->node];
    out_object(o, NULL);
    out_str(o, "name", g->name, "%-26s");
    out_array(o, "next_nodes");
    for (u32 k = 0; k < g->n_next; k++)
        out_str(o, NULL, node_name(e, (struct node_index){g->next_nodes[k]}), NULL);
    out_end(o);
    x->next = 0;
    x->before = x->first[x->node];
}

/* The next line of a node; false: there is none. */
static bool graph_line(struct out *o, const struct engine *e, struct graph_place *x)
{
    const struct node_global *g = &e->nodes.v[x->node];
    char to[NODE_NAME_BYTES + 16] = "";
    const char *from = NULL;
    for (; x->before && !from; x->before = x->edges.v[x->before - 1].next)
        from = e->nodes.v[x->edges.v[x->before - 1].from].name; /* NULL: it has gone */
    if (x->next >= g->n_next && !from)
        return false;
    if (x->next < g->n_next)
        snprintf(to, sizeof(to), "%s [%u]",
                 node_name(e, (struct node_index){g->next_nodes[x->next]}), x->next);
    out_text(o, "%s%*s", x->next ? "\n" : "", x->next ? 26 : 0, "");
    graph_cell(o, to);
    graph_cell(o, from ? from : "");
    x->next++;
    return true;
}

static int show_graph(struct cli_call *c)
{
    const struct engine *e = engine_of(c->piste);
    struct graph_place *x = cli_kept(c, sizeof(*x), graph_fini);
    u32 only = (u32)cli_u64(c, "node", UINT32_MAX);
    if (!c->again) {
        graph_begin(x, e);
        graph_cell(c->out, "Name");
        graph_cell(c->out, "Next");
        graph_cell(c->out, "Previous");
        out_text(c->out, "\n");
        out_array(c->out, "nodes");
    }
    while (!cli_full(c)) {
        if (x->node == UINT32_MAX) {
            x->node = node_list_next(&x->nodes, e);
            if (x->node == UINT32_MAX) {
                out_end(c->out);
                return 0;
            }
            if (only != UINT32_MAX && only != x->node)
                x->node = UINT32_MAX;
            else
                graph_node(c->out, e, x);
        } else if (!e->nodes.v[x->node].name || !graph_line(c->out, e, x)) {
            out_text(c->out, "\n");
            out_end(c->out);
            x->node = UINT32_MAX;
        }
    }
    return CLI_MORE;
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
    const struct engine *e = engine_of(c->piste);
    static const struct out_column cols[] = {
        {"Name", "node", 40, OUT_LEFT, OUT_LEFT},
        {"Active", "active", 14, OUT_LEFT, OUT_LEFT},
        {"Available", "available", 0, OUT_LEFT, OUT_LEFT},
    };
    struct node_list *list = cli_kept(c, sizeof(*list), node_list_fini);
    if (!c->again) {
        node_list_begin(list, e);
        out_table(c->out, "nodes", cols, array_len(cols));
    }
    for (u32 i; (i = node_list_next(list, e)) != UINT32_MAX;) {
        const struct node_global *g = &e->nodes.v[i];
        struct text names = {0};
        for (int l = 0; l < CPU_LEVEL_N; l++)
            if (g->def->run[l] && cpu_level_runs((enum cpu_level)l))
                text_add(&names, "%s%s", names.len ? " " : "", cpu_level_name((enum cpu_level)l));
        out_cell(c->out, "%s", g->name);
        out_cell(c->out, "%s", cpu_level_name(g->level));
        out_cell(c->out, "%s", text_str(&names));
        text_free(&names);
        if (cli_full(c))
            return CLI_MORE;
    }
    out_table_end(c->out);
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
