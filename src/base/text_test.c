/* text.c: growth, number formats, layouts. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static void empty_is_never_null(void **state)
{
    struct text t = {0};
    assert_string_equal(text_str(&t), "");
    text_puts(&t, "");
    assert_string_equal(text_str(&t), "");
    text_clear(&t);
    text_free(&t);
    text_free(&t);
}

static void grows(void **state)
{
    struct text t = {0};
    for (int i = 0; i < 1000; i++)
        text_add(&t, "%d,", i);
    assert_int_equal(t.len, strlen(t.s));
    assert_memory_equal(t.s + t.len - 8, "998,999,", 9);
    text_clear(&t);
    assert_string_equal(text_str(&t), "");
    text_repeat(&t, 'x', 5000);
    text_putc(&t, '!');
    assert_int_equal(t.len, 5001);
    assert_string_equal(t.s + 4999, "x!");
    text_free(&t);
}

/* vsnprintf fills exactly the room there is: the NUL needs one more. */
static void every_length_at_the_edge(void **state)
{
    for (int n = 0; n < 300; n++) {
        struct text t = {0};
        text_puts(&t, "ab");
        text_add(&t, "%*s", n, "");
        assert_int_equal(t.len, 2 + n);
        assert_int_equal(strlen(t.s), 2 + n);
        text_free(&t);
    }
}

static void indents_lines(void **state)
{
    struct text t = {0};
    text_indented(&t, 2, "a\n\nb\n");
    text_indented(&t, 3, "c");
    assert_string_equal(text_str(&t), "  a\n\n  b\n   c");
    text_free(&t);
}

static void scientific(void **state)
{
    static const struct {
        double x;
        int decimals;
        const char *want;
    } cases[] = {
        {10, 2, "1.00e1"},     {8.4199e-2, 4, "8.4199e-2"}, {0, 4, "0.0000e0"},
        {3.45e7, 2, "3.45e7"}, {9.999e99, 1, "1.0e100"},    {-1.5, 1, "-1.5e0"},
        {INFINITY, 2, "inf"},  {1e-10, 0, "1e-10"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct text t = {0};
        text_sci(&t, cases[i].x, cases[i].decimals);
        assert_string_equal(text_str(&t), cases[i].want);
        text_free(&t);
    }
}

static void hex(void **state)
{
    u8 bytes[33];
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (u8)(i * 7);
    struct text t = {0};
    text_hex_lines(&t, bytes, sizeof(bytes), 2);
    assert_string_equal(
        text_str(&t),
        "  00000000: 00070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2d9\n"
        "  00000020: e0\n");
    text_clear(&t);
    text_hex_lines(&t, bytes, 0, 2);
    assert_string_equal(text_str(&t), "");
    text_free(&t);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_is_never_null),
        cmocka_unit_test(grows),
        cmocka_unit_test(every_length_at_the_edge),
        cmocka_unit_test(indents_lines),
        cmocka_unit_test(scientific),
        cmocka_unit_test(hex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
