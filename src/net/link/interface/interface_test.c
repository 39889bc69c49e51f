/* Interfaces in process: names, states, MTUs, counters, their nodes and features, deletion while
 * packets pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/byteorder.h"
#include "control/cli.h"
#include "control/loop.h"
#include "control/module.h"
#include "engine/engine.h"
#include "net/link/ethernet/ethernet.h"
#include "net/packet/ethernet_packet.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_tx.h"

static struct piste p;
static u32 sent;   /* packets that reached a port */
static u32 refuse; /* what the port says to the next change: an errno */

static void sink_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    sent += count;
    for (u32 i = 0; i < count; i++) {
        buffer_free_one(t, buffer_index(b[i]));
        next[i] = NEXT_CONSUMED;
    }
}

static int change(struct error *e)
{
    return refuse ? error_set(e, (int)refuse, "the port says no") : 0;
}

static int set_admin(void *port, bool up, struct error *e)
{
    (void)port, (void)up;
    return change(e);
}

static int set_mac(void *port, const u8 mac[6], struct error *e)
{
    (void)port, (void)mac;
    return change(e);
}

static int set_mtu(void *port, u32 bytes, struct error *e)
{
    (void)port, (void)bytes;
    return change(e);
}

static u64 counted[2];

static void counts(void *port, if_count_fn *tell, void *to)
{
    tell(to, "frames in", counted[0]);
    tell(to, "frames out", counted[1]);
}

static const struct node_def port_tx = {.name = "test-tx", .run = {sink_run}};
static const struct if_class port_class = {.name = "test",
                                           .tx = &port_tx,
                                           .set_admin = set_admin,
                                           .set_mac = set_mac,
                                           .set_mtu = set_mtu,
                                           .counts = counts};

static const struct node_def catch_ip4 = {.name = "ip4-input", .run = {sink_run}};
static const struct node_def catch_arp = {.name = "arp-input", .run = {sink_run}};

static int setup(void **state)
{
    struct error e = {0};
    memset(&p, 0, sizeof(p));
    sent = refuse = 0;
    p.loop = loop_new(&e);
    p.cli = cli_new(&p);
    p.modules = modules_new(&p);
    modules_on_init(p.modules, engine_add_module);
    if (modules_add(p.modules, &engine_module, NULL, &e) ||
        modules_add(p.modules, &interface_module, NULL, &e) ||
        modules_add(p.modules, &ethernet_module, NULL, &e) || modules_init(p.modules, &e))
        return -1;
    node_register(p.engine, &catch_ip4, NULL, NULL);
    node_register(p.engine, &catch_arp, NULL, NULL);
    return 0;
}

static int teardown(void **state)
{
    modules_stop(p.modules);
    modules_free(p.modules);
    cli_free(p.cli);
    loop_free(p.loop);
    return 0;
}

static const u8 our_mac[6] = {2, 0, 0, 0, 0, 1};

static struct if_index make(const char *name, u32 caps)
{
    struct if_index i;
    struct error e = {0};
    struct if_new_args a = {.name = name, .cls = &port_class, .mac = our_mac, .caps = caps};
    assert_int_equal(interface_new(&p, &a, &i, &e), 0);
    return i;
}

#define ALL_CAPS IF_CAP_TX_ALL

static void hardware_has(const char *words, const char *line, bool has)
{
    char command[64], *out;
    snprintf(command, sizeof(command), "show hardware-interfaces %s a", words);
    assert_int_equal(cli_run(p.cli, command, OUT_TEXT, &out), 0);
    if (!!strstr(out, line) != has)
        fail_msg("`%s' in %s", line, out);
    free(out);
}

