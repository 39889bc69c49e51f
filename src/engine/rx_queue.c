/* Receive queues of data threads: who polls what, when a thread waits for it. See rx_queue.h. */
#include "engine/rx_queue.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "engine/engine_internal.h"

/* While some queues are busy, the others are looked at every so many rounds. */
#define EPOLL_EVERY_ROUNDS 8
#define EPOLL_BATCH 32

/* A queue that had packets for so many rounds is not in epoll until it has none: the kernel calls
 * what waits for a socket at each packet, also while the thread does not sleep. That is 2 % of the
 * CPU of a small packet at 150,000 a second, and 10 % at all that can be sent (`bench/run udp`,
 * before and after by turns). */
#define BUSY_ROUNDS 64

static bool always_polled(const struct rx_queue *q)
{
    return q->fd < 0 || q->mode == RX_MODE_POLLING;
}

static void epoll_add(struct thread *t, struct rx_queue *q)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = q};
    epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, q->fd, &ev);
}

static void epoll_del(struct thread *t, const struct rx_queue *q)
{
    epoll_ctl(t->epoll_fd, EPOLL_CTL_DEL, q->fd, NULL);
}

/* --- ready and waiting --- */

static void queue_is_ready(struct thread *t, struct rx_queue *q)
{
    q->ready = true;
    q->next_ready = NULL;
    *t->ready_last = q;
    t->ready_last = &q->next_ready;
}

/* It has packets again. */
static void queue_is_not_empty(struct rx_queue *q, u64 now_ns)
{
    if (!q->empty_ns)
        return;
    q->n_soon = now_ns - q->empty_ns < RX_LINGER_NS ? q->n_soon + (q->n_soon < RX_LINGER_TIMES) : 0;
    q->empty_ns = 0;
}

/* It is empty. Returns whether it is looked at for some time more before it waits. One whose other
 * end needs this core to answer loses that time once in RX_LINGER_TIMES packets at most. */
static bool queue_lingers(struct rx_queue *q, u64 now_ns)
{
    if (!q->empty_ns)
        q->empty_ns = now_ns;
    return q->n_soon == RX_LINGER_TIMES && q->mode == RX_MODE_ADAPTIVE && q->ops &&
           q->ops->lingers && now_ns - q->empty_ns < RX_LINGER_NS;
}

static void queue_had_packets(struct thread *t, struct rx_queue *q)
{
    queue_is_not_empty(q, t->now_ns);
    if (q->busy_rounds < BUSY_ROUNDS && ++q->busy_rounds == BUSY_ROUNDS)
        epoll_del(t, q);
}

/* Returns whether it waits now. */
static bool queue_was_empty(struct thread *t, struct rx_queue *q)
{
    if (queue_lingers(q, t->now_ns) || (q->ops && q->ops->arm && !q->ops->arm(t, q)))
        return false;
    if (q->busy_rounds == BUSY_ROUNDS)
        epoll_add(t, q); /* and if a packet has come meanwhile, epoll says so at once */
    q->busy_rounds = 0;
    q->ready = false;
    t->n_waiting++;
    if (q->ops && q->ops->may_come_late) {
        q->late_ns = t->now_ns + RX_LATE_NS;
        t->late_ns = t->late_ns ? t->late_ns : q->late_ns;
    }
    return true;
}

/* Those that wait, and for which it is time, are looked at once. */
static void queues_that_come_late(struct thread *t)
{
    t->late_ns = 0;
    for (u32 i = 0; i < t->queues.n; i++) {
        struct rx_queue *q = t->queues.v[i];
        if (!q->late_ns)
            continue;
        if (q->late_ns > t->now_ns) {
            t->late_ns = t->late_ns ? min_u64(t->late_ns, q->late_ns) : q->late_ns;
            continue;
        }
        q->late_ns = 0;
        if (q->enabled && !q->ready && !q->ops->arm(t, q)) {
            t->n_waiting--;
            queue_is_ready(t, q);
        }
    }
}

u32 rx_queues_run(struct thread *t)
{
    u32 work = 0;
    struct rx_queue **at = &t->ready, *q;
    if (unlikely(t->late_ns) && t->now_ns >= t->late_ns)
        queues_that_come_late(t);
    if (t->n_waiting && ++t->rounds_since_epoll >= EPOLL_EVERY_ROUNDS)
        rx_queues_wait(t, 0);
    while ((q = *at)) {
        u32 got = node_run_input(t, q);
        work += got;
        if (!always_polled(q)) {
            if (got)
                queue_had_packets(t, q);
            else if (queue_was_empty(t, q)) {
                *at = q->next_ready;
                continue;
            }
        }
        at = &q->next_ready;
    }
    t->ready_last = at;
    return work;
}

static void queue_acknowledge(struct thread *t, struct rx_queue *q, u32 events)
{
    if (q->ops && q->ops->acknowledge)
        q->ops->acknowledge(t, q, events);
}

void rx_queues_wait(struct thread *t, int timeout_ms)
{
    struct epoll_event ev[EPOLL_BATCH];
    t->rounds_since_epoll = 0;
    int n = epoll_wait(t->epoll_fd, ev, EPOLL_BATCH, timeout_ms);
    for (int i = 0; i < n; i++) {
        struct rx_queue *q = ev[i].data.ptr;
        u64 count;
        if (!q) {
            if (read(t->wake_fd, &count, sizeof(count)) < 0) {
                /* somebody else's wake-up was read already */
            }
            continue;
        }
        if (q->ready)
            continue; /* its descriptor is looked at when it has been empty */
        if (!q->acknowledged_events || ev[i].events & q->acknowledged_events)
            queue_acknowledge(t, q, ev[i].events);
        t->n_waiting--;
        queue_is_ready(t, q);
    }
}

