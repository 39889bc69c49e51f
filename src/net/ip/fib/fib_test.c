/* Routes against a slow oracle; shares of buckets; recursion, followers, interfaces. */
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

/* --- what is looked up in, and the tables, against a list of prefixes --- */

struct oracle_route {
    struct ip_prefix prefix;
    u32 if_no; /* 0: it drops */
};

struct oracle {
    VEC(struct oracle_route) routes; /* the first are what all tables have, but for the default */
};

static void oracle_init(struct oracle *o)
{
    const struct fib_protocol *p = fib_protocol(test_family);
    *o = (struct oracle){0};
    for (u32 i = 1; i < p->n_fixed; i++)
        vec_add(&o->routes, ((struct oracle_route){p->fixed[i].prefix, 0}));
}

static int oracle_find(const struct oracle *o, const struct ip_prefix *p)
{
    for (u32 i = 0; i < o->routes.n; i++)
        if (ip_prefix_equal(&o->routes.v[i].prefix, p))
            return (int)i;
    return -1;
}

/* Bit by bit. */
static bool oracle_has(const struct ip_prefix *p, const struct ip_address *a)
{
    for (u32 i = 0; i < p->len; i++)
        if ((p->addr.bytes[i / 8] ^ a->bytes[i / 8]) >> (7 - i % 8) & 1)
            return false;
    return true;
}

/* Interface of the longest match; 0: none. */
static u32 oracle_lookup(const struct oracle *o, const struct ip_address *a)
{
    int best = -1;
    for (u32 i = 0; i < o->routes.n; i++) {
        const struct ip_prefix *p = &o->routes.v[i].prefix;
        if (oracle_has(p, a) && (best < 0 || p->len > o->routes.v[best].prefix.len))
            best = (int)i;
    }
    return best < 0 ? 0 : o->routes.v[best].if_no;
}

/* Few bits vary, so that prefixes lie within each other and lookups hit. */
static struct ip_address random_addr(void)
{
    static const u32 masks[] = {0xffffffff, 0x010101ff, 0x0a0003ff, 0x0affff00, 0x0a01ff03};
    struct ip_address a =
        address(be32_from_host((random_u32() & masks[random_u32() % 5]) | 0x08000000));
    for (u32 i = 1; test_family == IP_FAMILY_6 && i < 4; i++)
        a.words[i] = random_u32() & random_u32() & masks[random_u32() % 5];
    return a;
}

static void check_lookup(struct test_world *w, const struct oracle *o, const struct ip_address *a)
{
    struct adj_index found = fib_resolve(w->f, T0, a, 0);
    u32 got = found.i < ADJ_N_SPECIAL ? 0 : adj_at(found.i)->tx_if.i;
    assert_int_equal(got, oracle_lookup(o, a));
}

static u8 random_len(void)
{
    static const u8 lens[IP_FAMILY_N][14] = {
        {1, 4, 8, 12, 15, 16, 17, 20, 23, 24, 25, 28, 31, 32},
        {1, 16, 29, 32, 44, 48, 56, 63, 64, 65, 96, 112, 127, 128}};
    return random_u32() % 3 ? lens[test_family][random_u32() % 14]
                            : (u8)(random_u32() % (ip_family_bits(test_family) + 1u));
}

static void random_change(struct test_world *w, struct oracle *o, u32 percent_add)
{
    u32 n_fixed = TEST_FIXED - 1;
    struct ip_prefix p = {.addr = random_addr(), .family = (u8)test_family, .len = random_len()};
    if (random_u32() % 2) /* near another */
        p.addr = o->routes.v[random_u32() % o->routes.n].prefix.addr;
    p.addr = ip_address_mask(&p.addr, p.len);
    struct error e = {0};
    int there = oracle_find(o, &p);
    if (there >= 0 && there < (int)n_fixed)
        return;
    if (random_u32() % 100 < percent_add) {
        u32 if_no = 1 + random_u32() % (TEST_IFS - 1);
        struct fib_path path = path_via(ip(1, 1, 1, 1), iface(if_no));
        assert_int_equal(fib_route_update(w->f, T0, p, FIB_SOURCE_CLI, &path, 1, &e), 0);
        struct oracle_route r = {p, if_no};
        if (there < 0)
            vec_add(&o->routes, r);
        else
            o->routes.v[there] = r;
        check_lookup(w, o, &p.addr);
    } else if (o->routes.n > n_fixed) {
        u32 k = n_fixed + random_u32() % (o->routes.n - n_fixed);
        struct ip_prefix gone = o->routes.v[k].prefix;
        assert_int_equal(fib_route_delete(w->f, T0, gone, FIB_SOURCE_CLI, &e), 0);
        vec_del(&o->routes, k);
        check_lookup(w, o, &gone.addr);
    }
}

