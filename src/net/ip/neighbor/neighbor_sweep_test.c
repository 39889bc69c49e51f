/* What befalls many neighbours at once: the change is complete at once, what it means for each goes
 * on in pieces. */
#include "net/ip/neighbor/neighbor_test.h"

#define MANY 3000u

static struct {
    u32 n[NEIGHBOR_REMOVED + 1];
} told;

static void count_event(struct piste *p, const struct neighbor *n, enum neighbor_event ev,
                        void *arg)
{
    told.n[ev]++;
}

static be32 nth(u32 n)
{
    return be32_from_host(0x0a010002 + n);
}

/* Interface b with MANY neighbours. */
static struct if_index many(const char *kind)
{
    char command[128];
    struct if_index b = world_interface("b", other);
    run("set interface ip address b 10.1.0.1/16");
    snprintf(command, sizeof(command), "set ip neighbor %s count %u b 10.1.0.2 02:00:00:00:00:77",
             kind, MANY);
    run(command);
    memset(&told, 0, sizeof(told));
    return b;
}

/* The neighbour that packets to addr in table t leave to; false: they do not. */
static bool leads_to(u32 table, be32 addr, u8 *mac)
{
    struct ip_address to = ip_address_from_ip4(addr);
    struct adj_index x =
        fib_resolve(fib_of(&world.p), fib_table_find(fib_of(&world.p), IP_FAMILY_4, table), &to, 0);
    if (adj_head(adj_at(x.i)).kind != ADJ_KIND_REWRITE)
        return false;
    memcpy(mac, adj_at(x.i)->rewrite, 6);
    return true;
}

static u32 n_shown(const char *command)
{
    char *text = world_command(command);
    u32 n = 0;
    for (const char *at = text; (at = strstr(at, " 10.1.")); at++)
        n++;
    free(text);
    return n;
}

static void deleting_costs_what_the_interface_has(void **state)
{
    struct if_index b = world_interface("b", other);
    run("set interface ip address b 10.1.0.1/16");
    run("set ip neighbor count 1000 b 10.1.0.2 02:00:00:00:00:01");
    run("set ip neighbor count 3 a 10.0.1.50 02:00:00:00:00:01");
    const struct neighbors *ns = neighbors_of(&world.p);
    assert_int_equal(neighbor_ends_of(ns, IP_FAMILY_4, a).n, 3);
    assert_int_equal(neighbor_ends_of(ns, IP_FAMILY_4, b).n, 1000);
    interface_delete(&world.p, a);
    assert_int_equal(ns->entries.n_used, 1000);
    assert_int_equal(neighbor_ends_of(ns, IP_FAMILY_4, a).n, 0);
    interface_delete(&world.p, b);
    finish();
    assert_int_equal(ns->entries.n_used, 0);
}

static void the_neighbours_of_a_deleted_interface_are_gone_at_once(void **state)
{
    const struct neighbors *ns = neighbors_of(&world.p);
    neighbor_on_event(&world.p, count_event, NULL);
    struct if_index b = many("static");
    u8 mac[6];
    struct neighbor found;
    assert_true(leads_to(0, nth(MANY - 1), mac));
    interface_delete(&world.p, b);
    assert_true(loop_has_work(world.p.loop));
    assert_in_range(ns->entries.n_used, MANY / 2, MANY - 1);
    for (u32 k = 0; k < MANY; k++) {
        assert_false(knows_on(b, nth(k), peer));
        assert_false(leads_to(0, nth(k), mac));
    }
    assert_int_equal(neighbor_next(&world.p, 0, &found), UINT32_MAX);
    assert_int_equal(n_shown("show ip neighbors"), 0);
    finish();
    assert_int_equal(ns->entries.n_used, 0);
    assert_int_equal(told.n[NEIGHBOR_REMOVED], MANY);
    struct fib_route r;
    assert_false(world_lookup(nth(0), &r) && r.prefix.len == 32);
}

static void an_index_that_is_used_again_has_no_old_neighbours(void **state)
{
    const struct neighbors *ns = neighbors_of(&world.p);
    struct if_index b = many("static");
    interface_delete(&world.p, b);
    assert_true(ns->entries.n_used > 0);
    struct if_index c = world_interface("c", other);
    assert_true(if_equal(b, c));
    assert_int_equal(ns->entries.n_used, 0);
    run("set interface ip address c 10.1.0.1/16");
    run("set ip neighbor static c 10.1.0.9 02:00:00:00:00:78");
    finish();
    assert_true(knows_on(c, ip(10, 1, 0, 9), other));
    assert_false(knows_on(c, ip(10, 1, 0, 10), peer));
    assert_int_equal(ns->entries.n_used, 1);
}

