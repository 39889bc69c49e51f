/* What expresses are tested with: a switch with routes of both protocols, sub-interfaces, bridge
 * domains and cross-connects, and packets of every kind that chance makes. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "net/ip/ip4/ip4_output.h"
#include "net/ip/ip4/ip4_world.h"
#include "net/ip/ip6/ip6.h"
#include "net/ip/ip6/ip6_input.h"
#include "net/l2/l2.h"
#include "net/l2/l2_fib.h"
#include "net/l2/tag_rewrite.h"
#include "net/link/ethernet/ethernet_node.h"
#include "net/link/vlan/vlan.h"

enum {
    PORTS = 6,
    FIRST_L2 = 4, /* of the ports */
    STATIONS = 8
};

/* A feature that may stand on any of the arcs. */
static void feature_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = feature_next(b[i]);
}

static const struct node_def feature_node = {.name = "a-feature", .run = {feature_run}};

static bool express_runs; /* an express, and what it runs itself */
static u64 featured_by_express;

enum { CHOSEN_DROP, CHOSEN_RESUME };

/* One that does all that a feature may: by what is in the packet. */
static u16 feature_choose(struct thread *t, struct node *n, const struct feature_vector *v,
                          struct buffer *b)
{
    u8 *p = buffer_current(b);
    u32 sum = 0, bi = buffer_index(b);
    for (u32 i = 0; i < b->len && i < 40; i++)
        sum += p[i];
    switch (sum % 8) {
    case 0:
        return node_drop(n, b, 0, CHOSEN_DROP);
    case 1: /* none left behind it: an error for the sender */
        p[b->flags & BUFFER_IS_IP4 ? 8 : 7] = 1;
        return feature_vector_next(v, b);
    case 2:
        buffer_free_one(t, bi);
        return NEXT_CONSUMED;
    case 3: /* in the default table */
        if (b->flags & BUFFER_IS_IP4) {
            b->flags |= BUFFER_IN_FIB;
            ip_scratch(b)->fib = (struct fib_index){0};
        }
        return feature_vector_next(v, b);
    case 4: /* by another node, which leads back to the arc */
        return CHOSEN_RESUME;
    case 5: /* the same by its own hand */
        feature_vector_keep(v, b);
        node_enqueue(t, n, CHOSEN_RESUME, &bi, 1);
        return NEXT_CONSUMED;
    case 6: /* to another address, which is nobody's, or a group's */
        p[b->flags & BUFFER_IS_IP4 ? 16 : 24] = sum % 16 < 8 ? 127 : 255;
        return feature_vector_next(v, b);
    default:
        return feature_vector_next(v, b);
    }
}

static void chooser_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    featured_by_express += express_runs ? count : 0;
    for (u32 i = 0; i < count; i++)
        next[i] = feature_choose(t, n, feature_vector_of(t), b[i]);
}

/* One that only judges: drops now and then, and says how many vectors it let pass whole. */
static u64 judged_whole;

static void judge_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    u32 dropped = 0;
    for (u32 i = 0; i < count; i++) {
        bool drop = ((const u8 *)buffer_current(b[i]))[b[i]->len - 1] % 32 == 5;
        next[i] = drop ? node_drop(n, b[i], 0, CHOSEN_DROP)
                       : feature_vector_next(feature_vector_of(t), b[i]);
        dropped += drop;
    }
    judged_whole += express_runs && !dropped;
}

/* One that changes addresses: to another destination, which may be nobody's or in another table. */
static u64 changed_whole;

static void changer_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    u32 whole = 1;
    for (u32 i = 0; i < count; i++) {
        u8 *p = buffer_current(b[i]), last = p[b[i]->len - 1];
        bool ip4 = b[i]->flags & BUFFER_IS_IP4;
        next[i] = feature_vector_next(feature_vector_of(t), b[i]);
        if (last % 4 == 1)
            p[ip4 ? 19 : 39] ^= 1;
        if (last % 64 == 2)
            p[ip4 ? 16 : 24] = last % 128 < 64 ? 127 : 255;
        if (last % 64 == 6)
            next[i] = node_drop(n, b[i], 0, CHOSEN_DROP);
        if (last % 64 == 10 && ip4) {
            b[i]->flags |= BUFFER_IN_FIB;
            ip_scratch(b[i])->fib = (struct fib_index){0};
        }
        whole &= last % 4 < 2;
    }
    changed_whole += express_runs && whole;
}

/* One for fragments, which it drops; how often it ran, and for how many vectors with one in an
 * express. */
