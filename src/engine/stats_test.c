/* The stats segment, byte by byte, and what happens to it while somebody looks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/counter_pages.h"
#include "engine/engine_internal.h"
#include "engine/engine_world.h"

static struct stats *s;
static const u8 *seen; /* as a client maps it */
static u64 size;

static void begin(u64 directory_bytes)
{
    struct stats_config c = {.n_threads = 2, .directory_bytes = directory_bytes};
    struct error e = {0};
    struct stat st;
    s = stats_new(&c, &e);
    assert_non_null(s);
    assert_int_equal(fstat(stats_fd(s), &st), 0);
    size = (u64)st.st_size;
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, stats_fd(s), 0);
    assert_true(map != MAP_FAILED);
    seen = map;
}

static void end(void)
{
    munmap((void *)(uintptr_t)seen, size);
    stats_free(s);
}

static u64 number_at(u64 offset)
{
    u64 n;
    memcpy(&n, seen + offset, 8);
    return n;
}

static u64 follow(u64 offset)
{
    return number_at(offset) - number_at(8);
}

static u64 directory_at(u32 slot)
{
    return follow(32) + slot * 144;
}

static u32 count_at(u64 element0)
{
    u32 n;
    memcpy(&n, seen + element0 - 8, 4);
    return n;
}

/* Numbers are in the byte order of the machine, whose programs read them. */

static void assert_vector_head(u64 element0, u32 n, u8 log2_align)
{
    const u8 rest[4] = {1, log2_align};
    assert_int_equal(count_at(element0), n);
    assert_memory_equal(seen + element0 - 4, rest, 4);
}

/* An entry of the directory whose value is two indices. */
static void assert_entry_of_two(u32 slot, u32 type, u32 first, u32 second, const char *name)
{
    u8 golden[144] = {0};
    memcpy(golden, &type, 4);
    memcpy(golden + 8, &first, 4);
    memcpy(golden + 12, &second, 4);
    memcpy(golden + 16, name, strlen(name));
    assert_memory_equal(seen + directory_at(slot), golden, 144);
}

static void assert_entry(u32 slot, u32 type, u64 value, const char *name)
{
    u32 halves[2];
    memcpy(halves, &value, 8);
    assert_entry_of_two(slot, type, halves[0], halves[1], name);
}

static void test_header(void **state)
{
    begin(1 << 20);
    static const u8 zero[4096 - 40];
    assert_int_equal(number_at(0), 2);
    assert_int_equal(number_at(16), 1);
    assert_memory_equal(seen + 24, zero, 8);
    assert_int_equal(follow(32), 4096 + 64);
    /* where old clients look for more */
    assert_memory_equal(seen + 40, zero, sizeof(zero));
    assert_vector_head(4096 + 64, 0, 6);
    end();
}

static void test_entries(void **state)
{
    begin(1 << 20);
    struct stats_rows rows;
    struct stats_handle beat = stats_add_scalar(s, "/sys/%s", "heartbeat");
    assert_int_equal(stats_add_rows(s, STAT_COMBINED, "/if/rx", 2, 100, &rows), 0);
    stats_grow_rows(&rows, 3);
    stats_add_link(s, rows.handle, 2, "/interfaces/x/rx");
    struct stats_handle gauge = stats_add_gauge(s, "/sys/vector_rate");
    stats_set(s, beat, 0x0102030405060708);
    stats_set(s, gauge, 7);
    assert_int_equal(number_at(16), 5); /* four new entries */
    assert_int_equal(count_at(directory_at(0)), 4);

    assert_entry(0, 1, 0x0102030405060708, "/sys/heartbeat");
    assert_entry_of_two(2, 6, 1, 2, "/interfaces/x/rx");
    assert_entry(3, 9, 7, "/sys/vector_rate");
    end();
}

