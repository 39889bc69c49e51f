/* Packets through ip4-lookup and ip4-rewrite; addresses, tables and their commands; the running
 * configuration, replayed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_flow_hash.h"
#include "net/ip/ip4/ip4_input.h"
#include "net/ip/ip4/ip4_world.h"
#include "net/ip/neighbor/neighbor.h"

static const struct module *const modules[] = {
    &ip4_arcs_module,  &fib_module, &address_module,  &ip4_module,
    &ip4_input_module, &arp_module, &neighbor_module, NULL};

static const u8 mac_a[6] = {2, 0xfe, 0, 0, 0, 0xa}, mac_b[6] = {2, 0xfe, 0, 0, 0, 0xb},
                mac_c[6] = {2, 0xfe, 0, 0, 0, 0xc};
static struct if_index a, b, c;

static void settle(void)
{
    loop_once(world.p.loop, 0);
    engine_round(world.p.engine, 1);
}

/* Runs a command that has to succeed, and throws away what it says. */
static void run(const char *command)
{
    free(world_command(command));
}

static int open_world(void **state)
{
    world_open(modules);
    world_catch("ip4-icmp-error");
    world_catch("ip4-frag");
    world_catch("ip4-receive");
    world_interface("local0", NULL);
    a = world_interface("a", mac_a);
    b = world_interface("b", mac_b);
    c = world_interface("c", mac_c);
    run("set interface ip address a 10.0.1.1/24");
    run("set interface ip address b 10.0.2.1/24");
    run("set interface ip address c 10.0.3.1/24");
    run("set ip neighbor static b 10.0.2.2 02:00:00:00:00:22");
    run("set ip neighbor static c 10.0.3.2 02:00:00:00:00:32");
    settle();
    world_free_caught(); /* gratuitous ARP */
    return 0;
}

static int close_world(void **state)
{
    settle();
    world_free_caught();
    assert_int_equal(world_buffers_used(), 0);
    world_close();
    return 0;
}

static be32 ip(u32 w, u32 x, u32 y, u32 z)
{
    return be32_from_host(w << 24 | x << 16 | y << 8 | z);
}

#define PACKET_BYTES 100

static struct buffer *packet_to(be32 dst, u16 sport, u8 ttl, be16 fragment)
{
    u8 bytes[PACKET_BYTES] = {0};
    struct ip4_header *h = (struct ip4_header *)bytes;
    *h = (struct ip4_header){.version_ihl = 0x45,
                             .length = be16_from_host(PACKET_BYTES),
                             .ttl = ttl,
                             .protocol = IP_PROTOCOL_UDP,
                             .fragment = fragment,
                             .src = ip(10, 0, 1, 9),
                             .dst = dst};
    ip4_set_checksum(h);
    put_be16(bytes + 20, sport);
    put_be16(bytes + 22, 53);
    struct buffer *p = world_packet(bytes, PACKET_BYTES);
    p->rx_if = a;
    return p;
}

/* Where a packet to dst leaves; "" when it is dropped. It is freed. */
static const char *way_of(be32 dst, u16 sport)
{
    world_run("ip4-lookup", packet_to(dst, sport, 64, (be16){0}));
    assert_true(world.n_caught <= 1);
    const char *node = world.n_caught ? world.caught[0].node : "";
    world_free_caught();
    return node;
}

static void a_packet_is_rewritten(void **state)
{
    static const u8 link[14] = {2, 0, 0, 0, 0, 0x22, 2, 0xfe, 0, 0, 0, 0xb, 8, 0};
    world_run("ip4-lookup", packet_to(ip(10, 0, 2, 2), 1, 64, (be16){0}));
    struct buffer *p = world_take("b");
    assert_int_equal(p->len, PACKET_BYTES + 14);
    assert_memory_equal(buffer_current(p), link, 14);
    const struct ip4_header *h = (void *)((u8 *)buffer_current(p) + 14);
    assert_int_equal(h->ttl, 63);
    assert_true(ip4_checksum_is_right(h));
    assert_int_equal(p->tx_if.i, b.i);
    assert_int_equal(p->l3_start, p->start + 14);
    world_free(p);
    struct fib_route r;
    assert_true(world_lookup(ip(10, 0, 2, 2), &r));
    struct fib_counts n = fib_route_counts(fib_of(&world.p), r.lb);
    assert_int_equal(n.packets, 1);
    assert_int_equal(n.bytes, PACKET_BYTES);
}

