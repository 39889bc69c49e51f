/* Receive queues: what wakes them, what they cost when they are idle, and that nothing is slept
 * over. The port of these tests is a ring in memory with an eventfd, as a memif or virtio queue is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/engine_internal.h"
#include "engine/engine_world.h"

#define IDLE 200
#define PACKETS 200000
#define BURST_MAX 8

static struct piste piste;

/* What the two ends share, and what this end knows of its calls. */
struct ring_port {
    struct rx_queue rx;
    _Atomic int wake_fd;  /* rx.fd, as the other end knows it */
    _Atomic u32 produced; /* by the other end */
    _Atomic u32 quiet;    /* the other end shall not write the eventfd */
    _Atomic u32 consumed; /* by the data thread */
    _Atomic u32 n_input, n_armed, n_acknowledged, n_mode_changed, n_notified;
    bool always_comes; /* arm finds a packet each time */
};

static u32 input(struct thread *t, struct node *n, struct rx_queue *q)
{
    struct ring_port *port = q->port;
    u32 got = atomic_load_explicit(&port->produced, memory_order_acquire) - port->consumed;
    port->n_input++;
    port->consumed += got;
    return got;
}

static bool arm(struct thread *t, struct rx_queue *q)
{
    struct ring_port *port = q->port;
    port->n_armed++;
    atomic_store(&port->quiet, 0); /* sequentially consistent: before the ring is looked at again */
    return !port->always_comes && atomic_load(&port->produced) == port->consumed;
}

static void acknowledge(struct thread *t, struct rx_queue *q, u32 events)
{
    struct ring_port *port = q->port;
    u64 count;
    assert_true(events);
    port->n_acknowledged++;
    atomic_store(&port->quiet, 1);
    if (read(q->fd, &count, sizeof(count)) < 0)
        assert_int_equal(errno, EAGAIN);
}

static void mode_changed(struct thread *t, struct rx_queue *q)
{
    struct ring_port *port = q->port;
    port->n_mode_changed++;
    atomic_store(&port->quiet, 1); /* until it is armed */
}

/* The other end. */
static void produce(struct ring_port *port, u32 n)
{
    u64 one = 1;
    atomic_fetch_add(&port->produced, n);
    if (atomic_load(&port->quiet))
        return;
    port->n_notified++;
    assert_int_equal(write(port->wake_fd, &one, sizeof(one)), sizeof(one));
}

static const struct rx_queue_ops ops = {arm, acknowledge, mode_changed};
static const struct rx_queue_ops lingering_ops = {arm, acknowledge, mode_changed, .lingers = true};
static const struct rx_queue_ops late_ops = {arm, acknowledge, mode_changed, .may_come_late = true};
static const struct node_def input_def = {
    .name = "ring-input", .kind = NODE_INPUT, .input = {input}};

static struct node_index input_node;

static void setup(u32 workers)
{
    struct engine_config c;
    engine_config_default(&c);
    c.n_workers = workers;
    engine_world_open(&piste, &c);
    input_node = node_register(piste.engine, &input_def, NULL, NULL);
}

static void teardown(void)
{
    engine_stop(piste.engine);
    engine_world_close(&piste);
}

static void add(struct ring_port *port, enum rx_mode mode, u32 thread)
{
    struct error err;
    *port = (struct ring_port){0};
    port->rx = (struct rx_queue){.node = input_node,
                                 .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
                                 .port = port,
                                 .ops = &ops,
                                 .mode = mode};
    assert_true(port->rx.fd >= 0);
    port->wake_fd = port->rx.fd;
    assert_int_equal(rx_queue_add(piste.engine, &port->rx, thread, &err), 0);
    rx_queue_enable(piste.engine, &port->rx, true);
}

static void del(struct ring_port *port)
{
    rx_queue_delete(piste.engine, &port->rx);
    close(port->rx.fd);
}

static void wait_consumed(struct ring_port *port)
{
    u64 give_up = clock_ns() + 20 * NS_PER_SEC;
    while (atomic_load(&port->consumed) != atomic_load(&port->produced) && clock_ns() < give_up)
        sched_yield();
    assert_int_equal(atomic_load(&port->consumed), atomic_load(&port->produced));
}

/* --- one thread, round by round --- */

static void idle_queues_are_not_called(void **state)
{
    static struct ring_port idle[IDLE], busy;
    setup(1);
    for (u32 i = 0; i < IDLE; i++)
        add(&idle[i], i % 2 ? RX_MODE_ADAPTIVE : RX_MODE_INTERRUPT, 1);
    add(&busy, RX_MODE_ADAPTIVE, 1);
    for (u32 i = 0; i < 1000; i++) {
        produce(&busy, 1);
        engine_round(piste.engine, 1);
    }
    assert_int_equal(busy.consumed, 1000);
    assert_int_equal(busy.n_notified, 0); /* it is polled, and so kept quiet */
    engine_round(piste.engine, 1);
    produce(&busy, 1);
    produce(&busy, 1);
    assert_int_equal(busy.n_notified, 2);
    for (u32 i = 0; i < 16; i++)
        engine_round(piste.engine, 1);
    assert_int_equal(busy.consumed, 1002);
    assert_int_equal(busy.n_acknowledged, 1);
    for (u32 i = 0; i < IDLE; i++) {
        assert_int_equal(idle[i].n_input, 1); /* once, when it was enabled */
        assert_int_equal(idle[i].n_armed, 1);
    }
    /* and each still works */
    for (u32 i = 0; i < IDLE; i++)
        produce(&idle[i], 3);
    for (u32 i = 0; i < IDLE; i++)
        engine_round(piste.engine, 1);
    for (u32 i = 0; i < IDLE; i++) {
        assert_int_equal(idle[i].consumed, 3);
        del(&idle[i]);
    }
    del(&busy);
    teardown();
}

