/* Messages of memif.api. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_memif.h"
#include "net/link/interface/interface_api.h"
#include "plugins/memif/memif_internal.h"

/* --- sockets --- */

static i32 socket_retval(int rc)
{
    switch (rc) {
    case 0:
        return API_OK;
    case -EEXIST:
        return API_ENTRY_ALREADY_EXISTS;
    case -EBUSY:
        return API_UNEXPECTED_INTF_STATE;
    case -EACCES:
        return API_SYSCALL_ERROR_1;
    default:
        return API_INVALID_ARGUMENT;
    }
}

static i32 socket_add_del(struct piste *p, bool is_add, u32 *id, const char *filename)
{
    return socket_retval(is_add ? memif_socket_add(p, id, filename, NULL)
                                : memif_socket_del(p, *id, NULL));
}

static void memif_api_socket(struct api_call *c)
{
    const struct api_memif_socket_filename_add_del *m = c->msg;
    u32 id = m->socket_id;
    if (m->is_add && id == UINT32_MAX) /* this message has no place for the number */
        api_reply_retval(c, API_INVALID_ARGUMENT);
    else
        api_reply_retval(c, socket_add_del(c->piste, m->is_add, &id, m->socket_filename));
}

static void memif_api_socket_v2(struct api_call *c)
{
    const struct api_memif_socket_filename_add_del_v2 *m = c->msg;
    struct api_memif_socket_filename_add_del_v2_reply reply = {.socket_id = m->socket_id};
    char *filename = mem_printf("%.*s", (int)min_u64(m->socket_filename_bytes, 4096),
                                m->socket_filename_bytes ? m->socket_filename : "");
    reply.retval = socket_add_del(c->piste, m->is_add, &reply.socket_id, filename);
    free(filename);
    api_reply(c, &api_message_memif_socket_filename_add_del_v2_reply, &reply);
}

static void memif_api_socket_dump(struct api_call *c)
{
    const struct memif_state *s = memif_state_of(c->piste);
    for (u32 i = 0; i < s->sockets.n; i++) {
        struct api_memif_socket_filename_details d = {.socket_id = s->sockets.v[i]->id};
        snprintf(d.socket_filename, sizeof(d.socket_filename), "%s", s->sockets.v[i]->filename);
        api_reply(c, &api_message_memif_socket_filename_details, &d);
    }
}

/* --- interfaces --- */

static i32 create_retval(int rc)
{
    switch (rc) {
    case 0:
        return API_OK;
    case -EINVAL:
    case -ENOENT:
        return API_INVALID_ARGUMENT;
    case -EEXIST:
        return API_SUBIF_ALREADY_EXISTS;
    case -EOPNOTSUPP:
        return API_SYSCALL_ERROR_2;
    case -EADDRINUSE:
        return API_SYSCALL_ERROR_4;
    default:
        return api_retval(rc);
    }
}

static i32 memif_api_make(struct api_call *c, const struct api_memif_create_v2 *m, u32 *sw_if_index)
{
    static const u8 none[6];
    struct if_index i = IF_NONE;
    struct memif_args a = {
        .id = m->id,
        .socket_id = m->socket_id,
        .role = m->role == MEMIF_ROLE_API_MASTER ? MEMIF_MASTER : MEMIF_SLAVE,
        .mode = m->mode,
        .ring_slots = m->ring_size,
        .buffer_bytes = m->buffer_size,
        .n_rx_queues = m->rx_queues,
        .n_tx_queues = m->tx_queues,
        .no_zero_copy = m->no_zero_copy,
        .use_dma = m->use_dma,
        .hw_addr = memcmp(m->hw_addr, none, 6) ? m->hw_addr : NULL,
        .secret = m->secret,
    };
    i32 retval = create_retval(memif_create(c->piste, &a, &i, NULL));
    *sw_if_index = i.i;
    return retval;
}

