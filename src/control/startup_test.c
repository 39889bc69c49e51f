/* startup.conf: what keys set, and the exact words of errors. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "control/cli.h"
#include "control/config.h"
#include "control/module.h"
#include "control/startup.h"

/* A module whose settings start at something, and own something. */
struct toy_settings {
    u32 level;
    char *name;
};

static u32 n_toys_freed;

static void free_toy(void *settings)
{
    free(((struct toy_settings *)settings)->name);
    n_toys_freed++;
}

static struct toy_settings *toy_of(const struct piste *p)
{
    return module_settings(p, "toy");
}

static int set_toy_level(struct cli_call *c)
{
    u64 n = cli_u64(c, "n", 0);
    if (n > 62)
        return error_set(c->err, EINVAL, "at most 62");
    toy_of(c->piste)->level = (u32)n;
    return 0;
}

static int set_toy_inner(struct cli_call *c)
{
    toy_of(c->piste)->level += (u32)cli_u64(c, "n", 0);
    return 0;
}

static const struct config_key toy_inner_keys[] = {
    {"deep <n:u32>", "", set_toy_inner},
    {NULL, NULL, NULL},
};

static int set_toy_block(struct cli_call *c)
{
    free(toy_of(c->piste)->name);
    toy_of(c->piste)->name = mem_strdup(cli_str(c, "name", ""));
    return config_parse_block(c, cli_str(c, "body", ""), toy_inner_keys);
}

static const struct config_key toy_keys[] = {
    {"level <n:u32>", "", set_toy_level},
    {"block <name:string> <body:block>", "", set_toy_block},
    {NULL, NULL, NULL},
};

static const struct config_section toy_sections[] = {{"toy", toy_keys}, {NULL, NULL}};
static const struct toy_settings toy_defaults = {.level = 5};
static const struct module toy = {.abi = MODULE_ABI,
                                  .name = "toy",
                                  .config = toy_sections,
                                  .settings = &toy_defaults,
                                  .settings_bytes = sizeof(toy_defaults),
                                  .settings_free = free_toy};

static int setup(void **state)
{
    struct piste *p = calloc(1, sizeof(*p));
    struct error e = {0};
    p->cli = cli_new(p);
    p->modules = modules_new(p);
    p->startup = startup_new();
    n_toys_freed = 0;
    log_clear();
    *state = p;
    return modules_add(p->modules, &toy, NULL, &e);
}

static int teardown(void **state)
{
    struct piste *p = *state;
    startup_free(p->startup);
    modules_free(p->modules);
    assert_int_equal(n_toys_freed, 1);
    cli_free(p->cli);
    free(p);
    return 0;
}

/* "" or the error's text. */
static const char *apply(struct piste *p, const char *text)
{
    static struct error e;
    e = (struct error){0};
    if (startup_set_text(p->startup, "f.conf", text, &e) || startup_apply_core(p, &e) ||
        startup_apply_modules(p, &e))
        return e.text[0] ? e.text : "?";
    return "";
}

static void keys_of_all_core_sections_set_their_members(void **state)
{
    struct piste *p = *state;
    const struct startup *s = p->startup;
    assert_string_equal(
        apply(p,
              "unix { nodaemon nosyslog cli-prompt x> cli-listen /run/x.sock runtime-dir /tmp/r\n"
              " exec a.cli coredump-size 2M full-coredump pidfile v.pid gid vpp log /l\n"
              " cli-history-limit 7 running-config /r.cfg }\n"
              "cpu { main-core 1 corelist-workers 2-3,18 thread-prefix w scheduler-policy rr\n"
              " scheduler-priority 5 skip-cores 1 relative }\n"
              "buffers { buffers-per-numa 1000 default data-size 4096 page-size 2M\n"
              " numa 1 { buffers 77 } }\n"
              "statseg { size 64M per-node-counters on update-interval 2.5 default }\n"
              "socksvr { socket-name /api }\n"
              "api-segment { prefix pre gid vpp }\n"
              "plugins { path /a:/b add-path /c plugin default { disable }\n"
              " plugin acl_plugin.so { enable } plugin dpdk_plugin.so { disable } }"),
        "");
    assert_true(s->unix_.nodaemon && s->unix_.nosyslog && s->unix_.full_coredump);
    assert_string_equal(s->unix_.cli_prompt, "x> ");
    assert_string_equal(s->unix_.pidfile, "/tmp/r/v.pid");
    assert_string_equal(s->unix_.startup_config, "a.cli");
    assert_string_equal(s->unix_.running_config, "/r.cfg");
    assert_int_equal(s->unix_.coredump_size, 2u << 20);
    assert_int_equal(s->unix_.cli_history_limit, 7);
    assert_int_equal(s->cpu.main_core, 1);
    assert_int_equal(cpu_bitmap_count(&s->cpu.corelist), 3);
    assert_true(cpu_bitmap_has(&s->cpu.corelist, 18));
    assert_int_equal(s->cpu.scheduler_policy, SCHED_RR);
    assert_string_equal(s->cpu.thread_prefix, "w");
    assert_int_equal(s->buffers.per_numa, 1000);
    assert_int_equal(s->buffers.data_size, 4096);
    assert_int_equal(s->buffers.page_size.bytes, 2u << 20);
    assert_int_equal(s->buffers.numa.v[0].buffers, 77);
    assert_int_equal(s->statseg.size, 64u << 20);
    assert_true(s->statseg.per_node_counters);
    assert_string_equal(s->statseg.socket_name, "default");
    assert_string_equal(s->socksvr.socket_name, "/api");
    assert_string_equal(s->plugins.path, "/a:/b");
    assert_true(plugin_is_wanted(&s->plugins, "acl_plugin.so"));
    assert_false(plugin_is_wanted(&s->plugins, "dpdk_plugin.so"));
    assert_false(plugin_is_wanted(&s->plugins, "other_plugin.so"));
}

