/* ARP: what is answered, what is learnt and what is not; packets that wait; age, limits, proxies.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_input.h"
#include "net/ip/ip4/ip4_world.h"
#include "net/ip/neighbor/arp_internal.h"
#include "net/ip/neighbor/neighbor_internal.h"
#include "net/packet/arp_packet.h"

static const struct module *const modules[] = {
    &ip4_arcs_module,  &fib_module, &address_module,  &ip4_module,
    &ip4_input_module, &arp_module, &neighbor_module, NULL};

static const u8 own[6] = {2, 0xfe, 0, 0, 0, 1}, peer[6] = {2, 0, 0, 0, 0, 0x77},
                other[6] = {2, 0, 0, 0, 0, 0x78}, none[6],
                everybody[6] = {255, 255, 255, 255, 255, 255};
static struct if_index a;

/* From when on a packet for one that is being asked for makes another request. Tests do not wait
 * for it. */
static void set_burst(u64 from_ns)
{
    struct neighbors *ns = neighbors_of(&world.p);
    pool_each(&ns->resolving, i)
    {
        ((struct resolving *)pool_at(&ns->resolving, i))->burst_ns = from_ns;
    }
}

static void settle(void)
{
    for (u32 i = 0; i < 3; i++) {
        loop_once(world.p.loop, 0);
        engine_round(world.p.engine, 1);
    }
    set_burst(UINT64_MAX);
}

/* The work that changes have left. */
static void finish(void)
{
    while (loop_has_work(world.p.loop))
        loop_once(world.p.loop, 0);
}

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
    a = world_interface("a", own);
    run("set interface ip address a 10.0.1.1/24");
    settle();
    world_free_caught();
    return 0;
}

static int close_world(void **state)
{
    settle();
    world_free_caught();
    struct neighbors *ns = neighbors_of(&world.p);
    resolving_forget(ns, IF_NONE);
    settle();
    world_free_caught();
    assert_int_equal(neighbor_pending, 0);
    assert_int_equal(world_buffers_used(), 0);
    world_close();
    return 0;
}

static be32 ip(u32 w, u32 x, u32 y, u32 z)
{
    return be32_from_host(w << 24 | x << 16 | y << 8 | z);
}

/* --- ARP packets --- */

struct frame {
    u8 dst[6], src[6];
    be16 type;
    struct arp_header arp;
    u8 padding[18];
} __attribute__((packed));

static struct frame frame_make(u16 opcode, const u8 *mac, be32 sender, be32 target)
{
    struct frame f = {.type = be16_from_host(0x0806)};
    f.arp = (struct arp_header){
        .hardware_type = be16_from_host(ARP_HARDWARE_ETHERNET),
        .protocol_type = be16_from_host(ARP_PROTOCOL_IP4),
        .hardware_len = 6,
        .protocol_len = 4,
        .opcode = be16_from_host(opcode),
        .sender = sender,
        .target = target,
    };
    memcpy(f.dst, everybody, 6);
    memcpy(f.src, mac, 6);
    memcpy(f.arp.sender_mac, mac, 6);
    return f;
}

static struct buffer *received(const struct frame *f, u32 bytes)
{
    struct buffer *b = world_packet(f, bytes);
    b->rx_if = a;
    b->l2_start = b->start;
    buffer_advance(b, 14);
    b->l3_start = b->start;
    return b;
}

static void receive(const struct frame *f)
{
    world_run("arp-input", received(f, sizeof(*f)));
    settle();
}

static bool knows(be32 addr, const u8 *mac)
{
    struct neighbor n;
    struct link_host host = link_host4(addr, a);
    return neighbor_find(&world.p, &host, &n) && !memcmp(n.mac, mac, 6);
}

static bool is_known(be32 addr)
{
    struct neighbor n;
    struct link_host host = link_host4(addr, a);
    return neighbor_find(&world.p, &host, &n);
}

static void refused(const struct frame *f, const char *reason)
{
    u64 before = world_errors("arp-", reason);
    receive(f);
    if (world_errors("arp-", reason) != before + 1)
        fail_msg("not refused: %s", reason);
    assert_int_equal(world.n_caught, 0);
}

static void a_request_is_answered_and_the_asker_learnt(void **state)
{
    struct frame f = frame_make(ARP_REQUEST, peer, ip(10, 0, 1, 9), ip(10, 0, 1, 1));
    receive(&f);
    struct buffer *b = world_take("a");
    assert_int_equal(b->len, 42); /* without the padding */
    const struct frame *r = buffer_current(b);
    assert_memory_equal(r->dst, peer, 6);
    assert_memory_equal(r->src, own, 6);
    assert_int_equal(be16_to_host(r->arp.opcode), ARP_REPLY);
    assert_memory_equal(r->arp.sender_mac, own, 6);
    assert_memory_equal(r->arp.target_mac, peer, 6);
    assert_true(be32_equal(r->arp.sender, ip(10, 0, 1, 1)));
    assert_true(be32_equal(r->arp.target, ip(10, 0, 1, 9)));
    world_free(b);
    assert_true(knows(ip(10, 0, 1, 9), peer));
    assert_int_equal(world_errors("arp-reply", "ARP replies sent"), 1);
    struct fib_route route;
    assert_true(world_lookup(ip(10, 0, 1, 9), &route));
    assert_int_equal(route.source, FIB_SOURCE_ADJ);
}

static void a_shared_request_is_answered_by_a_copy(void **state)
{
    struct frame f = frame_make(ARP_REQUEST, peer, ip(10, 0, 1, 9), ip(10, 0, 1, 1));
    struct buffer *b = received(&f, sizeof(f));
    assert_true(buffer_share(b));
    world_run("arp-input", b);
    settle();
    struct buffer *r = world_take("a");
    assert_ptr_not_equal(b, r);
    world_free(r);
    assert_memory_equal(((struct arp_header *)buffer_current(b))->sender_mac, peer, 6);
    world_free(b);
}

