#include "ports/pipe/pipe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/module.h"
#include "engine/trace.h"
#include "net/packet/ethernet_format.h"
#include "net/link/interface/interface.h"
#include "ports/pipe/pipe_internal.h"

#define INSTANCES_MAX 16384u

NODE_DECLARE(pipe_tx);
NODE_DECLARE(pipe_parent_tx);

void pipe_format_trace(struct piste *p, const struct trace_record *r, struct text *out)
{
    ethernet_format_header(out, r->data, r->data_len);
}

static const struct node_error tx_errors[PIPE_TX_ERR_N] = {
    [PIPE_TX_ERR_LOST] = {"loop", "packets that came back too often", SEVERITY_ERROR},
    [PIPE_TX_ERR_DOWN] = {"parent", "a pipe sends by its ends only", SEVERITY_ERROR},
};

static const struct node_def tx_node = {
    .name = "pipe-tx",
    .run = NODE_VARIANTS(pipe_tx),
    .next = {[PIPE_TX_NEXT_DROP] = "error-drop", [PIPE_TX_NEXT_INPUT] = "pipe-input"},
    .n_next = 2,
    .errors = tx_errors,
    .n_errors = PIPE_TX_ERR_N,
    .format_trace = pipe_format_trace,
};

static const struct node_def parent_tx_node = {
    .name = "pipe-parent-tx",
    .run = NODE_VARIANTS(pipe_parent_tx),
    .next = {[PIPE_TX_NEXT_DROP] = "error-drop"},
    .n_next = 1,
    .errors = tx_errors,
    .n_errors = PIPE_TX_ERR_N,
};

static int pipe_set_admin(void *port, bool up, struct error *e);
static int pipe_set_both(void *port, bool up, struct error *e);

static const struct if_class class_end = {
    .name = "Pipe", .tx = &tx_node, .set_admin = pipe_set_admin, .saves_down = true};
/* The parent is made first, so its command makes the ends with the indices that they had. */
static void pipe_running_config(void *port, struct text *t)
{
    const struct pipe *x = port;
    text_add(t, "pipe create instance %u\n", x->instance);
}

static const struct if_class class_parent = {
    .name = "Pipe",
    .tx = &parent_tx_node,
    .set_admin = pipe_set_both,
    .running_config = pipe_running_config,
};

static int pipe_set_admin(void *port, bool up, struct error *e)
{
    const struct pipe_end *end = port;
    interface_set_link(end->pipe->piste, end->interface, up);
    return 0;
}

/* Of the parent, which is all that some clients know: what becomes of it becomes of the ends. */
static int pipe_set_both(void *port, bool up, struct error *e)
{
    const struct pipe *x = port;
    int rc = interface_set_admin(x->piste, x->end[0].interface, up, e);
    return rc ? rc : interface_set_admin(x->piste, x->end[1].interface, up, e);
}

const struct pipe *pipe_next(const struct pipes *s, u32 instance)
{
    for (; instance < s->by_instance.n; instance++)
        if (s->by_instance.v[instance])
            return s->by_instance.v[instance];
    return NULL;
}

const struct pipe_end *pipe_end_at(const struct piste *p, struct if_index i)
{
    const struct interface *f = interface_at(p, i);
    return f && f->cls == &class_end ? f->port : NULL;
}

static struct pipe *pipe_by_instance(const struct pipes *s, u32 instance)
{
    return instance < s->by_instance.n ? s->by_instance.v[instance] : NULL;
}

static int pipe_make_interface(struct pipe *x, const char *suffix, u8 last,
                               const struct if_class *cls, void *port, struct if_index *out,
                               struct error *e)
{
    const u8 mac[6] = {0xd2, 0x0b, 0xee, (u8)(x->instance >> 8), (u8)x->instance, last};
    char name[32];
    snprintf(name, sizeof(name), "pipe%u%s", x->instance, suffix);
    return interface_new(
        x->piste,
        &(struct if_new_args){
            .name = name, .cls = cls, .port = port, .mac = mac, .caps = IF_CAP_TX_ALL},
        out, e);
}

const char pipe_module_name[] = "pipe";

int pipe_create(struct piste *p, u32 instance, struct if_index *parent, struct if_index ends[2],
                struct error *e)
{
    struct pipes *s = module_state(p, pipe_module_name);
    if (instance == UINT32_MAX)
        instance = numbers_lowest(&s->instances);
    if (instance >= INSTANCES_MAX)
        return error_set(e, EINVAL, "pipe instances are below %u", INSTANCES_MAX);
    if (pipe_by_instance(s, instance))
        return error_set(e, EEXIST, "pipe instance %u is in use", instance);
    struct pipe *x = mem_alloc(sizeof(*x));
    *x = (struct pipe){.piste = p, .instance = instance};
    x->end[0] = (struct pipe_end){.pipe = x, .interface = IF_NONE, .side = 0};
    x->end[1] = (struct pipe_end){.pipe = x, .interface = IF_NONE, .side = 1};
    int rc = pipe_make_interface(x, "", 0xff, &class_parent, x, &x->parent, e);
    if (rc)
        goto no_parent;
    rc = pipe_make_interface(x, ".0", 0, &class_end, &x->end[0], &x->end[0].interface, e);
    if (rc)
        goto no_first;
    rc = pipe_make_interface(x, ".1", 1, &class_end, &x->end[1], &x->end[1].interface, e);
    if (rc)
        goto no_second;
    interface_set_link(p, x->parent, true);
    while (s->by_instance.n <= instance)
        vec_add(&s->by_instance, NULL);
    s->by_instance.v[instance] = x;
    numbers_take(&s->instances, instance);
    *parent = x->parent;
    ends[0] = x->end[0].interface;
    ends[1] = x->end[1].interface;
    return 0;
no_second:
    interface_delete(p, x->end[0].interface);
no_first:
    interface_delete(p, x->parent);
no_parent:
    free(x);
    return rc;
}

static void remove_pipe(struct piste *p, struct pipe *x)
{
    interface_delete(p, x->end[0].interface);
    interface_delete(p, x->end[1].interface);
    interface_delete(p, x->parent);
    engine_defer_free(engine_of(p), free, x);
}

int pipe_delete(struct piste *p, struct if_index i, struct error *e)
{
    struct pipes *s = module_state(p, pipe_module_name);
    const struct interface *f = interface_at(p, i);
    if (f->cls != &class_parent)
        return error_set(e, EINVAL, "%s is not a pipe", f->name);
    struct pipe *x = f->port;
    s->by_instance.v[x->instance] = NULL;
    numbers_give(&s->instances, x->instance);
    remove_pipe(p, x);
    return 0;
}

/* --- life --- */

int pipe_init(struct piste *p, void **state, struct error *e)
{
    struct pipes *s = mem_alloc(sizeof(*s));
    s->device_input = feature_arc_find(engine_of(p), "device-input");
    *state = s;
    pipe_api_init(p);
    return 0;
}

void pipe_stop(struct piste *p, void *state)
{
    struct pipes *s = state;
    for (u32 i = 0; i < s->by_instance.n; i++)
        if (s->by_instance.v[i])
            remove_pipe(p, s->by_instance.v[i]);
    vec_free(&s->by_instance);
    numbers_fini(&s->instances);
    free(s);
}
