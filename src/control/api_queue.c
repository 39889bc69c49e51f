/* Whose turn it is: clients that have something to do are served one after another, each for a
 * slice. */
#include "base/clock.h"
#include "base/vec.h"
#include "control/api_internal.h"
#include "control/loop.h"

static void api_queue_work(void *arg)
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
        s->run(c);
        now = clock_ns();
    }
    if (s->ready.n && !s->work_queued) {
        s->work_queued = true;
        loop_defer(s->piste->loop, api_queue_work, s);
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
    loop_defer(s->piste->loop, api_queue_work, s);
}

void api_queue_forget(struct api_client *c)
{
    struct api_server *s = c->server;
    for (u32 i = 0; i < s->ready.n; i++)
        if (s->ready.v[i] == c) {
            vec_del(&s->ready, i);
            return;
        }
}
