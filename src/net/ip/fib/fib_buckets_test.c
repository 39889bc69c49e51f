/* Buckets: shares by weight, what of them moves, and who hears of it. */
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "net/ip/fib/fib_test.h"

static void check_shares(const u32 *weights, u32 n, u32 want_log2, const u32 *want)
{
    u32 counts[FIB_PATHS_MAX];
    assert_int_equal(lb_log2(weights, n), want_log2);
    lb_share(weights, n, want_log2, counts);
    for (u32 i = 0; i < n; i++)
        assert_int_equal(counts[i], want[i]);
}

static void buckets_are_shared_by_weight(void **state)
{
    check_shares((u32[]){1, 1}, 2, 4, (u32[]){8, 8});
    check_shares((u32[]){2, 1}, 2, 4, (u32[]){11, 5});
    check_shares((u32[]){3, 1}, 2, 4, (u32[]){12, 4});
    check_shares((u32[]){1, 1, 1}, 3, 4, (u32[]){6, 5, 5});
    check_shares((u32[]){9, 1, 1}, 3, 4, (u32[]){14, 1, 1});
    check_shares((u32[]){20, 1}, 2, 4, (u32[]){15, 1});
    check_shares((u32[]){100, 1}, 2, 6, (u32[]){63, 1});
    srandom(3);
    for (u32 round = 0; round < 2000; round++) {
        u32 n = 1 + random_u32() % FIB_PATHS_MAX, weights[FIB_PATHS_MAX], counts[FIB_PATHS_MAX],
            sum = 0;
        for (u32 i = 0; i < n; i++)
            weights[i] = 1 + random_u32() % 255;
        u32 log2 = lb_log2(weights, n);
        lb_share(weights, n, log2, counts);
        for (u32 i = 0; i < n; i++) {
            assert_true(counts[i] >= 1);
            sum += counts[i];
        }
        assert_int_equal(sum, 1u << log2);
    }
}

static void a_group_says_what_all_its_routes_have(void **state)
{
    enum { GROUPS = 3 };
    u32 first = 64 * LB_GROUP, alike = 0; /* indices that no route has */
    struct test_world w;
    test_world_open(&w);
    srandom(5);
    for (u32 round = 0; round < 20000; round++) {
        struct lb lb = {1 + random_u32() % 2, random_u32() % 64 == 0};
        lb_set(first + random_u32() % (GROUPS * LB_GROUP), lb);
        if (round % 512 == 0) /* all of a group, one after the other */
            for (u32 i = 0; i < LB_GROUP; i++)
                lb_set(first + i, lb);
        for (u32 g = 0; g < GROUPS; g++) {
            u32 at = first + g * LB_GROUP, adj = lb_load(at).first;
            for (u32 i = 0; i < LB_GROUP; i++)
                if (lb_load(at + i).mask || lb_load(at + i).first != adj)
                    adj = LB_DIFFER;
            assert_int_equal(lb_group_load(at), adj);
            alike += adj != LB_DIFFER;
        }
    }
    assert_true(alike > 20);
    test_world_close(&w);
}

static void regions_say_what_all_their_routes_have(void **state)
{
    u32 first = 4 * LB_REGION, alike = 0;
    struct test_world w;
    test_world_open(&w);
    srandom(6);
    for (u32 round = 0; round < 300; round++) {
        struct lb lb = {1 + random_u32() % 2, random_u32() % 8 == 0}, differ = {0, 0};
        lb_set(first + random_u32() % LB_REGION, lb);
        for (u32 i = 0; round % 4 == 0 && i < LB_REGION; i++)
            lb_set(first + i, lb);
        for (u32 i = 0, last = LB_REGION - 1; i < LB_REGION; i++) {
            differ.first |= lb_load(first + i).first ^ lb_load(first + last).first;
            differ.mask |= lb_load(first + i).mask;
        }
        u32 adj = differ.first | differ.mask ? LB_DIFFER : lb_load(first).first;
        assert_int_equal(lb_region_load(first + random_u32() % LB_REGION), adj);
        assert_int_equal(lb_region_load(first - 1), 0);
        assert_int_equal(lb_region_load(first + LB_REGION), 0);
        alike += adj != LB_DIFFER;
    }
    assert_true(alike > 20);
    test_world_close(&w);
}