static void test_what_the_device_is_and_counts(void **state)
{
    struct if_index i = make("a", IF_CAP_TSO4 | IF_CAP_RX_VLAN);
    char *out;
    counted[0] = 7, counted[1] = 0;
    hardware_has("", "  Link speed: unknown\n", true);
    interface_set_speed(&p, i, 25000000);
    hardware_has("", "  Link speed: 25 Gbps\n", true);
    hardware_has("", "frames in", false);
    hardware_has("verbose", "  Offloads: tso4 rx-vlan\n", true);
    hardware_has(
        "verbose",
        "  Device counters:\n    frames in                                              7\n", true);
    hardware_has("verbose", "frames out", false);
    assert_int_equal(cli_run(p.cli, "clear hardware-interfaces a", OUT_TEXT, &out), 0);
    free(out);
    hardware_has("verbose", "frames in", false);
    counted[0] = 9, counted[1] = 1;
    hardware_has("verbose", "    frames in                                              2\n", true);
    hardware_has("verbose", "    frames out                                             1\n", true);
    counted[0] = 3; /* the device began anew */
    hardware_has("verbose", "    frames in                                              3\n", true);
}

static void test_names_are_unique_and_found(void **state)
{
    struct error e = {0};
    struct if_index a = make("a", ALL_CAPS), b = make("b", ALL_CAPS), i;
    struct if_new_args again = {.name = "a", .cls = &port_class, .mac = our_mac};
    struct if_new_args empty = {.name = "", .cls = &port_class, .mac = our_mac};
    assert_int_equal(interface_new(&p, &again, &i, &e), -EEXIST);
    assert_int_equal(interface_new(&p, &empty, &i, &e), -EINVAL);
    static const u8 bad[][6] = {{0}, {1, 0, 0, 0, 0, 9}};
    for (u32 k = 0; k < array_len(bad); k++) {
        struct if_new_args args = {.name = "c", .cls = &port_class, .mac = bad[k]};
        assert_int_equal(interface_new(&p, &args, &i, &e), -EINVAL);
    }
    assert_ptr_equal(interface_find(&p, "b"), interface_at(&p, b));
    assert_int_equal(interface_rename(&p, a, "b", &e), -EEXIST);
    assert_int_equal(interface_rename(&p, a, "z", &e), 0);
    assert_null(interface_find(&p, "a"));
    assert_ptr_equal(interface_find(&p, "z"), interface_at(&p, a));
    struct interface **list;
    assert_int_equal(interface_list_sorted(&p, &list), 2);
    assert_string_equal(list[0]->name, "b");
    free(list);
    interface_delete(&p, a);
    assert_null(interface_at(&p, a));
    assert_int_equal(make("c", ALL_CAPS).i, a.i); /* the lowest index is used again */
}

static void test_a_refusal_changes_nothing(void **state)
{
    struct error e = {0};
    struct if_index i = make("a", ALL_CAPS);
    struct interface *f = interface_at(&p, i);
    static const u8 other[6] = {2, 0, 0, 0, 0, 9}, group[6] = {1, 0, 0, 0, 0, 9};
    u32 mtu = f->mtu[IF_MTU_L3];
    refuse = EPERM;
    assert_int_equal(interface_set_admin(&p, i, true, &e), -EPERM);
    assert_int_equal(interface_set_mac(&p, i, other, &e), -EPERM);
    assert_int_equal(interface_set_hw_mtu(&p, i, 1400, &e), -EPERM);
    refuse = 0;
    assert_int_equal(interface_set_mac(&p, i, group, &e), -EINVAL);
    assert_int_equal(interface_set_hw_mtu(&p, i, 63, &e), -EINVAL);
    assert_int_equal(interface_set_hw_mtu(&p, i, 65536, &e), -EINVAL);
    assert_int_equal(interface_set_mtu(&p, i, IF_MTU_L3, 63, &e), -EINVAL);
    assert_false(f->admin_up);
    assert_memory_equal(f->mac, our_mac, 6);
    assert_int_equal(f->mtu[IF_MTU_L3], mtu);
}

