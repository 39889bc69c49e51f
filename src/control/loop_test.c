/* The loop: handlers that remove each other, timers against a sorted list, waking, signals. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/loop.h"

struct fixture {
    struct loop *l;
    int pipes[2][2];
    unsigned calls;
};

static void remove_both(void *arg, u32 events)
{
    struct fixture *f = arg;
    f->calls++;
    loop_fd_del(f->l, f->pipes[0][0]);
    loop_fd_del(f->l, f->pipes[1][0]);
}

static void a_removed_watch_gets_no_event_of_the_same_round(void **state)
{
    struct error e = {0};
    struct fixture f = {.l = loop_new(&e)};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pipe(f.pipes[i]), 0);
        assert_int_equal(write(f.pipes[i][1], "x", 1), 1);
        assert_int_equal(loop_fd_add(f.l, f.pipes[i][0], EPOLLIN, remove_both, &f, &e), 0);
    }
    assert_true(loop_fd_add(f.l, f.pipes[0][0], EPOLLIN, remove_both, &f, &e) < 0);
    loop_once(f.l, 0);
    loop_once(f.l, 0);
    assert_int_equal(f.calls, 1);
    for (int i = 0; i < 4; i++)
        close(f.pipes[i / 2][i % 2]);
    loop_free(f.l);
}

static void read_to_end(void *arg, u32 events)
{
    struct fixture *f = arg;
    char c;
    assert_int_equal(events, EPOLLIN);
    if (read(f->pipes[0][0], &c, 1) == 1)
        f->calls++;
    else
        loop_fd_del(f->l, f->pipes[0][0]);
}

static void a_file_is_always_ready(void **state)
{
    struct error e = {0};
    struct fixture f = {.l = loop_new(&e)};
    FILE *file = tmpfile();
    fputs("abc", file);
    rewind(file);
    f.pipes[0][0] = fileno(file);
    assert_int_equal(loop_fd_add(f.l, fileno(file), EPOLLIN, read_to_end, &f, &e), 0);
    for (int i = 0; i < 4; i++)
        loop_once(f.l, 10000);
    loop_once(f.l, 0);
    assert_int_equal(f.calls, 3);
    fclose(file);
    loop_free(f.l);
}

#define TIMERS 500

struct timer_case {
    struct loop *l;
    struct loop_timer *t;
    u64 at_ns;
    unsigned fired;
    bool deleted;
};

static u64 last_fired_ns;

static void on_timer(void *arg)
{
    struct timer_case *c = arg;
    assert_false(c->deleted);
    assert_true(clock_ns() >= c->at_ns);
    assert_true(c->at_ns >= last_fired_ns);
    last_fired_ns = c->at_ns;
    c->fired++;
    if (random() % 2) {
        loop_timer_del(c->l, c->t);
        c->deleted = true;
    }
}

static void timers_fire_in_order_and_once(void **state)
{
    struct error e = {0};
    struct loop *l = loop_new(&e);
    static struct timer_case cases[TIMERS];
    u64 now = clock_ns();
    srandom(3);
    for (unsigned i = 0; i < TIMERS; i++) {
        struct timer_case *c = &cases[i];
        *c = (struct timer_case){.l = l, .at_ns = now + (u64)random() % (100 * NS_PER_MSEC)};
        c->t = loop_timer_add(l, c->at_ns, 0, on_timer, c);
    }
    for (unsigned i = 0; i < TIMERS; i += 3) {
        loop_timer_del(l, cases[i].t);
        cases[i].deleted = true;
    }
    for (unsigned i = 1; i < TIMERS; i += 3) {
        cases[i].at_ns = now + (u64)random() % (100 * NS_PER_MSEC);
        loop_timer_set(l, cases[i].t, cases[i].at_ns);
    }
    last_fired_ns = 0;
    while (clock_ns() < now + 120 * NS_PER_MSEC)
        loop_once(l, 10);
    for (unsigned i = 0; i < TIMERS; i++)
        assert_int_equal(cases[i].fired, i % 3 ? 1 : 0);
    loop_free(l);
}

static void count_or_stop(void *arg)
{
    struct fixture *f = arg;
    if (++f->calls == 3)
        loop_stop(f->l, 7);
}

static void a_period_repeats_until_the_loop_stops(void **state)
{
    struct error e = {0};
    struct fixture f = {.l = loop_new(&e)};
    u64 start = clock_ns();
    loop_timer_add(f.l, start, 5 * NS_PER_MSEC, count_or_stop, &f);
    assert_int_equal(loop_run(f.l), 7);
    assert_int_equal(f.calls, 3);
    assert_true(clock_ns() - start >= 10 * NS_PER_MSEC);
    loop_free(f.l);
}

static void set_self_to_the_past(void *arg)
{
    struct timer_case *c = arg;
    c->fired++;
    loop_timer_set(c->l, c->t, 0);
}

static void a_timer_in_the_past_does_not_hold_up_a_round(void **state)
{
    struct error e = {0};
    struct timer_case c = {.l = loop_new(&e)};
    c.t = loop_timer_add(c.l, 0, 0, set_self_to_the_past, &c);
    for (int i = 0; i < 10; i++)
        loop_once(c.l, -1);
    assert_int_equal(c.fired, 10);
    loop_free(c.l);
}

static void count(void *arg)
{
    ((struct fixture *)arg)->calls++;
}

static void defer_again(void *arg)
{
    struct fixture *f = arg;
    f->calls++;
    loop_defer(f->l, count, f);
}

static void deferred_calls_run_once_each(void **state)
{
    struct error e = {0};
    struct fixture f = {.l = loop_new(&e)};
    loop_defer(f.l, defer_again, &f);
    loop_once(f.l, -1);
    assert_int_equal(f.calls, 1);
    loop_once(f.l, -1);
    assert_int_equal(f.calls, 2);
    loop_once(f.l, 0);
    assert_int_equal(f.calls, 2);
    loop_free(f.l);
}

static void *wake_from_elsewhere(void *arg)
{
    usleep(20000);
    loop_wake(arg);
    return NULL;
}

static void wake_ends_a_wait(void **state)
{
    struct error e = {0};
    struct loop *l = loop_new(&e);
    pthread_t t;
    u64 start = clock_ns();
    assert_int_equal(pthread_create(&t, NULL, wake_from_elsewhere, l), 0);
    loop_once(l, 5000);
    assert_true(clock_ns() - start < 2 * NS_PER_SEC);
    pthread_join(t, NULL);
    loop_free(l);
}

static void on_signal(void *arg, const struct loop_signal *s)
{
    *(struct loop_signal *)arg = *s;
}

static void signals_come_through_the_loop(void **state)
{
    struct error e = {0};
    struct loop *l = loop_new(&e);
    struct loop_signal got = {0};
    assert_int_equal(loop_signal_add(l, SIGHUP, on_signal, &got, &e), 0);
    assert_int_equal(loop_signal_add(l, SIGTERM, on_signal, &got, &e), 0);
    kill(getpid(), SIGTERM);
    loop_once(l, 1000);
    assert_int_equal(got.number, SIGTERM);
    assert_int_equal(got.pid, getpid());
    loop_free(l);
}

static void sleep_25_ms(void *arg)
{
    usleep(25000);
}

struct slept {
    struct loop *l;
    struct loop_timer *t;
};

/* The timer is due while this sleeps, whatever else the machine does. */
static void sleep_25_ms_with_a_timer(void *arg)
{
    struct slept *x = arg;
    x->t = loop_timer_add(x->l, clock_ns() + NS_PER_MSEC, 0, sleep_25_ms, NULL);
    usleep(25000);
}