static void one_that_is_learnt_again_meanwhile_is_new(void **state)
{
    const struct neighbors *ns = neighbors_of(&world.p);
    neighbor_on_event(&world.p, count_event, NULL);
    struct if_index b = many("");
    struct error e = {0};
    u8 mac[6];
    run("set ip neighbor static b 10.1.255.1 02:00:00:00:00:79");
    assert_int_equal(interface_set_admin(&world.p, b, false, &e), 0);
    assert_int_equal(interface_set_admin(&world.p, b, true, &e), 0);
    assert_true(loop_has_work(world.p.loop));
    assert_false(knows_on(b, nth(MANY - 1), peer));
    struct neighbor_learn said = {.host = link_host4(nth(MANY - 1), b)};
    memcpy(said.mac, other, 6);
    said.only_known = true;
    neighbor_on_learn(&world.p, &said);
    assert_false(knows_on(b, nth(MANY - 1), other));
    said.only_known = false;
    neighbor_on_learn(&world.p, &said);
    assert_true(knows_on(b, nth(MANY - 1), other));
    assert_int_equal(n_shown("show ip neighbors b"), 2);
    finish();
    assert_true(knows_on(b, nth(MANY - 1), other));
    assert_true(leads_to(0, nth(MANY - 1), mac));
    assert_memory_equal(mac, other, 6);
    assert_int_equal(ns->entries.n_used, 2);
    assert_int_equal(told.n[NEIGHBOR_REMOVED], MANY);
    assert_int_equal(told.n[NEIGHBOR_ADDED], 2);
}

static void flushes_and_addresses_that_go_take_learnt_ones_at_once(void **state)
{
    const struct neighbors *ns = neighbors_of(&world.p);
    struct if_index b = many("");
    struct error e = {0};
    run("set ip neighbor static b 10.1.255.1 02:00:00:00:00:79");
    run("set interface ip address b 10.2.0.1/16");
    run("set ip neighbor b 10.2.0.2 02:00:00:00:00:79");
    neighbor_flush(&world.p, IP_FAMILY_6, IF_NONE, true);
    assert_int_equal(ns->entries.n_used, MANY + 2);
    assert_int_equal(ip_address_del(&world.p, b, ip4_prefix(ip(10, 1, 0, 1), 16), &e), 0);
    assert_true(ns->entries.n_used > MANY / 2);
    assert_int_equal(n_shown("show ip neighbors"), 1); /* the static one */
    assert_true(knows_on(b, ip(10, 2, 0, 2), (const u8[]){2, 0, 0, 0, 0, 0x79}));
    /* a second one while the first goes on */
    neighbor_flush(&world.p, IP_FAMILY_4, IF_NONE, true);
    assert_int_equal(n_shown("show ip neighbors"), 0);
    assert_false(knows_on(b, ip(10, 2, 0, 2), (const u8[]){2, 0, 0, 0, 0, 0x79}));
    finish();
    assert_int_equal(ns->entries.n_used, 0);
}

static void those_that_are_gone_leave_room(void **state)
{
    struct if_index b = many("static");
    struct error e = {0};
    neighbor_set_config(&world.p, IP_FAMILY_4, (struct neighbor_config){.limit = MANY / 10});
    struct link_host host = link_host4(ip(10, 0, 1, 9), a);
    assert_int_equal(neighbor_add(&world.p, &host, peer, NEIGHBOR_DYNAMIC, &e), -ENOSPC);
    interface_delete(&world.p, b);
    assert_true(neighbors_of(&world.p)->entries.n_used > MANY / 2);
    assert_int_equal(neighbor_add(&world.p, &host, peer, NEIGHBOR_DYNAMIC, &e), 0);
    assert_true(knows_on(a, ip(10, 0, 1, 9), peer));
}

static void replacing_takes_what_was_not_said_again(void **state)
{
    const struct neighbors *ns = neighbors_of(&world.p);
    struct if_index b = many("static");
    neighbor_replace_end(&world.p);
    assert_int_equal(n_shown("show ip neighbors"), MANY);
    neighbor_replace_begin(&world.p);
    run("set ip neighbor static b 10.1.0.7 02:00:00:00:00:77");
    neighbor_replace_end(&world.p);
    assert_true(ns->entries.n_used > MANY / 2);
    assert_int_equal(n_shown("show ip neighbors"), 1);
    assert_true(knows_on(b, ip(10, 1, 0, 7), peer));
    finish();
    assert_int_equal(ns->entries.n_used, 1);
}

