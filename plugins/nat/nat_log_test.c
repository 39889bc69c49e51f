/* What is logged is told once, in its order, or counted as lost. */
#include "engine/engine_test.h"

#include "control/loop.h"
#include "plugins/nat/nat_log.h"

static struct nat_log nat_log;
static u32 told, to_whom;

static void ignore_bell(struct piste *p, const void *payload)
{
}

/* Events say in `limit' which they are. */
static void check_told(struct piste *p, u32 to, const struct nat_log_event *ev)
{
    assert_int_equal(ev->limit, told);
    told++;
    to_whom = to;
}

static void add_events(u32 first, u32 n)
{
    for (u32 i = 0; i < n; i++)
        nat_log_add(&nat_log, t, &(struct nat_log_event){.limit = first + i});
}

static u64 lost_events(void)
{
    return tally_read(counter_simple(nat_log.lost, thread_index(t)));
}

static int log_setup(void **state)
{
    struct error e;
    engine_setup(state);
    piste.loop = loop_new(&e);
    nat_log = (struct nat_log){.p = &piste, .on_bell = ignore_bell, .tell = check_told};
    nat_log_init(&nat_log, "/test/log-lost");
    return 0;
}

static int log_teardown(void **state)
{
    nat_log_fini(&nat_log);
    loop_free(piste.loop);
    return engine_teardown(state);
}

static void all_are_told_or_counted(void **state)
{
    const u32 most = 65536;
    assert_false(nat_log_is_on(&nat_log));
    nat_log_want(&nat_log, NAT_LOG_IPFIX, true);
    assert_true(nat_log_is_on(&nat_log));
    add_events(0, most + 5);
    assert_int_equal(lost_events(), 5);
    nat_log_drain(&nat_log);
    assert_in_range(told, 1, most - 1); /* some at a time */
    while (told < most)
        nat_log_drain(&nat_log);
    assert_int_equal(to_whom, NAT_LOG_IPFIX);
    nat_log_drain(&nat_log);
    assert_int_equal(told, most);
    nat_log_want(&nat_log, NAT_LOG_SYSLOG, true);
    add_events(most, 3);
    nat_log_drain(&nat_log);
    assert_int_equal(told, most + 3);
    assert_int_equal(to_whom, NAT_LOG_IPFIX | NAT_LOG_SYSLOG);
    assert_int_equal(lost_events(), 5);
}

static void nobody_is_told_any_more(void **state)
{
    u32 before = told;
    add_events(told, 3);
    nat_log_want(&nat_log, NAT_LOG_IPFIX, false);
    nat_log_want(&nat_log, NAT_LOG_SYSLOG, false);
    assert_false(nat_log_is_on(&nat_log));
    nat_log_drain(&nat_log);
    assert_int_equal(told, before);
    nat_log_want(&nat_log, NAT_LOG_SYSLOG, true);
    add_events(told, 1);
    nat_log_drain(&nat_log);
    assert_int_equal(told, before + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_told_or_counted),
        cmocka_unit_test(nobody_is_told_any_more),
    };
    return cmocka_run_group_tests(tests, log_setup, log_teardown);
}