static void work_5_ms(void *arg)
{
    for (u64 end_ns = clock_thread_cpu_ns() + 5 * NS_PER_MSEC; clock_thread_cpu_ns() < end_ns;)
        ;
}

static void what_others_wait_is_measured(void **state)
{
    struct error e = {0};
    struct loop *l = loop_new(&e);
    loop_once(l, 0);
    struct loop_stats s = loop_stats_get(l);
    assert_int_equal(s.rounds, 1);
    assert_true(s.over[0] == 0 && s.timers == 0);
    struct slept slept = {l, NULL};
    loop_defer(l, sleep_25_ms_with_a_timer, &slept);
    loop_once(l, 0);
    loop_once(l, 100);
    s = loop_stats_get(l);
    assert_int_equal(s.rounds, 3);
    assert_true(s.over[0] == 2 && s.over[1] == 2);
    assert_true(s.worst_ns >= 25 * NS_PER_MSEC && s.busy_ns >= 50 * NS_PER_MSEC);
    assert_true(s.worst_cpu_ns <= s.most_cpu_ns && s.worst_cpu_ns < s.worst_ns); /* they slept */
    assert_int_equal(s.timers, 1);
    assert_true(s.worst_late_ns >= 20 * NS_PER_MSEC); /* it was due while the other slept */
    loop_stats_clear(l);
    s = loop_stats_get(l);
    assert_true(!s.rounds && !s.worst_ns && !s.timers);
    loop_defer(l, work_5_ms, NULL);
    loop_once(l, 0);
    s = loop_stats_get(l);
    assert_true(s.worst_cpu_ns >= 5 * NS_PER_MSEC && s.most_cpu_ns == s.worst_cpu_ns);
    loop_timer_del(l, slept.t);
    loop_free(l);
}

