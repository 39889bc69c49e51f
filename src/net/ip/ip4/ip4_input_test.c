/* What ip4-input lets through, what it refuses, and under which name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_input.h"
#include "net/ip/ip4/ip4_world.h"

static const struct module *const modules[] = {&ip4_arcs_module, &ip4_input_module, NULL};

static int open_world(void **state)
{
    world_open(modules);
    world_catch("ip4-lookup");
    world_catch("ip4-icmp-error");
    world_catch("ip4-mfib-forward-lookup");
    return 0;
}

static int close_world(void **state)
{
    assert_int_equal(world_buffers_used(), 0);
    world_close();
    return 0;
}

#define BYTES 100
static u8 packet[BYTES + IP4_HEADER_MAX_BYTES];

static struct ip4_header *plain(void)
{
    struct ip4_header *h = (struct ip4_header *)packet;
    memset(packet, 0x55, sizeof(packet));
    *h = (struct ip4_header){.version_ihl = 0x45,
                             .length = be16_from_host(BYTES),
                             .ttl = 64,
                             .protocol = 17,
                             .src = be32_from_host(0x0a000001),
                             .dst = be32_from_host(0xc0000201)};
    return h;
}

static void passes(u32 bytes)
{
    world_run("ip4-input", world_packet(packet, bytes));
    struct buffer *b = world_take("ip4-lookup");
    assert_int_equal(buffer_packet_len(b), ip4_length((const struct ip4_header *)packet));
    assert_true(b->flags & BUFFER_IS_IP4);
    assert_int_equal(b->l3_start, b->start);
    world_free(b);
}

static void refused(u32 bytes, const char *reason)
{
    u64 before = world_errors("ip4-input", reason);
    world_run("ip4-input", world_packet(packet, bytes));
    assert_int_equal(world.n_caught, 0);
    assert_int_equal(world_errors("ip4-input", reason), before + 1);
}

static void sound_packets_pass(void **state)
{
    struct ip4_header *h = plain();
    ip4_set_checksum(h);
    passes(BYTES);
    h->fragment = be16_from_host(IP4_MF | 2);
    ip4_set_checksum(h);
    passes(BYTES);
    h->ttl = 1;
    ip4_set_checksum(h);
    passes(BYTES);
    h->length = be16_from_host(20); /* nothing behind the header */
    ip4_set_checksum(h);
    passes(20);
}

static void padding_goes(void **state)
{
    struct ip4_header *h = plain();
    h->length = be16_from_host(28);
    ip4_set_checksum(h);
    passes(46);
}

static void lengths(void **state)
{
    struct ip4_header *h = plain();
    ip4_set_checksum(h);
    refused(19, "ip4 length < 20 bytes");
    refused(0, "ip4 length < 20 bytes");
    refused(BYTES - 1, "ip4 length > l2 length");
    h->length = be16_from_host(19);
    ip4_set_checksum(h);
    refused(BYTES, "ip4 length < 20 bytes");
    h = plain();
    h->version_ihl = 0x46;
    h->length = be16_from_host(20);
    ip4_set_checksum(h);
    refused(BYTES, "ip4 length < 20 bytes");
    h = plain();
    h->version_ihl = 0x4f; /* options that are not there */
    h->length = be16_from_host(60);
    refused(40, "ip4 length > l2 length");
}

static void headers(void **state)
{
    struct ip4_header *h = plain();
    h->version_ihl = 0x65;
    ip4_set_checksum(h);
    refused(BYTES, "ip4 version != 4");
    h = plain();
    h->version_ihl = 0x44;
    refused(BYTES, "ip4 IHL < 5");
    h = plain();
    h->checksum = BE16(0x1234);
    refused(BYTES, "bad ip4 checksum");
    h = plain();
    h->fragment = be16_from_host(1);
    ip4_set_checksum(h);
    refused(BYTES, "ip4 fragment offset == 1");
}

static void without_checksum_all_else_is_checked(void **state)
{
    struct ip4_header *h = plain();
    h->checksum = BE16(0x1234);
    world_run("ip4-input-no-checksum", world_packet(packet, BYTES));
    world_free(world_take("ip4-lookup"));
    h->src = BE32(0xffffffff);
    world_run("ip4-input-no-checksum", world_packet(packet, BYTES));
    assert_int_equal(world_errors("ip4-input-no-checksum", "ip4 source address not"), 1);
}