static void test_rows(void **state)
{
    begin(1 << 20);
    struct stats_rows rows;
    assert_int_equal(stats_add_rows(s, STAT_COMBINED, "/if/rx", 2, 1000, &rows), 0);
    u64 pointers = follow(directory_at(0) + 8);
    assert_vector_head(pointers, 2, 3);
    u64 row1 = follow(pointers + 8), epoch = number_at(16);
    assert_int_equal(count_at(row1), 0);
    stats_grow_rows(&rows, 3);
    stats_grow_rows(&rows, 2);              /* never less */
    assert_int_equal(number_at(16), epoch); /* there was room */
    assert_vector_head(row1, 3, 6);
    assert_vector_head(follow(pointers), 3, 6);
    assert_int_equal(row1 % 64, 0);
    struct counter_pair *pair = (struct counter_pair *)(rows.first + rows.stride_bytes) + 2;
    *pair = (struct counter_pair){5, 500};
    assert_int_equal(number_at(row1 + 32), 5);
    assert_int_equal(number_at(row1 + 40), 500);
    /* the last column has room, and the next row is behind it */
    u64 row0 = follow(pointers);
    assert_true(row0 + 1000 * 16 <= row1 - 8);
    end();
}

static void test_names(void **state)
{
    begin(1 << 20);
    struct stats_names names = stats_add_names(s, "/if/names", 8);
    stats_set_name(s, &names, 2, "local0");
    stats_set_name(s, &names, 8, "beyond");
    u64 pointers = follow(directory_at(0) + 8);
    assert_int_equal(count_at(pointers), 3);
    assert_int_equal(number_at(pointers), 0);
    u64 text = follow(pointers + 16);
    assert_int_equal(count_at(text), 7);
    assert_memory_equal(seen + text, "local0", 7);
    char longer[200];
    memset(longer, 'x', 199);
    longer[199] = 0;
    stats_set_name(s, &names, 2, longer);
    assert_int_equal(follow(pointers + 16), text); /* in its place */
    assert_int_equal(count_at(text), 64);
    assert_int_equal(seen[text + 63], 0);
    stats_set_name(s, &names, 2, "deleted");
    assert_int_equal(count_at(text), 8);
    assert_int_equal(number_at(pointers + 24), 0);
    end();
}

static void test_what_goes_leaves_no_hole(void **state)
{
    begin(1 << 20);
    struct stats_rows rows;
    stats_add_scalar(s, "/a");
    assert_int_equal(stats_add_rows(s, STAT_SIMPLE, "/rows", 1, 10, &rows), 0);
    struct stats_handle one = stats_add_link(s, rows.handle, 0, "/one");
    struct stats_handle two = stats_add_gauge(s, "/two");
    stats_add_link(s, rows.handle, 1, "/three");
    stats_remove(s, one);
    assert_int_equal(count_at(directory_at(0)), 4);
    assert_string_equal((const char *)seen + directory_at(2) + 16, "/three");
    static const u8 zero[144];
    assert_memory_equal(seen + directory_at(4), zero, 144);
    stats_set(s, two, 9); /* found where it is now */
    assert_int_equal(number_at(directory_at(3) + 8), 9);
    stats_remove(s, two);
    stats_remove(s, stats_add_gauge(s, "/four"));
    assert_int_equal(count_at(directory_at(0)), 3);
    end();
}

/* A vector cannot move, since links say where it is: what goes before it is a free entry, and used
 * next. */
static void test_free_entries(void **state)
{
    begin(1 << 20);
    struct stats_rows rows;
    struct stats_handle a = stats_add_gauge(s, "/a"), b = stats_add_gauge(s, "/b");
    assert_int_equal(stats_add_rows(s, STAT_SIMPLE, "/rows", 1, 10, &rows), 0);
    stats_remove(s, a);
    stats_remove(s, b);
    assert_entry(1, 5, 0, "");
    assert_entry_of_two(0, 5, UINT32_MAX, 0, "");
    stats_add_gauge(s, "/c");
    assert_string_equal((const char *)seen + directory_at(1) + 16, "/c");
    assert_int_equal(count_at(directory_at(0)), 3);
    end();
}

static void test_one_change(void **state)
{
    begin(1 << 20);
    u64 epoch = number_at(16);
    stats_lock(s);
    struct stats_handle a = stats_add_gauge(s, "/a");
    stats_rename(s, a, "/%d", 2);
    assert_int_equal(number_at(24), 1);
    assert_int_equal(number_at(16), epoch);
    stats_unlock(s);
    assert_int_equal(number_at(24), 0);
    assert_int_equal(number_at(16), epoch + 1);
    assert_string_equal((const char *)seen + directory_at(0) + 16, "/2");
    end();
}

