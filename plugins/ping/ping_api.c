/* Messages: a client has a session run, and is told its end. */
#include <string.h>

#include "api_ping.h"
#include "control/api.h"
#include "control/module.h"
#include "engine/index.h"
#include "plugins/ping/ping.h"
#include "plugins/ping/ping_internal.h"

static bool ping_is_of(const struct api_registration *r, const void *session)
{
    const struct ping_session *s = session;
    return !memcmp(r->key, &s->id, sizeof(s->id));
}

/* The registration of the client that waits for s; ends.list.n: it has gone. */
static u32 ping_registration_of(const struct ping_session *s)
{
    const struct api_events *ends = &s->ping->ends;
    u32 i = 0;
    while (i < ends->list.n && !ping_is_of(&ends->list.v[i], s))
        i++;
    return i;
}

bool ping_client_waits(const struct ping_session *s)
{
    return ping_registration_of(s) < s->ping->ends.list.n;
}

void ping_tell_client(struct ping_session *s)
{
    struct api_events *ends = &s->ping->ends;
    struct api_ping_finished_event m = {.request_count = s->n_sent, .reply_count = s->n_received};
    api_events_send(s->p, ends, &api_message_ping_finished_event, &m, ping_is_of, s);
    u32 i = ping_registration_of(s);
    if (i < ends->list.n)
        vec_del(&ends->list, i);
}

static i32 start_for_client(struct api_call *c, const struct api_want_ping_finished_events *m)
{
    struct ping *ping = module_state(c->piste, ping_module_name);
    struct ping_session args = {
        .p = c->piste,
        .ping = ping,
        .source_if = IF_NONE,
        .data_bytes = PING_DATA_BYTES,
        .repeat = m->repeat,
        .burst = 1,
    };

    if (m->address.af >= IP_FAMILY_N)
        return API_INVALID_ADDRESS_FAMILY;
    if (!m->repeat || !ping_set_interval(&args, m->interval))
        return API_INVALID_VALUE;
    args.family = (enum ip_family)m->address.af;
    args.dst = ip_address_from_bytes(args.family, m->address.un);
    const struct ping_session *s = ping_session_new(&args);
    return s ? api_events_want(c, &ping->ends, true, 0, &s->id, sizeof(s->id)) : API_RSRC_IN_USE;
}

static void want_ping_finished_events(struct api_call *c)
{
    api_reply_retval(c, start_for_client(c, c->msg));
}

const struct api_handler ping_handlers[] = {
    {&api_message_want_ping_finished_events, want_ping_finished_events},
    {0},
};
