/* Receive queues of data threads: who polls what, when a thread waits for it. A queue that had
 * packets is polled again in the next round; one that had none is left to epoll (adaptive and
 * interrupt mode). */
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

static void queue_had_packets(struct thread *t, struct rx_queue *q)
{
    if (q->busy_rounds < BUSY_ROUNDS && ++q->busy_rounds == BUSY_ROUNDS)
        epoll_del(t, q);
}

static void queue_was_empty(struct thread *t, struct rx_queue *q)
{
    if (q->busy_rounds == BUSY_ROUNDS)
        epoll_add(t, q); /* and if a packet has come meanwhile, epoll says so at once */
    q->busy_rounds = 0;
    q->ready = 0;
}

u32 rx_queues_run(struct thread *t)
{
    u32 work = 0;
    if (t->n_waiting && ++t->rounds_since_epoll >= EPOLL_EVERY_ROUNDS)
        rx_queues_wait(t, 0);
    for (struct rx_queue *q = t->queues; q; q = q->next) {
        if (!q->ready || !q->enabled)
            continue;
        u32 got = node_run_input(t, q);
        work += got;
        if (always_polled(q))
            continue;
        if (got)
            queue_had_packets(t, q);
        else
            queue_was_empty(t, q);
    }
    return work;
}

void rx_queues_wait(struct thread *t, int timeout_ms)
{
    struct epoll_event ev[EPOLL_BATCH];
    t->rounds_since_epoll = 0;
    int n = epoll_wait(t->epoll_fd, ev, EPOLL_BATCH, timeout_ms);
    for (int i = 0; i < n; i++) {
        struct rx_queue *q = ev[i].data.ptr;
        u64 count;
        if (q)
            q->ready = 1;
        else if (read(t->wake_fd, &count, sizeof(count)) < 0) {
            /* somebody else's wake-up was read already */
        }
    }
}

/* --- changes, made by the owning thread between rounds --- */

static void queue_watch(struct thread *t, struct rx_queue *q)
{
    if (q->fd >= 0)
        epoll_del(t, q);
    if (q->enabled && !always_polled(q))
        epoll_add(t, q);
    q->busy_rounds = 0;
    q->ready = q->enabled;
}

static void recount(struct thread *t)
{
    t->n_polling = t->n_waiting = 0;
    for (struct rx_queue *q = t->queues; q; q = q->next) {
        if (q->enabled && always_polled(q))
            t->n_polling++;
        else if (q->enabled)
            t->n_waiting++;
    }
}

static void queue_insert(struct thread *t, void *arg)
{
    struct rx_queue *q = arg;
    q->next = t->queues;
    t->queues = q;
    queue_watch(t, q);
    recount(t);
}

static void queue_remove(struct thread *t, void *arg)
{
    struct rx_queue *q = arg, **p = &t->queues;
    while (*p && *p != q)
        p = &(*p)->next;
    if (*p)
        *p = q->next;
    if (q->fd >= 0)
        epoll_del(t, q);
    recount(t);
}

struct change {
    struct rx_queue *q;
    bool enabled;
    enum rx_mode mode;
};

static void queue_change(struct thread *t, void *arg)
{
    struct change *c = arg;
    c->q->enabled = c->enabled;
    c->q->mode = c->mode;
    queue_watch(t, c->q);
    recount(t);
}

/* --- control thread --- */

int rx_queue_add(struct engine *e, struct rx_queue *q, u32 thread, struct error *err)
{
    if (thread == UINT32_MAX) {
        thread = 1 + e->next_placement;
        e->next_placement = (e->next_placement + 1) % (e->n_threads - 1);
    }
    if (thread == 0 || thread >= e->n_threads)
        return error_set(err, EINVAL, "no data thread %u", thread);
    q->thread = thread;
    q->enabled = false;
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
    struct change c = {q, enable, q->mode};
    thread_call(e->threads[q->thread], queue_change, &c);
}

void rx_queue_delete(struct engine *e, struct rx_queue *q)
{
    thread_call(e->threads[q->thread], queue_remove, q);
    q->added = false;
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
    struct change c = {q, q->enabled, mode};
    thread_call(e->threads[q->thread], queue_change, &c);
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