static void test_full(void **state)
{
    begin(0); /* the least there is: 16 pages */
    u32 n = 0;
    struct stats_handle last = STATS_NO_HANDLE;
    for (;; n++) {
        struct stats_handle h = stats_add_gauge(s, "/%u", n);
        if (h.i == UINT32_MAX)
            break;
        last = h;
    }
    assert_int_equal(n, (16 * 4096 - 64) / 144);
    stats_set(s, STATS_NO_HANDLE, 1);
    stats_remove(s, STATS_NO_HANDLE);
    stats_rename(s, STATS_NO_HANDLE, "/x");
    stats_add_link(s, STATS_NO_HANDLE, 1, "/y");
    stats_remove(s, last);
    assert_int_not_equal(stats_add_gauge(s, "/again").i, UINT32_MAX);
    struct stats_rows rows;
    u32 blocks = 0;
    while (!stats_add_rows(s, STAT_COMBINED, "/r", 2, MEM_MOST(1u << 21), &rows))
        blocks++;
    assert_int_equal(blocks, 6); /* of 64 MiB, in 2 * 192 + 64; or of an eighth, in an eighth */
    end();
}

static void test_clients_cannot_write(void **state)
{
    begin(1 << 20);
    assert_int_equal(pwrite(stats_fd(s), "x", 1, 0), -1);
    assert_int_equal(ftruncate(stats_fd(s), 0), -1);
    assert_true(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, stats_fd(s), 0) == MAP_FAILED);
    assert_int_equal(mprotect((void *)(uintptr_t)seen, 4096, PROT_READ | PROT_WRITE), -1);
    end();
}

static void test_only_what_is_used_is_resident(void **state)
{
    begin(64 << 20);
    u64 total, used;
    stats_room(s, &total, &used);
    assert_int_equal(total, size);
    assert_true(used <= 4 * 4096);
    struct stats_rows rows;
    u32 n = MEM_MOST(1u << 21);
    assert_int_equal(stats_add_rows(s, STAT_COMBINED, "/net/route/to", 2, n, &rows), 0);
    stats_grow_rows(&rows, n);
    stats_room(s, &total, &used);
    assert_true(used <= 8 * 4096);
    end();
}

/* --- as a part of the engine --- */

static struct piste piste;

static void test_counters_are_the_segment(void **state)
{
    struct engine_config c;
    engine_config_default(&c);
    c.buffers_per_numa = 2048;
    c.stats_per_node = true;
    engine_world_open(&piste, &c);
    struct engine *engine = piste.engine;
    s = engine->stats;
    u32 entries = stats_count(s);
    static const char *const first[] = {"/sys/heartbeat", "/sys/last_stats_clear", "/sys/boottime"};
    for (u32 i = 0; i < 3; i++) {
        assert_string_equal(stats_entry_at(s, i)->name, first[i]);
        assert_int_equal(stats_entry_at(s, i)->type, STAT_SCALAR);
    }
    struct counter_vec *v = counter_vec_new(engine, "/test", true, 100);
    counter_zero(v, 4);
    counter_combined(v, 1)[4].bytes = 99;
    assert_int_equal(counter_get_pair(v, 4).bytes, 99);
    const struct stat_entry *entry = stats_entry_at(s, entries);
    assert_string_equal(entry->name, "/test");
    const u64 *pointers = (const u64 *)(uintptr_t)entry->data;
    const u64 *row = (const u64 *)(uintptr_t)pointers[1];
    assert_int_equal(row[9], 99);
    assert_int_equal(((const u32 *)row)[-2], 5);
    u32 four = 4;
    counter_clear(engine, &v, 1, &four, 1);
    assert_int_equal(row[9], 0);
    counter_combined(v, 1)[4].bytes = 1;
    counter_zero(v, 4);
    assert_int_equal(counter_get_pair(v, 4).bytes, 0);
    counter_vec_free(v);
    assert_int_equal(stats_count(s), entries);
    engine_world_close(&piste);
}

