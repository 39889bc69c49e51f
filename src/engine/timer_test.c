/* Timers of running data threads: they fire in time, also when nothing else wakes the thread, and
 * nothing wakes it when none runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/engine_internal.h"
#include "engine/engine_world.h"
#include "engine/timer.h"

#define TIMERS 1000

static struct piste piste;
static struct timer_kind kind, other_kind;
static struct node_index timer_node, other_node;
static u64 due_ns[THREADS_MAX][TIMERS]; /* 0: stopped */
static _Atomic u32 n_fired, n_early, n_wrong, n_others;
static _Atomic u64 latest_ns;
static u32 again; /* times that each restarts itself */

static void expire_run(struct thread *t, struct node *n, const u32 *timers, u32 count)
{
    u64 now = clock_ns();
    for (u32 i = 0; i < count; i++) {
        u64 *due = &due_ns[t->index][timers[i]];
        n_wrong += !*due;
        n_early += now < *due;
        if (now - *due > latest_ns)
            latest_ns = now - *due;
        *due = 0;
        n_fired++;
        if (n->local[0] < again) {
            n->local[0]++;
            *due = now + 2 * NS_PER_MSEC;
            timer_start(thread_timers(t), kind, timers[i], *due);
        }
    }
}

static void other_run(struct thread *t, struct node *n, const u32 *timers, u32 count)
{
    for (u32 i = 0; i < count; i++)
        n_wrong += timers[i] != TIMERS - 1;
    n_others += count;
}

static const struct node_def timer_def = {
    .name = "test-expire", .kind = NODE_TIMER, .expire = {expire_run}};
static const struct node_def other_def = {
    .name = "other-expire", .kind = NODE_TIMER, .expire = {other_run}};

static void open_world(void)
{
    struct engine_config c;
    struct error e;
    engine_config_default(&c);
    c.n_workers = 2;
    c.buffers_per_numa = 1024;
    engine_world_open(&piste, &c);
    timer_node = node_register(piste.engine, &timer_def, NULL, NULL);
    other_node = node_register(piste.engine, &other_def, NULL, NULL);
    assert_int_equal(engine_start(piste.engine, &e), 0);
    /* also while threads run */
    kind = timer_kind_new(piste.engine, timer_node, TIMERS);
    other_kind = timer_kind_new(piste.engine, other_node, TIMERS);
    memset(due_ns, 0, sizeof(due_ns));
    n_fired = n_early = n_wrong = n_others = again = 0;
    latest_ns = 0;
}

static void close_world(void)
{
    engine_stop(piste.engine);
    engine_world_close(&piste);
}

static void start_many(struct thread *t, void *arg)
{
    u64 now = clock_ns();
    for (u32 i = 0; i < TIMERS; i++) {
        due_ns[t->index][i] = now + (i * 7919 % TIMERS) * 100000; /* within 100 ms */
        timer_start(thread_timers(t), kind, i, due_ns[t->index][i]);
    }
    timer_start(thread_timers(t), other_kind, TIMERS - 1, now + 50 * NS_PER_MSEC);
    for (u32 i = 0; i < TIMERS; i += 2) { /* later, in one tick */
        due_ns[t->index][i] = now + 120 * NS_PER_MSEC;
        timer_start(thread_timers(t), kind, i, due_ns[t->index][i]);
    }
    for (u32 i = 0; i < TIMERS; i += 5) {
        due_ns[t->index][i] = 0;
        timer_stop(thread_timers(t), kind, i);
    }
}

static void wait_for(_Atomic u32 *count, u32 n)
{
    u64 give_up = clock_ns() + 10 * NS_PER_SEC;
    while (*count < n && clock_ns() < give_up)
        usleep(1000);
    assert_int_equal(*count, n);
}

static void test_fire_in_time(void **state)
{
    open_world();
    for (u32 i = 1; i <= 2; i++)
        thread_call(piste.engine->threads[i], start_many, NULL);
    wait_for(&n_fired, 2 * TIMERS * 4 / 5);
    wait_for(&n_others, 2);
    assert_int_equal(n_early, 0);
    assert_int_equal(n_wrong, 0);
    struct node_stats s;
    engine_node_stats(piste.engine, 1, timer_node, &s);
    assert_true(s.calls > 0 && s.suspends > 0 && s.vectors == 0);
    close_world();
}

static void start_one(struct thread *t, void *arg)
{
    due_ns[t->index][0] = clock_ns() + *(u64 *)arg;
    timer_start(thread_timers(t), kind, 0, due_ns[t->index][0]);
}

static u64 sleeps_of(u32 thread)
{
    return __atomic_load_n(&piste.engine->threads[thread]->sleeps, __ATOMIC_RELAXED);
}

static void test_an_idle_thread_sleeps(void **state)
{
    open_world();
    u64 before, delay = 200 * NS_PER_MSEC;
    u32 tries = 0;
    do { /* on a busy machine it may not have come to its first sleep yet */
        before = sleeps_of(1);
        usleep(200000);
    } while (sleeps_of(1) != before && ++tries < 20);
    assert_int_equal(sleeps_of(1), before); /* without timers: not once */
    thread_call(piste.engine->threads[1], start_one, &delay);
    wait_for(&n_fired, 1);
    usleep(100000);
    assert_int_equal(n_early, 0);
    assert_true(sleeps_of(1) - before <= 6); /* the call, the timer, and back to sleep */
    close_world();
}

static void test_a_timer_restarts_itself(void **state)
{
    u64 delay = NS_PER_MSEC;
    open_world();
    again = 50;
    thread_call(piste.engine->threads[1], start_one, &delay);
    wait_for(&n_fired, 51);
    assert_int_equal(n_early, 0);
    close_world();
}

static void test_kinds_that_come_and_go(void **state)
{
    open_world();
    struct engine *e = piste.engine;
    struct timer_kind large = timer_kind_new(e, timer_node, TIMERS_MAX / 4 * 3);
    timer_kind_free(e, large);
    struct timer_kind small = timer_kind_new(e, timer_node, TIMERS);
    assert_int_not_equal(small.i, large.i);
    /* nobody has taken its place, for which there would be no other */
    assert_int_equal(timer_kind_new(e, timer_node, TIMERS_MAX / 4 * 3).i, large.i);
    close_world();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fire_in_time),
        cmocka_unit_test(test_an_idle_thread_sleeps),
        cmocka_unit_test(test_a_timer_restarts_itself),
        cmocka_unit_test(test_kinds_that_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
