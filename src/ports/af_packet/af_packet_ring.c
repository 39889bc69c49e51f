/* Rings as the traffic asks for them. See decision 2.
 *
 * A ring is resident memory, whether it is used or not, and costs less CPU for small packets than
 * messages do. So a host interface begins without rings. A data thread that sees small frames at
 * some rate tells the control thread, which has a socket with a ring made aside:
 *
 *   receiving   1. work_open     the new socket joins the old one's group and is not chosen yet
 *               2. done_open     the data thread looks at both: at the new one when the old
 *                                is empty
 *               3. work_switch   the group chooses the new one; when that returns, the old one
 *                                gets nothing more
 *               4. try_to_end    when the old one is empty it is closed
 *               with a fast path filters choose, in place of the group (done_turn)
 *   sending     1. work_open_tx  a socket that sends by a ring
 *               2. done_open_tx  data threads may use it
 *
 * No packet is lost, doubled or overtaken by that. A ring that is found full makes way for a larger
 * one in the same way, and one that has little to do for a while for none. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/loop.h"
#include "host/host_aside.h"
#include "ports/af_packet/af_packet_internal.h"

/* Small frames a second from which on a ring is made, and below which it may go. A frame that wakes
 * the thread is had sooner from a ring, by a system call less: a queue that gets frames now and
 * then has a small one. Sending by a ring costs less CPU, from some rate on. */
#define RX_RATE_UP 4
#define RX_RATE_DOWN 1
#define TX_RATE_UP 20000
#define TX_RATE_DOWN 2000
#define LARGE_RING_RATE_DOWN 2000 /* and below which it is the small one again */
#define LOOK_NS (10 * NS_PER_SEC)
#define QUIET_LOOKS 3 /* and then the ring goes */
#define RETRY_NS (2 * NS_PER_MSEC)

static struct log_class log_class = {"af-packet", "ring"};

/* A socket that is being made. */
struct af_packet_change {
    struct piste *piste;
    struct af_packet *port;     /* the queue's; NULL: nobody waits for it any more */
    struct af_packet_queue *rx; /* one of the two */
    struct af_packet_tx *tx;
    struct af_packet_socket_args args;
    int old_fd; /* of the socket whose place it takes; a copy, which keeps it open */
    bool turns; /* by filters */
    enum af_packet_turn step;
    struct af_packet_socket made;
    int rc;
    struct error err;
    struct loop_timer *timer;
};

/* --- data threads: what they see --- */

struct demand_event {
    struct if_index interface;
    u32 queue;
    u32 rx_slots; /* 0: it is a transmit queue */
};

static void on_demand(struct piste *p, const void *payload);

static bool tell_demand(struct thread *t, struct if_index interface, u32 queue, u32 rx_slots)
{
    struct demand_event ev = {interface, queue, rx_slots};
    return thread_post(t, on_demand, &ev, sizeof(ev));
}

/* What has been judged: a second's small frames, 0 when most were large, which go by messages
 * anyway. The next begins. */
static u64 demand_rate(struct thread *t, struct af_packet_demand *d)
{
    u64 now = thread_now_ns(t);
    u64 rate = d->small >= 4 * d->large ? d->small * NS_PER_SEC / (now - d->since_ns) : 0;
    d->since_ns = now;
    d->small = d->large = 0;
    return rate;
}

static u32 slots_for(u64 rate, u32 least)
{
    u32 slots = least;
    while (slots * NS_PER_SEC < rate * AF_PACKET_RING_HOLDS_NS && slots < AF_PACKET_RING_LAST)
        slots *= AF_PACKET_RING_GROWS;
    return (u32)min_u64(slots, AF_PACKET_RING_LAST);
}

void af_packet_demand_rx(struct thread *t, struct af_packet_queue *q)
{
    struct af_packet_demand *d = &q->demand;
    u64 rate = demand_rate(t, d);
    u32 slots = q->now.ring.n_frames;
    if (rate >= RX_RATE_UP && !d->asked)
        d->asked =
            tell_demand(t, q->port->interface, q->rx.queue, slots_for(rate, AF_PACKET_RING_FIRST));
    if (d->is_full && slots && slots < AF_PACKET_RING_LAST && !d->asked_more)
        d->asked_more = tell_demand(t, q->port->interface, q->rx.queue,
                                    slots_for(rate, slots * AF_PACKET_RING_GROWS));
    d->is_full = false;
}

