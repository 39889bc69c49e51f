/* The graph in process: grouping, counting, features, buffers, rings and threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/loop.h"
#include "engine/engine_internal.h"
#include "engine/engine_world.h"

#define PKTS_PER_CALL 100

static struct piste piste;

static void setup_engine(void)
{
    struct engine_config c;
    engine_config_default(&c);
    c.buffers_per_numa = 2048;
    engine_world_open(&piste, &c);
}

static void teardown_engine(void)
{
    engine_world_close(&piste);
}

/* --- a small graph: source -> even | odd -> sink --- */

enum { SOURCE_EVEN, SOURCE_ODD, SOURCE_N };

static u32 source_run(struct thread *t, struct node *n, struct rx_queue *q)
{
    u32 bi[PKTS_PER_CALL], *left = q->port;
    u16 next[PKTS_PER_CALL];
    u32 want = (u32)min_u64(__atomic_load_n(left, __ATOMIC_SEQ_CST), PKTS_PER_CALL);
    u32 got = buffer_alloc(t, BUFFER_POOL_DEFAULT, bi, want);
    for (u32 i = 0; i < got; i++) {
        struct buffer *b = buffer_at(bi[i]);
        b->len = 60;
        b->rx_if.i = 1;
        memset(buffer_current(b), (int)i, 60);
        next[i] = i % 3 ? SOURCE_ODD : SOURCE_EVEN;
        if (trace_wants(n) && trace_start(t, n, b))
            trace_input_hop(t, n, b, next[i], "x", 1);
    }
    __atomic_sub_fetch(left, got, __ATOMIC_SEQ_CST);
    node_enqueue_each(t, n, bi, next, got);
    return got;
}

static void even_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        assert_true(b[i]->len == 60);
        next[i] = feature_start(n->state, b[i]->rx_if, b[i], 0);
    }
}

static void odd_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    node_count(n, 0, count);
    for (u32 i = 0; i < count; i++)
        next[i] = 0;
}

static void feature_a_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        node_count(n, 0, feature_data(b[i]));
        next[i] = feature_next(b[i]);
    }
}

static const struct node_error one_error[] = {{"seen", "packets seen", SEVERITY_INFO}};

static const struct node_def source_def = {.name = "source",
                                           .kind = NODE_INPUT,
                                           .input = {source_run},
                                           .next = {"even", "odd"},
                                           .n_next = 2};
static const struct node_def even_def = {
    .name = "even", .run = {even_run}, .next = {"null-node"}, .n_next = 1};
static const struct node_def odd_def = {.name = "odd",
                                        .run = {odd_run},
                                        .next = {"null-node"},
                                        .n_next = 1,
                                        .errors = one_error,
                                        .n_errors = 1};
static const struct node_def fa_def = {
    .name = "fa", .run = {feature_a_run}, .errors = one_error, .n_errors = 1};
static const struct node_def fb_def = {
    .name = "fb", .run = {feature_a_run}, .errors = one_error, .n_errors = 1};

static const char *const arc_start[] = {"even", NULL};
static const char *const arc_slots[] = {"fb", NULL};
static const struct feature_arc_def arc_def = {"test-arc", arc_start, "null-node", arc_slots};
static const char *const before_fb[] = {"fb", NULL};
static const struct feature_def fb_feature = {"test-arc", "fb"};
static const struct feature_def fa_feature = {"test-arc", "fa", before_fb, NULL};

static u32 left;
static struct rx_queue queue;

static struct node *node_of(u32 thread, const char *name)
{
    struct node_index i;
    assert_true(node_find(piste.engine, name, &i));
    return &piste.engine->threads[thread]->nodes[i.i];
}

static void make_graph(void)
{
    struct engine *e = piste.engine;
    struct error err;
    const struct feature_arc_def *arcs[] = {&arc_def, NULL};
    const struct feature_def *features[] = {&fb_feature, &fa_feature, NULL};
    /* edges name nodes that come later */
    struct node_index source = node_register(e, &source_def, NULL, NULL);
    node_register(e, &odd_def, NULL, NULL);
    feature_register(e, arcs, features);
    feature_place_all(e);
    assert_int_equal(feature_check(e, arcs, features, &err), 0);
    node_register(e, &even_def, NULL, (void *)feature_arc_find(e, "test-arc"));
    node_register(e, &fb_def, NULL, NULL);
    node_register(e, &fa_def, NULL, NULL);
    queue = (struct rx_queue){.node = source, .fd = -1, .port = &left, .mode = RX_MODE_POLLING};
    assert_int_equal(rx_queue_add(e, &queue, UINT32_MAX, &err), 0);
    rx_queue_enable(e, &queue, true);
}

