/* Pools of ports: whose the data is, who hears that a packet is gone, and when memory may go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/loop.h"
#include "engine/buffer_pool.h"
#include "engine/engine_internal.h"
#include "engine/engine_world.h"

#define SLOTS 512
#define SLOT_BYTES 2048
#define WORKERS 3

static struct piste piste;

static void setup(u32 workers)
{
    struct engine_config c;
    engine_config_default(&c);
    c.n_workers = workers;
    engine_world_open(&piste, &c);
}

static void teardown(void)
{
    engine_stop(piste.engine);
    engine_world_close(&piste);
}

static struct thread *main_thread(void)
{
    return engine_main_thread(piste.engine);
}

/* A peer that lends its memory. */
struct lender {
    u8 memory[SLOTS][SLOT_BYTES];
    _Atomic u32 lent[SLOTS];
    _Atomic u32 n_released, n_gone;
    u32 pool;
};

static void release(void *owner, struct thread *t, struct buffer *b)
{
    struct lender *l = owner;
    size_t slot = (size_t)(b->data - l->memory[0]) / SLOT_BYTES;
    assert_true(slot < SLOTS);
    l->memory[slot][0] = 0; /* the peer may write again */
    assert_int_equal(atomic_exchange_explicit(&l->lent[slot], 0, memory_order_release), 1);
    l->n_released++;
}

static void gone(void *owner)
{
    struct lender *l = owner;
    l->n_gone++;
    /* unmapped, as a port would do it: nobody looks any more */
    memset(l->memory, 0xa5, sizeof(l->memory));
}

static void borrow(struct lender *l, void *base)
{
    struct buffer_pool_args a = {.name = "peer",
                                 .n_buffers = SLOTS,
                                 .base = base,
                                 .stride_bytes = SLOT_BYTES,
                                 .owner = l,
                                 .release = base ? NULL : release,
                                 .gone = gone};
    struct error err;
    memset(l, 0, sizeof(*l));
    assert_int_equal(buffer_pool_register(piste.engine, &a, &l->pool, &err), 0);
}

/* A packet in the given slot; BUFFER_NONE: no buffer is left. */
static u32 lend(struct lender *l, struct thread *t, u32 slot)
{
    u32 bi;
    if (!buffer_alloc(t, l->pool, &bi, 1))
        return BUFFER_NONE;
    struct buffer *b = buffer_at(bi);
    b->data = l->memory[slot];
    b->storage_bytes = SLOT_BYTES;
    b->start = 0;
    b->len = 60;
    atomic_store(&l->lent[slot], 1);
    l->memory[slot][0] = 1;
    return bi;
}

static struct lender lender;

static void own_memory(void **state)
{
    static u8 memory[SLOTS * SLOT_BYTES];
    static u32 bi[SLOTS + 1];
    struct buffer_pool_info info;
    setup(1);
    borrow(&lender, memory);
    u32 first = buffer_pool_first(lender.pool);
    assert_int_equal(buffer_alloc(main_thread(), lender.pool, bi, SLOTS + 1), SLOTS);
    for (u32 i = 0; i < SLOTS; i++) {
        const struct buffer *b = buffer_at(bi[i]);
        assert_ptr_equal(b->data, memory + (bi[i] - first) * SLOT_BYTES);
        assert_int_equal(buffer_storage_bytes(b), SLOT_BYTES);
        assert_int_equal(b->start, BUFFER_HEADROOM_BYTES);
    }
    assert_true(buffer_pool_get_info(piste.engine, lender.pool, &info));
    assert_string_equal(info.name, "peer");
    assert_int_equal(info.used, SLOTS);
    buffer_free(main_thread(), bi, SLOTS);
    buffer_pool_unregister(piste.engine, lender.pool);
    assert_int_equal(lender.n_gone, 0);
    loop_once(piste.loop, 0);
    assert_int_equal(lender.n_gone, 1);
    assert_false(buffer_pool_get_info(piste.engine, lender.pool, &info));
    teardown();
}

