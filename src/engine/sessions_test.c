/* Sessions as NAT will have them: two keys, an object, a timer; made, found and timed out by data
 * threads while the control thread looks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/engine_internal.h"
#include "engine/engine_world.h"
#include "engine/sessions.h"

#define WORKERS 2
#define PER_ROUND 20

/* 72 bytes: a flow both ways, translated addresses, counters, times. */
struct nat_session {
    u64 inside[2], outside[2];
    u64 packets, bytes, changed_ns;
    u32 thread, number;
    u64 sum; /* of all the others: a copy is whole when it is right */
};

static struct piste piste;
static struct sessions *sessions;
static struct node_index expire, driver;
static struct rx_queue queues[WORKERS];
static _Atomic bool stopped;
static _Atomic u32 n_made, n_expired, n_wrong, n_full;
static u64 timeout_ns;

static u64 sum_of(const struct nat_session *s)
{
    u64 x = 0, words[sizeof(*s) / 8];
    memcpy(words, s, sizeof(*s));
    for (u32 i = 0; i + 1 < array_len(words); i++)
        x = (x ^ words[i]) * 0x9e3779b97f4a7c15ull;
    return x;
}

static void set_keys(struct nat_session *s, u32 thread, u32 number)
{
    s->inside[0] = (u64)thread << 56 | number;
    s->inside[1] = number * 7919ull;
    s->outside[0] = number * 104729ull;
    s->outside[1] = (u64)number << 32 | thread;
}

static u32 make(struct session_table *table, u32 thread, u32 number)
{
    u32 i = session_new(table);
    if (i == SESSION_NONE)
        return i;
    struct nat_session *s = session_at(table, i);
    s->thread = thread;
    s->number = number;
    set_keys(s, thread, number);
    s->sum = sum_of(s);
    return session_add(table, i) ? i : SESSION_NONE;
}

static u32 find(const struct session_table *table, u32 key, u32 thread, u32 number)
{
    struct nat_session s;
    set_keys(&s, thread, number);
    return session_find(table, key, key ? s.outside : s.inside, 2);
}

/* New sessions, and packets of old ones. */
static u32 driver_input(struct thread *t, struct node *n, struct rx_queue *q)
{
    if (stopped)
        return 0;
    struct session_table *table = session_table_of(sessions, t);
    for (u32 k = 0; k < PER_ROUND; k++) {
        u32 number = (u32)n->local[0]++;
        u32 i = make(table, t->index, number);
        if (i == SESSION_NONE) {
            n_full++;
        } else {
            n_made++;
            session_set_timer(table, i, clock_ns() + timeout_ns * (1 + number % 3));
        }
        i = find(table, k % 2, t->index, number / 2);
        if (i == SESSION_NONE)
            continue;
        struct nat_session *s = session_at(table, i);
        n_wrong += s->number != number / 2 || s->thread != t->index || s->sum != sum_of(s);
        s->packets++;
        s->bytes += 64;
        s->changed_ns = clock_ns();
        s->sum = sum_of(s);
    }
    return 0;
}

static void expire_run(struct thread *t, struct node *n, const u32 *timers, u32 count)
{
    struct session_table *table = session_table_of(sessions, t);
    for (u32 i = 0; i < count; i++) {
        const struct nat_session *s = session_at(table, timers[i]);
        n_wrong += s->thread != t->index || s->sum != sum_of(s);
        session_delete(table, timers[i]);
    }
    n_expired += count;
}

static const struct node_def expire_def = {
    .name = "nat-expire", .kind = NODE_TIMER, .expire = {expire_run}};
static const struct node_def driver_def = {
    .name = "nat-driver", .kind = NODE_INPUT, .input = {driver_input}};

static struct sessions_args args(u32 max)
{
    return (struct sessions_args){
        .name = "test-sessions",
        .object_bytes = sizeof(struct nat_session),
        .max = max,
        .keys = {{offsetof(struct nat_session, inside), 2},
                 {offsetof(struct nat_session, outside), 2}},
        .expire = expire,
    };
}

static void open_world(u32 max)
{
    struct engine_config c;
    engine_config_default(&c);
    c.n_workers = WORKERS;
    c.buffers_per_numa = 1024;
    engine_world_open(&piste, &c);
    expire = node_register(piste.engine, &expire_def, NULL, NULL);
    driver = node_register(piste.engine, &driver_def, NULL, NULL);
    struct sessions_args a = args(max);
    sessions = sessions_new(piste.engine, &a);
    n_made = n_expired = n_wrong = n_full = 0;
    stopped = false;
    timeout_ns = 20 * NS_PER_MSEC;
}

static void close_world(void)
{
    engine_stop(piste.engine);
    sessions_free(sessions);
    engine_world_close(&piste);
}

static void start_drivers(void)
{
    struct error e;
    for (u32 i = 0; i < WORKERS; i++) {
        queues[i] = (struct rx_queue){.node = driver, .fd = -1, .mode = RX_MODE_POLLING};
        assert_int_equal(rx_queue_add(piste.engine, &queues[i], i + 1, &e), 0);
        rx_queue_enable(piste.engine, &queues[i], true);
    }
    assert_int_equal(engine_start(piste.engine, &e), 0);
}

