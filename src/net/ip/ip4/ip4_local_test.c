/* Packets for this switch, and what comes of them: from ethernet-input to the interface's tx. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "net/ip/ip4/ip4_errors.h"
#include "net/ip/ip4/ip4_world.h"

#define L2 14
#define ME 0x0a000001
#define HOST 0x0a000002

static const u8 my_mac[6] = {2, 0, 0, 0, 0, 1}, host_mac[6] = {2, 0, 0, 0, 0, 2};
static struct if_index test0;

static int open_world(void **state)
{
    struct error e = {0};

    world_open(world_ip4);
    assert_int_equal(world_interface("local0", NULL).i, 0);
    test0 = world_interface("test0", my_mac);
    assert_int_equal(ip_address_add(&world.p, test0, ip4_prefix(be32_from_host(ME), 24), &e), 0);
    world_neighbor(test0, be32_from_host(HOST), host_mac);
    engine_round(world.p.engine, 1); /* what an address sends at once is not looked at */
    world_free_caught();
    return 0;
}

static int close_world(void **state)
{
    world_close();
    return 0;
}

/* --- frames --- */

static u8 frame[10000], got[10000];

static struct ip4_header *ip(void)
{
    return (struct ip4_header *)(frame + L2);
}

static void set_frame(u8 protocol, u32 ip_bytes)
{
    for (u32 i = 0; i < sizeof(frame); i++)
        frame[i] = (u8)(i * 31);
    memcpy(frame, my_mac, 6);
    memcpy(frame + 6, host_mac, 6);
    put_be16(frame + 12, ETHERTYPE_IP4);
    *ip() = (struct ip4_header){.version_ihl = 0x45,
                                .length = be16_from_host((u16)ip_bytes),
                                .id = be16_from_host(77),
                                .ttl = 17,
                                .protocol = protocol,
                                .src = be32_from_host(HOST),
                                .dst = be32_from_host(ME)};
    ip4_set_checksum(ip());
}

/* Sets an L4 checksum at offset `at` of the L4 header. */
static void set_l4_checksum(u32 at, bool pseudo)
{
    u8 *l4 = ip4_payload(ip());
    u32 bytes = ip4_length(ip()) - 20;
    store_u16(l4 + at, 0);
    store_be16(l4 + at, csum_finish(csum_add(pseudo ? ip4_pseudo_sum(ip()) : 0, l4, bytes)));
}

static void set_echo(u32 ip_bytes)
{
    set_frame(IP_PROTOCOL_ICMP, ip_bytes);
    put_be32(frame + L2 + 20, 0x08000000);
    set_l4_checksum(2, false);
}

static void set_udp(u32 ip_bytes, u16 port)
{
    set_frame(IP_PROTOCOL_UDP, ip_bytes);
    put_be16(frame + L2 + 20, 5000);
    put_be16(frame + L2 + 22, port);
    put_be16(frame + L2 + 24, (u16)(ip_bytes - 20));
    set_l4_checksum(6, true);
}

static struct buffer *make(void)
{
    struct buffer *b = world_packet(frame, L2 + ip4_length(ip()));
    b->rx_if = test0;
    return b;
}

static void send_frame(void)
{
    ip4_set_checksum(ip());
    world_run("ethernet-input", make());
}

/* The only frame that was sent, in `got`; returns its length behind layer 2. */
static u32 sent(void)
{
    struct buffer *b = world_take("test0");
    u32 n = buffer_copy_out(b, 0, got, sizeof(got));
    assert_memory_equal(got, host_mac, 6);
    assert_memory_equal(got + 6, my_mac, 6);
    assert_true(ip4_checksum_is_right((const struct ip4_header *)(got + L2)));
    assert_int_equal(ip4_length((const struct ip4_header *)(got + L2)), n - L2);
    world_free(b);
    return n - L2;
}

static const struct ip4_header *got_ip(void)
{
    return (const struct ip4_header *)(got + L2);
}

static void dropped(const char *node, const char *reason)
{
    u64 before = world_errors(node, reason);
    send_frame();
    assert_int_equal(world.n_caught, 0);
    assert_int_equal(world_errors(node, reason), before + 1);
}

/* --- echo --- */

