/* Routes through next hops that other routes lead to, against a slow resolver. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "net/ip/fib/fib_test.h"

static void a_next_hop_follows_what_covers_it(void **state)
{
    struct test_world w;
    test_world_open(&w);
    test_via(&w, ip(10, 20, 0, 0), 16, ip(10, 10, 1, 1));
    assert_int_equal(test_resolve_if(&w, ip(10, 20, 1, 1)), 0);
    test_connect(&w, T0, ip(10, 10, 1, 0), 24, 1);
    assert_int_equal(test_resolve_if(&w, ip(10, 20, 1, 1)), 1);
    /* through the neighbour, not by asking the link for the destination */
    struct adj_index a = test_resolve(&w, T0, ip(10, 20, 1, 1));
    assert_int_equal(adj_at(a.i)->head.kind, ADJ_KIND_INCOMPLETE);
    assert_true(be32_equal(adj_address(a.i)->ip4, ip(10, 10, 1, 1)));
    /* something longer takes over, and gives back */
    test_route(&w, T0, ip(10, 10, 1, 0), 28, FIB_SOURCE_CLI, path_via(ip(10, 11, 0, 9), iface(2)));
    assert_int_equal(test_resolve_if(&w, ip(10, 20, 1, 1)), 2);
    assert_int_equal(fib_route_delete(w.f, T0, prefix(ip(10, 10, 1, 0), 28), FIB_SOURCE_CLI, NULL),
                     0);
    assert_int_equal(test_resolve_if(&w, ip(10, 20, 1, 1)), 1);
    /* recursion over recursion, through the default route */
    test_via(&w, ip(0, 0, 0, 0), 0, ip(10, 20, 5, 5));
    assert_int_equal(test_resolve_if(&w, ip(99, 1, 1, 1)), 1);
    test_set_down(&w, 1, true);
    assert_int_equal(test_resolve_if(&w, ip(10, 20, 1, 1)), 0);
    assert_int_equal(test_resolve_if(&w, ip(99, 1, 1, 1)), 0);
    test_set_down(&w, 1, false);
    assert_int_equal(test_resolve_if(&w, ip(99, 1, 1, 1)), 1);
    w.present[1] = false;
    fib_interface_deleted(w.f, iface(1));
    w.present[1] = true;
    fib_interface_changed(w.f, iface(1)); /* another one with the same index */
    assert_int_equal(test_resolve_if(&w, ip(99, 1, 1, 1)), 0);
    test_world_end(&w);
}

static void circles_drop_until_they_open(void **state)
{
    struct test_world w;
    test_world_open(&w);
    test_via(&w, ip(10, 1, 0, 0), 16, ip(10, 1, 1, 1)); /* through itself */
    assert_int_equal(test_resolve_if(&w, ip(10, 1, 2, 3)), 0);
    test_via(&w, ip(10, 2, 0, 0), 16, ip(10, 3, 1, 1));
    test_via(&w, ip(10, 3, 0, 0), 16, ip(10, 4, 1, 1));
    test_via(&w, ip(10, 4, 0, 0), 16, ip(10, 2, 1, 1));
    assert_int_equal(test_resolve_if(&w, ip(10, 2, 2, 3)), 0);
    assert_int_equal(test_resolve_if(&w, ip(10, 4, 2, 3)), 0);
    test_connect(&w, T0, ip(10, 3, 1, 0), 24, 3); /* opens it */
    assert_int_equal(test_resolve_if(&w, ip(10, 2, 2, 3)), 3);
    assert_int_equal(test_resolve_if(&w, ip(10, 4, 2, 3)), 3);
    assert_int_equal(test_resolve_if(&w, ip(10, 3, 2, 3)), 3);
    assert_int_equal(
        fib_route_delete(w.f, T0, prefix(ip(10, 3, 1, 0), 24), FIB_SOURCE_INTERFACE, NULL), 0);
    assert_int_equal(test_resolve_if(&w, ip(10, 3, 2, 3)), 0);
    /* a configured host route among next hops closes a circle, too */
    test_via(&w, ip(10, 3, 1, 1), 32, ip(10, 4, 7, 7));
    assert_int_equal(test_resolve_if(&w, ip(10, 2, 2, 3)), 0);
    test_connect(&w, T0, ip(10, 4, 0, 0), 20, 4);
    assert_int_equal(test_resolve_if(&w, ip(10, 2, 2, 3)), 4);
    test_world_end(&w);
}

/* Random routes through next hops within each other, against a slow resolver. */
struct slow_route {
    u32 addr;
    u8 len;
    u8 if_no; /* 0: recursive */
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
                test_route(&w, T0, be32_from_host(addr), len, FIB_SOURCE_CLI,
                           path_via(ip(9, 9, 9, (u32)s->if_no), iface((u32)s->if_no)));
            } else {
                s->next_hop = 0x0a000000 | (random_u32() & 0x00010101);
                test_via(&w, be32_from_host(addr), len, be32_from_host(s->next_hop));
            }
        }
        for (u32 i = 0; i < 16; i++) {
            u32 addr = 0x0a000000 | (random_u32() & 0x00010101);
            assert_int_equal(test_resolve_if(&w, be32_from_host(addr)),
                             slow_resolve(r, 12, addr, 0));
        }
        if (round % 3 == 0)
            test_grace(&w);
    }
    test_world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_next_hop_follows_what_covers_it),
        cmocka_unit_test(circles_drop_until_they_open),
        cmocka_unit_test(recursion_agrees_with_a_slow_resolver),
    };
    return TEST_RUN_BOTH(tests);
}
