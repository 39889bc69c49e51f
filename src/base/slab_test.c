/* Slabs over random sequences: objects are whole and apart, and pages come back. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/slab.h"

static const u16 units[] = {1, 2, 4, 8, 16, 17};

struct kept {
    u32 object, size;
    u8 mark;
};

static void fill(struct slabs *s, const struct kept *k)
{
    memset(slab_at(s->base, k->object), k->mark, units[k->size] * SLAB_UNIT_BYTES);
}

static void check_filled(struct slabs *s, const struct kept *k)
{
    const u8 *p = slab_at(s->base, k->object);
    for (u32 i = 0; i < units[k->size] * SLAB_UNIT_BYTES; i++)
        assert_int_equal(p[i], k->mark);
}

static void objects_are_whole_and_apart(void **state)
{
    enum { MOST = 4000, STEPS = 100000 };
    struct slabs s;
    static struct kept kept[MOST];
    u32 n = 0;
    u64 bytes = 0;
    slabs_init(&s, "test", units, array_len(units), 64u << 20);
    srandom(11);
    for (u32 i = 0; i < STEPS; i++) {
        u32 most = i / 10000 % 2 ? MOST / 8 : MOST; /* it breathes */
        if (n < most && (n == 0 || random() % 2)) {
            struct kept k = {.size = (u32)random() % array_len(units), .mark = (u8)random()};
            k.object = slab_get(&s, k.size);
            assert_int_not_equal(k.object, 0);
            fill(&s, &k);
            kept[n++] = k;
            bytes += units[k.size] * SLAB_UNIT_BYTES;
        } else if (n) {
            u32 at = (u32)random() % n;
            check_filled(&s, &kept[at]);
            slab_put(&s, kept[at].object, kept[at].size);
            bytes -= units[kept[at].size] * SLAB_UNIT_BYTES;
            kept[at] = kept[--n];
        }
        assert_int_equal(s.used_bytes, bytes);
    }
    while (n--) {
        check_filled(&s, &kept[n]);
        slab_put(&s, kept[n].object, kept[n].size);
    }
    assert_int_equal(s.used_bytes, 0);
    assert_true(s.n_used_pages <= array_len(units));
    slabs_fini(&s);
}

static void a_full_one_says_so(void **state)
{
    struct slabs s;
    slabs_init(&s, "test", units, array_len(units), 3u << 16); /* two pages, but for the first */
    u32 objects[2 * 60];
    for (u32 i = 0; i < array_len(objects); i++)
        assert_int_not_equal(objects[i] = slab_get(&s, 5), 0);
    assert_int_equal(slab_get(&s, 5), 0);
    assert_int_equal(slab_get(&s, 0), 0);
    for (u32 i = 0; i < array_len(objects); i++)
        slab_put(&s, objects[i], 5);
    assert_int_not_equal(slab_get(&s, 0), 0); /* the page that came back */
    assert_int_equal(slab_get(&s, 1), 0);
    slabs_fini(&s);
}

/* Memory that is given back page by page, but for huge ones half of which are in use. */
static void memory_is_given_back(void **state)
{
    enum {
        PAGE_BYTES = SLAB_UNIT_BYTES * SLAB_PAGE_UNITS,
        EACH = SLAB_PAGE_UNITS / 16,
        PAGES = 96
    };
    struct slabs s;
    static u32 objects[PAGES * EACH];
    slabs_init(&s, "test", units, array_len(units), 16u << 20);
    for (u32 i = 0; i < array_len(objects); i++) {
        objects[i] = slab_get(&s, 4);
        memset(slab_at(s.base, objects[i]), 1, 16 * SLAB_UNIT_BYTES);
    }
    u64 all = mem_resident_bytes(s.base, 16u << 20);
    assert_true(all >= PAGES * PAGE_BYTES);
    u32 third = 80 * EACH; /* of the third huge page */
    for (u32 i = third - 8 * EACH; i < third; i++)
        slab_put(&s, objects[i], 4);
    assert_int_equal(mem_resident_bytes(s.base, 16u << 20), all);
    for (u32 i = third; i < third + 16 * EACH; i++)
        slab_put(&s, objects[i], 4);
    assert_true(mem_resident_bytes(s.base, 16u << 20) <= all - 16 * PAGE_BYTES);
    for (u32 i = 0; i < third - 8 * EACH; i++)
        slab_put(&s, objects[i], 4);
    assert_true(mem_resident_bytes(s.base, 16u << 20) <= 24 * PAGE_BYTES);
    slabs_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_whole_and_apart),
        cmocka_unit_test(a_full_one_says_so),
        cmocka_unit_test(memory_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
