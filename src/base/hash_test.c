/* The hash table against an array indexed by the key. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/hash.h"

#define KEYS 5000u

struct key {
    u32 id;
    u8 pad[7];
} __attribute__((packed));

static struct key key_of(u32 id)
{
    struct key k = {.id = id * 2654435761u};
    memset(k.pad, (int)(id & 3), sizeof(k.pad));
    return k;
}

static void check_all(const struct hash *h, const u64 *values, const bool *there)
{
    u32 expected = 0;
    for (u32 i = 0; i < KEYS; i++) {
        struct key k = key_of(i);
        u64 v = 0;
        assert_int_equal(hash_get(h, &k, &v), there[i]);
        if (there[i])
            assert_int_equal(v, values[i]);
        expected += there[i];
    }
    assert_int_equal(h->n_used, expected);
}

static void hash_agrees_with_an_array(void **state)
{
    static u64 values[KEYS];
    static bool there[KEYS];
    struct hash h;
    hash_init(&h, sizeof(struct key));
    srandom(7);
    for (unsigned i = 0; i < 200000; i++) {
        u32 id = (u32)random() % KEYS;
        struct key k = key_of(id);
        bool del = (unsigned)random() % 100 < ((i / 30000) % 2 ? 85 : 25);
        if (del) {
            assert_int_equal(hash_del(&h, &k), there[id]);
            there[id] = false;
        } else {
            values[id] = (u64)random() << 32 | (u64)random();
            there[id] = true;
            hash_set(&h, &k, values[id]);
        }
        if (i % 20000 == 0)
            check_all(&h, values, there);
    }
    check_all(&h, values, there);
    hash_fini(&h);
}

static void an_emptied_table_holds_no_memory(void **state)
{
    struct hash h;
    hash_init(&h, 4);
    for (u32 i = 0; i < 100000; i++)
        hash_set(&h, &i, i);
    for (u32 i = 0; i < 100000; i++)
        assert_true(hash_del(&h, &i));
    assert_null(h.slots);
    u32 k = 3;
    assert_false(hash_get(&h, &k, NULL));
    hash_set(&h, &k, 4);
    assert_true(hash_get(&h, &k, NULL));
    hash_fini(&h);
}

static void hash_bytes_spreads(void **state)
{
    u32 buckets[256] = {0};
    for (u32 i = 0; i < 256 * 100; i++)
        buckets[hash_bytes(&i, sizeof(i), 0) & 255]++;
    for (u32 b = 0; b < 256; b++)
        assert_in_range(buckets[b], 50, 160);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_agrees_with_an_array),
        cmocka_unit_test(an_emptied_table_holds_no_memory),
        cmocka_unit_test(hash_bytes_spreads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
