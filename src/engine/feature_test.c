/* Feature arcs: the order of slots, and walks that stop and go on while features change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "control/loop.h"
#include "control/module.h"
#include "engine/engine_internal.h"
#include "engine/engine_world.h"
#include "engine/feature_order.h"

/* --- the order --- */

static const char *const abc[] = {"a", "b", "c", NULL};
static const struct feature_arc_def abc_arc = {.name = "arc", .end_node = "end", .slots = abc};

static const char *const aba[] = {"a", "b", "a", NULL};
static const struct feature_arc_def twice = {.name = "arc", .slots = aba};

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void assert_order(const struct feature_order *o, const char *expected)
{
    char got[128] = "";
    for (u32 i = 0; i < o->places.n; i++) {
        size_t n = strlen(got);
        snprintf(got + n, sizeof(got) - n, "%s%s", o->places.v[i].name,
                 o->places.v[i].def ? "" : "?");
    }
    assert_string_equal(got, expected);
}

static int try_add(struct feature_order *o, const char *node, const char *const *before,
                   const char *const *after, struct error *e)
{
    /* kept for as long as the order */
    struct feature_def *f = mem_alloc(sizeof(*f));
    *f = (struct feature_def){"arc", node, before, after};
    int rc = feature_order_add(o, f, e);
    if (rc)
        free(f);
    return rc;
}

static void order_free(struct feature_order *o)
{
    for (u32 i = 0; i < o->places.n; i++)
        free((void *)(uintptr_t)o->places.v[i].def);
    feature_order_fini(o);
}

static void test_order(void **state)
{
    struct feature_order o;
    struct error e;
    assert_int_equal(feature_order_init(&o, &abc_arc, &e), 0);
    assert_int_equal(try_add(&o, "c", NULL, NULL, &e), 0);
    assert_int_equal(try_add(&o, "a", NULL, NULL, &e), 0);
    assert_order(&o, "ab?c");
    assert_int_equal(try_add(&o, "p", NAMES("c"), NULL, &e), 0);
    assert_int_equal(try_add(&o, "q", NULL, NAMES("a"), &e), 0);
    assert_int_equal(try_add(&o, "z", NAMES("end"), NULL, &e), 0);
    assert_int_equal(try_add(&o, "r", NAMES("p"), NAMES("b"), &e), 0);
    assert_int_equal(try_add(&o, "s", NULL, NAMES("b", "c"), &e), 0);
    assert_order(&o, "aqb?rpcsz");
    assert_int_equal(try_add(&o, "b", NULL, NULL, &e), 0);
    assert_order(&o, "aqbrpcsz");
    order_free(&o);
}

static void test_order_refuses(void **state)
{
    struct feature_order o;
    struct error e;
    assert_int_equal(feature_order_init(&o, &twice, &e), -EEXIST);
    assert_string_equal(e.text, "feature arc arc has two slots a");
    assert_int_equal(feature_order_init(&o, &abc_arc, &e), 0);
    assert_int_equal(try_add(&o, "p", NULL, NULL, &e), -EINVAL);
    assert_string_equal(e.text,
                        "arc arc has no slot p, and the feature does not say where it stands");
    assert_int_equal(try_add(&o, "p", NAMES("nobody"), NULL, &e), -ENOENT);
    assert_string_equal(e.text, "feature p stands before nobody, which is not on arc arc");
    assert_int_equal(try_add(&o, "p", NULL, NAMES("a", "end"), &e), -ENOENT);
    assert_string_equal(e.text, "feature p stands after end, which is not on arc arc");
    assert_int_equal(try_add(&o, "p", NAMES("a"), NAMES("c"), &e), -EINVAL);
    assert_string_equal(e.text, "feature p of arc arc wants to stand after c and before a");
    assert_int_equal(try_add(&o, "b", NAMES("a"), NULL, &e), -EINVAL);
    assert_string_equal(e.text, "feature b has its slot on arc arc, and cannot stand elsewhere");
    assert_order(&o, "a?b?c?");
    assert_int_equal(try_add(&o, "b", NULL, NULL, &e), 0);
    assert_int_equal(try_add(&o, "b", NULL, NULL, &e), -EEXIST);
    assert_string_equal(e.text, "arc arc has a feature b already");
    order_free(&o);
}

/* --- an arc of many features --- */

#define FEATURES 20
#define IF ((struct if_index){7})

/* What a packet has seen, in its scratch. */
struct seen {
    u32 bits, last, n;
    u64 data;
    bool wrong; /* not in order */
};

