/* Expresses against the nodes in whose place they work: random vectors of every kind of packet,
 * through a switch with routes, sub-interfaces, bridge domains and cross-connects. Bytes, metadata
 * and all counters have to come out the same, on every level of CPU. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine/engine_internal.h"
#include "net/ip/fib/fib_data.h"
#include "net/ip/ip4/ip4_output.h"
#include "net/ip/ip4/ip4_world.h"
#include "net/ip/ip6/ip6.h"
#include "net/ip/ip6/ip6_input.h"
#include "net/l2/l2.h"
#include "net/l2/l2_fib.h"
#include "net/l2/l2_internal.h"
#include "net/l2/tag_rewrite.h"
#include "net/link/ethernet/ethernet_node.h"
#include "net/link/vlan/vlan.h"

enum {
    PORTS = 6,
    FIRST_L2 = 4, /* of the ports */
    IFS = 16,
    COUNTED_ROUTES = 512,
    NODES = 512,
    EDGES = 64,
    ERRORS = 4096,
    STATIONS = 8
};

/* A feature that may stand on any of the arcs. */
static void feature_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = feature_next(b[i]);
}

static const struct node_def feature_node = {.name = "a-feature", .run = {feature_run}};
/* clang-format off */
static const struct feature_def
    on_unicast = {"ip4-unicast", "a-feature", (const char *const[]){"ip4-rx-urpf-loose", NULL}},
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
    .nodes = (const struct node_def *const[]){&feature_node, NULL},
    .features = (const struct feature_def *const[]){&on_unicast, &on_ip4_output, &on_unicast6,
                                                    &on_ip6_output, &on_output, &on_l2_input,
                                                    &on_l2_output, NULL},
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
    "ip route add count 64 28.0.0.0/24 via 10.0.3.2 p3",
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
static void try_command(const char *command)
{
    char *out = NULL;
    if (cli_run(world.p.cli, command, OUT_TEXT, &out)) {
        /* then it stays as it was */
    }
    free(out);
}

static struct counted {
    const struct express *real;
    struct express shown;
    u64 offered, taken;
} counted[EXPRESS_N];
static enum cpu_level level; /* of ethernet-input */

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

static int open_world(void **state)
{
    static char names[PORTS][4];
    world_open(modules);
    memset(counted, 0, sizeof(counted));
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

static int close_world(void **state)
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
static void make_spec(struct spec *s, u32 chance, bool ip6, u32 from)
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

static u32 spec_send(const struct spec *s)
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

/* --- what comes of them --- */

/* A packet that was caught: where, and all that says something about it. No holes. */
struct outcome {
    const char *node;
    u32 flags, tail_len, rx_if, tx_if, n;
    i16 start, l2_start, l3_start, csum_start;
    u16 len, gso_size;
    u8 refs, bytes[599];
};

struct counts {
    struct counter_pair interface[IF_COUNTER_N][IFS], route[COUNTED_ROUTES];
    u64 errors[ERRORS];
    u64 vectors[NODES], next[NODES][EDGES];
};

struct run {
    struct outcome outcome[CAUGHT_MAX]; /* in an order of their own */
    u32 n;
    struct counts counts;
};

static void take_counts(struct counts *c)
{
    struct thread *t = engine_thread(world.p.engine, 1);
    for (u32 k = 0; k < IF_COUNTER_N; k++)
        for (u32 i = 0; i < IFS; i++)
            c->interface[k][i] = k < IF_COMBINED_N
                                     ? counter_get_pair(if_counters[k], i)
                                     : (struct counter_pair){counter_get(if_counters[k], i), 0};
    for (u32 i = 0; i < COUNTED_ROUTES; i++)
        c->route[i] = counter_get_pair(fib_counters_to, i);
    for (u32 i = 0; i < ERRORS; i++)
        c->errors[i] = t->errors[i];
    memset(c->vectors, 0, sizeof(c->vectors));
    memset(c->next, 0, sizeof(c->next));
    for (u32 i = 0; i < NODES && i < node_count_all(world.p.engine); i++) {
        if (world.p.engine->nodes.v[i].deleted)
            continue; /* has no edges */
        c->vectors[i] = t->nodes[i].vectors;
        for (u32 k = 0; k < EDGES && k < t->nodes[i].n_next; k++)
            c->next[i][k] = t->nodes[i].next_vectors[k];
    }
}

/* after -= before; all of it is u64. */
static void counts_since(struct counts *after, const struct counts *before)
{
    u64 *a = (u64 *)after;
    const u64 *b = (const u64 *)before;
    for (size_t i = 0; i < sizeof(*after) / sizeof(u64); i++)
        a[i] -= b[i];
}

static int outcome_order(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct outcome));
}

