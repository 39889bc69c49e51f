/* Lines of a running config, and what undoes them. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "control/config_undo.h"

static void expect(const char *line, const char *undo)
{
    struct text t = {0};
    bool known = config_undo(line, &t);
    assert_int_equal(known, undo != NULL);
    assert_string_equal(text_str(&t), undo ? undo : "");
    text_free(&t);
}

static void lines_are_undone_by_their_words(void **state)
{
    expect("ip route add 10.0.0.0/8 table 3 via 1.1.1.1 a weight 2 via drop",
           "ip route del 10.0.0.0/8 table 3 via 1.1.1.1 a weight 2 via drop");
    expect("ip table add 5", "ip table del 5");
    expect("ip table add 5 name {a name}", "ip table del 5");
    expect("ip table add 5 name {a name} source API", "ip table del 5 source API");
    expect("ip table add 5 source API", "ip table del 5 source API");
    expect("set interface ip address a 10.0.0.1/24", "set interface ip address del a 10.0.0.1/24");
    expect("set interface tag a {tag with {braces} and blanks}", "clear interface tag a");
    expect("set interface mtu 9000 a", "set interface mtu default a");
    expect("set interface mtu packet 1400 a.5", "set interface mtu default a.5");
    expect("set interface mtu ip4 1400 a", "set interface mtu ip4 0 a");
    expect("set interface name a b", "set interface name b a");
    expect("set interface state a up", "set interface state a down");
    expect("set interface feature a n arc x", "set interface feature a n arc x disable");
    expect("set interface feature a n arc x disable", "set interface feature a n arc x");
    expect("create host-interface v3 name eth0 hw-addr 02:00:00:00:00:01",
           "delete host-interface name eth0");
    expect("create sub-interfaces a 5 dot1q 5 exact-match", "delete sub-interface a.5");
    expect("set interface l2 bridge a 5 bvi 1", "set interface l3 a");
    expect("nat44 ei plugin enable sessions 5 users 6 user-sessions 7", "nat44 ei plugin disable");
    expect("set interface nat44 ei out a output-feature",
           "set interface nat44 ei out a output-feature del");
    expect("nat44 ei add address 10.0.0.1 - 10.0.0.2",
           "nat44 ei add address 10.0.0.1 - 10.0.0.2 del");
    expect("nat64 plugin enable sessions 7", "nat64 plugin disable");
    expect("set nat64 timeouts udp 7", "set nat64 timeouts reset");
    expect("set interface nat64 out a", "set interface nat64 out a del");
    expect("nat64 add pool address 10.9.0.1 - 10.9.0.2 tenant-vrf 5",
           "nat64 add pool address 10.9.0.1 - 10.9.0.2 tenant-vrf 5 del");
    expect("nat64 add static bib 2001:db8::1 80 10.9.0.1 8080 tcp",
           "nat64 add static bib 2001:db8::1 80 10.9.0.1 8080 tcp del");
    expect("nat64 ipfix logging enable domain 64 src-port 4739", "nat64 ipfix logging disable");
    expect("nat66 plugin enable outside-vrf 7", "nat66 plugin disable");
    expect("set interface nat66 out a", "set interface nat66 out a del");
    expect("nat66 add static mapping local 2001:db8::1 external 2001:db8:1::1 vrf 5",
           "nat66 add static mapping local 2001:db8::1 external 2001:db8:1::1 vrf 5 del");
    expect("nat ipfix logging enable domain 7 src-port 5000", "nat ipfix logging disable");
    expect("set syslog sender collector 10.0.0.2 port 514 src 10.0.0.1 vrf-id 0 max-msg-size 480",
           "set syslog sender disable");
    expect("set syslog filter severity err", "set syslog filter severity info");
    expect("set ipfix exporter collector 10.0.0.2 port 4739 src 10.0.0.1 fib-id 0 path-mtu 512"
           " template-interval 20",
           "set ipfix exporter collector 0.0.0.0");
    expect("l2fib add 02:00:00:00:00:01 5 a static", "l2fib del 02:00:00:00:00:01 5");
}

static void what_is_not_known_is_not_guessed(void **state)
{
    expect("", NULL);
    expect("set interface mac address a 02:00:00:00:00:01", NULL);
    expect("set interface state a", NULL);
    expect("set interface state a up now", NULL);
    expect("set interface tag a {open", NULL);
    expect("create", NULL);
}

static void long_lines_keep_their_rest(void **state)
{
    struct text line = {0}, undo = {0};
    text_puts(&line, "ip route add 10.0.0.0/8");
    text_puts(&undo, "ip route del 10.0.0.0/8");
    for (u32 i = 0; i < 64; i++) {
        text_add(&line, " via 1.1.1.%u", i);
        text_add(&undo, " via 1.1.1.%u", i);
    }
    expect(text_str(&line), text_str(&undo));
    text_free(&line);
    text_free(&undo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_undone_by_their_words),
        cmocka_unit_test(what_is_not_known_is_not_guessed),
        cmocka_unit_test(long_lines_keep_their_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