/* Adds the number to the address's last bytes. */
static struct ip_address beside(const struct ip_address *a, int by)
{
    struct ip_address b = *a;
    for (int i = ip_family_bits(test_family) / 8 - 1; i >= 0; i--) {
        b.bytes[i] = (u8)(b.bytes[i] + by);
        if (b.bytes[i] != (by > 0 ? 0 : 0xff))
            break;
    }
    return b;
}

static void lookups_agree_with_a_list_of_prefixes(void **state)
{
    struct test_world w;
    struct oracle o;
    oracle_init(&o);
    test_world_open(&w);
    srandom(7);
    u32 blocks = w.f->tries.blocks.n_used;
    for (u32 round = 0; round < 6000; round++) {
        random_change(&w, &o, (round / 1000) % 2 ? 35 : 65);
        for (u32 i = 0; i < 5; i++) {
            struct ip_address a = random_addr();
            check_lookup(&w, &o, &a);
        }
        /* just inside and just outside of a route */
        struct ip_prefix p = o.routes.v[random_u32() % o.routes.n].prefix;
        struct ip_address last = ip_address_last(test_family, &p.addr, p.len);
        struct ip_address outside[] = {beside(&p.addr, -1), beside(&last, 1)};
        check_lookup(&w, &o, &p.addr);
        check_lookup(&w, &o, &last);
        check_lookup(&w, &o, &outside[0]);
        check_lookup(&w, &o, &outside[1]);
        if (round % 7 == 0)
            test_grace(&w);
    }
    while (o.routes.n > TEST_FIXED - 1) {
        struct ip_address a = random_addr();
        random_change(&w, &o, 0);
        check_lookup(&w, &o, &a);
    }
    test_grace(&w);
    /* what was given out came back */
    assert_int_equal(w.f->tries.blocks.n_used, blocks);
    assert_int_equal(w.f->entries.n_used, test_entries());
    assert_int_equal(w.f->lists.n_used, test_lists());
    assert_int_equal(w.f->adjs.n_used, ADJ_N_SPECIAL);
    assert_int_equal(w.f->lbs.n_bucket_words, 0);
    vec_free(&o.routes);
    test_world_close(&w);
}

/* How many a walk over a table finds, in order. */
static u32 walk_in_order(const struct fib *f, struct fib_index t)
{
    struct fib_walk walk = {.fib = f, .family = fib_family(t), .only = t};
    struct ip_prefix last = {0};
    struct fib_route r;
    u32 n = 0;
    for (int rc; (rc = fib_walk_next(&walk, &r));) {
        if (rc != 1)
            continue;
        int c = ip_address_compare(&r.prefix.addr, &last.addr);
        assert_true(!n || c > 0 || (!c && r.prefix.len > last.len));
        last = r.prefix;
        n++;
    }
    free(walk.keys);
    return n;
}

static void a_walk_is_in_order_and_complete(void **state)
{
    struct test_world w;
    struct oracle o;
    oracle_init(&o);
    test_world_open(&w);
    srandom(9);
    for (u32 i = 0; i < 3000; i++)
        random_change(&w, &o, 80);
    struct ip_prefix all = {.family = (u8)test_family};
    u32 extra = oracle_find(&o, &all) < 0; /* the default route, which drops */
    assert_int_equal(walk_in_order(w.f, T0), o.routes.n + extra);
    assert_int_equal(fib_table_n_routes(w.f, T0), o.routes.n + extra);
    assert_int_equal(fib_table_flush(w.f, T0, FIB_SOURCE_CLI), o.routes.n - (TEST_FIXED - 1));
    assert_int_equal(fib_table_n_routes(w.f, T0), TEST_FIXED);
    vec_free(&o.routes);
    test_world_close(&w);
}

/* --- buckets --- */

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
    w.down[1] = true;
    fib_interface_changed(w.f, iface(1));
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

