/* The wheel against an array of times, over random sequences. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/wheel.h"

#define TIMERS 2000u
#define KINDS 3u
#define BATCH 64u

static struct wheel wheel;
static struct wheel_timer timers[KINDS][TIMERS];
static u64 due[KINDS][TIMERS]; /* in ticks that do not wrap; 0: stopped */
static u64 now;
static u32 n_running;

static void begin(u64 at, u32 max)
{
    memset(timers, 0, sizeof(timers));
    memset(due, 0, sizeof(due));
    now = at;
    n_running = 0;
    wheel_init(&wheel, "wheel", max, (u32)at);
    for (u32 k = 0; k < KINDS; k++)
        wheel_set_kind(&wheel, k, timers[k]);
}

static void start(u32 k, u32 i, u64 at)
{
    wheel_start(&wheel, k, i, (u32)at);
    n_running += !due[k][i];
    due[k][i] = at <= now ? now + 1 : at;
    if (!(u32)due[k][i])
        due[k][i]++; /* tick 0 is left out */
}

static void stop(u32 k, u32 i)
{
    wheel_stop(&wheel, k, i);
    n_running -= due[k][i] != 0;
    due[k][i] = 0;
}

/* Fires all that are due, and nothing else; returns how many calls it took. */
static u32 advance(u64 to)
{
    u32 handles[BATCH], calls = 0;
    bool more = true;
    while (more) {
        u32 n = wheel_advance(&wheel, (u32)to, handles, BATCH, &more);
        calls++;
        for (u32 i = 0; i < n; i++) {
            u64 *at = &due[wheel_handle_kind(handles[i])][wheel_handle_index(handles[i])];
            assert_true(*at && *at <= to);
            *at = 0;
            n_running--;
        }
    }
    now = to;
    for (u32 k = 0; k < KINDS; k++)
        for (u32 i = 0; i < TIMERS; i++) {
            assert_true(!due[k][i] || due[k][i] > to);
            assert_int_equal(wheel_is_running(&wheel, k, i), due[k][i] != 0);
        }
    assert_int_equal(wheel.n_running, n_running);
    return calls;
}

/* The wheel asks to be called at the first timer, or before. */
static void check_next(void)
{
    u64 first = UINT64_MAX;
    u32 next;
    for (u32 k = 0; k < KINDS; k++)
        for (u32 i = 0; i < TIMERS; i++)
            if (due[k][i] && due[k][i] < first)
                first = due[k][i];
    bool any = wheel_next(&wheel, &next);
    assert_int_equal(any, first != UINT64_MAX);
    if (!any)
        return;
    u32 in = next - (u32)now;
    assert_true(in >= 1 && in <= first - now);
}

static u64 random_delay(void)
{
    switch (random() % 4) {
    case 0:
        return (u64)random() % 10;
    case 1:
        return (u64)random() % 2000;
    case 2:
        return (u64)random() % 300000;
    default:
        return (u64)random() % 3000000;
    }
}

static void random_walk(u64 at, u32 steps)
{
    begin(at, KINDS * TIMERS);
    for (u32 s = 0; s < steps; s++) {
        u32 burst = (u32)random() % 200;
        for (u32 b = 0; b < burst; b++) {
            u32 k = (u32)random() % KINDS, i = (u32)random() % TIMERS;
            if (random() % 4)
                start(k, i, now + random_delay());
            else
                stop(k, i);
        }
        advance(now + random_delay() / 4);
        check_next();
    }
    wheel_fini(&wheel);
}

static void test_against_times(void **state)
{
    srandom(1);
    random_walk(1, 1500);
}

static void test_ticks_wrap(void **state)
{
    srandom(2);
    for (u32 k = 0; k < 20; k++)
        random_walk((1ull << 32) - 1 - (u64)random() % 400000, 60);
}

static void test_a_timer_fires_in_its_tick(void **state)
{
    static const u32 delays[] = {1, 2, 1023, 1024, 1025, 2047, 2048, 262143, 262144, 1000000};
    for (u32 d = 0; d < array_len(delays); d++)
        for (u32 at = 1; at < 3000; at += 501) {
            begin(at, 10);
            start(0, 5, at + delays[d]);
            advance(at + delays[d] - 1);
            assert_int_equal(n_running, 1);
            advance(at + delays[d]);
            assert_int_equal(n_running, 0);
            wheel_fini(&wheel);
        }
}

