/* What the ring keeps, at which levels, and when it falls silent. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/log.h"

static struct log_class a = {.name = "alpha"}, b = {.name = "beta", .sub = "one"},
                        b2 = {.name = "beta", .sub = "two"};

struct seen {
    unsigned n;
    char last[LOG_TEXT_BYTES], first[LOG_TEXT_BYTES];
};

static void see(const struct log_entry *entry, void *arg)
{
    struct seen *s = arg;
    if (!s->n++)
        snprintf(s->first, sizeof(s->first), "%s", entry->text);
    snprintf(s->last, sizeof(s->last), "%s", entry->text);
}

static struct seen seen_now(void)
{
    struct seen s = {0};
    log_each(see, &s);
    return s;
}

static int clear(void **state)
{
    log_clear();
    log_set_size(512);
    return 0;
}

static void the_ring_keeps_the_newest(void **state)
{
    struct log_rule no_limit = {LOG_KEEP, LOG_LEVEL_DISABLED, LOG_KEEP, 0};
    log_set_class("alpha", &no_limit);
    log_set_size(10);
    for (int i = 0; i < 25; i++)
        log_notice(&a, "message %d", i);
    struct seen s = seen_now();
    assert_int_equal(s.n, 10);
    assert_string_equal(s.first, "message 15");
    log_set_size(4);
    s = seen_now();
    assert_int_equal(s.n, 4);
    assert_string_equal(s.first, "message 21");
    log_set_size(100);
    log_notice(&a, "more");
    s = seen_now();
    assert_int_equal(s.n, 5);
    assert_string_equal(s.first, "message 21");
    assert_string_equal(s.last, "more");
}

static void rules_go_from_general_to_special(void **state)
{
    struct log_rule debug = {LOG_LEVEL_DEBUG, LOG_LEVEL_DISABLED, LOG_KEEP, 0};
    struct log_rule silent = {LOG_LEVEL_DISABLED, LOG_KEEP, LOG_KEEP, LOG_KEEP};
    log_debug(&b, "not at the default level");
    assert_int_equal(seen_now().n, 0);
    log_set_class("beta", &debug);
    log_set_class("beta/two", &silent);
    log_debug(&b, "kept");
    log_msg(&b2, LOG_LEVEL_EMERG, "dropped");
    struct seen s = seen_now();
    assert_int_equal(s.n, 1);
    assert_string_equal(s.last, "kept");
    assert_true(log_class_exists("beta/two"));
    assert_true(log_class_exists("beta"));
    assert_false(log_class_exists("bet"));
}

static void a_loud_class_is_throttled(void **state)
{
    static struct log_class loud = {.name = "loud"};
    struct log_rule rule = {LOG_KEEP, LOG_LEVEL_DISABLED, LOG_KEEP, 5};
    log_set_class("loud", &rule);
    for (int i = 0; i < 100; i++)
        log_notice(&loud, "%d", i);
    struct seen s = seen_now();
    assert_int_equal(s.n, 6);
    assert_string_equal(s.last, "--- message(s) throttled ---");
}

static void a_message_is_one_line(void **state)
{
    log_notice(&a, "x\ny\033[2J\tz\x7f");
    assert_string_equal(seen_now().last, "x?y?[2J?z?");
    char big[5000];
    memset(big, 'b', sizeof(big) - 1);
    big[sizeof(big) - 1] = 0;
    log_notice(&a, "%s", big);
    assert_int_equal(strlen(seen_now().last), LOG_TEXT_BYTES - 1);
}

static void times_look_as_in_vpp(void **state)
{
    char text[LOG_TIME_BYTES];
    setenv("TZ", "UTC", 1);
    log_format_time((struct timespec){1795345000, 7 * 1000000}, text);
    assert_string_equal(text, "2026/11/22 10:56:40:007");
    assert_int_equal(log_level_parse("warn"), LOG_LEVEL_WARN);
    assert_int_equal(log_level_parse("bogus"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_ring_keeps_the_newest, clear),
        cmocka_unit_test_setup(rules_go_from_general_to_special, clear),
        cmocka_unit_test_setup(a_loud_class_is_throttled, clear),
        cmocka_unit_test_setup(a_message_is_one_line, clear),
        cmocka_unit_test(times_look_as_in_vpp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