static void test_mtus_follow_layer_3(void **state)
{
    struct error e = {0};
    struct if_index i = make("a", ALL_CAPS);
    struct interface *f = interface_at(&p, i);
    assert_int_equal(interface_set_hw_mtu(&p, i, 1500, &e), 0);
    assert_int_equal(interface_mtu(f, IF_MTU_IP4), 1500);
    assert_int_equal(interface_set_mtu(&p, i, IF_MTU_IP4, 1300, &e), 0);
    assert_int_equal(interface_mtu(f, IF_MTU_IP4), 1300);
    assert_int_equal(interface_mtu(f, IF_MTU_IP6), 1500);
    assert_int_equal(if_data(i)->mtu_ip4, 1300);
    assert_int_equal(interface_set_mtu(&p, i, IF_MTU_IP4, 0, &e), 0);
    assert_int_equal(if_data(i)->mtu_ip4, 1500);
    /* what was asked for is kept, also when the link takes less, or nothing was */
    static const u32 asked[] = {9000, 0};
    for (u32 k = 0; k < array_len(asked); k++) {
        assert_int_equal(interface_set_mtu(&p, i, IF_MTU_L3, asked[k], &e), 0);
        assert_int_equal(interface_shown_mtu(f, IF_MTU_L3), asked[k]);
        assert_int_equal(if_data(i)->mtu_ip4, 1500);
    }
}

/* --- packets --- */

static const u8 group_mac[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                foreign_mac[6] = {2, 0, 0, 0, 0, 7};

/* Sends a frame into a node and lets it run. */
static void feed(const char *node, struct if_index rx, const u8 *dst, u16 type, u32 len)
{
    struct thread *t = engine_main_thread(p.engine);
    struct node_index to;
    u32 bi;
    assert_true(node_find(p.engine, node, &to));
    assert_int_equal(buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1), 1);
    struct buffer *b = buffer_at(bi);
    u8 *frame = buffer_current(b);
    memset(frame, 0, 64);
    memcpy(frame, dst, 6);
    put_be16(frame + 12, type);
    b->len = (u16)len;
    b->rx_if = rx;
    b->tx_if = rx;
    assert_int_equal(thread_handoff(engine_main_thread(p.engine), 1, to, &bi, 1), 1);
    engine_round(p.engine, 1);
}

static u64 dropped(struct if_index i)
{
    return counter_get(if_counters[IF_DROP], i.i);
}

static void test_ethernet_input_takes_what_is_ours(void **state)
{
    struct error e = {0};
    struct if_index i = make("a", ALL_CAPS);
    feed("ethernet-input", i, our_mac, ETHERTYPE_IP4, 60);
    assert_int_equal(dropped(i), 1); /* the interface is down */
    assert_int_equal(interface_set_admin(&p, i, true, &e), 0);
    feed("ethernet-input", i, our_mac, ETHERTYPE_IP4, 60);
    feed("ethernet-input", i, group_mac, ETHERTYPE_ARP, 60);
    assert_int_equal(sent, 2);
    feed("ethernet-input", i, foreign_mac, ETHERTYPE_IP4, 60);
    feed("ethernet-input", i, our_mac, 0x88b5, 60);
    feed("ethernet-input", i, our_mac, 100, 60);
    feed("ethernet-input", i, our_mac, ETHERTYPE_IP4, 13);
    feed("ethernet-input", i, our_mac, ETHERTYPE_IP4, 0);
    assert_int_equal(sent, 2);
    assert_int_equal(dropped(i), 5);
    assert_int_equal(counter_get(if_counters[IF_PUNT], i.i), 1); /* for another station */
}

static void test_output_counts_and_refuses_when_down(void **state)
{
    struct error e = {0};
    struct if_index i = make("a", ALL_CAPS);
    feed("a-output", i, our_mac, ETHERTYPE_IP4, 60);
    assert_int_equal(sent, 0);
    assert_int_equal(interface_set_admin(&p, i, true, &e), 0);
    feed("a-output", i, our_mac, ETHERTYPE_IP4, 60);
    assert_int_equal(sent, 1);
    struct counter_pair tx = counter_get_pair(if_counters[IF_TX], i.i);
    assert_int_equal(tx.packets, 1);
    assert_int_equal(tx.bytes, 60);
    struct interface *f = interface_at(&p, i);
    interface_clear_counters(&p, &f, 1);
    assert_int_equal(counter_get_pair(if_counters[IF_TX], i.i).packets, 0);
}