static void who_must_not_be_believed(void **state)
{
    struct frame f = frame_make(ARP_REQUEST, peer, ip(10, 0, 2, 9), ip(10, 0, 1, 1));
    refused(&f, "IP4 source address not local");
    f = frame_make(ARP_REQUEST, peer, ip(10, 0, 1, 1), ip(10, 0, 1, 1));
    refused(&f, "IP4 source address matches local");
    f = frame_make(ARP_REPLY, peer, ip(10, 0, 1, 1), ip(10, 0, 1, 1));
    refused(&f, "IP4 source address matches local");
    f = frame_make(ARP_REQUEST, peer, ip(10, 0, 1, 9), (be32){0});
    refused(&f, "IP4 destination address is unset");
    f = frame_make(ARP_REQUEST, peer, ip(10, 0, 1, 9), ip(10, 0, 1, 1));
    memcpy(f.arp.sender_mac, other, 6);
    refused(&f, "ARP hw addr does not match");
    f = frame_make(ARP_REQUEST, everybody, ip(10, 0, 1, 9), ip(10, 0, 1, 1));
    refused(&f, "ARP sender is no station");
    f = frame_make(ARP_REQUEST, none, ip(10, 0, 1, 9), ip(10, 0, 1, 1));
    refused(&f, "ARP sender is no station");
    f = frame_make(7, peer, ip(10, 0, 1, 9), ip(10, 0, 1, 1));
    refused(&f, "ARP opcode not request");
    f = frame_make(ARP_REQUEST, peer, ip(10, 0, 1, 9), ip(10, 0, 1, 1));
    f.arp.hardware_len = 8;
    refused(&f, "L2 type not ethernet");
    f.arp.hardware_len = 6;
    f.arp.protocol_type = be16_from_host(0x86dd);
    refused(&f, "L3 type not IP4");
    f = frame_make(ARP_REQUEST, peer, ip(10, 0, 1, 9), ip(10, 0, 1, 77));
    refused(&f, "IP4 destination address not local");
    f = frame_make(ARP_REQUEST, peer, ip(10, 0, 1, 255), ip(10, 0, 1, 1));
    refused(&f, "IP4 source address not local");
    struct frame cut = frame_make(ARP_REQUEST, peer, ip(10, 0, 1, 9), ip(10, 0, 1, 1));
    world_run("arp-input", received(&cut, 14 + 27));
    assert_int_equal(world_errors("arp-input", "too short"), 1);
    assert_int_equal(neighbors_of(&world.p)->entries.n_used, 0);
}

static void announcements_change_only_what_is_known(void **state)
{
    struct frame f = frame_make(ARP_REQUEST, peer, ip(10, 0, 1, 9), ip(10, 0, 1, 9));
    refused(&f, "ARP probe or announcement");
    assert_int_equal(neighbors_of(&world.p)->entries.n_used, 0);
    run("set ip neighbor a 10.0.1.9 02:00:00:00:00:99");
    refused(&f, "ARP probe or announcement");
    assert_true(knows(ip(10, 0, 1, 9), peer));
    /* not what the user said */
    run("set ip neighbor static a 10.0.1.9 02:00:00:00:00:78");
    refused(&f, "ARP probe or announcement");
    assert_true(knows(ip(10, 0, 1, 9), other));
}

static void a_probe_for_our_address_is_answered_and_not_learnt(void **state)
{
    struct frame f = frame_make(ARP_REQUEST, peer, (be32){0}, ip(10, 0, 1, 1));
    receive(&f);
    world_free(world_take("a"));
    assert_int_equal(neighbors_of(&world.p)->entries.n_used, 0);
    f = frame_make(ARP_REQUEST, peer, (be32){0}, ip(10, 0, 1, 2));
    receive(&f);
    assert_int_equal(world.n_caught, 0);
}

static void what_a_route_says_is_here_is_answered_for(void **state)
{
    struct frame f = frame_make(ARP_REQUEST, peer, ip(10, 0, 1, 9), ip(10, 0, 1, 77));
    refused(&f, "IP4 destination address not local");
    run("ip route add 10.0.1.77/32 via local");
    receive(&f);
    struct buffer *b = world_take("a");
    const struct frame *r = buffer_current(b);
    assert_true(be32_equal(r->arp.sender, ip(10, 0, 1, 77)));
    assert_memory_equal(r->arp.sender_mac, own, 6);
    world_free(b);
    /* not of this link */
    run("ip route add 10.0.7.77/32 via local");
    f = frame_make(ARP_REQUEST, peer, ip(10, 0, 1, 9), ip(10, 0, 7, 77));
    refused(&f, "IP4 destination address not local");
}

static void a_virtual_router_need_not_send_itself(void **state)
{
    static const u8 vrrp[6] = {0, 0, 0x5e, 0, 1, 7};
    struct frame f = frame_make(ARP_REPLY, vrrp, ip(10, 0, 1, 9), ip(10, 0, 1, 1));
    memcpy(f.src, peer, 6);
    refused(&f, "ARP replies received");
    assert_true(knows(ip(10, 0, 1, 9), vrrp));
    /* nobody else may speak for another */
    f = frame_make(ARP_REPLY, other, ip(10, 0, 1, 10), ip(10, 0, 1, 1));
    memcpy(f.src, peer, 6);
    refused(&f, "ARP hw addr does not match");
}

static void announcements_of_foreign_subnets_are_not_about_us(void **state)
{
    struct frame f = frame_make(ARP_REQUEST, peer, ip(10, 7, 1, 9), ip(10, 7, 1, 9));
    refused(&f, "IP4 destination address not local");
    f = frame_make(ARP_REPLY, peer, ip(10, 7, 1, 9), ip(10, 7, 1, 9));
    refused(&f, "IP4 destination address not local");
    assert_int_equal(world_errors("arp-reply", "IP4 destination address not local"), 2);
}

static void the_other_end_of_a_link_of_two_is_asked_for_at_once(void **state)
{
    struct if_index b = world_interface("b", other);
    run("set interface ip address b 10.0.9.6/31");
    settle();
    u32 n = 0;
    for (u32 i = 0; i < world.n_caught; i++) {
        const struct frame *f = buffer_current(buffer_at(world.caught[i].bi));
        n += be32_equal(f->arp.target, ip(10, 0, 9, 7));
    }
    assert_int_equal(n, 1);
    world_free_caught();
    struct frame f = frame_make(ARP_REPLY, peer, ip(10, 0, 9, 7), ip(10, 0, 9, 6));
    struct buffer *p = received(&f, sizeof(f));
    p->rx_if = b;
    world_run("arp-input", p);
    settle();
    struct link_host host = link_host4(ip(10, 0, 9, 7), b);
    struct neighbor found;
    assert_true(neighbor_find(&world.p, &host, &found));
}