static void set_down(struct test_world *w, u32 if_no, bool down)
{
    w->down[if_no] = down;
    fib_interface_changed(w->f, iface(if_no));
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
    set_down(&w, 2, true);
    struct spread three = spread_of(route);
    check_unmoved(&all, &three, 2);
    assert_int_equal(three.n[2], 0);
    for (u32 i = 1; i <= 4; i++)
        assert_true(i == 2 || three.n[i] == 5 || three.n[i] == 6);
    set_down(&w, 3, true);
    struct spread two = spread_of(route);
    check_unmoved(&three, &two, 3);
    assert_int_equal(two.n[1] + two.n[4], 16);
    assert_true(two.n[1] >= 7 && two.n[4] >= 7);
    set_down(&w, 3, false);
    struct spread back = spread_of(route);
    for (u32 i = 1; i <= 4; i++) /* what fell to it meanwhile is shared as before */
        assert_true(i == 2 || back.n[i] == 5 || back.n[i] == 6);
    set_down(&w, 2, false);
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
    set_down(&w, 1, true);
    assert_int_equal(spread_of(route).n[2], 16);
    set_down(&w, 2, true);
    assert_int_equal(spread_of(route).n[0], 16);
    set_down(&w, 1, false);
    assert_int_equal(spread_of(route).n[1], 16);
    for (u32 i = 0; i < MANY_ROUTES; i++) {
        struct fib_route r;
        assert_true(test_lookup(&w, be32_from_host(0x14000000 + i), &r));
        assert_int_equal(lb_load(r.lb.i).first, word.first);
        assert_int_equal(lb_load(r.lb.i).mask, word.mask);
    }
    test_world_close(&w);
}

/* --- recursion --- */

static void connect(struct test_world *w, be32 net, u8 len, u32 if_no)
{
    struct fib_path path = fib_path_special(FIB_PATH_ATTACHED);
    path.interface = iface(if_no);
    path.flags = FIB_PATH_GLEAN;
    path.next_hop = address(net);
    path.prefix_len = len;
    assert_int_equal(
        fib_route_update(w->f, T0, prefix(net, len), FIB_SOURCE_INTERFACE, &path, 1, NULL), 0);
}

static void via(struct test_world *w, be32 net, u8 len, be32 next_hop)
{
    struct fib_path path = path_via(next_hop, IF_NONE);
    struct error e = {0};
    assert_int_equal(fib_route_update(w->f, T0, prefix(net, len), FIB_SOURCE_CLI, &path, 1, &e), 0);
}

static u32 resolve_if(struct test_world *w, be32 dst)
{
    struct adj_index a = test_resolve(w, T0, dst);
    return a.i < ADJ_N_SPECIAL ? 0 : adj_at(a.i)->tx_if.i;
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
    connect(&w, ip(10, 3, 0, 0), 16, 3);
    via(&w, ip(40, 0, 0, 0), 8, ip(20, 0, 0, 5)); /* in one of the many */
    struct fib_path both[] = {path_via(ip(20, 0, 0, 6), IF_NONE),
                              path_via(ip(10, 3, 0, 9), IF_NONE)};
    both[1].preference = 1;
    assert_int_equal(
        fib_route_update(w.f, T0, prefix(ip(50, 0, 0, 0), 8), FIB_SOURCE_CLI, both, 2, NULL), 0);
    assert_int_equal(resolve_if(&w, ip(40, 1, 1, 1)), 1);
    assert_int_equal(resolve_if(&w, ip(50, 1, 1, 1)), 1);
    set_down(&w, 1, true);
    assert_int_equal(resolve_if(&w, ip(40, 1, 1, 1)), 2);
    assert_int_equal(resolve_if(&w, ip(50, 1, 1, 1)), 2);
    set_down(&w, 2, true);
    assert_int_equal(resolve_if(&w, ip(40, 1, 1, 1)), 0);
    assert_int_equal(resolve_if(&w, ip(50, 1, 1, 1)), 3);
    set_down(&w, 2, false);
    assert_int_equal(resolve_if(&w, ip(50, 1, 1, 1)), 2);
    test_world_close(&w);
}

