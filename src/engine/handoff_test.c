/* Packets from each thread to each other one, in their order, none lost but those that were
 * refused; and between the control thread and data threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/loop.h"
#include "engine/control_packet.h"
#include "engine/engine_internal.h"
#include "engine/engine_world.h"

#define WORKERS 3
#define BURST 48

static struct piste piste;
static struct node_index receive, source;
static struct rx_queue queues[WORKERS];
static _Atomic bool stopped;
static _Atomic u32 n_sent[WORKERS + 1], n_refused[WORKERS + 1], n_received, n_disorder;
static u32 seq[WORKERS + 1][WORKERS + 1], seen[WORKERS + 1][WORKERS + 1]; /* by from, to */

struct mark {
    u32 from, seq;
};

static void receive_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        const struct mark *m = buffer_scratch(b[i]);
        n_disorder += m->seq <= seen[m->from][t->index];
        seen[m->from][t->index] = m->seq;
        buffer_free_one(t, buffer_index(b[i]));
        next[i] = NEXT_CONSUMED;
    }
    n_received += count;
}

/* A burst to one of the threads, itself among them. */
static void send_burst(struct thread *t, u32 to, u32 burst)
{
    u32 bi[BURST], n = buffer_alloc(t, BUFFER_POOL_DEFAULT, bi, burst);
    for (u32 i = 0; i < n; i++) {
        struct mark *m = buffer_scratch(buffer_at(bi[i]));
        *m = (struct mark){t->index, ++seq[t->index][to]};
    }
    u32 took = thread_handoff(t, to, receive, bi, n);
    n_sent[t->index] += took;
    n_refused[t->index] += n - took;
    buffer_free(t, bi + took, n - took);
}

static u32 source_input(struct thread *t, struct node *n, struct rx_queue *q)
{
    u32 to = 1 + (u32)(n->local[0]++ * 7 / 3) % WORKERS;
    if (!stopped)
        send_burst(t, to, 1 + (u32)n->local[0] % BURST);
    return 0;
}

static const struct node_def receive_def = {.name = "receive", .run = {receive_run}};
static const struct node_def source_def = {
    .name = "source", .kind = NODE_INPUT, .input = {source_input}};

static void open_world(u32 workers)
{
    struct engine_config c;
    engine_config_default(&c);
    c.n_workers = workers;
    c.buffers_per_numa = 8192;
    engine_world_open(&piste, &c);
    receive = node_register(piste.engine, &receive_def, NULL, NULL);
    source = node_register(piste.engine, &source_def, NULL, NULL);
    memset(seq, 0, sizeof(seq));
    memset(seen, 0, sizeof(seen));
    for (u32 i = 0; i <= WORKERS; i++)
        n_sent[i] = n_refused[i] = 0;
    n_received = n_disorder = 0;
    stopped = false;
}

static u64 losses(enum thread_loss loss, u32 thread)
{
    struct thread *t = piste.engine->threads[thread];
    return tally_read(&t->nodes[piste.engine->thread_losses.i].errors[loss]);
}

static void close_world(void)
{
    struct buffer_pool_info info;
    engine_stop(piste.engine);
    buffer_pool_get_info(piste.engine, BUFFER_POOL_DEFAULT, &info);
    assert_int_equal(info.used, 0);
    engine_world_close(&piste);
}

static u32 sum(const _Atomic u32 *v)
{
    u32 total = 0;
    for (u32 i = 0; i <= WORKERS; i++)
        total += v[i];
    return total;
}

static void wait_for_all(void)
{
    u64 give_up = clock_ns() + 20 * NS_PER_SEC;
    while (n_received < sum(n_sent) && clock_ns() < give_up)
        usleep(1000);
    assert_int_equal(n_received, sum(n_sent));
}

static void test_every_thread_to_every_other(void **state)
{
    struct error e;
    open_world(WORKERS);
    for (u32 i = 0; i < WORKERS; i++) {
        queues[i] = (struct rx_queue){.node = source, .fd = -1, .mode = RX_MODE_POLLING};
        assert_int_equal(rx_queue_add(piste.engine, &queues[i], i + 1, &e), 0);
        rx_queue_enable(piste.engine, &queues[i], true);
    }
    assert_int_equal(engine_start(piste.engine, &e), 0);
    u64 give_up = clock_ns() + 20 * NS_PER_SEC;
    while (n_received < 200000 && clock_ns() < give_up)
        send_burst(engine_main_thread(piste.engine), 1 + n_received % WORKERS, 5);
    stopped = true;
    wait_for_all();
    assert_true(n_received >= 200000);
    assert_int_equal(n_disorder, 0);
    for (u32 i = 0; i <= WORKERS; i++)
        assert_int_equal(losses(LOSS_HANDOFF, i), n_refused[i]);
    for (u32 i = 0; i < WORKERS; i++)
        rx_queue_delete(piste.engine, &queues[i]);
    close_world();
}