static struct outcome outcome_of(const struct caught *c)
{
    const struct buffer *b = buffer_at(c->bi);
    struct outcome o;
    memset(&o, 0, sizeof(o));
    o.node = c->node;
    o.flags = b->flags;
    o.tail_len = b->flags & BUFFER_NEXT ? b->tail_len : 0;
    o.rx_if = b->rx_if.i;
    o.tx_if = b->tx_if.i;
    o.start = b->start;
    o.l2_start = b->l2_start;
    o.l3_start = b->l3_start;
    o.csum_start = b->flags & BUFFER_CSUM_PARTIAL ? b->csum_start : 0;
    o.len = b->len;
    o.gso_size = b->flags & BUFFER_GSO ? b->gso_size : 0;
    o.refs = b->refs;
    o.n = buffer_copy_out(b, 0, o.bytes, sizeof(o.bytes));
    return o;
}

static void run_specs(struct run *r)
{
    static struct counts before;
    struct node_index n = node_must_find(world.p.engine, "ethernet-input");
    u32 bi[FRAME_PKTS], held[FRAME_PKTS], n_held = 0;
    for (u32 i = 0; i < n_specs; i++) {
        bi[i] = spec_send(&specs[i]);
        if (specs[i].shared)
            held[n_held++] = bi[i];
    }
    take_counts(&before);
    world_must(thread_handoff(world_thread(), 1, n, bi, n_specs) == n_specs);
    engine_round(world.p.engine, 1);
    take_counts(&r->counts);
    counts_since(&r->counts, &before);
    r->n = world.n_caught;
    for (u32 k = 0; k < r->n; k++)
        r->outcome[k] = outcome_of(&world.caught[k]);
    qsort(r->outcome, r->n, sizeof(r->outcome[0]), outcome_order);
    world_free_caught();
    for (u32 i = 0; i < n_held; i++)
        buffer_free_one(world_thread(), held[i]);
    settle();
    world_free_caught();
}

static void same_counts(const struct counts *x, const struct counts *y)
{
    for (u32 k = 0; k < IF_COUNTER_N; k++)
        for (u32 i = 0; i < IFS; i++)
            if (memcmp(&x->interface[k][i], &y->interface[k][i], sizeof(x->interface[k][i])))
                fail_msg("counter %u of interface %u: %llu, %llu bytes; by express %llu, %llu", k,
                         i, (unsigned long long)x->interface[k][i].packets,
                         (unsigned long long)x->interface[k][i].bytes,
                         (unsigned long long)y->interface[k][i].packets,
                         (unsigned long long)y->interface[k][i].bytes);
    assert_memory_equal(x->route, y->route, sizeof(x->route));
    assert_memory_equal(x->errors, y->errors, sizeof(x->errors));
    for (u32 i = 0; i < NODES; i++) {
        if (x->vectors[i] != y->vectors[i])
            fail_msg("node %s had %llu packets, and %llu by express",
                     node_name(world.p.engine, (struct node_index){i}),
                     (unsigned long long)x->vectors[i], (unsigned long long)y->vectors[i]);
        assert_memory_equal(x->next[i], y->next[i], sizeof(x->next[i]));
    }
}

static void same_run(const struct run *x, const struct run *y)
{
    for (u32 i = 0; i < x->n && i < y->n; i++) {
        if (x->outcome[i].node != y->outcome[i].node)
            fail_msg("a packet at %s, which by express is at %s", x->outcome[i].node,
                     y->outcome[i].node);
        assert_memory_equal(&x->outcome[i], &y->outcome[i], sizeof(x->outcome[i]));
    }
    assert_int_equal(x->n, y->n);
    same_counts(&x->counts, &y->counts);
}

/* --- both ways --- */

static u32 count_taken(struct thread *t, struct node *n, const void *state,
                       const struct express_view *v, struct buffer **b, u16 *next, u32 count)
{
    struct counted *c = (struct counted *)(uintptr_t)state;
    u32 taken = c->real->run[level](t, n, c->real->state, v, b, next, count);
    c->offered += count;
    c->taken += taken;
    return taken;
}

static void use_express(bool on)
{
    struct ethernet *s = module_state(&world.p, ethernet_module_name);
    for (u32 k = 0; k < EXPRESS_N; k++) {
        struct counted *c = &counted[k];
        if (!c->real)
            c->real = s->express[k];
        c->shown.state = c;
        for (u32 l = 0; l < CPU_LEVEL_N; l++)
            c->shown.run[l] = count_taken;
        ethernet_set_express(&world.p, k, on && c->real ? &c->shown : NULL);
    }
}

