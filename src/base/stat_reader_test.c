/* The reader of stats segments: what it reads, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/stat_reader.h"
#include "base/stat_reader_test.h"

static u8 segment[SMALL_BYTES];

/* What a look at the segment gives. */
static int look(bool (*wanted)(const char *name, void *arg), bool values, struct stat_items *items)
{
    struct stat_reader r;
    struct error e = {0};
    int fd = small_file(segment, sizeof(segment));
    assert_true(fd >= 0);
    *items = (struct stat_items){0};
    int rc = stat_reader_open(&r, fd, &e);
    if (!rc)
        rc = stat_reader_read(&r, wanted, NULL, values, items, &e);
    assert_int_equal(rc, -e.code);
    close(fd);
    return rc;
}

static void test_values(void **state)
{
    struct stat_items items;
    small_segment(segment);
    assert_int_equal(look(NULL, true, &items), 0);
    assert_int_equal(items.n, SMALL_ENTRIES);
    assert_int_equal(items.epoch, 1);
    assert_string_equal(items.v[0].name, "/sys/heartbeat");
    assert_int_equal(items.v[0].value, 7);
    assert_int_equal(items.v[1].type, STAT_COMBINED);
    assert_int_equal(items.v[1].n_rows, 1);
    assert_int_equal(items.v[1].n[0], 2);
    assert_int_equal(items.v[1].combined[0][1].packets, 5);
    assert_int_equal(items.v[1].combined[0][1].bytes, 500);
    assert_true(items.v[2].link);
    assert_int_equal(items.v[2].type, STAT_COMBINED);
    assert_int_equal(items.v[2].column, 1);
    assert_int_equal(items.v[2].n[0], 1);
    assert_int_equal(items.v[2].combined[0][0].bytes, 500);
    assert_int_equal(items.v[3].n[0], 3);
    assert_null(items.v[3].names[0]);
    assert_string_equal(items.v[3].names[1], "x");
    assert_string_equal(items.v[3].names[2], "abc");
    assert_int_equal(items.v[4].value, 9);
    stat_items_free(&items);
}

static bool only_gauge(const char *name, void *arg)
{
    return !strcmp(name, "/gauge");
}

static void test_wanted(void **state)
{
    struct stat_items items;
    small_segment(segment);
    assert_int_equal(look(only_gauge, true, &items), 0);
    assert_int_equal(items.n, 1);
    assert_int_equal(items.v[0].value, 9);
    stat_items_free(&items);
    assert_int_equal(look(NULL, false, &items), 0);
    assert_int_equal(items.n, SMALL_ENTRIES);
    assert_int_equal(items.v[1].n_rows, 0);
    stat_items_free(&items);
}

static void test_unknown_entries_are_left_out(void **state)
{
    struct stat_items items;
    small_segment(segment);
    small_entry(segment, 0, STAT_EMPTY, 0, "");
    small_entry(segment, 3, STAT_RING, 0x7fffffff, "/ring");
    small_entry(segment, 4, (enum stat_type)77, 0x7fffffff, "/new");
    assert_int_equal(look(NULL, true, &items), 0);
    assert_int_equal(items.n, 2);
    stat_items_free(&items);
}

static void test_bad_addresses(void **state)
{
    static const u64 where[] = {
        32,                   /* the directory, */
        0x1010 - 8,           /* its length, */
        0x1010 + 144 + 8,     /* row pointers, */
        0x2010 - 8,           /* their number, */
        0x2010,               /* a row, */
        0x2048 - 8,           /* its length, */
        0x1010 + 2 * 144 + 8, /* what a link leads to, */
        0x1010 + 2 * 144 + 12,
        0x1010 + 3 * 144 + 8, /* names, */
        0x3018,               /* a name, */
        0x3048 - 8,           /* its length */
    };
    static const u32 what[] = {0x7fffffff, 0xffffffff, SMALL_BASE + 4,
                               SMALL_BASE + SMALL_BYTES + 8};
    for (size_t i = 0; i < array_len(where); i++)
        for (size_t k = 0; k < array_len(what); k++) {
            struct stat_items items;
            small_segment(segment);
            memcpy(segment + where[i], &what[k], sizeof(what[k]));
            assert_int_equal(look(NULL, true, &items), -EBADMSG);
            assert_null(items.v);
        }
}