/* Nobody takes packets out: as many as there are places are taken, in order, the rest refused. */
static void test_a_full_queue(void **state)
{
    open_world(1);
    struct thread *t = engine_main_thread(piste.engine);
    for (u32 i = 0; i < HANDOFF_SLOTS / BURST + 2; i++)
        send_burst(t, 1, BURST);
    assert_int_equal(n_sent[0], HANDOFF_SLOTS);
    assert_true(n_refused[0] > 0);
    assert_int_equal(losses(LOSS_HANDOFF, 0), n_refused[0]);
    while (n_received < HANDOFF_SLOTS)
        assert_true(engine_round(piste.engine, 1) > 0);
    assert_int_equal(n_disorder, 0);
    u32 bi;
    assert_int_equal(buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1), 1);
    *(struct mark *)buffer_scratch(buffer_at(bi)) = (struct mark){0, UINT32_MAX};
    assert_int_equal(control_packet_send(piste.engine, IF_NONE, receive, bi), 0);
    engine_round(piste.engine, 1);
    assert_int_equal(n_received, HANDOFF_SLOTS + 1);
    close_world();
}

/* --- the control thread --- */

static u32 n_given, given_bytes;
static struct node_index give;

static void on_packet(struct piste *p, u32 bi, const void *about)
{
    u64 x;
    memcpy(&x, about, sizeof(x));
    assert_int_equal(x, 0x1122334455667788u);
    given_bytes = buffer_packet_len(buffer_at(bi));
    n_given++;
    buffer_free_one(engine_main_thread(p->engine), bi);
}

static void give_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    u64 about = 0x1122334455667788u;
    for (u32 i = 0; i < count; i++)
        next[i] = control_packet_give(t, on_packet, buffer_index(b[i]), &about, sizeof(about))
                      ? NEXT_CONSUMED
                      : 0;
}

static const struct node_def give_def = {
    .name = "give", .run = {give_run}, .next = {"null-node"}, .n_next = 1};

static void test_the_control_thread_sends_and_is_given(void **state)
{
    static u8 bytes[5000];
    struct error e;
    struct if_index here = {3};
    open_world(2);
    give = node_register(piste.engine, &give_def, NULL, NULL);
    n_given = 0;
    u32 bi = control_packet_new(piste.engine, bytes, sizeof(bytes));
    assert_int_not_equal(bi, BUFFER_NONE);
    assert_true(buffer_at(bi)->flags & BUFFER_LOCAL);
    /* to the thread that has the interface's first queue */
    for (u32 i = 0; i < 2; i++) {
        queues[i] = (struct rx_queue){
            .interface = here, .queue = 1 - i, .node = source, .fd = -1, .mode = RX_MODE_POLLING};
        assert_int_equal(rx_queue_add(piste.engine, &queues[i], i + 1, &e), 0);
    }
    assert_int_equal(thread_of_interface(piste.engine, here), 2);
    assert_int_equal(thread_of_interface(piste.engine, IF_NONE), 1);
    assert_int_equal(control_packet_send(piste.engine, here, give, bi), 0);
    engine_round(piste.engine, 1);
    loop_once(piste.loop, 0);
    assert_int_equal(n_given, 0);
    engine_round(piste.engine, 2);
    loop_once(piste.loop, 0);
    assert_int_equal(n_given, 1);
    assert_int_equal(given_bytes, sizeof(bytes));
    for (u32 i = 0; i < 2; i++)
        rx_queue_delete(piste.engine, &queues[i]);
    close_world();
}

/* Events that are not taken out: what does not fit stays with who wanted to give it. */
static void test_a_full_queue_to_the_control_thread(void **state)
{
    open_world(1);
    give = node_register(piste.engine, &give_def, NULL, NULL);
    n_given = 0;
    for (u32 i = 0; i < 700; i++) {
        u32 bi = control_packet_new(piste.engine, "x", 1);
        assert_int_equal(control_packet_send(piste.engine, IF_NONE, give, bi), 0);
        if (i % 100 == 99)
            engine_round(piste.engine, 1);
    }
    u64 lost = losses(LOSS_EVENT, 1);
    assert_true(lost > 0 && lost < 700);
    while (n_given < 700 - lost)
        loop_once(piste.loop, 0);
    close_world();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_thread_to_every_other),
        cmocka_unit_test(test_a_full_queue),
        cmocka_unit_test(test_the_control_thread_sends_and_is_given),
        cmocka_unit_test(test_a_full_queue_to_the_control_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