/* The first one's station is seen at another port. */
static void move_first(void)
{
    static struct run ignored;
    struct spec first = specs[0];
    u32 n = n_specs;
    use_express(false);
    specs[0].rx_if = ports[if_equal(first.rx_if, ports[4]) ? 5 : 4];
    n_specs = 1;
    run_specs(&ignored);
    specs[0] = first;
    n_specs = n;
}

static void both_ways(void)
{
    static struct run plain, express;
    bool moves = one_in(3);
    u8 minute;
    do { /* all in one minute: stations are noted once in each */
        minute = l2_minute(clock_ns());
        use_express(false);
        run_specs(&plain); /* stations are learnt */
        if (moves)
            move_first();
        run_specs(&plain);
        if (moves)
            move_first();
        use_express(true);
        run_specs(&express);
    } while (l2_minute(clock_ns()) != minute);
    same_run(&plain, &express);
}

/* As it was at first, but for layer 2, in which something is forwarded. */
static void calm_down(void)
{
    static const char *const l2[][2] = {
        {"set interface l2 xconnect p4 p5", "set interface l2 xconnect p5 p4"},
        {"set interface l2 bridge p4 1", "set interface l2 bridge p5 1"},
        {"set interface l2 xconnect p4.30 p5.30", "set interface l2 xconnect p5.30 p4.30"},
        {"set interface l2 bridge p4.30 1", "set interface l2 bridge p5 1"},
    };
    u32 how = roll(array_len(l2));
    static const char *const commands[] = {
        "set interface state p1.20 up",
        "set interface state p2 up",
        "set interface state p3 up",
        "set interface feature p1 a-feature arc interface-output disable",
        "set interface feature p0 a-feature arc ip4-unicast disable",
        "set interface feature p2 a-feature arc ip4-output disable",
        "set interface feature p0 a-feature arc ip6-unicast disable",
        "set interface feature p2 a-feature arc ip6-output disable",
        "set interface feature p4 a-feature arc l2-input disable",
        "set interface feature p5 a-feature arc l2-output disable",
        "adjacency counters disable",
        "set interface mtu packet 9000 p1",
        "set bridge-domain learn 1",
        "set bridge-domain forward 1",
    };
    for (u32 i = 0; i < array_len(commands); i++)
        try_command(commands[i]);
    for (u32 i = 0; i < array_len(l2[how]); i++)
        try_command(l2[how][i]);
}

/* What people do meanwhile. */
static void change_something(void)
{
    static const char *const commands[] = {
        "set interface state p3 down",
        "set interface state p3 up",
        "set interface state p1.20 down",
        "set interface state p1.20 up",
        "set interface state p2 down",
        "set interface state p2 up",
        "set interface feature p1 a-feature arc interface-output",
        "set interface feature p1 a-feature arc interface-output disable",
        "set interface feature p0 a-feature arc ip4-unicast",
        "set interface feature p0 a-feature arc ip4-unicast disable",
        "set interface feature p2 a-feature arc ip4-output",
        "set interface feature p2 a-feature arc ip4-output disable",
        "set interface feature p0 a-feature arc ip6-unicast",
        "set interface feature p0 a-feature arc ip6-unicast disable",
        "set interface feature p2 a-feature arc ip6-output",
        "set interface feature p2 a-feature arc ip6-output disable",
        "set interface feature p4 a-feature arc l2-input",
        "set interface feature p4 a-feature arc l2-input disable",
        "set interface feature p5 a-feature arc l2-output",
        "set interface feature p5 a-feature arc l2-output disable",
        "set interface l2 xconnect p4 p5",
        "set interface l2 xconnect p5 p4",
        "set interface l2 xconnect p4.30 p5.30",
        "set interface l2 xconnect p5.30 p4.30",
        "set interface l2 bridge p4 1",
        "set interface l2 bridge p5 1",
        "set interface l2 bridge p4.30 1",
        "set interface l2 bridge p5.30 1 1",
        "set interface l2 bridge p2 1",
        "set interface l3 p2",
        "set interface l3 p4.30",
        "set interface l2 tag-rewrite p4.30 pop 1",
        "set interface l2 tag-rewrite p5.30 pop 1",
        "set interface l2 tag-rewrite p4.30 disable",
        "set interface l2 tag-rewrite p5.30 push dot1q 7",
        "set interface l2 tag-rewrite p4.30 translate 1-1 dot1q 9",
        "set bridge-domain learn 1 disable",
        "set bridge-domain learn 1",
        "set bridge-domain forward 1 disable",
        "set bridge-domain forward 1",
        "l2fib add 02:00:00:07:00:03 1 p4 static",
        "l2fib add 02:00:00:07:00:04 1 filter",
        "l2fib del 02:00:00:07:00:03 1",
        "set interface mtu packet 100 p1",
        "set interface mtu packet 9000 p1",
        "ip route add 21.0.0.128/25 via 10.0.1.2 p1",
        "ip route del 21.0.0.128/25",
        "ip route add 28.0.16.0/24 via 10.0.1.2 p1",
        "ip route del 28.0.16.0/24",
        "ip route add 28.0.16.0/24 via 10.0.3.2 p3",
        "ip route add 2001:db8:21::80/121 via 2001:db8:1::2 p1",
        "ip route del 2001:db8:21::80/121",
        "ip route add 2001:db8:28::40/126 via 2001:db8:1::2 p1",
        "ip route del 2001:db8:28::40/126",
        "ip route add 2001:db8:28::40/126 via 2001:db8:3::2 p3",
        "adjacency counters enable",
        "adjacency counters disable",
    };
    try_command(commands[roll(array_len(commands))]);
    settle();
    world_free_caught();
}