static u32 buffers_used(void)
{
    struct buffer_pool_info p;
    buffer_pool_get_info(piste.engine, BUFFER_POOL_DEFAULT, &p);
    return p.used;
}

static void test_graph_groups_and_counts(void **state)
{
    setup_engine();
    make_graph();
    left = 250;
    for (u32 i = 0; i < 5; i++)
        engine_round(piste.engine, 1);
    assert_int_equal(node_of(1, "source")->vectors, 250);
    assert_int_equal(node_of(1, "even")->vectors, 34 + 34 + 17);
    assert_int_equal(node_of(1, "odd")->vectors, 250 - 85);
    assert_int_equal(node_of(1, "odd")->calls, 3);
    assert_int_equal(node_of(1, "odd")->errors[0], 250 - 85);
    assert_int_equal(node_of(1, "null-node")->vectors, 250);
    assert_int_equal(buffers_used(), 0);
    teardown_engine();
}

static void test_features_run_in_declared_order(void **state)
{
    setup_engine();
    make_graph();
    struct error err;
    struct engine *e = piste.engine;
    struct if_index i1 = {1};
    assert_int_equal(feature_enable(e, "test-arc", "fb", i1, true, 1000, &err), 0);
    assert_int_equal(feature_enable(e, "test-arc", "fa", i1, true, 1, &err), 0);
    assert_int_equal(feature_enable(e, "test-arc", "nonsense", i1, true, 1, &err), -ENOENT);
    left = 30;
    engine_round(e, 1);
    assert_int_equal(node_of(1, "fa")->errors[0], 10);
    assert_int_equal(node_of(1, "fb")->errors[0], 10 * 1000);
    assert_int_equal(feature_enable(e, "test-arc", "fa", i1, false, 0, &err), 0);
    left = 30;
    engine_round(e, 1);
    assert_int_equal(node_of(1, "fa")->errors[0], 10);
    assert_int_equal(node_of(1, "fb")->errors[0], 20 * 1000);
    feature_forget_interface(e, i1);
    left = 30;
    engine_round(e, 1);
    assert_int_equal(node_of(1, "fb")->errors[0], 20 * 1000);
    assert_int_equal(buffers_used(), 0);
    teardown_engine();
}

static void test_pool_empties_and_recovers(void **state)
{
    setup_engine();
    struct thread *t = engine_main_thread(piste.engine);
    static u32 bi[4096];
    u32 n = buffer_alloc(t, BUFFER_POOL_DEFAULT, bi, 4096);
    assert_true(n <= 2048 && n > 1024);
    struct buffer_pool_info p;
    buffer_pool_get_info(piste.engine, BUFFER_POOL_DEFAULT, &p);
    assert_true(p.alloc_failures > 0);
    buffer_free(t, bi, n);
    assert_int_equal(buffers_used(), 0);
    u32 again = buffer_alloc(t, BUFFER_POOL_DEFAULT, bi, 4096);
    assert_int_equal(again, n);
    buffer_free(t, bi, again);
    teardown_engine();
}

static void test_chains(void **state)
{
    setup_engine();
    struct thread *t = engine_main_thread(piste.engine);
    u32 bi;
    static u8 bytes[9000], back[9000];
    for (u32 i = 0; i < sizeof(bytes); i++)
        bytes[i] = (u8)(i * 7);
    assert_int_equal(buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1), 1);
    struct buffer *b = buffer_at(bi);
    assert_int_equal(buffer_append(t, b, bytes, 100), 0);
    assert_int_equal(buffer_append(t, b, bytes + 100, 8900), 0);
    assert_int_equal(buffer_packet_len(b), 9000);
    assert_int_equal(buffer_copy_out(b, 0, back, 9000), 9000);
    assert_memory_equal(bytes, back, 9000);
    assert_int_equal(buffer_copy_out(b, 3000, back, 9000), 6000);
    assert_memory_equal(bytes + 3000, back, 6000);
    u32 copy = buffer_copy(t, b);
    assert_true(copy != BUFFER_NONE);
    buffer_advance(b, 2000);
    assert_true(buffer_pull(t, b, 1500));
    assert_memory_equal(buffer_current(b), bytes + 2000, 1500);
    assert_int_equal(buffer_packet_len(b), 7000);
    assert_false(buffer_pull(t, b, 7001));
    assert_true(buffer_share(b));
    buffer_free_one(t, bi);
    assert_int_equal(buffer_copy_out(b, 0, back, 7000), 7000);
    buffer_free_one(t, bi);
    assert_int_equal(buffer_copy_out(buffer_at(copy), 0, back, 9000), 9000);
    assert_memory_equal(bytes, back, 9000);
    buffer_free_one(t, copy);
    assert_int_equal(buffers_used(), 0);
    teardown_engine();
}

