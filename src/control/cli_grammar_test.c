/* cli_grammar.c, cli_match.c, cli_types.c: what a grammar line accepts, and what it says when not.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "control/cli_grammar.h"

static struct cli_types types;

/* "local0" and "host-*" are interfaces */
static int parse_interface(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    const char *end = cli_word_end(*text);
    size_t n = end ? (size_t)(end - *text) : 0;
    if ((n != 6 || memcmp(*text, "local0", 6)) && (n < 6 || memcmp(*text, "host-", 5)))
        return -ENOENT;
    v->u = 1;
    *text = end;
    return 0;
}

static void complete_interface(struct piste *p, const char *prefix,
                               void (*add)(void *arg, const char *word), void *arg)
{
    static const char *const names[] = {"local0", "host-eth0", "host-eth1"};
    for (size_t i = 0; i < array_len(names); i++)
        if (strncmp(names[i], prefix, strlen(prefix)) == 0)
            add(arg, names[i]);
}

static const struct cli_type test_types[] = {
    {"interface", "unknown interface", parse_interface, complete_interface},
    {NULL, NULL, NULL, NULL},
};

static int setup(void **state)
{
    cli_types_init(&types);
    cli_types_add(&types, test_types);
    return 0;
}

static int teardown(void **state)
{
    cli_types_fini(&types);
    return 0;
}

/* "name=text name ..." in the order given, or the error. */
static void expect(const char *grammar, const char *text, const char *want)
{
    struct error e = {0};
    struct grammar *g = grammar_new(grammar, &e);
    if (!g)
        fail_msg("%s", e.text);
    struct grammar_match m = {0};
    struct grammar_fail f;
    struct text got = {0};
    if (grammar_match(g, &types, NULL, text, GRAMMAR_WHOLE, &m, &f) == 0) {
        for (u32 i = 0; i < m.args.n; i++) {
            const struct cli_arg *a = &m.args.v[i];
            text_add(&got, *a->value.text ? "%s%s=%s" : "%s%s", i ? " " : "", a->name,
                     a->value.text);
        }
    } else {
        grammar_fail_error(&f, &e);
        text_add(&got, "! %s", e.text);
    }
    if (strcmp(text_str(&got), want) != 0)
        fail_msg("`%s' on `%s': `%s', not `%s'", grammar, text, text_str(&got), want);
    text_free(&got);
    grammar_match_clear(&m);
    grammar_free(g);
}

static void sequences(void **state)
{
    expect("", "", "");
    expect("", "x", "! unknown input `x'");
    expect("[del] <interface> <ip-prefix>", "local0 10.0.0.1/24",
           "interface=local0 ip-prefix=10.0.0.1/24");
    expect("[del] <interface> <ip-prefix>", " del  local0\t10.0.0.1/24 ",
           "del interface=local0 ip-prefix=10.0.0.1/24");
    expect("[del] <interface> <ip-prefix>", "local0", "! unknown input `'");
    expect("[del] <interface> <ip-prefix>", "nosuch 10.0.0.1/24",
           "! unknown interface `nosuch 10.0.0.1/24'");
    expect("[del] <interface> <ip-prefix>", "local0 10.0.0.1/33", "! Invalid prefix len: 33");
    expect("<interface> (up | down | punt):flags", "local0 up", "interface=local0 up");
    expect("<interface> (up | down | punt):flags", "local0 sideways", "! unknown flags `sideways'");
    expect("<interface> (up | down | punt):flags", "local0", "! unknown flags `'");
    expect("<interface> (up | down | punt):flags", "local1 up", "! unknown interface `local1 up'");
    expect("<interface> (up | down):flags", "local0 up x", "! unknown input `x'");
    expect("name <name:string> [x]", "name a", "name name=a");
    expect("name <name:string> [x]", "nme a", "! unknown input `nme a'");
}

static void keywords_match_whole_words(void **state)
{
    expect("[up]", "upper", "! unknown input `upper'");
    expect("[up]", "u", "! unknown input `u'");
    expect("[name <name:string>]", "name", "! unknown input `'");
    expect("[a | b] <c:string>", "a", "c=a");
}

static void sets_take_any_order(void **state)
{
    static const char g[] = "[v2] (name <ifname:string>) [hw-addr <mac>] [num-rx-queues <n:u16>]";
    expect(g, "name eth0", "name ifname=eth0");
    expect(g, "hw-addr 0:1:2:3:4:5 name eth0 v2", "hw-addr mac=0:1:2:3:4:5 name ifname=eth0 v2");
    expect(g, "num-rx-queues 2 v2 name x", "num-rx-queues n=2 v2 name ifname=x");
    expect(g, "v2", "! unknown input `'");
    expect(g, "name a name b", "! unknown input `name b'");
    expect(g, "name a hw-addr x v2", "! unknown input `x v2'");
    expect(g, "name a num-rx-queues 65536", "! unknown input `65536'");
}