static struct piste piste;
static char names[FEATURES][8];
static const char *slots[FEATURES + 1];
static struct node_def feature_nodes[FEATURES];
static struct feature_def defs[FEATURES];
static struct node_index start, resume, dropped;
static _Atomic u32 n_ended, n_dropped, n_wrong;
static struct seen last_seen;  /* of the last packet at the end */
static u32 hold_at = FEATURES; /* a packet waits in this feature's node */
static u32 held = BUFFER_NONE;
static bool hand_over; /* from f10 to the other thread, and from there on */

static void feature_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    u32 k = (u32)(uintptr_t)n->state;
    for (u32 i = 0; i < count; i++) {
        struct seen *s = buffer_scratch(b[i]);
        u32 bi = buffer_index(b[i]);
        s->wrong |= s->n && s->last >= k;
        s->last = k;
        s->bits |= 1u << k;
        s->data += feature_data(b[i]);
        s->n++;
        if (hold_at == k) {
            held = bi;
            next[i] = NEXT_CONSUMED;
        } else if (hand_over && k == 10 &&
                   thread_handoff(t, 3 - thread_index(t), resume, &bi, 1) == 1) {
            next[i] = NEXT_CONSUMED;
        } else {
            next[i] = feature_next(b[i]);
        }
    }
}

static void start_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        memset(b[i]->scratch, 0, sizeof(b[i]->scratch));
        next[i] = feature_start(n->state, IF, b[i], 0);
    }
}

static void end_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        const struct seen *s = buffer_scratch(b[i]);
        n_wrong += s->wrong;
        if (!hand_over)
            last_seen = *s;
        buffer_free_one(t, buffer_index(b[i]));
        next[i] = NEXT_CONSUMED;
    }
    n_ended += count;
}

static void drop_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        assert_int_equal(b[i]->error_node.i, resume.i);
        buffer_free_one(t, buffer_index(b[i]));
        next[i] = NEXT_CONSUMED;
    }
    n_dropped += count;
}

static const struct node_def start_def = {
    .name = "start", .run = {start_run}, .next = {"end"}, .n_next = 1};
static const struct node_def end_def = {.name = "end", .run = {end_run}};
static const struct node_def drop_def = {.name = "error-drop", .run = {drop_run}};
static const struct feature_arc_def arc_def = {
    .name = "test", .start_nodes = NAMES("start"), .end_node = "end", .slots = slots};

static void open_world(u32 workers)
{
    struct engine_config c;
    engine_config_default(&c);
    c.n_workers = workers;
    c.buffers_per_numa = 2048;
    engine_world_open(&piste, &c);
    struct engine *engine = piste.engine;
    const struct feature_def *features[FEATURES + 1] = {0};
    for (u32 k = 0; k < FEATURES; k++) {
        snprintf(names[k], sizeof(names[k]), "f%u", k);
        slots[k] = names[k];
        defs[k] = (struct feature_def){.arc = "test", .node = names[k]};
        features[k] = &defs[k];
        feature_nodes[k] = (struct node_def){.name = names[k], .run = {feature_run}};
        node_register(engine, &feature_nodes[k], NULL, (void *)(uintptr_t)k);
    }
    feature_register(engine, (const struct feature_arc_def *const[]){&arc_def, NULL}, features);
    feature_place_all(engine);
    start = node_register(engine, &start_def, NULL, (void *)feature_arc_find(engine, "test"));
    node_register(engine, &end_def, NULL, NULL);
    dropped = node_register(engine, &drop_def, NULL, NULL);
    resume = engine->feature_resume;
    n_ended = n_dropped = n_wrong = 0;
    hold_at = FEATURES;
    held = BUFFER_NONE;
    hand_over = false;
}

static void close_world(void)
{
    struct buffer_pool_info info;
    buffer_pool_get_info(piste.engine, BUFFER_POOL_DEFAULT, &info);
    assert_int_equal(info.used, 0);
    engine_world_close(&piste);
}

static void set(u32 k, bool on)
{
    struct error e;
    assert_int_equal(feature_enable(piste.engine, "test", names[k], IF, on, k + 100, &e), 0);
}

/* One packet through the arc, in this thread. */
static void send_one(void)
{
    u32 bi;
    assert_int_equal(buffer_alloc(engine_main_thread(piste.engine), BUFFER_POOL_DEFAULT, &bi, 1),
                     1);
    assert_int_equal(thread_handoff(engine_main_thread(piste.engine), 1, start, &bi, 1), 1);
    engine_round(piste.engine, 1);
}

