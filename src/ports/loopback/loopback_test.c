/* Loopbacks in process: what they send they receive, instances, addresses, and BVIs apart from
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "control/api.h"
#include "net/ip/ip4/ip4_world.h"
#include "net/l2/l2.h"
#include "net/link/interface/interface_api.h"
#include "net/link/vlan/vlan.h"
#include "ports/loopback/loopback.h"

static const struct module *const modules[] = {&api_module,
                                               &interface_api_module,
                                               &ethernet_module,
                                               &ip4_arcs_module,
                                               &fib_module,
                                               &address_module,
                                               &ip4_module,
                                               &vlan_module,
                                               &l2_module,
                                               &loopback_module,
                                               NULL};

static struct error err;

static int setup(void **state)
{
    world_open(modules);
    world_catch("ip4-input");
    world_catch("arp-input");
    return 0;
}

static int teardown(void **state)
{
    world_close();
    return 0;
}

static struct interface *at(struct if_index i)
{
    return interface_at(&world.p, i);
}

static void what_is_sent_comes_back(void **state)
{
    static const u8 frame[64] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,   0,
                                 0,    0,    0,    9,    0x08, 0x00, 0x45};
    struct if_index loop;
    assert_int_equal(loopback_create(&world.p, NULL, UINT32_MAX, &loop, &err), 0);
    assert_int_equal(interface_set_admin(&world.p, loop, true, &err), 0);
    assert_true(interface_is_up(at(loop)));
    struct buffer *b = world_packet(frame, sizeof(frame));
    b->tx_if = loop;
    world_run("loop0-output", b);
    assert_int_equal(world.n_caught, 1);
    assert_true(if_equal(buffer_at(world.caught[0].bi)->rx_if, loop));
    assert_int_equal(counter_get_pair(if_counters[IF_RX], loop.i).bytes, sizeof(frame));
    world_free_caught();
    assert_int_equal(world_buffers_used(), 0);
}

static void instances(void **state)
{
    static const u8 mac[6] = {2, 0, 0, 0, 0, 7}, of_third[6] = {0xde, 0xad, 0, 0, 0, 3};
    struct if_index a, b, c;
    assert_int_equal(loopback_create(&world.p, mac, UINT32_MAX, &a, &err), 0);
    assert_string_equal(at(a)->name, "loop0");
    assert_memory_equal(at(a)->mac, mac, 6);
    assert_int_equal(loopback_create(&world.p, NULL, 3, &b, &err), 0);
    assert_memory_equal(at(b)->mac, of_third, 6);
    assert_int_not_equal(loopback_create(&world.p, NULL, 3, &c, &err), 0);
    assert_int_equal(loopback_delete(&world.p, a, &err), 0);
    assert_null(interface_find(&world.p, "loop0"));
    assert_int_equal(loopback_create(&world.p, NULL, UINT32_MAX, &c, &err), 0);
    assert_string_equal(at(c)->name, "loop0");
}

static void a_bvi_is_no_loopback(void **state)
{
    struct if_index bvi, loop;
    assert_int_equal(bvi_create(&world.p, NULL, 0, &bvi, &err), 0);
    assert_int_equal(loopback_create(&world.p, NULL, 0, &loop, &err), 0);
    assert_string_equal(at(bvi)->name, "bvi0");
    assert_int_equal(loopback_delete(&world.p, bvi, &err), -EINVAL);
    assert_int_equal(bvi_delete(&world.p, loop, &err), -EINVAL);
    assert_int_equal(bvi_delete(&world.p, bvi, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_sent_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(instances, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bvi_is_no_loopback, setup, teardown),
    };
    return cmocka_run_group_tests_name("loopback", tests, NULL, NULL);
}