static void a_next_hop_follows_what_covers_it(void **state)
{
    struct test_world w;
    test_world_open(&w);
    via(&w, ip(10, 20, 0, 0), 16, ip(10, 10, 1, 1));
    assert_int_equal(resolve_if(&w, ip(10, 20, 1, 1)), 0);
    connect(&w, ip(10, 10, 1, 0), 24, 1);
    assert_int_equal(resolve_if(&w, ip(10, 20, 1, 1)), 1);
    /* through the neighbour, not by asking the link for the destination */
    struct adj_index a = test_resolve(&w, T0, ip(10, 20, 1, 1));
    assert_int_equal(adj_at(a.i)->head.kind, ADJ_KIND_INCOMPLETE);
    assert_true(be32_equal(adj_address(a.i)->ip4, ip(10, 10, 1, 1)));
    /* something longer takes over, and gives back */
    struct fib_path path = path_via(ip(10, 11, 0, 9), iface(2));
    assert_int_equal(
        fib_route_update(w.f, T0, prefix(ip(10, 10, 1, 0), 28), FIB_SOURCE_CLI, &path, 1, NULL), 0);
    assert_int_equal(resolve_if(&w, ip(10, 20, 1, 1)), 2);
    assert_int_equal(fib_route_delete(w.f, T0, prefix(ip(10, 10, 1, 0), 28), FIB_SOURCE_CLI, NULL),
                     0);
    assert_int_equal(resolve_if(&w, ip(10, 20, 1, 1)), 1);
    /* recursion over recursion, through the default route */
    via(&w, ip(0, 0, 0, 0), 0, ip(10, 20, 5, 5));
    assert_int_equal(resolve_if(&w, ip(99, 1, 1, 1)), 1);
    w.down[1] = true;
    fib_interface_changed(w.f, iface(1));
    assert_int_equal(resolve_if(&w, ip(10, 20, 1, 1)), 0);
    assert_int_equal(resolve_if(&w, ip(99, 1, 1, 1)), 0);
    w.down[1] = false;
    fib_interface_changed(w.f, iface(1));
    assert_int_equal(resolve_if(&w, ip(99, 1, 1, 1)), 1);
    w.present[1] = false;
    fib_interface_deleted(w.f, iface(1));
    w.present[1] = true;
    fib_interface_changed(w.f, iface(1)); /* another one with the same index */
    assert_int_equal(resolve_if(&w, ip(99, 1, 1, 1)), 0);
    fib_table_flush(w.f, T0, FIB_SOURCE_CLI);
    fib_table_flush(w.f, T0, FIB_SOURCE_INTERFACE);
    test_grace(&w);
    assert_int_equal(w.f->entries.n_used, test_entries());
    assert_int_equal(w.f->vias.n_used, 0);
    assert_int_equal(w.f->adjs.n_used, ADJ_N_SPECIAL);
    test_world_close(&w);
}

static void circles_drop_until_they_open(void **state)
{
    struct test_world w;
    test_world_open(&w);
    via(&w, ip(10, 1, 0, 0), 16, ip(10, 1, 1, 1)); /* through itself */
    assert_int_equal(resolve_if(&w, ip(10, 1, 2, 3)), 0);
    via(&w, ip(10, 2, 0, 0), 16, ip(10, 3, 1, 1));
    via(&w, ip(10, 3, 0, 0), 16, ip(10, 4, 1, 1));
    via(&w, ip(10, 4, 0, 0), 16, ip(10, 2, 1, 1));
    assert_int_equal(resolve_if(&w, ip(10, 2, 2, 3)), 0);
    assert_int_equal(resolve_if(&w, ip(10, 4, 2, 3)), 0);
    connect(&w, ip(10, 3, 1, 0), 24, 3); /* opens it */
    assert_int_equal(resolve_if(&w, ip(10, 2, 2, 3)), 3);
    assert_int_equal(resolve_if(&w, ip(10, 4, 2, 3)), 3);
    assert_int_equal(resolve_if(&w, ip(10, 3, 2, 3)), 3);
    assert_int_equal(
        fib_route_delete(w.f, T0, prefix(ip(10, 3, 1, 0), 24), FIB_SOURCE_INTERFACE, NULL), 0);
    assert_int_equal(resolve_if(&w, ip(10, 3, 2, 3)), 0);
    /* a configured host route among next hops closes a circle, too */
    via(&w, ip(10, 3, 1, 1), 32, ip(10, 4, 7, 7));
    assert_int_equal(resolve_if(&w, ip(10, 2, 2, 3)), 0);
    connect(&w, ip(10, 4, 0, 0), 20, 4);
    assert_int_equal(resolve_if(&w, ip(10, 2, 2, 3)), 4);
    fib_table_flush(w.f, T0, FIB_SOURCE_CLI);
    fib_table_flush(w.f, T0, FIB_SOURCE_INTERFACE);
    test_grace(&w);
    assert_int_equal(w.f->entries.n_used, test_entries());
    assert_int_equal(w.f->vias.n_used, 0);
    assert_int_equal(w.f->lists.n_used, test_lists());
    test_world_close(&w);
}

/* Random routes through next hops within each other, against a slow resolver. */
struct slow_route {
    u32 addr;
    u8 len;
    u8 if_no; /* 0: recursive */
    bool attached;
    u32 next_hop;
};

