/* The table against an array of flags, over random sequences; and readers that look while it
 * changes. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pthread.h>

#include "base/mem.h"
#include "base/shared_hash.h"

#define OBJECTS 20000u
#define WORDS_MAX 5u

struct object {
    u64 key[WORDS_MAX];
    u64 other;
};

static struct object *objects;
static bool *there;
static u32 n_there;
static struct shared_hash hash;

static u64 mix(u64 x)
{
    x = (x ^ x >> 31) * 0x9e3779b97f4a7c15ull;
    return x ^ x >> 29;
}

/* Keys that differ in few bits, anywhere. */
static void make_key(u64 *key, u32 words, u64 n)
{
    memset(key, 0, words * sizeof(*key));
    key[n % words] = n / words << (n % 7);
    key[(n + 1) % words] ^= mix(n) & 0xff00;
    key[0] ^= n << 40;
}

static void begin(u32 words, u32 max)
{
    objects = mem_alloc(2 * OBJECTS * sizeof(*objects));
    there = mem_alloc(2 * OBJECTS * sizeof(*there));
    n_there = 0;
    for (u32 i = 0; i < 2 * OBJECTS; i++)
        make_key(objects[i].key, words, i % OBJECTS);
    shared_hash_init(&hash, &(struct shared_hash_args){.name = "test",
                                                       .max = max,
                                                       .keys = objects,
                                                       .stride_bytes = sizeof(*objects),
                                                       .key_words = words,
                                                       .gives_back = true});
}

static void end(void)
{
    shared_hash_fini(&hash);
    free(objects);
    free(there);
}

static void check_all(u32 words)
{
    static u64 keys[OBJECTS * WORDS_MAX];
    static u32 found[OBJECTS];
    assert_int_equal(hash.n_used, n_there);
    for (u32 i = 0; i < OBJECTS; i++)
        memcpy(keys + i * words, objects[i].key, words * sizeof(u64));
    shared_hash_find_many(&hash, keys, words, OBJECTS, found);
    for (u32 i = 0; i < OBJECTS; i++) {
        u32 is = there[i] ? i : there[OBJECTS + i] ? OBJECTS + i : SHARED_HASH_NONE;
        assert_int_equal(found[i], is);
        assert_int_equal(shared_hash_find(&hash, objects[i].key, words), is);
    }
}

static void add(u32 i)
{
    assert_true(shared_hash_add(&hash, i));
    there[i] = true;
    n_there++;
}

static void take_out(u32 i)
{
    shared_hash_remove(&hash, i);
    there[i] = false;
    n_there--;
}

/* Objects i and OBJECTS + i have the same key: one of them at a time. */
static void random_step(u32 add_percent)
{
    u32 i = (u32)random() % OBJECTS, j = OBJECTS + i;
    if (there[i] && random() % 8 == 0) {
        shared_hash_replace(&hash, i, j);
        there[i] = false;
        there[j] = true;
    } else if ((u32)random() % 100 < add_percent) {
        if (!there[i] && !there[j])
            add(random() % 2 ? i : j);
    } else if (there[i] || there[j]) {
        take_out(there[i] ? i : j);
    }
}

static void test_against_flags(void **state)
{
    static const u32 words[] = {1, 2, 3, 5};
    srandom(1);
    for (u32 k = 0; k < array_len(words); k++) {
        begin(words[k], OBJECTS);
        check_all(words[k]);
        for (u32 phase = 0; phase < 8; phase++) {
            for (u32 s = 0; s < 30000; s++)
                random_step(phase % 2 ? 15 : 85);
            check_all(words[k]);
        }
        for (u32 i = 0; i < 2 * OBJECTS; i++)
            if (there[i])
                take_out(i);
        check_all(words[k]);
        assert_int_equal((u32)hash.shape, 1);
        end();
    }
}

static void test_full(void **state)
{
    begin(2, 1000);
    for (u32 i = 0; i < 1000; i++)
        add(i);
    assert_false(shared_hash_add(&hash, 1000));
    check_all(2);
    take_out(17);
    add(1000);
    check_all(2);
    end();
}

/* A seed that is known, and keys that all fall into one bucket. */
static void test_keys_that_collide(void **state)
{
    begin(1, OBJECTS);
    hash.seed[0] = hash.seed[1] = 0; /* then the last word alone counts for nothing */
    u32 n = 0;
    for (u64 x = 1; n < 300; x++) {
        u64 h = shared_hash_of(&hash, &x, 1);
        if ((h & 0xff) == 0) {
            objects[n].key[0] = x;
            add(n++);
        }
    }
    for (u32 i = 0; i < n; i++)
        assert_int_equal(shared_hash_find(&hash, objects[i].key, 1), i);
    for (u32 i = 0; i < n; i += 2)
        take_out(i);
    for (u32 i = 0; i < n; i++)
        assert_int_equal(shared_hash_find(&hash, objects[i].key, 1), i % 2 ? i : SHARED_HASH_NONE);
    end();
}