/* A packet waits in fK's node. */
static void send_and_hold(u32 k)
{
    u32 ended = n_ended;
    hold_at = k;
    send_one();
    hold_at = FEATURES;
    assert_int_not_equal(held, BUFFER_NONE);
    assert_int_equal(n_ended, ended);
}

/* It goes on from its own node, or (elsewhere) from feature-resume. Returns whether it came to the
 * end. */
static bool go_on(u32 k, bool elsewhere)
{
    struct thread *t = piste.engine->threads[1];
    struct node_index own;
    u32 ended = n_ended, drops = n_dropped;
    assert_true(node_find(piste.engine, names[k], &own));
    if (elsewhere)
        assert_int_equal(thread_handoff(engine_main_thread(piste.engine), 1, resume, &held, 1), 1);
    else
        node_enqueue(t, &t->nodes[own.i], feature_next(buffer_at(held)), &held, 1);
    engine_round(piste.engine, 1);
    held = BUFFER_NONE;
    assert_int_equal(n_ended - ended + n_dropped - drops, 1);
    return n_ended != ended;
}

static void assert_seen(u32 bits)
{
    u64 data = 0;
    for (u32 k = 0; k < FEATURES; k++)
        data += bits >> k & 1 ? k + 100 : 0;
    assert_int_equal(last_seen.bits, bits);
    assert_int_equal(last_seen.data, data);
    assert_false(last_seen.wrong);
}

static void test_all_twenty(void **state)
{
    open_world(1);
    send_one();
    assert_seen(0);
    for (u32 k = FEATURES; k-- > 0;)
        set(k, true);
    send_one();
    assert_seen((1u << FEATURES) - 1);
    set(0, false);
    set(13, false);
    set(19, false);
    send_one();
    assert_seen(((1u << FEATURES) - 1) & ~(1u << 0 | 1u << 13 | 1u << 19));
    assert_int_equal(n_ended, 3);
    close_world();
}

static void test_a_held_packet_goes_on_behind_its_slot(void **state)
{
    open_world(1);
    for (u32 elsewhere = 0; elsewhere < 2; elsewhere++) {
        set(5, true);
        send_and_hold(5);
        assert_true(go_on(5, elsewhere));
        assert_seen(1u << 5);
        /* what is new before it is not for it any more, what is new behind it is */
        send_and_hold(5);
        set(3, true);
        set(9, true);
        assert_true(go_on(5, elsewhere));
        assert_seen(1u << 5 | 1u << 9);
        /* its own feature is gone, others are not */
        send_and_hold(5);
        set(5, false);
        assert_true(go_on(5, elsewhere));
        assert_seen(1u << 3 | 1u << 5 | 1u << 9);
        /* so is the one behind it */
        set(5, true);
        send_and_hold(5);
        set(5, false);
        set(9, false);
        assert_true(go_on(5, elsewhere));
        assert_seen(1u << 3 | 1u << 5);
        /* nothing is left */
        send_and_hold(3);
        set(3, false);
        assert_true(go_on(3, elsewhere));
        assert_seen(1u << 3);
    }
    close_world();
}

static void test_a_held_packet_whose_interface_goes_is_dropped(void **state)
{
    open_world(1);
    for (u32 elsewhere = 0; elsewhere < 2; elsewhere++) {
        set(5, true);
        send_and_hold(5);
        feature_forget_interface(piste.engine, IF);
        assert_false(go_on(5, elsewhere));
        /* also when another one has the same features */
        set(5, true);
        set(6, true);
        send_and_hold(5);
        feature_forget_interface(piste.engine, IF);
        set(5, true);
        set(6, true);
        assert_false(go_on(5, elsewhere));
        send_one();
        assert_seen(1u << 5 | 1u << 6);
        feature_forget_interface(piste.engine, IF);
    }
    close_world();
}

static void test_a_copy_walks_on_its_own(void **state)
{
    open_world(1);
    set(2, true);
    set(4, true);
    send_and_hold(2);
    u32 copy = buffer_copy(engine_main_thread(piste.engine), buffer_at(held));
    assert_int_not_equal(copy, BUFFER_NONE);
    assert_true(go_on(2, false));
    assert_seen(1u << 2 | 1u << 4);
    held = copy;
    assert_true(go_on(2, true));
    assert_seen(1u << 2 | 1u << 4);
    close_world();
}

/* --- modules: arcs are there before any init, and who names what is not there is refused --- */

