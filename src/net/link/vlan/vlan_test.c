/* Sub-interfaces: commands as people know them, and the tables against a list that is searched from
 * end to end. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/byteorder.h"
#include "net/link/ethernet/ethernet.h"
#include "net/packet/ethernet_packet.h"
#include "net/ip/fib/fib.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_input.h"
#include "net/ip/ip4/ip4_world.h"
#include "net/link/vlan/vlan.h"

static const u8 port_mac[] = {2, 0, 0, 0, 0, 1};
static struct if_index port, other;

static int open_world(void **state)
{
    static const struct module *const modules[] = {
        &ethernet_module, &ip4_arcs_module, &fib_module, &address_module,
        &ip4_module,      &vlan_module,     NULL};
    static const u8 other_mac[] = {2, 0, 0, 0, 0, 9};
    world_open(modules);
    world_interface("local0", NULL);
    port = world_interface("port", port_mac);
    other = world_interface("other", other_mac);
    world_catch("ip4-input");
    world_catch("arp-input");
    world_catch("l2-input");
    return 0;
}

static int close_world(void **state)
{
    world_free_caught();
    assert_int_equal(world_buffers_used(), 0);
    interface_delete(&world.p, other);
    interface_delete(&world.p, port);
    world_close();
    return 0;
}

static struct if_index named(const char *name)
{
    struct interface *f = interface_find(&world.p, name);
    assert_non_null(f);
    return f->index;
}

static void says(const char *command, const char *text)
{
    char *out = NULL;
    (void)cli_run(world.p.cli, command, OUT_TEXT, &out);
    assert_string_equal(out, text);
    free(out);
}

/* --- frames --- */

struct frame {
    u32 n; /* tags */
    u16 tpid[4], id[4];
    u16 type;
};

static struct buffer *send_frame(const struct frame *f)
{
    u8 bytes[64] = {0};
    u32 at = 12;
    memcpy(bytes, port_mac, 6);
    for (u32 i = 0; i < f->n; i++, at += 4) {
        put_be16(bytes + at, f->tpid[i]);
        put_be16(bytes + at + 2, f->id[i]);
    }
    put_be16(bytes + at, f->type);
    struct buffer *b = world_packet(bytes, sizeof(bytes));
    b->rx_if = port;
    world_run("ethernet-input", b);
    return b;
}

/* --- tests --- */

static void test_commands(void **state)
{
    says("create sub-interfaces port 100", "port.100\n");
    says("create sub-interfaces port 200 dot1q 200 exact-match", "port.200\n");
    says("create sub-interfaces port 300 dot1ad 300 inner-dot1q 10 exact-match", "port.300\n");
    says("create sub-interfaces port 500 default", "port.500\n");
    says("create sub-interfaces port 100", "");
    says("create sub-interfaces port 101 dot1q 100 exact-match",
         "create sub-interfaces: vlan is already in use\n");
    says("create sub-interfaces port 101 dot1q 100",
         "create sub-interfaces: vlan is already in use\n");
    says("create sub-interfaces port 10-12", "port.10\nport.11\nport.12\n");
    /* all or nothing */
    says("create sub-interfaces port 110 dot1q 99", "port.110\n");
    says("create sub-interfaces port 98-100", "create sub-interfaces: vlan is already in use\n");
    assert_null(interface_find(&world.p, "port.98"));
    says("delete sub port.110", "");
    says("create sub-interfaces port 98-100", "port.98\nport.99\n");

    says("create sub-interfaces port x",
         "create sub-interfaces: expected ID or ID MIN-MAX, got `x'\n");
    says("create sub-interfaces port 1 dot1q x",
         "create sub-interfaces: expected dot1q config, got `x'\n");
    says("create sub-interfaces port 1 dot1q any exact-match",
         "create sub-interfaces: vlan-any cannot use exact-match\n");
    says("create sub-interfaces port 1 dot1q 5 inner-dot1q any exact-match",
         "create sub-interfaces: vlan-any cannot use exact-match\n");
    says("create sub-interfaces port 5000",
         "create sub-interfaces: invalid VLAN id 5000: 1 to 4094 are possible\n");
    says("create sub-interfaces port 1 dot1q 4095",
         "create sub-interfaces: invalid VLAN id 4095: 1 to 4094 are possible\n");
    says("create sub-interfaces port 1 dot1q 0",
         "create sub-interfaces: invalid VLAN id 0: 1 to 4094 are possible\n");
    says("create sub-interfaces nobody 1", "create sub-interfaces: unknown interface `nobody 1'\n");
    says("create sub-interfaces port.100 1",
         "create sub-interfaces: port.100 is a sub-interface itself\n");
    says("delete sub-interface port", "delete sub-interface: port is not a sub-interface\n");
    says("set interface mac address port.100 02:00:00:00:00:77",
         "set interface mac address: a sub-interface has the MAC address of port\n");
}