/* A chain whose end is borrowed, held twice: told when the last holder lets go, and not before. */
static void released_with_the_last_holder(void **state)
{
    u32 head;
    struct thread *t;
    setup(1);
    t = main_thread();
    borrow(&lender, NULL);
    assert_int_equal(buffer_alloc(t, BUFFER_POOL_DEFAULT, &head, 1), 1);
    struct buffer *b = buffer_at(head);
    b->len = 64;
    b->flags |= BUFFER_NEXT;
    b->next = lend(&lender, t, 7);
    b->tail_len = 60;
    assert_true(buffer_share(b));
    buffer_free_one(t, head);
    assert_int_equal(lender.n_released, 0);
    u32 copy = buffer_copy(t, b); /* has the data, not the loan */
    buffer_free_one(t, head);
    assert_int_equal(lender.n_released, 1);
    buffer_free_one(t, copy);
    assert_int_equal(lender.n_released, 1);
    buffer_pool_unregister(piste.engine, lender.pool);
    assert_int_equal(lend(&lender, t, 8), BUFFER_NONE);
    loop_once(piste.loop, 0);
    assert_int_equal(lender.n_gone, 1);
    teardown();
}

static void memory_stays_while_packets_are_in_flight(void **state)
{
    setup(1);
    borrow(&lender, NULL);
    u32 held = lend(&lender, main_thread(), 3);
    buffer_pool_unregister(piste.engine, lender.pool);
    for (u32 i = 0; i < 10; i++)
        loop_once(piste.loop, 0);
    assert_int_equal(lender.n_gone, 0);
    assert_int_equal(lender.memory[3][0], 1);
    buffer_free_one(main_thread(), held);
    loop_once(piste.loop, 0);
    assert_int_equal(lender.n_gone, 1);
    assert_int_equal(lender.n_released, 1);
    teardown();
}

/* At the end of everything there is nobody left to wait for. */
static void the_end_does_not_wait(void **state)
{
    setup(1);
    borrow(&lender, NULL);
    assert_int_not_equal(lend(&lender, main_thread(), 3), BUFFER_NONE);
    buffer_pool_unregister(piste.engine, lender.pool);
    teardown();
    assert_int_equal(lender.n_gone, 1);
}

static void places_are_used_again(void **state)
{
    struct buffer_pool_args a = {.name = "many", .n_buffers = BUFFERS_MAX / 4};
    struct error err;
    u32 pool, other;
    setup(1);
    for (u32 i = 0; i < 100; i++) {
        assert_int_equal(buffer_pool_register(piste.engine, &a, &pool, &err), 0);
        assert_int_equal(buffer_pool_register(piste.engine, &a, &other, &err), 0);
        assert_true(buffer_pool_first(other) >= buffer_pool_first(pool) + a.n_buffers ||
                    buffer_pool_first(pool) >= buffer_pool_first(other) + a.n_buffers);
        buffer_pool_unregister(piste.engine, pool);
        buffer_pool_unregister(piste.engine, other);
        loop_once(piste.loop, 0);
    }
    a.n_buffers = BUFFERS_MAX; /* all that there are: some are taken */
    assert_int_equal(buffer_pool_register(piste.engine, &a, &pool, &err), -ENOSPC);
    a.n_buffers = 4;
    u32 n = 0;
    while (n <= BUFFER_POOLS_MAX && !buffer_pool_register(piste.engine, &a, &pool, &err))
        n++;
    assert_int_equal(n, BUFFER_POOLS_MAX - 2);
    for (u32 i = 2; i < BUFFER_POOLS_MAX; i++)
        buffer_pool_unregister(piste.engine, i);
    loop_once(piste.loop, 0);
    struct buffer_pool_info info;
    for (u32 i = 2; i < BUFFER_POOLS_MAX; i++)
        assert_false(buffer_pool_get_info(piste.engine, i, &info));
    teardown();
}

