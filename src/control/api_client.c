/* A client of the binary API: frames in, requests to their handlers, frames out. A client is served
 * in slices; when it does not take its answers it is not served at all until it does. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/byteorder.h"
#include "base/clock.h"
#include "control/api_internal.h"
#include "control/loop.h"

/* --- requests --- */

/* What handlers left is done: whoever waited for it is answered. */
void api_clients_on_idle(void *server)
{
    struct api_server *s = server;
    for (u32 i = 0; i < s->clients.n; i++) {
        struct api_client *c = s->clients.v[i];
        if (!c || !c->held)
            continue;
        c->held = false;
        api_client_ready(c);
    }
}

/* A handler of c has run, which may have left work: its answer waits for that, and c with it. */
static void hold_for_work(struct api_client *c, u64 work_before)
{
    struct api_server *s = c->server;
    struct loop *loop = s->piste->loop;
    if (c->held || loop_work_count(loop) == work_before || !loop_has_work(loop))
        return;
    c->held = true;
    loop_on_idle_del(loop, api_clients_on_idle, s);
    loop_on_idle(loop, api_clients_on_idle, s);
}

static void send_held_events(struct api_server *s)
{
    size_t at = 0;
    for (u32 i = 0; i < s->held.n; i++) {
        struct api_client *c = api_client_find(s, s->held.v[i].client_index);
        if (c)
            api_client_send(c, s->held_bytes.v + at, s->held.v[i].bytes);
        at += s->held.v[i].bytes;
    }
    s->held.n = 0;
    s->held_bytes.n = 0;
}

static void run_more(struct api_client *c)
{
    struct api_server *s = c->server;
    struct api_pending *p = c->pending;
    u64 work = loop_work_count(s->piste->loop);
    s->in_call = true;
    /* nobody hears a dead client's answers, and there never is room for them */
    bool more = !c->dead && p->more(&p->call, p->state);
    s->in_call = false;
    if (!more) {
        c->pending = NULL;
        if (p->end)
            p->end(p->state);
        api_arena_free(&p->arena);
        free(p);
    }
    hold_for_work(c, work);
    if (s->held.n)
        send_held_events(s);
}

static void run_handler(struct api_client *c, struct api_id *id, struct api_call *call)
{
    struct api_server *s = c->server;
    id->calls++;
    const struct control_watch *watch = s->piste->watch;
    if (watch)
        watch->before(watch->arg, id->message->name);
    u64 work = loop_work_count(s->piste->loop);
    s->in_call = true;
    id->handler->fn(call);
    s->in_call = false;
    if (watch)
        watch->after(watch->arg, id->message->name);
    struct api_pending *p = s->kept;
    s->kept = NULL;
    if (p && p->done) {
        api_arena_free(&p->arena);
        free(p);
    } else {
        c->pending = p;
    }
    hold_for_work(c, work);
    if (s->held.n)
        send_held_events(s);
}

/* A message of at least one byte. What is wrong with it is only logged, as clients expect. */
static void api_client_dispatch(struct api_client *c, const u8 *body, u32 n)
{
    struct api_server *s = c->server;
    u32 number = n >= 2 ? get_be16(body) : 0;
    struct api_id *id = number < s->ids.n ? &s->ids.v[number] : NULL;
    c->n_in++;
    if (!id || !id->handler) {
        c->n_bad++;
        log_warn(&api_log, "client `%s': no message %u", c->name, number);
        return;
    }
    const struct api_type *type = id->message->type;
    void *msg = api_arena_alloc(&s->arena, type->struct_bytes);
    if (api_decode(type, body + 2, n - 2, msg, &s->arena) < 0) {
        c->n_bad++;
        log_warn(&api_log, "client `%s': truncated message %s, %u bytes", c->name,
                 id->message->name, n);
        return;
    }
    struct api_call call = {.piste = s->piste,
                            .msg = msg,
                            .message = id->message,
                            .client = c,
                            .client_index = API_HANDLE_BIT | c->slot};
    /* the first message of a client has no index in it yet */
    bool has_index = id->message->kind == API_REQUEST;
    if (has_index && get_be32(body + 2) != call.client_index) {
        c->n_bad++;
        log_warn(&api_log, "client `%s': %s in the name of client 0x%x", c->name, id->message->name,
                 get_be32(body + 2));
        return;
    }
    if (unlikely(s->trace.on))
        api_trace_add(s, c, id->message, false, body + 2, n - 2);
    call.context = load_be32(body + (has_index ? 6 : 2));
    run_handler(c, id, &call);
}