static void test_trace_records_hops(void **state)
{
    setup_engine();
    make_graph();
    node_of(1, "source")->traced = 2;
    left = 30;
    engine_round(piste.engine, 1);
    struct trace_log *log = &piste.engine->threads[1]->trace;
    /* source, even|odd, null-node: twice */
    assert_int_equal(log->published, 6);
    assert_int_equal(log->records[0].extra[0], 'x');
    assert_int_equal(log->packets, 2);
    teardown_engine();
}

/* --- with threads --- */

/* A node may not wait: the control thread may be waiting for its thread to be quiescent. So the
 * test never has more packets under way than the event ring takes. */
#define UNDER_WAY 256
static _Atomic u32 events_seen, packets_seen, events_lost;

static void on_event(struct piste *p, const void *payload)
{
    u32 x;
    memcpy(&x, payload, sizeof(x));
    events_seen += x;
}

static void posting_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    u32 one = 1;
    packets_seen += count;
    for (u32 i = 0; i < count; i++) {
        if (!thread_post(t, on_event, &one, sizeof(one)))
            events_lost++;
        next[i] = 0;
    }
}

static const struct node_def posting_def = {
    .name = "posting", .run = {posting_run}, .next = {"null-node"}, .n_next = 1};

static void test_threads_exchange_packets_and_events(void **state)
{
    setup_engine();
    struct engine *e = piste.engine;
    struct error err;
    events_seen = packets_seen = events_lost = 0;
    struct node_index posting = node_register(e, &posting_def, NULL, NULL);
    assert_int_equal(engine_start(e, &err), 0);
    u32 sent = 0;
    u64 give_up = clock_ns() + 20 * NS_PER_SEC;
    while (sent < 20000 && clock_ns() < give_up) {
        u32 bi[32];
        u32 n = sent - events_seen > UNDER_WAY - 32
                    ? 0
                    : buffer_alloc(engine_main_thread(e), BUFFER_POOL_DEFAULT, bi, 32);
        u32 took = thread_handoff(engine_main_thread(e), 1, posting, bi, n);
        buffer_free(engine_main_thread(e), bi + took, n - took);
        sent += took;
        loop_once(piste.loop, 0);
        engine_defer_free(e, free, malloc(8));
    }
    while (events_seen < sent && clock_ns() < give_up)
        loop_once(piste.loop, 10);
    assert_int_equal(events_lost, 0);
    assert_int_equal(packets_seen, sent);
    assert_int_equal(events_seen, sent);
    engine_stop(e);
    assert_int_equal(buffers_used(), 0);
    teardown_engine();
}

static void test_queue_wakes_its_thread(void **state)
{
    setup_engine();
    make_graph();
    struct engine *e = piste.engine;
    struct error err;
    rx_queue_delete(e, &queue);
    int fd = eventfd(0, EFD_NONBLOCK);
    left = 0;
    queue.fd = fd;
    queue.mode = RX_MODE_ADAPTIVE;
    assert_int_equal(rx_queue_add(e, &queue, 1, &err), 0);
    rx_queue_enable(e, &queue, true);
    assert_int_equal(engine_start(e, &err), 0);
    /* also after it was so busy that epoll did not watch it */
    static const u32 packets[] = {200, 1000 * PKTS_PER_CALL, 1, 1};
    for (u32 i = 0; i < array_len(packets); i++) {
        u64 count = 1, give_up = clock_ns() + 10 * NS_PER_SEC;
        usleep(20000); /* it sleeps */
        __atomic_store_n(&left, packets[i], __ATOMIC_SEQ_CST);
        assert_int_equal(write(fd, &count, sizeof(count)), sizeof(count));
        while (__atomic_load_n(&left, __ATOMIC_SEQ_CST) && clock_ns() < give_up)
            usleep(100);
        assert_int_equal(__atomic_load_n(&left, __ATOMIC_SEQ_CST), 0);
        assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
    }
    assert_int_equal(rx_queue_place(e, &queue, 2, &err), -EINVAL);
    rx_queue_delete(e, &queue);
    engine_stop(e);
    close(fd);
    assert_int_equal(buffers_used(), 0);
    teardown_engine();
}