static bool has_stats_of(const char *pool)
{
    char name[64];
    snprintf(name, sizeof(name), "/buffer-pools/%s/used", pool);
    const struct stats *s = stats_of(piste.engine);
    for (u32 i = 0; i < stats_count(s); i++)
        if (!strcmp(stats_entry_at(s, i)->name, name))
            return true;
    return false;
}

static void statistics_come_and_go(void **state)
{
    setup(1);
    borrow(&lender, NULL);
    stats_refresh(piste.engine);
    assert_true(has_stats_of("default-numa-0"));
    assert_true(has_stats_of("peer"));
    buffer_pool_unregister(piste.engine, lender.pool);
    loop_once(piste.loop, 0);
    stats_refresh(piste.engine);
    assert_true(has_stats_of("default-numa-0"));
    assert_false(has_stats_of("peer"));
    teardown();
}

/* --- with threads: received on one, freed on all of them --- */

struct source {
    struct rx_queue rx;
    struct lender *lender;
    u32 next_slot;
    _Atomic bool stopped;
};

static struct node_index free_node;
static _Atomic u32 n_freed;

static void free_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        assert_int_equal(*(u8 *)buffer_current(b[i]), 1);
        buffer_free_one(t, buffer_index(b[i]));
        next[i] = NEXT_CONSUMED;
    }
    n_freed += count;
}

static u32 source_input(struct thread *t, struct node *n, struct rx_queue *q)
{
    struct source *s = q->port;
    u32 sent = 0;
    for (; sent < 16 && !s->stopped; sent++) {
        u32 slot = s->next_slot++ % SLOTS;
        if (atomic_load_explicit(&s->lender->lent[slot], memory_order_acquire))
            break;
        u32 bi = lend(s->lender, t, slot);
        if (bi == BUFFER_NONE)
            break;
        if (!thread_handoff(t, 1 + s->next_slot % WORKERS, free_node, &bi, 1))
            buffer_free_one(t, bi);
    }
    return sent;
}

static const struct node_def source_def = {
    .name = "lending-input", .kind = NODE_INPUT, .input = {source_input}};
static const struct node_def free_def = {.name = "free", .run = {free_run}};

static void freed_by_any_thread(void **state)
{
    static struct source source;
    struct error err;
    setup(WORKERS);
    struct engine *e = piste.engine;
    struct node_index input = node_register(e, &source_def, NULL, NULL);
    free_node = node_register(e, &free_def, NULL, NULL);
    assert_int_equal(engine_start(e, &err), 0);
    for (u32 round = 0; round < 20; round++) {
        borrow(&lender, NULL);
        n_freed = 0;
        source = (struct source){
            .rx = {.node = input, .fd = -1, .port = &source, .mode = RX_MODE_POLLING},
            .lender = &lender};
        assert_int_equal(rx_queue_add(e, &source.rx, 1 + round % WORKERS, &err), 0);
        rx_queue_enable(e, &source.rx, true);
        u64 give_up = clock_ns() + 20 * NS_PER_SEC;
        while (n_freed < 2000 && clock_ns() < give_up)
            sched_yield();
        assert_true(n_freed >= 2000);
        /* in the middle of it; half of the time packets are still being received */
        if (round % 2) {
            source.stopped = true;
            rx_queue_delete(e, &source.rx);
        }
        buffer_pool_unregister(e, lender.pool);
        while (!lender.n_gone && clock_ns() < give_up)
            loop_once(piste.loop, 10);
        assert_int_equal(lender.n_gone, 1);
        for (u32 i = 0; i < SLOTS; i++)
            assert_int_equal(lender.lent[i], 0);
        if (!(round % 2))
            rx_queue_delete(e, &source.rx);
    }
    teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_memory),
        cmocka_unit_test(released_with_the_last_holder),
        cmocka_unit_test(memory_stays_while_packets_are_in_flight),
        cmocka_unit_test(the_end_does_not_wait),
        cmocka_unit_test(places_are_used_again),
        cmocka_unit_test(statistics_come_and_go),
        cmocka_unit_test(freed_by_any_thread),
    };
    return cmocka_run_group_tests_name("buffer_pool", tests, NULL, NULL);
}