static void an_interface_without_ip_does_not_answer(void **state)
{
    run("set interface ip address del a all");
    settle();
    struct frame f = frame_make(ARP_REQUEST, peer, ip(10, 0, 1, 9), ip(10, 0, 1, 1));
    refused(&f, "Interface is not IP enabled");
}

static void proxies_answer_for_their_ranges(void **state)
{
    run("set arp proxy start 10.0.1.100 end 10.0.1.109");
    struct frame f = frame_make(ARP_REQUEST, peer, ip(10, 0, 1, 9), ip(10, 0, 1, 109));
    receive(&f);
    assert_int_equal(world.n_caught, 0);
    run("set interface proxy-arp a enable");
    receive(&f);
    struct buffer *b = world_take("a");
    const struct frame *r = buffer_current(b);
    assert_true(be32_equal(r->arp.sender, ip(10, 0, 1, 109)));
    assert_memory_equal(r->arp.sender_mac, own, 6);
    world_free(b);
    assert_int_equal(world_errors("arp-proxy", "Proxy ARP replies sent"), 1);
    f = frame_make(ARP_REQUEST, peer, ip(10, 0, 1, 9), ip(10, 0, 1, 110));
    receive(&f);
    assert_int_equal(world.n_caught, 0);
    run("set arp proxy del start 10.0.1.100 end 10.0.1.109");
    f = frame_make(ARP_REQUEST, peer, ip(10, 0, 1, 9), ip(10, 0, 1, 109));
    receive(&f);
    assert_int_equal(world.n_caught, 0);
}

static void a_range_holds_its_table(void **state)
{
    run("ip table add 7");
    run("set arp proxy table-id 7 start 10.0.1.100 end 10.0.1.109");
    run("ip table del 7");
    assert_false(fib_is_none(world_table(7)));
    run("set arp proxy del table-id 7 start 10.0.1.100 end 10.0.1.109");
    assert_true(fib_is_none(world_table(7)));
}

static void neighbors_leave_their_table_with_the_interface(void **state)
{
    struct if_index b = world_interface("b", other);
    struct fib_route r;
    run("ip table add 7");
    run("set interface ip table b 7");
    run("set interface ip address b 10.0.7.1/24");
    run("set ip neighbor static b 10.0.7.2 02:00:00:00:00:99");
    struct fib_index t = world_table(7);
    struct ip_prefix host = ip4_prefix(ip(10, 0, 7, 2), 32);
    assert_true(fib_lookup_exact(fib_of(&world.p), t, host, &r));
    interface_delete(&world.p, b);
    settle();
    assert_false(fib_lookup_exact(fib_of(&world.p), t, host, &r));
}

static void unnumbered_interfaces_answer_for_the_lender(void **state)
{
    run("set interface ip address del a all");
    world_interface("lo", other);
    run("set interface ip address lo 10.0.1.1/24");
    run("set interface unnumbered a use lo");
    settle();
    world_free_caught();
    struct frame f = frame_make(ARP_REQUEST, peer, ip(10, 0, 1, 9), ip(10, 0, 1, 1));
    receive(&f);
    world_free(world_take("a"));
    f = frame_make(ARP_REQUEST, peer, ip(10, 9, 1, 9), ip(10, 0, 1, 1));
    refused(&f, "RX interface is unnumbered to");
    char *text = world_command("show interface address");
    assert_non_null(strstr(text, "a (up):\n  unnumbered, use lo\n  L3 10.0.1.1/24\n"));
    free(text);
}

/* --- packets that wait --- */

static void send_to(be32 dst, bool local)
{
    u8 bytes[60] = {0};
    struct ip4_header *h = (struct ip4_header *)bytes;
    *h = (struct ip4_header){.version_ihl = 0x45,
                             .length = be16_from_host(sizeof(bytes)),
                             .ttl = 9,
                             .protocol = 17,
                             .src = ip(9, 9, 9, 9),
                             .dst = dst};
    ip4_set_checksum(h);
    struct buffer *b = world_packet(bytes, sizeof(bytes));
    b->rx_if = a;
    if (local) {
        b->flags |= BUFFER_LOCAL;
        b->rx_if = IF_NONE;
        ip_scratch(b)->fib.i = 0;
    }
    world_run("ip4-lookup", b);
}

/* Frees what was sent; returns how many ARP requests for addr were among it, *data the others. */
static u32 asked(be32 addr, u32 *data)
{
    u32 n = 0;
    *data = 0;
    for (u32 i = 0; i < world.n_caught; i++) {
        const struct frame *f = buffer_current(buffer_at(world.caught[i].bi));
        if (!strcmp(world.caught[i].node, "a") && be16_is(f->type, 0x0806)) {
            assert_true(be32_equal(f->arp.target, addr));
            assert_true(be32_equal(f->arp.sender, ip(10, 0, 1, 1)));
            n++;
        } else {
            ++*data;
        }
    }
    world_free_caught();
    return n;
}

static void the_first_packet_waits_for_the_answer(void **state)
{
    u32 data;
    for (u32 by_route = 0; by_route < 2; by_route++) {
        be32 dst = by_route ? ip(20, 0, 0, 1) : ip(10, 0, 1, 9);
        be32 hop = by_route ? ip(10, 0, 1, 8) : dst;
        if (by_route)
            run("ip route add 20.0.0.0/8 via 10.0.1.8 a");
        settle();
        world_free_caught();
        send_to(dst, false);
        settle();
        assert_int_equal(asked(hop, &data), 1);
        assert_int_equal(data, 0);
        send_to(dst, true);
        settle();
        assert_int_equal(asked(hop, &data), 0); /* asked a moment ago */
        struct frame f = frame_make(ARP_REPLY, peer, hop, ip(10, 0, 1, 1));
        receive(&f);
        assert_int_equal(world.n_caught, 2);
        for (u32 i = 0; i < 2; i++) {
            const u8 *sent = buffer_current(buffer_at(world.caught[i].bi));
            assert_memory_equal(sent, peer, 6);
        }
        assert_int_equal(asked(hop, &data), 0);
        send_to(dst, false);
        assert_int_equal(asked(hop, &data), 0);
        assert_int_equal(data, 1);
        assert_int_equal(neighbor_pending, 0);
    }
}

