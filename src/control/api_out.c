/* Frames to a client, and its end: what does not go out waits, within bounds. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/byteorder.h"
#include "control/api_internal.h"
#include "control/loop.h"

size_t api_client_unsent(const struct api_client *c)
{
    return c->out.n - c->out_sent;
}

size_t api_frame_begin(struct api_client *c, u16 id)
{
    size_t at = c->out.n;
    u8 *frame = api_bytes_add(&c->out, API_HEADER_BYTES + 2);
    memset(frame, 0, API_HEADER_BYTES);
    put_be16(frame + API_HEADER_BYTES, id);
    return at;
}

/* body: with the message's number in front. */
static void trace_sent(struct api_client *c, const u8 *body, size_t n)
{
    struct api_server *s = c->server;
    if (unlikely(s->trace.tx))
        api_trace_add(s, c, s->ids.v[get_be16(body)].message, true, body + 2, n - 2);
}

void api_frame_end(struct api_client *c, size_t at)
{
    size_t n = c->out.n - at - API_HEADER_BYTES;
    put_be32(c->out.v + at + 8, (u32)n);
    c->n_out++;
    trace_sent(c, c->out.v + at + API_HEADER_BYTES, n);
}

void api_client_hang_up(struct api_client *c)
{
    struct api_pending *p = c->pending;
    if (!c->dead)
        loop_fd_del(c->server->piste->loop, c->fd);
    c->dead = true;
    c->out.n = c->out_sent = 0;
    c->pending = NULL;
    if (p && p->end)
        p->end(p->state);
    if (p)
        api_arena_free(&p->arena);
    free(p);
    api_client_ready(c);
}

/* Of our own will: what it sent and sends does not count any more. */
void api_client_leave(struct api_client *c)
{
    c->eof = true;
    c->in.n = c->in_at = 0;
    api_client_hang_up(c);
}

void api_client_send(struct api_client *c, const u8 *frame, size_t n)
{
    if (c->dead)
        return;
    if (api_client_unsent(c) > API_OUT_MAX_BYTES) {
        log_error(&api_log, "client `%s' does not take its events: left", c->name);
        api_client_leave(c);
        return;
    }
    memcpy(api_bytes_add(&c->out, n), frame, n);
    c->n_out++;
    trace_sent(c, frame + API_HEADER_BYTES, n - API_HEADER_BYTES);
    api_client_ready(c);
}

void api_client_flush(struct api_client *c)
{
    if (c->held && !c->dead)
        return;
    while (!c->dead && api_client_unsent(c)) {
        ssize_t n =
            send(c->fd, c->out.v + c->out_sent, api_client_unsent(c), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (n < 0) {
            api_client_hang_up(c);
            return;
        }
        c->out_sent += (size_t)n;
    }
    if (c->dead || !api_client_unsent(c)) {
        c->out.n = c->out_sent = 0;
        if (c->out.cap > 2 * API_OUT_HIGH_BYTES)
            api_bytes_free(&c->out);
    } else if (c->out_sent > c->out.n / 2) {
        memmove(c->out.v, c->out.v + c->out_sent, api_client_unsent(c));
        c->out.n = api_client_unsent(c);
        c->out_sent = 0;
    }
}

/* Whether the client must take what waits for it first. */
bool api_client_congested(struct api_client *c)
{
    if (api_client_unsent(c) < API_OUT_HIGH_BYTES)
        return false;
    api_client_flush(c);
    return api_client_unsent(c) >= API_OUT_LOW_BYTES;
}