/* 13 bytes an entry, and back to little. */
static void test_memory(void **state)
{
    begin(1, OBJECTS);
    for (u32 i = 0; i < OBJECTS; i++)
        objects[i].key[0] = i;
    for (u32 i = 0; i < OBJECTS; i++)
        add(i);
    assert_true(mem_map_resident_bytes(&hash.map) < 20 * OBJECTS);
    for (u32 i = 0; i < OBJECTS; i++)
        take_out(i);
    assert_true(mem_map_resident_bytes(&hash.map) < (320u << 10));
    end();
}

static void test_spread(void **state)
{
    u32 most = 0;
    begin(2, OBJECTS);
    for (u32 i = 0; i < OBJECTS; i++)
        add(i);
    u32 n = (u32)hash.shape;
    u32 *load = mem_alloc(n * sizeof(*load));
    for (u32 i = 0; i < OBJECTS; i++) {
        u32 at = shared_hash_place(shared_hash_of(&hash, objects[i].key, 2), n);
        most = (u32)max_u64(most, ++load[at]);
    }
    /* of 5, twice that where a bucket is still to be split; in one run of a thousand 30 */
    assert_true(most < 40);
    free(load);
    end();
}

/* --- readers --- */

static u32 n_steady, n_all; /* keys that are always there; with those that come and go */
static _Atomic bool stop;
static _Atomic u64 n_lookups, n_missed, n_bad, n_maybe;

static void *reader(void *arg)
{
    u64 seed = (u64)(uintptr_t)arg, keys[64 * 2];
    u32 found[64], wanted[64];
    while (!stop) {
        for (u32 i = 0; i < 64; i++) {
            seed = mix(seed + i);
            wanted[i] = (u32)(seed % n_all);
            memcpy(keys + i * 2ul, objects[wanted[i]].key, 16);
        }
        if (seed % 2)
            shared_hash_find_many(&hash, keys, 2, 64, found);
        else
            for (u32 i = 0; i < 64; i++)
                found[i] = shared_hash_find(&hash, keys + i * 2ul, 2);
        for (u32 i = 0; i < 64; i++) {
            n_missed += wanted[i] < n_steady && found[i] == SHARED_HASH_NONE;
            n_bad += found[i] != SHARED_HASH_NONE && found[i] % OBJECTS != wanted[i];
            n_maybe += wanted[i] >= n_steady && found[i] != SHARED_HASH_NONE;
        }
        n_lookups += 64;
    }
    return NULL;
}

/* Keys come and go, and steady ones lie now in one object, now in another. */
static void change_some(u32 add_percent)
{
    u32 i = n_steady + (u32)random() % (n_all - n_steady);
    if ((u32)random() % 100 < add_percent ? !there[i] : there[i])
        there[i] ? take_out(i) : add(i);
    i = (u32)random() % n_steady;
    shared_hash_replace(&hash, there[i] ? i : OBJECTS + i, there[i] ? OBJECTS + i : i);
    there[OBJECTS + i] = there[i];
    there[i] = !there[i];
}

static void run_readers(u32 steady, u32 all, u64 lookups)
{
    pthread_t threads[3];
    begin(2, OBJECTS);
    srandom(3);
    n_steady = steady;
    n_all = all;
    stop = false;
    n_lookups = n_missed = n_bad = n_maybe = 0;
    for (u32 i = 0; i < steady; i++)
        add(i);
    for (uintptr_t i = 0; i < array_len(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reader, (void *)(i + 1)), 0);
    for (u32 phase = 0; phase < 12 || n_lookups < lookups || !n_maybe; phase++)
        for (u32 s = 0; s < all; s++)
            change_some(phase % 3 == 2 ? 50 : phase % 3 ? 10 : 90);
    stop = true;
    for (u32 i = 0; i < array_len(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(n_missed, 0);
    assert_int_equal(n_bad, 0);
    check_all(2);
    end();
}

static void test_readers_miss_nothing(void **state)
{
    run_readers(OBJECTS / 10, OBJECTS, 100000);
}

/* All in a handful of buckets, which are split and joined all the time. */
static void test_readers_of_few(void **state)
{
    run_readers(8, 40, 300000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_flags),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_keys_that_collide),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_spread),
        cmocka_unit_test(test_readers_miss_nothing),
        cmocka_unit_test(test_readers_of_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
