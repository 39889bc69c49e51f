/* Messages of vlib.api and graph.api about nodes and threads. */
#include <stdio.h>
#include <string.h>

#include "api/api_graph.h"
#include "api/api_vlib.h"
#include "base/mem.h"
#include "control/api.h"
#include "engine/engine_internal.h"

static void get_node_index(struct api_call *c)
{
    const struct api_get_node_index *m = c->msg;
    struct api_get_node_index_reply reply = {.retval = API_NO_SUCH_NODE, .node_index = UINT32_MAX};
    struct node_index n;
    if (node_find(engine_of(c->piste), m->node_name, &n)) {
        reply.retval = 0;
        reply.node_index = n.i;
    }
    api_reply(c, &api_message_get_node_index_reply, &reply);
}

static void add_node_next(struct api_call *c)
{
    const struct api_add_node_next *m = c->msg;
    struct engine *e = engine_of(c->piste);
    struct api_add_node_next_reply reply = {.next_index = UINT32_MAX};
    struct node_index from, to;
    if (!node_find(e, m->node_name, &from))
        reply.retval = API_NO_SUCH_NODE;
    else if (!node_find(e, m->next_name, &to))
        reply.retval = API_NO_SUCH_NODE_2;
    else
        reply.next_index = node_edge(e, from, to);
    api_reply(c, &api_message_add_node_next_reply, &reply);
}

static void get_next_index(struct api_call *c)
{
    const struct api_get_next_index *m = c->msg;
    struct engine *e = engine_of(c->piste);
    struct api_get_next_index_reply reply = {.next_index = UINT32_MAX};
    struct node_index from, to;
    if (!node_find(e, m->node_name, &from)) {
        reply.retval = API_NO_SUCH_NODE;
    } else if (!node_find(e, m->next_name, &to)) {
        reply.retval = API_NO_SUCH_NODE_2;
    } else {
        const struct node_global *g = &e->nodes.v[from.i];
        for (u32 k = 0; k < g->n_next; k++)
            if (g->next_nodes[k] == to.i)
                reply.next_index = k;
        if (reply.next_index == UINT32_MAX)
            reply.retval = API_NEXT_HOP_NOT_IN_FIB; /* VPP's word for it */
    }
    api_reply(c, &api_message_get_next_index_reply, &reply);
}

static void engine_api_show_threads(struct api_call *c)
{
    const struct engine *e = engine_of(c->piste);
    struct api_type_thread_data list[THREADS_MAX] = {0};
    struct api_show_threads_reply reply = {.count = e->n_threads, .thread_data = list};
    for (u32 i = 0; i < e->n_threads; i++) {
        const struct thread *t = e->threads[i];
        list[i].id = i;
        snprintf(list[i].name, sizeof(list[i].name), "%s", t->name);
        strcpy(list[i].type, i ? "workers" : "");
        list[i].pid = (u32)thread_lwp(t);
        list[i].cpu_id = list[i].core = (u32)(i ? t->cpu : thread_main_core(c->piste));
    }
    api_reply(c, &api_message_show_threads_reply, &reply);
}

/* --- graph --- */

#define NODES_A_REPLY 1000 /* and then a cursor to go on from */

static u32 node_flags(const struct node_global *g)
{
    u32 flags = 0;
    if (g->def->kind == NODE_INPUT)
        flags |= NODE_FLAG_TRACE_SUPPORTED;
    if (!strcmp(g->name, "drop") || !strcmp(g->name, "error-drop"))
        flags |= NODE_FLAG_IS_DROP;
    if (!strcmp(g->name, "punt") || !strcmp(g->name, "error-punt"))
        flags |= NODE_FLAG_IS_PUNT;
    return flags;
}

static void node_details(struct api_call *c, const struct node_global *g, u32 index, bool arcs)
{
    struct api_graph_node_details d = {.index = index, .flags = node_flags(g)};
    snprintf(d.name, sizeof(d.name), "%s", g->name);
    if (arcs) {
        d.n_arcs = g->n_next;
        d.arcs_out = g->next_nodes;
    }
    api_reply(c, &api_message_graph_node_details, &d);
}

/* One by index or name; else all that have one of the flags, or all, from the cursor on. */
static void graph_node_get(struct api_call *c)
{
    const struct api_graph_node_get *m = c->msg;
    struct engine *e = engine_of(c->piste);
    struct api_graph_node_get_reply reply = {.cursor = UINT32_MAX};
    struct node_index one = {m->index};
    u32 n = 0;
    if (m->index != UINT32_MAX || m->name[0]) {
        bool found = m->index != UINT32_MAX ? m->index < e->nodes.n && e->nodes.v[m->index].name
                                            : node_find(e, m->name, &one);
        if (found)
            node_details(c, &e->nodes.v[one.i], one.i, m->want_arcs);
        else
            reply.retval = API_NO_SUCH_ENTRY;
        api_reply(c, &api_message_graph_node_get_reply, &reply);
        return;
    }
    for (u32 i = m->cursor == UINT32_MAX ? 0 : m->cursor; i < e->nodes.n; i++) {
        const struct node_global *g = &e->nodes.v[i];
        if (!g->name || (m->flags && !(m->flags & node_flags(g))))
            continue;
        if (n++ == NODES_A_REPLY) {
            reply.retval = API_EAGAIN;
            reply.cursor = i;
            break;
        }
        node_details(c, g, i, m->want_arcs);
    }
    api_reply(c, &api_message_graph_node_get_reply, &reply);
}

const struct api_handler engine_api[] = {
    {&api_message_graph_node_get, graph_node_get},
    {&api_message_get_node_index, get_node_index},
    {&api_message_add_node_next, add_node_next},
    {&api_message_get_next_index, get_next_index},
    {&api_message_show_threads, engine_api_show_threads},
    {0},
};
