#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sys/mman.h>
#include <sys/stat.h>

#include "base/mem.h"

static void page_sizes_parse_as_written(void **state)
{
    static const struct {
        const char *text;
        int rc;
        enum mem_page_kind kind;
        u64 bytes;
    } cases[] = {
        {"default", 0, MEM_PAGE_DEFAULT, 0},
        {"default-hugepage", 0, MEM_PAGE_DEFAULT_HUGE, 0},
        {"2M", 0, MEM_PAGE_SIZE, 2u << 20},
        {"1g", 0, MEM_PAGE_SIZE, 1u << 30},
        {"4096", 0, MEM_PAGE_SIZE, 4096},
        {"4k", 0, MEM_PAGE_SIZE, 4096},
        {"3M", -1, 0, 0},
        {"1", -1, 0, 0},
        {"", -1, 0, 0},
        {"-4k", -1, 0, 0},
        {"2Mx", -1, 0, 0},
        {"99999999999999999999G", -1, 0, 0},
        {"18446744073709551615G", -1, 0, 0},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct mem_page_size got = {0};
        struct error e = {0};
        int rc = mem_page_size_parse(cases[i].text, &got, &e);
        assert_int_equal(rc < 0, cases[i].rc < 0);
        if (rc) {
            assert_true(e.text[0]);
            continue;
        }
        assert_int_equal(got.kind, cases[i].kind);
        assert_int_equal(got.bytes, cases[i].bytes);
    }
}

static void count_map(const struct mem_map *m, void *arg)
{
    *(unsigned *)arg += 1;
}

static void maps_are_lazy_zeroed_and_listed(void **state)
{
    struct mem_map m;
    struct error e = {0};
    unsigned before = 0, during = 0, after = 0;
    mem_map_each(count_map, &before);
    assert_int_equal(mem_map_new(&m, "test", 64u << 20, (struct mem_page_size){0}, false, &e), 0);
    mem_map_each(count_map, &during);
    assert_int_equal(during, before + 1);
    assert_int_equal(mem_resident_bytes(m.base, m.size_bytes), 0);
    assert_int_equal(((u8 *)m.base)[5 << 20], 0);
    ((u8 *)m.base)[7 << 20] = 1;
    assert_true(mem_resident_bytes(m.base, m.size_bytes) <= 2 * m.page_size_bytes);
    mem_map_free(&m);
    mem_map_each(count_map, &after);
    assert_int_equal(after, before);
    mem_map_free(&m);
}

static void huge_pages_fall_back(void **state)
{
    struct mem_map m;
    struct error e = {0};
    struct mem_page_size gig = {MEM_PAGE_SIZE, 1u << 30};
    assert_int_equal(mem_map_new(&m, "test", 10000, gig, true, &e), 0);
    assert_true(m.size_bytes >= 10000);
    ((u8 *)m.base)[m.size_bytes - 1] = 1;
    mem_map_free(&m);
}

static void a_shared_map_is_seen_through_its_fd(void **state)
{
    struct mem_map m;
    struct error e = {0};
    assert_int_equal(mem_map_new(&m, "test", 1u << 20, (struct mem_page_size){0}, true, &e), 0);
    struct stat st;
    assert_int_equal(fstat(m.fd, &st), 0);
    assert_int_equal(st.st_size, 1u << 20);
    u8 *peer = mmap(NULL, m.size_bytes, PROT_READ, MAP_SHARED, m.fd, 0);
    assert_true(peer != MAP_FAILED);
    ((u8 *)m.base)[77] = 99;
    assert_int_equal(peer[77], 99);
    munmap(peer, m.size_bytes);
    mem_map_free(&m);
}

static void absurd_sizes_are_refused(void **state)
{
    struct mem_map m;
    struct error e = {0};
    assert_true(mem_map_new(&m, "test", 0, (struct mem_page_size){0}, false, &e) < 0);
    assert_true(mem_map_new(&m, "test", UINT64_MAX, (struct mem_page_size){0}, false, &e) < 0);
    assert_true(mem_map_new(&m, "test", 1ull << 60, (struct mem_page_size){0}, false, &e) < 0);
    assert_true(strlen(e.text) > 0);
    mem_map_free(&m);
}

static void strings_are_made(void **state)
{
    char *s = mem_printf("%s-%d", "abc", 12), *d = mem_strdup(s);
    assert_string_equal(d, "abc-12");
    free(s);
    free(d);
    assert_true(mem_process_rss_bytes() > 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_sizes_parse_as_written),
        cmocka_unit_test(maps_are_lazy_zeroed_and_listed),
        cmocka_unit_test(huge_pages_fall_back),
        cmocka_unit_test(a_shared_map_is_seen_through_its_fd),
        cmocka_unit_test(absurd_sizes_are_refused),
        cmocka_unit_test(strings_are_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