static u64 fragments_runs, fragments_by_express;

static void fragments_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    bool any = false;
    for (u32 i = 0; i < count; i++) {
        const u8 *p = buffer_current(b[i]);
        bool fragment = b[i]->flags & BUFFER_IS_IP4
                            ? ip4_is_fragment((const struct ip4_header *)(const void *)p)
                            : p[6] == IP_PROTOCOL_IP6_FRAGMENT;
        next[i] = fragment ? node_drop(n, b[i], 0, CHOSEN_DROP)
                           : feature_vector_next(feature_vector_of(t), b[i]);
        any |= fragment;
    }
    fragments_runs++;
    fragments_by_express += express_runs && any;
}

static const struct node_error chooser_errors[] = {{"chosen", "chosen", SEVERITY_ERROR}};
static const struct node_def chooser_node = {
    .name = "b-feature",
    .run = {chooser_run},
    .feature_vectors = true,
    .next = {[CHOSEN_DROP] = "error-drop", [CHOSEN_RESUME] = "feature-resume"},
    .n_next = 2,
    .errors = chooser_errors,
    .n_errors = 1};
static const struct node_def judge_node = {.name = "c-feature",
                                           .run = {judge_run},
                                           .feature_vectors = true,
                                           .feature_changes = FEATURE_CHANGES_NOTHING,
                                           .next = {[CHOSEN_DROP] = "error-drop"},
                                           .n_next = 1,
                                           .errors = chooser_errors,
                                           .n_errors = 1};
static const struct node_def changer_node = {.name = "d-feature",
                                             .run = {changer_run},
                                             .feature_vectors = true,
                                             .feature_changes = FEATURE_CHANGES_ADDRESSES,
                                             .next = {[CHOSEN_DROP] = "error-drop"},
                                             .n_next = 1,
                                             .errors = chooser_errors,
                                             .n_errors = 1};
static const struct node_def fragments_node = {.name = "e-feature",
                                               .run = {fragments_run},
                                               .feature_vectors = true,
                                               .feature_changes = FEATURE_CHANGES_NOTHING,
                                               .feature_fragments = true,
                                               .next = {[CHOSEN_DROP] = "error-drop"},
                                               .n_next = 1,
                                               .errors = chooser_errors,
                                               .n_errors = 1};
/* clang-format off */
static const struct feature_def
    on_unicast = {"ip4-unicast", "a-feature", (const char *const[]){"ip4-rx-urpf-loose", NULL}},
    chooser = {"ip4-unicast", "b-feature", (const char *const[]){"a-feature", NULL}},
    chooser6 = {"ip6-unicast", "b-feature", (const char *const[]){"a-feature", NULL}},
    judge = {"ip4-unicast", "c-feature", (const char *const[]){"b-feature", NULL}},
    judge6 = {"ip6-unicast", "c-feature", (const char *const[]){"b-feature", NULL}},
    changer = {"ip4-unicast", "d-feature", (const char *const[]){"e-feature", NULL}},
    changer6 = {"ip6-unicast", "d-feature", (const char *const[]){"e-feature", NULL}},
    fragments = {"ip4-unicast", "e-feature", (const char *const[]){"c-feature", NULL}},
    fragments6 = {"ip6-unicast", "e-feature", (const char *const[]){"c-feature", NULL}},
    on_unicast6 = {"ip6-unicast", "a-feature", (const char *const[]){"ip6-rx-urpf-loose", NULL}},
    on_ip6_output = {"ip6-output", "a-feature", (const char *const[]){"gso-ip6", NULL}},
    on_ip4_output = {"ip4-output", "a-feature", (const char *const[]){"gso-ip4", NULL}},
    on_output = {"interface-output", "a-feature", (const char *const[]){"ipsec-if-output", NULL}},
    on_l2_input = {"l2-input", "a-feature", (const char *const[]){"l2-input-acl", NULL}},
    on_l2_output = {"l2-output", "a-feature", (const char *const[]){"l2-output-acl", NULL}};
/* clang-format on */
static const struct module feature_module = {
    .abi = MODULE_ABI,
    .name = "a-feature",
    .description = "for this test",
    .nodes = (const struct node_def *const[]){&feature_node, &chooser_node, &judge_node,
                                              &changer_node, &fragments_node, NULL},
    .features =
        (const struct feature_def *const[]){&on_unicast, &on_ip4_output, &on_unicast6,
                                            &on_ip6_output, &on_output, &on_l2_input, &on_l2_output,
                                            &chooser, &chooser6, &judge, &judge6, &changer,
                                            &changer6, &fragments, &fragments6, NULL},
};

