/* The command language through cli_run: abbreviations, errors, help, JSON, filters, scripts,
 * macros. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/vec.h"
#include "control/cli.h"
#include "control/cli_grammar.h"
#include "control/loop.h"

static struct piste piste;

/* --- commands to try it with --- */

static int run_list(struct cli_call *c)
{
    out_str(c->out, NULL, c->command->grammar, "%s:");
    out_array(c->out, "args");
    for (u32 i = 0; i < c->n_args; i++)
        out_str(c->out, NULL, *c->args[i].value.text ? c->args[i].value.text : c->args[i].name,
                " %s");
    out_end(c->out);
    return 0;
}

static int run_fail(struct cli_call *c)
{
    out_text(c->out, "some output");
    return error_set(c->err, EBUSY, "the thing is busy");
}

static int run_bare_fail(struct cli_call *c)
{
    return -EPERM;
}

static int run_lines(struct cli_call *c)
{
    out_text(c->out, "one apple\ntwo pears\n");
    cli_flush(c);
    out_text(c->out, "three ap");
    cli_flush(c);
    out_text(c->out, "ples\n");
    return 0;
}

static u32 pieces_left;

static bool piece_of_work(void *arg)
{
    return --pieces_left;
}

static int run_leave_work(struct cli_call *c)
{
    pieces_left = 3;
    loop_work_add(c->piste->loop, piece_of_work, NULL);
    return cli_has(c, "fails") ? error_set(c->err, EBUSY, "it failed") : 0;
}

static int run_tell_work(struct cli_call *c)
{
    out_text(c->out, "%u pieces left", pieces_left);
    return 0;
}

static int parse_interface(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    if (strncmp(*text, "local0", 6) != 0)
        return -ENOENT;
    *text += 6;
    return 0;
}

static const struct cli_command commands[] = {
    {"show version [verbose] [cmdline]", "Show the version", run_list, 0},
    {"show interface [<interface> ...] [verbose]", "Show interfaces", run_list, 0},
    {"show interface rx-placement [<interface>]", "Show queues", run_list, 0},
    {"show inacl", "Show access lists", run_list, 0},
    {"show own [json]", "Has a use for the word", run_list, 0},
    {"set interface state <interface> (up | down):flags", "Change state", run_list, 0},
    {"set interface mtu <n:u32> <interface>", "Change MTU", run_list, 0},
    {"fail", "Fail", run_fail, 0},
    {"bare-fail", "Fail without words", run_bare_fail, 0},
    {"lines", "Print lines", run_lines, 0},
    {"work leave [fails]", "Leave work", run_leave_work, CLI_HIDDEN},
    {"work tell", "Tell of it", run_tell_work, CLI_HIDDEN},
    {"secret", "Not listed", run_list, CLI_HIDDEN},
    {"whole word", "Of a path whose end is not shortened", run_list, CLI_WHOLE_WORD},
    {"needs user", "Interactive only", run_list, CLI_INTERACTIVE},
    {NULL, NULL, NULL, 0},
};

static const struct cli_type types[] = {
    {"interface", "unknown interface", parse_interface, NULL},
    {NULL, NULL, NULL, NULL},
};

static int setup(void **state)
{
    struct error e;
    piste.loop = loop_new(&e);
    piste.cli = cli_new(&piste);
    cli_add_types(piste.cli, types);
    cli_add_commands(piste.cli, commands);
    return piste.loop ? 0 : -1;
}

static int teardown(void **state)
{
    cli_free(piste.cli);
    loop_free(piste.loop);
    return 0;
}

static void expect_format(const char *text, enum out_format format, const char *want)
{
    char *got;
    int rc = cli_run(piste.cli, text, format, &got);
    if (strcmp(got, want) != 0)
        fail_msg("`%s' printed\n%s\nnot\n%s", text, got, want);
    if (strstr(want, "unknown") && rc >= 0)
        fail_msg("`%s' returned %d", text, rc);
    free(got);
}

static void expect(const char *text, const char *want)
{
    expect_format(text, OUT_TEXT, want);
}

#define VERSION "show version [verbose] [cmdline]:"
#define INTERFACE "show interface [<interface> ...] [verbose]:"

static void words_may_be_short(void **state)
{
    expect("show version", VERSION "\n");
    expect("sh ver verb", VERSION "\nunknown input `verb'\n");
    expect("  sh\tver   verbose  \n", VERSION " verbose\n");
    expect("sh in", "show: unknown input `in'\n");
    expect("sh int", INTERFACE "\n");
    expect("s version", "unknown input `s version'\n");
    expect("set int state local0 up",
           "set interface state <interface> (up | down):flags: local0 up\n");
    expect("wh word", "whole word:\n");
    expect("whole wor", "whole: unknown input `wor'\n");
}