/* Makes the next step of what is being resolved due. */
static void second_passes(void)
{
    struct neighbors *ns = neighbors_of(&world.p);
    pool_each(&ns->resolving, i)
    {
        ((struct resolving *)pool_at(&ns->resolving, i))->next_ns = 0;
    }
    resolving_tick(ns);
    settle();
}

static void silence_is_reported(void **state)
{
    u32 data;
    send_to(ip(10, 0, 1, 9), false);
    send_to(ip(10, 0, 1, 9), true);
    settle();
    assert_int_equal(asked(ip(10, 0, 1, 9), &data), 1);
    second_passes();
    second_passes();
    assert_int_equal(asked(ip(10, 0, 1, 9), &data), 2);
    second_passes();
    struct buffer *b = world_take("ip4-icmp-error"); /* our own packet is just dropped */
    assert_int_equal(ip_scratch(b)->icmp_type, ICMP4_DESTINATION_UNREACHABLE);
    assert_int_equal(ip_scratch(b)->icmp_code, ICMP4_HOST_UNREACHABLE);
    world_free(b);
    assert_int_equal(world_errors("ip4-glean", "does not answer"), 1);
    assert_int_equal(world_errors("ip4-glean", "ARP requests sent"), 3);
    assert_int_equal(neighbor_pending, 0);
    assert_int_equal(neighbors_of(&world.p)->resolving.n_used, 0);
}

static void packets_make_a_few_requests_at_first(void **state)
{
    u32 data, n = 0;
    for (u32 i = 0; i < 20; i++) {
        set_burst(0); /* some milliseconds later */
        send_to(ip(10, 0, 1, 9), false);
        settle();
        n += asked(ip(10, 0, 1, 9), &data);
    }
    assert_int_equal(n, BURST_MAX);
    /* then one a second, until the end */
    second_passes();
    assert_int_equal(asked(ip(10, 0, 1, 9), &data), 1);
    set_burst(0);
    send_to(ip(10, 0, 1, 9), false);
    settle();
    assert_int_equal(asked(ip(10, 0, 1, 9), &data), 0);
    second_passes();
    assert_int_equal(asked(ip(10, 0, 1, 9), &data), 1);
    second_passes();
    world_free_caught();
    assert_int_equal(neighbors_of(&world.p)->resolving.n_used, 0);
}

static void a_new_mac_address_asks_again_at_once(void **state)
{
    u32 data;
    struct error e = {0};
    send_to(ip(10, 0, 1, 9), false);
    settle();
    assert_int_equal(asked(ip(10, 0, 1, 9), &data), 1);
    assert_int_equal(interface_set_mac(&world.p, a, other, &e), 0);
    settle();
    world_free_caught(); /* an announcement */
    set_burst(0);
    send_to(ip(10, 0, 1, 9), false);
    settle();
    assert_int_equal(world.n_caught, 1);
    const struct frame *f = buffer_current(buffer_at(world.caught[0].bi));
    assert_true(be32_equal(f->arp.target, ip(10, 0, 1, 9)));
    assert_memory_equal(f->arp.sender_mac, other, 6);
    world_free_caught();
}

static void floods_to_silent_addresses_are_bounded(void **state)
{
    u32 data;
    for (u32 i = 0; i < 300; i++) {
        send_to(ip(10, 0, 1, 9), false);
        if (i % 10 == 0)
            settle();
    }
    settle();
    assert_int_equal(asked(ip(10, 0, 1, 9), &data), 1);
    assert_int_equal(neighbor_pending, HELD_PER_NEIGHBOR);
    assert_int_equal(world_errors("ip4-glean", "ARP requests throttled"), 300 - HELD_PER_NEIGHBOR);
    /* another one of the link gets its turn */
    send_to(ip(10, 0, 1, 10), false);
    settle();
    assert_int_equal(asked(ip(10, 0, 1, 10), &data), 1);
    /* a scan of the link */
    for (u32 i = 11; i < 200; i++)
        send_to(ip(10, 0, 1, i), false);
    settle();
    world_free_caught();
    assert_true(neighbor_pending <= PENDING_PER_ADJ + HELD_PER_NEIGHBOR);
    run("set interface state a down");
    settle();
    assert_int_equal(neighbor_pending, 0);
}

static void a_link_that_goes_down_forgets_what_was_learnt(void **state)
{
    struct frame f = frame_make(ARP_REQUEST, peer, ip(10, 0, 1, 9), ip(10, 0, 1, 1));
    receive(&f);
    world_free_caught();
    run("set ip neighbor static a 10.0.1.10 02:00:00:00:00:78");
    interface_set_link(&world.p, a, false);
    assert_false(knows(ip(10, 0, 1, 9), peer));
    assert_true(knows(ip(10, 0, 1, 10), other));
    interface_set_link(&world.p, a, true);
    settle();
    u32 data;
    assert_int_equal(asked(ip(10, 0, 1, 1), &data), 1); /* an announcement */
}

static void limits_and_recycling(void **state)
{
    char *out;
    run("set ip neighbor-config ip4 limit 2 norecycle");
    run("set ip neighbor static a 10.0.1.10 02:00:00:00:00:78");
    run("set ip neighbor a 10.0.1.11 02:00:00:00:00:79");
    assert_true(
        cli_run(world.p.cli, "set ip neighbor a 10.0.1.12 02:00:00:00:00:7a", OUT_TEXT, &out) < 0);
    free(out);
    run("set ip neighbor-config ip4 recycle");
    run("set ip neighbor a 10.0.1.12 02:00:00:00:00:7a");
    assert_false(is_known(ip(10, 0, 1, 11)));
    assert_true(is_known(ip(10, 0, 1, 10)));
    char *text = world_command("show ip neighbor-config");
    assert_string_equal(text, "ip4:\n  limit:2, age:0, recycle:1\nip6:\n  limit:50000, age:0, "
                              "recycle:1\n");
    free(text);
    text = world_command("show ip neighbors");
    assert_true(strstr(text, "     Age                       IP                    Flags      "
                             "Ethernet              Interface       \n") == text);
    assert_non_null(
        strstr(text, "               10.0.1.12                  D    02:00:00:00:00:7a a\n"));
    free(text);
}