void af_packet_demand_tx(struct thread *t, const struct af_packet *port, struct af_packet_tx *x)
{
    struct af_packet_demand *d = &x->demand;
    if (demand_rate(t, d) >= TX_RATE_UP && !__atomic_load_n(&d->asked, __ATOMIC_RELAXED))
        __atomic_store_n(&d->asked, tell_demand(t, port->interface, x->q.queue, 0),
                         __ATOMIC_RELAXED);
}

/* --- control thread: making --- */

static struct af_packet_change *change_new(struct af_packet *port, u32 frames)
{
    struct af_packet_change *c = mem_alloc(sizeof(*c));
    *c = (struct af_packet_change){.piste = port->piste,
                                   .port = port,
                                   .args = {.host_index = port->host_index,
                                            .frames = frames,
                                            .qdisc_bypass = !port->args.qdisc_bypass_off},
                                   .old_fd = -1,
                                   .made = {.fd = -1}};
    memcpy(c->args.host_name, port->host_name, sizeof(c->args.host_name));
    return c;
}

static void change_free(struct af_packet_change *c)
{
    if (c->rx)
        c->rx->change = NULL;
    if (c->tx)
        c->tx->change = NULL;
    if (c->timer)
        loop_timer_del(c->piste->loop, c->timer);
    af_packet_socket_close(c->piste, &c->made);
    host_close(c->piste, c->old_fd);
    free(c);
}

/* The kernel would not. What there is does the work, with more CPU. */
static bool has_failed(struct af_packet_change *c)
{
    if (!c->rc)
        return false;
    if (c->port)
        log_notice(&log_class, "%s", c->err.text);
    change_free(c);
    return true;
}

void af_packet_changes_forget(struct af_packet *port)
{
    for (u32 i = 0; i < port->n_queues; i++) {
        struct af_packet_change *c = port->queues[i]->change;
        port->queues[i]->change = NULL;
        port->queues[i]->turns = false;
        if (!c)
            continue;
        c->rx = NULL;
        c->port = NULL;
        if (c->timer) /* it is not being worked on */
            change_free(c);
    }
    for (u32 i = 0; i < port->n_tx; i++) {
        struct af_packet_change *c = port->tx[i].change;
        port->tx[i].change = NULL;
        if (!c)
            continue;
        c->tx = NULL;
        c->port = NULL;
    }
}

/* --- receiving --- */

static void work_open(void *arg)
{
    struct af_packet_change *c = arg;
    if (c->turns) {
        c->rc = af_packet_socket_rx(&c->args, true, &c->made, &c->err);
        return;
    }
    c->rc = af_packet_group_choose(c->old_fd, 0, &c->err);
    if (c->rc == -EINVAL) /* it is in none: the device was down */
        c->rc = af_packet_group_join(c->old_fd, -1, AF_PACKET_GROUP_ONE, &c->err);
    if (!c->rc)
        c->rc = af_packet_group_choose(c->old_fd, 0, &c->err);
    if (!c->rc)
        c->rc = af_packet_socket_rx(&c->args, true, &c->made, &c->err);
    if (!c->rc)
        c->rc = af_packet_group_join(c->made.fd, c->old_fd, AF_PACKET_GROUP_ONE, &c->err);
    if (!c->rc)
        c->rc = af_packet_socket_listen(c->made.fd, &c->err);
}

static void work_switch(void *arg)
{
    struct af_packet_change *c = arg;
    c->rc = af_packet_group_choose(c->old_fd, 1, &c->err);
}

static void call_give_next(struct thread *t, void *arg)
{
    struct af_packet_change *c = arg;
    c->rx->next = c->made;
}

static void give_next(struct af_packet_change *c)
{
    rx_queue_call(engine_of(c->piste), &c->rx->rx, call_give_next, c);
    c->made = (struct af_packet_socket){.fd = -1}; /* the queue's */
}

static void try_to_end(void *arg);

static void work_wait(void *arg)
{
    af_packet_socket_wait();
}