static void expect_reply(u32 ip_bytes)
{
    const struct ip4_header *h = got_ip();
    assert_int_equal(be32_to_host(h->src), ME);
    assert_int_equal(be32_to_host(h->dst), HOST);
    assert_int_equal(h->ttl, 64);
    assert_false(be16_equal(h->id, ip()->id));
    assert_int_equal(get_be16(got + L2 + 20), 0);
    assert_int_equal(csum_fold(csum_add(0, got + L2 + 20, ip_bytes - 20)), 0xffff);
    assert_memory_equal(got + L2 + 24, frame + L2 + 24, ip_bytes - 24);
}

static void echo_is_answered(void **state)
{
    static const u32 sizes[] = {28, 29, 84, 1500, 2000, 4321, 9000};
    for (u32 i = 0; i < array_len(sizes); i++) {
        set_echo(sizes[i]);
        ip()->fragment = be16_from_host(i & 1 ? IP4_DF : 0);
        send_frame();
        assert_int_equal(sent(), sizes[i]);
        expect_reply(sizes[i]);
        assert_true(be16_equal(got_ip()->fragment, ip()->fragment));
    }
    assert_int_equal(world_errors("ip4-icmp-input", "echo replies sent"), array_len(sizes));
}

static void a_shared_request_is_answered_by_a_copy(void **state)
{
    set_echo(84);
    struct buffer *b = make();
    assert_true(buffer_share(b));
    world_run("ethernet-input", b);
    assert_int_equal(sent(), 84);
    expect_reply(84);
    assert_memory_equal(b->data + b->l3_start, frame + L2, 84);
    world_free(b);
}

static void echo_with_an_unfinished_checksum(void **state)
{
    set_echo(1000);
    put_be16(frame + L2 + 22, 0);
    struct buffer *b = make();
    b->flags |= BUFFER_CSUM_PARTIAL;
    b->csum_start = (i16)(b->start + L2 + 20);
    b->csum_offset = 2;
    world_run("ethernet-input", b);
    assert_int_equal(sent(), 1000);
    expect_reply(1000);
}

/* The datagram in `frame`, as fragments of the MTU. */
static void send_fragments(u32 mtu)
{
    u32 out[64], n = 0;
    struct frag f;
    struct buffer *b = make();
    buffer_advance(b, L2);
    assert_int_equal(ip4_frag_begin(&f, b, mtu), 0);
    while (!frag_done(&f)) {
        out[n] = frag_next(world_thread(), &f);
        buffer_advance(buffer_at(out[n]), -L2);
        memcpy(buffer_current(buffer_at(out[n++])), frame, L2);
    }
    world_free(b);
    for (u32 i = n; i-- > 0;) /* the last first */
        world_run("ethernet-input", buffer_at(out[i]));
}

static void fragments_are_put_together(void **state)
{
    set_echo(5000);
    send_fragments(576);
    assert_int_equal(sent(), 5000);
    expect_reply(5000);
    assert_int_equal(world_errors("ip4-local-full-reassembly", "successful reassemblies"), 1);
    assert_int_equal(world_errors("ip4-local-full-reassembly", "fragments received"), 10);
    assert_int_equal(world_errors("ip4-local-full-reassembly", "fragments reassembled"), 10);
    reass_set_local(&world.p, IP_FAMILY_4, false);
    send_fragments(576);
    assert_int_equal(world.n_caught, 0);
    assert_int_equal(world_buffers_used(), 0);
}

static void fragments_that_stay_alone_go(void **state)
{
    struct error e;
    struct reass_config c = reass_get(&world.p, REASS_FULL, IP_FAMILY_4);
    c.timeout_ms = c.expire_walk_ms = 1;
    assert_int_equal(reass_set(&world.p, REASS_FULL, IP_FAMILY_4, &c, &e), 0);
    set_echo(1000);
    ip()->fragment = be16_from_host(IP4_MF);
    ip()->length = be16_from_host(20 + 976);
    send_frame();
    u64 give_up = clock_ns() + 5 * NS_PER_SEC;
    while (!world.n_caught && clock_ns() < give_up) {
        loop_once(world.p.loop, 1);
        engine_round(world.p.engine, 1);
    }
    sent(); /* its sender is told */
    assert_int_equal(got[L2 + 20], ICMP4_TIME_EXCEEDED);
    assert_int_equal(got[L2 + 21], ICMP4_REASSEMBLY_TIME_EXCEEDED);
    assert_int_equal(world_buffers_used(), 0);
}

