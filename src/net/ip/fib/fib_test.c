/* Routes against a slow oracle; shares of buckets; recursion, followers, interfaces. */
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "net/ip/fib/fib_test.h"

#define T0 ((struct fib_index){0})

/* --- the trie and the tables against a list of prefixes --- */

struct oracle_route {
    u32 addr;
    u8 len;
    u32 if_no;
};

struct oracle {
    VEC(struct oracle_route) routes; /* the first ORACLE_FIXED are what all tables have */
};

#define ORACLE_FIXED 4

static void oracle_init(struct oracle *o)
{
    *o = (struct oracle){0};
    vec_add(&o->routes, ((struct oracle_route){0, 32, 0}));
    vec_add(&o->routes, ((struct oracle_route){0xe0000000, 4, 0}));
    vec_add(&o->routes, ((struct oracle_route){0xf0000000, 4, 0}));
    vec_add(&o->routes, ((struct oracle_route){0xffffffff, 32, 0}));
}

static int oracle_find(const struct oracle *o, u32 addr, u8 len)
{
    for (u32 i = 0; i < o->routes.n; i++)
        if (o->routes.v[i].addr == addr && o->routes.v[i].len == len)
            return (int)i;
    return -1;
}

/* Interface of the longest match; 0: none. */
static u32 oracle_lookup(const struct oracle *o, u32 addr)
{
    int best = -1;
    for (u32 i = 0; i < o->routes.n; i++) {
        const struct oracle_route *r = &o->routes.v[i];
        if ((addr & prefix_mask(r->len)) == r->addr && (best < 0 || r->len > o->routes.v[best].len))
            best = (int)i;
    }
    return best < 0 ? 0 : o->routes.v[best].if_no;
}

static u32 random_u32(void)
{
    return (u32)random() << 16 ^ (u32)random();
}

/* Few bits vary, so that prefixes lie within each other and lookups hit. */
static u32 random_addr(void)
{
    static const u32 masks[] = {0xffffffff, 0x010101ff, 0x0a0003ff, 0x0affff00, 0x0a01ff03};
    return (random_u32() & masks[random_u32() % 5]) | 0x08000000;
}

static void check_lookup(struct test_world *w, const struct oracle *o, u32 addr)
{
    u32 want = oracle_lookup(o, addr);
    struct adj_index a = fib_resolve(w->f, T0, be32_from_host(addr), 0);
    u32 got = a.i < ADJ_N_SPECIAL ? 0 : adj_at(a.i)->tx_if.i;
    assert_int_equal(got, want);
}

static void random_change(struct test_world *w, struct oracle *o, u32 percent_add)
{
    static const u8 lens[] = {1, 4, 8, 12, 15, 16, 17, 20, 23, 24, 25, 28, 31, 32};
    u8 len = random_u32() % 3 ? lens[random_u32() % 14] : (u8)(random_u32() % 33);
    u32 addr = random_addr() & prefix_mask(len);
    struct error e = {0};
    int there = oracle_find(o, addr, len);
    if (there >= 0 && there < ORACLE_FIXED)
        return;
    if (random_u32() % 100 < percent_add) {
        u32 if_no = 1 + random_u32() % (TEST_IFS - 1);
        struct fib_path path = fib_path_via(ip(1, 1, 1, 1), iface(if_no));
        assert_int_equal(fib_route_update(w->f, T0, prefix(be32_from_host(addr), len),
                                          FIB_SOURCE_CLI, &path, 1, &e),
                         0);
        struct oracle_route r = {addr, len, if_no};
        if (there < 0)
            vec_add(&o->routes, r);
        else
            o->routes.v[there] = r;
        check_lookup(w, o, addr);
    } else if (o->routes.n > ORACLE_FIXED) {
        u32 k = ORACLE_FIXED + random_u32() % (o->routes.n - ORACLE_FIXED);
        struct oracle_route r = o->routes.v[k];
        assert_int_equal(
            fib_route_delete(w->f, T0, prefix(be32_from_host(r.addr), r.len), FIB_SOURCE_CLI, &e),
            0);
        vec_del(&o->routes, k);
        check_lookup(w, o, r.addr);
    }
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
        for (u32 i = 0; i < 5; i++)
            check_lookup(&w, &o, random_addr());
        if (o.routes.n) { /* just inside and just outside of a route */
            struct oracle_route r = o.routes.v[random_u32() % o.routes.n];
            check_lookup(&w, &o, r.addr - 1);
            check_lookup(&w, &o, (r.addr | ~prefix_mask(r.len)) + 1);
        }
        if (round % 7 == 0)
            test_grace(&w);
    }
    while (o.routes.n > ORACLE_FIXED) {
        random_change(&w, &o, 0);
        check_lookup(&w, &o, random_addr());
    }
    test_grace(&w);
    /* what was given out came back */
    assert_int_equal(w.f->tries.blocks.n_used, blocks);
    assert_int_equal(w.f->entries.n_used, 6);
    assert_int_equal(w.f->lists.n_used, 1);
    assert_int_equal(w.f->adjs.n_used, ADJ_N_SPECIAL);
    assert_int_equal(w.f->lbs.n_bucket_words, 0);
    vec_free(&o.routes);
    test_world_close(&w);
}

