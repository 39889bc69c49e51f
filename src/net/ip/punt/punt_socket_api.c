/* Messages of punt.api about sockets. */
#include <stdlib.h>
#include <string.h>

#include "api/api_punt.h"
#include "base/byteorder.h"
#include "base/mem.h"
#include "net/ip/punt/punt_socket.h"

static_assert((u32)PUNT_API_TYPE_L4 == PUNT_SOCKET_L4 &&
                  (u32)PUNT_API_TYPE_IP_PROTO == PUNT_SOCKET_PROTOCOL &&
                  (u32)PUNT_API_TYPE_EXCEPTION == PUNT_SOCKET_EXCEPTION,
              "the API's numbers are ours");

/* The union is as on the wire. false: it says nothing that there is. */
static bool punt_socket_api_key(const struct api_type_punt *m, struct punt_socket_key *k)
{
    const u8 *wire = m->punt;
    *k = (struct punt_socket_key){.kind = (enum punt_socket_kind)m->type};
    if (m->type == PUNT_API_TYPE_EXCEPTION) {
        k->number = get_be32(wire);
        return true;
    }
    if (m->type > PUNT_API_TYPE_EXCEPTION || wire[0] >= IP_FAMILY_N)
        return false;
    k->family = (enum ip_family)wire[0];
    k->protocol = wire[1];
    k->number = m->type == PUNT_API_TYPE_L4 ? get_be16(wire + 2) : wire[1];
    return true;
}

static void punt_socket_api_key_to(const struct punt_socket_key *k, struct api_type_punt *m)
{
    m->type = (u32)k->kind;
    if (k->kind == PUNT_SOCKET_EXCEPTION) {
        put_be32(m->punt, k->number);
        return;
    }
    m->punt[0] = (u8)k->family;
    m->punt[1] = k->kind == PUNT_SOCKET_L4 ? k->protocol : (u8)k->number;
    if (k->kind == PUNT_SOCKET_L4)
        put_be16(m->punt + 2, (u16)k->number);
}

/* Whatever is wrong is said as VPP does. */
static void punt_socket_api_register(struct api_call *c)
{
    const struct api_punt_socket_register *m = c->msg;
    struct api_punt_socket_register_reply reply = {.retval = API_UNSPECIFIED};
    char client[sizeof(m->pathname) + 1] = "";
    struct punt_socket_key k;
    memcpy(client, m->pathname, sizeof(m->pathname));
    if (m->header_version == PUNT_SOCKET_HEADER_VERSION && punt_socket_api_key(&m->punt, &k) &&
        !punt_socket_register(c->piste, &k, client, NULL))
        reply.retval = API_OK;
    strcpy(reply.pathname, punt_socket_path(c->piste));
    api_reply(c, &api_message_punt_socket_register_reply, &reply);
}

static void punt_socket_api_deregister(struct api_call *c)
{
    const struct api_punt_socket_deregister *m = c->msg;
    struct punt_socket_key k;
    bool done = punt_socket_api_key(&m->punt, &k) && !punt_socket_deregister(c->piste, &k, NULL);
    api_reply_retval(c, done ? API_OK : API_UNSPECIFIED);
}

/* In pieces: a client may have all ports. */
static bool punt_socket_api_more(struct api_call *c, void *state)
{
    struct punt_socket_key *k = state;
    for (const char *client; api_room(c); k->number++) {
        struct api_punt_socket_details d = {0};
        client = punt_socket_from(c->piste, k);
        if (!client)
            return false;
        punt_socket_api_key_to(k, &d.punt);
        strcpy(d.pathname, client);
        api_reply(c, &api_message_punt_socket_details, &d);
    }
    return true;
}

static void punt_socket_api_dump(struct api_call *c)
{
    const struct api_punt_socket_dump *m = c->msg;
    if (m->type > PUNT_API_TYPE_EXCEPTION)
        return;
    struct punt_socket_key *from = mem_alloc(sizeof(*from));
    *from = (struct punt_socket_key){.kind = (enum punt_socket_kind)m->type};
    api_continue(c, punt_socket_api_more, free, from);
}

const struct api_handler punt_socket_api[] = {
    {&api_message_punt_socket_register, punt_socket_api_register},
    {&api_message_punt_socket_deregister, punt_socket_api_deregister},
    {&api_message_punt_socket_dump, punt_socket_api_dump},
    {0},
};