static void unknown_words(void **state)
{
    expect("foo", "unknown input `foo'\n");
    expect("foo\nshow clock\n", "unknown input `foo\\nshow clock'\n");
    expect("show", "show: unknown input `'\n");
    expect("show foo", "show: unknown input `foo'\n");
    expect("show interface nosuch", "show interface: unknown input `nosuch'\n");
    expect("set interface state local1 up", "set interface state: unknown interface `local1 up'\n");
    expect("set int st local0", "set interface state: unknown flags `'\n");
    expect("set int st local0 sideways", "set interface state: unknown flags `sideways'\n");
    expect("set int mtu", "set interface mtu: unknown input `'\n");
    expect("set neighbor host-vpp1out 2001:db8::1 x",
           "set: unknown input `neighbor host-vpp1out 2001:db8...'\n");
    expect("show int rx-placement nosuch", "show interface rx-placement: unknown input `nosuch'\n");
    expect("", "");
    expect("\n \n", "");
}

static void sub_commands_come_first(void **state)
{
    expect("show int rx", "show interface rx-placement [<interface>]:\n");
    expect("show int rx-p local0", "show interface rx-placement [<interface>]: local0\n");
    expect("show int local0 verbose", INTERFACE " local0 verbose\n");
}

static void several_commands(void **state)
{
    expect("show version\nshow inacl\n", VERSION "\nshow inacl:\n");
    expect("show version\r\nshow inacl\r\n", VERSION "\nshow inacl:\n");
    expect("show inacl\nfoo\nshow inacl", "show inacl:\nunknown input `foo\\nshow inacl'\n");
    expect("show version foo", VERSION "\nunknown input `foo'\n");
    expect("show version show inacl", VERSION "\nshow inacl:\n");
    expect("show int foo\nshow version", "show interface: unknown input `foo'\n");
}

static void failing_commands(void **state)
{
    char *got;
    assert_int_equal(cli_run(piste.cli, "fail\nshow version", OUT_TEXT, &got), -EBUSY);
    assert_string_equal(got, "some output\nfail: the thing is busy\n");
    free(got);
    expect("bare", "bare-fail: Operation not permitted\n");
    expect("needs user", "needs user: invalid for non-interactive sessions\n");
}

static void help(void **state)
{
    expect("show version ?",
           "  show version                             show version [verbose] [cmdline]\n");
    expect("show inacl ?", "  show inacl                               Show access lists\n");
    expect(
        "show interface ?",
        "  show interface                           show interface [<interface> ...] [verbose]\n"
        "  show interface rx-placement              show interface rx-placement [<interface>]\n");
    expect("set choices",
           "  set interface mtu                        set interface mtu <n> <interface>\n"
           "  set interface state                      set interface state <interface> (up|down)\n"
           "  set terminal ansi                        set terminal ansi (on|off)\n"
           "  set terminal history                     set terminal history [on|off] [limit <n>]\n"
           "  set terminal pager                       set terminal pager [on|off] [limit <n>]\n");
    expect("set help", "  interface                      set interface commands\n"
                       "  terminal                       set terminal commands\n");
    expect("help show version",
           "  show version                             show version [verbose] [cmdline]\n"
           "Show the version\n");
    expect("help nosuch", "unknown input `nosuch'\n");
    expect("undefine ?", "  undefine                                 undefine <name>\n");
    expect("echo ?", "  echo                                     Print the rest of the line\n");
    char *got;
    assert_int_equal(cli_run(piste.cli, "?", OUT_TEXT, &got), 0);
    assert_null(strstr(got, "secret"));
    assert_non_null(strstr(got, "  echo "));
    free(got);
    expect("secret", "secret:\n");
}

static void json(void **state)
{
    expect("show interface local0 json", "{\n  \"args\": [\n    \"local0\"\n  ]\n}\n");
    expect("show own json", "show own [json]: json\n");
    expect("show nosuch json", "show: unknown input `nosuch json'\n");
    expect("secret json", "secret:\nunknown input `json'\n");
    expect_format("show inacl", OUT_JSON, "{\n  \"args\": []\n}\n");
    expect_format("fail", OUT_JSON, "fail: the thing is busy\n");
}

static void filters(void **state)
{
    expect("lines", "one apple\ntwo pears\nthree apples\n");
    expect("lines | include apple", "one apple\nthree apples\n");
    expect("lines | grep two pears", "two pears\n");
    expect("lines | i two pears", "two pears\n");
    expect("lines | exclude apple", "two pears\n");
    expect("lines | include nothing", "");
    expect("lines | sort x", "one apple\ntwo pears\nthree apples\nunknown input `| sort x'\n");
    expect("echo a | b", "a | b\n");
}