/* Rows of gigabytes each, all the same memory. */
static void test_what_is_counted_twice(void **state)
{
    struct stat_items items;
    small_segment(segment);
    small_vector(segment, 0x2010, 0x1ff0 / 8);
    for (u32 i = 0; i < 0x1ff0 / 8; i++)
        small_put(segment, 0x2010 + 8 * i, SMALL_BASE + 0x1010);
    small_vector(segment, 0x1010, 3);
    assert_int_equal(look(NULL, true, &items), -EBADMSG);
}

static void test_other_files(void **state)
{
    struct stat_reader r;
    struct error e;
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    assert_int_equal(stat_reader_open(&r, fd, &e), -EBADMSG);
    close(fd);
    small_segment(segment);
    fd = small_file(segment, 20);
    assert_int_equal(stat_reader_open(&r, fd, &e), -EBADMSG);
    close(fd);
    segment[0] = 3;
    fd = small_file(segment, sizeof(segment));
    assert_int_equal(stat_reader_open(&r, fd, &e), -EPROTO);
    close(fd);
}

/* A mapping would end the process. */
static void test_file_that_shrinks(void **state)
{
    struct stat_reader r;
    struct stat_items items;
    struct error e;
    small_segment(segment);
    int fd = small_file(segment, sizeof(segment));
    assert_int_equal(stat_reader_open(&r, fd, &e), 0);
    assert_int_equal(ftruncate(fd, 0x2000), 0);
    assert_int_equal(stat_reader_read(&r, NULL, NULL, true, &items, &e), -EBADMSG);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(stat_reader_read(&r, NULL, NULL, true, &items, &e), -EBADMSG);
    close(fd);
}

static void test_change_that_does_not_end(void **state)
{
    struct stat_items items;
    small_segment(segment);
    segment[24] = 1;
    assert_int_equal(look(NULL, true, &items), -EAGAIN);
}

/* --- read while somebody writes --- */

static u8 *shared;
static u32 stop;

/* Values that differ between two epochs are never seen together. */
static void *write_changes(void *arg)
{
    u64 *epoch = (u64 *)(void *)(shared + 16), *in_progress = epoch + 1;
    for (u64 i = 2; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
        __atomic_store_n(in_progress, 1, __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        __atomic_store_n((u64 *)(void *)(shared + 0x1010 + 8), i, __ATOMIC_RELAXED);
        __atomic_store_n((u64 *)(void *)(shared + 0x1010 + 4 * 144 + 8), i, __ATOMIC_RELAXED);
        __atomic_store_n(epoch, i, __ATOMIC_RELEASE);
        __atomic_store_n(in_progress, 0, __ATOMIC_RELEASE);
        for (u32 k = 0; k < 5000; k++)
            __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void test_whole_while_it_changes(void **state)
{
    struct stat_reader r;
    struct error e;
    pthread_t writer;
    small_segment(segment);
    small_entry(segment, 4, STAT_GAUGE, 7, "/gauge");
    int fd = small_file(segment, sizeof(segment));
    shared = mmap(NULL, SMALL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(shared != MAP_FAILED);
    assert_int_equal(stat_reader_open(&r, fd, &e), 0);
    assert_int_equal(pthread_create(&writer, NULL, write_changes, NULL), 0);
    u32 whole = 0;
    while (whole < 500) {
        struct stat_items items;
        int rc = stat_reader_read(&r, NULL, NULL, true, &items, &e);
        if (rc == -EAGAIN)
            continue; /* a slow machine */
        assert_int_equal(rc, 0);
        assert_int_equal(items.v[0].value, items.v[4].value);
        assert_true(items.epoch == 1 || items.epoch == items.v[0].value);
        stat_items_free(&items);
        whole++;
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    pthread_join(writer, NULL);
    munmap(shared, SMALL_BYTES);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_wanted),
        cmocka_unit_test(test_unknown_entries_are_left_out),
        cmocka_unit_test(test_bad_addresses),
        cmocka_unit_test(test_what_is_counted_twice),
        cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_file_that_shrinks),
        cmocka_unit_test(test_change_that_does_not_end),
        cmocka_unit_test(test_whole_while_it_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