static u32 slow_resolve(const struct slow_route *r, u32 n, u32 addr, u32 depth)
{
    int best = -1;
    if (depth > 6)
        return 0;
    for (u32 i = 0; i < n; i++)
        if (r[i].len != 255 && (addr & prefix_mask(r[i].len)) == r[i].addr &&
            (best < 0 || r[i].len > r[best].len))
            best = (int)i;
    if (best < 0)
        return 0;
    return r[best].if_no ? r[best].if_no : slow_resolve(r, n, r[best].next_hop, depth + 1);
}

static void recursion_agrees_with_a_slow_resolver(void **state)
{
    struct test_world w;
    struct slow_route r[12];
    test_world_open(&w);
    srandom(11);
    for (u32 i = 0; i < 12; i++)
        r[i].len = 255;
    for (u32 round = 0; round < 4000; round++) {
        u32 k = random_u32() % 12;
        struct slow_route *s = &r[k];
        if (s->len != 255) {
            assert_int_equal(fib_route_delete(w.f, T0, prefix(be32_from_host(s->addr), s->len),
                                              FIB_SOURCE_CLI, NULL),
                             0);
            s->len = 255;
        } else {
            u8 len = (u8)(8 + random_u32() % 3 * 8);
            u32 addr = (0x0a000000 | (random_u32() & 0x00010100)) & prefix_mask(len);
            bool there = false;
            for (u32 i = 0; i < 12; i++)
                there |= r[i].len == len && r[i].addr == addr;
            if (there)
                continue;
            *s = (struct slow_route){.addr = addr, .len = len};
            if (random_u32() % 4 == 0) {
                s->if_no = (u8)(1 + random_u32() % 7);
                struct fib_path path = path_via(ip(9, 9, 9, (u32)s->if_no), iface((u32)s->if_no));
                assert_int_equal(fib_route_update(w.f, T0, prefix(be32_from_host(addr), len),
                                                  FIB_SOURCE_CLI, &path, 1, NULL),
                                 0);
            } else {
                s->next_hop = 0x0a000000 | (random_u32() & 0x00010101);
                via(&w, be32_from_host(addr), len, be32_from_host(s->next_hop));
            }
        }
        for (u32 i = 0; i < 16; i++) {
            u32 addr = 0x0a000000 | (random_u32() & 0x00010101);
            assert_int_equal(resolve_if(&w, be32_from_host(addr)), slow_resolve(r, 12, addr, 0));
        }
        if (round % 3 == 0)
            test_grace(&w);
    }
    fib_table_flush(w.f, T0, FIB_SOURCE_CLI);
    test_grace(&w);
    assert_int_equal(w.f->entries.n_used, test_entries());
    assert_int_equal(w.f->vias.n_used, 0);
    assert_int_equal(w.f->lists.n_used, test_lists());
    test_world_close(&w);
}

/* --- sources, neighbours, tables --- */

static void the_best_source_forwards(void **state)
{
    struct test_world w;
    test_world_open(&w);
    struct ip_prefix p = prefix(ip(10, 5, 0, 0), 16);
    struct fib_path one = path_via(ip(1, 1, 1, 1), iface(1)),
                    two = path_via(ip(2, 2, 2, 2), iface(2)),
                    three = path_via(ip(3, 3, 3, 3), iface(3));
    assert_int_equal(fib_route_update(w.f, T0, p, FIB_SOURCE_DHCP, &three, 1, NULL), 0);
    assert_int_equal(fib_route_update(w.f, T0, p, FIB_SOURCE_API, &one, 1, NULL), 0);
    assert_int_equal(fib_route_update(w.f, T0, p, FIB_SOURCE_CLI, &two, 1, NULL), 0);
    assert_int_equal(resolve_if(&w, ip(10, 5, 1, 1)), 1);
    struct fib_route r;
    assert_true(fib_lookup_exact(w.f, T0, p, &r));
    assert_int_equal(r.source, FIB_SOURCE_API);
    assert_int_equal(fib_route_delete(w.f, T0, p, FIB_SOURCE_API, NULL), 0);
    assert_int_equal(resolve_if(&w, ip(10, 5, 1, 1)), 2);
    assert_int_equal(fib_route_delete(w.f, T0, p, FIB_SOURCE_API, NULL), -ENOENT);
    assert_int_equal(fib_route_delete(w.f, T0, p, FIB_SOURCE_CLI, NULL), 0);
    assert_int_equal(resolve_if(&w, ip(10, 5, 1, 1)), 3);
    assert_int_equal(fib_route_delete(w.f, T0, p, FIB_SOURCE_DHCP, NULL), 0);
    assert_false(fib_lookup_exact(w.f, T0, p, &r));
    test_world_close(&w);
}

