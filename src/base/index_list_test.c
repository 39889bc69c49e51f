/* The list against an array, over random sequences. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/index_list.h"

#define OBJECTS 50u

struct object {
    u64 other;
    struct index_links links;
};

static void test_order(void **state)
{
    static struct object objects[OBJECTS];
    struct index_list l = INDEX_LIST_EMPTY;
    u32 in[OBJECTS], n = 0;
    srandom(1);
    for (u32 step = 0; step < 20000; step++) {
        u32 i = (u32)random() % OBJECTS, at = 0;
        while (at < n && in[at] != i)
            at++;
        if (at == n) {
            index_list_add(&l, &objects[0].links, sizeof(objects[0]), i);
            in[n++] = i;
        } else {
            index_list_remove(&l, &objects[0].links, sizeof(objects[0]), i);
            memmove(&in[at], &in[at + 1], (--n - at) * sizeof(in[0]));
        }
        assert_int_equal(l.n, n);
        u32 k = 0;
        for (u32 x = l.first; x != INDEX_LIST_NONE; x = objects[x].links.next)
            assert_int_equal(x, in[k++]);
        assert_int_equal(k, n);
        for (u32 x = l.last; x != INDEX_LIST_NONE; x = objects[x].links.previous)
            assert_int_equal(x, in[--k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