struct walk {
    u32 n;
    u64 last;
};

static bool in_order(const struct fib_route *r, void *arg)
{
    struct walk *walk = arg;
    u64 key = (u64)be32_to_host(r->prefix.addr) << 6 | r->prefix.len;
    assert_true(!walk->n || key > walk->last);
    walk->last = key;
    walk->n++;
    return true;
}

static void a_walk_is_in_order_and_complete(void **state)
{
    struct test_world w;
    struct oracle o;
    struct walk walk = {0};
    oracle_init(&o);
    test_world_open(&w);
    srandom(9);
    for (u32 i = 0; i < 3000; i++)
        random_change(&w, &o, 80);
    u32 extra = oracle_find(&o, 0, 0) < 0; /* the default route, which drops */
    fib_table_walk(w.f, T0, in_order, &walk);
    assert_int_equal(walk.n, o.routes.n + extra);
    assert_int_equal(walk.n, fib_table_n_routes(w.f, T0));
    assert_int_equal(fib_table_flush(w.f, T0, FIB_SOURCE_CLI), o.routes.n - ORACLE_FIXED);
    assert_int_equal(fib_table_n_routes(w.f, T0), 5);
    vec_free(&o.routes);
    test_world_close(&w);
}

/* --- buckets --- */

static void check_shares(const u32 *weights, u32 n, u32 want_log2, const u32 *want)
{
    u32 counts[FIB_PATHS_MAX];
    assert_int_equal(lb_normalize(weights, n, counts), want_log2);
    for (u32 i = 0; i < n; i++)
        assert_int_equal(counts[i], want[i]);
}

static void buckets_are_shared_by_weight(void **state)
{
    check_shares((u32[]){1, 1}, 2, 1, (u32[]){1, 1});
    check_shares((u32[]){2, 1}, 2, 3, (u32[]){5, 3});
    check_shares((u32[]){3, 1}, 2, 2, (u32[]){3, 1});
    check_shares((u32[]){1, 1, 1}, 3, 4, (u32[]){6, 5, 5});
    check_shares((u32[]){1, 1, 1, 1}, 4, 2, (u32[]){1, 1, 1, 1});
    srandom(3);
    for (u32 round = 0; round < 2000; round++) {
        u32 n = 2 + random_u32() % (FIB_PATHS_MAX - 1), weights[FIB_PATHS_MAX],
            counts[FIB_PATHS_MAX], sum = 0;
        for (u32 i = 0; i < n; i++)
            weights[i] = 1 + random_u32() % 255;
        u32 log2 = lb_normalize(weights, n, counts);
        for (u32 i = 0; i < n; i++) {
            assert_true(counts[i] >= 1);
            sum += counts[i];
        }
        assert_int_equal(sum, 1u << log2);
    }
}