static const struct feature_arc_def late_arc = {.name = "late", .end_node = "end", .slots = abc};
static const struct feature_def good = {"late", "b"},
                                bad = {"late", "x", .before = NAMES("nobody")};
static const struct node_def node_b = {.name = "b", .run = {start_run}};

static int finds_the_arc(struct piste *p, void **module_state, struct error *e)
{
    assert_non_null(feature_arc_find(engine_of(p), "late"));
    return 0;
}

static const struct module early_module = {.abi = MODULE_ABI,
                                           .name = "early",
                                           .init = finds_the_arc,
                                           .nodes = (const struct node_def *const[]){&node_b, NULL},
                                           .features =
                                               (const struct feature_def *const[]){&good, NULL}},
                           bad_module = {.abi = MODULE_ABI,
                                         .name = "bad",
                                         .features =
                                             (const struct feature_def *const[]){&bad, NULL}},
                           arc_module = {
                               .abi = MODULE_ABI,
                               .name = "late",
                               .arcs = (const struct feature_arc_def *const[]){&late_arc, NULL}};

static void test_modules(void **state)
{
    for (u32 as_plugin = 0; as_plugin < 2; as_plugin++) {
        struct error e = {0};
        memset(&piste, 0, sizeof(piste));
        piste.loop = loop_new(&e);
        piste.modules = modules_new(&piste);
        modules_on_init(piste.modules, engine_add_module);
        assert_int_equal(modules_add(piste.modules, &engine_module, NULL, &e), 0);
        assert_int_equal(modules_add(piste.modules, &early_module, NULL, &e), 0);
        assert_int_equal((as_plugin ? modules_add_plugin : modules_add)(
                             piste.modules, &bad_module, as_plugin ? "bad.so" : NULL, &e),
                         0);
        assert_int_equal(modules_add(piste.modules, &arc_module, NULL, &e), 0);
        int rc = modules_init(piste.modules, &e);
        assert_int_equal(rc, as_plugin ? 0 : -EINVAL);
        if (rc)
            assert_string_equal(
                e.text, "module 'bad': feature x stands before nobody, which is not on arc late");
        assert_true(feature_exists(piste.engine, "late", "b"));
        assert_false(feature_exists(piste.engine, "late", "x"));
        modules_stop(piste.modules);
        modules_free(piste.modules);
        loop_free(piste.loop);
    }
}

/* --- features change under traffic, and packets go from thread to thread in the middle --- */

static u32 random_u32(u64 *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return (u32)(*x >> 16);
}

static void test_changes_under_traffic(void **state)
{
    u64 seed = 88172645463325252ull, give_up;
    u32 sent = 0;
    struct error e;
    open_world(2);
    hand_over = true;
    set(10, true);
    assert_int_equal(engine_start(piste.engine, &e), 0);
    struct thread *main_thread = engine_main_thread(piste.engine);
    give_up = clock_ns() + 20 * NS_PER_SEC;
    /* and on, on a machine that runs the threads when the interface is just forgotten */
    for (u32 round = 0; (round < 3000 || n_ended <= n_dropped) && clock_ns() < give_up; round++) {
        u32 bi[16], n = sent - n_ended - n_dropped < 512
                            ? buffer_alloc(main_thread, BUFFER_POOL_DEFAULT, bi, 16)
                            : 0;
        u32 took = thread_handoff(engine_main_thread(piste.engine), 1, start, bi, n);
        buffer_free(main_thread, bi + took, n - took);
        sent += took;
        u32 r = random_u32(&seed);
        if (r % 64 == 0)
            feature_forget_interface(piste.engine, IF);
        else
            set(r / 64 % FEATURES, r / 4096 % 2);
        loop_once(piste.loop, 0);
    }
    while (n_ended + n_dropped < sent && clock_ns() < give_up)
        loop_once(piste.loop, 1);
    engine_stop(piste.engine);
    assert_int_equal(n_ended + n_dropped, sent);
    assert_int_equal(n_wrong, 0);
    assert_true(n_ended > n_dropped);
    close_world();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_order_refuses),
        cmocka_unit_test(test_all_twenty),
        cmocka_unit_test(test_a_held_packet_goes_on_behind_its_slot),
        cmocka_unit_test(test_a_held_packet_whose_interface_goes_is_dropped),
        cmocka_unit_test(test_a_copy_walks_on_its_own),
        cmocka_unit_test(test_modules),
        cmocka_unit_test(test_changes_under_traffic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