static void test_an_index_is_used_again_by_the_same_kind(void **state)
{
    static const struct node_error early[] = {{"early", "too early", SEVERITY_ERROR}},
                                   late[] = {{"late", "too late", SEVERITY_ERROR}};
    static const struct node_def a = {
        .name = "a", .run = {posting_run}, .errors = early, .n_errors = 1};
    static const struct node_def b = {
        .name = "b", .run = {posting_run}, .errors = late, .n_errors = 1};
    setup_engine();
    struct engine *e = piste.engine;
    struct node_index first = node_register(e, &a, "x", NULL);
    node_count_main(e, first, 0, 3);
    u32 n_errors = e->n_errors;
    for (u32 i = 0; i < 3; i++) {
        node_delete(e, node_register(e, &b, "y", NULL));
        node_delete(e, first);
        struct node_index other = node_register(e, &b, "y", NULL);
        assert_int_not_equal(other.i, first.i); /* which has errors of another kind */
        node_delete(e, other);
        assert_int_equal(node_register(e, &a, "x", NULL).i, first.i);
        assert_int_equal(e->threads[0]->errors[e->nodes.v[first.i].error_base], 0);
    }
    assert_int_equal(e->n_errors, n_errors + 1);
    teardown_engine();
}

/* An edge whose node comes later is joined then, one that goes waits no more. */
static void test_edges_wait_for_their_nodes(void **state)
{
    static const struct node_def early = {
        .name = "early", .run = {posting_run}, .next = {"late", "never"}, .n_next = 2};
    static const struct node_def late = {.name = "late", .run = {posting_run}};
    setup_engine();
    struct engine *e = piste.engine;
    u32 others = e->nodes_waiting.n;
    struct node_index first = node_register(e, &early, "a", NULL);
    struct node_index second = node_register(e, &early, "b", NULL);
    assert_int_equal(node_next(e, first, 0).i, 0);
    node_delete(e, first);
    struct node_index to = node_register(e, &late, NULL, NULL);
    assert_int_equal(node_next(e, second, 0).i, to.i);
    assert_int_equal(node_next(e, second, 1).i, 0);
    assert_int_equal(node_next(e, node_register(e, &early, "c", NULL), 0).i, to.i);
    assert_int_equal(e->nodes_waiting.n, others + 2);
    node_delete(e, second);
    assert_int_equal(e->nodes_waiting.n, others + 1);
    teardown_engine();
}

/* Edges that were added are found again, also those at a common number, and go with their node. */
static void test_edges_are_found_again(void **state)
{
    static const struct node_def one = {.name = "one", .run = {posting_run}};
    static const struct node_def two = {
        .name = "two", .run = {posting_run}, .next = {"x"}, .n_next = 1};
    char name[8];
    setup_engine();
    struct engine *e = piste.engine;
    struct node_index from[2] = {node_register(e, &two, "a", NULL),
                                 node_register(e, &one, "b", NULL)};
    struct node_index to[20];
    for (u32 i = 0; i < array_len(to); i++) {
        snprintf(name, sizeof(name), "t%u", i);
        to[i] = node_register(e, &one, name, NULL);
    }
    for (u32 i = 0; i < array_len(to); i++)
        assert_int_equal(node_edge(e, from[0], to[i]), 1 + i);
    u16 common = node_common_edge(e, from, 2, to[3]);
    assert_int_equal(common, 21);
    for (u32 i = 0; i < array_len(to); i++)
        assert_int_equal(node_edge(e, from[0], to[i]), 1 + i);
    assert_int_equal(node_edge(e, from[1], to[3]), common);
    assert_int_equal(node_edge(e, from[1], to[4]), common + 1);
    node_delete(e, from[0]);
    assert_int_equal(node_register(e, &two, "a", NULL).i, from[0].i);
    assert_int_equal(node_edge(e, from[0], to[7]), 1);
    assert_int_equal(node_edge(e, from[0], to[6]), 2);
    assert_int_equal(node_edge(e, from[0], to[7]), 1);
    teardown_engine();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_graph_groups_and_counts),
        cmocka_unit_test(test_features_run_in_declared_order),
        cmocka_unit_test(test_pool_empties_and_recovers),
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_trace_records_hops),
        cmocka_unit_test(test_threads_exchange_packets_and_events),
        cmocka_unit_test(test_queue_wakes_its_thread),
        cmocka_unit_test(test_an_index_is_used_again_by_the_same_kind),
        cmocka_unit_test(test_edges_wait_for_their_nodes),
        cmocka_unit_test(test_edges_are_found_again),
    };
    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