static void fragments_that_pass_are_put_together_where_wanted(void **state)
{
    set_udp(3000, 7);
    ip()->dst = be32_from_host(HOST);
    send_fragments(1500);
    assert_int_equal(world.n_caught, 3);
    world_free_caught();
    free(world_command("set interface reassembly test0 on"));
    send_fragments(1500);
    assert_int_equal(sent(), 3000);
    assert_memory_equal(got + L2 + 20, frame + L2 + 20, 2980);
    assert_int_equal(got_ip()->ttl, 16);
    free(world_command("set interface reassembly test0 off"));
    send_fragments(1500);
    assert_int_equal(world.n_caught, 3);
    world_free_caught();
}

/* --- errors --- */

static void expect_error(u8 type, u8 code, u32 data)
{
    u32 n = sent();
    const struct ip4_header *h = got_ip();
    assert_int_equal(h->protocol, IP_PROTOCOL_ICMP);
    assert_int_equal(be32_to_host(h->src), ME);
    assert_int_equal(be32_to_host(h->dst), HOST);
    assert_int_equal(got[L2 + 20], type);
    assert_int_equal(got[L2 + 21], code);
    assert_int_equal(get_be32(got + L2 + 24), data);
    assert_int_equal(csum_fold(csum_add(0, got + L2 + 20, n - 20)), 0xffff);
    assert_memory_equal(got + L2 + 28, frame + L2, min_u64(n - 28, ip4_length(ip())));
}

static void nobody_there_is_told(void **state)
{
    set_udp(100, 7);
    send_frame();
    expect_error(ICMP4_DESTINATION_UNREACHABLE, ICMP4_PORT_UNREACHABLE, 0);
    assert_int_equal(world_errors("ip4-udp-lookup", "no listener for dst port"), 1);

    set_frame(IP_PROTOCOL_TCP, 40);
    frame[L2 + 32] = 0x50;
    set_l4_checksum(16, true);
    send_frame();
    expect_error(ICMP4_DESTINATION_UNREACHABLE, ICMP4_PORT_UNREACHABLE, 0);
    assert_int_equal(world_errors("ip4-receive", "no listener for tcp port"), 1);

    set_frame(200, 100);
    send_frame();
    expect_error(ICMP4_DESTINATION_UNREACHABLE, ICMP4_PROTOCOL_UNREACHABLE, 0);
    assert_int_equal(world_errors("ip4-receive", "unknown ip protocol"), 1);
    assert_int_equal(world_errors("ip4-icmp-error", "destination unreachable response"), 3);
}

static void errors_are_limited_in_number(void **state)
{
    set_udp(100, 7);
    for (u32 i = 0; i < 500; i++)
        send_frame();
    assert_true(world.n_caught >= 100 && world.n_caught < 400);
    assert_int_equal(world_errors("ip4-icmp-error", "error messages suppressed") + world.n_caught,
                     500);
    world_free_caught();
    assert_int_equal(world_buffers_used(), 0);
}

static void the_last_hop_is_told(void **state)
{
    set_udp(100, 7);
    ip()->dst = be32_from_host(HOST + 1);
    ip()->ttl = 1;
    send_frame();
    if (world.n_caught) /* an ARP request for the next hop may not go out for it */
        expect_error(ICMP4_TIME_EXCEEDED, ICMP4_TTL_EXCEEDED, 0);
    ip()->dst = be32_from_host(HOST);
    send_frame();
    expect_error(ICMP4_TIME_EXCEEDED, ICMP4_TTL_EXCEEDED, 0);
}

static void what_is_too_long_is_told_or_cut(void **state)
{
    struct error e;
    assert_int_equal(interface_set_mtu(&world.p, test0, IF_MTU_IP4, 1500, &e), 0);
    set_udp(4000, 7);
    ip()->dst = be32_from_host(HOST);
    ip()->fragment = be16_from_host(IP4_DF);
    send_frame();
    expect_error(ICMP4_DESTINATION_UNREACHABLE, ICMP4_FRAGMENTATION_NEEDED, 1500);

    ip()->fragment = (be16){0};
    send_frame();
    assert_int_equal(world.n_caught, 3);
    u32 at = 0;
    for (u32 i = 0; i < 3; i++) {
        struct buffer *b = buffer_at(world.caught[i].bi);
        u32 n = buffer_copy_out(b, 0, got, sizeof(got));
        const struct ip4_header *h = got_ip();
        assert_true(n <= L2 + 1500);
        assert_true(ip4_checksum_is_right(h));
        assert_int_equal(h->ttl, 16); /* one hop, not two */
        assert_int_equal(ip4_fragment_offset_bytes(h), at);
        assert_memory_equal(got + L2 + 20, frame + L2 + 20 + at, n - L2 - 20);
        at += n - L2 - 20;
        world_free(b);
    }
    world.n_caught = 0;
    assert_int_equal(at, 3980);
    assert_int_equal(world_buffers_used(), 0);
}