static void a_route_of_two_weights_has_sixteen_buckets(void **state)
{
    struct test_world w;
    test_world_open(&w);
    struct fib_path paths[] = {path_via(ip(10, 10, 1, 1), iface(1)),
                               path_via(ip(10, 10, 1, 50), iface(1))};
    paths[1].weight = 2;
    assert_int_equal(
        fib_route_update(w.f, T0, prefix(ip(10, 22, 0, 0), 16), FIB_SOURCE_CLI, paths, 2, NULL), 0);
    struct fib_route r;
    assert_true(test_lookup(&w, ip(10, 22, 3, 4), &r));
    struct lb lb = lb_load(r.lb.i);
    assert_int_equal(lb.mask, 15);
    u32 a = test_neighbor(&w, ip(10, 10, 1, 50), 1).i, n = 0;
    for (u32 h = 0; h < 16; h++)
        n += lb_pick(lb, h) == a;
    assert_int_equal(n, 11);
    assert_int_equal(lb_pick(lb, 0), a); /* the heavier one comes first */

    /* removing one leaves a route of the other */
    assert_int_equal(fib_route_path_remove(w.f, T0, prefix(ip(10, 22, 0, 0), 16), FIB_SOURCE_CLI,
                                           paths, 1, NULL),
                     0);
    lb = lb_load(r.lb.i);
    assert_int_equal(lb.mask, 0);
    assert_int_equal(lb.first, a);
    assert_int_equal(fib_route_path_remove(w.f, T0, prefix(ip(10, 22, 0, 0), 16), FIB_SOURCE_CLI,
                                           paths, 1, NULL),
                     -ENOENT);
    /* a lower preference waits until the better one is down */
    struct fib_path spare = path_via(ip(10, 10, 2, 1), iface(2));
    spare.preference = 5;
    assert_int_equal(
        fib_route_path_add(w.f, T0, prefix(ip(10, 22, 0, 0), 16), FIB_SOURCE_CLI, &spare, 1, NULL),
        0);
    assert_int_equal(lb_load(r.lb.i).first, a);
    test_set_down(&w, 1, true);
    assert_int_equal(adj_at(lb_load(r.lb.i).first)->tx_if.i, 2);
    test_world_close(&w);
}

enum { MANY_ROUTES = 1000 };

/* Routes that all have these paths; the load balance of the last. */
static u32 add_many(struct test_world *w, const struct fib_path *paths, u32 n)
{
    struct fib_route r;
    for (u32 i = 0; i < MANY_ROUTES; i++)
        assert_int_equal(fib_route_update(w->f, T0, prefix(be32_from_host(0x14000000 + i), 32),
                                          FIB_SOURCE_CLI, paths, n, NULL),
                         0);
    assert_true(test_lookup(w, be32_from_host(0x14000000 + MANY_ROUTES - 1), &r));
    return r.lb.i;
}

/* Interfaces that the buckets lead to, by bucket (0: they drop), and how many lead to each. */
struct spread {
    u32 of[16], n[TEST_IFS];
};

static struct spread spread_of(u32 route)
{
    struct spread s = {0};
    struct lb lb = lb_load(route);
    assert_int_equal(lb.mask, 15);
    for (u32 i = 0; i < 16; i++) {
        u32 adj = lb_pick(lb, i);
        s.of[i] = adj == ADJ_DROP.i ? 0 : adj_at(adj)->tx_if.i;
        s.n[s.of[i]]++;
    }
    return s;
}

/* Buckets of another interface than `but` are the same. */
static void check_unmoved(const struct spread *a, const struct spread *b, u32 but)
{
    for (u32 i = 0; i < 16; i++)
        if (a->of[i] != but && b->of[i] != but)
            assert_int_equal(a->of[i], b->of[i]);
}