static void check_rewrite(struct adj_index a, const u8 mac[6], u8 if_no, enum ip_family link)
{
    u8 rewrite[14] = {0, 0, 0, 0, 0, 0, 2, 0xfe, 0, 0, 0, if_no};
    memcpy(rewrite, mac, 6);
    put_be16(rewrite + 12, link == IP_FAMILY_4 ? 0x0800 : 0x86dd);
    assert_int_equal(adj_at(a.i)->head.lookup_next, FIB_NEXT_REWRITE);
    assert_int_equal(adj_at(a.i)->head.rewrite_len, 14);
    assert_int_equal(adj_at(a.i)->head.rewrite_next, (link == IP_FAMILY_4 ? 2 : 102) + if_no);
    assert_int_equal(adj_at(a.i)->head.mtu, 1500 - link);
    assert_memory_equal(adj_at(a.i)->rewrite, rewrite, 14);
}

static void a_neighbour_completes_its_adjacency(void **state)
{
    struct test_world w;
    static const u8 mac[6] = {2, 0, 0, 0, 0, 0x50};
    test_world_open(&w);
    be32 addr = ip(10, 10, 1, 50);
    struct link_host neighbor = host(addr, 1);
    struct fib_path path = path_via(addr, iface(1));
    assert_int_equal(fib_route_update(w.f, T0, prefix(addr, 32), FIB_SOURCE_ADJ, &path, 1, NULL),
                     0);
    assert_int_equal(resolve_if(&w, addr), 0); /* nothing says that it is on that link */
    connect(&w, ip(10, 10, 1, 0), 24, 2);
    assert_int_equal(resolve_if(&w, addr), 2); /* by the subnet, of another link */
    assert_int_equal(adj_at(test_resolve(&w, T0, addr).i)->head.kind, ADJ_KIND_GLEAN);
    connect(&w, ip(10, 10, 1, 0), 25, 1);
    assert_int_equal(resolve_if(&w, addr), 1);
    struct adj_index a = test_neighbor(&w, addr, 1);
    assert_int_equal(test_resolve(&w, T0, addr).i, a.i);
    assert_int_equal(adj_at(a.i)->head.lookup_next, FIB_NEXT_ARP);
    adj_neighbor_set(w.f, &neighbor, mac);
    check_rewrite(a, mac, 1, test_family);
    w.mtu[1] = 1400;
    fib_interface_changed(w.f, iface(1));
    assert_int_equal(adj_at(a.i)->head.mtu, 1400 - test_family);
    adj_neighbor_set(w.f, &neighbor, NULL);
    assert_int_equal(adj_at(a.i)->head.lookup_next, FIB_NEXT_ARP);
    test_world_close(&w);
}

/* Packets of both protocols go to a next hop of one (RFC 8950), each with its own ethertype. */
static void a_neighbour_serves_both_protocols(void **state)
{
    struct test_world w;
    static const u8 mac[6] = {2, 0, 0, 0, 0, 0x50};
    enum ip_family other = test_family == IP_FAMILY_4 ? IP_FAMILY_6 : IP_FAMILY_4;
    struct fib_index t = {0};
    struct error e = {0};
    test_world_open(&w);
    if (test_family == IP_FAMILY_4)
        assert_int_equal(
            fib_table_lock(w.f, IP_FAMILY_6, 0, NULL, FIB_SOURCE_DEFAULT_ROUTE, &t, &e), 0);
    struct link_host next_hop = {address(ip(10, 10, 1, 50)), iface(1), other};
    struct fib_path path = fib_path_via(other, next_hop.addr, iface(1));
    assert_int_equal(
        fib_route_update(w.f, T0, prefix(ip(10, 7, 0, 0), 16), FIB_SOURCE_CLI, &path, 1, &e), 0);
    struct adj_index own = adj_neighbor_ref(w.f, &next_hop, other),
                     foreign = test_resolve(&w, T0, ip(10, 7, 1, 1));
    assert_int_not_equal(own.i, foreign.i);
    adj_neighbor_set(w.f, &next_hop, mac);
    check_rewrite(own, mac, 1, other);
    check_rewrite(foreign, mac, 1, test_family);
    adj_neighbor_set(w.f, &next_hop, NULL);
    assert_int_equal(adj_at(own.i)->head.kind, ADJ_KIND_INCOMPLETE);
    assert_int_equal(adj_at(foreign.i)->head.kind, ADJ_KIND_INCOMPLETE);
    adj_unref(w.f, own);
    /* a recursive one must be of the route's: its load balance is */
    path.interface = IF_NONE;
    assert_int_equal(
        fib_route_update(w.f, T0, prefix(ip(10, 8, 0, 0), 16), FIB_SOURCE_CLI, &path, 1, &e),
        -EINVAL);
    test_world_close(&w);
}