static const struct module *const modules[] = {
    &feature_module,    &ethernet_module,    &vlan_module,
    &l2_module,         &l2_fib_module,      &ip4_arcs_module,
    &ip6_arcs_module,   &fib_module,         &address_module,
    &ip4_module,        &ip4_input_module,   &ip4_express_module,
    &ip6_module,        &ip6_input_module,   &ip6_express_module,
    &ip4_output_module, &ip6_output_module,  &arp_module,
    &neighbor_module,   &tag_rewrite_module, NULL};

static const char *const setup[] = {
    "create sub-interfaces p0 10",
    "create sub-interfaces p0 20",
    "create sub-interfaces p1 10",
    "create sub-interfaces p1 20 dot1ad 20 exact-match",
    "create sub-interfaces p4 30",
    "create sub-interfaces p5 30",
    "set interface state p0.10 up",
    "set interface state p1.10 up",
    "set interface state p1.20 up",
    "set interface state p4.30 up",
    "set interface state p5.30 up",
    "ip table add 5",
    "set interface ip table p1.10 5",
    "set interface ip address p0 10.0.0.1/24",
    "set interface ip address p1 10.0.1.1/24",
    "set interface ip address p2 10.0.2.1/24",
    "set interface ip address p3 10.0.3.1/24",
    "set interface ip address p0.10 10.1.0.1/24",
    "set interface ip address p1.10 10.1.1.1/24",
    "set interface ip address p1.20 10.1.2.1/24",
    "set ip neighbor static p1 10.0.1.2 02:00:00:00:01:02",
    "set ip neighbor static p2 10.0.2.2 02:00:00:00:02:02",
    "set ip neighbor static p3 10.0.3.2 02:00:00:00:03:02",
    "set ip neighbor static p0.10 10.1.0.2 02:00:00:01:00:02",
    "set ip neighbor static p1.20 10.1.2.2 02:00:00:01:02:02",
    "ip route add 20.0.0.0/8 via 10.0.1.2 p1",
    "ip route add 21.0.0.0/20 via 10.0.2.2 p2",
    "ip route add 21.0.0.0/25 via 10.0.1.2 p1",
    "ip route add 21.0.0.77/32 via 10.1.0.2 p0.10",
    "ip route add 22.0.0.0/8 via 10.1.2.2 p1.20",
    "ip route add 23.0.0.0/8 via 10.0.1.2 p1 via 10.0.2.2 p2",
    "ip route add 24.0.0.0/8 via 20.0.0.1",
    "ip route add 25.0.0.0/8 via unreachable",
    "ip route add 26.0.0.0/8 via ip4-lookup-in-table 5",
    "ip route add 27.0.0.0/8 via 10.0.3.2 p3",
    "ip route add count 200 28.0.0.0/24 via 10.0.3.2 p3",
    "ip route add 20.0.0.0/8 table 5 via 10.0.2.2 p2",
    "ip route add 0.0.0.0/0 table 5 via 10.0.1.2 p1",
    "set interface mtu packet 300 p2",
    "ip6 table add 5",
    "set interface ip6 table p1.10 5",
    "set interface ip address p0 2001:db8::1/64",
    "set interface ip address p1 2001:db8:1::1/64",
    "set interface ip address p2 2001:db8:2::1/64",
    "set interface ip address p3 2001:db8:3::1/64",
    "set interface ip address p0.10 2001:db8:100::1/64",
    "set interface ip address p1.10 2001:db8:101::1/64",
    "set interface ip address p1.20 2001:db8:102::1/64",
    "set ip neighbor static p1 2001:db8:1::2 02:00:00:00:01:02",
    "set ip neighbor static p2 2001:db8:2::2 02:00:00:00:02:02",
    "set ip neighbor static p3 2001:db8:3::2 02:00:00:00:03:02",
    "set ip neighbor static p0.10 2001:db8:100::2 02:00:00:01:00:02",
    "set ip neighbor static p1.20 2001:db8:102::2 02:00:00:01:02:02",
    "ip route add ::/8 via 2001:db8:1::2 p1",
    "ip route add 2001:db8:20::/48 via 2001:db8:1::2 p1",
    "ip route add 2001:db8:21::/48 via 2001:db8:2::2 p2",
    "ip route add 2001:db8:21::/121 via 2001:db8:1::2 p1",
    "ip route add 2001:db8:21::4d/128 via 2001:db8:100::2 p0.10",
    "ip route add 2001:db8:22::/48 via 2001:db8:102::2 p1.20",
    "ip route add 2001:db8:23::/48 via 2001:db8:1::2 p1 via 2001:db8:2::2 p2",
    "ip route add 2001:db8:24::/48 via 2001:db8:20::1",
    "ip route add 2001:db8:25::/48 via unreachable",
    "ip route add 2001:db8:26::/48 via ip6-lookup-in-table 5",
    "ip route add 2001:db8:27::/48 via 2001:db8:3::2 p3",
    "ip route add count 64 2001:db8:28::/126 via 2001:db8:3::2 p3",
    "ip route add 2001:db8:20::/48 table 5 via 2001:db8:2::2 p2",
    "ip route add ::/0 table 5 via 2001:db8:1::2 p1",
    NULL,
};

