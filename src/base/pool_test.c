/* The pool against an array of flags, over random sequences. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/pool.h"

#define MAX 3000u

struct oracle {
    bool used[MAX];
    u32 mark[MAX]; /* what lies in the object */
    u32 n_used;
};

static void check_all(const struct pool *p, const struct oracle *o)
{
    u32 seen = 0;
    pool_each(p, i)
    {
        assert_true(i < MAX && o->used[i]);
        assert_int_equal(*(u32 *)pool_at(p, i), o->mark[i]);
        seen++;
    }
    assert_int_equal(seen, o->n_used);
    assert_int_equal(p->n_used, o->n_used);
}

static void take(struct pool *p, struct oracle *o, u32 i, u32 mark)
{
    assert_true(i < MAX && !o->used[i]);
    const u8 *bytes = pool_at(p, i);
    for (u32 b = 0; b < p->stride_bytes; b++)
        assert_int_equal(bytes[b], 0);
    memset(pool_at(p, i), 0xaa, p->stride_bytes);
    *(u32 *)pool_at(p, i) = mark;
    o->used[i] = true;
    o->mark[i] = mark;
    o->n_used++;
}

static void random_step(struct pool *p, struct oracle *o, unsigned put_percent)
{
    u32 i = (u32)random() % MAX;
    if ((unsigned)random() % 100 < put_percent) {
        assert_int_equal(pool_is_used(p, i), o->used[i]);
        if (!o->used[i])
            return;
        assert_int_equal(*(u32 *)pool_at(p, i), o->mark[i]);
        pool_put(p, i);
        o->used[i] = false;
        o->n_used--;
    } else if (random() % 4) {
        i = pool_get(p);
        if (i == POOL_NONE)
            assert_int_equal(o->n_used, MAX);
        else
            take(p, o, i, (u32)random());
    } else if (o->used[i]) {
        assert_false(pool_get_at(p, i));
    } else {
        assert_true(pool_get_at(p, i));
        take(p, o, i, (u32)random());
    }
}

static void pool_agrees_with_an_array_of_flags(void **state)
{
    srandom(1);
    for (unsigned round = 0; round < 6; round++) {
        struct pool p;
        struct oracle *o = calloc(1, sizeof(*o));
        (round % 2 ? pool_init_steady : pool_init)(&p, "test", 200 + round * 64, 64, MAX);
        for (unsigned i = 0; i < 60000; i++) {
            random_step(&p, o, (i / 10000) % 2 ? 90 : 30);
            if (i % 1000 == 0)
                check_all(&p, o);
        }
        check_all(&p, o);
        pool_fini(&p);
        free(o);
    }
}

static void a_full_pool_gives_none(void **state)
{
    struct pool p;
    pool_init(&p, "test", 8, 8, 100);
    for (u32 i = 0; i < 100; i++)
        assert_int_equal(pool_get(&p), i);
    assert_int_equal(pool_get(&p), POOL_NONE);
    assert_false(pool_get_at(&p, 100));
    pool_put(&p, 40);
    assert_int_equal(pool_get(&p), 40);
    pool_fini(&p);
}

static void an_empty_tail_gives_its_pages_back(void **state)
{
    struct pool p;
    pool_init(&p, "test", 1024, 64, 1u << 20);
    for (u32 i = 0; i < 8192; i++)
        assert_int_equal(pool_get(&p), i);
    assert_true(mem_resident_bytes(p.base, 8u << 20) >= 8u << 20);
    for (u32 i = 8192; i-- > 16;)
        pool_put(&p, i);
    assert_true(mem_resident_bytes(p.base, 8u << 20) <= 512u << 10);
    assert_true(pool_get_at(&p, (1u << 20) - 1));
    assert_int_equal(pool_next(&p, 16), (1u << 20) - 1);
    pool_fini(&p);
}

static void a_steady_one_keeps_its_pages(void **state)
{
    struct pool p;
    pool_init_steady(&p, "test", 1024, 64, 1u << 20);
    for (u32 i = 0; i < 8192; i++)
        assert_int_equal(pool_get(&p), i);
    for (u32 i = 8192; i-- > 0;)
        pool_put(&p, i);
    assert_true(mem_resident_bytes(p.base, 8u << 20) >= 8u << 20);
    assert_int_equal(pool_next(&p, 0), POOL_NONE);
    assert_int_equal(pool_get(&p), 0);
    pool_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_agrees_with_an_array_of_flags),
        cmocka_unit_test(a_full_pool_gives_none),
        cmocka_unit_test(an_empty_tail_gives_its_pages_back),
        cmocka_unit_test(a_steady_one_keeps_its_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