static void braces_and_comments(void **state)
{
    expect("comment { anything\n {at} all } show inacl", "show inacl:\n");
    expect("comment { x }\nshow inacl", "show inacl:\n");
    expect("uncomment { show inacl\nshow version }", "show inacl:\n" VERSION "\n");
    expect("uncomment { foo }", "unknown input `foo'\n");
    expect("uncomment { fail } \n show inacl", "some output\nfail: the thing is busy\n");
    struct text t = {0};
    for (int i = 0; i < 5000; i++)
        text_puts(&t, "uncomment {");
    for (int i = 0; i < 5000; i++)
        text_putc(&t, '}');
    char *got;
    assert_int_equal(cli_run(piste.cli, text_str(&t), OUT_TEXT, &got), -E2BIG);
    assert_string_equal(got, "commands are nested too deeply\n");
    free(got);
    text_free(&t);
}

static void macros(void **state)
{
    setenv("PISTE_CLI_TEST", "/root", 1);
    expect("echo $FOO $PISTE_CLI_TEST", "UNSET /root\n");
    /* expanded once for the whole text, as VPP does */
    expect("define a b\necho $a", "UNSET\n");
    expect("define a b\necho \\$a", "$a\n");
    expect("define a b c\nshow macro", "a                    b c\n");
    expect("define a b\nundefine a\nshow macro", "");
    expect("undefine a", "undefine: no macro `a'\n");
}

static void waiting(void **state)
{
    char *got;
    assert_int_equal(cli_run(piste.cli, "wait 0.02\nshow inacl", OUT_TEXT, &got), 0);
    double waited;
    int end = 0;
    assert_int_equal(sscanf(got, "waited %lf sec.\nshow inacl:%n", &waited, &end), 1);
    assert_true(end > 0 && waited > 0.019);
    free(got);
    expect("wait 1e9", "wait: not a time to wait for: `1e9'\n");
}

/* --- scripts --- */

static char script_path[] = "/tmp/piste-cli-test-XXXXXX";

static void write_script(const char *text)
{
    FILE *f = fopen(script_path, "w");
    fputs(text, f);
    fclose(f);
}

/* File, line and reason are told; why: NULL: some. */
static void expect_line_error(const char *command, unsigned line, const char *why)
{
    char *want = mem_printf("exec: CLI line error: %s:%u: %s%s", script_path, line,
                            why ? why : "exec: CLI line error: ", why ? "\n" : "");
    char *said;
    assert_true(cli_run(piste.cli, command, OUT_TEXT, &said) < 0);
    if (why)
        assert_string_equal(said, want);
    else
        assert_memory_equal(said, want, strlen(want));
    free(said);
    free(want);
}

static void work_is_waited_for(void **state)
{
    char *got;
    expect("work leave\nwork tell", "0 pieces left\n");
    assert_int_equal(cli_run(piste.cli, "work leave fails\nwork tell", OUT_TEXT, &got), -EBUSY);
    assert_string_equal(got, "work leave: it failed\n");
    assert_int_equal(pieces_left, 0);
    free(got);
}

static void scripts(void **state)
{
    close(mkstemp(script_path));
    char *command = mem_printf("exec %s", script_path);
    write_script(
        "# a comment\n\n  define x inacl # more\nshow \\\n  $x\n  fail # \\\nshow version\n");
    expect_line_error(command, 6, "fail: the thing is busy");
    write_script("show inacl\nfoo bar\nshow inacl\n");
    expect_line_error(command, 2, "unknown input `foo bar'");
    write_script("wait 0.01\ncomment { a \\\n b }\nshow inacl");
    expect(command, "");
    write_script(command);
    expect_line_error(command, 1, NULL); /* itself, until it is too deep */
    write_script("");
    char *want = mem_printf("exec: empty file `%s'\n", script_path);
    expect(command, want);
    free(want);
    FILE *f = fopen(script_path, "w");
    fwrite("show inacl\0\nshow inacl\n", 1, 23, f);
    fclose(f);
    want = mem_printf("exec: not text `%s'\n", script_path);
    expect(command, want);
    free(want);
    free(command);
    unlink(script_path);
    expect("exec", "exec: expecting file name, got `'\n");
    expect("exec /nonexistent", "exec: failed to open `/nonexistent': No such file or directory\n");
    expect("exec /tmp", "exec: not a regular file `/tmp'\n");
}

static void on_script_done(void *arg, int rc, const char *message)
{
    *(char **)arg = mem_printf("%d %s", rc, message ? message : "-");
}

static const struct cli_script_ops script_ops = {.done = on_script_done};

