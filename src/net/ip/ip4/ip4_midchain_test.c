/* Tunnels in the graph: what packets look like behind a tunnel's header, also large ones and those
 * whose checksum is still to be made; tunnels in tunnels; and where packets go when the way to a
 * tunnel's end moves. What leaves is taken apart by code of this file. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "net/ip/ip4/ip4_forward.h"
#include "net/ip/ip4/ip4_world.h"
#include "net/ip/ip4/tunnel_world.h"
#include "net/link/gso/gso.h"

static const u8 mac_a[6] = {2, 0xfe, 0, 0, 0, 0xa}, mac_b[6] = {2, 0xfe, 0, 0, 0, 0xb},
                mac_c[6] = {2, 0xfe, 0, 0, 0, 0xc};
static struct if_index a, b, c;

static void run(const char *command)
{
    free(world_command(command));
}

static void settle(void)
{
    loop_once(world.p.loop, 0);
    engine_round(world.p.engine, 1);
}

static be32 ip(u32 w, u32 x, u32 y, u32 z)
{
    return be32_from_host(w << 24 | x << 16 | y << 8 | z);
}

/* --- the world --- */

static int open_world(void **state)
{
    world_open(world_ip4);
    world_interface("local0", NULL);
    a = world_interface("a", mac_a);
    b = world_interface("b", mac_b);
    c = world_interface("c", mac_c);
    run("set interface ip address a 10.0.1.1/24");
    run("set interface ip address b 10.0.2.1/24");
    run("set interface ip address c 10.0.3.1/24");
    run("set ip neighbor static a 10.0.1.9 02:00:00:00:00:19");
    run("set ip neighbor static b 10.0.2.2 02:00:00:00:00:22");
    run("set ip neighbor static c 10.0.3.2 02:00:00:00:00:32");
    run("ip route add 10.0.9.9/32 via 10.0.2.2 b");
    run("ip route add 10.0.8.8/32 via 10.0.2.2 b");
    settle();
    world_free_caught();
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

/* --- packets --- */

struct shape {
    bool tcp;
    u16 sport;
    u32 payload;
    u16 gso_size; /* 0: no GSO */
    bool partial;
    be16 fragment;
    u8 tos;
};

#define DST ip(20, 0, 0, 1)

static u8 payload_byte(u32 i)
{
    return (u8)(i * 7 + (i >> 8));
}

/* Sum of big-endian words, of bytes at any place. */
static u32 slow_sum(const u8 *p, u32 n, u32 sum)
{
    for (u32 i = 0; i < n; i++)
        sum += i & 1 ? p[i] : (u32)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/* Sum of the L4 part of a packet, with its pseudo-header; 0xffff when its checksum is right. */
static u32 l4_sum(const u8 *l3, u32 l3_bytes, u32 n)
{
    bool ip6 = l3[0] >> 4 == 6;
    u32 sum = slow_sum(l3 + (ip6 ? 8 : 12), ip6 ? 32 : 8, 0);
    sum += (ip6 ? l3[6] : l3[9]) + (n - l3_bytes);
    return slow_sum(l3 + l3_bytes, n - l3_bytes, sum);
}

static struct buffer *packet(const struct shape *s)
{
    static u8 p[70000];
    u32 l4_bytes = s->tcp ? 20 : 8, n = 20 + l4_bytes + s->payload;
    memset(p, 0, 60);
    *(struct ip4_header *)p = (struct ip4_header){.version_ihl = 0x45,
                                                  .tos = s->tos,
                                                  .length = be16_from_host((u16)n),
                                                  .id = be16_from_host(77),
                                                  .ttl = 64,
                                                  .fragment = s->fragment,
                                                  .protocol = s->tcp ? 6 : 17,
                                                  .src = ip(10, 0, 1, 9),
                                                  .dst = DST};
    ip4_set_checksum((struct ip4_header *)p);
    put_be16(p + 20, s->sport ? s->sport : 1234);
    put_be16(p + 22, 53);
    if (s->tcp) {
        put_be32(p + 24, 1000);
        p[32] = 0x50;
    } else {
        put_be16(p + 24, (u16)(8 + s->payload));
    }
    for (u32 i = 0; i < s->payload; i++)
        p[20 + l4_bytes + i] = payload_byte(i);
    u32 field = s->tcp ? 36 : 26;
    if (s->partial || s->gso_size)
        put_be16(p + field, (u16)slow_sum(p + 12, 8, (s->tcp ? 6u : 17u) + n - 20));
    else
        put_be16(p + field, (u16)~l4_sum(p, 20, n));
    struct buffer *x = world_packet(p, n);
    x->rx_if = a;
    x->l2_start = x->l3_start = x->start;
    x->flags |= BUFFER_IS_IP4;
    if (s->partial || s->gso_size) {
        x->flags |= BUFFER_CSUM_PARTIAL;
        x->csum_start = (i16)(x->start + 20);
        x->csum_offset = (u8)(field - 20);
    }
    if (s->gso_size) {
        x->flags |= BUFFER_GSO | (s->tcp ? 0 : BUFFER_GSO_UDP);
        x->gso_size = s->gso_size;
        x->gso_l4_len = (u8)l4_bytes;
    }
    return x;
}

static void send(const struct shape *s)
{
    world_run("ip4-lookup", packet(s));
}

/* What left, whole, its Ethernet header in front; the packet is freed. */
static u32 take_from(u32 i, const char *node, u8 *out, u32 room)
{
    assert_string_equal(world.caught[i].node, node);
    struct buffer *x = buffer_at(world.caught[i].bi);
    u32 n = buffer_copy_out(x, 0, out, room);
    assert_int_equal(n, buffer_packet_len(x));
    return n;
}

static u32 take(const char *node, u8 *out, u32 room)
{
    assert_int_equal(world.n_caught, 1);
    u32 n = take_from(0, node, out, room);
    world_free_caught();
    return n;
}

/* An IPv4 header that is right for n bytes. */
static void is_right_ip4(const u8 *l3, u32 n)
{
    assert_int_equal(l3[0], 0x45);
    assert_int_equal(get_be16(l3 + 2), n);
    assert_int_equal(slow_sum(l3, 20, 0), 0xffff);
}

/* An inner packet, whole, of that many bytes of payload from `at` on; its L4 checksum is right. */
static void is_right_inner(const u8 *p, u32 n, const struct shape *s, u32 at, u32 bytes)
{
    u32 l4_bytes = s->tcp ? 20 : 8;
    is_right_ip4(p, n);
    assert_int_equal(p[8], 63); /* a hop less */
    assert_int_equal(n, 20 + l4_bytes + bytes);
    assert_int_equal(l4_sum(p, 20, n), 0xffff);
    for (u32 i = 0; i < bytes; i++)
        assert_int_equal(p[20 + l4_bytes + i], payload_byte(at + i));
}

/* --- one tunnel --- */

static void a_packet_goes_into_a_tunnel(void **state)
{
    static const u8 link[14] = {2, 0, 0, 0, 0, 0x22, 2, 0xfe, 0, 0, 0, 0xb, 8, 0};
    struct tunnel t;
    struct shape s = {.payload = 72};
    u8 p[2000];
    tunnel_new_ip(&t, "tun0", ip(10, 0, 9, 9));
    run("ip route add 20.0.0.0/8 via tun0");
    send(&s);
    u32 n = take("b", p, sizeof(p));
    assert_int_equal(n, 14 + 20 + 100);
    assert_memory_equal(p, link, 14);
    is_right_ip4(p + 14, 120);
    assert_int_equal(p[14 + 8], 200); /* ours: no hop yet */
    assert_int_equal(p[14 + 9], 4);
    assert_int_equal(get_be32(p + 14 + 16), 0x0a000909);
    is_right_inner(p + 34, 100, &s, 0, 72);

    /* what nodes and interfaces count */
    char *text = world_command("show interface tun0");
    assert_non_null(strstr(text, "tx packets"));
    assert_non_null(strstr(text, "120"));
    free(text);
    text = world_command("show adj");
    assert_non_null(strstr(text, "tun0"));
    free(text);

    /* a next hop behind it, too */
    run("ip route add 21.0.0.0/8 via 21.1.1.1 tun0");
    run("ip route del 20.0.0.0/8 via tun0");
    run("ip route add 20.0.0.0/8 via 21.2.2.2 tun0");
    send(&s);
    assert_int_equal(take("b", p, sizeof(p)), n);
    run("set interface state tun0 down");
    send(&s);
    assert_int_equal(world.n_caught, 0);
    run("set interface state tun0 up");
    send(&s);
    assert_int_equal(take("b", p, sizeof(p)), n);
    tunnel_delete(&t);
    send(&s);
    assert_int_equal(world.n_caught, 0);
}

static void the_way_to_the_end_is_followed(void **state)
{
    struct tunnel t;
    struct shape s = {.payload = 72};
    u8 p[2000];
    tunnel_new_ip(&t, "tun0", ip(10, 0, 9, 9));
    run("ip route add 20.0.0.0/8 via tun0");
    run("ip route del 10.0.9.9/32");
    send(&s);
    assert_int_equal(world.n_caught, 0);
    run("ip route add 10.0.9.0/24 via 10.0.3.2");
    send(&s);
    take("c", p, sizeof(p));
    run("set interface state c down");
    send(&s);
    assert_int_equal(world.n_caught, 0);
    run("set interface state c up");
    settle();
    world_free_caught();
    send(&s);
    take("c", p, sizeof(p));
    /* through itself: dropped, however it comes about */
    run("ip route add 10.0.9.9/32 via 20.1.1.1");
    send(&s);
    assert_int_equal(world.n_caught, 0);
    run("ip route del 10.0.9.9/32");
    send(&s);
    take("c", p, sizeof(p));
    tunnel_delete(&t);
}

static void classes_and_df_go_outside(void **state)
{
    struct tunnel t;
    u8 h[20], p[2000];
    tunnel_ip4_header(h, IP_PROTOCOL_IP_IN_IP, 0x20, ip(10, 0, 9, 9));
    tunnel_new(&t, "tun0", ip(10, 0, 9, 9), h, sizeof(h), ENCAP_DSCP | ENCAP_ECN | ENCAP_DF, NULL);
    run("ip route add 20.0.0.0/8 via tun0");
    struct shape s = {.payload = 10, .tos = 0xb9, .fragment = be16_from_host(IP4_DF)};
    send(&s);
    take("b", p, sizeof(p));
    is_right_ip4(p + 14, 58);
    assert_int_equal(p[15], 0xb9);
    assert_int_equal(get_be16(p + 20), IP4_DF);
    u16 id = get_be16(p + 18);
    s.fragment = (be16){0};
    s.tos = 0;
    send(&s);
    take("b", p, sizeof(p));
    assert_int_equal(p[15], 0);
    assert_int_equal(get_be16(p + 20), 0);
    assert_int_not_equal(get_be16(p + 18), id);
    tunnel_delete(&t);
    /* not unless it is said */
    tunnel_new(&t, "tun1", ip(10, 0, 9, 9), h, sizeof(h), 0, NULL);
    run("ip route add 20.0.0.0/8 via tun1");
    s.tos = 0xb9;
    send(&s);
    take("b", p, sizeof(p));
    assert_int_equal(p[15], 0x20);
    tunnel_delete(&t);
}

static void flows_have_ports_of_their_own(void **state)
{
    struct tunnel t;
    u8 p[2000];
    u16 first = 0;
    u32 others = 0;
    tunnel_new_udp(&t, "tun0", ip(10, 0, 9, 9), 8, ENCAP_ENTROPY);
    run("ip route add 20.0.0.0/8 via tun0");
    for (u32 i = 0; i < 20; i++) {
        struct shape s = {.payload = 10, .sport = (u16)(1000 + i / 2)};
        send(&s);
        take("b", p, sizeof(p));
        u16 port = get_be16(p + 34);
        assert_true(port >= 0xc000);
        assert_int_equal(get_be16(p + 38), 8 + 8 + 38);
        assert_int_equal(get_be16(p + 40), 0); /* no checksum was asked for */
        if (i % 2)
            assert_int_equal(port, first);
        else
            others += port != first;
        first = port;
    }
    assert_true(others >= 8);
    tunnel_delete(&t);
}

static void headers_of_any_length(void **state)
{
    static const u32 more[] = {8, 60, 100, 128, 250, 500, 980};
    static u8 p[70000];
    for (u32 i = 0; i < array_len(more); i++)
        for (u32 payload = 0; payload < 4000; payload = payload * 2 + 13) {
            struct tunnel t;
            struct shape s = {.payload = payload};
            tunnel_new_udp(&t, "tun0", ip(10, 0, 9, 9), more[i], ENCAP_UDP_SUM);
            run("ip route add 20.0.0.0/8 via tun0");
            send(&s);
            u32 n = take("b", p, sizeof(p)), head = 28 + more[i];
            assert_int_equal(n, 14 + head + 28 + payload);
            is_right_ip4(p + 14, n - 14);
            assert_int_equal(get_be16(p + 38), n - 34);
            assert_int_equal(l4_sum(p + 14, 20, n - 14), 0xffff);
            for (u32 k = 0; k < more[i]; k++)
                assert_int_equal(p[42 + k], (u8)(k * 3 + 1));
            is_right_inner(p + 14 + head, 28 + payload, &s, 0, payload);
            tunnel_delete(&t);
            settle();
        }
}

static void bad_headers_are_refused(void **state)
{
    struct fib *f = fib_of(&world.p);
    struct fib_track_index track;
    struct ip_address end = ip_address_from_ip4(ip(10, 0, 9, 9));
    struct error e = {0};
    const struct encap *x;
    u8 h[ENCAP_BYTES_MAX + 1] = {0};
    assert_int_equal(fib_track(f, world_table(0), &end, NULL, NULL, &track, &e), 0);
    struct encap_args args = {track, h, 40, 0, NULL, 0};
    assert_int_equal(encap_new(f, &args, &x, &e), -EINVAL); /* no IP */
    tunnel_ip4_header(h, IP_PROTOCOL_UDP, 0, ip(10, 0, 9, 9));
    args.len = 24;
    assert_int_equal(encap_new(f, &args, &x, &e), -EINVAL); /* half of UDP */
    args.len = ENCAP_BYTES_MAX + 1;
    assert_int_equal(encap_new(f, &args, &x, &e), -EINVAL);
    h[0] = 0x60;
    h[6] = IP_PROTOCOL_IP6_ROUTE;
    h[41] = 3; /* an extension header of 32 bytes */
    args.len = 60;
    assert_int_equal(encap_new(f, &args, &x, &e), -EINVAL);
    fib_untrack(f, track);
}

/* --- what is still open --- */

static void an_open_checksum_stays_open(void **state)
{
    struct tunnel t;
    struct shape s = {.tcp = true, .payload = 1000, .partial = true};
    u8 p[2000];
    tunnel_new_udp(&t, "tun0", ip(10, 0, 9, 9), 8, ENCAP_UDP_SUM);
    run("ip route add 20.0.0.0/8 via tun0");
    send(&s);
    assert_int_equal(world.n_caught, 1);
    struct buffer *x = buffer_at(world.caught[0].bi);
    assert_true(x->flags & BUFFER_CSUM_PARTIAL);
    assert_true(x->flags & BUFFER_TUNNEL);
    assert_int_equal(x->csum_start - x->start, 14 + 36 + 20);
    assert_int_equal(x->inner_l3_start - x->start, 14 + 36);
    assert_int_equal(x->l3_start - x->start, 14);
    assert_true(csum_complete(x));
    u32 n = take("b", p, sizeof(p));
    /* the outer one was made for when the inner is */
    assert_int_equal(l4_sum(p + 14, 20, n - 14), 0xffff);
    is_right_inner(p + 50, n - 50, &s, 0, 1000);

    /* a port that takes none gets it done */
    struct error e = {0};
    assert_int_equal(interface_set_caps(&world.p, b, 0, &e), 0);
    send(&s);
    assert_false(buffer_at(world.caught[0].bi)->flags & BUFFER_CSUM_PARTIAL);
    n = take("b", p, sizeof(p));
    assert_int_equal(l4_sum(p + 14, 20, n - 14), 0xffff);
    is_right_inner(p + 50, n - 50, &s, 0, 1000);
    tunnel_delete(&t);
}

/* Segments that left through b, behind `head` bytes of headers that begin with IPv4, and UDP with a
 * checksum if udp. */
static void are_segments(const struct shape *s, u32 first, u32 count, u32 head, bool udp)
{
    static u8 p[70000];
    u32 at = 0;
    u16 id = 0;
    for (u32 i = first; i < first + count; i++) {
        u32 n = take_from(i, "b", p, sizeof(p));
        u32 bytes = s->payload - at < s->gso_size ? s->payload - at : s->gso_size;
        is_right_ip4(p + 14, n - 14);
        if (udp)
            assert_int_equal(l4_sum(p + 14, 20, n - 14), 0xffff);
        assert_int_equal(get_be16(p + 38), udp ? n - 34 : get_be16(p + 38));
        if (i > first)
            assert_int_equal(get_be16(p + 18), (u16)(id + 1)); /* each its own */
        id = get_be16(p + 18);
        is_right_inner(p + 14 + head, n - 14 - head, s, at, bytes);
        at += bytes;
    }
    assert_int_equal(at, s->payload);
}

static void large_packets_are_cut_behind_the_tunnel(void **state)
{
    struct error e = {0};
    for (u32 udp = 0; udp < 2; udp++)
        for (u32 tcp = 0; tcp < 2; tcp++) {
            struct tunnel t;
            struct shape s = {.tcp = tcp, .payload = 10000, .gso_size = 1300};
            if (udp)
                tunnel_new_udp(&t, "tun0", ip(10, 0, 9, 9), 40, ENCAP_UDP_SUM);
            else
                tunnel_new_ip(&t, "tun0", ip(10, 0, 9, 9));
            run("ip route add 20.0.0.0/8 via tun0");
            /* a port that takes none */
            assert_int_equal(interface_set_caps(&world.p, b, IF_CAP_CSUM_ALL, &e), 0);
            send(&s);
            assert_int_equal(world.n_caught, 8);
            are_segments(&s, 0, 8, udp ? 68 : 20, udp);
            world_free_caught();
            /* one that takes those, too */
            assert_int_equal(interface_set_caps(&world.p, b, IF_CAP_TX_ALL, &e), 0);
            send(&s);
            assert_int_equal(world.n_caught, 1);
            struct buffer *x = buffer_at(world.caught[0].bi);
            assert_true(x->flags & BUFFER_TUNNEL && x->flags & BUFFER_GSO);
            assert_int_equal(gso_n_segments(x), 8);
            assert_int_equal(gso_longest_bytes(x),
                             14 + (udp ? 68 : 20) + 20 + (tcp ? 20 : 8) + 1300);
            world_free_caught();
            tunnel_delete(&t);
        }
}

static void what_does_not_fit_a_length_is_cut_before(void **state)
{
    struct tunnel t;
    struct shape s = {.tcp = true, .payload = 65000, .gso_size = 8000};
    struct error e = {0};
    tunnel_new_udp(&t, "tun0", ip(10, 0, 9, 9), 500, ENCAP_UDP_SUM);
    run("ip route add 20.0.0.0/8 via tun0");
    assert_int_equal(interface_set_caps(&world.p, b, IF_CAP_TX_ALL, &e), 0);
    send(&s);
    assert_int_equal(world.n_caught, 9);
    are_segments(&s, 0, 9, 528, true);
    world_free_caught();
    s.gso_size = 0;
    send(&s); /* without GSO it is too long for the tunnel's interface */
    world_free_caught();
    tunnel_delete(&t);
}

static u32 n_fixed;

/* The header counts what it carries. */
static void count_fixup(struct buffer *x, const struct encap *e, u32 payload)
{
    u8 *p = (u8 *)buffer_current(x) + e->len - 8;
    assert_int_equal(e->data, 7);
    put_be32(p, ++n_fixed);
    put_be32(p + 4, payload);
}

static void headers_that_count_are_each_segments_own(void **state)
{
    static u8 p[70000];
    struct tunnel t;
    struct shape s = {.tcp = true, .payload = 5000, .gso_size = 1000};
    u8 h[28];
    tunnel_ip4_header(h, IP_PROTOCOL_GRE, 0, ip(10, 0, 9, 9));
    tunnel_new(&t, "tun0", ip(10, 0, 9, 9), h, sizeof(h), ENCAP_NUMBERS, count_fixup);
    run("ip route add 20.0.0.0/8 via tun0");
    n_fixed = 0;
    send(&s);
    assert_int_equal(world.n_caught, 5);
    for (u32 i = 0; i < 5; i++) {
        u32 n = take_from(i, "b", p, sizeof(p));
        assert_int_equal(get_be32(p + 34), i + 1);
        assert_int_equal(get_be32(p + 38), n - 42);
        is_right_inner(p + 42, n - 42, &s, i * 1000, 1000);
    }
    world_free_caught();
    s.gso_size = 0;
    s.payload = 500;
    s.partial = true;
    send(&s); /* its checksum is made before */
    assert_false(buffer_at(world.caught[0].bi)->flags & BUFFER_CSUM_PARTIAL);
    u32 n = take("b", p, sizeof(p));
    is_right_inner(p + 42, n - 42, &s, 0, 500);
    tunnel_delete(&t);
}

/* --- tunnels in tunnels --- */

static void two_tunnels(struct tunnel *outer, struct tunnel *inner)
{
    tunnel_new_udp(outer, "tun0", ip(10, 0, 9, 9), 8, ENCAP_UDP_SUM);
    run("ip route add 30.0.0.0/8 via tun0");
    tunnel_new_udp(inner, "tun1", ip(30, 0, 0, 3), 16, ENCAP_UDP_SUM);
    run("ip route add 20.0.0.0/8 via tun1");
}

static void a_tunnel_in_a_tunnel(void **state)
{
    static u8 p[70000];
    struct tunnel outer, inner;
    two_tunnels(&outer, &inner);
    struct shape s = {.tcp = true, .payload = 300};
    for (u32 partial = 0; partial < 2; partial++) {
        s.partial = partial;
        send(&s);
        u32 n = take("b", p, sizeof(p));
        assert_int_equal(n, 14 + 36 + 44 + 340);
        is_right_ip4(p + 14, n - 14);
        assert_int_equal(l4_sum(p + 14, 20, n - 14), 0xffff);
        is_right_ip4(p + 50, n - 50);
        assert_int_equal(p[50 + 8], 200); /* made here: no hop on the way into the other */
        assert_int_equal(l4_sum(p + 50, 20, n - 50), 0xffff);
        is_right_inner(p + 94, n - 94, &s, 0, 300);
    }
    tunnel_delete(&inner);
    tunnel_delete(&outer);
}

/* Large packets are cut before the second; all that is of one flow stays in its order. */
static void order_is_kept_where_packets_are_cut(void **state)
{
    static u8 p[70000];
    struct tunnel outer, inner;
    struct node_index lookup;
    u32 bi[3];
    two_tunnels(&outer, &inner);
    const struct shape shapes[3] = {{.tcp = true, .payload = 100},
                                    {.tcp = true, .payload = 5000, .gso_size = 1200},
                                    {.tcp = true, .payload = 90}};
    for (u32 i = 0; i < 3; i++)
        bi[i] = buffer_index(packet(&shapes[i]));
    assert_true(node_find(world.p.engine, "ip4-lookup", &lookup));
    assert_int_equal(thread_handoff(engine_main_thread(world.p.engine), 1, lookup, bi, 3), 3);
    engine_round(world.p.engine, 1);
    assert_int_equal(world.n_caught, 7);
    for (u32 i = 0; i < 7; i++) {
        const struct shape *s = &shapes[i == 0 ? 0 : i < 6 ? 1 : 2];
        u32 n = take_from(i, "b", p, sizeof(p)), at = i && i < 6 ? (i - 1) * 1200 : 0;
        assert_int_equal(l4_sum(p + 14, 20, n - 14), 0xffff);
        assert_int_equal(l4_sum(p + 50, 20, n - 50), 0xffff);
        is_right_inner(p + 94, n - 94, s, at, n - 94 - 40);
    }
    world_free_caught();
    tunnel_delete(&inner);
    tunnel_delete(&outer);
}

/* The same where a port takes no large packets. */
static void order_is_kept_where_packets_leave(void **state)
{
    static u8 p[70000];
    struct error e = {0};
    struct node_index lookup;
    struct tunnel t;
    u32 bi[3];
    tunnel_new_ip(&t, "tun0", ip(10, 0, 9, 9));
    run("ip route add 20.0.0.0/8 via tun0");
    assert_int_equal(interface_set_caps(&world.p, b, 0, &e), 0);
    const struct shape shapes[3] = {{.tcp = true, .payload = 100},
                                    {.tcp = true, .payload = 2000, .gso_size = 1200},
                                    {.tcp = true, .payload = 90}};
    for (u32 i = 0; i < 3; i++)
        bi[i] = buffer_index(packet(&shapes[i]));
    assert_true(node_find(world.p.engine, "ip4-lookup", &lookup));
    assert_int_equal(thread_handoff(engine_main_thread(world.p.engine), 1, lookup, bi, 3), 3);
    engine_round(world.p.engine, 1);
    assert_int_equal(world.n_caught, 4);
    assert_int_equal(take_from(0, "b", p, sizeof(p)), 14 + 20 + 140);
    assert_int_equal(take_from(1, "b", p, sizeof(p)), 14 + 20 + 1240);
    assert_int_equal(take_from(2, "b", p, sizeof(p)), 14 + 20 + 840);
    assert_int_equal(take_from(3, "b", p, sizeof(p)), 14 + 20 + 130);
    world_free_caught();
    tunnel_delete(&t);
}

/* One after the other, more than a packet may be in: a chain of tunnels, each by the next. */
static void tunnels_are_bounded(void **state)
{
    static const char *const names[] = {"t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8", "t9"};
    struct tunnel t[10];
    struct shape s = {.payload = 10};
    char line[100];
    for (u32 i = 0; i < 10; i++) {
        be32 far = i ? ip(40 + i, 0, 0, 1) : ip(10, 0, 9, 9);
        tunnel_new_ip(&t[i], names[i], far);
        snprintf(line, sizeof(line), "ip route add %u.0.0.0/8 via %s", 41 + i, names[i]);
        run(line);
    }
    run("ip route add 20.0.0.0/8 via t7");
    send(&s);
    assert_int_equal(world.n_caught, 1);
    world_free_caught();
    run("ip route del 20.0.0.0/8");
    run("ip route add 20.0.0.0/8 via t9");
    send(&s);
    assert_int_equal(world.n_caught, 0);
    for (u32 i = 10; i--;)
        tunnel_delete(&t[i]);
}

/* --- MTU --- */

static void what_is_too_long_for_a_tunnel(void **state)
{
    static u8 p[70000];
    struct tunnel t;
    struct error e = {0};
    struct shape s = {.payload = 1372, .fragment = be16_from_host(IP4_DF)};
    tunnel_new_ip(&t, "tun0", ip(10, 0, 9, 9));
    assert_int_equal(interface_set_caps(&world.p, b, IF_CAP_CSUM_ALL, &e), 0);
    assert_int_equal(interface_set_mtu(&world.p, t.interface, IF_MTU_IP4, 600, &e), 0);
    run("ip route add 20.0.0.0/8 via tun0");
    send(&s);
    u32 n = take("a", p, sizeof(p)); /* the sender is told */
    assert_int_equal(p[34], ICMP4_DESTINATION_UNREACHABLE);
    assert_int_equal(p[35], ICMP4_FRAGMENTATION_NEEDED);
    assert_int_equal(get_be32(p + 38), 600);
    /* fragments go into the tunnel each */
    s.fragment = (be16){0};
    send(&s);
    assert_int_equal(world.n_caught, 3);
    for (u32 i = 0; i < 3; i++) {
        n = take_from(i, "b", p, sizeof(p));
        is_right_ip4(p + 14, n - 14);
        is_right_ip4(p + 34, n - 34);
        assert_true(n - 34 <= 600);
        assert_int_equal(p[34 + 8], 63);
    }
    world_free_caught();
    /* a large packet whose segments fit is no problem, one whose segments do not is */
    s = (struct shape){.tcp = true, .payload = 2000, .gso_size = 500};
    send(&s);
    assert_int_equal(world.n_caught, 4);
    world_free_caught();
    s.gso_size = 1000;
    send(&s);
    assert_int_equal(world.n_caught, 4);
    world_free_caught();
    tunnel_delete(&t);
}

/* --- nodes that look up --- */

static void a_client_may_add_edges_of_its_own(void **state)
{
    struct node_index lookup, target = {0}, sibling;
    struct engine *e = world.p.engine;
    struct fib *f = fib_of(&world.p);
    struct error err = {0};
    world_catch("target");
    world_catch("other");
    assert_true(node_find(e, "ip4-lookup", &lookup) && node_find(e, "other", &target));
    node_edge(e, lookup, target); /* to one of them alone, as add_node_next does */
    assert_true(node_find(e, "target", &target));
    struct adj_index adj = adj_custom_new(f, IP_FAMILY_4, target, IF_NONE, 0, NULL);
    assert_int_not_equal(adj.i, ADJ_NONE.i);
    struct fib_path path = fib_path_special(FIB_PATH_ADJ);
    path.adj = adj;
    assert_int_equal(fib_route_update(f, world_table(0), ip4_prefix(ip(20, 0, 0, 0), 8),
                                      FIB_SOURCE_CLI, &path, 1, &err),
                     0);
    struct shape s = {.payload = 10};
    send(&s);
    world_free(world_take("target"));
    /* by recursion: ip4-load-balance finds it, too */
    struct buffer *x = packet(&s);
    struct fib_route r;
    assert_true(world_lookup(ip(20, 0, 0, 1), &r));
    ip_scratch(x)->lb = r.lb;
    world_run("ip4-load-balance", x);
    world_free(world_take("target"));

    /* another node of the kind: it has what there is, and gets what comes */
    static const struct node_def looks = {.name = "looks",
                                          .next = FIB_LOOKUP_NEXT_IP4,
                                          .n_next = FIB_NEXT_N,
                                          .run = NODE_VARIANTS(ip4_lookup)};
    static const struct node_def looks_not = {
        .name = "looks-not", .next = {"error-drop"}, .n_next = 1, .run = NODE_VARIANTS(ip4_lookup)};
    sibling = node_register(e, &looks_not, NULL, NULL);
    assert_int_equal(fib_lookup_node_add(f, IP_FAMILY_4, sibling, &err), -EINVAL);
    sibling = node_register(e, &looks, NULL, NULL);
    assert_int_equal(fib_lookup_node_add(f, IP_FAMILY_4, sibling, &err), 0);
    world_run("looks", packet(&s));
    world_free(world_take("target"));
    assert_true(node_find(e, "other", &target));
    struct adj_index second = adj_custom_new(f, IP_FAMILY_4, target, IF_NONE, 0, NULL);
    path.adj = second;
    assert_int_equal(fib_route_update(f, world_table(0), ip4_prefix(ip(20, 0, 0, 0), 8),
                                      FIB_SOURCE_CLI, &path, 1, &err),
                     0);
    world_run("looks", packet(&s));
    world_free(world_take("other"));
    send(&s);
    world_free(world_take("other"));
    adj_unref(f, adj);
    adj_unref(f, second);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_packet_goes_into_a_tunnel),
        TEST(the_way_to_the_end_is_followed),
        TEST(classes_and_df_go_outside),
        TEST(flows_have_ports_of_their_own),
        TEST(headers_of_any_length),
        TEST(bad_headers_are_refused),
        TEST(an_open_checksum_stays_open),
        TEST(large_packets_are_cut_behind_the_tunnel),
        TEST(what_does_not_fit_a_length_is_cut_before),
        TEST(headers_that_count_are_each_segments_own),
        TEST(a_tunnel_in_a_tunnel),
        TEST(order_is_kept_where_packets_are_cut),
        TEST(order_is_kept_where_packets_leave),
        TEST(tunnels_are_bounded),
        TEST(what_is_too_long_for_a_tunnel),
        TEST(a_client_may_add_edges_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