static void what_comes_while_arming_is_polled(void **state)
{
    struct ring_port port;
    setup(1);
    add(&port, RX_MODE_ADAPTIVE, 1);
    port.always_comes = true;
    for (u32 i = 0; i < 5; i++)
        engine_round(piste.engine, 1);
    assert_int_equal(port.n_input, 5);
    assert_int_equal(port.n_armed, 5);
    port.always_comes = false;
    for (u32 i = 0; i < 5; i++)
        engine_round(piste.engine, 1);
    assert_int_equal(port.n_input, 6);
    del(&port);
    teardown();
}

static void modes(void **state)
{
    struct ring_port port;
    struct error err;
    setup(1);
    add(&port, RX_MODE_POLLING, 1);
    assert_int_equal(port.n_mode_changed, 2); /* added, enabled */
    assert_true(port.quiet);
    for (u32 i = 0; i < 10; i++)
        engine_round(piste.engine, 1);
    assert_int_equal(port.n_input, 10);
    assert_int_equal(port.n_armed, 0);
    assert_int_equal(rx_queue_set_mode(piste.engine, &port.rx, RX_MODE_INTERRUPT, &err), 0);
    assert_int_equal(port.n_mode_changed, 3);
    for (u32 i = 0; i < 10; i++)
        engine_round(piste.engine, 1);
    assert_int_equal(port.n_input, 11);
    rx_queue_enable(piste.engine, &port.rx, false);
    produce(&port, 1);
    for (u32 i = 0; i < 10; i++)
        engine_round(piste.engine, 1);
    assert_int_equal(port.consumed, 0);
    rx_queue_enable(piste.engine, &port.rx, true);
    engine_round(piste.engine, 1);
    assert_int_equal(port.consumed, 1);
    del(&port);
    teardown();
}