static void our_own_packets_keep_their_ttl(void **state)
{
    struct buffer *p = packet_to(ip(10, 0, 2, 2), 1, 1, (be16){0});
    p->flags |= BUFFER_LOCAL;
    p->rx_if = IF_NONE;
    ip_scratch(p)->fib.i = 0;
    world_run("ip4-lookup", p);
    p = world_take("b");
    assert_int_equal(((struct ip4_header *)((u8 *)buffer_current(p) + 14))->ttl, 1);
    world_free(p);
}

static void ttl_and_mtu_are_told(void **state)
{
    run("set interface mtu packet 90 b");
    world_run("ip4-lookup", packet_to(ip(10, 0, 2, 2), 1, 1, (be16){0}));
    struct buffer *p = world_take("ip4-icmp-error");
    assert_int_equal(ip_scratch(p)->icmp_type, ICMP4_TIME_EXCEEDED);
    assert_int_equal(((struct ip4_header *)buffer_current(p))->ttl, 1);
    world_free(p);

    world_run("ip4-lookup", packet_to(ip(10, 0, 2, 2), 1, 64, be16_from_host(IP4_DF)));
    p = world_take("ip4-icmp-error");
    assert_int_equal(ip_scratch(p)->icmp_code, ICMP4_FRAGMENTATION_NEEDED);
    assert_int_equal(ip_scratch(p)->icmp_data, 90);
    assert_int_equal(((struct ip4_header *)buffer_current(p))->ttl, 64);
    world_free(p);

    world_run("ip4-lookup", packet_to(ip(10, 0, 2, 2), 1, 64, (be16){0}));
    p = world_take("ip4-frag");
    assert_int_equal(((struct ip4_header *)buffer_current(p))->ttl, 63);
    world_free(p);

    /* a packet to be segmented counts as its segments */
    p = packet_to(ip(10, 0, 2, 2), 1, 64, be16_from_host(IP4_DF));
    p->flags |= BUFFER_GSO | BUFFER_CSUM_PARTIAL;
    p->csum_start = (i16)(p->start + 20);
    p->gso_l4_len = 20;
    p->gso_size = 50;
    world_run("ip4-lookup", p);
    world_free(world_take("b"));
    p = packet_to(ip(10, 0, 2, 2), 1, 64, be16_from_host(IP4_DF));
    p->flags |= BUFFER_GSO | BUFFER_CSUM_PARTIAL;
    p->csum_start = (i16)(p->start + 20);
    p->gso_l4_len = 20;
    p->gso_size = 51;
    world_run("ip4-lookup", p);
    world_free(world_take("ip4-icmp-error"));
}

static void special_routes(void **state)
{
    run("ip route add 20.1.0.0/16 via drop");
    run("ip route add 20.2.0.0/16 via unreachable");
    run("ip route add 20.3.0.0/16 via prohibit");
    run("ip route add 20.4.0.0/16 via local");
    run("ip route add 20.5.0.0/16 via ip4-lookup-in-table 0");
    assert_string_equal(way_of(ip(20, 1, 0, 1), 1), "");
    world_run("ip4-lookup", packet_to(ip(20, 2, 0, 1), 1, 64, (be16){0}));
    struct buffer *p = world_take("ip4-icmp-error");
    assert_int_equal(ip_scratch(p)->icmp_code, ICMP4_HOST_UNREACHABLE);
    world_free(p);
    world_run("ip4-lookup", packet_to(ip(20, 3, 0, 1), 1, 64, (be16){0}));
    p = world_take("ip4-icmp-error");
    assert_int_equal(ip_scratch(p)->icmp_code, ICMP4_ADMIN_PROHIBITED);
    world_free(p);
    assert_string_equal(way_of(ip(20, 4, 0, 1), 1), "ip4-receive");
    assert_string_equal(way_of(ip(10, 0, 1, 1), 1), "ip4-receive");
    /* round and round, and out */
    assert_string_equal(way_of(ip(20, 5, 0, 1), 1), "");
    assert_int_equal(world_errors("lookup-ip4-dst", "too many tables"), 1);
    assert_string_equal(way_of(ip(10, 0, 2, 255), 1), ""); /* directed broadcast */
    assert_string_equal(way_of(ip(10, 0, 2, 0), 1), "");
}