static void test_ports_without_offloads_get_the_feature(void **state)
{
    struct error e = {0};
    struct if_index i = make("a", 0), all = make("b", ALL_CAPS);
    assert_true(feature_is_enabled(p.engine, "interface-output", "interface-offload", i));
    assert_false(feature_is_enabled(p.engine, "interface-output", "interface-offload", all));
    assert_int_equal(interface_set_admin(&p, i, true, &e), 0);
    feed("a-output", i, our_mac, ETHERTYPE_IP4, 60);
    assert_int_equal(sent, 1);
    assert_int_equal(interface_set_caps(&p, i, ALL_CAPS, &e), 0);
    assert_false(feature_is_enabled(p.engine, "interface-output", "interface-offload", i));
    feed("a-output", i, our_mac, ETHERTYPE_IP4, 60);
    assert_int_equal(sent, 2);
}

static void test_a_deleted_interface_leaves_nothing(void **state)
{
    struct error e = {0};
    struct if_index i = make("a", 0);
    struct node_index gone;
    assert_int_equal(interface_set_admin(&p, i, true, &e), 0);
    feed("a-output", i, our_mac, ETHERTYPE_IP4, 60);
    assert_true(node_find(p.engine, "a-output", &gone));
    interface_delete(&p, i);
    assert_false(node_find(p.engine, "a-output", &(struct node_index){0}));
    struct if_index again = make("a", ALL_CAPS);
    assert_int_equal(again.i, i.i);
    assert_int_equal(counter_get_pair(if_counters[IF_TX], i.i).packets, 0);
    assert_false(interface_at(&p, again)->admin_up);
    assert_false(feature_is_enabled(p.engine, "interface-output", "interface-offload", again));
    for (u32 k = 0; k < 100; k++) { /* nodes and indices are used again, not used up */
        interface_delete(&p, again);
        again = make("a", 0);
        assert_int_equal(again.i, i.i);
    }
    assert_true(node_count_all(p.engine) < 40);
}

static void test_commands(void **state)
{
    char *out;
    make("up0", ALL_CAPS);
    assert_int_equal(cli_run(p.cli, "set int state up0 sideways", OUT_TEXT, &out), -EINVAL);
    assert_string_equal(out, "set interface state: unknown flags `sideways'\n");
    free(out);
    assert_int_not_equal(cli_run(p.cli, "set int state nosuch up", OUT_TEXT, &out), 0);
    assert_string_equal(out, "set interface state: unknown interface `nosuch up'\n");
    free(out);
    assert_int_equal(
        cli_run(p.cli, "set int state up0 up\nset interface tag up0 uplink", OUT_TEXT, &out), 0);
    free(out);
    assert_int_equal(cli_run(p.cli, "show int up0", OUT_TEXT, &out), 0);
    assert_string_equal(out,
                        "              Name               Idx    State  MTU (L3/IP4/IP6/MPLS)     "
                        "Counter          Count     \n"
                        "up0                               0      up          9000/0/0/0     \n");
    free(out);
    struct text config = {0};
    struct modules_config at = {0};
    while (modules_config_next(p.modules, &at, &config))
        ;
    assert_non_null(strstr(text_str(&config), "set interface state up0 up\n"));
    assert_non_null(strstr(text_str(&config), "set interface tag up0 {uplink}\n"));
    text_free(&config);
}

/* --- transmit queues --- */

#define N_TX 4
#define FLOWS 64
#define PER_FLOW 3

static struct tx_queue tx_queue[N_TX], *tx_list[N_TX];
static struct tx_queues tx;
static u32 by_queue[N_TX];
static i32 queue_of_flow[FLOWS], last_of_flow[FLOWS];

