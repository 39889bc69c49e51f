/* Expresses against the nodes in whose place they work: random vectors of every kind of packet,
 * through a switch of every kind of port (express_world.h). Bytes, metadata and all counters have
 * to come out the same, on every level of CPU. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine/engine_internal.h"
#include "net/ip/fib/fib_data.h"
#include "net/l2/l2_internal.h"
#include "net/link/ethernet/express_world.h"

enum { IFS = 16, COUNTED_ROUTES = 512, NODES = 512, EDGES = 64, ERRORS = 4096 };

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

static struct counted {
    const struct express *real;
    struct express shown;
    u64 offered, taken;
} counted[EXPRESS_N];
static enum cpu_level level; /* of ethernet-input */

static u32 count_taken(struct thread *t, struct node *n, const void *state,
                       const struct express_view *v, struct buffer **b, u16 *next, u32 count)
{
    struct counted *c = (struct counted *)(uintptr_t)state;
    express_runs = true;
    u32 taken = c->real->run[level](t, n, c->real->state, v, b, next, count);
    express_runs = false;
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

/* What is counted of another switch's expresses is of no use. */
static int open_both_ways(void **state)
{
    memset(counted, 0, sizeof(counted));
    return open_world(state);
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

/* Returns how often the express had to do it. */
static u32 both_ways(void)
{
    static struct run plain, express;
    bool moves = one_in(3);
    u32 times = 0;
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
        times++;
    } while (l2_minute(clock_ns()) != minute);
    same_run(&plain, &express);
    return times;
}

static void try_feature(char name, const char *what)
{
    char command[80];
    for (u32 k = 4; k <= 6; k += 2) {
        snprintf(command, sizeof(command),
                 "set interface feature p0 %c-feature arc ip%u-unicast %s", name, k, what);
        try_command(command);
    }
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
        "set interface feature p0.10 b-feature arc ip4-unicast disable",
        "set interface feature p1 b-feature arc ip4-unicast disable",
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
    for (char name = 'b'; name <= 'e'; name++) {
        try_feature(name, "disable");
        if (one_in(3))
            try_feature(name, "");
    }
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
        "set interface feature p1 interface-offload arc interface-output",
        "set interface feature p1 interface-offload arc interface-output disable",
        "set interface feature p5 interface-offload arc interface-output",
        "set interface feature p5 interface-offload arc interface-output disable",
        "set interface feature p1 a-feature arc interface-output",
        "set interface feature p1 a-feature arc interface-output disable",
        "set interface feature p0 a-feature arc ip4-unicast",
        "set interface feature p0 a-feature arc ip4-unicast disable",
        "set interface feature p2 a-feature arc ip4-output",
        "set interface feature p2 a-feature arc ip4-output disable",
        "set interface feature p0 a-feature arc ip6-unicast",
        "set interface feature p0 a-feature arc ip6-unicast disable",
        "set interface feature p0 b-feature arc ip4-unicast",
        "set interface feature p0 b-feature arc ip6-unicast",
        "set interface feature p0.10 b-feature arc ip4-unicast",
        "set interface feature p1 b-feature arc ip4-unicast",
        "set interface feature p0 b-feature arc ip4-unicast disable",
        "set interface feature p0 b-feature arc ip6-unicast disable",
        "set interface feature p0.10 b-feature arc ip4-unicast disable",
        "set interface feature p1 b-feature arc ip4-unicast disable",
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
    for (u32 i = 0; i < 2400; i++) {
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
            assert_true(counted[k].taken > 500 && counted[k].offered > 5000);
    assert_true(featured_by_express > 500 && judged_whole > 50 && changed_whole > 50);
    struct node_index e = node_must_find(world.p.engine, "e-feature");
    u64 calls = thread_node(engine_thread(world.p.engine, 1), e)->calls;
    assert_true(fragments_by_express > 0 && calls > fragments_runs + 50);
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

static void all_go_by_express(void)
{
    level = cpu_level_best();
    seed = 1;
    n_specs = 16;
    for (u32 first = 0; first < 2; first++) {
        for (u32 i = 0; i < n_specs; i++)
            make_plain(&specs[i], i % 3 == first);
        u64 before = counted[EXPRESS_IP4].taken + counted[EXPRESS_IP6].taken;
        u32 all = both_ways() * n_specs;
        assert_int_equal(counted[EXPRESS_IP4].taken + counted[EXPRESS_IP6].taken, before + all);
    }
}

static void both_protocols_in_one_vector(void **state)
{
    all_go_by_express();
}

/* To one of 64 routes by one neighbour; each packet has a length of its own. */
static void make_one_of_many(struct spec *s, bool ip6)
{
    u32 route = roll(64), spare = roll(20);
    u8 *p = s->bytes + 14;
    make_plain(s, ip6);
    if (ip6) {
        put_be16(p + 4, (u16)(26 - spare));
        put_be16(p + 28, 0x28);
        put_be16(p + 38, (u16)(4 * route + 1));
    } else {
        put_be16(p + 2, (u16)(46 - spare));
        memcpy(p + 16, (const u8[]){28, 0, (u8)route, 1}, 4);
        memset(p + 10, 0, 2);
        const be16 sum = csum_finish(csum_add(0, p, 20));
        memcpy(p + 10, &sum, 2);
    }
}

/* To one of 8192 routes from 40.0.0.0/24 on. */
static void make_one_of_thousands(struct spec *s)
{
    u32 route = roll(8192);
    u8 *p = s->bytes + 14;
    make_plain(s, false);
    memcpy(p + 16, (const u8[]){40, (u8)(route >> 8), (u8)route, 1}, 4);
    memset(p + 10, 0, 2);
    const be16 sum = csum_finish(csum_add(0, p, 20));
    memcpy(p + 10, &sum, 2);
}

/* More than a region of routes has (LB_REGION), of which now and then one leaves elsewhere. */
static void thousands_of_routes(void **state)
{
    char command[64];
    level = cpu_level_best();
    seed = 1;
    free(world_command("ip route add count 8192 40.0.0.0/24 via 10.0.1.2 p1"));
    n_specs = FRAME_PKTS;
    for (u32 i = 0; i < 24; i++) {
        for (u32 k = 0; k < n_specs; k++)
            make_one_of_thousands(&specs[k]);
        u64 before = counted[EXPRESS_IP4].taken;
        u32 all = both_ways() * n_specs;
        assert_int_equal(counted[EXPRESS_IP4].taken, before + all);
        const u8 *dst = specs[0].bytes + 14 + 16;
        (void)snprintf(command, sizeof(command), "ip route del %u.%u.%u.0/24", dst[0], dst[1],
                       dst[2]);
        free(world_command(command));
        (void)snprintf(command, sizeof(command), "ip route add %u.%u.%u.0/24 via %s", dst[0],
                       dst[1], dst[2], i % 4 == 3 ? "10.0.3.2 p3" : "10.0.1.2 p1");
        free(world_command(command));
        settle();
        world_free_caught();
    }
}

static void many_routes_by_one_neighbour(void **state)
{
    level = cpu_level_best();
    seed = 1;
    for (u32 ip6 = 0; ip6 < 2; ip6++)
        for (n_specs = 2; n_specs <= FRAME_PKTS; n_specs += n_specs < 64 ? 31 : 96) {
            for (u32 i = 0; i < n_specs; i++)
                make_one_of_many(&specs[i], ip6);
            const u64 *taken = &counted[ip6 ? EXPRESS_IP6 : EXPRESS_IP4].taken;
            u64 before = *taken;
            u32 all = both_ways() * n_specs;
            assert_int_equal(*taken, before + all);
        }
}

static void a_port_that_takes_no_offloads(void **state)
{
    free(world_command("set interface feature p1 interface-offload arc interface-output"));
    all_go_by_express();
}

/* One that asks for something passes the nodes, and so do those behind it: they may be of its flow.
 */
static void none_overtakes_what_is_offloaded(void **state)
{
    level = cpu_level_best();
    free(world_command("set interface feature p1 interface-offload arc interface-output"));
    for (u32 ip6 = 0; ip6 < 2; ip6++) {
        n_specs = 16;
        for (u32 i = 0; i < n_specs; i++)
            make_plain(&specs[i], ip6);
        specs[7].flags |= BUFFER_CSUM_PARTIAL;
        enum express_kind kind = ip6 ? EXPRESS_IP6 : EXPRESS_IP4;
        u64 before = counted[kind].taken;
        u32 in_front = both_ways() * 7;
        assert_int_equal(counted[kind].taken, before + in_front);
    }
}

/* From station 1 behind p4.30 to station 2 behind p5, or back. */
static void make_between_stations(struct spec *s, bool back)
{
    make_plain(s, false);
    s->rx_if = ports[back ? 5 : 4];
    put_station(s->bytes, back ? 1 : 2);
    put_station(s->bytes + 6, back ? 2 : 1);
    if (back)
        return;
    memmove(s->bytes + 16, s->bytes + 12, s->n - 12);
    s->n += put_tag(s->bytes + 12, ETHERTYPE_VLAN, 30);
}

/* Nodes write a tag of a frame whose data others hold in another buffer, and send on one that
 * begins with less than its header. */
static void none_overtakes_what_gets_another_buffer(void **state)
{
    static const char *const commands[][3] = {
        {"set interface l2 xconnect p4.30 p5", "set interface l2 xconnect p5 p4.30",
         "set interface l2 tag-rewrite p4.30 translate 1-1 dot1q 9"},
        {"set interface l2 bridge p4.30 1", "set interface l2 bridge p5 1",
         "set interface l2 tag-rewrite p4.30 translate 1-1 dot1q 9"},
    };
    level = cpu_level_best();
    n_specs = 16;
    for (u32 k = 0; k < 4; k++) {
        for (u32 i = 0; i < array_len(commands[0]); i++)
            free(world_command(commands[k / 2][i]));
        for (u32 i = 0; i < n_specs; i++)
            make_between_stations(&specs[i], i + 1 == n_specs);
        specs[7].shared = !(k % 2);
        specs[7].second = k % 2 ? specs[7].n - 16 : 0;
        u64 before = counted[EXPRESS_L2].taken;
        u32 in_front = both_ways() * 7;
        assert_int_equal(counted[EXPRESS_L2].taken, before + in_front);
    }
}

/* A station that is provisioned where it comes from is known, and learnt nowhere. */
static void provisioned_stations(void **state)
{
    static const char *const commands[] = {
        "set interface l2 bridge p4.30 1", "set interface l2 bridge p5 1",
        "l2fib add 02:00:00:07:00:01 1 p4.30 static", "l2fib add 02:00:00:07:00:02 1 p5"};
    level = cpu_level_best();
    n_specs = 16;
    for (u32 i = 0; i < array_len(commands); i++)
        free(world_command(commands[i]));
    for (u32 i = 0; i < n_specs; i++)
        make_between_stations(&specs[i], false);
    u64 before = counted[EXPRESS_L2].taken;
    u32 all = both_ways() * n_specs;
    assert_int_equal(counted[EXPRESS_L2].taken, before + all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_vectors, open_both_ways, close_world),
        cmocka_unit_test_setup_teardown(the_other_end_is_deleted, open_both_ways, close_world),
        cmocka_unit_test_setup_teardown(both_protocols_in_one_vector, open_both_ways, close_world),
        cmocka_unit_test_setup_teardown(many_routes_by_one_neighbour, open_both_ways, close_world),
        cmocka_unit_test_setup_teardown(thousands_of_routes, open_both_ways, close_world),
        cmocka_unit_test_setup_teardown(a_port_that_takes_no_offloads, open_both_ways, close_world),
        cmocka_unit_test_setup_teardown(none_overtakes_what_is_offloaded, open_both_ways,
                                        close_world),
        cmocka_unit_test_setup_teardown(none_overtakes_what_gets_another_buffer, open_both_ways,
                                        close_world),
        cmocka_unit_test_setup_teardown(provisioned_stations, open_both_ways, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