static void flows_are_spread_by_weight(void **state)
{
    run("ip route add 30.0.0.0/8 via 10.0.2.2 b weight 2 via 10.0.3.2 c weight 1");
    u32 by_b = 0;
    for (u16 sport = 1; sport <= 3000; sport++) {
        const char *way = way_of(ip(30, 1, 1, 1), sport);
        by_b += !strcmp(way, "b");
        if (sport % 100 == 0)
            assert_string_equal(way, way_of(ip(30, 1, 1, 1), sport)); /* a flow stays */
    }
    assert_in_range(by_b, 3000 * 5 / 8 - 200, 3000 * 5 / 8 + 200);
    run("set ip flow-hash table 0 src dst");
    const char *way = way_of(ip(30, 1, 1, 1), 1);
    for (u16 sport = 2; sport < 50; sport++)
        assert_string_equal(way, way_of(ip(30, 1, 1, 1), sport));
}

static void the_hash_is_symmetric_when_asked(void **state)
{
    struct buffer *there = packet_to(ip(30, 1, 1, 1), 1000, 64, (be16){0});
    struct buffer *back = packet_to(ip(10, 0, 1, 9), 53, 64, (be16){0});
    struct ip4_header *h = buffer_current(back);
    h->src = ip(30, 1, 1, 1);
    put_be16((u8 *)h + 22, 1000);
    u32 all = FLOW_SRC | FLOW_DST | FLOW_SPORT | FLOW_DPORT | FLOW_PROTO;
    assert_int_not_equal(ip4_flow_hash(there, all), ip4_flow_hash(back, all));
    assert_int_equal(ip4_flow_hash(there, all | FLOW_SYMMETRIC),
                     ip4_flow_hash(back, all | FLOW_SYMMETRIC));
    assert_int_equal(ip4_flow_hash(there, all), ip4_flow_hash(back, all | FLOW_REVERSE));
    world_free(there);
    world_free(back);
}

static void recursion_is_followed_and_counted(void **state)
{
    run("ip route add 40.0.0.0/8 via 50.0.0.1");
    assert_string_equal(way_of(ip(40, 1, 1, 1), 1), "");
    run("ip route add 50.0.0.0/24 via 10.0.3.2 c");
    assert_string_equal(way_of(ip(40, 1, 1, 1), 1), "c");
    run("ip route add 50.0.0.1/32 via 10.0.2.2 b");
    assert_string_equal(way_of(ip(40, 1, 1, 1), 1), "b");
    struct fib_route r;
    assert_true(world_lookup(ip(50, 0, 0, 1), &r));
    assert_int_equal(fib_route_via_counts(fib_of(&world.p), r.lb).packets, 2);
    run("set interface state b down");
    assert_string_equal(way_of(ip(40, 1, 1, 1), 1), "");
    run("set interface state b up");
    run("set ip neighbor static b 10.0.2.2 02:00:00:00:00:22");
    settle();
    world_free_caught();
    assert_string_equal(way_of(ip(40, 1, 1, 1), 1), "b");
}