/* Asked for when there is something to do, and only then, it comes in time. */
static void test_sleeps_end_in_time(void **state)
{
    u32 next, wakes = 0;
    begin(7, 10);
    assert_false(wheel_next(&wheel, &next));
    start(1, 3, 5000007);
    while (n_running && wheel_next(&wheel, &next)) {
        now += next - (u32)now;
        advance(now);
        wakes++;
    }
    assert_int_equal(now, 5000007);
    assert_true(wakes <= 5000000 / (WHEEL_FAR_SLOTS - 1) / WHEEL_NEAR_SLOTS + 3);
    start(1, 3, now + 100);
    stop(1, 3);
    assert_false(wheel_next(&wheel, &next)); /* though its handle is still there */
    wheel_fini(&wheel);
}

static u32 handles_in(u32 chunk)
{
    u32 n = 0;
    for (; chunk; chunk = wheel.chunks[chunk - 1].next)
        n += wheel.chunks[chunk - 1].n;
    return n;
}

static u32 count_handles(void)
{
    u32 n = handles_in(wheel.drain[0]) + handles_in(wheel.drain[1]);
    for (u32 i = 0; i < WHEEL_NEAR_SLOTS; i++)
        n += handles_in(wheel.near[i]);
    for (u32 i = 0; i < WHEEL_FAR_SLOTS; i++)
        n += handles_in(wheel.far[i]);
    return n;
}

static void test_restarting_only_writes(void **state)
{
    begin(1, 10);
    start(0, 0, 500);
    u32 handles = count_handles();
    for (u32 i = 0; i < 100000; i++)
        start(0, 0, 501 + i);
    for (u32 i = 0; i < 100; i++) {
        stop(0, 0);
        start(0, 0, 100600 + i);
    }
    assert_int_equal(count_handles(), handles);
    advance(100698);
    assert_int_equal(n_running, 1);
    advance(100699);
    assert_int_equal(n_running, 0);
    assert_int_equal(count_handles(), 0);
    wheel_fini(&wheel);
}

/* Each is started late and then ever earlier: what is left behind does not add up. */
static void test_handles_left_behind_are_swept(void **state)
{
    begin(1, TIMERS);
    for (u32 round = 0; round < 400; round++)
        for (u32 i = 0; i < TIMERS; i++)
            start(0, i, now + 262000 - round * 600);
    assert_true(count_handles() <= wheel.n_chunks * 30);
    advance(now + 262000 - 399 * 600 - 1);
    assert_int_equal(n_running, TIMERS);
    advance(now + 1);
    assert_int_equal(n_running, 0);
    advance(now + 300000);
    assert_int_equal(count_handles(), 0);
    wheel_fini(&wheel);
}

static void test_one_call_has_a_bound(void **state)
{
    begin(1, KINDS * TIMERS);
    for (u32 k = 0; k < KINDS; k++)
        for (u32 i = 0; i < TIMERS; i++)
            start(k, i, 100);
    assert_true(advance(100) >= KINDS * TIMERS / BATCH);
    /* also of those that are not due */
    for (u32 i = 0; i < TIMERS; i++)
        start(0, i, now + 50);
    for (u32 i = 0; i < TIMERS; i++)
        start(0, i, now + 500);
    assert_true(advance(now + 60) >= TIMERS / BATCH / 8);
    assert_int_equal(n_running, TIMERS);
    wheel_fini(&wheel);
}

static void test_months_without_timers(void **state)
{
    begin(1, 10);
    start(0, 1, 1000);
    start(0, 2, 200000);
    stop(0, 1);
    stop(0, 2);
    u64 steps[] = {3ull << 30, 3ull << 31, (7ull << 32) + 5};
    for (u32 s = 0; s < array_len(steps); s++) {
        advance(now + steps[s]);
        start(0, 1, now + 3000);
        advance(now + 2999);
        assert_int_equal(n_running, 1);
        advance(now + 1);
        assert_int_equal(n_running, 0);
        start(0, 2, now + 50000);
        stop(0, 2);
    }
    wheel_fini(&wheel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_times),
        cmocka_unit_test(test_ticks_wrap),
        cmocka_unit_test(test_a_timer_fires_in_its_tick),
        cmocka_unit_test(test_sleeps_end_in_time),
        cmocka_unit_test(test_restarting_only_writes),
        cmocka_unit_test(test_handles_left_behind_are_swept),
        cmocka_unit_test(test_one_call_has_a_bound),
        cmocka_unit_test(test_months_without_timers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
