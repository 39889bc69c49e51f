/* State of the packet generator: its life, and what the configuration has of it. */
#include <stdlib.h>

#include "control/loop.h"
#include "net/features/pg/pg_internal.h"

const char pg_module_name[] = "pg";

struct pg *pg_of(const struct piste *p)
{
    return module_state(p, pg_module_name);
}

static void pg_each_round(void *arg)
{
    struct piste *p = arg;
    struct pg *pg = pg_of(p);
    if (pg && atomic_load_explicit(&pg->woken, memory_order_relaxed))
        pg_captures_drain(pg);
}

static void on_interface_event(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    if (ev == IF_EVENT_DELETE)
        pg_streams_forget(pg_of(p), f->index);
}

int pg_init(struct piste *p, void **state, struct error *e)
{
    struct pg *pg = mem_alloc(sizeof(*pg));
    pg->piste = p;
    interface_on_event(p, on_interface_event, NULL);
    loop_each_round(p->loop, pg_each_round, p);
    *state = pg;
    return 0;
}

void pg_stop(struct piste *p, void *state)
{
    struct pg *pg = state;
    while (pg->streams.n)
        pg_stream_delete(pg->streams.v[0]);
    pg_ports_free(pg);
    vec_free(&pg->streams);
    free(pg);
}

/* Streams are not saved: they are of an experiment, interfaces of a configuration. */
void pg_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct pg *pg = state;
    for (u32 i = 0; phase == RC_INTERFACE && i < pg->ports.n; i++)
        if (pg->ports.v[i]->mac_filter)
            text_add(t, "packet-generator mac-filter %s on\n",
                     interface_at(p, pg->ports.v[i]->interface)->name);
}