static void old_ones_are_asked_and_go(void **state)
{
    u32 data;
    run("set ip neighbor-config ip4 age 5");
    run("set ip neighbor a 10.0.1.9 02:00:00:00:00:77");
    run("set ip neighbor a 10.0.1.8 02:00:00:00:00:78");
    struct neighbors *ns = neighbors_of(&world.p);
    pool_each(&ns->entries, n)
    {
        neighbor_at(ns, n)->updated_ns -= 6 * NS_PER_SEC;
    }
    for (u32 i = 0; i < PROBES_MAX; i++) {
        neighbor_age_tick(ns);
        settle();
        if (!i) {
            struct frame f = frame_make(ARP_REPLY, peer, ip(10, 0, 1, 9), ip(10, 0, 1, 1));
            for (u32 k = 0; k < world.n_caught; k++) {
                /* to itself, not to everybody */
                const u8 *sent = buffer_current(buffer_at(world.caught[k].bi));
                assert_int_equal(sent[0], 2);
            }
            world_free_caught();
            receive(&f);
            assert_int_equal(asked(ip(10, 0, 1, 9), &data), 0);
        }
        pool_each(&ns->entries, n)
        {
            neighbor_at(ns, n)->probe_ns = 0;
        }
        world_free_caught();
    }
    neighbor_age_tick(ns);
    assert_true(knows(ip(10, 0, 1, 9), peer));
    assert_false(knows(ip(10, 0, 1, 8), other));
}

static void a_full_table_does_not_lock_newcomers_out(void **state)
{
    run("set ip neighbor-config ip4 limit 3");
    run("set ip neighbor static a 10.0.1.2 02:00:00:00:00:02");
    for (u32 i = 10; i < 20; i++) {
        struct frame f = frame_make(ARP_REQUEST, peer, ip(10, 0, 1, i), ip(10, 0, 1, 1));
        receive(&f);
        world_free_caught();
    }
    assert_true(is_known(ip(10, 0, 1, 2)));
    assert_true(is_known(ip(10, 0, 1, 19)));
    assert_true(is_known(ip(10, 0, 1, 18)));
    assert_false(is_known(ip(10, 0, 1, 17)));
    assert_int_equal(neighbors_of(&world.p)->n_recycled, 8);
    /* those that are still heard of stay */
    struct frame f = frame_make(ARP_REQUEST, peer, ip(10, 0, 1, 18), ip(10, 0, 1, 1));
    receive(&f);
    f = frame_make(ARP_REQUEST, peer, ip(10, 0, 1, 20), ip(10, 0, 1, 1));
    receive(&f);
    assert_true(is_known(ip(10, 0, 1, 18)));
    assert_false(is_known(ip(10, 0, 1, 19)));
}

static void a_neighbour_without_a_route(void **state)
{
    run("set ip neighbor static no-fib-entry a 10.0.1.9 02:00:00:00:00:77");
    struct fib_route r;
    assert_true(world_lookup(ip(10, 0, 1, 9), &r));
    assert_int_equal(r.prefix.len, 24);
    /* still known to what asks for it */
    send_to(ip(10, 0, 1, 9), false);
    settle();
    world_free(world_take("a"));
    run("set ip neighbor del a 10.0.1.9");
    char *out;
    assert_true(cli_run(world.p.cli, "set ip neighbor del a 10.0.1.9", OUT_TEXT, &out) < 0);
    free(out);
}

/* --- IPv6, as whoever speaks it will --- */

static u32 n_asked6;
static struct link_host last_asked6;

static int ask6(struct piste *p, const struct link_host *host, const u8 *mac)
{
    n_asked6++;
    last_asked6 = *host;
    return 0;
}

static void advertise6(struct piste *p, struct if_index i, const struct ip_address *addr)
{
}

static void note_unreachable6(struct buffer *b)
{
    ip_scratch(b)->icmp_type = 1;
    ip_scratch(b)->icmp_code = 3;
}

static const struct neighbor_protocol nd = {
    .ask = ask6,
    .advertise = advertise6,
    .note_unreachable = note_unreachable6,
    .node_incomplete = "ip4-arp",
    .node_glean = "ip4-glean",
    .node_rewrite = "ip6-rewrite",
    .node_drop = "ip6-drop",
    .node_icmp_error = "ip6-icmp-error",
};

static struct link_host host6(u8 last)
{
    struct link_host h = {.interface = a, .family = IP_FAMILY_6};
    memcpy(h.addr.bytes, "\x20\x01\x0d\xb8", 4);
    h.addr.bytes[15] = last;
    return h;
}

/* A packet of IPv6 that waits for host. */
static void wait6(const struct link_host *host, u32 adj, bool glean)
{
    struct buffer *b = world_packet(own, sizeof(own));
    b->rx_if = a;
    struct hold_packet x = {.adj = adj, .host = *host, .link = IP_FAMILY_6, .glean = glean};
    assert_true(hold_take(&neighbor_pending, PENDING_MAX));
    assert_true(hold_take(&adj_base[adj].pending, PENDING_PER_ADJ));
    neighbor_on_packet(&world.p, buffer_index(b), &x);
    settle();
}

