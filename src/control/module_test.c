/* The registry: order of init, failures, states, running config. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "control/module.h"

/* What happened, as words: "+a" init, "-a" stop. */
static char story[256];

static void tell(const char *what, const char *name)
{
    size_t n = strlen(story);
    snprintf(story + n, sizeof(story) - n, "%s%s ", what, name);
}

static const bool *a_is_alive;

static int init_a(struct piste *p, void **state, struct error *e)
{
    a_is_alive = module_alive(p);
    assert_true(*a_is_alive);
    *state = story;
    tell("+", "a");
    return 0;
}

static int init_b(struct piste *p, void **state, struct error *e)
{
    tell("+", "b");
    return 0;
}

static int init_c(struct piste *p, void **state, struct error *e)
{
    tell("+", "c");
    return 0;
}

static int init_bad(struct piste *p, void **state, struct error *e)
{
    return error_set(e, EIO, "the disk is wet");
}

static void stop_a(struct piste *p, void *state)
{
    assert_ptr_equal(state, story);
    assert_true(*a_is_alive);
    tell("-", "a");
}

static void stop_b(struct piste *p, void *state)
{
    tell("-", "b");
}

static void config_a(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    text_add(t, "a%d\n", (int)phase);
}

static void config_b(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    if (phase == RC_CREATE)
        text_puts(t, "create b\n");
}

static const char *const needs_a[] = {"a", NULL}, *const needs_b[] = {"b", NULL};
static const char *const needs_ghost[] = {"ghost", NULL}, *const needs_self[] = {"y", NULL};
static const char *const needs_x[] = {"x", NULL}, *const needs_bad[] = {"bad", NULL};

static const struct module a = {
    .abi = MODULE_ABI, .name = "a", .init = init_a, .stop = stop_a, .running_config = config_a};
static const struct module b = {.abi = MODULE_ABI,
                                .name = "b",
                                .needs = needs_a,
                                .init = init_b,
                                .stop = stop_b,
                                .running_config = config_b};
static const struct module c = {.abi = MODULE_ABI, .name = "c", .needs = needs_b, .init = init_c};
static const struct module bad = {.abi = MODULE_ABI, .name = "bad", .init = init_bad};
static const struct module on_bad = {.abi = MODULE_ABI, .name = "on_bad", .needs = needs_bad};
static const struct module lost = {.abi = MODULE_ABI, .name = "lost", .needs = needs_ghost};
static const struct module x = {.abi = MODULE_ABI, .name = "x", .needs = needs_self};
static const struct module y = {.abi = MODULE_ABI, .name = "y", .needs = needs_x};
static const struct module other_abi = {.abi = MODULE_ABI + 1, .name = "old"};

static int setup(void **state)
{
    struct piste *p = calloc(1, sizeof(*p));
    p->modules = modules_new(p);
    story[0] = 0;
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct piste *p = *state;
    modules_free(p->modules);
    free(p);
    return 0;
}

static void add(struct piste *p, const struct module *m)
{
    struct error e = {0};
    assert_int_equal(modules_add(p->modules, m, NULL, &e), 0);
}

static void init_follows_needs_and_stop_goes_back(void **state)
{
    struct piste *p = *state;
    struct error e = {0};
    add(p, &c);
    add(p, &b);
    add(p, &a);
    assert_null(module_state(p, a.name));
    assert_int_equal(modules_init(p->modules, &e), 0);
    assert_string_equal(story, "+a +b +c ");
    assert_ptr_equal(module_state(p, a.name), story);
    char other_place[] = "a";
    assert_ptr_equal(module_state(p, other_place), story);
    assert_null(module_state(p, bad.name));
    assert_true(*a_is_alive && *module_alive(p));
    modules_stop(p->modules);
    assert_string_equal(story, "+a +b +c -b -a ");
    assert_false(*a_is_alive);
    assert_true(*module_alive(p)); /* of nobody */
}

static void what_cannot_be_registered_is_refused(void **state)
{
    struct piste *p = *state;
    struct error e = {0};
    add(p, &a);
    assert_int_equal(modules_add(p->modules, &a, NULL, &e), -EEXIST);
    assert_int_equal(modules_add(p->modules, &other_abi, NULL, &e), -EINVAL);
    assert_non_null(strstr(e.text, "ABI"));
}

static void a_failing_built_in_says_who_and_why(void **state)
{
    struct piste *p = *state;
    struct error e = {0};
    add(p, &bad);
    assert_int_equal(modules_init(p->modules, &e), -EIO);
    assert_string_equal(e.text, "module 'bad': the disk is wet");
}

static void a_missing_need_and_a_circle_are_told(void **state)
{
    struct piste *p = *state;
    struct error e = {0};
    add(p, &lost);
    assert_int_equal(modules_init(p->modules, &e), -ENOENT);
    assert_string_equal(e.text, "module 'lost': needs module 'ghost', which is not there");
    add(p, &x);
    add(p, &y);
    assert_int_equal(modules_init(p->modules, &e), -ELOOP);
    assert_non_null(strstr(e.text, "circle"));
}

static void count(const struct module *m, const char *file, void *arg)
{
    *(unsigned *)arg += 1;
}

static void a_failing_plugin_is_left_out_with_what_needs_it(void **state)
{
    struct piste *p = *state;
    struct error e = {0};
    assert_int_equal(modules_add_plugin(p->modules, &on_bad, "on_bad_plugin.so", &e), 0);
    assert_int_equal(modules_add_plugin(p->modules, &bad, "bad_plugin.so", &e), 0);
    add(p, &a);
    assert_int_equal(modules_init(p->modules, &e), 0);
    unsigned n = 0;
    modules_each(p->modules, count, &n);
    assert_int_equal(n, 1);
}

static void running_config_goes_phase_by_phase(void **state)
{
    struct piste *p = *state;
    struct error e = {0};
    struct text t = {0};
    add(p, &b);
    add(p, &a);
    assert_int_equal(modules_init(p->modules, &e), 0);
    struct modules_config at = {0};
    while (modules_config_next(p->modules, &at, &t))
        ;
    const char *body = strchr(text_str(&t), '\n');
    assert_string_equal(body, "\na0\na1\na2\ncreate b\na3\na4\na5\na6\n");
    text_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(init_follows_needs_and_stop_goes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_registered_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failing_built_in_says_who_and_why, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_need_and_a_circle_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failing_plugin_is_left_out_with_what_needs_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(running_config_goes_phase_by_phase, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
