/* Rings against a kernel of the test's own: counters go round, and what the other end says is
 * bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plugins/af_xdp/af_xdp_ring.h"

#define SIZE 8

struct shared {
    u32 producer, consumer, flags;
    u64 entries[SIZE];
};

static struct xdp_ring ring_on(struct shared *s, u32 at)
{
    *s = (struct shared){.producer = at, .consumer = at};
    return (struct xdp_ring){.producer = &s->producer,
                             .consumer = &s->consumer,
                             .flags = &s->flags,
                             .entries = s->entries,
                             .size = SIZE,
                             .next = at};
}

/* All that is given comes out in order, across the end of the ring and of the counters. */
static void giving_and_taking(void **state)
{
    struct shared s;
    struct xdp_ring give = ring_on(&s, UINT32_MAX - 20), take = give;
    u64 in = 0, out = 0, *entries = s.entries;
    for (u32 round = 0; round < 100; round++) {
        u32 n = round * 5 % (xdp_ring_room(&give) + 1);
        for (u32 i = 0; i < n; i++)
            entries[xdp_ring_place(&give, i)] = in++;
        xdp_ring_give(&give, n);
        assert_int_equal(xdp_ring_ready(&take), in - out);
        n = round * 3 % (xdp_ring_ready(&take) + 1);
        for (u32 i = 0; i < n; i++)
            assert_int_equal(entries[xdp_ring_place(&take, i)], out++);
        xdp_ring_take(&take, n);
        assert_int_equal(xdp_ring_room(&give), SIZE - (in - out));
    }
    assert_true(in > SIZE * 10 && in - out <= SIZE);
}

/* Counters that cannot be lead nowhere outside. */
static void counters_that_lie(void **state)
{
    struct shared s;
    struct xdp_ring r = ring_on(&s, 5);
    s.producer = 5 + SIZE + 1;
    assert_int_equal(xdp_ring_ready(&r), SIZE);
    s.producer = 4;
    assert_int_equal(xdp_ring_ready(&r), SIZE);
    s.consumer = 6;
    assert_int_equal(xdp_ring_room(&r), 0);
    s.consumer = 5 - SIZE - 1;
    assert_int_equal(xdp_ring_room(&r), 0);
    for (u32 i = 0; i < 3 * SIZE; i++)
        assert_true(xdp_ring_place(&r, i) < SIZE);
}

static void wake_up(void **state)
{
    struct shared s;
    struct xdp_ring r = ring_on(&s, 0);
    assert_false(xdp_ring_wants_wakeup(&r));
    s.flags = 1;
    assert_true(xdp_ring_wants_wakeup(&r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(giving_and_taking),
                                       cmocka_unit_test(counters_that_lie),
                                       cmocka_unit_test(wake_up)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