static void sections_come_in_pieces_and_any_order(void **state)
{
    struct piste *p = *state;
    assert_int_equal(toy_of(p)->level, 5);
    assert_null(module_settings(p, "nobody"));
    assert_string_equal(apply(p, "toy { level 3 }\nunix { nodaemon } # unix {\n"
                                 "toy { block b { deep 4 } } unix interactive\n"),
                        "");
    assert_int_equal(toy_of(p)->level, 7);
    assert_string_equal(toy_of(p)->name, "b");
    assert_true(p->startup->unix_.nodaemon && p->startup->unix_.interactive);
    assert_string_equal(apply(p, ""), "");
    assert_string_equal(apply(p, "  # nothing"), "");
}

static void errors_say_where_and_what_was_expected(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"unix {\n  nodaemon\n  bogus 1\n}",
         "f.conf:3: unix_config: unknown input `bogus 1'; expected one of interactive, nodaemon, "
         "nosyslog, nocolor, nobanner, cli-prompt, cli-listen, cli-line-mode, cli-no-banner, "
         "cli-no-pager, cli-pager-buffer-limit, cli-history-limit, runtime-dir, use-current-dir, "
         "poll-sleep-usec, coredump-size, full-coredump, startup-config, exec, running-config, "
         "running-config-versions, log, user, gid, pidfile, sandbox, sandbox-read, sandbox-write"},
        {"unix { nodeamon }", "f.conf:1: unix_config: unknown input `nodeamon'; did you mean "
                              "`nodaemon'?"},
        {"cpu {\n\n  workers\n  many }",
         "f.conf:4: cpu_config: unknown input `many'; expected `workers <n:u32>'"},
        {"cpu { corelist-workers 1 }", "f.conf: cpu_config: main-core must be specified when using "
                                       "corelist-workers or coremask-workers"},
        {"cpu { main-core 0 corelist-workers 3-1 }",
         "f.conf:1: cpu_config: expected a list of CPUs like 2-3,18, got `3-1'"},
        {"unix { nodaemon }\nbogus-section { x 1 }",
         "f.conf:2: unknown input `bogus-section  x 1': there is no such section, or its plugin is "
         "not loaded"},
        {"unix{ nodaemon }", "f.conf:1: unknown input `unix{ nodaemon }' (a section is a name, a "
                             "blank, and `{ ... }')"},
        {"unix { nodaemon", "f.conf:1: section `unix { nodaemon' is not closed: a `}' or quote is "
                            "missing"},
        {"\nunix", "f.conf:2: section `unix' has nothing behind its name"},
        {"} unix", "f.conf:1: unknown input `} unix' (a section is a name, a blank, and `{ ... "
                   "}')"},
        {"toy { level 63 }", "f.conf:1: toy_config: at most 62"},
        {"unix { runtime-dir /r pidfile /tmp/zz.pid }",
         "f.conf: unix_config: file /tmp/zz.pid is not in runtime directory /r"},
        {"unix { runtime-dir /r pidfile /r/../zz.pid }",
         "f.conf: unix_config: file /r/../zz.pid is not in runtime directory /r"},
        {"logging {\n size 10\n class a {\n level notice\n  level loud\n }\n}",
         "f.conf:5: logging_config: unknown level `loud'; expected emerg, alert, crit, error, "
         "warn, notice, info, debug or disabled"},
        {"toy {\n\n block x {\n\n  deep 1\n deeq 2 } }",
         "f.conf:6: toy_config: unknown input `deeq 2'; did you mean `deep'?"},
        {"plugins {\n plugin x\n}", "f.conf:3: plugins_config: unknown input `'; expected `plugin "
                                    "<name:string> <block>'"},
        {"plugins { plugin x { maybe } }",
         "f.conf:1: plugins_config: unknown input `maybe'; expected one of enable, disable, "
         "skip-version-check"},
        {"statseg { per-node-counters maybe }",
         "f.conf:1: statseg_config: unknown input `maybe'; expected `per-node-counters "
         "<state:on-off>'"},
    };
    struct piste *p = *state;
    for (size_t i = 0; i < array_len(cases); i++) {
        startup_free(p->startup);
        p->startup = startup_new();
        assert_string_equal(apply(p, cases[i].text), cases[i].error);
    }
}