/* A script as long as a routing table: it must let the loop go on between slices. */
static void long_scripts(void **state)
{
    strcpy(script_path, "/tmp/piste-cli-test-XXXXXX");
    close(mkstemp(script_path));
    FILE *f = fopen(script_path, "w");
    for (int i = 0; i < 500000; i++)
        fprintf(f, "comment { %d }\n", i);
    fclose(f);
    struct error e;
    char *end = NULL;
    assert_int_equal(cli_exec_file(piste.cli, script_path, &script_ops, &end, &e), 0);
    u32 rounds = 0;
    while (!end) {
        loop_once(piste.loop, -1);
        rounds++;
    }
    assert_string_equal(end, "0 -");
    assert_true(rounds > 4);
    free(end);
    unlink(script_path);
}

/* --- configuration keys --- */

static struct text config_seen;

static int set_key(struct cli_call *c)
{
    for (u32 i = 0; i < c->n_args; i++)
        text_add(&config_seen, "%s%s%s ", c->args[i].name, *c->args[i].value.text ? "=" : "",
                 c->args[i].value.text);
    return cli_u64(c, "n", 0) == 13 ? error_set(c->err, EINVAL, "13 is unlucky") : 0;
}

static void unused_key(const struct config_key *key, void *arg)
{
    text_add(&config_seen, "(%s) ", key->grammar);
}

static void configuration_keys(void **state)
{
    static const struct config_key keys[] = {
        {"main-core <n:u32>", "", set_key},
        {"workers <n:u32>", "", set_key},
        {"plugin default <block>", "", set_key},
        {"plugin <name:string> <block>", "", set_key},
        {"relative", "", NULL},
        {NULL, NULL, NULL},
    };
    static const struct {
        const char *text, *seen, *error;
        size_t where;
    } cases[] = {
        {"", "", "", 0},
        {" main-core 1\n workers 0x2 ", "main-core n=1 workers n=2 ", "", 0},
        {"plugin default { disable } plugin x.so { enable }",
         "plugin default block=disable plugin name=x.so block=enable ", "", 0},
        {"workers 1 relative", "workers n=1 (relative) ", "", 0},
        {"workers 1 bogus x", "workers n=1 ", "unknown input `bogus x'", 10},
        {"workers x", "", "unknown input `x'", 8},
        {"main-core 13 workers 1", "main-core n=13 ", "13 is unlucky", 0},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct error e = {0};
        const char *where;
        int rc = grammar_run_keys(&piste, keys, cases[i].text, unused_key, NULL, &where, &e);
        if (i == 1) /* as typed */
            assert_string_equal(text_str(&config_seen), "main-core n=1 workers n=0x2 ");
        else
            assert_string_equal(text_str(&config_seen), cases[i].seen);
        assert_int_equal(rc < 0, *cases[i].error != 0);
        if (rc < 0) {
            assert_string_equal(e.text, cases[i].error);
            assert_int_equal(where - cases[i].text, cases[i].where);
        }
        text_free(&config_seen);
    }
}

static void documentation(void **state)
{
    char *got;
    assert_int_equal(cli_run(piste.cli, "show cli docs", OUT_TEXT, &got), 0);
    assert_non_null(
        strstr(got, "### `show interface [<interface> ...] [verbose]`\n\nShow interfaces.\n"));
    assert_null(strstr(got, "secret"));
    free(got);
    assert_int_equal(cli_run(piste.cli, "show cli", OUT_TEXT, &got), 0);
    assert_ptr_equal(strstr(got, "\nbare-fail\ncomment\ndefine\n"), got);
    assert_non_null(strstr(got, "\nshow interface\nshow interface rx-placement\n"));
    assert_null(strstr(got, "secret"));
    free(got);
    expect("complete show in.", "inacl\ninterface\n");
    expect("complete show interface .", "rx-placement\nverbose\n");
    expect("complete .",
           "bare-fail\ncomment\ndefine\necho\nexec\nexit\nfail\nhistory\nlines\nneeds\nquit\n"
           "set\nshow\nuncomment\nundefine\nvpplog\nwait\nwhole\n");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_may_be_short),
        cmocka_unit_test(unknown_words),
        cmocka_unit_test(sub_commands_come_first),
        cmocka_unit_test(several_commands),
        cmocka_unit_test(failing_commands),
        cmocka_unit_test(help),
        cmocka_unit_test(json),
        cmocka_unit_test(filters),
        cmocka_unit_test(braces_and_comments),
        cmocka_unit_test(macros),
        cmocka_unit_test(waiting),
        cmocka_unit_test(work_is_waited_for),
        cmocka_unit_test(scripts),
        cmocka_unit_test(long_scripts),
        cmocka_unit_test(configuration_keys),
        cmocka_unit_test(documentation),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
