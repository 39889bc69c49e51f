/* Who wants events, and sending them. */
#include <stdlib.h>
#include <string.h>

#include "base/byteorder.h"
#include "control/api_internal.h"

i32 api_events_want(struct api_call *c, struct api_events *ev, bool enable, u32 pid,
                    const void *key, size_t key_bytes)
{
    struct api_server *s = c->client->server;
    struct api_registration r = {.client_index = c->client_index, .pid = pid};
    assert(key_bytes <= sizeof(r.key));
    if (key_bytes)
        memcpy(r.key, key, key_bytes);
    if (!ev->known)
        vec_add(&s->events, ev);
    ev->known = true;
    for (u32 i = 0; i < ev->list.n; i++) {
        const struct api_registration *have = &ev->list.v[i];
        if (have->client_index != r.client_index || memcmp(have->key, r.key, sizeof(r.key)) != 0)
            continue;
        if (enable)
            return API_INVALID_REGISTRATION;
        vec_del(&ev->list, i);
        return API_OK;
    }
    if (!enable)
        return API_INVALID_REGISTRATION;
    vec_add(&ev->list, r);
    return API_OK;
}

void api_events_send(struct piste *p, struct api_events *ev, const struct api_message *m, void *msg,
                     bool (*match)(const struct api_registration *r, const void *arg),
                     const void *arg)
{
    struct api_server *s = ev->list.n ? api_server_of(p) : NULL;
    struct api_bytes b = {0};
    if (!s)
        return;
    u8 *head = api_bytes_add(&b, API_HEADER_BYTES + 2);
    memset(head, 0, API_HEADER_BYTES);
    put_be16(head + API_HEADER_BYTES, api_message_id(s, m));
    api_encode(m->type, msg, &b);
    put_be32(b.v + 8, (u32)(b.n - API_HEADER_BYTES));
    bool has_pid = m->type->n_fields > 1 && !strcmp(m->type->fields[1].name, "pid");
    for (u32 i = 0; i < ev->list.n; i++) {
        const struct api_registration *r = &ev->list.v[i];
        if (match && !match(r, arg))
            continue;
        put_be32(b.v + API_HEADER_BYTES + 2, r->client_index);
        if (has_pid)
            put_be32(b.v + API_HEADER_BYTES + 6, r->pid);
        if (!s->in_call) {
            struct api_client *c = api_client_find(s, r->client_index);
            if (c)
                api_client_send(c, b.v, b.n);
            continue;
        }
        struct held_event held = {r->client_index, (u32)b.n};
        vec_add(&s->held, held);
        memcpy(api_bytes_add(&s->held_bytes, b.n), b.v, b.n);
    }
    api_bytes_free(&b);
}

void api_events_forget(struct api_server *s, u32 client_index)
{
    for (u32 k = 0; k < s->events.n; k++) {
        struct api_events *ev = s->events.v[k];
        for (u32 i = ev->list.n; i-- > 0;)
            if (ev->list.v[i].client_index == client_index)
                vec_del(&ev->list, i);
    }
}

void api_events_release(struct api_server *s)
{
    for (u32 k = 0; k < s->events.n; k++)
        api_events_free(s->events.v[k]);
    vec_free(&s->events);
}

void api_events_free(struct api_events *ev)
{
    vec_free(&ev->list);
    ev->known = false;
}
