/* The set against a sorted array, over random sequences. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/ordset.h"

#define MOST 5000u

static u32 keys[MOST]; /* of object i; what lies in the set is i */

static int order(const void *ctx, u32 index, const void *key)
{
    const u32 *k = ctx;
    u32 wanted = *(const u32 *)key;
    return k[index] < wanted ? -1 : k[index] > wanted;
}

static int by_key(const void *a, const void *b)
{
    u32 x = *(const u32 *)a, y = *(const u32 *)b;
    return x < y ? -1 : x > y;
}

/* All keys of the set in order are those of the objects that are in it. */
static void check(const struct ordset *s, const bool *in, u32 n)
{
    u32 sorted[MOST], count = 0, i, before = 0;
    for (u32 k = 0; k < n; k++)
        if (in[k])
            sorted[count++] = keys[k];
    qsort(sorted, count, sizeof(u32), by_key);
    struct ordset_pos pos = {0, 0};
    u32 seen = 0, front = 0;
    assert_false(ordset_back(s, &pos));
    for (; ordset_get(s, pos, &i); pos = ordset_next(s, pos)) {
        assert_true(seen < count && in[i]);
        assert_int_equal(keys[i], sorted[seen++]);
        if (seen > 1) {
            struct ordset_pos back = pos;
            assert_true(ordset_back(s, &back) && ordset_get(s, back, &front));
            assert_int_equal(front, before);
        }
        before = i;
    }
    assert_int_equal(seen, count);
    assert_int_equal(s->n, count);
    assert_int_equal(ordset_back(s, &pos), count != 0); /* from the end */
    assert_true(!count || (ordset_get(s, pos, &i) && i == before));
    for (u32 k = 0; k < 20; k++) {
        u32 wanted = (u32)random() % 70000, at = 0;
        while (at < count && sorted[at] < wanted)
            at++;
        pos = ordset_find(s, order, keys, &wanted);
        assert_int_equal(ordset_get(s, pos, &i), at < count);
        if (at < count)
            assert_int_equal(keys[i], sorted[at]);
    }
}

/* spread: how many keys there are to choose from; few make many equal ones. */
static void random_sequence(u32 n, u32 spread)
{
    struct ordset s = {0};
    static bool in[MOST];
    for (u32 k = 0; k < n; k++) {
        keys[k] = (u32)random() % spread;
        in[k] = false;
    }
    for (u32 round = 0; round < 40000; round++) {
        u32 k = (u32)random() % n;
        bool add = (u32)random() % 100 < ((round / 5000) % 2 ? 25 : 75);
        if (add && !in[k]) {
            ordset_add(&s, k, order, keys, &keys[k]);
            in[k] = true;
        } else if (!add) {
            assert_int_equal(ordset_del(&s, k, order, keys, &keys[k]), in[k]);
            in[k] = false;
        }
        if (round % 500 == 0)
            check(&s, in, n);
    }
    for (u32 k = 0; k < n; k++)
        assert_int_equal(ordset_del(&s, k, order, keys, &keys[k]), in[k]);
    assert_int_equal(s.n, 0);
    assert_null(s.chunks.v);
    ordset_fini(&s);
}

static void agrees_with_a_sorted_array(void **state)
{
    srandom(4);
    random_sequence(3, 65536);
    random_sequence(300, 65536);
    random_sequence(MOST, 65536);
    random_sequence(MOST, 10);
}

static void in_order_and_backwards(void **state)
{
    for (u32 backwards = 0; backwards < 2; backwards++) {
        struct ordset s = {0};
        static bool in[MOST];
        for (u32 k = 0; k < MOST; k++) {
            keys[k] = backwards ? MOST - k : k;
            in[k] = true;
            ordset_add(&s, k, order, keys, &keys[k]);
        }
        check(&s, in, MOST);
        ordset_fini(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_sorted_array),
        cmocka_unit_test(in_order_and_backwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