static void tables_come_and_go(void **state)
{
    struct test_world w;
    struct fib_index t, again;
    struct error e = {0};
    test_world_open(&w);
    assert_int_equal(fib_table_lock(w.f, test_family, 10, NULL, FIB_SOURCE_CLI, &t, &e), 0);
    assert_int_equal(fib_number(t), 1);
    assert_int_equal(fib_family(t), test_family);
    assert_int_equal(fib_table_n_routes(w.f, t), TEST_FIXED);
    /* the other protocol's table of that number is another */
    enum ip_family other = test_family == IP_FAMILY_4 ? IP_FAMILY_6 : IP_FAMILY_4;
    assert_true(fib_is_none(fib_table_find(w.f, other, 10)));
    struct fib_path path = path_via(ip(1, 1, 1, 1), iface(1));
    assert_int_equal(
        fib_route_update(w.f, t, prefix(ip(10, 0, 0, 0), 8), FIB_SOURCE_CLI, &path, 1, &e), 0);
    assert_int_equal(test_resolve(&w, T0, ip(10, 1, 1, 1)).i, test_miss().i);
    assert_int_not_equal(test_resolve(&w, t, ip(10, 1, 1, 1)).i, ADJ_DROP.i);
    /* another table looks up in it, and goes through a next hop in it */
    struct fib_path lookup = fib_path_special(FIB_PATH_LOOKUP), through;
    lookup.table = t;
    assert_int_equal(
        fib_route_update(w.f, T0, prefix(ip(10, 0, 0, 0), 8), FIB_SOURCE_CLI, &lookup, 1, &e), 0);
    assert_int_equal(resolve_if(&w, ip(10, 1, 1, 1)), 1);
    through = path_via(ip(10, 7, 7, 7), IF_NONE);
    through.table = t;
    assert_int_equal(
        fib_route_update(w.f, T0, prefix(ip(11, 0, 0, 0), 8), FIB_SOURCE_CLI, &through, 1, &e), 0);
    assert_int_equal(resolve_if(&w, ip(11, 1, 1, 1)), 1);

    fib_table_unlock(w.f, t, FIB_SOURCE_CLI);
    assert_int_equal(resolve_if(&w, ip(10, 1, 1, 1)), 0);
    assert_int_equal(resolve_if(&w, ip(11, 1, 1, 1)), 0);
    /* empty, until nobody needs it; nobody has routes in it, who would keep it for ever */
    assert_false(fib_is_none(fib_table_find(w.f, test_family, 10)));
    assert_int_equal(
        fib_route_update(w.f, t, prefix(ip(10, 0, 0, 0), 8), FIB_SOURCE_CLI, &path, 1, &e),
        -EINVAL);
    assert_int_equal(
        fib_route_path_add(w.f, t, prefix(ip(10, 0, 0, 0), 8), FIB_SOURCE_CLI, &path, 1, &e),
        -EINVAL);
    /* who makes it again finds it as a new one */
    assert_int_equal(fib_table_lock(w.f, test_family, 10, NULL, FIB_SOURCE_CLI, &again, &e), 0);
    assert_int_equal(again.i, t.i);
    assert_int_equal(test_resolve(&w, t, ip(10, 1, 1, 1)).i, test_miss().i);
    assert_int_equal(fib_table_n_routes(w.f, t), TEST_FIXED + 1); /* and that next hop */
    fib_table_unlock(w.f, t, FIB_SOURCE_CLI);
    fib_table_flush(w.f, T0, FIB_SOURCE_CLI);
    assert_true(fib_is_none(fib_table_find(w.f, test_family, 10)));
    test_grace(&w);
    assert_int_equal(w.f->entries.n_used, test_entries());
    assert_int_equal(fib_table_lock(w.f, test_family, 77, "blue", FIB_SOURCE_API, &again, &e), 0);
    assert_int_equal(fib_number(again), 1);
    assert_string_equal(fib_table_name(w.f, again), "blue");
    test_world_close(&w);
}