static void one_vector(void)
{
    static const u32 chances[] = {3, 12, 1000000};
    u32 chance = chances[roll(array_len(chances))], kinds = roll(3);
    u32 from = one_in(3) ? FIRST_L2 : 0;
    n_specs = one_in(3) ? 1 + roll(FRAME_PKTS) : 1 + roll(6);
    for (u32 i = 0; i < n_specs; i++)
        make_spec(&specs[i], chance, kinds == 2 ? roll(2) : kinds, from);
    if (one_in(3)) /* all of one port; sometimes of one destination */
        for (u32 i = 1; i < n_specs; i++)
            specs[i].rx_if = specs[0].rx_if;
    if (one_in(3))
        for (u32 i = 1; i < n_specs; i++)
            specs[i] = specs[0];
    both_ways();
}

static void use_level(enum cpu_level l)
{
    struct node_index n = node_must_find(world.p.engine, "ethernet-input");
    if (!node_set_variant(world.p.engine, n, cpu_level_name(l)))
        level = l;
}

static void random_vectors(void **state)
{
    level = cpu_level_best();
    for (u32 i = 0; i < 1500; i++) {
        seed = i + 1;
        if (i % 50 == 0)
            use_level((enum cpu_level)(i / 50 % CPU_LEVEL_N));
        if (i % 8 == 0)
            calm_down();
        change_something();
        one_vector();
    }
    /* else this test would say nothing */
    for (u32 k = 0; k < EXPRESS_N; k++)
        if (counted[k].real)
            assert_true(counted[k].taken > 50 && counted[k].offered > 1000);
}

static void the_other_end_is_deleted(void **state)
{
    static const u8 mac[6] = {2, 0xfe, 0, 0, 0, 0x77};
    struct if_index other = world_interface("other", mac);
    level = cpu_level_best();
    free(world_command("set interface l2 xconnect p4 other"));
    for (u32 deleted = 0; deleted < 2; deleted++) {
        n_specs = 9;
        for (u32 i = 0; i < n_specs; i++) {
            make_spec(&specs[i], 1000000, false, 0);
            specs[i].rx_if = ports[4];
        }
        both_ways();
        if (!deleted)
            interface_delete(&world.p, other);
    }
}

/* To the first destination, into p0 without a tag. */
static void make_plain(struct spec *s, bool ip6)
{
    const u8 *dst = s->bytes + (ip6 ? 38 : 30);
    do
        make_spec(s, 1000000, ip6, 0);
    while (!if_equal(s->rx_if, ports[0]) || s->n != (ip6 ? 80 : 60) ||
           get_be16(s->bytes + 12) != (ip6 ? ETHERTYPE_IP6 : ETHERTYPE_IP4) ||
           (ip6 ? get_be16(dst + 4) != destinations6[0][0] : get_be32(dst) != destinations[0]));
}

static void both_protocols_in_one_vector(void **state)
{
    level = cpu_level_best();
    seed = 1;
    n_specs = 16;
    for (u32 first = 0; first < 2; first++) {
        for (u32 i = 0; i < n_specs; i++)
            make_plain(&specs[i], i % 3 == first);
        u64 before = counted[EXPRESS_IP4].taken + counted[EXPRESS_IP6].taken;
        both_ways();
        assert_int_equal(counted[EXPRESS_IP4].taken + counted[EXPRESS_IP6].taken, before + n_specs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_vectors, open_world, close_world),
        cmocka_unit_test_setup_teardown(the_other_end_is_deleted, open_world, close_world),
        cmocka_unit_test_setup_teardown(both_protocols_in_one_vector, open_world, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