static void delete_drivers(void)
{
    for (u32 i = 0; i < WORKERS; i++)
        rx_queue_delete(piste.engine, &queues[i]);
}

/* Looks at all once; returns how many there were, each whole. */
static u32 look_at_all(void)
{
    static struct nat_session out[SESSIONS_A_PIECE];
    static u32 index[SESSIONS_A_PIECE];
    u32 seen = 0;
    for (u32 t = 1; t <= WORKERS; t++)
        for (u32 from = 0, last = 0; from != SESSION_NONE;) {
            u32 n = sessions_copy(sessions, t, &from, out, index, 100);
            for (u32 i = 0; i < n; i++) {
                assert_int_equal(out[i].thread, t);
                assert_int_equal(out[i].sum, sum_of(&out[i]));
                assert_true(!last || index[i] >= last);
                last = index[i];
            }
            seen += n;
        }
    return seen;
}

static void take_out(struct thread *t, struct session_table *table, u32 session, void *arg)
{
    session_delete(table, session);
    ++*(u32 *)arg;
}

static void test_looked_at_while_they_change(void **state)
{
    u32 seen = 0, most = 0, gone = 0;
    open_world(20000);
    start_drivers();
    u64 give_up = clock_ns() + 60 * NS_PER_SEC;
    while ((n_expired < 50000 || seen <= 1000 || most <= 10) && clock_ns() < give_up) {
        u32 n = look_at_all();
        seen += n;
        most = (u32)max_u64(most, n);
    }
    assert_true(n_expired >= 50000 && seen > 1000 && most > 10); /* else: nobody ran */
    stopped = true;
    for (u32 t = 1; t <= WORKERS; t++)
        sessions_each(sessions, t, take_out, &gone);
    assert_int_equal(n_made, n_expired + gone);
    assert_int_equal(sessions_count(sessions, 1) + sessions_count(sessions, 2), 0);
    assert_int_equal(n_wrong, 0);
    delete_drivers();
    close_world();
}

static void test_a_full_table(void **state)
{
    open_world(1000);
    struct session_table *table = session_table_of(sessions, piste.engine->threads[1]);
    for (u32 i = 0; i < 1000; i++)
        assert_int_not_equal(make(table, 1, i), SESSION_NONE);
    assert_int_equal(make(table, 1, 1000), SESSION_NONE);
    session_delete(table, find(table, 1, 1, 17));
    assert_int_equal(find(table, 0, 1, 17), SESSION_NONE);
    assert_int_not_equal(make(table, 1, 1000), SESSION_NONE);
    for (u32 i = 0; i <= 1000; i++)
        for (u32 key = 0; key < 2; key++) {
            u32 at = find(table, key, 1, i);
            assert_int_equal(at == SESSION_NONE, i == 17);
            if (at != SESSION_NONE)
                assert_int_equal(((struct nat_session *)session_at(table, at))->number, i);
        }
    close_world();
}

static u64 bytes_of(const struct session_table *t)
{
    return mem_map_resident_bytes(&t->pool.map) + mem_map_resident_bytes(&t->pool.used_map) +
           mem_map_resident_bytes(&t->by_key[0].map) + mem_map_resident_bytes(&t->by_key[1].map);
}

/* An empty table takes next to nothing, and a session less than 150 bytes, timer and all. */
static void test_memory_of_a_session(void **state)
{
    enum { N = 200000 };
    open_world(1000000);
    struct session_table *table = session_table_of(sessions, piste.engine->threads[1]);
    struct thread_timers *timers = &piste.engine->threads[1]->timers;
    assert_true(bytes_of(table) < 20000);
    for (u32 i = 0; i < N; i++)
        session_set_timer(table, make(table, 1, i), clock_ns() + (u64)i * NS_PER_MSEC);
    u64 bytes = bytes_of(table) + mem_map_resident_bytes(&timers->wheel.map) +
                mem_map_resident_bytes(&timers->maps[table->kind.i]);
    assert_true(bytes / N < 150);
    assert_true(bytes / N > sizeof(struct nat_session));
    close_world();
}

/* As when a feature is turned off and on again, under traffic. */
static void test_tables_come_and_go(void **state)
{
    u32 gone = 0;
    open_world(5000);
    start_drivers();
    for (u32 round = 0; round < 5; round++) {
        while (n_made < 1000 * (round + 1))
            usleep(100);
        stopped = true;
        engine_synchronize(piste.engine); /* no thread looks at them */
        for (u32 t = 1; t <= WORKERS; t++)
            sessions_each(sessions, t, take_out, &gone);
        u32 kind = sessions->kind.i;
        sessions_free(sessions);
        struct sessions_args a = args(5000 - round);
        sessions = sessions_new(piste.engine, &a);
        assert_int_equal(sessions->kind.i, kind);
        stopped = false;
    }
    delete_drivers();
    assert_int_equal(n_wrong, 0);
    close_world();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_looked_at_while_they_change),
        cmocka_unit_test(test_a_full_table),
        cmocka_unit_test(test_memory_of_a_session),
        cmocka_unit_test(test_tables_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
