/* Very many routes: what is done for each of them goes in pieces, and is right in between. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "net/ip/fib/fib_test.h"

#define ROUTES 20000u

/* Work that the FIB left. */
static struct {
    bool (*piece)(void *arg);
    void *arg;
    u32 pieces;
} work;

static void leave_work(void *ctx, bool (*piece)(void *arg), void *arg)
{
    work.piece = piece;
    work.arg = arg;
}

static void do_piece(void)
{
    assert_non_null(work.piece);
    work.pieces++;
    if (!work.piece(work.arg))
        work.piece = NULL;
}

static void open_world(struct test_world *w)
{
    test_world_open(w);
    memset(&work, 0, sizeof(work));
    w->f->ops.work = leave_work;
}

static struct ip_prefix nth_prefix(u32 n)
{
    return prefix(ip(20, n >> 16, n >> 8 & 255, n & 255), 32);
}

static void add(struct test_world *w, u32 n, const struct fib_path *paths, u32 n_paths)
{
    struct error e;
    assert_int_equal(fib_route_update(w->f, T0, nth_prefix(n), FIB_SOURCE_CLI, paths, n_paths, &e),
                     0);
}

static u32 nth_adj(const struct test_world *w, u32 n)
{
    struct ip_address a = nth_prefix(n).addr;
    return fib_resolve(w->f, T0, &a, 0).i;
}

/* How many of [from, to) forward by adj. */
static u32 forward_by(const struct test_world *w, u32 from, u32 to, u32 adj)
{
    u32 found = 0;
    for (u32 n = from; n < to; n++)
        found += nth_adj(w, n) == adj;
    return found;
}

static void a_table_that_grows_moves_some_prefixes_at_a_time(void **state)
{
    struct test_world w;
    open_world(&w);
    struct fib_path path = path_via(ip(1, 1, 1, 1), iface(1));
    const struct fib_table *t = fib_table_at(w.f, T0.i);
    u32 grown = 0, under_way = 0, n;
    for (u32 i = 0; i < 2 * ROUTES; i++) {
        u32 slots = t->slots.n, at = t->old_at;
        bool adds = i < ROUTES;
        if (adds)
            add(&w, i, &path, 1);
        else
            assert_int_equal(
                fib_route_delete(w.f, T0, nth_prefix(i - ROUTES), FIB_SOURCE_CLI, NULL), 0);
        if (t->slots.n != slots)
            grown++;
        else if (t->old.n)
            assert_in_range(t->old_at - at, 1, 64);
        under_way += t->old.n != 0;
        struct fib_route r;
        u32 k = random_u32() % ROUTES;
        assert_int_equal(fib_lookup_exact(w.f, T0, nth_prefix(k), &r),
                         adds ? k <= i : k > i - ROUTES);
        if (i % 997 == 0) {
            free(fib_table_sorted(w.f, t, &n));
            assert_int_equal(n, t->n_used);
        }
    }
    assert_in_range(grown, 10, 40);
    assert_true(under_way > ROUTES / 16);
    assert_int_equal(t->n_used, TEST_FIXED);
    test_world_close(&w);
}

static void many_routes_follow_their_next_hop_in_pieces(void **state)
{
    struct test_world w;
    open_world(&w);
    struct fib_path path = path_via(ip(1, 1, 1, 1), iface(1));
    for (u32 n = 0; n < ROUTES; n++)
        add(&w, n, &path, 1);
    u32 adj = nth_adj(&w, 0);
    assert_null(work.piece); /* nothing was left: each was one change */
    test_set_down(&w, 1, true);
    u32 at_once = forward_by(&w, 0, ROUTES, ADJ_DROP.i);
    assert_in_range(at_once, 1, ROUTES / 2);
    assert_int_equal(forward_by(&w, 0, ROUTES, adj), ROUTES - at_once);
    for (u32 done = at_once, now; work.piece; done = now) {
        do_piece();
        now = forward_by(&w, 0, ROUTES, ADJ_DROP.i);
        assert_in_range(now - done, 1, ROUTES / 4);
    }
    assert_int_equal(forward_by(&w, 0, ROUTES, ADJ_DROP.i), ROUTES);
    assert_true(work.pieces >= 3);
    /* a change in the midst of another: who was told the first is told the second */
    test_set_down(&w, 1, false);
    do_piece();
    test_set_down(&w, 1, true);
    while (work.piece)
        do_piece();
    assert_int_equal(forward_by(&w, 0, ROUTES, ADJ_DROP.i), ROUTES);
    test_set_down(&w, 1, false);
    do_piece();
    /* the interface goes: at once its adjacency drops, whoever still leads there */
    w.present[1] = false;
    fib_interface_deleted(w.f, iface(1));
    assert_true(adj_at(adj)->head.kind == ADJ_KIND_DROP);
    while (work.piece)
        do_piece();
    assert_int_equal(forward_by(&w, 0, ROUTES, ADJ_DROP.i), ROUTES);
    assert_int_equal(fib_table_flush(w.f, T0, FIB_SOURCE_CLI), ROUTES);
    test_grace(&w);
    assert_int_equal(w.f->lists.n_used, test_lists());
    test_world_close(&w);
}