static u32 mtu_of(const char *name)
{
    struct interface *f = interface_find(&world.p, name);
    assert_int_equal(if_data(f->index)->mtu_ip4, interface_mtu(f, IF_MTU_IP4));
    return interface_mtu(f, IF_MTU_IP4);
}

static void test_tags_that_a_device_has_no_room_for(void **state)
{
    static const struct {
        const char *command, *name;
        u32 spare, mtu; /* with 1500 bytes at the device, and a tag on top or not */
    } c[] = {
        {"create sub-interfaces port 1 dot1q 1 exact-match", "port.1", 1500, 1496},
        {"create sub-interfaces port 2 dot1ad 2 exact-match", "port.2", 1496, 1496},
        {"create sub-interfaces port 3 dot1q 3 inner-dot1q 1 exact-match", "port.3", 1496, 1492},
        {"create sub-interfaces port 4 dot1ad 3 inner-dot1q 1 exact-match", "port.4", 1492, 1492},
    };
    says("set interface mtu 1500 port", "");
    for (u32 i = 0; i < array_len(c); i++) {
        char answer[16];
        snprintf(answer, sizeof(answer), "%s\n", c[i].name);
        says(c[i].command, answer);
        assert_int_equal(mtu_of(c[i].name), 1500); /* a port without limit */
        interface_set_limit(&world.p, port, (struct if_limit){1500, true});
        assert_int_equal(mtu_of(c[i].name), c[i].spare);
        interface_set_limit(&world.p, port, (struct if_limit){1500, false});
        assert_int_equal(mtu_of(c[i].name), c[i].mtu);
        interface_set_limit(&world.p, port, (struct if_limit){1504, false});
        assert_int_equal(mtu_of(c[i].name), c[i].mtu + 4);
        interface_set_limit(&world.p, port, (struct if_limit){0});
    }
    struct interface *f = interface_find(&world.p, "port.3");
    assert_int_equal(interface_shown_mtu(f, IF_MTU_L3), 0);
    says("set interface mtu packet 1500 port.3", "");
    interface_set_limit(&world.p, port, (struct if_limit){1500, false});
    assert_int_equal(interface_shown_mtu(f, IF_MTU_L3), 1500);
    assert_int_equal(mtu_of("port.3"), 1492);
    says("set interface mtu packet 63 port.3",
         "set interface mtu: invalid MTU 63: at least 64, or 0 for none of its own\n");
    says("set interface mtu packet 0 port.3", "");
    assert_int_equal(interface_shown_mtu(f, IF_MTU_L3), 1492);
    assert_int_equal(interface_shown_mtu(f, IF_MTU_IP4), 0);
}

static void test_addresses(void **state)
{
    says("create sub-interfaces port 1 dot1q 1", "port.1\n");
    says("create sub-interfaces port 2", "port.2\n");
    says("set interface ip address port.1 10.0.0.1/24",
         "set interface ip address: sub-interface without exact-match doesn't support IP "
         "addressing\n");
    says("set interface ip address port.2 10.0.0.1/24", "");
}

static void test_states(void **state)
{
    says("create sub-interfaces port 100", "port.100\n");
    struct interface *f = interface_find(&world.p, "port.100"),
                     *super = interface_at(&world.p, port);
    assert_false(f->admin_up);
    assert_true(f->link_up);
    assert_int_equal(f->mtu[IF_MTU_L3], 0);
    assert_int_equal(interface_mtu(f, IF_MTU_IP4), 9000);
    says("set interface mtu packet 1400 port", "");
    assert_int_equal(interface_mtu(f, IF_MTU_IP4), 1400);
    assert_int_equal(if_data(f->index)->mtu_ip4, 1400);
    says("set interface mtu packet 1300 port.100", "");
    assert_int_equal(if_data(f->index)->mtu_ip4, 1300);
    says("set interface mtu packet 0 port.100", "");
    assert_int_equal(if_data(f->index)->mtu_ip4, 1400);
    interface_set_link(&world.p, port, false);
    assert_false(f->link_up);
    static const u8 mac[] = {2, 0, 0, 0, 0, 7};
    assert_int_equal(interface_set_mac(&world.p, port, mac, NULL), 0);
    assert_memory_equal(f->mac, mac, 6);
    assert_memory_equal(if_data(f->index)->mac, mac, 6);
    says("set interface name port trunk", "");
    assert_string_equal(f->name, "trunk.100");
    assert_ptr_equal(interface_find(&world.p, "trunk.100"), f);
    assert_null(interface_find(&world.p, "port.100"));
    says("set interface name trunk port", "");
    assert_ptr_equal(f->super, super);
}

