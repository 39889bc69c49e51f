/* ordered_walk.c: against a plain list, also while the set changes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/ordered_walk.h"

#define PLACES (3 * ORDERED_WALK_KEYS + 77)

struct set {
    u32 key[PLACES]; /* 0: nothing is here */
};

static int set_compare(const void *a, const void *b)
{
    u32 x = *(const u32 *)a, y = *(const u32 *)b;
    return x < y ? -1 : x > y;
}

static int set_scan(void *set, u64 *from, void *key)
{
    const struct set *s = set;
    if (*from == PLACES)
        return 0;
    *(u32 *)key = s->key[*from];
    return s->key[(*from)++] ? 1 : -EAGAIN;
}

static const struct ordered_walk_ops set_ops = {sizeof(u32), set_compare, set_scan};

/* A walk hands out keys in order: how many. disturb is called between pieces. */
static u32 set_walk(struct set *s, void (*disturb)(struct set *s, u32 last), u8 *seen)
{
    struct ordered_walk *w = ordered_walk_new(&set_ops);
    u32 key, last = 0, n = 0;
    int rc;
    while ((rc = ordered_walk_next(w, &set_ops, s, 1000, &key))) {
        if (rc == -EAGAIN) {
            if (disturb)
                disturb(s, last);
            continue;
        }
        assert_int_equal(rc, 1);
        assert_true(key > last);
        last = key;
        seen[key] = 1;
        n++;
    }
    assert_int_equal(ordered_walk_next(w, &set_ops, s, 1000, &key), 0);
    free(w);
    return n;
}

static void all_come_once_in_order(void **state)
{
    static const u32 sizes[] = {0, 1, ORDERED_WALK_KEYS, ORDERED_WALK_KEYS + 1, PLACES};
    for (u32 k = 0; k < array_len(sizes); k++) {
        struct set *s = mem_alloc(sizeof(*s));
        u8 *seen = mem_alloc(PLACES + 1);
        for (u32 i = 0; i < sizes[k]; i++) /* 7919 is prime: all places, in wild order */
            s->key[(u64)i * 7919 % PLACES] = i + 1;
        assert_int_equal(set_walk(s, NULL, seen), sizes[k]);
        free(seen);
        free(s);
    }
}

/* Odd keys come and go; even ones stay. */
static void disturb_odd(struct set *s, u32 last)
{
    for (u32 i = 0; i < 100; i++) {
        u32 place = (u32)rand() % PLACES;
        if (s->key[place] % 2)
            s->key[place] = 0;
        else if (!s->key[place])
            s->key[place] = ((u32)rand() % PLACES) | 1;
    }
}

static void what_stays_comes_while_others_come_and_go(void **state)
{
    struct set *s = mem_alloc(sizeof(*s));
    u8 *seen = mem_alloc(PLACES + 2);
    for (u32 i = 0; i < PLACES; i++)
        s->key[(u64)i * 7919 % PLACES] = i + 1;
    set_walk(s, disturb_odd, seen);
    for (u32 i = 2; i <= PLACES; i += 2)
        assert_true(seen[i]);
    free(seen);
    free(s);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_come_once_in_order),
        cmocka_unit_test(what_stays_comes_while_others_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
