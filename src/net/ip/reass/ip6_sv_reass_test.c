/* Virtual reassembly of IPv6: what each fragment is told of the first one, in any order, as they
 * come in and as they leave, and what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/ip/reass/ip6_sv_world.h"
#include "net/packet/random_test.h"

#define FEATURE "ip6-sv-reassembly-feature"

static int open_world(void **state)
{
    sv_world_open();
    return 0;
}

static int close_world(void **state)
{
    world_close();
    return 0;
}

/* --- fragments --- */

struct piece {
    u8 bytes[2048];
    u32 n;
};

/* Payload bytes [from, to) of a datagram of `total`, which has the protocol's header in front. */
static struct piece piece_of(u32 id, u8 protocol, const u8 *payload, u32 from, u32 to, u32 total)
{
    struct piece p = {.n = L3 + 8 + to - from};
    struct ip6_header *h = (struct ip6_header *)(void *)p.bytes;
    *h = (struct ip6_header){.version_class_flow = IP6_VERSION_PLAIN,
                             .payload_length = be16_from_host((u16)(8 + to - from)),
                             .protocol = IP_PROTOCOL_IP6_FRAGMENT,
                             .hop_limit = 64};
    memcpy(h->src, world_ip6_address(0, 2).bytes, 16);
    memcpy(h->dst, world_ip6_address(1, 2).bytes, 16);
    p.bytes[L3] = protocol;
    put_be16(p.bytes + L3 + 2, (u16)(from | (to < total)));
    put_be32(p.bytes + L3 + 4, id);
    memcpy(p.bytes + L3 + 8, payload + from, to - from);
    return p;
}

static void send_piece(const struct piece *p)
{
    sv_world_run(p->bytes, p->n);
}

/* All that has come out: each has this note. Returns how many. */
static u32 all_are_told(u8 protocol, u16 sport, u16 dport)
{
    u32 n = world.n_caught;
    for (u32 i = 0; i < n; i++) {
        const struct sv_note *note = sv_note(buffer_at(world.caught[i].bi));
        assert_string_equal(world.caught[i].node, "out0");
        assert_int_equal(note->protocol, protocol);
        assert_int_equal(be16_to_host(note->sport), sport);
        assert_int_equal(be16_to_host(note->dport), dport);
    }
    world_free_caught();
    return n;
}

static void nothing_waits(void)
{
    char *text = world_command("show ip6-sv-reassembly");
    assert_non_null(strstr(text, "Current IP6 reassemblies count: 0\n"));
    assert_non_null(strstr(text, "Buffers in use: 0\n"));
    free(text);
    assert_int_equal(world_buffers_used(), 0);
}

/* --- tests --- */

static void any_order(void **state)
{
    static struct piece pieces[128];
    u8 payload[4096] = {0};
    for (u32 round = 0; round < 400; round++) {
        u32 total = 64 + random_u32() % 3000, size = 40 + 8 * (random_u32() % 100), n = 0;
        bool icmp = round % 3 == 1, options = round % 4 == 2;
        u16 sport = (u16)random_u32(), dport = icmp ? sport : (u16)random_u32();
        u8 protocol = icmp ? IP_PROTOCOL_ICMP6 : round % 3 ? IP_PROTOCOL_TCP : IP_PROTOCOL_UDP;
        memset(payload, 0, sizeof(payload));
        u8 *l4 = payload;
        if (options) { /* behind the fragment header, in front of the ports */
            l4[0] = protocol;
            l4 += 8;
        }
        if (icmp)
            l4[0] = ICMP6_ECHO_REQUEST;
        put_be16(l4 + (icmp ? 4 : 0), sport);
        put_be16(l4 + (icmp ? 6 : 2), dport);
        for (u32 at = 0; at < total; at += size)
            pieces[n++] = piece_of(round, options ? IP_PROTOCOL_IP6_DESTINATION : protocol, payload,
                                   at, (u32)min_u64(at + size, total), total);
        if (n == 1)
            continue; /* whole */
        for (u32 i = n - 1; i; i--) {
            u32 k = random_u32() % (i + 1);
            struct piece p = pieces[i];
            pieces[i] = pieces[k];
            pieces[k] = p;
        }
        for (u32 i = 0; i < n; i++)
            send_piece(&pieces[i]);
        assert_int_equal(all_are_told(protocol, sport, dport), n);
        nothing_waits();
    }
}

static const u8 udp_bytes[256] = {0x12, 0x34, 0, 53}, other_bytes[256] = {0x43, 0x21, 0, 53};

static void the_first_one_twice(void **state)
{
    struct piece first = piece_of(1, IP_PROTOCOL_UDP, udp_bytes, 0, 64, 256);
    struct piece last = piece_of(1, IP_PROTOCOL_UDP, udp_bytes, 128, 256, 256);
    send_piece(&first);
    send_piece(&first);
    send_piece(&last);
    assert_int_equal(all_are_told(IP_PROTOCOL_UDP, 0x1234, 53), 3);
}

/* Nothing passes any more. */
static void is_void_from_here(u32 id, u64 before, u32 n)
{
    struct piece last = piece_of(id, IP_PROTOCOL_UDP, udp_bytes, 128, 256, 256);
    send_piece(&last);
    assert_int_equal(world.n_caught, 0);
    assert_int_equal(world_errors(FEATURE, "overlapping fragments"), before + n + 1);
}