static void repeats(void **state)
{
    expect("[<interface> ...] [verbose]", "", "");
    expect("[<interface> ...] [verbose]", "local0 host-a verbose",
           "interface=local0 interface=host-a verbose");
    expect("[<interface> ...] [verbose]", "nosuch", "! unknown input `nosuch'");
    expect("[<interface> ...] [verbose]", "local0 nosuch", "! unknown input `nosuch'");
    expect("<interface> ...", "", "! unknown interface `'");
    expect("(via <ip-address> [<interface>]) ...", "via 1.1.1.1 via 2.2.2.2 local0 via ::1",
           "via ip-address=1.1.1.1 via ip-address=2.2.2.2 interface=local0 via ip-address=::1");
    expect("[<a:string> ...] end", "x y end end", "a=x a=y a=end end");
}

static void alternatives_backtrack(void **state)
{
    expect("(<n:u32> - <m:u32> | <n:u32>)", "1 - 5", "n=1 - m=5");
    expect("(<n:u32> - <m:u32> | <n:u32>)", "7", "n=7");
    expect("(<n:u32> to <m:u32> | <n:u32> of <s:string>)", "7 of x", "n=7 of s=x");
    expect("(<n:u32> to <m:u32> | <n:u32> of <s:string>)", "7 to x", "! unknown input `x'");
    expect("(<interface> | sw_if_index <n:u32>) [x]", "sw_if_index 3 x", "sw_if_index n=3 x");
}

static void words_and_texts(void **state)
{
    expect("<s:string> <t:string>", "\"a b\" {c {d} e}", "s=a b t=c {d} e");
    expect("<s:string>", "a\\ b\\\\", "s=a b\\");
    expect("<s:string>", "\"open", "! unknown input `\"open'");
    expect("<s:string>", "{open", "! unknown input `{open'");
    expect("<n:u32> <block>", "1 { x { y } \n z }", "n=1 block=x { y } \n z");
    expect("<block>", "{}", "block");
    expect("<rest>", " {a  \"b\" \\c  ", "rest={a  \"b\" \\c");
    expect("x <rest>", "x", "x rest");
}

static void numbers(void **state)
{
    expect("<n:u8>", "255", "n=255");
    expect("<n:u8>", "0xff", "n=0xff");
    expect("<n:u8>", "256", "! unknown input `256'");
    expect("<n:u8>", "-1", "! unknown input `-1'");
    expect("<n:u8>", "1x", "! unknown input `1x'");
    expect("<n:u8>", "0x", "! unknown input `0x'");
    expect("<n:i32>", "-2147483648", "n=-2147483648");
    expect("<n:i32>", "2147483648", "! unknown input `2147483648'");
    expect("<n:u64>", "18446744073709551615", "n=18446744073709551615");
    expect("<n:u64>", "18446744073709551616", "! unknown input `18446744073709551616'");
    expect("<f:float>", "1.5e3", "f=1.5e3");
    expect("<f:float>", "0x10", "! unknown input `0x10'");
    expect("<f:float>", "nan", "! unknown input `nan'");
    expect("<s:size>", "16777216t", "! unknown input `16777216t'");
}

static u64 value_of(const char *type, const char *text)
{
    struct cli_value v = {0};
    struct error e;
    const struct cli_type *t = cli_types_find(&types, type);
    assert_non_null(t);
    assert_int_equal(t->parse(NULL, &text, &v, &e), 0);
    return v.u;
}

static void values(void **state)
{
    assert_int_equal(value_of("size", "4k"), 4096);
    assert_int_equal(value_of("size", "2M"), 2 << 20);
    assert_int_equal(value_of("size", "100"), 100);
    assert_int_equal(value_of("size", "3G"), 3ull << 30);
    assert_int_equal(value_of("on-off", "enable"), 1);
    assert_int_equal(value_of("on-off", "no"), 0);
    assert_int_equal(value_of("u32", "0x10"), 16);
}

