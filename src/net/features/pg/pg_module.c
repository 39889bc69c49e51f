#include <stdlib.h>

#include "control/loop.h"
#include "net/features/pg/pg_internal.h"

struct pg *pg_of(const struct piste *p)
{
    return module_state(p, pg_module.name);
}

static void each_round(void *arg)
{
    struct piste *p = arg;
    struct pg *pg = pg_of(p);
    if (pg && atomic_load_explicit(&pg->woken, memory_order_relaxed))
        pg_captures_drain(pg);
}

static void on_interface_event(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    struct pg *pg = pg_of(p); /* NULL once the module has stopped */
    if (pg && ev == IF_EVENT_DELETE)
        pg_streams_forget(pg, f->index);
}

static int init(struct piste *p, void **state, struct error *e)
{
    struct pg *pg = mem_alloc(sizeof(*pg));
    pg->piste = p;
    interface_on_event(p, on_interface_event, NULL);
    loop_each_round(p->loop, each_round, p);
    *state = pg;
    return 0;
}

static void stop(struct piste *p, void *state)
{
    struct pg *pg = state;
    while (pg->streams.n)
        pg_stream_delete(pg->streams.v[0]);
    pg_ports_free(pg);
    vec_free(&pg->streams);
    free(pg);
}

/* Streams are not saved: they are of an experiment, interfaces of a configuration. */
static void running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct pg *pg = state;
    for (u32 i = 0; phase == RC_INTERFACE && i < pg->ports.n; i++)
        if (pg->ports.v[i]->mac_filter)
            text_add(t, "packet-generator mac-filter %s on\n",
                     interface_at(p, pg->ports.v[i]->interface)->name);
}

static const struct node_def *const nodes[] = {&pg_input_node, &pg_mac_filter_node, NULL};
static const struct feature_def mac_filter = {"device-input", "pg-input-mac-filter"};
static const struct feature_def *const features[] = {&mac_filter, NULL};
static const char *const needs[] = {"interface", "ethernet", NULL};

const struct module pg_module = {
    .abi = MODULE_ABI,
    .name = "pg",
    .description = "Packet generator",
    .needs = needs,
    .nodes = nodes,
    .features = features,
    .commands = pg_commands,
    .types = pg_types,
    .init = init,
    .stop = stop,
    .running_config = running_config,
};