static void neighbours_of_ip6(void **state)
{
    struct fib *f = fib_of(&world.p);
    struct fib_index t;
    struct error e = {0};
    struct link_host h = host6(2);
    struct fib_route r;
    assert_int_equal(neighbor_add(&world.p, &h, peer, NEIGHBOR_DYNAMIC, &e), -EAFNOSUPPORT);
    world_catch("ip6-rewrite");
    world_catch("ip6-drop");
    world_catch("ip6-icmp-error");
    neighbor_set_protocol(&world.p, IP_FAMILY_6, &nd);
    assert_int_equal(fib_table_lock(f, IP_FAMILY_6, 0, NULL, FIB_SOURCE_DEFAULT_ROUTE, &t, &e), 0);
    run("set interface ip address a 2001:db8::1/64");

    /* packets wait for the answer, also those of the other protocol */
    n_asked6 = 0;
    struct adj_index six = adj_neighbor_ref(f, &h, IP_FAMILY_6);
    assert_int_equal(n_asked6, 1); /* before any packet */
    wait6(&h, six.i, false);
    assert_int_equal(n_asked6, 2);
    assert_memory_equal(&last_asked6, &h, sizeof(h));
    struct adj_index four = adj_neighbor_ref(f, &h, IP_FAMILY_4);
    struct neighbor_learn learn = {.host = h};
    memcpy(learn.mac, peer, 6);
    neighbor_on_learn(&world.p, &learn);
    settle();
    struct buffer *b = world_take("ip6-rewrite");
    assert_int_equal(ip_scratch(b)->adj.i, six.i);
    world_free(b);
    assert_int_equal(adj_head(adj_at(six.i)).kind, ADJ_KIND_REWRITE);
    assert_int_equal(adj_head(adj_at(four.i)).kind, ADJ_KIND_REWRITE);
    struct ip_prefix host_route = ip_prefix_host(IP_FAMILY_6, h.addr);
    assert_true(fib_lookup_exact(f, t, host_route, &r));
    assert_int_equal(r.source, FIB_SOURCE_ADJ);
    char *text = world_command("show ip neighbors");
    assert_non_null(strstr(text, " 2001:db8::2 "));
    free(text);
    text = world_command("show ip4 neighbors");
    assert_null(strstr(text, "2001"));
    free(text);

    /* silence */
    struct link_host silent = host6(9);
    struct adj_index to = adj_neighbor_ref(f, &silent, IP_FAMILY_6);
    wait6(&silent, to.i, false);
    for (u32 i = 0; i < PROBES_MAX; i++)
        second_passes();
    b = world_take("ip6-icmp-error");
    assert_int_equal(ip_scratch(b)->icmp_code, 3);
    world_free(b);
    adj_unref(f, to);

    /* limits, lists and the interface's end are each protocol's own */
    neighbor_set_config(&world.p, IP_FAMILY_6, (struct neighbor_config){.limit = 1});
    silent = host6(3);
    assert_int_equal(neighbor_add(&world.p, &silent, peer, NEIGHBOR_DYNAMIC, &e), -ENOSPC);
    run("set ip neighbor a 10.0.1.9 02:00:00:00:00:77");
    neighbor_flush(&world.p, IP_FAMILY_6, IF_NONE, true);
    assert_true(is_known(ip(10, 0, 1, 9)));
    assert_false(fib_lookup_exact(f, t, host_route, &r));
    assert_int_equal(adj_head(adj_at(four.i)).kind, ADJ_KIND_INCOMPLETE);
    assert_int_equal(neighbor_add(&world.p, &h, peer, NEIGHBOR_STATIC, &e), 0);
    assert_int_equal(adj_head(adj_at(four.i)).kind, ADJ_KIND_REWRITE);
    adj_unref(f, six);
    adj_unref(f, four);
    run("set interface ip address del a 2001:db8::1/64");
    interface_delete(&world.p, a);
    struct neighbor n;
    assert_false(neighbor_find(&world.p, &h, &n));
    fib_table_unlock(f, t, FIB_SOURCE_DEFAULT_ROUTE);
}

static void deleting_costs_what_the_interface_has(void **state)
{
    struct if_index b = world_interface("b", other);
    run("set interface ip address b 10.1.0.1/16");
    run("set ip neighbor count 1000 b 10.1.0.2 02:00:00:00:00:01");
    run("set ip neighbor count 3 a 10.0.1.50 02:00:00:00:00:01");
    const struct neighbors *ns = neighbors_of(&world.p);
    assert_int_equal(neighbor_ends_of(ns, IP_FAMILY_4, a).n, 3);
    assert_int_equal(neighbor_ends_of(ns, IP_FAMILY_4, b).n, 1000);
    interface_delete(&world.p, a);
    assert_int_equal(ns->entries.n_used, 1000);
    assert_int_equal(neighbor_ends_of(ns, IP_FAMILY_4, a).n, 0);
    interface_delete(&world.p, b);
    finish();
    assert_int_equal(ns->entries.n_used, 0);
}

/* --- many at once: the change is complete at once, what it means for each goes on in pieces --- */

#define MANY 3000u

static struct {
    u32 n[NEIGHBOR_REMOVED + 1];
} told;

static void count_event(struct piste *p, const struct neighbor *n, enum neighbor_event ev,
                        void *arg)
{
    told.n[ev]++;
}

static be32 nth(u32 n)
{
    return be32_from_host(0x0a010002 + n);
}

/* Interface b with MANY neighbours. */
static struct if_index many(const char *kind)
{
    char command[128];
    struct if_index b = world_interface("b", other);
    run("set interface ip address b 10.1.0.1/16");
    snprintf(command, sizeof(command), "set ip neighbor %s count %u b 10.1.0.2 02:00:00:00:00:77",
             kind, MANY);
    run(command);
    memset(&told, 0, sizeof(told));
    return b;
}

static bool knows_on(struct if_index i, be32 addr, const u8 *mac)
{
    struct neighbor n;
    struct link_host host = link_host4(addr, i);
    return neighbor_find(&world.p, &host, &n) && !memcmp(n.mac, mac, 6);
}

/* The neighbour that packets to addr in table t leave to; false: they do not. */
static bool leads_to(u32 table, be32 addr, u8 *mac)
{
    struct ip_address to = ip_address_from_ip4(addr);
    struct adj_index x =
        fib_resolve(fib_of(&world.p), fib_table_find(fib_of(&world.p), IP_FAMILY_4, table), &to, 0);
    if (adj_head(adj_at(x.i)).kind != ADJ_KIND_REWRITE)
        return false;
    memcpy(mac, adj_at(x.i)->rewrite, 6);
    return true;
}

