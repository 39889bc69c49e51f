/* The binary API's server: the table of messages, the socket, whose turn it is. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/api_memclnt.h"
#include "base/byteorder.h"
#include "base/clock.h"
#include "base/mem.h"
#include "control/api_trace_file.h"
#include "control/listen.h"
#include "control/loop.h"
#include "control/module.h"
#include "control/socket_listener.h"
#include "control/startup.h"

struct log_class api_log = {.name = "api", .sub = "socket"};

enum { BACKLOG = 1024 };

struct api_server *api_server_of(const struct piste *p)
{
    return module_state(p, api_module.name);
}

u16 api_message_id(const struct api_server *s, const struct api_message *m)
{
    u64 id;
    return hash_get(&s->id_of, &m, &id) && s->ids.v[id].listed ? (u16)id : 0;
}

struct api_client *api_client_find(const struct api_server *s, u32 client_index)
{
    u32 slot = client_index & ~API_HANDLE_BIT;
    return (client_index & API_HANDLE_BIT) && slot < s->clients.n ? s->clients.v[slot] : NULL;
}

/* --- the message table --- */

static void add_file(struct api_server *s, const struct api_file *file)
{
    for (u32 i = 0; i < s->files.n; i++)
        if (s->files.v[i].file == file)
            return;
    struct api_file_base base = {file, (u16)s->ids.n};
    vec_add(&s->files, base);
    for (const struct api_message *const *m = file->messages; *m; m++) {
        struct api_id id = {.message = *m};
        hash_set(&s->id_of, m, s->ids.n);
        vec_add(&s->ids, id);
    }
}

static struct api_id *id_of(struct api_server *s, const struct api_message *m)
{
    u64 id = 0;
    add_file(s, m->file);
    hash_get(&s->id_of, &m, &id);
    return &s->ids.v[id];
}

static void add_handlers(struct api_server *s, const struct api_handler *table)
{
    for (const struct api_handler *h = table; h && h->message; h++) {
        const struct api_message *const *sends = h->message->sends;
        struct api_id *id = id_of(s, h->message);
        if (id->handler)
            panic("two handlers for API message %s", h->message->name);
        id->handler = h;
        id->listed = true;
        for (; sends && *sends; sends++)
            id_of(s, *sends)->listed = true;
    }
}

static void add_module(const struct module *m, const char *file, void *arg)
{
    add_handlers(arg, m->api);
}

static void make_table(struct api_server *s)
{
    u16 count = 0;
    s->table.n = 0;
    api_bytes_add(&s->table, 2);
    for (u32 id = 1; id < s->ids.n; id++) {
        const struct api_id *x = &s->ids.v[id];
        if (!x->listed)
            continue;
        char *name = mem_printf("%s_%08x", x->message->name, x->message->crc);
        u8 *entry = api_bytes_add(&s->table, 66);
        memset(entry, 0, 66);
        put_be16(entry, (u16)id);
        memcpy(entry + 2, name, strnlen(name, 63));
        free(name);
        count++;
    }
    put_be16(s->table.v, count);
}

int api_start(struct piste *p, struct error *e)
{
    struct api_server *s = api_server_of(p);
    struct api_id none = {0};
    if (!s)
        return error_set(e, ENOENT, "there is no API module");
    if (s->ids.n)
        return 0;
    vec_add(&s->ids, none);
    api_trace_start(s);
    add_file(s, &api_file_memclnt); /* its numbers are fixed: they begin at 1 */
    modules_each(p->modules, add_module, s);
    make_table(s);
    return 0;
}

/* --- whose turn it is --- */

static void work(void *arg)
{
    struct api_server *s = arg;
    u64 now = clock_ns(), end = now + API_SLICE_NS;
    s->work_queued = false;
    /* while a handler waits in a loop of its own nobody is served */
    while (!s->in_call && s->ready.n && now < end) {
        struct api_client *c = s->ready.v[0];
        vec_del(&s->ready, 0);
        c->queued = false;
        s->slice_end_ns = now + API_CLIENT_SLICE_NS;
        api_client_run(c);
        now = clock_ns();
    }
    if (s->ready.n && !s->work_queued) {
        s->work_queued = true;
        loop_defer(s->piste->loop, work, s);
    }
}

void api_client_ready(struct api_client *c)
{
    struct api_server *s = c->server;
    if (c->queued || c->running)
        return;
    c->queued = true;
    vec_add(&s->ready, c);
    if (s->work_queued)
        return;
    s->work_queued = true;
    loop_defer(s->piste->loop, work, s);
}

/* --- the socket --- */

static void on_client(void *arg, int fd)
{
    struct api_server *s = arg;
    struct error e;
    if (api_client_new(s->piste, fd, &e))
        return;
    log_error(&api_log, "cannot accept a client: %s", e.text);
    close(fd);
}

/* For `show api dump': a daemon that has it not is still a good one. */
static void save_table(const struct api_server *s, const char *name)
{
    struct error e;
    char *path = api_file_path(name, &e);
    if (!path || api_table_write(s, path, &e))
        log_error(&api_log, "api-trace: save-api-table: %s", e.text);
    free(path);
}

int api_listen(struct piste *p, struct error *e)
{
    int rc = api_start(p, e);
    if (rc)
        return rc;
    struct api_server *s = api_server_of(p);
    if (p->startup->api.save_table)
        save_table(s, p->startup->api.save_table);
    char *address =
        socket_listener_address(p->startup, p->startup->socksvr.socket_name, "api.sock");
    s->listener =
        socket_listener_new(p->loop, address, SOCK_STREAM, BACKLOG, &api_log, on_client, s, e);
    rc = s->listener ? listen_give(address, p->startup, e) : -e->code;
    free(address);
    if (rc)
        error_prefix(e, "socksvr");
    return rc;
}

void api_serve(struct piste *p, bool on)
{
    struct api_server *s = api_server_of(p);
    if (s && s->listener)
        socket_listener_serve(s->listener, on);
}

void api_close(struct piste *p)
{
    struct api_server *s = p->modules ? api_server_of(p) : NULL;
    if (!s)
        return;
    for (u32 i = 0; i < s->clients.n; i++)
        if (s->clients.v[i])
            api_client_free(s->clients.v[i]);
    api_events_release(s);
    socket_listener_free(s->listener);
    s->listener = NULL;
}

/* --- module --- */

static int api_init(struct piste *p, void **state, struct error *e)
{
    struct api_server *s = mem_alloc(sizeof(*s));
    s->piste = p;
    hash_init(&s->id_of, sizeof(const struct api_message *));
    log_class_register(&api_log);
    *state = s;
    return 0;
}

static void api_stop(struct piste *p, void *state)
{
    struct api_server *s = state;
    api_close(p);
    api_trace_stop(s);
    hash_fini(&s->id_of);
    vec_free(&s->ids);
    vec_free(&s->files);
    vec_free(&s->clients);
    vec_free(&s->ready);
    vec_free(&s->held);
    api_bytes_free(&s->held_bytes);
    api_bytes_free(&s->table);
    api_arena_free(&s->arena);
    free(s);
}

const struct module api_module = {
    .abi = MODULE_ABI,
    .name = "api",
    .description = "Binary API",
    .init = api_init,
    .stop = api_stop,
    .api = api_core_handlers,
    .commands = api_commands,
};
