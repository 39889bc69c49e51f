/* ARP: what is answered, what is learnt and what is not; proxies. */
#include "net/ip/neighbor/neighbor_test.h"

static const u8 none[6];

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
        TEST(unnumbered_interfaces_answer_for_the_lender),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