static void queue_send(struct thread *t, struct node *n, struct tx_queue *q, struct buffer **b,
                       u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        const u8 *frame = buffer_current(b[i]);
        u32 flow = get_be16(frame + 34); /* the UDP source port */
        if (queue_of_flow[flow] < 0)
            queue_of_flow[flow] = (i32)q->queue;
        assert_int_equal(queue_of_flow[flow], q->queue);
        assert_int_equal(frame[42], ++last_of_flow[flow]);
        by_queue[q->queue]++;
        buffer_free_one(t, buffer_index(b[i]));
        next[i] = NEXT_CONSUMED;
    }
}

static void queue_tx_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    static const struct interface_tx_errors errors = {0, 0, 0};
    interface_tx(t, n, n->state, b, next, count, queue_send, &errors);
}

static const struct node_error queue_errors[] = {
    {"no_tx_queue", "no tx queue available", SEVERITY_ERROR}};
static const struct node_def queue_tx = {.name = "queue-tx",
                                         .run = {queue_tx_run},
                                         .next = {"error-drop"},
                                         .n_next = 1,
                                         .errors = queue_errors,
                                         .n_errors = 1};
static const struct if_class queue_class = {.name = "queue", .tx = &queue_tx};

static struct if_index make_with_queues(void)
{
    struct error e = {0};
    struct if_index i;
    memset(tx_queue, 0, sizeof(tx_queue));
    for (u32 k = 0; k < N_TX; k++)
        tx_list[k] = &tx_queue[k];
    struct if_new_args a = {
        .name = "q", .cls = &queue_class, .port = &tx, .mac = our_mac, .caps = ALL_CAPS};
    assert_int_equal(interface_new(&p, &a, &i, &e), 0);
    tx_queues_init(p.engine, &tx, tx_list, N_TX);
    interface_set_queues(&p, i, NULL, 0, &tx);
    assert_int_equal(interface_set_admin(&p, i, true, &e), 0);
    return i;
}

/* Some packets of each flow, one flow after the other again and again, in one vector. */
static void send_flows(struct if_index i)
{
    struct thread *t = engine_main_thread(p.engine);
    struct node_index to;
    u32 bi[FLOWS * PER_FLOW];
    assert_true(node_find(p.engine, "q-output", &to));
    assert_int_equal(buffer_alloc(t, BUFFER_POOL_DEFAULT, bi, FLOWS * PER_FLOW), FLOWS * PER_FLOW);
    memset(by_queue, 0, sizeof(by_queue));
    memset(queue_of_flow, -1, sizeof(queue_of_flow));
    memset(last_of_flow, 0, sizeof(last_of_flow));
    for (u32 k = 0; k < FLOWS * PER_FLOW; k++) {
        struct buffer *b = buffer_at(bi[k]);
        u8 *frame = buffer_current(b);
        memset(frame, 0, 64);
        put_be16(frame + 12, ETHERTYPE_IP4);
        frame[14] = 0x45;
        frame[23] = 17;
        put_be16(frame + 34, (u16)(k % FLOWS));
        frame[42] = (u8)(k / FLOWS + 1);
        b->len = 64;
        b->rx_if = b->tx_if = i;
    }
    for (u32 k = 0, n; k < FLOWS * PER_FLOW; k += n) {
        n = thread_handoff(engine_main_thread(p.engine), 1, to, bi + k, FLOWS * PER_FLOW - k);
        assert_true(n > 0);
        while (engine_round(p.engine, 1)) {
        }
    }
}

static void command(const char *line)
{
    char *out;
    assert_int_equal(cli_run(p.cli, line, OUT_TEXT, &out), 0);
    free(out);
}

static void test_flows_are_spread_over_the_queues_of_a_thread(void **state)
{
    struct if_index i = make_with_queues();
    send_flows(i);
    for (u32 k = 0; k < N_TX; k++)
        assert_in_range(by_queue[k], FLOWS * PER_FLOW / 16, FLOWS * PER_FLOW / 2);
    command("set interface tx-queue q queue 1 threads 0");
    command("set interface tx-queue q queue 3");
    send_flows(i);
    assert_true(!by_queue[1] && !by_queue[3] && by_queue[0] + by_queue[2] == FLOWS * PER_FLOW);
    assert_int_equal(dropped(i), 0);
    tx_queues_fini(p.engine, &tx);
}