static void a_dead_path_moves_no_flows_but_its_own(void **state)
{
    struct test_world w;
    test_world_open(&w);
    struct fib_path paths[4];
    for (u32 i = 0; i < 4; i++)
        paths[i] = path_via(ip(10, 1, i, 1), iface(1 + i));
    u32 route = add_many(&w, paths, 4);
    struct spread all = spread_of(route);
    for (u32 i = 1; i <= 4; i++)
        assert_int_equal(all.n[i], 4);
    test_set_down(&w, 2, true);
    struct spread three = spread_of(route);
    check_unmoved(&all, &three, 2);
    assert_int_equal(three.n[2], 0);
    for (u32 i = 1; i <= 4; i++)
        assert_true(i == 2 || three.n[i] == 5 || three.n[i] == 6);
    test_set_down(&w, 3, true);
    struct spread two = spread_of(route);
    check_unmoved(&three, &two, 3);
    assert_int_equal(two.n[1] + two.n[4], 16);
    assert_true(two.n[1] >= 7 && two.n[4] >= 7);
    test_set_down(&w, 3, false);
    struct spread back = spread_of(route);
    for (u32 i = 1; i <= 4; i++) /* what fell to it meanwhile is shared as before */
        assert_true(i == 2 || back.n[i] == 5 || back.n[i] == 6);
    test_set_down(&w, 2, false);
    struct spread again = spread_of(route);
    assert_memory_equal(again.of, all.of, sizeof(all.of));
    test_world_close(&w);
}

/* However many routes there are: none of them is written. */
static void many_routes_switch_by_their_buckets(void **state)
{
    struct test_world w;
    test_world_open(&w);
    struct fib_path paths[] = {path_via(ip(10, 1, 1, 1), iface(1)),
                               path_via(ip(10, 1, 2, 1), iface(2))};
    paths[1].preference = 1;
    u32 route = add_many(&w, paths, 2);
    struct lb word = lb_load(route);
    assert_int_equal(spread_of(route).n[1], 16);
    test_set_down(&w, 1, true);
    assert_int_equal(spread_of(route).n[2], 16);
    test_set_down(&w, 2, true);
    assert_int_equal(spread_of(route).n[0], 16);
    test_set_down(&w, 1, false);
    assert_int_equal(spread_of(route).n[1], 16);
    for (u32 i = 0; i < MANY_ROUTES; i++) {
        struct fib_route r;
        assert_true(test_lookup(&w, be32_from_host(0x14000000 + i), &r));
        assert_int_equal(lb_load(r.lb.i).first, word.first);
        assert_int_equal(lb_load(r.lb.i).mask, word.mask);
    }
    test_world_close(&w);
}

/* A next hop among many routes that move at once: who goes through it hears of it. */
static void what_goes_through_one_of_many_follows(void **state)
{
    struct test_world w;
    test_world_open(&w);
    struct fib_path paths[] = {path_via(ip(10, 1, 1, 1), iface(1)),
                               path_via(ip(10, 1, 2, 1), iface(2))};
    paths[1].preference = 1;
    add_many(&w, paths, 2);
    test_connect(&w, T0, ip(10, 3, 0, 0), 16, 3);
    test_via(&w, ip(40, 0, 0, 0), 8, ip(20, 0, 0, 5)); /* in one of the many */
    struct fib_path both[] = {path_via(ip(20, 0, 0, 6), IF_NONE),
                              path_via(ip(10, 3, 0, 9), IF_NONE)};
    both[1].preference = 1;
    assert_int_equal(
        fib_route_update(w.f, T0, prefix(ip(50, 0, 0, 0), 8), FIB_SOURCE_CLI, both, 2, NULL), 0);
    assert_int_equal(test_resolve_if(&w, ip(40, 1, 1, 1)), 1);
    assert_int_equal(test_resolve_if(&w, ip(50, 1, 1, 1)), 1);
    test_set_down(&w, 1, true);
    assert_int_equal(test_resolve_if(&w, ip(40, 1, 1, 1)), 2);
    assert_int_equal(test_resolve_if(&w, ip(50, 1, 1, 1)), 2);
    test_set_down(&w, 2, true);
    assert_int_equal(test_resolve_if(&w, ip(40, 1, 1, 1)), 0);
    assert_int_equal(test_resolve_if(&w, ip(50, 1, 1, 1)), 3);
    test_set_down(&w, 2, false);
    assert_int_equal(test_resolve_if(&w, ip(50, 1, 1, 1)), 2);
    test_world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_are_shared_by_weight),
        cmocka_unit_test(a_group_says_what_all_its_routes_have),
        cmocka_unit_test(regions_say_what_all_their_routes_have),
        cmocka_unit_test(a_route_of_two_weights_has_sixteen_buckets),
        cmocka_unit_test(a_dead_path_moves_no_flows_but_its_own),
        cmocka_unit_test(many_routes_switch_by_their_buckets),
        cmocka_unit_test(what_goes_through_one_of_many_follows),
    };
    return TEST_RUN_BOTH(tests);
}