static void done_turn(void *arg)
{
    struct af_packet_change *c = arg;
    if (!c->rx) {
        change_free(c);
        return;
    }
    if (c->step == AF_PACKET_TURN_DONE) {
        c->timer = loop_timer_add(c->piste->loop, clock_ns(), 0, try_to_end, c);
        return;
    }
    int rc = af_packet_fast_turn(c->port, c->step, c->rx->now.fd, c->made.fd);
    if (rc) {
        log_notice(&log_class, "%s: a socket takes no filter: %s", c->port->host_name,
                   strerror(-rc));
        change_free(c);
        return;
    }
    if (c->step == AF_PACKET_TURN_OLD) {
        c->rx->turns = true;
        give_next(c);
    }
    c->step++;
    host_aside(c->piste, work_wait, done_turn, c);
}

static void done_switch(void *arg);

static void done_open(void *arg)
{
    struct af_packet_change *c = arg;
    if (has_failed(c))
        return;
    if (!c->rx) {
        change_free(c);
        return;
    }
    if (c->turns) {
        done_turn(c);
        return;
    }
    af_packet_fast_socket(c->port, c->made.fd);
    give_next(c);
    host_aside(c->piste, work_switch, done_switch, c);
}

static bool ring_is_empty(const struct af_packet_socket *s)
{
    if (s->ring.map)
        return !(
            __atomic_load_n(&af_packet_slot(&s->ring, s->ring.next)->tp_status, __ATOMIC_ACQUIRE) &
            TP_STATUS_USER);
    u8 header[VIRTIO_HEADER_BYTES]; /* less would be an error, and so would be nothing */
    return recv(s->fd, header, sizeof(header), MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC) < 0;
}

/* When the old socket is empty it is the change's, to be closed. */
static void ring_call_end(struct thread *t, void *arg)
{
    struct af_packet_change *c = arg;
    struct af_packet_queue *q = c->rx;
    if (!ring_is_empty(&q->now))
        return;
    c->made = q->now;
    q->now = q->next;
    q->next = (struct af_packet_socket){.fd = -1};
    q->demand.asked = q->now.ring.map;
    q->demand.asked_more = false;
}

/* The old socket, whose filter goes by what the new one's says. */
static void work_close(void *arg)
{
    struct af_packet_change *c = arg;
    af_packet_socket_give_up(&c->made);
    close(c->old_fd);
    c->old_fd = -1;
}

static void done_close(void *arg)
{
    struct af_packet_change *c = arg;
    if (c->rx) {
        c->rx->turns = false;
        af_packet_fast_turned(c->port, c->rx->now.fd);
    }
    change_free(c);
}

static void try_to_end(void *arg)
{
    struct af_packet_change *c = arg;
    struct af_packet_queue *q = c->rx;
    struct engine *e = engine_of(c->piste);
    rx_queue_call(e, &q->rx, ring_call_end, c);
    if (c->made.fd < 0) {
        loop_timer_set(c->piste->loop, c->timer, clock_ns() + RETRY_NS);
        return;
    }
    rx_queue_set_fd(e, &q->rx, q->now.fd);
    log_debug(&log_class, "%s: receive queue %u has a ring of %u frames", c->port->host_name,
              q->rx.queue, q->now.ring.n_frames);
    af_packet_count_drops(q, c->made.fd);
    if (!c->turns) {
        change_free(c);
        return;
    }
    loop_timer_del(c->piste->loop, c->timer);
    c->timer = NULL;
    host_aside(c->piste, work_close, done_close, c);
}

static void done_switch(void *arg)
{
    struct af_packet_change *c = arg;
    if (!c->rx) {
        change_free(c);
        return;
    }
    /* else both get some, or the new one none: they are looked at in turn until the next try */
    if (c->rc)
        log_error(&log_class, "%s", c->err.text);
    c->timer = loop_timer_add(c->piste->loop, clock_ns(), 0, try_to_end, c);
}

static void set_rx_ring(struct af_packet_queue *q, u32 frames)
{
    if (q->change || q->now.fd < 0)
        return;
    struct af_packet_change *c = q->change = change_new(q->port, frames);
    c->rx = q;
    c->turns = af_packet_fast_may_turn(q->port);
    c->old_fd = fcntl(q->now.fd, F_DUPFD_CLOEXEC, 0);
    host_aside(c->piste, work_open, done_open, c);
}

/* --- sending --- */