static void test_untagged_is_the_ports(void **state)
{
    if_data(port)->l2_mode = 1;
    says("create sub-interfaces port 1 untagged",
         "create sub-interfaces: vlan is already in use\n");
    if_data(port)->l2_mode = 0;
    says("set interface ip address port 10.0.0.1/24", "");
    says("create sub-interfaces port 1 untagged",
         "create sub-interfaces: vlan is already in use\n");
    says("set interface ip address del port 10.0.0.1/24", "");
    says("create sub-interfaces port 1 untagged", "port.1\n");
    says("create sub-interfaces port 2 untagged",
         "create sub-interfaces: vlan is already in use\n");
}

static void test_receive(void **state)
{
    says("create sub-interfaces port 100", "port.100\n");
    says("set interface state port.100 up", "");
    struct frame f = {1, {ETHERTYPE_VLAN}, {0x6064}, ETHERTYPE_IP4}; /* priority 3 */
    send_frame(&f);
    struct buffer *b = world_take("ip4-input");
    assert_int_equal(b->rx_if.i, named("port.100").i);
    assert_int_equal(b->l3_start - b->l2_start, 18);
    assert_int_equal(b->start, b->l3_start);
    world_free(b);
    struct counter_pair rx = counter_get_pair(if_counters[IF_RX], named("port.100").i);
    assert_int_equal(rx.packets, 1);
    assert_int_equal(rx.bytes, 64);

    f.id[0] = 101;
    send_frame(&f);
    assert_int_equal(world_errors("ethernet-input", "unknown vlan"), 1);
    f.id[0] = 0; /* only a priority */
    send_frame(&f);
    b = world_take("ip4-input");
    assert_int_equal(b->rx_if.i, port.i);
    world_free(b);
    f = (struct frame){2, {ETHERTYPE_VLAN, ETHERTYPE_VLAN}, {100, 5}, ETHERTYPE_IP4};
    send_frame(&f);
    assert_int_equal(world_errors("ethernet-input", "unknown vlan"), 2);
    f = (struct frame){4,
                       {ETHERTYPE_VLAN, ETHERTYPE_VLAN, ETHERTYPE_VLAN, ETHERTYPE_VLAN},
                       {100, 5, 6, 7},
                       ETHERTYPE_IP4};
    send_frame(&f);
    assert_int_equal(world_errors("ethernet-input", "more vlan tags than handled"), 1);
    f = (struct frame){1, {ETHERTYPE_VLAN}, {100}, ETHERTYPE_IP4};
    says("set interface state port.100 down", "");
    send_frame(&f);
    assert_int_equal(world_errors("ethernet-input", "subinterface down"), 1);
    says("set interface state port.100 up", "");
    says("set interface state port down", "");
    send_frame(&f);
    assert_int_equal(world_errors("ethernet-input", "interface is down"), 1);
    says("set interface state port up", "");
    if_data(named("port.100"))->l2_mode = 1;
    send_frame(&f);
    b = world_take("l2-input");
    assert_int_equal(b->start, b->l2_start);
    assert_int_equal(b->l3_start - b->l2_start, 18);
    world_free(b);
    if_data(named("port.100"))->l2_mode = 0;
    says("delete sub-interface port.100", "");
    assert_null(if_data(port)->vlans);
    send_frame(&f);
    assert_int_equal(world_errors("ethernet-input", "unknown vlan"), 3);
}