static void private_tables_have_no_id(void **state)
{
    struct test_world w;
    struct fib_index t, u;
    struct error e = {0};
    test_world_open(&w);
    assert_int_equal(fib_table_private(w.f, test_family, "link-1", FIB_SOURCE_INTERFACE, &t, &e),
                     0);
    assert_int_equal(fib_table_private(w.f, test_family, "link-2", FIB_SOURCE_INTERFACE, &u, &e),
                     0);
    assert_true(fib_is_none(fib_table_find(w.f, test_family, FIB_TABLE_NO_ID)));
    assert_int_equal(
        fib_table_lock(w.f, test_family, FIB_TABLE_NO_ID, NULL, FIB_SOURCE_CLI, &t, &e), -EINVAL);
    assert_int_equal(fib_table_id(w.f, u), FIB_TABLE_NO_ID);
    assert_string_equal(fib_table_name(w.f, u), "link-2");
    assert_int_equal(fib_table_next(w.f, test_family, 1).i, t.i);
    struct fib_path path = path_via(ip(1, 1, 1, 1), iface(1));
    assert_int_equal(
        fib_route_update(w.f, u, prefix(ip(10, 0, 0, 0), 8), FIB_SOURCE_INTERFACE, &path, 1, &e),
        0);
    assert_int_not_equal(test_resolve(&w, u, ip(10, 1, 1, 1)).i, ADJ_DROP.i);
    assert_int_equal(test_resolve(&w, t, ip(10, 1, 1, 1)).i, test_miss().i);
    fib_table_unlock(w.f, t, FIB_SOURCE_INTERFACE);
    fib_table_unlock(w.f, u, FIB_SOURCE_INTERFACE);
    assert_true(fib_is_none(fib_table_next(w.f, test_family, 1)));
    test_grace(&w);
    assert_int_equal(w.f->entries.n_used, test_entries());
    test_world_close(&w);
}

static void a_bad_route_is_refused(void **state)
{
    struct test_world w;
    struct error e = {0};
    test_world_open(&w);
    struct fib_path path = path_via(ip(1, 1, 1, 1), iface(77));
    char text[40];
    struct ip_prefix long_one = prefix(ip(10, 0, 0, 0), 32);
    snprintf(text, sizeof(text), "Invalid prefix len: %u", ++long_one.len);
    assert_int_equal(fib_route_update(w.f, T0, long_one, FIB_SOURCE_CLI, &path, 1, &e), -EINVAL);
    assert_string_equal(e.text, text);
    struct ip_prefix foreign = prefix(ip(10, 0, 0, 0), 8);
    foreign.family ^= 1;
    assert_int_equal(fib_route_update(w.f, T0, foreign, FIB_SOURCE_CLI, &path, 1, &e), -EINVAL);
    assert_int_equal(
        fib_route_update(w.f, T0, prefix(ip(10, 0, 0, 0), 8), FIB_SOURCE_CLI, &path, 1, &e),
        -EINVAL);
    path = path_via((be32){0}, IF_NONE);
    assert_int_equal(
        fib_route_update(w.f, T0, prefix(ip(10, 0, 0, 0), 8), FIB_SOURCE_CLI, &path, 1, &e),
        -EINVAL);
    assert_int_equal(fib_table_n_routes(w.f, T0), TEST_FIXED);
    test_world_close(&w);
}

static int of_ip4(void **state)
{
    test_family = IP_FAMILY_4;
    return 0;
}

static int of_ip6(void **state)
{
    test_family = IP_FAMILY_6;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lookups_agree_with_a_list_of_prefixes),
        cmocka_unit_test(a_walk_is_in_order_and_complete),
        cmocka_unit_test(buckets_are_shared_by_weight),
        cmocka_unit_test(a_group_says_what_all_its_routes_have),
        cmocka_unit_test(a_route_of_two_weights_has_sixteen_buckets),
        cmocka_unit_test(a_dead_path_moves_no_flows_but_its_own),
        cmocka_unit_test(many_routes_switch_by_their_buckets),
        cmocka_unit_test(what_goes_through_one_of_many_follows),
        cmocka_unit_test(a_next_hop_follows_what_covers_it),
        cmocka_unit_test(circles_drop_until_they_open),
        cmocka_unit_test(recursion_agrees_with_a_slow_resolver),
        cmocka_unit_test(the_best_source_forwards),
        cmocka_unit_test(a_neighbour_completes_its_adjacency),
        cmocka_unit_test(a_neighbour_serves_both_protocols),
        cmocka_unit_test(tables_come_and_go),
        cmocka_unit_test(private_tables_have_no_id),
        cmocka_unit_test(a_bad_route_is_refused),
    };
    return cmocka_run_group_tests_name("IPv4", tests, of_ip4, NULL) |
           cmocka_run_group_tests_name("IPv6", tests, of_ip6, NULL);
}
