/* Transmit queues: placement, texts of it, and that a queue is never two threads' at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/engine_internal.h"
#include "engine/engine_world.h"
#include "engine/tx_queue.h"

#define QUEUES_MAX 8

static struct piste piste;
static struct tx_queue queue[QUEUES_MAX];
static struct tx_queue *queues[QUEUES_MAX];
static struct tx_queues set;

static void setup(u32 workers)
{
    struct engine_config c;
    engine_config_default(&c);
    c.n_workers = workers;
    engine_world_open(&piste, &c);
    memset(queue, 0, sizeof(queue));
    for (u32 i = 0; i < QUEUES_MAX; i++)
        queues[i] = &queue[i];
}

static void teardown(void)
{
    tx_queues_fini(piste.engine, &set);
    engine_stop(piste.engine);
    engine_world_close(&piste);
}

/* "1:0 2:1,2": which thread has which queues. */
static const char *placement(void)
{
    static char text[256];
    const struct tx_map *m = tx_queues_map(&set);
    char *at = text;
    for (u32 t = 0; t < THREADS_MAX; t++) {
        if (!m->of[t].n)
            continue;
        at += sprintf(at, "%s%u", at > text ? " " : "", t);
        for (u32 i = 0; i < m->of[t].n; i++)
            at += sprintf(at, "%c%u", i ? ',' : ':', m->queue[m->of[t].first + i]->queue);
    }
    return text;
}

static void by_themselves(void **state)
{
    static const struct {
        u32 workers, queues;
        const char *placement;
        u32 shared; /* queues, by bit */
    } cases[] = {
        {1, 1, "1:0", 0},         {1, 3, "1:0,1,2", 0},     {2, 2, "1:0 2:1", 0},
        {3, 2, "1:0 2:1 3:0", 1}, {3, 1, "1:0 2:0 3:0", 1}, {2, 5, "1:0,2,4 2:1,3", 0},
    };
    for (u32 i = 0; i < array_len(cases); i++) {
        setup(cases[i].workers);
        tx_queues_init(piste.engine, &set, queues, cases[i].queues);
        assert_string_equal(placement(), cases[i].placement);
        for (u32 q = 0; q < cases[i].queues; q++)
            assert_int_equal(queue[q].shared, cases[i].shared >> q & 1);
        assert_true(!tx_queues_threads_without(piste.engine, &set));
        teardown();
    }
}

static void by_somebody(void **state)
{
    struct error err;
    setup(3);
    struct engine *e = piste.engine;
    tx_queues_init(e, &set, queues, 3);
    assert_int_equal(tx_queue_place(e, &set, 0, 0x6, &err), 0); /* threads 1 and 2 */
    assert_string_equal(placement(), "1:0 2:0,1 3:2");
    assert_true(queue[0].shared && !queue[1].shared);
    assert_int_equal(tx_queue_place(e, &set, 2, 0, &err), 0);
    assert_string_equal(placement(), "1:0 2:0,1");
    assert_true(tx_queues_threads_without(e, &set) == 1 << 3);
    assert_int_equal(tx_queue_place(e, &set, 3, 2, &err), -ENOENT);
    assert_int_equal(tx_queue_place(e, &set, 2, 0x10, &err), -EINVAL);
    assert_string_equal(placement(), "1:0 2:0,1");              /* as it was */
    assert_int_equal(tx_queue_place(e, &set, 2, 0xf, &err), 0); /* the control thread too */
    assert_string_equal(placement(), "0:2 1:0,2 2:0,1,2 3:2");
    tx_queue_enable(e, &set, 2, false);
    assert_string_equal(placement(), "1:0 2:0,1");
    tx_queue_enable(e, &set, 2, true);
    assert_string_equal(placement(), "0:2 1:0,2 2:0,1,2 3:2");
    teardown();
}

static void texts(void **state)
{
    static const char *const good[] = {"0", "1-2", "0-3,5", "62-63", "0-63", "1,3,5", "n/a"};
    static const char *const bad[] = {"",     "64",  "1-", "-1",    "2-1",
                                      "1,,2", "1 2", "a",  "1-2-3", "1,"};
    struct error err;
    u64 threads;
    for (u32 i = 0; i < array_len(good); i++) {
        struct text t = {0};
        if (strcmp(good[i], "n/a"))
            assert_int_equal(tx_threads_parse(good[i], &threads, &err), 0);
        else
            threads = 0;
        tx_threads_format(&t, threads);
        assert_string_equal(text_str(&t), good[i]);
        text_free(&t);
    }
    for (u32 i = 0; i < array_len(bad); i++)
        assert_int_equal(tx_threads_parse(bad[i], &threads, &err), -EINVAL);
    assert_int_equal(tx_threads_parse("3,1,2", &threads, &err), 0);
    assert_true(threads == 0xe);
}

/* --- with threads --- */

static u32 in_use[QUEUES_MAX]; /* without atomics: the lock is what keeps two threads apart */
static _Atomic u64 n_sent;

static u32 sending_input(struct thread *t, struct node *n, struct rx_queue *q)
{
    const struct tx_map *m = tx_queues_map(&set);
    struct tx_share mine = m->of[thread_index(t)];
    for (u32 i = 0; i < mine.n; i++) {
        struct tx_queue *x = m->queue[mine.first + i];
        bool locked = tx_queue_lock(x);
        assert_int_equal(in_use[x->queue]++, 0);
        if (n_sent % 64 == 0)
            sched_yield();
        assert_int_equal(--in_use[x->queue], 0);
        tx_queue_unlock(x, locked);
        n_sent++;
    }
    return 1;
}

static const struct node_def sending_def = {
    .name = "sending-input", .kind = NODE_INPUT, .input = {sending_input}};

static void never_two_at_once(void **state)
{
    static struct rx_queue rx[2];
    struct error err;
    setup(2);
    struct engine *e = piste.engine;
    struct node_index input = node_register(e, &sending_def, NULL, NULL);
    tx_queues_init(e, &set, queues, 2);
    assert_int_equal(engine_start(e, &err), 0);
    for (u32 i = 0; i < 2; i++) {
        rx[i] = (struct rx_queue){.node = input, .fd = -1, .mode = RX_MODE_POLLING};
        assert_int_equal(rx_queue_add(e, &rx[i], 1 + i, &err), 0);
        rx_queue_enable(e, &rx[i], true);
    }
    u64 give_up = clock_ns() + 20 * NS_PER_SEC;
    for (u32 i = 0; i < 30 || (n_sent < 5000 && clock_ns() < give_up); i++) {
        if (i % 7 == 0)
            tx_queue_enable(e, &set, 1, i % 2);
        assert_int_equal(tx_queue_place(e, &set, i % 2, (i * 2654435761u >> 28) & 0x6, &err), 0);
    }
    for (u32 i = 0; i < 2; i++)
        rx_queue_delete(e, &rx[i]);
    assert_true(n_sent >= 5000);
    teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_themselves),
        cmocka_unit_test(by_somebody),
        cmocka_unit_test(texts),
        cmocka_unit_test(never_two_at_once),
    };
    return cmocka_run_group_tests_name("tx_queue", tests, NULL, NULL);
}
