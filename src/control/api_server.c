/* The binary API's server: the table of messages, the socket, whose turn it is. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/api_memclnt.h"
#include "base/byteorder.h"
#include "base/clock.h"
#include "base/mem.h"
#include "control/api_internal.h"
#include "control/listen.h"
#include "control/loop.h"
#include "control/module.h"
#include "control/startup.h"

struct log_class api_log = {.name = "api", .sub = "socket"};

enum { BACKLOG = 1024, ACCEPTS_A_ROUND = 64 };
#define PAUSE_NS (200 * NS_PER_MSEC)

struct api_server *api_server_of(const struct piste *p)
{
    return module_state(p, &api_module);
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

static void pause_over(void *arg)
{
    struct api_server *s = arg;
    loop_fd_mod(s->piste->loop, s->fd, EPOLLIN);
}

static void pause_accepting(struct api_server *s, const char *why)
{
    log_error(&api_log, "cannot accept a client: %s", why);
    loop_fd_mod(s->piste->loop, s->fd, 0);
    if (s->pause)
        loop_timer_set(s->piste->loop, s->pause, clock_ns() + PAUSE_NS);
    else
        s->pause = loop_timer_add(s->piste->loop, clock_ns() + PAUSE_NS, 0, pause_over, s);
}

static void listener_event(void *arg, u32 events)
{
    struct api_server *s = arg;
    struct error e;
    for (int i = 0; i < ACCEPTS_A_ROUND; i++) {
        int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                pause_accepting(s, strerror(errno));
            return;
        }
        if (!api_client_new(s->piste, fd, &e)) {
            log_error(&api_log, "cannot accept a client: %s", e.text);
            close(fd);
        }
    }
}

static char *socket_path(const struct startup *st)
{
    const char *name = st->socksvr.socket_name;
    if (!name || !strcmp(name, "default"))
        name = "api.sock";
    if (*name == '/' || strchr(name, ':'))
        return mem_strdup(name);
    return mem_printf("%s/%s", startup_runtime_dir(st), name);
}

int api_listen(struct piste *p, struct error *e)
{
    bool local;
    int rc = api_start(p, e);
    if (rc)
        return rc;
    struct api_server *s = api_server_of(p);
    s->path = socket_path(p->startup);
    s->fd = listen_open(s->path, SOCK_STREAM, BACKLOG, &local, e);
    if (s->fd < 0) {
        rc = s->fd;
        s->fd = -1;
    } else {
        rc = listen_give(s->path, p->startup, e);
        if (!rc)
            rc = loop_fd_add(p->loop, s->fd, EPOLLIN, listener_event, s, e);
    }
    if (rc)
        error_prefix(e, "socksvr");
    return rc;
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
    if (s->fd >= 0) {
        loop_fd_del(p->loop, s->fd);
        close(s->fd);
    }
    s->fd = -1;
}

/* --- module --- */

static int api_init(struct piste *p, void **state, struct error *e)
{
    struct api_server *s = mem_alloc(sizeof(*s));
    s->piste = p;
    s->fd = -1;
    hash_init(&s->id_of, sizeof(const struct api_message *));
    log_class_register(&api_log);
    *state = s;
    return 0;
}

static void api_stop(struct piste *p, void *state)
{
    struct api_server *s = state;
    api_close(p);
    if (s->pause)
        loop_timer_del(p->loop, s->pause);
    api_trace_free(&s->trace);
    hash_fini(&s->id_of);
    vec_free(&s->ids);
    vec_free(&s->files);
    vec_free(&s->clients);
    vec_free(&s->ready);
    vec_free(&s->held);
    api_bytes_free(&s->held_bytes);
    api_bytes_free(&s->table);
    api_arena_free(&s->arena);
    free(s->path);
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