static u32 n_shown(const char *command)
{
    char *text = world_command(command);
    u32 n = 0;
    for (const char *at = text; (at = strstr(at, " 10.1.")); at++)
        n++;
    free(text);
    return n;
}

static void the_neighbours_of_a_deleted_interface_are_gone_at_once(void **state)
{
    const struct neighbors *ns = neighbors_of(&world.p);
    neighbor_on_event(&world.p, count_event, NULL);
    struct if_index b = many("static");
    u8 mac[6];
    struct neighbor found;
    assert_true(leads_to(0, nth(MANY - 1), mac));
    interface_delete(&world.p, b);
    assert_true(loop_has_work(world.p.loop));
    assert_in_range(ns->entries.n_used, MANY / 2, MANY - 1);
    for (u32 k = 0; k < MANY; k++) {
        assert_false(knows_on(b, nth(k), peer));
        assert_false(leads_to(0, nth(k), mac));
    }
    assert_int_equal(neighbor_next(&world.p, 0, &found), UINT32_MAX);
    assert_int_equal(n_shown("show ip neighbors"), 0);
    finish();
    assert_int_equal(ns->entries.n_used, 0);
    assert_int_equal(told.n[NEIGHBOR_REMOVED], MANY);
    struct fib_route r;
    assert_false(world_lookup(nth(0), &r) && r.prefix.len == 32);
}

static void an_index_that_is_used_again_has_no_old_neighbours(void **state)
{
    const struct neighbors *ns = neighbors_of(&world.p);
    struct if_index b = many("static");
    interface_delete(&world.p, b);
    assert_true(ns->entries.n_used > 0);
    struct if_index c = world_interface("c", other);
    assert_true(if_equal(b, c));
    assert_int_equal(ns->entries.n_used, 0);
    run("set interface ip address c 10.1.0.1/16");
    run("set ip neighbor static c 10.1.0.9 02:00:00:00:00:78");
    finish();
    assert_true(knows_on(c, ip(10, 1, 0, 9), other));
    assert_false(knows_on(c, ip(10, 1, 0, 10), peer));
    assert_int_equal(ns->entries.n_used, 1);
}

static void one_that_is_learnt_again_meanwhile_is_new(void **state)
{
    const struct neighbors *ns = neighbors_of(&world.p);
    neighbor_on_event(&world.p, count_event, NULL);
    struct if_index b = many("");
    struct error e = {0};
    u8 mac[6];
    run("set ip neighbor static b 10.1.255.1 02:00:00:00:00:79");
    assert_int_equal(interface_set_admin(&world.p, b, false, &e), 0);
    assert_int_equal(interface_set_admin(&world.p, b, true, &e), 0);
    assert_true(loop_has_work(world.p.loop));
    assert_false(knows_on(b, nth(MANY - 1), peer));
    struct neighbor_learn said = {.host = link_host4(nth(MANY - 1), b)};
    memcpy(said.mac, other, 6);
    said.only_known = true;
    neighbor_on_learn(&world.p, &said);
    assert_false(knows_on(b, nth(MANY - 1), other));
    said.only_known = false;
    neighbor_on_learn(&world.p, &said);
    assert_true(knows_on(b, nth(MANY - 1), other));
    assert_int_equal(n_shown("show ip neighbors b"), 2);
    finish();
    assert_true(knows_on(b, nth(MANY - 1), other));
    assert_true(leads_to(0, nth(MANY - 1), mac));
    assert_memory_equal(mac, other, 6);
    assert_int_equal(ns->entries.n_used, 2);
    assert_int_equal(told.n[NEIGHBOR_REMOVED], MANY);
    assert_int_equal(told.n[NEIGHBOR_ADDED], 2);
}

static void flushes_and_addresses_that_go_take_learnt_ones_at_once(void **state)
{
    const struct neighbors *ns = neighbors_of(&world.p);
    struct if_index b = many("");
    struct error e = {0};
    run("set ip neighbor static b 10.1.255.1 02:00:00:00:00:79");
    run("set interface ip address b 10.2.0.1/16");
    run("set ip neighbor b 10.2.0.2 02:00:00:00:00:79");
    neighbor_flush(&world.p, IP_FAMILY_6, IF_NONE, true);
    assert_int_equal(ns->entries.n_used, MANY + 2);
    assert_int_equal(ip_address_del(&world.p, b, ip4_prefix(ip(10, 1, 0, 1), 16), &e), 0);
    assert_true(ns->entries.n_used > MANY / 2);
    assert_int_equal(n_shown("show ip neighbors"), 1); /* the static one */
    assert_true(knows_on(b, ip(10, 2, 0, 2), (const u8[]){2, 0, 0, 0, 0, 0x79}));
    /* a second one while the first goes on */
    neighbor_flush(&world.p, IP_FAMILY_4, IF_NONE, true);
    assert_int_equal(n_shown("show ip neighbors"), 0);
    assert_false(knows_on(b, ip(10, 2, 0, 2), (const u8[]){2, 0, 0, 0, 0, 0x79}));
    finish();
    assert_int_equal(ns->entries.n_used, 0);
}

static void those_that_are_gone_leave_room(void **state)
{
    struct if_index b = many("static");
    struct error e = {0};
    neighbor_set_config(&world.p, IP_FAMILY_4, (struct neighbor_config){.limit = MANY / 10});
    struct link_host host = link_host4(ip(10, 0, 1, 9), a);
    assert_int_equal(neighbor_add(&world.p, &host, peer, NEIGHBOR_DYNAMIC, &e), -ENOSPC);
    interface_delete(&world.p, b);
    assert_true(neighbors_of(&world.p)->entries.n_used > MANY / 2);
    assert_int_equal(neighbor_add(&world.p, &host, peer, NEIGHBOR_DYNAMIC, &e), 0);
    assert_true(knows_on(a, ip(10, 0, 1, 9), peer));
}