static void tables_are_apart(void **state)
{
    run("ip table add 10");
    run("ip route add 10.0.2.0/24 table 10 via 10.0.3.2 c");
    struct buffer *p = packet_to(ip(10, 0, 2, 2), 1, 64, (be16){0});
    p->flags |= BUFFER_LOCAL;
    ip_scratch(p)->fib = world_table(10);
    world_run("ip4-lookup", p);
    world_free(world_take("c"));
    assert_string_equal(way_of(ip(10, 0, 2, 2), 1), "b");
    run("ip route add 60.0.0.0/8 via ip4-lookup-in-table 10");
    run("ip route add 60.0.0.0/8 table 10 via 10.0.3.2 c");
    assert_string_equal(way_of(ip(60, 0, 0, 1), 1), "c");
    run("set interface ip address del a all");
    run("set interface ip table a 10");
    assert_string_equal(way_of(ip(10, 0, 2, 2), 1), "c");
    run("ip route del 60.0.0.0/8");
    run("ip table del 10");
    assert_string_equal(way_of(ip(10, 0, 2, 2), 1), ""); /* the interface keeps it, empty */
    run("set interface ip table a 0");
    settle();
    assert_true(fib_is_none(world_table(10)));
    assert_string_equal(way_of(ip(10, 0, 2, 2), 1), "b");
}

static void fails(const char *command, const char *text)
{
    char *out;
    assert_true(cli_run(world.p.cli, command, OUT_TEXT, &out) < 0);
    if (!strstr(out, text))
        fail_msg("%s: said `%s', not `%s'", command, out, text);
    free(out);
}

static void addresses_that_conflict_are_refused(void **state)
{
    fails("set interface ip address a 10.0.1.1/24",
          "failed to add 10.0.1.1/24 on a which conflicts with 10.0.1.1/24 for interface a");
    fails("set interface ip address a 10.0.2.7/24", "conflicts with 10.0.2.1/24 for interface b");
    fails("set interface ip address a 10.0.0.0/8", "conflicts with 10.0.1.1/24 for interface a");
    fails("set interface ip address a 10.0.1.3/25", "conflicts with 10.0.1.1/24 for interface a");
    fails("set interface ip address local0 9.0.0.1/24",
          "local0 interface doesn't support IP addressing");
    fails("set interface ip address del a 10.0.1.2/24", "10.0.1.2/24 not found for interface a");
    fails("set interface ip table a 10", "no such table 10");
    run("ip table add 10");
    fails("set interface ip table a 10", "IP addresses are still present on a");
    /* another one of the same subnet, and the subnet stays when one of them goes */
    run("set interface ip address a 10.0.1.2/24");
    run("set interface ip address del a 10.0.1.1/24");
    struct fib_route r;
    assert_true(world_lookup(ip(10, 0, 1, 77), &r));
    assert_int_equal(r.prefix.len, 24);
    struct ip_address src, dst = ip_address_from_ip4(ip(10, 0, 1, 77));
    struct if_index i;
    assert_int_equal(ip_source_address(&world.p, world_table(0), &dst, &src, &i), 0);
    assert_true(be32_equal(src.ip4, ip(10, 0, 1, 2)));
    dst.ip4 = ip(99, 0, 1, 77);
    assert_int_equal(i.i, a.i);
    run("set interface ip address del a 10.0.1.2/24");
    assert_true(world_lookup(ip(10, 0, 1, 77), &r));
    assert_int_equal(r.prefix.len, 0);
    assert_false(ip_if_enabled(IP_FAMILY_4, a));
    assert_int_equal(ip_source_address(&world.p, world_table(0), &dst, &src, &i), -ENETUNREACH);
}

static void prefixes_of_31_and_32_have_no_special_addresses(void **state)
{
    run("set interface ip address a 77.0.0.0/31");
    run("set interface ip address b 78.0.0.1/32");
    settle();
    world_free_caught();
    assert_string_equal(way_of(ip(77, 0, 0, 0), 1), "ip4-receive");
    assert_string_equal(way_of(ip(78, 0, 0, 1), 1), "ip4-receive");
    struct fib_route r;
    assert_true(world_lookup(ip(77, 0, 0, 1), &r));
    assert_int_equal(r.prefix.len, 31);
    run("set interface ip address del a 77.0.0.0/31");
    run("set interface ip address del b 78.0.0.1/32");
    assert_true(world_lookup(ip(77, 0, 0, 0), &r));
    assert_int_equal(r.prefix.len, 0);
}