static void test_send(void **state)
{
    u8 bytes[60] = {0};
    says("create sub-interfaces port 100", "port.100\n");
    struct if_index sub = named("port.100");
    world_run("port.100-output", world_packet(bytes, sizeof(bytes)));
    assert_int_equal(world_errors("port.100-output", "interface is down"), 1);
    says("set interface state port.100 up", "");
    world_run("port.100-output", world_packet(bytes, sizeof(bytes)));
    struct buffer *b = world_take("port");
    assert_int_equal(b->tx_if.i, port.i);
    world_free(b);
    assert_int_equal(counter_get_pair(if_counters[IF_TX], sub.i).packets, 1);
    assert_int_equal(counter_get_pair(if_counters[IF_TX], port.i).packets, 1);
    u8 tags[8];
    assert_int_equal(vlan_tags(&world.p, sub, tags), 4);
    assert_memory_equal(tags, "\x81\x00\x00\x64", 4);
    says("create sub-interfaces port 300 dot1ad 300 inner-dot1q 10 exact-match", "port.300\n");
    assert_int_equal(vlan_tags(&world.p, named("port.300"), tags), 8);
    assert_memory_equal(tags, "\x88\xa8\x01\x2c\x81\x00\x00\x0a", 8);
}

static void test_parent_goes(void **state)
{
    static const u8 mac[] = {2, 0, 0, 0, 0, 3};
    struct if_index gone = world_interface("gone", mac);
    says("create sub-interfaces gone 1-20",
         "gone.1\ngone.2\ngone.3\ngone.4\ngone.5\ngone.6\ngone.7\ngone.8\ngone.9\n"
         "gone.10\ngone.11\ngone.12\ngone.13\ngone.14\ngone.15\ngone.16\ngone.17\ngone.18\ngone."
         "19\ngone.20\n");
    interface_delete(&world.p, gone);
    assert_null(interface_find(&world.p, "gone"));
    assert_null(interface_find(&world.p, "gone.7"));
}

/* The lines for sub-interfaces; between calls the state, which may change; how many pieces. */
static u32 written(struct text *t, void (*between)(u32 piece))
{
    void *place = NULL, *state = module_state(&world.p, interface_module.name);
    u32 pieces = 1;
    for (; interface_module.running_config_rows(&world.p, state, RC_SUB_INTERFACES, &place, t);
         pieces++)
        if (between)
            between(pieces);
    interface_module.place_free(place);
    return pieces;
}

static void test_running_config(void **state)
{
    static const char lines[] = "create sub-interfaces port 1 untagged\n"
                                "create sub-interfaces port 2 default\n"
                                "create sub-interfaces port 3 dot1q 3 exact-match\n"
                                "create sub-interfaces port 4 dot1ad 4 inner-dot1q any\n"
                                "create sub-interfaces port 5 dot1q any\n"
                                "create sub-interfaces port 6 dot1q any inner-dot1q 7\n"
                                "create sub-interfaces port 7 dot1q 7 inner-dot1q 8 exact-match\n";
    char *out = NULL;
    assert_int_equal(cli_run(world.p.cli, lines, OUT_TEXT, &out), 0);
    free(out);
    struct text t = {0};
    written(&t, NULL);
    assert_string_equal(text_str(&t), lines);
    text_free(&t);
}

static u32 n_lines(const struct text *t)
{
    u32 n = 0;
    for (const char *s = text_str(t); (s = strchr(s, '\n')); s++)
        n++;
    return n;
}

#define MANY_SUBS 600u
static struct if_index many_subs[MANY_SUBS];

static void delete_one_in_three(u32 piece)
{
    for (u32 k = 0; piece == 4 && k < MANY_SUBS; k += 3)
        assert_int_equal(vlan_delete(&world.p, many_subs[k], NULL), 0);
}

/* The lines of very many are made in pieces, between which they may go. */
static void test_lines_in_pieces(void **state)
{
    struct text t = {0};
    struct vlan_match_spec m = {.kind = VLAN_KIND_ONE_TAG, .exact = true};
    for (u32 k = 0; k < MANY_SUBS; k++) {
        m.outer = (u16)(k + 1);
        assert_int_equal(vlan_create(&world.p, port, k + 1, &m, &many_subs[k], NULL), 0);
    }
    char name[32];
    snprintf(name, sizeof(name), "port.%u", 2 * MANY_SUBS);
    assert_int_equal(interface_rename(&world.p, many_subs[1], name, NULL), 0);
    u32 pieces = written(&t, NULL);
    assert_in_range(pieces, 6, 30);
    assert_int_equal(n_lines(&t), MANY_SUBS + 1);
    text_clear(&t);
    written(&t, delete_one_in_three);
    assert_in_range(n_lines(&t), MANY_SUBS / 3, MANY_SUBS);
    text_free(&t);
}

/* --- the oracle --- */

#define SUBS_MAX 200
static struct sub_info {
    struct if_index index;
    struct vlan_match_spec m;
} subs[SUBS_MAX];
static u32 n_subs;