static void overlaps_of_the_first_one(void **state)
{
    /* it says something else, it has another length, another begins within it, before or behind */
    const struct {
        struct piece a, b;
        u32 out, dropped;
    } pairs[] = {
        {piece_of(1, 17, udp_bytes, 0, 64, 256), piece_of(1, 17, other_bytes, 0, 64, 256), 1, 1},
        {piece_of(2, 17, udp_bytes, 0, 64, 256), piece_of(2, 17, udp_bytes, 0, 72, 256), 1, 1},
        {piece_of(3, 17, udp_bytes, 0, 64, 256), piece_of(3, 17, udp_bytes, 56, 128, 256), 1, 1},
        {piece_of(4, 17, udp_bytes, 56, 128, 256), piece_of(4, 17, udp_bytes, 0, 64, 256), 0, 2},
    };
    u64 before = 0;
    for (u32 i = 0; i < array_len(pairs); i++) {
        send_piece(&pairs[i].a);
        send_piece(&pairs[i].b);
        assert_int_equal(world.n_caught, pairs[i].out);
        world_free_caught();
        is_void_from_here(i + 1, before, pairs[i].dropped);
        before += pairs[i].dropped + 1;
    }
}

static void what_is_too_short_is_refused(void **state)
{
    static const u8 options[64] = {IP_PROTOCOL_UDP, 6}; /* ports would be at 56 */
    struct piece tcp = piece_of(1, IP_PROTOCOL_TCP, udp_bytes, 0, 16, 256);
    struct piece within_tcp = piece_of(2, IP_PROTOCOL_TCP, udp_bytes, 16, 64, 256);
    struct piece no_ports = piece_of(3, IP_PROTOCOL_IP6_DESTINATION, options, 0, 56, 256);
    struct piece odd = piece_of(4, IP_PROTOCOL_UDP, udp_bytes, 0, 63, 256);
    struct piece nothing = piece_of(5, IP_PROTOCOL_UDP, udp_bytes, 64, 64, 256);
    send_piece(&tcp);
    send_piece(&no_ports);
    assert_int_equal(world_errors(FEATURE, "missing-upper layer drops"), 2);
    send_piece(&odd);
    assert_int_equal(world_errors(FEATURE, "invalid fragment size"), 1);
    send_piece(&within_tcp);
    send_piece(&nothing);
    assert_int_equal(world_errors(FEATURE, "invalid fragment length"), 2);
    assert_int_equal(world.n_caught, 0);
    nothing_waits();
}

static void bounds(void **state)
{
    struct error e;
    struct reass_config c = reass_get(&world.p, REASS_VIRTUAL, IP_FAMILY_6);
    c.max_datagrams = 4;
    c.max_fragments = 2;
    assert_int_equal(reass_set(&world.p, REASS_VIRTUAL, IP_FAMILY_6, &c, &e), 0);
    for (u32 id = 0; id < 10; id++)
        for (u32 at = 64; at < 64 + 3 * 8; at += 8) {
            struct piece p = piece_of(id, IP_PROTOCOL_UDP, udp_bytes, at, at + 8, 256);
            send_piece(&p);
        }
    assert_int_equal(world.n_caught, 0);
    assert_int_equal(world_errors(FEATURE, "drops due to concurrent"), 10 + 6 * 2);
    assert_int_equal(world_buffers_used(), 4 * 2);
    __atomic_fetch_add(&clock_ahead_ns, (c.timeout_ms + 1000) * NS_PER_MSEC, __ATOMIC_RELAXED);
    for (u64 until = clock_ns() + 5 * NS_PER_SEC; world_buffers_used() && clock_ns() < until;)
        engine_round(world.p.engine, 1);
    nothing_waits();
    assert_int_equal(world_errors("ip6-sv-reassembly-expire-walk", "fragments dropped due to"), 8);
    c.max_datagrams = 0;
    assert_int_equal(reass_set(&world.p, REASS_VIRTUAL, IP_FAMILY_6, &c, &e), 0);
    struct piece p = piece_of(1, IP_PROTOCOL_UDP, udp_bytes, 0, 64, 256);
    send_piece(&p);
    assert_int_equal(world.n_caught, 0);
    nothing_waits();
}

/* A feature and a person may both want it. */
static void as_long_as_anybody_wants_it(void **state)
{
    struct error e;
    struct piece p = piece_of(1, IP_PROTOCOL_UDP, udp_bytes, 64, 128, 256);
    assert_int_equal(reass_set_interface(&world.p, REASS_VIRTUAL, IP_FAMILY_6, sv_in, true, &e), 0);
    assert_int_equal(reass_set_interface(&world.p, REASS_VIRTUAL, IP_FAMILY_6, sv_in, true, &e), 0);
    assert_int_equal(sv_reass_enable(&world.p, IP_FAMILY_6, sv_out, AT_IP_OUTPUT, false, &e), 0);
    assert_int_equal(sv_reass_enable(&world.p, IP_FAMILY_6, sv_in, AT_IP_INPUT, false, &e), 0);
    send_piece(&p);
    assert_int_equal(world.n_caught, 0);
    assert_int_equal(reass_set_interface(&world.p, REASS_VIRTUAL, IP_FAMILY_6, sv_in, false, &e),
                     0);
    send_piece(&p);
    assert_int_equal(world.n_caught, 1);
    world_free_caught();
    assert_int_equal(sv_reass_enable(&world.p, IP_FAMILY_6, sv_in, AT_IP_INPUT, false, &e),
                     -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
        TEST(any_order),
        TEST(the_first_one_twice),
        TEST(overlaps_of_the_first_one),
        TEST(what_is_too_short_is_refused),
        TEST(bounds),
        TEST(as_long_as_anybody_wants_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
