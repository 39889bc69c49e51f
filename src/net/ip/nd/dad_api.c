/* Messages of ip6_dad.api. */
#include <stdlib.h>
#include <string.h>

#include "api/api_ip6_dad.h"
#include "control/api.h"
#include "net/ip/nd/dad_internal.h"

const char dad_api_module_name[] = "dad_api";

struct dad_api {
    struct api_events events;
};

static void dad_api_enable_disable(struct api_call *c)
{
    const struct api_ip6_dad_enable_disable *m = c->msg;
    struct dad_config x = dad_config(c->piste);
    x.enabled = m->enable;
    if (m->enable) {
        x.transmits = m->dad_transmits;
        x.delay_s = m->dad_retransmit_delay;
    }
    api_reply_errno(c, dad_set_config(c->piste, &x, NULL));
}

static void dad_api_dump(struct api_call *c)
{
    struct dad_config x = dad_config(c->piste);
    struct api_ip6_dad_details d = {
        .enabled = x.enabled, .dad_transmits = x.transmits, .dad_retransmit_delay = x.delay_s};
    api_reply(c, &api_message_ip6_dad_details, &d);
}

static void dad_api_want(struct api_call *c)
{
    const struct api_want_ip6_dad_events *m = c->msg;
    struct dad_api *s = module_state(c->piste, dad_api_module_name);
    api_reply_retval(c, api_events_want(c, &s->events, m->enable_disable, m->pid, NULL, 0));
}

static void dad_api_on_event(struct piste *p, const struct dad_probe *x, enum dad_state state,
                             void *arg)
{
    struct dad_api *s = module_state(p, dad_api_module_name); /* NULL: stopped */
    struct api_ip6_dad_event ev = {.state = (u8)state,
                                   .sw_if_index = x->host.interface.i,
                                   .dad_count = x->sent,
                                   .dad_transmits = x->transmits};
    if (!s)
        return;
    memcpy(ev.address, x->host.addr.bytes, sizeof(ev.address));
    api_events_send(p, &s->events, &api_message_ip6_dad_event, &ev, NULL, NULL);
}

int dad_api_init(struct piste *p, void **state, struct error *e)
{
    *state = mem_alloc(sizeof(struct dad_api));
    dad_on_event(p, dad_api_on_event, NULL);
    return 0;
}

void dad_api_stop(struct piste *p, void *state)
{
    struct dad_api *s = state;
    api_events_free(&s->events);
    free(s);
}

const struct api_handler dad_api_handlers[] = {
    {&api_message_ip6_dad_enable_disable, dad_api_enable_disable},
    {&api_message_ip6_dad_dump, dad_api_dump},
    {&api_message_want_ip6_dad_events, dad_api_want},
    {0},
};