static u32 n_routes(struct fib_index t)
{
    return fib_table_n_routes(fib_of(&world.p), t);
}

static void host_routes_follow_to_another_table_in_pieces(void **state)
{
    struct fib *f = fib_of(&world.p);
    struct error e = {0};
    struct if_index b = many("static");
    run("set interface ip address del b 10.1.0.1/16");
    finish();
    u32 fixed = n_routes((struct fib_index){0}) - MANY;
    run("ip table add 10");
    run("ip table add 11");
    struct fib_index ten = fib_table_find(f, IP_FAMILY_4, 10),
                     eleven = fib_table_find(f, IP_FAMILY_4, 11);
    u32 own = n_routes(ten);
    assert_int_equal(ip_set_table(&world.p, IP_FAMILY_4, b, 10, &e), 0);
    assert_true(loop_has_work(world.p.loop));
    assert_in_range(n_routes(ten) - own, 1, MANY / 2);
    /* on to a third in the midst of it, and the second is deleted */
    assert_int_equal(ip_set_table(&world.p, IP_FAMILY_4, b, 11, &e), 0);
    fib_table_unlock(f, ten, FIB_SOURCE_CLI);
    assert_true(fib_is_none(fib_table_find(f, IP_FAMILY_4, 10)) || n_routes(ten) > 0);
    finish();
    assert_true(fib_is_none(fib_table_find(f, IP_FAMILY_4, 10)));
    assert_int_equal(n_routes((struct fib_index){0}), fixed);
    assert_int_equal(n_routes(eleven) - own, MANY);

    /* a table whose user deletes it stays until the last of them is out of it */
    fib_table_unlock(f, eleven, FIB_SOURCE_CLI);
    interface_delete(&world.p, b);
    assert_false(fib_is_none(fib_table_find(f, IP_FAMILY_4, 11)));
    assert_true(n_routes(eleven) - own > MANY / 2);
    finish();
    assert_true(fib_is_none(fib_table_find(f, IP_FAMILY_4, 11)));
}

/* Those that are updated go to the end of what a sweep comes to: it does not come to them. */
static void one_that_answers_meanwhile_follows_to_another_table(void **state)
{
    struct error e = {0};
    struct if_index b = many("");
    run("ip table add 10");
    struct fib_index ten = fib_table_find(fib_of(&world.p), IP_FAMILY_4, 10);
    run("set interface ip address del b 10.1.0.1/16");
    finish();
    run("set ip neighbor count 3000 b 10.1.0.2 02:00:00:00:00:77");
    u32 own = n_routes(ten), fixed = n_routes((struct fib_index){0}) - MANY;
    assert_int_equal(ip_set_table(&world.p, IP_FAMILY_4, b, 10, &e), 0);
    assert_in_range(n_routes(ten) - own, 1, MANY - 2);
    /* the last one is there as before; the first that was not moved has another address now */
    struct link_host last = link_host4(nth(MANY - 1), b), next = link_host4(nth(MANY - 2), b);
    assert_int_equal(neighbor_add(&world.p, &last, peer, NEIGHBOR_DYNAMIC, &e), 0);
    assert_int_equal(neighbor_add(&world.p, &next, other, NEIGHBOR_DYNAMIC, &e), 0);
    finish();
    assert_int_equal(n_routes(ten) - own, MANY);
    assert_int_equal(n_routes((struct fib_index){0}), fixed);
}

static void the_end_of_the_switch_does_not_wait(void **state)
{
    struct if_index b = many("static");
    interface_delete(&world.p, b);
    assert_true(loop_has_work(world.p.loop)); /* as close_world finds it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(deleting_costs_what_the_interface_has),
        TEST(the_neighbours_of_a_deleted_interface_are_gone_at_once),
        TEST(an_index_that_is_used_again_has_no_old_neighbours),
        TEST(one_that_is_learnt_again_meanwhile_is_new),
        TEST(flushes_and_addresses_that_go_take_learnt_ones_at_once),
        TEST(those_that_are_gone_leave_room),
        TEST(replacing_takes_what_was_not_said_again),
        TEST(host_routes_follow_to_another_table_in_pieces),
        TEST(one_that_answers_meanwhile_follows_to_another_table),
        TEST(the_end_of_the_switch_does_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