static void a_route_of_two_weights_has_eight_buckets(void **state)
{
    struct test_world w;
    test_world_open(&w);
    struct fib_path paths[] = {fib_path_via(ip(10, 10, 1, 1), iface(1)),
                               fib_path_via(ip(10, 10, 1, 50), iface(1))};
    paths[1].weight = 2;
    assert_int_equal(
        fib_route_update(w.f, T0, prefix(ip(10, 22, 0, 0), 16), FIB_SOURCE_CLI, paths, 2, NULL), 0);
    struct fib_route r;
    assert_true(fib_lookup(w.f, T0, ip(10, 22, 3, 4), &r));
    struct lb lb = lb_load(r.lb.i);
    assert_int_equal(lb.mask, 7);
    u32 a = adj_neighbor_find(w.f, ip(10, 10, 1, 50), iface(1)).i, n = 0;
    for (u32 h = 0; h < 8; h++)
        n += lb_pick(lb, h) == a;
    assert_int_equal(n, 5);
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
    struct fib_path spare = fib_path_via(ip(10, 10, 2, 1), iface(2));
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

/* --- recursion --- */

static void connect(struct test_world *w, be32 net, u8 len, u32 if_no)
{
    struct fib_path path = fib_path_special(FIB_PATH_ATTACHED);
    path.interface = iface(if_no);
    path.flags = FIB_PATH_GLEAN;
    path.next_hop = net;
    path.prefix_len = len;
    assert_int_equal(
        fib_route_update(w->f, T0, prefix(net, len), FIB_SOURCE_INTERFACE, &path, 1, NULL), 0);
}

static void via(struct test_world *w, be32 net, u8 len, be32 next_hop)
{
    struct fib_path path = fib_path_via(next_hop, IF_NONE);
    struct error e = {0};
    assert_int_equal(fib_route_update(w->f, T0, prefix(net, len), FIB_SOURCE_CLI, &path, 1, &e), 0);
}

static u32 resolve_if(struct test_world *w, be32 dst)
{
    struct adj_index a = fib_resolve(w->f, T0, dst, 0);
    return a.i < ADJ_N_SPECIAL ? 0 : adj_at(a.i)->tx_if.i;
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
    struct adj_index a = fib_resolve(w.f, T0, ip(10, 20, 1, 1), 0);
    assert_int_equal(adj_at(a.i)->head.kind, ADJ_KIND_INCOMPLETE);
    assert_true(be32_equal(adj_at(a.i)->next_hop, ip(10, 10, 1, 1)));
    /* something longer takes over, and gives back */
    struct fib_path path = fib_path_via(ip(10, 11, 0, 9), iface(2));
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
    assert_int_equal(w.f->entries.n_used, 6);
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
    assert_int_equal(w.f->entries.n_used, 6);
    assert_int_equal(w.f->vias.n_used, 0);
    assert_int_equal(w.f->lists.n_used, 1);
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
                struct fib_path path =
                    fib_path_via(ip(9, 9, 9, (u32)s->if_no), iface((u32)s->if_no));
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
    assert_int_equal(w.f->entries.n_used, 6);
    assert_int_equal(w.f->vias.n_used, 0);
    assert_int_equal(w.f->lists.n_used, 1);
    test_world_close(&w);
}

/* --- sources, neighbours, tables --- */

static void the_best_source_forwards(void **state)
{
    struct test_world w;
    test_world_open(&w);
    struct ip4_prefix p = prefix(ip(10, 5, 0, 0), 16);
    struct fib_path one = fib_path_via(ip(1, 1, 1, 1), iface(1)),
                    two = fib_path_via(ip(2, 2, 2, 2), iface(2)),
                    three = fib_path_via(ip(3, 3, 3, 3), iface(3));
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

static void a_neighbour_completes_its_adjacency(void **state)
{
    struct test_world w;
    static const u8 mac[6] = {2, 0, 0, 0, 0, 0x50};
    test_world_open(&w);
    be32 host = ip(10, 10, 1, 50);
    struct fib_path path = fib_path_via(host, iface(1));
    assert_int_equal(fib_route_update(w.f, T0, prefix(host, 32), FIB_SOURCE_ADJ, &path, 1, NULL),
                     0);
    assert_int_equal(resolve_if(&w, host), 0); /* nothing says that it is on that link */
    connect(&w, ip(10, 10, 1, 0), 24, 2);
    assert_int_equal(resolve_if(&w, host), 2); /* by the subnet, of another link */
    assert_int_equal(adj_at(fib_resolve(w.f, T0, host, 0).i)->head.kind, ADJ_KIND_GLEAN);
    connect(&w, ip(10, 10, 1, 0), 25, 1);
    assert_int_equal(resolve_if(&w, host), 1);
    struct adj_index a = adj_neighbor_find(w.f, host, iface(1));
    assert_int_equal(fib_resolve(w.f, T0, host, 0).i, a.i);
    assert_int_equal(adj_at(a.i)->head.lookup_next, FIB_NEXT_ARP);
    adj_neighbor_set(w.f, a, mac);
    assert_int_equal(adj_at(a.i)->head.lookup_next, FIB_NEXT_REWRITE);
    assert_int_equal(adj_at(a.i)->head.rewrite_len, 14);
    assert_int_equal(adj_at(a.i)->head.mtu, 1500);
    static const u8 rewrite[14] = {2, 0, 0, 0, 0, 0x50, 2, 0xfe, 0, 0, 0, 1, 8, 0};
    assert_memory_equal(adj_at(a.i)->rewrite, rewrite, 14);
    w.mtu[1] = 1400;
    fib_interface_changed(w.f, iface(1));
    assert_int_equal(adj_at(a.i)->head.mtu, 1400);
    adj_neighbor_set(w.f, a, NULL);
    assert_int_equal(adj_at(a.i)->head.lookup_next, FIB_NEXT_ARP);
    test_world_close(&w);
}

static void tables_come_and_go(void **state)
{
    struct test_world w;
    struct fib_index t, again;
    struct error e = {0};
    test_world_open(&w);
    assert_int_equal(fib_table_lock(w.f, 10, NULL, FIB_SOURCE_CLI, &t, &e), 0);
    assert_int_equal(t.i, 1);
    assert_int_equal(fib_table_n_routes(w.f, t), 5);
    struct fib_path path = fib_path_via(ip(1, 1, 1, 1), iface(1));
    assert_int_equal(
        fib_route_update(w.f, t, prefix(ip(10, 0, 0, 0), 8), FIB_SOURCE_CLI, &path, 1, &e), 0);
    assert_int_equal(fib_resolve(w.f, T0, ip(10, 1, 1, 1), 0).i, ADJ_DROP.i);
    assert_int_not_equal(fib_resolve(w.f, t, ip(10, 1, 1, 1), 0).i, ADJ_DROP.i);
    /* another table looks up in it, and goes through a next hop in it */
    struct fib_path lookup = fib_path_special(FIB_PATH_LOOKUP), through;
    lookup.table = t;
    assert_int_equal(
        fib_route_update(w.f, T0, prefix(ip(10, 0, 0, 0), 8), FIB_SOURCE_CLI, &lookup, 1, &e), 0);
    assert_int_equal(resolve_if(&w, ip(10, 1, 1, 1)), 1);
    through = fib_path_via(ip(10, 7, 7, 7), IF_NONE);
    through.table = t;
    assert_int_equal(
        fib_route_update(w.f, T0, prefix(ip(11, 0, 0, 0), 8), FIB_SOURCE_CLI, &through, 1, &e), 0);
    assert_int_equal(resolve_if(&w, ip(11, 1, 1, 1)), 1);

    fib_table_unlock(w.f, t, FIB_SOURCE_CLI);
    assert_int_equal(resolve_if(&w, ip(10, 1, 1, 1)), 0);
    assert_int_equal(resolve_if(&w, ip(11, 1, 1, 1)), 0);
    assert_false(fib_is_none(fib_table_find(w.f, 10))); /* empty, until nobody needs it */
    fib_table_flush(w.f, T0, FIB_SOURCE_CLI);
    assert_true(fib_is_none(fib_table_find(w.f, 10)));
    test_grace(&w);
    assert_int_equal(w.f->entries.n_used, 6);
    assert_int_equal(fib_table_lock(w.f, 77, "blue", FIB_SOURCE_API, &again, &e), 0);
    assert_int_equal(again.i, 1);
    assert_string_equal(fib_table_name(w.f, again), "blue");
    test_world_close(&w);
}

static void a_bad_route_is_refused(void **state)
{
    struct test_world w;
    struct error e = {0};
    test_world_open(&w);
    struct fib_path path = fib_path_via(ip(1, 1, 1, 1), iface(77));
    assert_int_equal(
        fib_route_update(w.f, T0, prefix(ip(10, 0, 0, 0), 33), FIB_SOURCE_CLI, &path, 1, &e),
        -EINVAL);
    assert_string_equal(e.text, "Invalid prefix len: 33");
    assert_int_equal(
        fib_route_update(w.f, T0, prefix(ip(10, 0, 0, 0), 8), FIB_SOURCE_CLI, &path, 1, &e),
        -EINVAL);
    path = fib_path_via((be32){0}, IF_NONE);
    assert_int_equal(
        fib_route_update(w.f, T0, prefix(ip(10, 0, 0, 0), 8), FIB_SOURCE_CLI, &path, 1, &e),
        -EINVAL);
    assert_int_equal(fib_table_n_routes(w.f, T0), 5);
    test_world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lookups_agree_with_a_list_of_prefixes),
        cmocka_unit_test(a_walk_is_in_order_and_complete),
        cmocka_unit_test(buckets_are_shared_by_weight),
        cmocka_unit_test(a_route_of_two_weights_has_eight_buckets),
        cmocka_unit_test(a_next_hop_follows_what_covers_it),
        cmocka_unit_test(circles_drop_until_they_open),
        cmocka_unit_test(recursion_agrees_with_a_slow_resolver),
        cmocka_unit_test(the_best_source_forwards),
        cmocka_unit_test(a_neighbour_completes_its_adjacency),
        cmocka_unit_test(tables_come_and_go),
        cmocka_unit_test(a_bad_route_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
