/* What handlers of messages call: answers, at once or later. See api.h. */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/byteorder.h"
#include "base/clock.h"
#include "control/api_internal.h"

void api_reply(struct api_call *call, const struct api_message *m, void *msg)
{
    struct api_client *c = call->client;
    u16 id = api_message_id(c->server, m);
    assert(id && m->kind == API_REPLY);
    if (c->dead || !id)
        return;
    size_t at = api_frame_begin(c, id);
    api_encode(m->type, msg, &c->out);
    u8 *body = c->out.v + at + API_HEADER_BYTES + 2;
    bool has_index = !strcmp(m->type->fields[0].name, "client_index");
    if (has_index)
        put_be32(body, call->client_index);
    store_be32(body + (has_index ? 4 : 0), call->context);
    api_frame_end(c, at);
}

void api_reply_retval(struct api_call *call, i32 retval)
{
    struct api_client *c = call->client;
    const struct api_message *m = call->message->sends ? call->message->sends[0] : NULL;
    assert(m && m->kind == API_REPLY && m->type->least_wire_bytes >= 8);
    if (c->dead || !m)
        return;
    size_t at = api_frame_begin(c, api_message_id(c->server, m));
    u8 *body = api_bytes_add(&c->out, m->type->least_wire_bytes);
    memset(body, 0, m->type->least_wire_bytes);
    store_be32(body, call->context);
    put_be32(body + 4, (u32)retval);
    api_frame_end(c, at);
}

void api_reply_errno(struct api_call *c, int rc)
{
    api_reply_retval(c, api_retval(rc));
}

static struct api_pending *keep_call(struct api_call *c, void (*end)(void *), void *state)
{
    struct api_server *s = c->client->server;
    struct api_pending *p = mem_alloc(sizeof(*p));
    assert(!s->kept);
    p->call = *c;
    p->arena = s->arena;
    s->arena = (struct api_arena){0};
    p->end = end;
    p->state = state;
    s->kept = p;
    return p;
}

void api_continue(struct api_call *c, bool (*more)(struct api_call *c, void *state),
                  void (*end)(void *state), void *state)
{
    keep_call(c, end, state)->more = more;
}

bool api_room(struct api_call *c)
{
    return !c->client->dead && api_client_unsent(c->client) < API_OUT_HIGH_BYTES &&
           clock_ns() < c->client->server->slice_end_ns;
}

struct api_call *api_pend(struct api_call *c, void (*cancel)(void *arg), void *arg)
{
    return &keep_call(c, cancel, arg)->call;
}

void api_done(struct api_call *call)
{
    struct api_pending *p = container_of(call, struct api_pending, call);
    struct api_client *c = call->client;
    p->done = true;
    if (c->pending != p)
        return; /* its handler has not returned yet */
    c->pending = NULL;
    api_arena_free(&p->arena);
    free(p);
    api_client_ready(c);
}