/* Who reads what nobody has counted makes no memory of its zeros. */
static void test_zeros_are_no_memory(void **state)
{
    struct engine_config c;
    struct error e;
    u64 total, before, after;
    engine_config_default(&c);
    c.buffers_per_numa = 2048;
    memset(&piste, 0, sizeof(piste));
    struct engine *engine = engine_new(&piste, &c, &e);
    assert_non_null(engine);
    enum { MOST = 100000 };
    struct counter_vec *v = counter_vec_new(engine, "/test", true, MOST);
    counter_zero(v, MOST - 1);
    counter_combined(v, 1)[70000].packets = 3;
    stats_room(engine->stats, &total, &before);
    u64 packets = 0;
    for (u32 i = 0; i < MOST; i++)
        packets += counter_get_pair(v, i).packets;
    assert_int_equal(packets, 3);
    stats_room(engine->stats, &total, &after);
    assert_int_equal(after, before);
    counter_combined(v, 1)[90000].packets = 4;
    assert_int_equal(counter_get_pair(v, 90000).packets, 4);
    assert_int_equal(counter_get_pair(v, 70000).packets, 3);
    counter_vec_free(v);
    engine_free(engine);
}

/* Counters work on when the segment is full, and nobody sees them. */
static void test_counters_without_room(void **state)
{
    struct engine_config c;
    struct error e;
    struct counter_vec *v;
    engine_config_default(&c);
    c.buffers_per_numa = 2048;
    memset(&piste, 0, sizeof(piste));
    struct engine *engine = engine_new(&piste, &c, &e);
    assert_non_null(engine);
    do {
        v = counter_vec_new(engine, "/big", true, MEM_MOST(1u << 21));
    } while (counter_handle(v).i != UINT32_MAX);
    counter_zero(v, 100000);
    counter_combined(v, 1)[100000].packets = 3;
    assert_int_equal(counter_get_pair(v, 100000).packets, 3);
    engine_free(engine);
}

static u64 resident(const struct counter_vec *v)
{
    return mem_resident_bytes(v->rows.first, v->rows.stride_bytes * v->rows.n_rows);
}

static u32 n_looks;

/* In libc's place. */
int mincore(void *p, size_t bytes, unsigned char *in_core)
{
    n_looks++;
    return (int)syscall(SYS_mincore, p, bytes, in_core);
}

/* Where there are no huge pages everything is the same. */
static void test_counters_join_pages(void **state)
{
    enum {
        N = 4 * MEM_HUGE_PAGE_BYTES / sizeof(struct counter_pair),
        USED = N / 4 * 3,
        PAGE = 256
    };
    struct engine_config c;
    engine_config_default(&c);
    c.buffers_per_numa = 2048;
    engine_world_open(&piste, &c);
    struct engine *engine = piste.engine;
    struct counter_vec *v = counter_vec_new(engine, "/test", true, N);
    struct counter_pages *pages = counter_pages_new(v);
    struct counter_pair *row = counter_combined(v, 0);
    for (u32 i = 0; i < USED; i += 4 * PAGE)
        counter_pair_add(&row[i], 1, i);
    u64 few = resident(v);
    counter_pages_join(pages);
    assert_int_equal(resident(v), few); /* of no huge page the half */
    for (u32 i = 0; i < USED; i += PAGE)
        counter_pair_add(&row[i], 1, i);
    u64 many = resident(v);
    for (u32 i = 0; i < 8; i++)
        counter_pages_join(pages);
    assert_true(resident(v) <= many + MEM_HUGE_PAGE_BYTES);
    n_looks = 0;
    counter_pages_join(pages);
    assert_int_equal(n_looks, 0); /* at rest, which is no work */
    counter_combined(v, 1)[N - 1].packets = 1;
    counter_pages_join(pages);
    assert_true(n_looks > 0);
    counter_combined(v, 1)[N - 1].packets = 0;
    for (u32 i = 0; i < USED; i++) {
        u32 times = i % PAGE ? 0 : i % (4 * PAGE) ? 1 : 2;
        struct counter_pair pair = counter_get_pair(v, i);
        assert_int_equal(pair.packets, times);
        assert_int_equal(pair.bytes, (u64)times * i);
    }
    counter_pages_free(pages);
    counter_vec_free(v);
    engine_world_close(&piste);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_what_goes_leaves_no_hole),
        cmocka_unit_test(test_free_entries),
        cmocka_unit_test(test_one_change),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_clients_cannot_write),
        cmocka_unit_test(test_only_what_is_used_is_resident),
        cmocka_unit_test(test_counters_are_the_segment),
        cmocka_unit_test(test_counters_join_pages),
        cmocka_unit_test(test_zeros_are_no_memory),
        cmocka_unit_test(test_counters_without_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
