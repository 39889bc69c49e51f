/* What Prometheus is told of a small segment: names, labels, choices; and of one that is broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/stat_reader_test.h"
#include "plugins/prom/prom.h"

/* The page; NULL when there was an error. The caller frees it. */
static char *page_of(const struct prom_settings *s, const u8 *segment)
{
    struct text out = {0};
    struct error e = {0};
    int fd = small_file(segment, SMALL_BYTES);
    assert_true(fd >= 0);
    int rc = prom_render(fd, s, &out, &e);
    close(fd);
    if (!rc)
        return out.s ? out.s : strdup("");
    assert_true(e.text[0] != 0);
    text_free(&out);
    return NULL;
}

static void entries_are_told_by_name_and_label(void **state)
{
    struct prom_settings s = {.prefix = "vpp"};
    u8 segment[SMALL_BYTES];
    small_segment(segment);
    char *page = page_of(&s, segment);
    assert_non_null(page);
    assert_non_null(strstr(page, "# TYPE vpp_gauge gauge\nvpp_gauge 9\n"));
    assert_non_null(strstr(page, "5\n"));
    assert_non_null(strstr(page, "500\n"));
    assert_null(strstr(page, "/if"));
    free(page);
}

static void patterns_choose(void **state)
{
    struct prom_settings s = {.prefix = "x"}, copy;
    struct error e = {0};
    u8 segment[SMALL_BYTES];
    small_segment(segment);
    assert_int_equal(prom_settings_add(&s, "^/ga", &e), 0);
    assert_int_equal(prom_settings_add(&s, "^/ga", &e), 0); /* once */
    assert_int_equal(s.patterns.n, 1);
    assert_int_not_equal(prom_settings_add(&s, "(", &e), 0);
    assert_int_equal(s.patterns.n, 1);
    prom_settings_copy(&copy, &s);
    prom_settings_free(&s);
    char *page = page_of(&copy, segment);
    assert_string_equal(page, "# TYPE x_gauge gauge\nx_gauge 9\n");
    free(page);
    prom_settings_free(&copy);
}

static void zeros_are_left_out_where_asked(void **state)
{
    struct prom_settings s = {.prefix = "vpp", .used_only = true};
    u8 segment[SMALL_BYTES];
    small_segment(segment);
    char *page = page_of(&s, segment);
    assert_non_null(page);
    for (const char *line = page; *line; line = strchr(line, '\n') + 1)
        if (*line != '#')
            assert_int_not_equal(strtoull(strchr(line, ' ') + 1, NULL, 10), 0);
    free(page);
}

/* Each byte of the segment once as another: an error or a page, and nothing is read that is not
 * there. */
static void a_broken_segment_is_an_error_or_a_page(void **state)
{
    const struct prom_settings s = {.prefix = "vpp", .all = true};
    u8 good[SMALL_BYTES], bad[SMALL_BYTES];
    u32 n_errors = 0;
    small_segment(good);
    for (u32 i = 0; i < 64; i++) {
        memcpy(bad, good, sizeof(bad));
        bad[i] ^= 0xff;
        char *page = page_of(&s, bad);
        n_errors += !page;
        free(page);
    }
    assert_true(n_errors > 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_told_by_name_and_label),
        cmocka_unit_test(patterns_choose),
        cmocka_unit_test(zeros_are_left_out_where_asked),
        cmocka_unit_test(a_broken_segment_is_an_error_or_a_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