static u64 random_state;

static u32 draw(u32 below)
{
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    return (u32)(random_state >> 33) % below;
}

static bool id_fits(u16 want, u16 have)
{
    return want == VLAN_ANY || want == have;
}

/* How well s fits; 0: not at all. */
static u32 fit(const struct vlan_match_spec *s, const struct frame *f)
{
    bool untagged = f->n == 0 || (f->n == 1 && f->id[0] == 0);
    if (s->kind == VLAN_KIND_UNTAGGED)
        return untagged ? 100 : 0;
    if (untagged)
        return 0;
    if (s->kind == VLAN_KIND_DEFAULT)
        return 1;
    if (f->tpid[0] != (s->dot1ad ? ETHERTYPE_DOT1AD : ETHERTYPE_VLAN) ||
        !id_fits(s->outer, f->id[0]))
        return 0;
    u32 known = s->outer == VLAN_ANY ? 2 : 20;
    if (s->kind == VLAN_KIND_ONE_TAG)
        return f->n > 1 && s->exact ? 0 : known;
    if (f->n < 2 || (f->n > 2 && s->exact) || f->tpid[1] != ETHERTYPE_VLAN ||
        !id_fits(s->inner, f->id[1]))
        return 0;
    return known + (s->inner == VLAN_ANY ? 1 : 2);
}

static struct if_index oracle(const struct frame *f)
{
    u32 best = 0;
    struct if_index i = f->n == 0 || (f->n == 1 && f->id[0] == 0) ? port : IF_NONE;
    for (u32 k = 0; k < n_subs; k++)
        if (fit(&subs[k].m, f) > best) {
            best = fit(&subs[k].m, f);
            i = subs[k].index;
        }
    return i;
}

static u16 draw_id(void)
{
    return (u16)(1 + draw(5));
}

static void add_random_sub(u32 id)
{
    struct vlan_match_spec m = {.kind = (u8)draw(4), .dot1ad = draw(2)};
    struct error e;
    if (draw(3))
        m.kind = VLAN_KIND_ONE_TAG + (m.kind & 1);
    m.outer = draw(8) ? draw_id() : VLAN_ANY;
    m.inner = draw(4) ? draw_id() : VLAN_ANY;
    m.exact = m.kind >= VLAN_KIND_ONE_TAG && m.outer != VLAN_ANY &&
              (m.kind == VLAN_KIND_ONE_TAG || m.inner != VLAN_ANY) && draw(2);
    struct sub_info *s = &subs[n_subs];
    s->m = m;
    if (vlan_create(&world.p, port, id, &m, &s->index, &e))
        return;
    assert_int_equal(interface_set_admin(&world.p, s->index, true, &e), 0);
    if_data(s->index)->l2_mode = 1;
    n_subs++;
}

static void check_random_frame(void)
{
    struct frame f = {.n = draw(4), .type = ETHERTYPE_IP4};
    for (u32 i = 0; i < f.n; i++) {
        f.tpid[i] = draw(2) ? ETHERTYPE_VLAN : ETHERTYPE_DOT1AD;
        f.id[i] = (u16)draw(7);
    }
    struct if_index want = oracle(&f);
    world.n_caught = 0;
    struct buffer *b = send_frame(&f);
    if (if_is_none(want)) {
        assert_int_equal(world.n_caught, 0);
        return;
    }
    b = world_take(if_equal(want, port) ? "ip4-input" : "l2-input");
    assert_int_equal(b->rx_if.i, want.i);
    world_free(b);
}

static void test_oracle(void **state)
{
    random_state = 1;
    for (u32 round = 0; round < 20; round++) {
        n_subs = 0;
        for (u32 id = 0; id < 1 + draw(60); id++)
            add_random_sub(id);
        for (u32 k = 0; k < 300; k++)
            check_random_frame();
        while (n_subs) {
            u32 k = draw(n_subs);
            struct error e;
            assert_int_equal(vlan_delete(&world.p, subs[k].index, &e), 0);
            subs[k] = subs[--n_subs];
            check_random_frame();
        }
    }
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(test_commands),
        TEST(test_addresses),
        TEST(test_states),
        TEST(test_untagged_is_the_ports),
        TEST(test_receive),
        TEST(test_send),
        TEST(test_parent_goes),
        TEST(test_running_config),
        TEST(test_lines_in_pieces),
        TEST(test_oracle),
        TEST(test_tags_that_a_device_has_no_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