/* Each route has a next hop of its own, as hosts of a link have. */
static void many_next_hops_follow_their_interface_in_pieces(void **state)
{
    struct test_world w;
    open_world(&w);
    for (u32 n = 0; n < ROUTES; n++) {
        struct fib_path path = path_via(ip(1, 1, n >> 8, n & 255), iface(1));
        add(&w, n, &path, 1);
    }
    assert_null(work.piece);
    test_set_down(&w, 1, true);
    u32 at_once = forward_by(&w, 0, ROUTES, ADJ_DROP.i);
    assert_in_range(at_once, 1, ROUTES / 2);
    for (u32 done = at_once, now; work.piece; done = now) {
        do_piece();
        now = forward_by(&w, 0, ROUTES, ADJ_DROP.i);
        assert_in_range(now - done, 1, ROUTES / 4);
    }
    assert_int_equal(forward_by(&w, 0, ROUTES, ADJ_DROP.i), ROUTES);
    /* changes in the midst of it: other routes follow theirs at once, and the last word counts */
    test_set_down(&w, 1, false);
    assert_non_null(work.piece);
    struct fib_path other = path_via(ip(3, 3, 3, 3), iface(3));
    add(&w, ROUTES, &other, 1);
    test_set_down(&w, 3, true);
    assert_int_equal(nth_adj(&w, ROUTES), ADJ_DROP.i);
    test_set_down(&w, 3, false);
    do_piece();
    test_set_down(&w, 1, true);
    test_set_down(&w, 1, false);
    for (u32 n = 0; n < ROUTES; n += 2)
        assert_int_equal(fib_route_delete(w.f, T0, nth_prefix(n), FIB_SOURCE_CLI, NULL), 0);
    while (work.piece)
        do_piece();
    for (u32 n = 1; n < ROUTES; n += 2)
        assert_int_not_equal(nth_adj(&w, n), ADJ_DROP.i);
    /* the interface goes: no packet takes its adjacencies from then on */
    u32 adj = nth_adj(&w, ROUTES - 1);
    w.present[1] = false;
    fib_interface_deleted(w.f, iface(1));
    assert_true(adj_at(adj)->head.kind == ADJ_KIND_DROP);
    assert_non_null(work.piece);
    w.present[1] = true; /* another of the same index */
    fib_interface_changed(w.f, iface(1));
    while (work.piece)
        do_piece();
    for (u32 n = 1; n < ROUTES; n += 2)
        assert_int_equal(nth_adj(&w, n), ADJ_DROP.i);
    assert_int_equal(fib_table_flush(w.f, T0, FIB_SOURCE_CLI), ROUTES / 2 + 1);
    while (work.piece)
        do_piece();
    test_grace(&w);
    assert_int_equal(w.f->lists.n_used, test_lists());
    test_world_close(&w);
}

/* Routes come, go and change in the midst of it, and what is recursive through one of the last is
 * told in the end. */
static void changes_between_pieces_are_right(void **state)
{
    struct test_world w;
    open_world(&w);
    struct fib_path path = path_via(ip(1, 1, 1, 1), iface(1));
    struct fib_path other = path_via(ip(3, 3, 3, 3), iface(3));
    for (u32 n = 0; n < ROUTES; n++)
        add(&w, n, &path, 1);
    test_set_down(&w, 1, true);
    assert_non_null(work.piece);
    /* a next hop of others is one that was not told yet, from now on */
    struct fib_path through = path_via(ip(20, 0, (ROUTES - 2) >> 8, (ROUTES - 2) & 255), IF_NONE);
    add(&w, ROUTES, &through, 1);
    assert_int_equal(nth_adj(&w, ROUTES), ADJ_DROP.i);
    assert_int_equal(nth_adj(&w, ROUTES - 2), ADJ_DROP.i);
    for (u32 n = 1; n < ROUTES; n += 5)
        add(&w, n, &other, 1);
    for (u32 n = 2; n < ROUTES; n += 5)
        assert_int_equal(fib_route_delete(w.f, T0, nth_prefix(n), FIB_SOURCE_CLI, NULL), 0);
    for (u32 n = ROUTES + 1; n < ROUTES + 10; n++)
        add(&w, n, &path, 1);
    do_piece();
    test_set_down(&w, 1, false);
    while (work.piece)
        do_piece();
    for (u32 n = 0; n < ROUTES + 10; n++) {
        u32 a = nth_adj(&w, n);
        if (n < ROUTES && n % 5 == 2)
            assert_int_equal(a, test_miss().i);
        else
            assert_int_equal(adj_at(a)->tx_if.i, n < ROUTES && n % 5 == 1 ? 3 : 1);
    }
    test_world_end(&w);
}

/* Few routes that have to wait for many others: what they forward by is there until they are told.
 */
static void buckets_stay_for_those_who_wait(void **state)
{
    struct test_world w;
    open_world(&w);
    struct fib_path both[] = {path_via(ip(1, 1, 1, 1), iface(1)),
                              path_via(ip(2, 2, 2, 2), iface(2))};
    struct fib_path path = path_via(ip(1, 1, 1, 1), iface(1));
    add(&w, ROUTES, both, 2); /* first: it is looked at last */
    u32 words = w.f->lbs.n_bucket_words;
    assert_true(words);
    for (u32 n = 0; n < ROUTES; n++)
        add(&w, n, &path, 1);
    test_set_down(&w, 1, true);
    test_grace(&w);
    assert_int_equal(w.f->lbs.n_bucket_words, words);
    struct fib_route waits;
    assert_true(fib_lookup_exact(w.f, T0, nth_prefix(ROUTES), &waits));
    assert_true(lb_load(waits.lb.i).mask);
    while (work.piece)
        do_piece();
    test_grace(&w);
    assert_int_equal(w.f->lbs.n_bucket_words, 0);
    assert_int_equal(adj_at(nth_adj(&w, ROUTES))->tx_if.i, 2);
    test_world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_that_grows_moves_some_prefixes_at_a_time),
        cmocka_unit_test(many_routes_follow_their_next_hop_in_pieces),
        cmocka_unit_test(many_next_hops_follow_their_interface_in_pieces),
        cmocka_unit_test(changes_between_pieces_are_right),
        cmocka_unit_test(buckets_stay_for_those_who_wait),
    };
    return TEST_RUN_BOTH(tests);
}
