/* Readers look up while the control thread changes routes: no packet of a route that stays is ever
 * lost or led astray, whatever comes and goes around it. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "net/ip/fib/fib_test.h"

#define READERS 2
#define CHANGES 1000

/* Grace periods as the engine has them: each reader tells when it holds nothing. */
struct reader {
    pthread_t thread;
    u64 passed; /* rounds that it has finished */
    u64 lookups, astray;
};

static struct reader readers[READERS];
static u32 stop;

/* Destinations below 10.0.0.0/8 leave by interface 1, or by 2 where something longer was added; by
 * 7 below 11.0.0.0/8, through recursion. */
static bool is_right(u32 dst, u32 if_no)
{
    return dst >> 24 == 10 ? if_no == 1 || if_no == 2 : if_no == 7;
}

static u32 threads_lookup(u32 dst)
{
    struct ip_address a = address(be32_from_host(dst));
    const struct fib_table_data *t = fib_table_data(T0);
    return test_family == IP_FAMILY_4 ? ip4_trie_lookup(t, dst) : ip6_trie_lookup(t, &a);
}

static u32 follow(u32 dst)
{
    u32 lb = threads_lookup(dst);
    for (u32 depth = 0; depth < 4; depth++) {
        const struct adj *a = adj_at(lb_pick(lb_load(lb), dst));
        if (adj_head(a).kind != ADJ_KIND_LB)
            return a->tx_if.i;
        lb = (u32)a->data;
    }
    return 0;
}

static void *read_on(void *arg)
{
    struct reader *r = arg;
    u32 random = 12345u + (u32)(r - readers);
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        for (u32 i = 0; i < 64; i++) {
            random = random * 1103515245u + 12345u;
            u32 dst = (random >> 8 & 0x00ffffff) | (random & 1 ? 0x0a000000 : 0x0b000000);
            r->lookups++;
            r->astray += !is_right(dst, follow(dst));
        }
        __atomic_store_n(&r->passed, r->passed + 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

static void wait_for_readers(void)
{
    for (u32 i = 0; i < READERS; i++) {
        u64 now = __atomic_load_n(&readers[i].passed, __ATOMIC_ACQUIRE);
        while (__atomic_load_n(&readers[i].passed, __ATOMIC_ACQUIRE) < now + 2)
            sched_yield();
    }
}

static void change(struct test_world *w, u32 k)
{
    static const u8 lens[] = {9, 12, 16, 17, 20, 24, 25, 28, 32};
    struct fib_index t = T0;
    u8 len = lens[(u32)random() % array_len(lens)];
    u32 addr = (0x0a000000 | ((u32)random() & 0x00ffffff)) & prefix_mask(len);
    struct fib_path paths[] = {path_via(ip(2, 2, 2, (u32)random() % 8), iface(2)),
                               path_via(ip(2, 2, 2, 9), iface(2))};
    int rc = fib_route_update(w->f, t, prefix(be32_from_host(addr), len), FIB_SOURCE_CLI, paths,
                              1 + (u32)random() % 2, NULL);
    assert_int_equal(rc, 0);
    if (k % 3)
        rc = fib_route_delete(w->f, t, prefix(be32_from_host(addr), len), FIB_SOURCE_CLI, NULL);
    assert_int_equal(rc, 0);
    /* the next hop of 11.0.0.0/8 gets an entry of its own, and loses it */
    struct fib_path seven = path_via(ip(7, 7, 7, k % 4), iface(7));
    if (k % 7 == 0)
        rc =
            fib_route_update(w->f, t, prefix(ip(77, 0, 0, 1), 32), FIB_SOURCE_CLI, &seven, 1, NULL);
    else if (k % 7 == 3)
        rc = fib_route_delete(w->f, t, prefix(ip(77, 0, 0, 1), 32), FIB_SOURCE_CLI, NULL);
    assert_int_equal(rc, 0);
}

#define MORE_ROUTES 5000

/* So many below 30.0.0.0/8 that a table of IPv6 is another at its top. */
static void add_many(struct test_world *w, const struct fib_path *path)
{
    for (u32 i = 0; i < MORE_ROUTES; i++) {
        struct ip_prefix p = prefix(ip(30, i >> 8, i & 255, 0), 24);
        assert_int_equal(fib_route_update(w->f, T0, p, FIB_SOURCE_CLI, path, 1, NULL), 0);
    }
    assert_true(test_family == IP_FAMILY_4 || fib_table_data(T0)->ip6_wide);
}

static void no_packet_is_lost_while_routes_change(void **state)
{
    struct test_world w;
    test_world_open(&w);
    struct fib_index t = T0;
    struct fib_path one = path_via(ip(1, 1, 1, 1), iface(1)),
                    seven = path_via(ip(7, 7, 7, 7), iface(7)),
                    recursive = path_via(ip(77, 0, 0, 1), IF_NONE);
    assert_int_equal(
        fib_route_update(w.f, t, prefix(ip(10, 0, 0, 0), 8), FIB_SOURCE_CLI, &one, 1, NULL), 0);
    assert_int_equal(
        fib_route_update(w.f, t, prefix(ip(77, 0, 0, 0), 8), FIB_SOURCE_CLI, &seven, 1, NULL), 0);
    assert_int_equal(
        fib_route_update(w.f, t, prefix(ip(11, 0, 0, 0), 8), FIB_SOURCE_CLI, &recursive, 1, NULL),
        0);
    stop = 0;
    memset(readers, 0, sizeof(readers));
    for (u32 i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
    srandom(5);
    for (u32 k = 0; k < CHANGES; k++) {
        change(&w, k);
        if (k == CHANGES / 2)
            add_many(&w, &seven);
        if (k % 50 == 0 && w.calls.n) {
            wait_for_readers();
            test_grace(&w);
        }
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (u32 i = 0; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_true(readers[i].lookups > 1000);
        assert_int_equal(readers[i].astray, 0);
    }
    test_world_close(&w);
}

static void nor_of_ip6(void **state)
{
    test_family = IP_FAMILY_6;
    no_packet_is_lost_while_routes_change(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_packet_is_lost_while_routes_change),
        cmocka_unit_test(nor_of_ip6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