static void work_open_tx(void *arg)
{
    struct af_packet_change *c = arg;
    c->rc = af_packet_socket_tx(&c->args, &c->made, &c->err);
}

static void done_open_tx(void *arg)
{
    struct af_packet_change *c = arg;
    if (has_failed(c))
        return;
    if (c->tx) {
        c->tx->by_ring = c->made;
        c->made = (struct af_packet_socket){.fd = -1};
        __atomic_store_n(&c->tx->has_ring, true, __ATOMIC_RELEASE);
        log_debug(&log_class, "%s: transmit queue %u has a ring", c->port->host_name,
                  c->tx->q.queue);
    }
    change_free(c);
}

static void add_tx_ring(struct af_packet *port, struct af_packet_tx *x)
{
    if (x->change || x->has_ring || x->fd < 0)
        return;
    struct af_packet_change *c = x->change = change_new(port, AF_PACKET_TX_FRAMES);
    c->tx = x;
    host_aside(c->piste, work_open_tx, done_open_tx, c);
}

void af_packet_tx_ring_drop(const struct af_packet *port, struct af_packet_tx *x)
{
    if (!x->has_ring)
        return;
    __atomic_store_n(&x->has_ring, false, __ATOMIC_RELEASE);
    engine_synchronize(engine_of(port->piste));
    af_packet_socket_close(port->piste, &x->by_ring);
    __atomic_store_n(&x->demand.asked, false, __ATOMIC_RELAXED);
}

/* --- when --- */

/* Whether it had less to do than that when it was looked at the last times. */
static bool is_quiet(const struct af_packet_demand *d, u64 rate_down, u64 *seen_frames, u32 *quiet)
{
    u64 now = __atomic_load_n(&d->n_frames, __ATOMIC_RELAXED);
    bool few = now - *seen_frames < rate_down * (LOOK_NS / NS_PER_SEC);
    *quiet = few ? *quiet + 1 : 0;
    *seen_frames = now;
    return *quiet >= QUIET_LOOKS;
}

/* Returns whether the port has rings still that may go. */
static bool af_packet_look(struct af_packet *port)
{
    bool any = false;
    for (u32 i = 0; i < port->n_queues; i++) {
        struct af_packet_queue *q = port->queues[i];
        if (!q->now.ring.map || port->fixed_rings)
            continue;
        any = true;
        bool is_first = q->now.ring.n_frames <= AF_PACKET_RING_FIRST;
        if (is_quiet(&q->demand, is_first ? RX_RATE_DOWN : LARGE_RING_RATE_DOWN, &q->seen_frames,
                     &q->quiet))
            set_rx_ring(q, is_first ? 0 : AF_PACKET_RING_FIRST);
    }
    for (u32 i = 0; i < port->n_tx; i++) {
        struct af_packet_tx *x = &port->tx[i];
        any |= x->has_ring;
        if (x->has_ring && is_quiet(&x->demand, TX_RATE_DOWN, &x->seen_frames, &x->quiet))
            af_packet_tx_ring_drop(port, x);
    }
    return any;
}

static void on_look(void *arg)
{
    struct af_packet_state *s = arg;
    bool any = false;
    for (u32 i = 0; i < s->ports.n; i++)
        any |= af_packet_look(s->ports.v[i]);
    if (!any)
        af_packet_rings_stop(s);
}

void af_packet_rings_stop(struct af_packet_state *s)
{
    if (s->ring_timer)
        loop_timer_del(s->piste->loop, s->ring_timer);
    s->ring_timer = NULL;
}

static void on_demand(struct piste *p, const void *payload)
{
    struct demand_event ev;
    struct af_packet_state *s = af_packet_state_of(p);
    memcpy(&ev, payload, sizeof(ev));
    for (u32 i = 0; s && i < s->ports.n; i++) {
        struct af_packet *port = s->ports.v[i];
        if (!if_equal(port->interface, ev.interface) ||
            ev.queue >= (ev.rx_slots ? port->n_queues : port->n_tx))
            continue;
        if (ev.rx_slots)
            set_rx_ring(port->queues[ev.queue], ev.rx_slots);
        else
            add_tx_ring(port, &port->tx[ev.queue]);
        if (!s->ring_timer)
            s->ring_timer = loop_timer_add(p->loop, clock_ns() + LOOK_NS, LOOK_NS, on_look, s);
    }
}