static void memif_api_create(struct api_call *c)
{
    const struct api_memif_create *m = c->msg;
    struct api_memif_create_reply reply;
    struct api_memif_create_v2 v2 = {
        .role = m->role,
        .mode = m->mode,
        .rx_queues = m->rx_queues,
        .tx_queues = m->tx_queues,
        .id = m->id,
        .socket_id = m->socket_id,
        .ring_size = m->ring_size,
        .buffer_size = m->buffer_size,
        .no_zero_copy = m->no_zero_copy,
    };
    memcpy(v2.hw_addr, m->hw_addr, sizeof(v2.hw_addr));
    memcpy(v2.secret, m->secret, sizeof(v2.secret));
    reply.retval = memif_api_make(c, &v2, &reply.sw_if_index);
    api_reply(c, &api_message_memif_create_reply, &reply);
}

static void memif_api_create_v2(struct api_call *c)
{
    struct api_memif_create_v2_reply reply;
    reply.retval = memif_api_make(c, c->msg, &reply.sw_if_index);
    api_reply(c, &api_message_memif_create_v2_reply, &reply);
}

static void memif_api_delete(struct api_call *c)
{
    const struct api_memif_delete *m = c->msg;
    int rc = memif_delete(c->piste, (struct if_index){m->sw_if_index}, NULL);
    api_reply_retval(c, rc == -ENODEV ? API_INVALID_SW_IF_INDEX : api_retval(rc));
}

/* Slots of its rings as they are; of one that is not connected, as they are asked for. */
static u32 ring_slots(const struct memif *port)
{
    const struct memif_conn *c = port->conn;
    for (u32 d = 0; c && d < MEMIF_DIRECTION_N; d++)
        if (c->rings[d].n)
            return 1u << c->rings[d].v[0].log2;
    return port->args.ring_slots;
}

static void memif_api_details(struct api_call *c, const struct memif *port)
{
    const struct interface *f = interface_at(c->piste, port->interface);
    struct api_memif_details d = {
        .sw_if_index = port->interface.i,
        .id = port->args.id,
        .role = port->args.role == MEMIF_MASTER ? MEMIF_ROLE_API_MASTER : MEMIF_ROLE_API_SLAVE,
        .mode = port->args.mode,
        .zero_copy = port->args.role == MEMIF_SLAVE && !port->args.no_zero_copy,
        .socket_id = port->socket->id,
        .ring_size = ring_slots(port),
        .buffer_size = (u16)port->args.buffer_bytes,
        .flags = (f->admin_up ? IF_STATUS_API_FLAG_ADMIN_UP : 0) |
                 (f->link_up ? IF_STATUS_API_FLAG_LINK_UP : 0),
    };
    memcpy(d.hw_addr, port->mac, sizeof(d.hw_addr));
    snprintf(d.if_name, sizeof(d.if_name), "%s", f->name);
    api_reply(c, &api_message_memif_details, &d);
}

static bool memif_api_dump_more(struct api_call *c, void *state)
{
    u32 *next = state;
    for (const struct interface *f; (f = interface_next(c->piste, *next)); *next = f->index.i + 1) {
        const struct memif *port = memif_of(c->piste, f->index);
        if (!port)
            continue;
        if (!api_room(c))
            return true;
        memif_api_details(c, port);
    }
    return false;
}

static void memif_api_dump(struct api_call *c)
{
    api_continue(c, memif_api_dump_more, free, mem_alloc(sizeof(u32)));
}

const struct api_handler memif_api[] = {
    {&api_message_memif_socket_filename_add_del, memif_api_socket},
    {&api_message_memif_socket_filename_add_del_v2, memif_api_socket_v2},
    {&api_message_memif_socket_filename_dump, memif_api_socket_dump},
    {&api_message_memif_create, memif_api_create},
    {&api_message_memif_create_v2, memif_api_create_v2},
    {&api_message_memif_delete, memif_api_delete},
    {&api_message_memif_dump, memif_api_dump},
    {0},
};