/* Segments first, then fragments of each: put together again, they are segments with right
 * checksums. */
static void take_segment(void *arg, u32 bi, enum reass_fate fate)
{
    u32 *bytes = arg;
    struct buffer *b = buffer_at(bi);
    const struct ip4_header *h = buffer_current(b);
    assert_int_equal(fate, REASS_WHOLE);
    assert_int_equal(csum_fold(csum_add_chain(ip4_pseudo_sum(h), b, 20, ip4_length(h) - 20)),
                     0xffff);
    *bytes += ip4_length(h) - 40;
    world_free(b);
}

static void large_packets_of_a_guest_are_cut(void **state)
{
    struct error e;
    struct reass_config config = reass_config_default();
    struct sessions_args a = reass_sessions(&ip4_reass_protocol, (struct node_index){0});
    struct sessions *sessions = sessions_new(world.p.engine, &a);
    struct reass *r = reass_new(&ip4_reass_protocol, &config, sessions->of_thread[1]);
    u32 bytes = 0;

    assert_int_equal(interface_set_mtu(&world.p, test0, IF_MTU_IP4, 1000, &e), 0);
    set_frame(IP_PROTOCOL_TCP, 40 + 4000);
    ip()->dst = be32_from_host(HOST);
    frame[L2 + 32] = 0x50;
    ip4_set_checksum(ip());
    struct buffer *b = make();
    b->flags |= BUFFER_GSO | BUFFER_CSUM_PARTIAL;
    b->gso_size = 1460;
    b->gso_l4_len = 20;
    b->csum_start = (i16)(b->start + L2 + 20);
    b->csum_offset = 16;
    world_run("ethernet-input", b);
    assert_int_equal(world.n_caught, 6);
    for (u32 i = 0; i < 6; i++) {
        b = buffer_at(world.caught[i].bi);
        assert_true(buffer_packet_len(b) <= L2 + 1000);
        buffer_advance(b, L2);
        assert_int_equal(((const struct ip4_header *)buffer_current(b))->ttl, 16);
        reass_add(r, world_thread(), world.caught[i].bi, 0, 0,
                      &(struct reass_out){.give = take_segment, .arg = &bytes});
    }
    world.n_caught = 0;
    assert_int_equal(bytes, 4000);
    reass_free(r, world_thread());
    sessions_free(sessions);

    ip()->fragment = be16_from_host(IP4_DF); /* and with DF its sender is told */
    b = make();
    ip4_set_checksum((struct ip4_header *)((u8 *)buffer_current(b) + L2));
    b->flags |= BUFFER_GSO | BUFFER_CSUM_PARTIAL;
    b->gso_size = 1460;
    b->gso_l4_len = 20;
    b->csum_start = (i16)(b->start + L2 + 20);
    b->csum_offset = 16;
    world_run("ethernet-input", b);
    sent();
    assert_int_equal(got[L2 + 21], ICMP4_FRAGMENTATION_NEEDED);
    assert_int_equal(get_be32(got + L2 + 24), 1000);
    assert_int_equal(world_buffers_used(), 0);
}

static void large_replies_are_cut(void **state)
{
    struct error e;
    set_echo(5000);
    assert_int_equal(interface_set_mtu(&world.p, test0, IF_MTU_IP4, 1500, &e), 0);
    send_fragments(1500);
    assert_int_equal(world.n_caught, 4);
    for (u32 i = 0; i < 4; i++) {
        struct buffer *b = buffer_at(world.caught[i].bi);
        const struct ip4_header *h = (const void *)(b->data + b->l3_start);
        assert_int_equal(h->ttl, 64); /* this switch's own: no hop yet */
        world_free(b);
    }
    world.n_caught = 0;
    assert_int_equal(world_buffers_used(), 0);
}

