/* Which replies count, and sessions' identifiers. What goes over the wire: test/net/test_ping.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "control/api.h"
#include "net/ip/icmp/icmp6.h"
#include "net/ip/ip4/ip4_world.h"
#include "net/ip/ip6/ip6_input.h"
#include "plugins/ping/ping_internal.h"


static struct ping *ping;

static int open_ping(void **state)
{
    static const struct module *const modules[] = {
        &ethernet_module, &ip4_arcs_module,  &fib_module,
        &address_module,  &ip4_module,       &ip4_input_module,
        &ip4_frag_module, &ip4_local_module, &ip4_reass_module,
        &icmp4_module,    &ip6_arcs_module,  &ip6_module,
        &icmp6_module,    &neighbor_module,  &arp_module,
        &api_module,      &piste_module,     NULL};
    world_open(modules);
    ping = module_state(&world.p, ping_module_name);
    return 0;
}

static int close_ping(void **state)
{
    world_close();
    return 0;
}

static struct ping_session *begin(void)
{
    const struct ping_session args = {
        .p = &world.p, .ping = ping, .source_if = IF_NONE, .repeat = 5, .burst = 1};
    return ping_session_new(&args);
}

/* As if request seq had been sent at that time. */
static void asked(struct ping_session *s, u16 seq, u64 at_ns)
{
    s->seq = seq;
    s->n_sent++;
    s->asked_ns[seq % PING_SENT_KEPT] = at_ns;
}

static void replied(u16 id, u16 seq, u32 payload_bytes)
{
    const struct ping_reply r = {.rx_ns = 2000,
                                 .sent_ns = 1500,
                                 .payload_bytes = payload_bytes,
                                 .rx_if = IF_NONE,
                                 .id = id,
                                 .seq = seq,
                                 .ttl = 64};
    ping_on_reply(&world.p, &r);
}

static void a_reply_counts_once_and_only_for_its_session(void **state)
{
    struct ping_session *a = begin(), *b = begin();
    asked(a, 1, 1000);
    asked(b, 1, 1000);
    replied(a->id, 1, 60);
    assert_int_equal(a->n_received, 1);
    assert_int_equal(b->n_received, 0);
    replied(a->id, 1, 60);                            /* twice */
    replied(a->id, 2, 60);                            /* never asked */
    replied((u16)(a->id + PING_SESSIONS_MAX), 1, 60); /* of a session that has ended */
    assert_int_equal(a->n_received, 1);
    asked(a, 3, 1000);
    replied(a->id, 3, PING_STAMP_BYTES - 1); /* without the stamp: none of ours */
    assert_int_equal(a->n_received, 1);
    replied(a->id, 3, PING_STAMP_BYTES);
    assert_int_equal(a->n_received, 2);
}

static void an_old_reply_does_not_count(void **state)
{
    struct ping_session *s = begin();
    asked(s, 1, 1000);
    s->seq = 1 + PING_SENT_KEPT; /* its place is another request's now */
    replied(s->id, 1, 60);
    assert_int_equal(s->n_received, 0);
}

static void identifiers_are_different_and_sessions_bounded(void **state)
{
    struct ping_session *all[PING_SESSIONS_MAX];
    for (u32 i = 0; i < PING_SESSIONS_MAX; i++) {
        all[i] = begin();
        assert_non_null(all[i]);
        for (u32 k = 0; k < i; k++)
            assert_int_not_equal(all[i]->id, all[k]->id);
    }
    assert_null(begin());
    ping_session_cancel(all[7]);
    struct ping_session *again = begin();
    assert_non_null(again);
    assert_int_equal(again->id % PING_SESSIONS_MAX, 7);
}

static void intervals_have_bounds(void **state)
{
    struct ping_session s = {0};
    assert_true(ping_set_interval(&s, 0.25));
    assert_int_equal(s.interval_ns, 250000000);
    const double bad[] = {0, -1, 0.0009, 86401, __builtin_nan("")};
    for (u32 i = 0; i < array_len(bad); i++)
        assert_false(ping_set_interval(&s, bad[i]));
    assert_int_equal(s.interval_ns, 250000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_reply_counts_once_and_only_for_its_session, open_ping,
                                        close_ping),
        cmocka_unit_test_setup_teardown(an_old_reply_does_not_count, open_ping, close_ping),
        cmocka_unit_test_setup_teardown(identifiers_are_different_and_sessions_bounded, open_ping,
                                        close_ping),
        cmocka_unit_test(intervals_have_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