static void replacing_takes_what_was_not_said_again(void **state)
{
    const struct neighbors *ns = neighbors_of(&world.p);
    struct if_index b = many("static");
    neighbor_replace_end(&world.p);
    assert_int_equal(n_shown("show ip neighbors"), MANY);
    neighbor_replace_begin(&world.p);
    run("set ip neighbor static b 10.1.0.7 02:00:00:00:00:77");
    neighbor_replace_end(&world.p);
    assert_true(ns->entries.n_used > MANY / 2);
    assert_int_equal(n_shown("show ip neighbors"), 1);
    assert_true(knows_on(b, ip(10, 1, 0, 7), peer));
    finish();
    assert_int_equal(ns->entries.n_used, 1);
}

static u32 n_routes(struct fib_index t)
{
    return fib_table_n_routes(fib_of(&world.p), t);
}

static void host_routes_follow_to_another_table_in_pieces(void **state)
{
    struct fib *f = fib_of(&world.p);
    struct error e = {0};
    struct if_index b = many("static");
    run("set interface ip address del b 10.1.0.1/16");
    finish();
    u32 fixed = n_routes((struct fib_index){0}) - MANY;
    run("ip table add 10");
    run("ip table add 11");
    struct fib_index ten = fib_table_find(f, IP_FAMILY_4, 10),
                     eleven = fib_table_find(f, IP_FAMILY_4, 11);
    u32 own = n_routes(ten);
    assert_int_equal(ip_set_table(&world.p, IP_FAMILY_4, b, 10, &e), 0);
    assert_true(loop_has_work(world.p.loop));
    assert_in_range(n_routes(ten) - own, 1, MANY / 2);
    /* on to a third in the midst of it, and the second is deleted */
    assert_int_equal(ip_set_table(&world.p, IP_FAMILY_4, b, 11, &e), 0);
    fib_table_unlock(f, ten, FIB_SOURCE_CLI);
    assert_true(fib_is_none(fib_table_find(f, IP_FAMILY_4, 10)) || n_routes(ten) > 0);
    finish();
    assert_true(fib_is_none(fib_table_find(f, IP_FAMILY_4, 10)));
    assert_int_equal(n_routes((struct fib_index){0}), fixed);
    assert_int_equal(n_routes(eleven) - own, MANY);

    /* a table whose user deletes it stays until the last of them is out of it */
    fib_table_unlock(f, eleven, FIB_SOURCE_CLI);
    interface_delete(&world.p, b);
    assert_false(fib_is_none(fib_table_find(f, IP_FAMILY_4, 11)));
    assert_true(n_routes(eleven) - own > MANY / 2);
    finish();
    assert_true(fib_is_none(fib_table_find(f, IP_FAMILY_4, 11)));
}

/* Those that are updated go to the end of what a sweep comes to: it does not come to them. */
static void one_that_answers_meanwhile_follows_to_another_table(void **state)
{
    struct error e = {0};
    struct if_index b = many("");
    run("ip table add 10");
    struct fib_index ten = fib_table_find(fib_of(&world.p), IP_FAMILY_4, 10);
    run("set interface ip address del b 10.1.0.1/16");
    finish();
    run("set ip neighbor count 3000 b 10.1.0.2 02:00:00:00:00:77");
    u32 own = n_routes(ten), fixed = n_routes((struct fib_index){0}) - MANY;
    assert_int_equal(ip_set_table(&world.p, IP_FAMILY_4, b, 10, &e), 0);
    assert_in_range(n_routes(ten) - own, 1, MANY - 2);
    /* the last one is there as before; the first that was not moved has another address now */
    struct link_host last = link_host4(nth(MANY - 1), b), next = link_host4(nth(MANY - 2), b);
    assert_int_equal(neighbor_add(&world.p, &last, peer, NEIGHBOR_DYNAMIC, &e), 0);
    assert_int_equal(neighbor_add(&world.p, &next, other, NEIGHBOR_DYNAMIC, &e), 0);
    finish();
    assert_int_equal(n_routes(ten) - own, MANY);
    assert_int_equal(n_routes((struct fib_index){0}), fixed);
}

static void the_end_of_the_switch_does_not_wait(void **state)
{
    struct if_index b = many("static");
    interface_delete(&world.p, b);
    assert_true(loop_has_work(world.p.loop)); /* as close_world finds it */
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_answered_and_the_asker_learnt),
        TEST(a_shared_request_is_answered_by_a_copy),
        TEST(who_must_not_be_believed),
        TEST(announcements_change_only_what_is_known),
        TEST(a_probe_for_our_address_is_answered_and_not_learnt),
        TEST(an_interface_without_ip_does_not_answer),
        TEST(what_a_route_says_is_here_is_answered_for),
        TEST(a_virtual_router_need_not_send_itself),
        TEST(announcements_of_foreign_subnets_are_not_about_us),
        TEST(the_other_end_of_a_link_of_two_is_asked_for_at_once),
        TEST(proxies_answer_for_their_ranges),
        TEST(a_range_holds_its_table),
        TEST(neighbors_leave_their_table_with_the_interface),
        TEST(unnumbered_interfaces_answer_for_the_lender),
        TEST(the_first_packet_waits_for_the_answer),
        TEST(silence_is_reported),
        TEST(packets_make_a_few_requests_at_first),
        TEST(a_new_mac_address_asks_again_at_once),
        TEST(floods_to_silent_addresses_are_bounded),
        TEST(a_link_that_goes_down_forgets_what_was_learnt),
        TEST(limits_and_recycling),
        TEST(a_full_table_does_not_lock_newcomers_out),
        TEST(old_ones_are_asked_and_go),
        TEST(a_neighbour_without_a_route),
        TEST(neighbours_of_ip6),
        TEST(deleting_costs_what_the_interface_has),
        TEST(the_neighbours_of_a_deleted_interface_are_gone_at_once),
        TEST(an_index_that_is_used_again_has_no_old_neighbours),
        TEST(one_that_is_learnt_again_meanwhile_is_new),
        TEST(flushes_and_addresses_that_go_take_learnt_ones_at_once),
        TEST(those_that_are_gone_leave_room),
        TEST(replacing_takes_what_was_not_said_again),
        TEST(host_routes_follow_to_another_table_in_pieces),
        TEST(one_that_answers_meanwhile_follows_to_another_table),
        TEST(the_end_of_the_switch_does_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