static void directed_broadcast_goes_to_everybody(void **state)
{
    run("set interface ip directed-broadcast b enable");
    world_run("ip4-lookup", packet_to(ip(10, 0, 2, 255), 1, 64, (be16){0}));
    struct buffer *p = world_take("b");
    assert_memory_equal(buffer_current(p), "\xff\xff\xff\xff\xff\xff", 6);
    world_free(p);
    run("set interface ip directed-broadcast b disable");
    assert_string_equal(way_of(ip(10, 0, 2, 255), 1), "");
}

static void an_interface_that_goes_takes_its_things_along(void **state)
{
    run("ip route add 70.0.0.0/8 via 10.0.3.2 c");
    run("ip route add 71.0.0.0/8 via 10.0.3.2 c via 10.0.2.2 b");
    assert_string_equal(way_of(ip(70, 0, 0, 1), 1), "c");
    interface_delete(&world.p, c);
    settle();
    assert_string_equal(way_of(ip(70, 0, 0, 1), 1), "");
    assert_string_equal(way_of(ip(71, 0, 0, 1), 1), "b");
    assert_string_equal(way_of(ip(71, 0, 0, 1), 2), "b");
    assert_string_equal(way_of(ip(10, 0, 3, 1), 1), "");
    /* another interface gets the index, and none of this */
    c = world_interface("d", mac_c);
    assert_string_equal(way_of(ip(70, 0, 0, 1), 1), "");
    free(world_command("show ip fib"));
    free(world_command("show ip fib 70.0.0.0/8 detail"));
    free(world_command("show adj"));
}

/* The lines of the modules under test. */
static char *configuration(void)
{
    static const struct module *const writers[] = {&address_module, &ip4_module, &neighbor_module,
                                                   &arp_module};
    struct text t = {0};
    for (u32 phase = 0; phase < RC_N; phase++)
        for (u32 k = 0; k < array_len(writers); k++) {
            void *state = module_state(&world.p, writers[k]->name), *place = NULL;
            while (writers[k]->running_config_rows &&
                   writers[k]->running_config_rows(&world.p, state, phase, &place, &t))
                ;
            if (place)
                writers[k]->place_free(place);
            if (writers[k]->running_config)
                writers[k]->running_config(&world.p, state, phase, &t);
        }
    char *s = mem_strdup(text_str(&t));
    text_free(&t);
    return s;
}

static void a_lender_stays_in_its_table_and_borrows_nothing(void **state)
{
    world_interface("lender", mac_a);
    world_interface("borrower", mac_b);
    run("ip table add 10");
    run("set interface unnumbered borrower use lender");
    fails("set interface ip table lender 10",
          "lender lends its addresses to another, unable to change table");
    fails("set interface unnumbered lender use a", "the interface lends its addresses to another");
    run("set interface unnumbered del borrower");
    run("set interface ip table lender 10");
}

static void what_led_through_an_interface_that_went_stays_dead(void **state)
{
    run("set ip neighbor a 10.0.1.2 02:00:00:00:00:12");
    run("ip route add 70.0.0.0/8 via 10.0.3.2 c");
    run("ip route add 71.0.0.0/8 via 10.0.3.2 c via 10.0.2.2 b");
    interface_delete(&world.p, c);
    settle();
    struct if_index gone = c;
    c = world_interface("d", mac_c);
    assert_true(if_equal(c, gone));
    run("set interface ip address d 10.0.3.1/24");
    /* neither another path nor a restart gives it to the interface that has the index now */
    run("ip route add 71.0.0.0/8 via 10.0.1.2 a preference 1");
    run("ip route del 71.0.0.0/8 via 10.0.2.2 b");
    settle();
    world_free_caught(); /* of the new address */
    assert_string_equal(way_of(ip(71, 0, 0, 1), 1), "a");
    char *lines = configuration();
    assert_null(strstr(lines, "70.0.0.0/8"));
    assert_non_null(strstr(lines, "ip route add 71.0.0.0/8 via 10.0.1.2 a preference 1\n"));
    free(lines);
    run("set ip neighbor d 10.0.3.2 02:00:00:00:00:32");
    run("ip route add 71.0.0.0/8 via 10.0.3.2 d"); /* that path is meant */
    settle();
    assert_string_equal(way_of(ip(71, 0, 0, 1), 1), "d");
}