static void source(u32 src, u32 dst, bool good)
{
    struct ip4_header *h = plain();
    h->src = be32_from_host(src);
    h->dst = be32_from_host(dst);
    ip4_set_checksum(h);
    if (good)
        passes(BYTES);
    else
        refused(BYTES, "ip4 source address not");
}

static void sources(void **state)
{
    source(0x00000000, 0xc0000201, false);
    source(0x00000000, 0xffffffff, true); /* who has no address yet asks for one */
    source(0x00000001, 0xffffffff, false);
    source(0x00ffffff, 0xc0000201, false);
    source(0x01000000, 0xc0000201, true);
    source(0x7effffff, 0xc0000201, true);
    source(0x7f000001, 0xc0000201, false);
    source(0x80000000, 0xc0000201, true);
    source(0xdfffffff, 0xc0000201, true);
    source(0xe0000001, 0xc0000201, false);
    source(0xefffffff, 0xc0000201, false);
    source(0xf0000001, 0xc0000201, false);
    source(0xffffffff, 0xc0000201, false);
    source(0xffffffff, 0xffffffff, false);
}

static void destinations(void **state)
{
    struct ip4_header *h = plain();
    static const u32 bad[] = {0, 0x00000001, 0x7f000001};
    for (u32 i = 0; i < array_len(bad); i++) {
        h->dst = be32_from_host(bad[i]);
        ip4_set_checksum(h);
        refused(BYTES, "ip4 destination address");
    }
    h->dst = BE32(0xffffffff);
    ip4_set_checksum(h);
    passes(BYTES);
    h->dst = be32_from_host(0xe0000005); /* a group */
    ip4_set_checksum(h);
    world_run("ip4-input", world_packet(packet, BYTES));
    world_free(world_take("ip4-mfib-forward-lookup"));
}

static void expired(void **state)
{
    struct ip4_header *h = plain();
    h->ttl = 0;
    ip4_set_checksum(h);
    world_run("ip4-input", world_packet(packet, BYTES));
    struct buffer *b = world_take("ip4-icmp-error");
    assert_int_equal(ip_scratch(b)->icmp_type, ICMP4_TIME_EXCEEDED);
    assert_int_equal(ip_scratch(b)->icmp_code, ICMP4_TTL_EXCEEDED);
    world_free(b);
}

/* Options of 8 bytes. */
static void set_options(const char *bytes)
{
    struct ip4_header *h = plain();
    h->version_ihl = 0x47;
    memcpy(packet + 20, bytes, 8);
    ip4_set_checksum(h);
}

static void options(void **state)
{
    set_options("\x94\x04\x00\x00\x01\x01\x00\x00"); /* router alert */
    passes(BYTES);
    set_options("\x07\x08\x04\x00\x00\x00\x00\x00"); /* record route, exactly to the end */
    passes(BYTES);
    assert_int_equal(world_errors("ip4-options", "ip4 options present"), 2);
    set_options("\x01\x83\x07\x04\x00\x00\x00\x00"); /* loose source route */
    world_run("ip4-input", world_packet(packet, BYTES));
    set_options("\x89\x07\x04\x00\x00\x00\x00\x00"); /* strict */
    world_run("ip4-input", world_packet(packet, BYTES));
    assert_int_equal(world.n_caught, 0);
    assert_int_equal(world_errors("ip4-options", "ip4 source route option"), 2);
}

static void malformed(const char *bytes, u32 at)
{
    set_options(bytes);
    world_run("ip4-input", world_packet(packet, BYTES));
    struct buffer *b = world_take("ip4-icmp-error");
    assert_int_equal(ip_scratch(b)->icmp_type, ICMP4_PARAMETER_PROBLEM);
    assert_int_equal(ip_scratch(b)->icmp_data, at << 24);
    world_free(b);
}

