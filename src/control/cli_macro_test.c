/* cli_macro.c: references, nesting, hostile values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/cli_macro.h"

static struct cli_macros macros;

static void expect(const char *text, const char *want)
{
    struct text t = {0};
    assert_true(cli_macro_expand(&macros, text, &t));
    assert_string_equal(text_str(&t), want);
    text_free(&t);
}

static int teardown(void **state)
{
    cli_macros_free(&macros);
    return 0;
}

static void references(void **state)
{
    cli_macro_set(&macros, "if", "host-eth0");
    cli_macro_set(&macros, "n", "0");
    cli_macro_set(&macros, "port0", "zero");
    expect("set $if up", "set host-eth0 up");
    expect("a$(if)b$if.1", "ahost-eth0bhost-eth0.1");
    expect("$(port$(n))", "zero");
    expect("\\$if \\\\ \\", "$if \\ \\");
    expect("100$ $(if $", "100$ $(if $");
    expect("$nosuch_name $()", "UNSET UNSET");
}

static void set_replace_unset(void **state)
{
    cli_macro_set(&macros, "b", "1");
    cli_macro_set(&macros, "a", "2");
    cli_macro_set(&macros, "b", "3");
    assert_int_equal(macros.v.n, 2);
    assert_string_equal(macros.v.v[0].name, "a");
    expect("$a$b", "23");
    assert_true(cli_macro_unset(&macros, "a"));
    assert_false(cli_macro_unset(&macros, "a"));
    expect("$a$b", "UNSET3");
}

static void lookup_order(void **state)
{
    char host[256] = "";
    gethostname(host, sizeof(host) - 1);
    expect("$hostname", host);
    setenv("PISTE_MACRO_TEST", "from the environment", 1);
    expect("$PISTE_MACRO_TEST", "from the environment");
    cli_macro_set(&macros, "PISTE_MACRO_TEST", "mine");
    expect("$PISTE_MACRO_TEST", "mine");
}

static void values_are_expanded_at_use(void **state)
{
    cli_macro_set(&macros, "x", "<$y>");
    expect("$x", "<UNSET>");
    cli_macro_set(&macros, "y", "1");
    expect("$x", "<1>");
    cli_macro_set(&macros, "y", "$x");
    expect("$x", "<<<< CIRCULAR >>>>");
}

static void bombs_are_refused(void **state)
{
    char value[400] = "";
    for (int i = 0; i < 100; i++)
        strcat(value, "$z");
    cli_macro_set(&macros, "z", value);
    struct text t = {0};
    assert_false(cli_macro_expand(&macros, "$z", &t));
    assert_true(t.len < 2 << 20);
    text_free(&t);
}

/* Nothing comes of it, after 100^7 steps. */
static void empty_bombs_are_refused(void **state)
{
    struct text t = {0};
    cli_macro_set(&macros, "m0", "");
    for (int i = 1; i < 8; i++) {
        struct text value = {0};
        char name[8];
        for (int k = 0; k < 100; k++)
            text_add(&value, "$m%d", i - 1);
        snprintf(name, sizeof(name), "m%d", i);
        cli_macro_set(&macros, name, text_str(&value));
        text_free(&value);
    }
    assert_true(cli_macro_expand(&macros, "$m2", &t));
    assert_int_equal(t.len, 0);
    assert_false(cli_macro_expand(&macros, "$m7", &t));
    text_free(&t);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(references, teardown),
        cmocka_unit_test_teardown(set_replace_unset, teardown),
        cmocka_unit_test_teardown(lookup_order, teardown),
        cmocka_unit_test_teardown(values_are_expanded_at_use, teardown),
        cmocka_unit_test_teardown(bombs_are_refused, teardown),
        cmocka_unit_test_teardown(empty_bombs_are_refused, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