static void the_running_configuration_makes_the_same_again(void **state)
{
    run("ip table add 10 name blue");
    run("ip table add 11 name {blue \\$hostname}");
    run("set interface ip address del c all");
    run("set interface ip table c 10");
    run("set interface ip address c 10.0.2.99/24");
    run("set interface ip address a 10.0.1.3/24");
    run("set interface ip directed-broadcast a enable");
    run("ip route add 0.0.0.0/0 via 10.0.1.8");
    run("ip route add 1.0.0.0/8 via 10.0.1.8 a weight 3 via 10.0.2.8 b weight 4 preference 2");
    run("ip route add 2.0.0.0/8 table 10 via drop");
    run("ip route add 3.0.0.0/8 via unreachable");
    run("ip route add 4.0.0.0/8 via 10.0.2.4 next-hop-table 10 resolve-via-attached");
    run("ip route add 4.1.0.0/16 table 10 via 10.0.1.8 next-hop-table 0");
    run("ip route add 4.2.0.0/16 table 10 via 10.0.2.4");
    run("ip route add 5.0.0.0/8 via ip4-lookup-in-table 11");
    run("ip route add 6.0.0.0/8 via a");
    run("ip route add 7.0.0.7/32 via a");
    run("ip route add 8.0.0.0/8 via local");
    /* a table that the command line did not make, and a route of its in there */
    struct fib_index green;
    assert_int_equal(
        fib_table_lock(fib_of(&world.p), IP_FAMILY_4, 12, "green", FIB_SOURCE_API, &green, NULL),
        0);
    run("ip route add 9.0.0.0/8 table 12 via drop");
    run("set ip neighbor static no-fib-entry a 10.0.1.50 02:00:00:00:00:50");
    run("set ip neighbor a 10.0.1.51 02:00:00:00:00:51");
    run("set ip neighbor-config ip4 limit 1000 age 60 recycle");
    run("set ip flow-hash table 0 src dst proto symmetric");
    run("set interface proxy-arp a enable");
    run("set arp proxy start 10.0.1.60 end 10.0.1.70");
    run("ip table add 12");
    run("ip route add 9.0.0.0/8 via ip4-lookup-in-table 12");
    run("ip table del 12"); /* the route holds it */
    run("ip table add 13");
    run("set arp proxy table-id 13 start 10.0.1.60 end 10.0.1.70");
    run("ip table del 13"); /* the range holds it */
    char *before = configuration();
    free(world_command("show ip fib json"));
    close_world(NULL);
    open_world(NULL);
    run("set interface ip address del a all");
    run("set interface ip address del b all");
    run("set interface ip address del c all");
    char *out;
    if (cli_run(world.p.cli, before, OUT_TEXT, &out))
        fail_msg("%s\nfrom:\n%s", out, before);
    free(out);
    char *again = configuration();
    assert_string_equal(before, again);
    free(before);
    free(again);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_packet_is_rewritten),
        TEST(our_own_packets_keep_their_ttl),
        TEST(ttl_and_mtu_are_told),
        TEST(special_routes),
        TEST(flows_are_spread_by_weight),
        TEST(the_hash_is_symmetric_when_asked),
        TEST(recursion_is_followed_and_counted),
        TEST(tables_are_apart),
        TEST(addresses_that_conflict_are_refused),
        TEST(prefixes_of_31_and_32_have_no_special_addresses),
        TEST(directed_broadcast_goes_to_everybody),
        TEST(an_interface_that_goes_takes_its_things_along),
        TEST(a_lender_stays_in_its_table_and_borrows_nothing),
        TEST(what_led_through_an_interface_that_went_stays_dead),
        TEST(the_running_configuration_makes_the_same_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