static const u32 destinations[] = {
    0x14000001, 0x14000001, 0x14ffff02, 0x14000001, 0x15000001, 0x15000001, 0x15000081,
    0x1500004d, 0x15000f01, 0x15001001, 0x16000001, 0x17000001, 0x17000002, 0x17000003,
    0x18000001, 0x19000001, 0x1a000001, 0x1b000001, 0x0a000001, 0x0a000209, 0x1c000901,
    0x1c001001, 0x1c001101, 0xe0000001, 0x7f000001, 0x63000001, 0x0a000102};

/* 2001:db8:<net>::<host> */
static const u16 destinations6[][2] = {
    {0x20, 1},    {0x20, 1},    {0x20, 0xff02}, {0x20, 1}, {0x21, 1}, {0x21, 1},
    {0x21, 0x81}, {0x21, 77},   {0x22, 1},      {0x23, 1}, {0x23, 2}, {0x23, 3},
    {0x24, 1},    {0x25, 1},    {0x26, 1},      {0x27, 1}, {0, 1},    {2, 9},
    {0x28, 0x24}, {0x28, 0x40}, {0x28, 0x44},   {1, 2},    {0x63, 1}};
/* What addresses begin with that are no host's. */
static const u8 odd_addresses[][4] = {{0},          {0xff, 2},    {0xff, 1},
                                      {0xfe, 0x80}, {0xfe, 0xc0}, {0, 0, 0, 1}};

static u64 seed;
static struct if_index ports[PORTS];

static u32 roll(u32 n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (u32)((seed >> 33) % n);
}

static bool one_in(u32 n)
{
    return !roll(n);
}

static void settle(void)
{
    loop_once(world.p.loop, 0);
    engine_round(world.p.engine, 1);
}

/* Some of these may not be possible as things stand. */
static inline void try_command(const char *command)
{
    char *out = NULL;
    if (cli_run(world.p.cli, command, OUT_TEXT, &out)) {
        /* then it stays as it was */
    }
    free(out);
}

/* Neighbours of IPv6 are those that were configured. */
static int ask_nobody(struct piste *p, const struct link_host *host, const u8 *mac)
{
    return 0;
}

static void advertise_nothing(struct piste *p, struct if_index i, const struct ip_address *own)
{
}

static const struct neighbor_protocol configured_only = {.ask = ask_nobody,
                                                         .advertise = advertise_nothing,
                                                         .node_incomplete = "ip6-discover-neighbor",
                                                         .node_glean = "ip6-glean",
                                                         .node_rewrite = "ip6-rewrite",
                                                         .node_drop = "ip6-drop",
                                                         .node_icmp_error = "ip6-icmp-error"};

static void catch_ends(void)
{
    static const char *const ends[] = {
        "ip4-icmp-error", "ip4-frag",    "ip4-receive", "ip6-icmp-error",
        "ip6-frag",       "ip6-receive", "ip6-glean",   "ip6-discover-neighbor"};
    for (u32 i = 0; i < array_len(ends); i++)
        world_catch(ends[i]);
}

static inline int open_world(void **state)
{
    static char names[PORTS][4];
    world_open(modules);
    catch_ends();
    neighbor_set_protocol(&world.p, IP_FAMILY_6, &configured_only);
    world_interface("local0", NULL);
    for (u8 i = 0; i < PORTS; i++) {
        u8 mac[6] = {2, 0xfe, 0, 0, 0, i};
        snprintf(names[i], sizeof(names[i]), "p%u", i);
        ports[i] = world_interface(names[i], mac);
    }
    for (u32 i = 0; setup[i]; i++)
        free(world_command(setup[i]));
    settle();
    world_free_caught();
    return 0;
}