struct pieces {
    struct loop *l;
    unsigned left, served, idle;
    struct pieces *next; /* work that the last piece leaves */
};

/* Longer than what a round does of it. */
static bool one_piece(void *arg)
{
    struct pieces *x = arg;
    work_5_ms(NULL);
    if (!--x->left && x->next)
        loop_work_add(x->l, one_piece, x->next);
    return x->left;
}

static void serve(void *arg, u32 events)
{
    ((struct pieces *)arg)->served++;
}

static void note_idle(void *arg)
{
    struct pieces *x = arg;
    assert_false(loop_has_work(x->l));
    x->idle++;
}

static void others_have_their_turn_between_pieces_of_work(void **state)
{
    struct error e = {0};
    int pipes[2];
    struct pieces second = {.left = 2};
    struct pieces x = {.l = loop_new(&e), .left = 3, .next = &second};
    second.l = x.l;
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(write(pipes[1], "x", 1), 1);
    assert_int_equal(loop_fd_add(x.l, pipes[0], EPOLLIN, serve, &x, &e), 0);
    u64 before = loop_work_count(x.l);
    loop_work_add(x.l, one_piece, &x);
    loop_work_add(x.l, one_piece, &x); /* it is the same */
    assert_int_equal(loop_work_count(x.l), before + 2);
    loop_on_idle(x.l, note_idle, &x);
    for (unsigned i = 1; i <= 5; i++) {
        assert_true(loop_has_work(x.l) && !x.idle);
        loop_once(x.l, -1);
        assert_int_equal(x.served, i);
        assert_int_equal(x.left + second.left, 5 - i);
    }
    assert_false(loop_has_work(x.l));
    assert_int_equal(x.idle, 1);
    assert_int_equal(loop_stats_get(x.l).work_rounds, 5);
    /* what is taken back is not done, and nobody is told who does not want to be */
    x.left = 2;
    loop_work_add(x.l, one_piece, &x);
    loop_on_idle(x.l, note_idle, &x);
    loop_work_del(x.l, one_piece, &x);
    loop_on_idle_del(x.l, note_idle, &x);
    loop_once(x.l, -1);
    assert_int_equal(x.left, 2);
    assert_int_equal(x.idle, 1);
    loop_fd_del(x.l, pipes[0]);
    close(pipes[0]);
    close(pipes[1]);
    loop_free(x.l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_others_wait_is_measured),
        cmocka_unit_test(others_have_their_turn_between_pieces_of_work),
        cmocka_unit_test(a_removed_watch_gets_no_event_of_the_same_round),
        cmocka_unit_test(a_file_is_always_ready),
        cmocka_unit_test(timers_fire_in_order_and_once),
        cmocka_unit_test(a_period_repeats_until_the_loop_stops),
        cmocka_unit_test(a_timer_in_the_past_does_not_hold_up_a_round),
        cmocka_unit_test(deferred_calls_run_once_each),
        cmocka_unit_test(wake_ends_a_wait),
        cmocka_unit_test(signals_come_through_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
