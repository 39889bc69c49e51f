/* Neighbours: packets that wait for them; age, limits, host routes; those of IPv6. */
#include "base/clock.h"
#include "net/ip/neighbor/neighbor_test.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(neighbors_leave_their_table_with_the_interface),
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