static inline int close_world(void **state)
{
    for (u32 i = 0; i < PORTS; i++)
        interface_delete(&world.p, ports[i]); /* with what waits for neighbours */
    settle();
    world_free_caught();
    assert_int_equal(world_buffers_used(), 0);
    world_close();
    return 0;
}

/* --- packets --- */

struct spec {
    u8 bytes[512];
    u32 n;
    u32 second; /* bytes of a second buffer */
    struct if_index rx_if;
    u32 flags;
    u16 gso_size;
    u8 l4; /* where it begins */
    bool shared;
};

static struct spec specs[FRAME_PKTS];
static u32 n_specs;

static u32 put_tag(u8 *at, u16 tpid, u16 id)
{
    put_be16(at, tpid);
    put_be16(at + 2, id);
    return 4;
}

static void put_station(u8 *mac, u32 n)
{
    const u8 station[6] = {2, 0, 0, 7, (u8)(n >> 8), (u8)n};
    memcpy(mac, station, 6);
}

/* IPv4 that is right, but for what chance does to it. */
static u32 put_ip4(u8 *p, u32 payload, u32 chance)
{
    struct ip4_header *h = (struct ip4_header *)p;
    u32 n = (u32)sizeof(*h) + payload;
    *h = (struct ip4_header){.version_ihl = 0x45,
                             .length = be16_from_host((u16)n),
                             .ttl = 64,
                             .protocol = IP_PROTOCOL_UDP,
                             .id = be16_from_host((u16)roll(65536)),
                             .src = be32_from_host(0x0a000009 + roll(4)),
                             .dst = be32_from_host(destinations[roll(array_len(destinations))])};
    u32 what = one_in(chance) ? roll(12) : 99;
    if (what == 0)
        h->ttl = (u8)roll(3);
    if (what == 1)
        h->fragment = be16_from_host((u16)roll(65536));
    if (what == 2)
        h->src = be32_from_host((u32[]){0, 0x7f000001, 0xe0000001, 0xffffffff}[roll(4)]);
    if (what == 3)
        h->version_ihl = (u8)roll(256);
    if (what == 4)
        h->length = be16_from_host((u16)(n - roll(30)));
    if (what == 5)
        h->length = be16_from_host((u16)(n + 1 + roll(9)));
    if (what == 6)
        h->fragment = be16_from_host(1);
    h->checksum = (be16){0};
    h->checksum = csum_finish(csum_add(0, p, 20));
    if (what == 7)
        p[roll(20)] ^= (u8)(1 << roll(8));
    if (what == 8)
        n = roll(n);
    return n;
}

static void put_destination6(u8 *to)
{
    const u16 *d = destinations6[roll(array_len(destinations6))];
    memcpy(to, (const u8[16]){0x20, 1, 0x0d, 0xb8}, 16);
    put_be16(to + 4, d[0]);
    put_be16(to + 14, d[1]);
}

/* The same of IPv6. */
static u32 put_ip6(u8 *p, u32 payload, u32 chance)
{
    struct ip6_header *h = (struct ip6_header *)p;
    u32 n = (u32)sizeof(*h) + payload;
    *h = (struct ip6_header){.version_class_flow = be32_from_host(6u << 28 | roll(1u << 28)),
                             .payload_length = be16_from_host((u16)payload),
                             .protocol = IP_PROTOCOL_UDP,
                             .hop_limit = 64,
                             .src = {0x20, 1, 0x0d, 0xb8, [15] = (u8)(9 + roll(4))}};
    put_destination6(h->dst);
    u32 what = one_in(chance) ? roll(10) : 99;
    if (what == 0)
        h->hop_limit = (u8)roll(3);
    if (what == 1)
        memcpy(h->src, odd_addresses[roll(array_len(odd_addresses))], 4);
    if (what == 2) { /* nobody, this host, somebody */
        u8 *address = roll(2) ? h->src : h->dst;
        memset(address, 0, 15);
        address[15] = (u8)roll(3);
    }
    if (what == 3)
        p[0] = (u8)roll(256);
    if (what == 4)
        h->payload_length = be16_from_host((u16)(payload - roll(20)));
    if (what == 5)
        h->payload_length = be16_from_host((u16)(payload + 1 + roll(9)));
    if (what == 6)
        h->protocol = (u8[]){0, 44, 58, 60}[roll(4)];
    if (what == 7)
        h->payload_length = be16_from_host(0);
    if (what == 8)
        memcpy(h->dst, odd_addresses[roll(array_len(odd_addresses))], 4);
    if (what == 9)
        n = roll(n);
    return n;
}