static void note_messages(const struct log_entry *entry, void *arg)
{
    struct text *t = arg;
    text_add(t, "%s\n", entry->text);
}

static void what_has_no_effect_is_logged(void **state)
{
    struct piste *p = *state;
    struct text t = {0};
    assert_string_equal(apply(p, "memory { main-heap-size 2G } session { enable rt-backend sdl }\n"
                                 "physmem { max-size 1G }\n"
                                 "api-fuzz { off } dpdk { dev 0000:00:01.0 { name x } no-pci } "
                                 "linux-nl { }"),
                        "");
    log_each(note_messages, &t);
    assert_string_equal(
        text_str(&t),
        "memory { main-heap-size <size> } has no effect here: the heap grows as it is needed\n"
        "physmem { max-size <size> } has no effect here: packet memory is what the section "
        "buffers says\n"
        "session { ... } has no effect here: there is no host stack\n"
        "api-fuzz { ... } has no effect here: API messages are not altered on purpose\n"
        "dpdk { ... } has no effect here: there is no DPDK, ports are the kernel's\n");
    text_free(&t);
}

static void cpu_lists_and_masks_parse(void **state)
{
    struct cpu_bitmap b;
    struct error e = {0};
    assert_int_equal(cpu_bitmap_parse_list("0,2-4,1023", &b, &e), 0);
    assert_int_equal(cpu_bitmap_count(&b), 5);
    assert_int_equal(cpu_bitmap_parse_mask("0xF0", &b, &e), 0);
    assert_true(cpu_bitmap_count(&b) == 4 && cpu_bitmap_has(&b, 7) && !cpu_bitmap_has(&b, 8));
    assert_int_equal(cpu_bitmap_parse_mask("10000000000000000", &b, &e), 0);
    assert_true(cpu_bitmap_has(&b, 64));
    static const char *const bad_lists[] = {"",   ",", "1,",   "1-",
                                            "-1", "a", "1024", "0-99999999999"};
    for (size_t i = 0; i < array_len(bad_lists); i++)
        assert_true(cpu_bitmap_parse_list(bad_lists[i], &b, &e) < 0);
    static const char *const bad_masks[] = {"", "0x", "g", "1 "};
    for (size_t i = 0; i < array_len(bad_masks); i++)
        assert_true(cpu_bitmap_parse_mask(bad_masks[i], &b, &e) < 0);
}

static void files_that_are_no_configuration_are_refused(void **state)
{
    struct piste *p = *state;
    struct error e = {0};
    assert_true(startup_read_file(p->startup, "/nonexistent", &e) < 0);
    assert_string_equal(e.text, "failed to open configuration file '/nonexistent': No such file or "
                                "directory");
    assert_true(startup_read_file(p->startup, "/tmp", &e) < 0);
    assert_true(startup_read_file(p->startup, "/proc/self/exe", &e) < 0);
    char *big = malloc(STARTUP_MAX_BYTES + 10);
    memset(big, ' ', STARTUP_MAX_BYTES + 9);
    big[STARTUP_MAX_BYTES + 9] = 0;
    assert_true(startup_set_text(p->startup, "big", big, &e) < 0);
    free(big);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(keys_of_all_core_sections_set_their_members),
        TEST(sections_come_in_pieces_and_any_order),
        TEST(errors_say_where_and_what_was_expected),
        TEST(what_has_no_effect_is_logged),
        TEST(cpu_lists_and_masks_parse),
        TEST(files_that_are_no_configuration_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