/* --- what is refused --- */

static void checksums(void **state)
{
    set_udp(100, 7);
    frame[L2 + 50] ^= 1;
    dropped("ip4-receive", "bad udp checksum");
    set_frame(IP_PROTOCOL_TCP, 60);
    set_l4_checksum(16, true);
    frame[L2 + 50] ^= 1;
    dropped("ip4-receive", "bad tcp checksum");
    set_echo(84);
    frame[L2 + 50] ^= 1;
    dropped("ip4-receive", "bad icmp checksum");
    /* a port vouches for it */
    struct buffer *b = make();
    b->flags |= BUFFER_CSUM_VALID;
    world_run("ethernet-input", b);
    assert_int_equal(sent(), 84);
}

static void udp_without_checksum(void **state)
{
    set_udp(100, 7);
    put_be16(frame + L2 + 26, 0);
    send_frame();
    expect_error(ICMP4_DESTINATION_UNREACHABLE, ICMP4_PORT_UNREACHABLE, 0);
}

static void lengths(void **state)
{
    set_udp(100, 7);
    put_be16(frame + L2 + 24, 81);
    dropped("ip4-receive", "inconsistent udp/ip lengths");
    put_be16(frame + L2 + 24, 7);
    dropped("ip4-receive", "inconsistent udp/ip lengths");
    set_udp(28, 7);
    ip()->length = be16_from_host(27);
    dropped("ip4-receive", "inconsistent udp/ip lengths");
    set_echo(28);
    ip()->length = be16_from_host(27);
    set_l4_checksum(2, false);
    dropped("ip4-icmp-input", "payload length too small");
}

static void sources(void **state)
{
    set_udp(100, 7);
    ip()->src = be32_from_host(ME);
    set_l4_checksum(6, true);
    dropped("ip4-receive", "ip4 spoofed local-address");
    ip()->src = be32_from_host(0x63090909); /* no route back */
    set_l4_checksum(6, true);
    dropped("ip4-receive", "ip4 source lookup miss");
}

static void icmp_types_that_nobody_wants(void **state)
{
    set_echo(84);
    frame[L2 + 20] = 13;
    set_l4_checksum(2, false);
    dropped("ip4-icmp-input", "unknown type");
}

/* --- registration --- */

static void registered_protocols_and_ports(void **state)
{
    struct node_index n;
    world_catch("proto-200");
    world_catch("port-7");
    assert_true(node_find(world.p.engine, "proto-200", &n));
    ip4_local_register(&world.p, 200, n);
    assert_true(node_find(world.p.engine, "port-7", &n));
    assert_int_equal(ip4_udp_register(&world.p, 7, n), 0);
    assert_true(ip4_udp_register(&world.p, 7, n) < 0);

    set_frame(200, 100);
    send_frame();
    world_free(world_take("proto-200"));
    set_udp(100, 7);
    send_frame();
    struct buffer *b = world_take("port-7");
    assert_int_equal(b->l4_start - b->start, 20);
    world_free(b);

    ip4_udp_unregister(&world.p, 7);
    send_frame();
    expect_error(ICMP4_DESTINATION_UNREACHABLE, ICMP4_PORT_UNREACHABLE, 0);
    ip4_local_unregister(&world.p, 200);
    set_frame(200, 100);
    send_frame();
    expect_error(ICMP4_DESTINATION_UNREACHABLE, ICMP4_PROTOCOL_UNREACHABLE, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
        TEST(echo_is_answered),
        TEST(a_shared_request_is_answered_by_a_copy),
        TEST(echo_with_an_unfinished_checksum),
        TEST(fragments_are_put_together),
        TEST(fragments_that_stay_alone_go),
        TEST(fragments_that_pass_are_put_together_where_wanted),
        TEST(nobody_there_is_told),
        TEST(errors_are_limited_in_number),
        TEST(the_last_hop_is_told),
        TEST(what_is_too_long_is_told_or_cut),
        TEST(large_packets_of_a_guest_are_cut),
        TEST(large_replies_are_cut),
        TEST(checksums),
        TEST(udp_without_checksum),
        TEST(lengths),
        TEST(sources),
        TEST(icmp_types_that_nobody_wants),
        TEST(registered_protocols_and_ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