static void test_placement_is_shown_saved_and_may_leave_nothing(void **state)
{
    struct if_index i = make_with_queues();
    char *out;
    for (u32 k = 0; k < 3; k++) {
        char line[64];
        snprintf(line, sizeof(line), "set interface tx-queue q queue %u", k);
        command(line);
    }
    assert_int_equal(cli_run(p.cli, "set interface tx-queue q queue 3 threads 0", OUT_TEXT, &out),
                     0);
    assert_string_equal(out, "No transmit queue is left for threads: 1\n");
    free(out);
    send_flows(i);
    assert_int_equal(dropped(i), FLOWS * PER_FLOW);
    assert_int_equal(cli_run(p.cli, "show hardware-interfaces q", OUT_TEXT, &out), 0);
    assert_non_null(strstr(out, "  TX Queues:\n    TX Hash: [name: hash-eth-l34 "));
    assert_non_null(strstr(out, "    queue shared thread(s)      \n    0     no     n/a\n"));
    assert_non_null(strstr(out, "    3     no     0\n"));
    free(out);
    struct text config = {0};
    struct modules_config at = {0};
    while (modules_config_next(p.modules, &at, &config))
        ;
    assert_non_null(strstr(text_str(&config), "set interface tx-queue q queue 2\n"));
    assert_non_null(strstr(text_str(&config), "set interface tx-queue q queue 3 threads 0\n"));
    text_free(&config);
    assert_int_not_equal(
        cli_run(p.cli, "set interface tx-queue q queue 4 threads 1", OUT_TEXT, &out), 0);
    free(out);
    assert_int_not_equal(
        cli_run(p.cli, "set interface tx-queue q queue 3 threads 2", OUT_TEXT, &out), 0);
    assert_string_equal(out, "set interface tx-queue: no thread 2\n");
    free(out);
    tx_queues_fini(p.engine, &tx);
}

/* As many as there can be, all with nodes of their own; the lowest free index is the next. */
static void test_all_that_there_can_be(void **state)
{
    char name[32];
    struct error e = {0};
    struct if_index i;
    for (u32 k = 0; k < IF_MOST; k++) {
        snprintf(name, sizeof(name), "p%u", k);
        assert_int_equal(make(name, ALL_CAPS).i, k);
    }
    struct if_new_args one_more = {.name = "x", .cls = &port_class, .mac = our_mac};
    assert_int_equal(interface_new(&p, &one_more, &i, &e), -ENOSPC);
    static const u32 some[] = {IF_MOST / 2, 7, IF_MOST - 1};
    for (u32 k = 0; k < array_len(some); k++)
        interface_delete(&p, (struct if_index){some[k]});
    assert_int_equal(make("a", ALL_CAPS).i, 7);
    assert_int_equal(make("b", ALL_CAPS).i, IF_MOST / 2);
    assert_int_equal(make("c", ALL_CAPS).i, IF_MOST - 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_names_are_unique_and_found),
        TEST(test_a_refusal_changes_nothing),
        TEST(test_mtus_follow_layer_3),
        TEST(test_ethernet_input_takes_what_is_ours),
        TEST(test_output_counts_and_refuses_when_down),
        TEST(test_ports_without_offloads_get_the_feature),
        TEST(test_a_deleted_interface_leaves_nothing),
        TEST(test_commands),
        TEST(test_what_the_device_is_and_counts),
        TEST(test_flows_are_spread_over_the_queues_of_a_thread),
        TEST(test_placement_is_shown_saved_and_may_leave_nothing),
        TEST(test_all_that_there_can_be),
    };
    return cmocka_run_group_tests_name("interface", tests, NULL, NULL);
}
