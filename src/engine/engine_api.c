/* Messages of vlib.api about nodes and threads. */
#include <stdio.h>
#include <string.h>

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
            reply.retval = API_NO_SUCH_ENTRY;
    }
    api_reply(c, &api_message_get_next_index_reply, &reply);
}

static void show_threads(struct api_call *c)
{
    const struct engine *e = engine_of(c->piste);
    struct api_type_thread_data list[THREADS_MAX] = {0};
    struct api_show_threads_reply reply = {.count = e->n_threads, .thread_data = list};
    for (u32 i = 0; i < e->n_threads; i++) {
        const struct thread *t = e->threads[i];
        list[i].id = i;
        snprintf(list[i].name, sizeof(list[i].name), "%s", t->name);
        strcpy(list[i].type, i ? "workers" : "");
        list[i].pid = (u32)t->lwp;
        list[i].cpu_id = list[i].core = (u32)t->cpu;
    }
    api_reply(c, &api_message_show_threads_reply, &reply);
}

const struct api_handler engine_api[] = {
    {&api_message_get_node_index, get_node_index},
    {&api_message_add_node_next, add_node_next},
    {&api_message_get_next_index, get_next_index},
    {&api_message_show_threads, show_threads},
    {0},
};