static void malformed_options_are_told(void **state)
{
    malformed("\x07\x09\x00\x00\x00\x00\x00\x00", 21); /* longer than what is left */
    malformed("\x01\x07\x01\x00\x00\x00\x00\x00", 22);
    malformed("\x01\x07\x00\x00\x00\x00\x00\x00", 22);
    malformed("\x01\x01\x01\x01\x01\x01\x01\x07", 27); /* no length at all */
}

static void chains(void **state)
{
    static u8 large[9000];
    struct ip4_header *h = (struct ip4_header *)large;
    memcpy(large, plain(), 20);
    h->length = be16_from_host(9000);
    ip4_set_checksum(h);
    world_run("ip4-input", world_packet(large, 9000));
    struct buffer *b = world_take("ip4-lookup");
    assert_int_equal(buffer_packet_len(b), 9000);
    world_free(b);
    world_run("ip4-input", world_packet(large, 8999));
    assert_int_equal(world_errors("ip4-input", "ip4 length > l2 length"), 1);
    /* padding that fills whole buffers */
    h->length = be16_from_host(3000);
    ip4_set_checksum(h);
    world_run("ip4-input", world_packet(large, 9000));
    b = world_take("ip4-lookup");
    assert_int_equal(buffer_packet_len(b), 3000);
    world_free(b);
    h->length = be16_from_host(30);
    ip4_set_checksum(h);
    world_run("ip4-input", world_packet(large, 9000));
    b = world_take("ip4-lookup");
    assert_int_equal(buffer_packet_len(b), 30);
    assert_false(b->flags & BUFFER_NEXT);
    world_free(b);
}

static void headers_in_pieces_are_joined(void **state)
{
    set_options("\x94\x04\x00\x00\x00\x00\x00\x00");
    for (u32 cut = 1; cut < 30; cut++) {
        world_run("ip4-input", world_packet_in_two(packet, BYTES, cut));
        struct buffer *b = world_take("ip4-lookup");
        assert_true(b->len >= 28);
        assert_memory_equal(buffer_current(b), packet, 28);
        world_free(b);
    }
}

static void an_interface_without_ip4_drops(void **state)
{
    struct if_index i = {1};
    struct error e;
    struct ip4_header *h = plain();
    ip4_set_checksum(h);
    assert_int_equal(
        feature_enable(world.p.engine, "ip4-unicast", "ip4-not-enabled", i, true, 0, &e), 0);
    world_run("ip4-input", world_packet(packet, BYTES));
    world_run("ip4-input-no-checksum", world_packet(packet, BYTES));
    assert_int_equal(world.n_caught, 0);
    assert_int_equal(world_errors("ip4-not-enabled", "ip4 not enabled on interface"), 2);
    assert_int_equal(
        feature_enable(world.p.engine, "ip4-unicast", "ip4-not-enabled", i, false, 0, &e), 0);
    passes(BYTES);
}

static void packets_are_counted_by_interface(void **state)
{
    struct ip4_header *h = plain();
    struct node_index n;
    u32 bi[30];
    ip4_set_checksum(h);
    assert_true(node_find(world.p.engine, "ip4-input", &n));
    for (u32 i = 0; i < 30; i++) {
        struct buffer *b = world_packet(packet, BYTES);
        b->rx_if.i = i < 10 ? 1 : i < 12 ? 2 : 1;
        bi[i] = buffer_index(b);
    }
    assert_int_equal(thread_handoff(engine_main_thread(world.p.engine), 1, n, bi, 30), 30);
    engine_round(world.p.engine, 1);
    assert_int_equal(counter_get(if_counters[IF_IP4], 1), 28);
    assert_int_equal(counter_get(if_counters[IF_IP4], 2), 2);
    assert_int_equal(world.n_caught, 30);
    world_free_caught();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
        TEST(sound_packets_pass),
        TEST(padding_goes),
        TEST(lengths),
        TEST(headers),
        TEST(without_checksum_all_else_is_checked),
        TEST(sources),
        TEST(destinations),
        TEST(expired),
        TEST(options),
        TEST(malformed_options_are_told),
        TEST(chains),
        TEST(headers_in_pieces_are_joined),
        TEST(an_interface_without_ip4_drops),
        TEST(packets_are_counted_by_interface),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
