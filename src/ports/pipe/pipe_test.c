/* Pipes in process: what is sent by one end is received by the other, instances, admin states,
 * deletion. */
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
#include "ports/pipe/pipe.h"

static const struct module *const modules[] = {&api_module,
                                               &interface_api_module,
                                               &ethernet_module,
                                               &ip4_arcs_module,
                                               &fib_module,
                                               &address_module,
                                               &ip4_module,
                                               &vlan_module,
                                               &l2_module,
                                               &pipe_module,
                                               NULL};

static struct if_index parent, end[2];
static struct error err;

static int setup(void **state)
{
    world_open(modules);
    world_catch("ip4-input");
    world_catch("arp-input");
    return pipe_create(&world.p, UINT32_MAX, &parent, end, &err);
}

static int teardown(void **state)
{
    world_close();
    return 0;
}

static void up(struct if_index i, bool is_up)
{
    assert_int_equal(interface_set_admin(&world.p, i, is_up, &err), 0);
}

/* A frame of IPv4 to everybody leaves by interface i. */
static void send_by(struct if_index i)
{
    static const u8 frame[64] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,   0,
                                 0,    0,    0,    9,    0x08, 0x00, 0x45};
    struct buffer *b = world_packet(frame, sizeof(frame));
    char node[IF_NAME_BYTES + 8];
    snprintf(node, sizeof(node), "%s-output", interface_at(&world.p, i)->name);
    b->tx_if = i;
    world_run(node, b);
}

static u32 caught_from(struct if_index i)
{
    u32 n = 0;
    for (u32 k = 0; k < world.n_caught; k++) {
        assert_string_equal(world.caught[k].node, "ip4-input");
        n += if_equal(buffer_at(world.caught[k].bi)->rx_if, i);
    }
    world_free_caught();
    return n;
}

static void what_one_end_sends_the_other_receives(void **state)
{
    up(end[0], true);
    up(end[1], true);
    for (u32 k = 0; k < 2; k++) {
        send_by(end[k]);
        assert_int_equal(caught_from(end[!k]), 1);
        assert_int_equal(counter_get_pair(if_counters[IF_TX], end[k].i).packets, 1);
        assert_int_equal(counter_get_pair(if_counters[IF_RX], end[!k].i).packets, 1);
    }
    assert_int_equal(world_buffers_used(), 0);
}

static void an_end_that_is_down_receives_nothing(void **state)
{
    up(end[0], true);
    send_by(end[0]);
    assert_int_equal(world.n_caught, 0);
    up(parent, true); /* both */
    send_by(end[0]);
    assert_int_equal(caught_from(end[1]), 1);
    up(parent, false);
    send_by(end[1]);
    assert_int_equal(world.n_caught, 0);
    assert_int_equal(world_buffers_used(), 0);
}

static void instances(void **state)
{
    struct if_index other, ends[2];
    assert_string_equal(interface_at(&world.p, parent)->name, "pipe0");
    assert_string_equal(interface_at(&world.p, end[1])->name, "pipe0.1");
    assert_int_equal(pipe_create(&world.p, 0, &other, ends, &err), -EEXIST);
    assert_int_equal(pipe_create(&world.p, 1u << 20, &other, ends, &err), -EINVAL);
    assert_int_equal(pipe_create(&world.p, 2, &other, ends, &err), 0);
    assert_int_equal(pipe_delete(&world.p, ends[0], &err),
                     -EINVAL); /* by the pipe, not by an end */
    assert_int_equal(pipe_delete(&world.p, other, &err), 0);
    assert_null(interface_find(&world.p, "pipe2.0"));
    assert_int_equal(pipe_create(&world.p, UINT32_MAX, &other, ends, &err),
                     0); /* the lowest that is free */
    assert_string_equal(interface_at(&world.p, other)->name, "pipe1");
}

static void a_name_that_is_taken_leaves_nothing(void **state)
{
    struct if_index other, ends[2];
    world_interface("pipe1.1", (const u8[6]){2, 0, 0, 0, 0, 5});
    assert_int_equal(pipe_create(&world.p, 1, &other, ends, &err), -EEXIST);
    assert_null(interface_find(&world.p, "pipe1"));
    assert_null(interface_find(&world.p, "pipe1.0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_one_end_sends_the_other_receives, setup, teardown),
        cmocka_unit_test_setup_teardown(an_end_that_is_down_receives_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(instances, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_that_is_taken_leaves_nothing, setup, teardown),
    };
    return cmocka_run_group_tests_name("pipe", tests, NULL, NULL);
}
