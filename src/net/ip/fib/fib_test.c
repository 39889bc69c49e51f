/* Routes and their tables: against a slow oracle; sources, neighbours, tables that come and go. */
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
    u64 trie_bytes = w.f->tries.slabs.used_bytes;
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
    assert_int_equal(w.f->tries.slabs.used_bytes, trie_bytes);
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
    assert_int_equal(test_resolve_if(&w, ip(10, 5, 1, 1)), 1);
    struct fib_route r;
    assert_true(fib_lookup_exact(w.f, T0, p, &r));
    assert_int_equal(r.source, FIB_SOURCE_API);
    assert_int_equal(fib_route_delete(w.f, T0, p, FIB_SOURCE_API, NULL), 0);
    assert_int_equal(test_resolve_if(&w, ip(10, 5, 1, 1)), 2);
    assert_int_equal(fib_route_delete(w.f, T0, p, FIB_SOURCE_API, NULL), -ENOENT);
    assert_int_equal(fib_route_delete(w.f, T0, p, FIB_SOURCE_CLI, NULL), 0);
    assert_int_equal(test_resolve_if(&w, ip(10, 5, 1, 1)), 3);
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
    assert_int_equal(test_resolve_if(&w, addr), 0); /* nothing says that it is on that link */
    test_connect(&w, T0, ip(10, 10, 1, 0), 24, 2);
    assert_int_equal(test_resolve_if(&w, addr), 2); /* by the subnet, of another link */
    assert_int_equal(adj_at(test_resolve(&w, T0, addr).i)->head.kind, ADJ_KIND_GLEAN);
    test_connect(&w, T0, ip(10, 10, 1, 0), 25, 1);
    assert_int_equal(test_resolve_if(&w, addr), 1);
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
    assert_int_equal(test_resolve_if(&w, ip(10, 1, 1, 1)), 1);
    through = path_via(ip(10, 7, 7, 7), IF_NONE);
    through.table = t;
    assert_int_equal(
        fib_route_update(w.f, T0, prefix(ip(11, 0, 0, 0), 8), FIB_SOURCE_CLI, &through, 1, &e), 0);
    assert_int_equal(test_resolve_if(&w, ip(11, 1, 1, 1)), 1);

    fib_table_unlock(w.f, t, FIB_SOURCE_CLI);
    assert_int_equal(test_resolve_if(&w, ip(10, 1, 1, 1)), 0);
    assert_int_equal(test_resolve_if(&w, ip(11, 1, 1, 1)), 0);
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

static u32 classify_holds;

static bool has_classifier_table(u32 table)
{
    return table == 5;
}

static void hold_classifier_table(struct piste *p, u32 table)
{
    assert_int_equal(table, 5);
    classify_holds++;
}

static void release_classifier_table(struct piste *p, u32 table)
{
    assert_int_equal(table, 5);
    classify_holds--;
}

/* However many routes lead to it, in whatever company. */
static void a_classifier_table_is_held_by_its_routes(void **state)
{
    static const struct fib_classifier c = {
        {{1}, {2}}, has_classifier_table, hold_classifier_table, release_classifier_table};
    struct test_world w;
    test_world_open(&w);
    struct error e = {0};
    struct ip_prefix net = prefix(ip(10, 0, 0, 0), 8);
    struct fib_path path = fib_path_special(FIB_PATH_CLASSIFY);
    path.classify_table = 5;
    assert_int_equal(fib_route_update(w.f, T0, net, FIB_SOURCE_CLI, &path, 1, &e), -EINVAL);
    fib_set_classifier(w.f, &c);
    test_route(&w, T0, ip(10, 0, 0, 0), 8, FIB_SOURCE_CLI, path);
    test_route(&w, T0, ip(11, 0, 0, 0), 8, FIB_SOURCE_CLI, path);
    struct fib_path other = path_via(ip(1, 1, 1, 1), iface(1));
    assert_int_equal(fib_route_path_add(w.f, T0, net, FIB_SOURCE_CLI, &other, 1, &e), 0);
    assert_int_equal(classify_holds, 1);
    struct adj_index a = test_resolve(&w, T0, ip(11, 1, 1, 1));
    assert_int_equal(adj_at(a.i)->head.kind, ADJ_KIND_CLASSIFY);
    assert_int_equal(adj_at(a.i)->data, 5);
    path.classify_table = 6;
    assert_int_equal(fib_route_update(w.f, T0, net, FIB_SOURCE_CLI, &path, 1, &e), -EINVAL);
    assert_int_equal(fib_route_delete(w.f, T0, net, FIB_SOURCE_CLI, &e), 0);
    assert_int_equal(classify_holds, 1);
    test_route(&w, T0, ip(11, 0, 0, 0), 8, FIB_SOURCE_CLI, other);
    assert_int_equal(classify_holds, 0);
    test_world_end(&w);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lookups_agree_with_a_list_of_prefixes),
        cmocka_unit_test(a_walk_is_in_order_and_complete),
        cmocka_unit_test(the_best_source_forwards),
        cmocka_unit_test(a_neighbour_completes_its_adjacency),
        cmocka_unit_test(a_neighbour_serves_both_protocols),
        cmocka_unit_test(tables_come_and_go),
        cmocka_unit_test(private_tables_have_no_id),
        cmocka_unit_test(a_classifier_table_is_held_by_its_routes),
        cmocka_unit_test(a_bad_route_is_refused),
    };
    return TEST_RUN_BOTH(tests);
}