static u16 roll_type(u32 chance, bool ip6)
{
    static const u16 others[] = {ETHERTYPE_ARP, ETHERTYPE_IP6, ETHERTYPE_IP4, 5};
    if (one_in(chance))
        return others[roll(array_len(others))];
    return ip6 ? ETHERTYPE_IP6 : ETHERTYPE_IP4;
}

/* A station comes in by one interface: if it moved within a vector, the order would matter, which
 * is another one when an express leaves some. */
static void put_source(struct spec *s)
{
    const u8 *tag = s->bytes + 12;
    u32 of = s->rx_if.i << 3;
    if (s->n > 12)
        of |= (u32)tag[3] << 7 | (u32)(get_be16(tag) == ETHERTYPE_DOT1AD) << 14 |
              (u32)(s->n > 16) << 15;
    put_station(s->bytes + 6, roll(STATIONS) | of);
}

/* ip6: what most packets of the vector are; from: the first of the ports that they come by. */
static inline void make_spec(struct spec *s, u32 chance, bool ip6, u32 from)
{
    static const u16 tags[] = {10, 20, 30, 0, 77};
    u8 *p = s->bytes;
    memset(s, 0, sizeof(*s));
    for (u32 i = 0; i < sizeof(s->bytes); i++)
        p[i] = (u8)(i * 7);
    s->rx_if = ports[from + roll(PORTS - from)];
    memcpy(p, if_data(s->rx_if)->mac, 6);
    if (if_data(s->rx_if)->l2_mode ? !one_in(5) : one_in(2 * chance))
        put_station(p, roll(STATIONS) | (one_in(2) ? 0 : ports[FIRST_L2 + roll(2)].i << 3));
    if (one_in(chance))
        memset(p, 0xff, 6);
    s->n = 12;
    while (roll(4) == 0 && s->n < 24)
        s->n += put_tag(p + s->n, one_in(6) ? ETHERTYPE_DOT1AD : ETHERTYPE_VLAN,
                        (u16)(tags[roll(array_len(tags))] | roll(2) << 13));
    put_source(s);
    u16 type = roll_type(chance, ip6);
    put_be16(p + s->n, type);
    s->n += 2;
    u32 at = s->n;
    u32 payload = 26 + roll(one_in(4) ? 300 : 1);
    s->l4 = (u8)(s->n + (type == ETHERTYPE_IP6 ? 40 : 20));
    s->n += type == ETHERTYPE_IP6 ? put_ip6(p + s->n, payload, chance)
                                  : put_ip4(p + s->n, payload, chance);
    if (one_in(2 * chance))
        s->n = roll(s->n) + 1;
    if (one_in(chance) && s->n > at + 40) {
        s->flags = BUFFER_GSO | BUFFER_CSUM_PARTIAL;
        s->gso_size = (u16)(1 + roll(400));
    }
    if (one_in(2 * chance) && s->n > at + 60)
        s->second = s->n - (at + 25 + roll(20));
    if (one_in(4 * chance))
        s->flags |= (u32[]){BUFFER_LINK_GROUP, BUFFER_QOS, BUFFER_CSUM_VALID}[roll(3)];
    s->shared = one_in(4 * chance);
}

static inline u32 spec_send(const struct spec *s)
{
    u32 bi[2];
    bool two = s->second != 0;
    world_must(buffer_alloc(world_thread(), BUFFER_POOL_DEFAULT, bi, 1 + two) == 1u + two);
    struct buffer *b = buffer_at(bi[0]);
    u32 first = s->n - s->second;
    memcpy(buffer_current(b), s->bytes, first);
    b->len = (u16)first;
    b->rx_if = s->rx_if;
    b->flags = s->flags;
    b->gso_size = s->gso_size;
    b->gso_l4_len = s->flags & BUFFER_GSO ? 8 : 0;
    b->csum_start = (i16)(b->start + s->l4);
    if (two) {
        struct buffer *c = buffer_at(bi[1]);
        memcpy(buffer_current(c), s->bytes + first, s->second);
        c->len = (u16)s->second;
        b->next = bi[1];
        b->tail_len = s->second;
        b->flags |= BUFFER_NEXT;
    }
    if (s->shared)
        world_must(buffer_share(b));
    return bi[0];
}