/* --- changes, made by the owning thread between rounds --- */

/* Takes it from the ready ones, or from those that wait. */
static void queue_rest(struct thread *t, struct rx_queue *q)
{
    if (q->fd >= 0)
        epoll_del(t, q);
    if (!q->enabled)
        return;
    if (!q->ready) {
        t->n_waiting--;
        return;
    }
    struct rx_queue **at = &t->ready;
    while (*at != q)
        at = &(*at)->next_ready;
    *at = q->next_ready;
    if (!*at)
        t->ready_last = at;
    q->ready = false;
}

/* An enabled queue is looked at first, and waits when it is empty. */
static void queue_begin(struct thread *t, struct rx_queue *q)
{
    q->busy_rounds = q->n_soon = 0;
    q->empty_ns = q->late_ns = 0;
    if (q->ops && q->ops->mode_changed)
        q->ops->mode_changed(t, q);
    if (!q->enabled)
        return;
    if (!always_polled(q))
        epoll_add(t, q);
    queue_is_ready(t, q);
}

static void queue_insert(struct thread *t, void *arg)
{
    struct rx_queue *q = arg;
    q->place = t->queues.n;
    vec_add(&t->queues, q);
    queue_begin(t, q);
}

static void queue_remove(struct thread *t, void *arg)
{
    struct rx_queue *q = arg, *last = t->queues.v[--t->queues.n];
    queue_rest(t, q);
    t->queues.v[q->place] = last;
    last->place = q->place;
}

struct change {
    struct rx_queue *q;
    bool enabled;
    enum rx_mode mode;
    int fd;
};

static void queue_change(struct thread *t, void *arg)
{
    struct change *c = arg;
    queue_rest(t, c->q);
    c->q->enabled = c->enabled;
    c->q->mode = c->mode;
    c->q->fd = c->fd;
    queue_begin(t, c->q);
}

/* --- control thread --- */

static void rx_queue_change(struct engine *e, struct change c)
{
    thread_call(e->threads[c.q->thread], queue_change, &c);
}

int rx_queue_add(struct engine *e, struct rx_queue *q, u32 thread, struct error *err)
{
    if (thread == UINT32_MAX) {
        thread = 1 + e->next_placement;
        e->next_placement = (e->next_placement + 1) % (e->n_threads - 1);
    }
    if (thread == 0 || thread >= e->n_threads)
        return error_set(err, EINVAL, "no data thread %u", thread);
    q->thread = thread;
    q->enabled = q->ready = false;
    if (q->mode == RX_MODE_DEFAULT)
        q->mode = e->config.default_rx_mode;
    if (q->fd < 0)
        q->mode = RX_MODE_POLLING;
    q->added = true;
    thread_call(e->threads[thread], queue_insert, q);
    return 0;
}

void rx_queue_enable(struct engine *e, struct rx_queue *q, bool enable)
{
    rx_queue_change(e, (struct change){q, enable, q->mode, q->fd});
}

void rx_queue_delete(struct engine *e, struct rx_queue *q)
{
    thread_call(e->threads[q->thread], queue_remove, q);
    q->added = false;
}

void rx_queue_set_fd(struct engine *e, struct rx_queue *q, int fd)
{
    if (q->added)
        rx_queue_change(e, (struct change){q, q->enabled, fd < 0 ? RX_MODE_POLLING : q->mode, fd});
    else
        q->fd = fd;
}

int rx_queue_set_mode(struct engine *e, struct rx_queue *q, enum rx_mode mode, struct error *err)
{
    if (mode == RX_MODE_DEFAULT)
        mode = e->config.default_rx_mode;
    if (!q->added) {
        q->mode = mode;
        return 0;
    }
    if (q->fd < 0 && mode != RX_MODE_POLLING)
        return error_set(err, ENOTSUP, "queue %u can only be polled", q->queue);
    rx_queue_change(e, (struct change){q, q->enabled, mode, q->fd});
    return 0;
}

int rx_queue_place(struct engine *e, struct rx_queue *q, u32 thread, struct error *err)
{
    if (thread == 0 || thread >= e->n_threads)
        return error_set(err, EINVAL, "no data thread %u", thread);
    if (thread == q->thread)
        return 0;
    if (q->added)
        thread_call(e->threads[q->thread], queue_remove, q);
    q->thread = thread;
    if (q->added)
        thread_call(e->threads[thread], queue_insert, q);
    return 0;
}

void rx_queue_call(struct engine *e, struct rx_queue *q, void (*fn)(struct thread *t, void *arg),
                   void *arg)
{
    thread_call(e->threads[q->thread], fn, arg);
}

enum rx_mode rx_queue_mode(const struct engine *e, const struct rx_queue *q)
{
    return q->mode == RX_MODE_DEFAULT ? e->config.default_rx_mode : q->mode;
}

enum rx_mode rx_queue_default_mode(const struct engine *e)
{
    return e->config.default_rx_mode;
}

void rx_queue_set_default_mode(struct engine *e, enum rx_mode mode)
{
    e->config.default_rx_mode = mode;
}

const char *rx_mode_name(enum rx_mode mode)
{
    static const char *const names[] = {"adaptive", "interrupt", "polling", "default"};
    return names[mode];
}