static void another_descriptor(void **state)
{
    struct ring_port port;
    setup(1);
    add(&port, RX_MODE_ADAPTIVE, 1);
    engine_round(piste.engine, 1);
    int before = port.rx.fd;
    rx_queue_set_fd(piste.engine, &port.rx, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    port.wake_fd = port.rx.fd;
    close(before);
    for (u32 i = 0; i < 3; i++)
        engine_round(piste.engine, 1);
    u32 calls = port.n_input;
    produce(&port, 1);
    for (u32 i = 0; i < 10; i++)
        engine_round(piste.engine, 1);
    assert_int_equal(port.consumed, 1);
    assert_true(port.n_input > calls);
    int last = port.rx.fd;
    rx_queue_set_fd(piste.engine, &port.rx, -1);
    close(last);
    assert_int_equal(port.rx.mode, RX_MODE_POLLING);
    rx_queue_delete(piste.engine, &port.rx);
    teardown();
}

/* A packet that comes so long after the queue was found empty; its round, and the next, empty one.
 * Returns whether the data thread had to be woken for it. */
static bool packet_after(struct ring_port *port, struct thread *t, u64 ns)
{
    u32 notified = port->n_notified;
    t->now_ns += ns;
    produce(port, 1);
    rx_queues_wait(t, 0);
    assert_int_equal(rx_queues_run(t), 1);
    assert_int_equal(rx_queues_run(t), 0);
    return port->n_notified != notified;
}

static void a_busy_ring_is_looked_at_before_it_waits(void **state)
{
    static const enum rx_mode modes_that_do_not[] = {RX_MODE_INTERRUPT, RX_MODE_ADAPTIVE};
    struct ring_port port;
    struct error err;
    setup(1);
    struct thread *t = piste.engine->threads[1];
    add(&port, RX_MODE_ADAPTIVE, 1);
    port.rx.ops = &lingering_ops;
    t->now_ns = NS_PER_SEC;
    rx_queues_run(t);
    for (u32 again = 0; again < 2; again++) {
        for (u32 i = 0; i < RX_LINGER_TIMES; i++)
            assert_true(packet_after(&port, t, RX_LINGER_NS - 1));
        for (u32 i = 0; i < 100; i++)
            assert_false(packet_after(&port, t, RX_LINGER_NS - 1));
        /* it waits in the end, and begins anew */
        u32 armed = port.n_armed;
        t->now_ns += RX_LINGER_NS - 1;
        rx_queues_run(t);
        assert_int_equal(port.n_armed, armed);
        assert_true(port.quiet);
        t->now_ns++;
        rx_queues_run(t);
        assert_int_equal(port.n_armed, armed + 1);
        assert_true(packet_after(&port, t, 1));
    }
    for (u32 i = 0; i < 2; i++) {
        assert_int_equal(rx_queue_set_mode(piste.engine, &port.rx, modes_that_do_not[i], &err), 0);
        port.rx.ops = i ? &ops : &lingering_ops;
        rx_queues_run(t);
        for (u32 k = 0; k < 2 * RX_LINGER_TIMES; k++)
            assert_true(packet_after(&port, t, 1));
    }
    del(&port);
    teardown();
}

/* The other end looked at `quiet` before it was told, and its packet is seen after arm has looked.
 */
static void a_packet_that_nobody_is_told_of_is_found(void **state)
{
    struct ring_port port, other;
    setup(1);
    struct thread *t = piste.engine->threads[1];
    t->now_ns = NS_PER_SEC;
    add(&port, RX_MODE_ADAPTIVE, 1);
    add(&other, RX_MODE_ADAPTIVE, 1);
    port.rx.ops = other.rx.ops = &late_ops;
    rx_queues_run(t);
    t->now_ns += RX_LATE_NS / 2;
    assert_true(packet_after(&other, t, 0)); /* it waits later */
    atomic_fetch_add(&port.produced, 1);
    t->now_ns += RX_LATE_NS / 2 - 1;
    assert_int_equal(rx_queues_run(t), 0);
    t->now_ns++;
    assert_int_equal(rx_queues_run(t), 1);
    atomic_fetch_add(&other.produced, 1);
    assert_int_equal(rx_queues_run(t), 0);
    t->now_ns += RX_LATE_NS / 2;
    assert_int_equal(rx_queues_run(t), 1);
    for (u32 i = 0; i < 2; i++) { /* both wait again, with nothing */
        rx_queues_run(t);
        t->now_ns += RX_LATE_NS;
    }
    u32 calls = port.n_input;
    t->now_ns += RX_LATE_NS;
    rx_queues_run(t);
    assert_int_equal(port.n_input, calls);
    assert_int_equal(t->late_ns, 0);
    del(&port);
    del(&other);
    teardown();
}

/* --- with a thread at each end --- */

static void *other_end(void *arg)
{
    struct ring_port *port = arg;
    u32 seed = 1;
    for (u32 sent = 0; sent < PACKETS;) {
        u32 n = 1 + (seed = seed * 1103515245 + 12345) / 65536 % BURST_MAX;
        n = (u32)min_u64(n, PACKETS - sent);
        produce(port, n);
        sent += n;
        /* now and then the data thread gets to sleep, or is just about to */
        if (seed / 65536 % 64 == 0)
            wait_consumed(port);
        if (seed / 65536 % 16 == 0)
            sched_yield();
    }
    return NULL;
}

static void nothing_is_slept_over(void **state)
{
    struct ring_port port;
    struct error err;
    pthread_t other;
    setup(1);
    assert_int_equal(engine_start(piste.engine, &err), 0);
    add(&port, RX_MODE_ADAPTIVE, 1);
    assert_int_equal(pthread_create(&other, NULL, other_end, &port), 0);
    pthread_join(other, NULL);
    wait_consumed(&port);
    assert_int_equal(port.consumed, PACKETS);
    assert_true(port.n_acknowledged > 0);
    del(&port);
    teardown();
}

static void a_queue_changes_its_thread_and_mode_under_traffic(void **state)
{
    struct ring_port port;
    struct error err;
    pthread_t other;
    setup(3);
    assert_int_equal(engine_start(piste.engine, &err), 0);
    add(&port, RX_MODE_ADAPTIVE, 1);
    assert_int_equal(pthread_create(&other, NULL, other_end, &port), 0);
    for (u32 i = 0; atomic_load(&port.consumed) < PACKETS / 2 && i < 10000; i++) {
        assert_int_equal(rx_queue_place(piste.engine, &port.rx, 1 + i % 3, &err), 0);
        assert_int_equal(rx_queue_set_mode(piste.engine, &port.rx, (enum rx_mode)(i % 3), &err), 0);
    }
    assert_int_equal(rx_queue_set_mode(piste.engine, &port.rx, RX_MODE_INTERRUPT, &err), 0);
    pthread_join(other, NULL);
    wait_consumed(&port);
    del(&port);
    teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_queues_are_not_called),
        cmocka_unit_test(what_comes_while_arming_is_polled),
        cmocka_unit_test(modes),
        cmocka_unit_test(another_descriptor),
        cmocka_unit_test(a_busy_ring_is_looked_at_before_it_waits),
        cmocka_unit_test(a_packet_that_nobody_is_told_of_is_found),
        cmocka_unit_test(nothing_is_slept_over),
        cmocka_unit_test(a_queue_changes_its_thread_and_mode_under_traffic),
    };
    return cmocka_run_group_tests_name("rx_queue", tests, NULL, NULL);
}