static void addresses(void **state)
{
    expect("<mac>", "aabb.ccdd.eeff", "mac=aabb.ccdd.eeff");
    expect("<mac>", "aa:bb:cc:dd:ee:ff", "mac=aa:bb:cc:dd:ee:ff");
    expect("<mac>", "aa:bb:cc:dd:ee", "! unknown input `aa:bb:cc:dd:ee'");
    expect("<mac>", "aa:bb:cc:dd:ee:ff0", "! unknown input `aa:bb:cc:dd:ee:ff0'");
    expect("<ip-address>", "1.2.3.4", "ip-address=1.2.3.4");
    expect("<ip4-address>", "::1", "! unknown input `::1'");
    expect("<ip-prefix>", "2001:db8::/32", "ip-prefix=2001:db8::/32");
    expect("<ip4-prefix>", "1.2.3.4", "! unknown input `1.2.3.4'");
    struct cli_value v;
    struct error e;
    const char *s = "10.1.2.3/8";
    assert_int_equal(cli_types_find(&types, "ip-prefix")->parse(NULL, &s, &v, &e), 0);
    assert_memory_equal(v.ip.addr, "\x0a\x01\x02\x03", 4);
    assert_int_equal(v.ip.prefix_len, 8);
    assert_int_equal(v.ip.is_ip6, 0);
}

static void rest_is_cut(void **state)
{
    expect("", "123456789012345678901234567890",
           "! unknown input `123456789012345678901234567890'");
    expect("", "1234567890123456789012345678901",
           "! unknown input `123456789012345678901234567890...'");
    expect("", "foo\nshow clock\n", "! unknown input `foo\\nshow clock'");
    expect("", "\x1b[2J", "! unknown input `\\x1b[2J'");
}

static void bad_grammars(void **state)
{
    static const char *const bad[] = {"[a", "(a",  "a)",   "a]", "<",
                                      "<a", "<a:", "<a:>", "<>", "(a):"};
    for (size_t i = 0; i < array_len(bad); i++) {
        struct error e = {0};
        assert_null(grammar_new(bad[i], &e));
        assert_int_equal(e.code, EINVAL);
    }
}

static void add_word(void *arg, const char *word)
{
    text_add(arg, "%s ", word);
}

static void expect_completion(const char *grammar, const char *text, const char *want)
{
    struct error e;
    struct grammar *g = grammar_new(grammar, &e);
    assert_non_null(g);
    const char *partial = strrchr(text, ' ');
    partial = partial ? partial + 1 : text;
    struct text got = {0};
    grammar_complete(g, &types, NULL, text, partial, add_word, &got);
    assert_string_equal(text_str(&got), want);
    text_free(&got);
    grammar_free(g);
}

static void completion(void **state)
{
    static const char g[] = "[del] <interface> (up | down):flags [verbose]";
    expect_completion(g, "", "del local0 host-eth0 host-eth1 ");
    expect_completion(g, "d", "del ");
    expect_completion(g, "h", "host-eth0 host-eth1 ");
    expect_completion(g, "del l", "local0 ");
    expect_completion(g, "local0 ", "up down verbose ");
    expect_completion(g, "local0 up ", "verbose ");
    expect_completion(g, "nosuch ", "");
    expect_completion("[a] [b] [c]", "b ", "a c ");
    expect_completion("x <o:on-off>", "x o", "off on ");
}

/* A text made to try every way must end in reasonable time; a long one must not overflow the stack.
 */
static void hostile_texts(void **state)
{
    struct text t = {0};
    struct grammar_match m = {0};
    struct grammar_fail f;
    struct error e;
    for (int i = 0; i < 20000; i++)
        text_puts(&t, "a ");
    struct grammar *g = grammar_new("((<a:string> ...) | (<b:string> ...)) ... end", &e);
    assert_int_equal(grammar_match(g, &types, NULL, text_str(&t), GRAMMAR_WHOLE, &m, &f), -EINVAL);
    grammar_free(g);
    g = grammar_new("[<a:string> ...]", &e);
    (void)!grammar_match(g, &types, NULL, text_str(&t), GRAMMAR_WHOLE, &m, &f);
    grammar_match_clear(&m);
    grammar_free(g);
    text_free(&t);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequences),
        cmocka_unit_test(keywords_match_whole_words),
        cmocka_unit_test(sets_take_any_order),
        cmocka_unit_test(repeats),
        cmocka_unit_test(alternatives_backtrack),
        cmocka_unit_test(words_and_texts),
        cmocka_unit_test(numbers),
        cmocka_unit_test(values),
        cmocka_unit_test(addresses),
        cmocka_unit_test(rest_is_cut),
        cmocka_unit_test(bad_grammars),
        cmocka_unit_test(completion),
        cmocka_unit_test(hostile_texts),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
