/* The binary API's server: the table of messages, the socket, whose turn it is. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/api_memclnt.h"
#include "base/mem.h"
#include "control/api_trace_file.h"
#include "control/listen.h"
#include "control/loop.h"
#include "control/socket_listener.h"

enum { BACKLOG = 1024 };

int api_start(struct piste *p, struct error *e)
{
    struct api_server *s = api_server_of(p);
    if (!s)
        return error_set(e, ENOENT, "there is no API module");
    if (s->ids.n)
        return 0;
    api_trace_start(s);
    api_ids_make(s);
    return 0;
}

/* --- the socket --- */

static void api_server_on_client(void *arg, int fd)
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
    s->listener = socket_listener_new(p->loop, address, SOCK_STREAM, BACKLOG, &api_log,
                                      api_server_on_client, s, e);
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

/* --- life --- */

int api_init(struct piste *p, void **state, struct error *e)
{
    struct api_server *s = mem_alloc(sizeof(*s));
    s->piste = p;
    s->run = api_client_run;
    hash_init(&s->id_of, sizeof(const struct api_message *));
    log_class_register(&api_log);
    *state = s;
    return 0;
}

void api_stop(struct piste *p, void *state)
{
    struct api_server *s = state;
    api_close(p);
    loop_on_idle_del(p->loop, api_clients_on_idle, s);
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

void api_tables(struct piste *p, void *state, module_table_fn *tell, void *arg)
{
    const struct api_server *s = state;
    module_tell_hash(tell, arg, "messages of the binary API", &s->id_of);
}