/* Reads once; false when there is nothing (yet, or any more). */
static bool read_some(struct api_client *c)
{
    if (c->eof)
        return false;
    if (c->in_at == c->in.n) {
        c->in.n = c->in_at = 0;
    } else if (c->in_at > c->in.n / 2) {
        memmove(c->in.v, c->in.v + c->in_at, c->in.n - c->in_at);
        c->in.n -= c->in_at;
        c->in_at = 0;
    }
    u8 *to = api_bytes_add(&c->in, API_READ_BYTES);
    ssize_t n = recv(c->fd, to, API_READ_BYTES, MSG_DONTWAIT);
    c->in.n -= API_READ_BYTES - (n > 0 ? (size_t)n : 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
        c->eof = true;
    return n > 0;
}

/* The next whole message; NULL when it is not there yet. */
static const u8 *next_message(struct api_client *c, u32 *n)
{
    while (c->in.n - c->in_at >= API_HEADER_BYTES) {
        const u8 *frame = c->in.v + c->in_at;
        *n = get_be32(frame + 8);
        if (*n > API_MAX_MESSAGE_BYTES) {
            log_error(&api_log, "client `%s' announces a message of %u bytes: left", c->name, *n);
            api_client_leave(c);
            return NULL;
        }
        if (c->in.n - c->in_at < API_HEADER_BYTES + (size_t)*n)
            return NULL;
        c->in_at += API_HEADER_BYTES + (size_t)*n;
        if (*n)
            return frame + API_HEADER_BYTES;
    }
    return NULL;
}

/* One step of the client's work; false when there is none that can be done now. */
static bool api_client_step(struct api_client *c)
{
    c->blocked = api_client_congested(c);
    if (c->closing || c->blocked || c->held)
        return false;
    if (c->pending && c->pending->more) {
        run_more(c);
        return true;
    }
    if (c->pending)
        return false;
    u32 n;
    const u8 *body = next_message(c, &n);
    if (!body)
        return read_some(c);
    api_client_dispatch(c, body, n);
    api_arena_reset(&c->server->arena);
    return true;
}

static void api_client_watch(struct api_client *c)
{
    bool reads = !c->eof && !c->closing && !c->pending && api_client_unsent(c) < API_OUT_LOW_BYTES;
    u32 events = (reads ? EPOLLIN : 0) | (api_client_unsent(c) ? EPOLLOUT : 0);
    if (c->held)
        events = 0;
    if (c->dead || events == c->events)
        return;
    c->events = events;
    loop_fd_mod(c->server->piste->loop, c->fd, events);
}

void api_client_run(struct api_client *c)
{
    struct api_server *s = c->server;
    bool again = true;
    c->running = true;
    while (again && clock_ns() < s->slice_end_ns)
        again = api_client_step(c);
    api_client_flush(c);
    c->running = false;
    if (c->blocked && api_client_unsent(c) < API_OUT_LOW_BYTES)
        again = true;
    bool idle = !c->pending && !c->held && !again && !c->blocked;
    bool over = c->closing || (c->eof && idle);
    if (over && (c->dead || !api_client_unsent(c))) {
        api_client_free(c);
        return;
    }
    if (again)
        api_client_ready(c);
    api_client_watch(c);
}

static void client_event(void *arg, u32 events)
{
    struct api_client *c = arg;
    /* the other end is gone altogether; what it sent before still counts */
    if (events & (EPOLLHUP | EPOLLERR))
        api_client_hang_up(c);
    else
        api_client_ready(c);
}

/* --- life --- */

struct api_client *api_client_new(struct piste *p, int fd, struct error *e)
{
    struct api_server *s = api_server_of(p);
    struct api_client *c = mem_alloc(sizeof(*c));
    u32 slot = 1;
    c->server = s;
    c->fd = fd;
    c->events = EPOLLIN;
    c->since_ns = clock_ns();
    if (loop_fd_add(p->loop, fd, EPOLLIN, client_event, c, e)) {
        free(c);
        return NULL;
    }
    while (slot < s->clients.n && s->clients.v[slot])
        slot++;
    while (s->clients.n <= slot)
        vec_add(&s->clients, NULL);
    s->clients.v[slot] = c;
    c->slot = slot;
    s->n_clients++;
    s->n_accepted++;
    return c;
}

void api_client_free(struct api_client *c)
{
    struct api_server *s = c->server;
    assert(!c->running);
    if (!c->dead)
        api_client_hang_up(c);
    api_queue_forget(c);
    api_events_forget(s, API_HANDLE_BIT | c->slot);
    close(c->fd);
    s->clients.v[c->slot] = NULL;
    s->n_clients--;
    api_bytes_free(&c->in);
    api_bytes_free(&c->out);
    free(c);
}
