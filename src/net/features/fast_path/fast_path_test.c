/* What a probe may become: each way that an entry can say, and what may differ in none. */
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/byteorder.h"
#include "control/loop.h"
#include "engine/engine.h"
#include "net/features/fast_path/fast_path_internal.h"
#include "net/packet/ethernet_packet.h"
#include "net/packet/ip4_packet.h"

#define FRAME_BYTES 80u

static const u8 host[6] = {2, 0, 0, 0, 0, 1}, own[6] = {2, 0, 0, 0, 0, 2},
                next[6] = {2, 0, 0, 0, 0, 3};

/* A frame from `src` to `dst`, of UDP, with so many tags of VLAN 7 on. */
static void frame_make(struct probe_sight *s, const u8 *dst, const u8 *src, u32 n_tags, bool is6,
                       u8 ttl)
{
    u8 *p = s->data;
    memset(s, 0, sizeof(*s));
    memcpy(p, dst, 6);
    memcpy(p + 6, src, 6);
    p += 12;
    for (u32 i = 0; i < n_tags; i++, p += 4) {
        put_be16(p, ETHERTYPE_VLAN);
        put_be16(p + 2, (u16)(7 + i));
    }
    put_be16(p, is6 ? ETHERTYPE_IP6 : ETHERTYPE_IP4);
    p += 2;
    if (is6) {
        p[0] = 0x60;
        p[3] = 5; /* flow label */
        p[6] = 17;
        p[7] = ttl;
        memset(p + 8, 0x20, 16);
        memset(p + 24, 0x21, 16);
        put_be16(p + 40, 1000);
        put_be16(p + 42, 2000);
    } else {
        p[0] = 0x45;
        put_be16(p + 2, 60);
        p[8] = ttl;
        p[9] = 17;
        memset(p + 12, 10, 4);
        memset(p + 16, 11, 4);
        put_be16(p + 20, 1000);
        put_be16(p + 22, 2000);
        ip4_set_checksum((struct ip4_header *)(void *)p);
    }
    s->n = (u16)FRAME_BYTES;
    s->len = FRAME_BYTES + 4 * n_tags;
}

static struct probe probe;
static struct fast_path_key key;
static struct fast_path_action action;
static const char *why;

static bool express(void)
{
    why = NULL;
    return fast_path_express(&probe, &key, &action, &why);
}

static void bridged(u32 tags_in, u32 tags_out)
{
    probe.plain = NODE_PLAIN_LINK;
    frame_make(&probe.in, next, host, tags_in, false, 64);
    frame_make(&probe.out, next, host, tags_out, false, 64);
}

static void routed(bool is6)
{
    probe.plain = NODE_PLAIN_LINK | NODE_PLAIN_DST;
    frame_make(&probe.in, own, host, 0, is6, 64);
    frame_make(&probe.out, next, own, 0, is6, 63);
}

static void test_layer_2(void **state)
{
    bridged(0, 0);
    assert_true(express());
    assert_int_equal(action.flags, 0);
    assert_memory_equal(key.ethernet, probe.in.data, 14);
    assert_int_equal(key.tpid.raw, 0);

    bridged(1, 1);
    assert_true(express());
    assert_int_equal(action.flags, 0);
    assert_true(be16_is(key.tpid, ETHERTYPE_VLAN));
    assert_int_equal(key.tci, 7);
    assert_int_equal(get_be16(key.ethernet + 12), ETHERTYPE_IP4);

    bridged(1, 0);
    assert_true(express());
    assert_int_equal(action.flags, FAST_PATH_POP);

    bridged(0, 1);
    assert_true(express());
    assert_int_equal(action.flags, FAST_PATH_PUSH);
    assert_int_equal(action.tci, 7);

    bridged(1, 1);
    put_be16(probe.out.data + 14, 0x6009); /* another tag, with a priority */
    assert_true(express());
    assert_int_equal(action.flags, FAST_PATH_POP | FAST_PATH_PUSH);
    assert_int_equal(action.tci, 0x6009);
}

static void test_routed(void **state)
{
    for (u32 is6 = 0; is6 < 2; is6++) {
        routed(is6);
        assert_true(express());
        assert_int_equal(action.flags, FAST_PATH_MACS | (is6 ? FAST_PATH_TTL6 : FAST_PATH_TTL4));
        assert_memory_equal(action.macs, probe.out.data, 12);
        assert_int_equal(key.mask, FAST_PATH_FLOW);
        assert_int_equal(key.proto_label, is6 ? 17 | 5 << 8 : 17);
        assert_true(be16_is(key.sport, 1000) && be16_is(key.dport, 2000));
        assert_memory_equal(key.dst, probe.in.data + 14 + (is6 ? 24 : 16), is6 ? 16 : 4);
        struct fast_path_key less = key;
        fast_path_key_mask(&less, FAST_PATH_DST);
        assert_memory_equal(less.dst, key.dst, 16);
        assert_int_equal(less.src[0] | less.sport.raw | less.proto_label, 0);
        fast_path_key_mask(&less, FAST_PATH_LINK);
        assert_int_equal(less.dst[0], 0);
        fast_path_key_mask(&less, FAST_PATH_FLOW); /* what is gone does not come back */
        assert_int_equal(less.mask, FAST_PATH_LINK);
    }
}

/* A request for an echo, and its answer. */
static void echo(bool is6)
{
    u32 at = is6 ? 40 : 20;
    routed(is6);
    probe.plain |= NODE_PLAIN_ECHO;
    u8 *in = probe.in.data + 14, *out = probe.out.data + 14;
    in[is6 ? 6 : 9] = is6 ? 58 : 1;
    memset(in + at, 0, 8);
    in[at] = is6 ? 128 : 8;
    put_be16(in + at + 2, 0x8123);
    if (!is6)
        ip4_set_checksum((struct ip4_header *)(void *)in);
    memcpy(out, in, FRAME_BYTES - 14);
    memcpy(out + (is6 ? 8 : 12), in + (is6 ? 24 : 16), is6 ? 16 : 4);
    memcpy(out + (is6 ? 24 : 16), in + (is6 ? 8 : 12), is6 ? 16 : 4);
    out[is6 ? 7 : 8] = 64;
    out[at] = is6 ? 129 : 0;
    put_be16(out + at + 2, is6 ? 0x8023 : 0x8923);
    if (!is6) {
        put_be16(out + 4, 0x4711); /* any id */
        ip4_set_checksum((struct ip4_header *)(void *)out);
    }
}

static void test_echo(void **state)
{
    for (u32 is6 = 0; is6 < 2; is6++) {
        u32 at = 14 + (is6 ? 40 : 20);
        echo(is6);
        assert_true(express());
        assert_int_equal(action.flags, FAST_PATH_MACS | (is6 ? FAST_PATH_ECHO6 : FAST_PATH_ECHO4));
        assert_int_equal(key.mask, FAST_PATH_ECHO);
        assert_int_equal(key.proto_label, is6 ? 58 : 1);
        assert_int_equal(key.sport.raw | key.dport.raw, 0);
        struct fast_path_key less = key;
        fast_path_key_mask(&less, FAST_PATH_DST); /* it has more than its port's mask */
        assert_memory_equal(&less, &key, sizeof(key));
        for (u32 i = 12; i < FRAME_BYTES; i++) {
            echo(is6);
            probe.out.data[i] ^= 1;
            assert_false(express());
        }
        echo(is6);
        probe.in.data[at + 1] = probe.out.data[at + 1] = 1; /* a code */
        assert_false(express());
        echo(is6);
        probe.in.data[at] = is6 ? 129 : 0;
        assert_false(express());
        echo(is6);
        probe.plain &= ~(u32)NODE_PLAIN_ECHO; /* what a router does is something else */
        assert_false(express());
        for (u32 n = 18; n < at + 8; n++) {
            echo(is6);
            probe.in.n = (u16)n;
            assert_false(express());
        }
    }
}

/* A byte that no action of that kind changes, wherever it is, makes it none. */
static void test_each_byte(void **state)
{
    for (u32 kind = 0; kind < 3; kind++)
        for (u32 at = 0; at < FRAME_BYTES; at++) {
            if (kind)
                routed(kind == 2);
            else
                bridged(0, 0);
            probe.out.data[at] ^= 1;
            /* a router gives new addresses */
            assert_int_equal(express(), kind && at < 12);
        }
}

static void test_others(void **state)
{
    bridged(0, 0);
    probe.in.data[0] = probe.out.data[0] = 1;
    assert_false(express()); /* a group */
    bridged(2, 2);
    assert_false(express());
    bridged(1, 2);
    assert_false(express());
    bridged(0, 0);
    probe.out.len++;
    assert_false(express());
    assert_non_null(why);

    routed(false);
    frame_make(&probe.out, next, own, 0, false, 64); /* no hop less */
    assert_false(express());
    routed(true);
    frame_make(&probe.in, own, host, 0, true, 1);
    frame_make(&probe.out, next, own, 0, true, 0);
    assert_false(express());
    routed(false);
    probe.in.data[14] = 0x46; /* options */
    probe.out.data[14] = 0x46;
    assert_false(express());
    routed(false);
    put_be16(probe.in.data + 12, 0x88b5); /* a route for what is not IP */
    put_be16(probe.out.data + 12, 0x88b5);
    assert_false(express());

    /* frames of 802.3, and those that are hardly there */
    bridged(0, 0);
    put_be16(probe.in.data + 12, 60);
    put_be16(probe.out.data + 12, 60);
    assert_false(express());
    for (u32 n = 0; n < 18; n++) {
        bridged(0, 0);
        probe.in.n = (u16)n;
        assert_false(express());
    }
    for (u32 n = 18; n < 34; n++) { /* of a router's packet: all of its header */
        routed(false);
        probe.in.n = (u16)n;
        assert_false(express());
    }
}

/* --- entries --- */

#define FLOWS (1u << 20)

/* Keys say a number, by which the backend finds flows. */
static struct {
    struct piste p;
    struct fast_path s;
    struct fast_path_backend b;
    struct fast_path_action actions[4];
    struct fast_path_count *counts;
    struct fast_path_flow *flows; /* generation 0: none */
    u32 n;                        /* of them there are */
} world;

static struct fast_path_key numbered(u32 i)
{
    struct fast_path_key k = {.mask = FAST_PATH_LINK};
    memcpy(k.ethernet + 6, &i, sizeof(i));
    return k;
}

static struct fast_path_flow *flow_of(const struct fast_path_key *k)
{
    u32 i;
    memcpy(&i, k->ethernet + 6, sizeof(i));
    assert_true(i < 2 * FLOWS);
    return &world.flows[i];
}

static int world_put(void *arg, const struct fast_path_key *key, const struct fast_path_flow *flow,
                     bool only_new)
{
    if (only_new && flow_of(key)->generation)
        return -EEXIST;
    world.n += !flow_of(key)->generation;
    *flow_of(key) = *flow;
    return 0;
}

static bool world_find(void *arg, const struct fast_path_key *key, struct fast_path_flow *flow)
{
    *flow = *flow_of(key);
    return flow->generation;
}

static void world_del(void *arg, const struct fast_path_key *key)
{
    assert_int_not_equal(flow_of(key)->generation, 0);
    flow_of(key)->generation = 0;
    world.n--;
}

static void nothing_runs(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    (void)t, (void)n, (void)b, (void)next, (void)count;
}

static int entries_setup(void **state)
{
    static const struct node_def node = {.name = "test-node", .run = {nothing_runs}};
    struct engine_config c;
    struct error e = {0};
    engine_config_default(&c);
    c.buffers_per_numa = 2048;
    memset(&world, 0, sizeof(world));
    world.p.loop = loop_new(&e);
    if (!world.p.loop || !engine_new(&world.p, &c, &e))
        return -1;
    world.counts = calloc(FLOWS, sizeof(*world.counts));
    world.flows = calloc(2 * FLOWS, sizeof(*world.flows));
    world.b = (struct fast_path_backend){.actions = world.actions,
                                         .counts = world.counts,
                                         .max = FLOWS,
                                         .max_actions = array_len(world.actions),
                                         .put = world_put,
                                         .find = world_find,
                                         .del = world_del};
    world.s = (struct fast_path){.piste = &world.p, .backend = &world.b, .on = true};
    world.s.node = node_register(world.p.engine, &node, NULL, NULL);
    forwarding_changed(world.p.engine); /* the first generation is not 0; it changes twice */
    loop_once(world.p.loop, 0);
    fast_path_entries_init(&world.s);
    return 0;
}

static int entries_teardown(void **state)
{
    fast_path_entries_fini(&world.s);
    engine_free(world.p.engine);
    loop_free(world.p.loop);
    free(world.counts);
    free(world.flows);
    __atomic_store_n(&clock_ahead_ns, 0, __ATOMIC_RELAXED);
    return 0;
}

static void later(u64 ns)
{
    __atomic_fetch_add(&clock_ahead_ns, ns, __ATOMIC_RELAXED);
}

static u64 tick_ns; /* when the last one began */

/* It is then again, however long what came since has taken on a busy machine. */
static void no_time_has_passed(void)
{
    later(tick_ns - clock_ns());
}

static const struct way_key echo_way = {.counts = {.routed = true,
                                                   .echo = true,
                                                   .n_via = 2,
                                                   .route = 1,
                                                   .via = {2, 3},
                                                   .adj = 4,
                                                   .own = 5}},
                            plain_way = {.action = {.device = 7}};

static bool add(u32 i, const struct way_key *way)
{
    struct fast_path_key k = numbered(i);
    return fast_path_add(&world.s, &k, way, 1500) != UINT32_MAX;
}

/* Packets by the entry of that number; they are counted. */
static void packets_pass(u32 from, u32 to)
{
    for (u32 i = from; i < to; i++) {
        world.counts[world.flows[i].entry].packets++;
        world.counts[world.flows[i].entry].bytes += 60;
    }
    fast_path_fold(&world.s);
}

/* As each second, and all that it leaves to do, at once. */
static void tick(void)
{
    tick_ns = clock_ns();
    fast_path_sweep(&world.s);
    while (loop_has_work(world.p.loop)) {
        loop_once(world.p.loop, 0);
        no_time_has_passed();
    }
    fast_path_end_rests(&world.s);
}

/* Entries that depend on as much as there may be are found by each part, and by no other. */
static void test_parts(void **state)
{
    static const struct forwarding_part parts[] = {{1, FORWARDING_ROUTE},
                                                   {2, FORWARDING_ROUTE},
                                                   {3, FORWARDING_ROUTE},
                                                   {4, FORWARDING_ADJACENCY},
                                                   {5, FORWARDING_ROUTE}};
    struct fast_path *s = &world.s;
    for (u32 k = 0; k < array_len(parts); k++) {
        for (u32 i = 0; i < 3; i++)
            assert_true(add(i, i < 2 ? &echo_way : &plain_way));
        assert_int_equal(s->n_live, 3);
        fast_path_part_changed(s, (struct forwarding_part){6, FORWARDING_ROUTE});
        fast_path_part_changed(s, (struct forwarding_part){4, FORWARDING_ROUTE});
        fast_path_part_changed(s, (struct forwarding_part){1, FORWARDING_STATION});
        assert_int_equal(s->n_live, 3);
        assert_true(add(1, &plain_way)); /* in place of the one before */
        fast_path_part_changed(s, parts[k]);
        assert_int_equal(s->n_live, 2);
        assert_int_equal(fast_path_parts_find(s, parts[k]), UINT32_MAX);
        assert_int_equal(world.flows[0].generation, 0);
        fast_path_clear(s);
        tick();
        assert_int_equal(world.n, 0);
    }
}

/* More than a few that depend on one part end at once, with all others. */
static void test_parts_of_many(void **state)
{
    struct fast_path *s = &world.s;
    for (u32 i = 0; i < 5000; i++)
        assert_true(add(i, &echo_way));
    u32 before = forwarding_generation(world.p.engine);
    fast_path_part_changed(s, (struct forwarding_part){4, FORWARDING_ADJACENCY});
    assert_true(forwarding_generation(world.p.engine) > before);
    assert_int_equal(fast_path_n_flows(s), 0);
    tick();
    assert_int_equal(world.n, 0);
    assert_int_equal(s->n_live, 0);
}

/* Actions are as many as there is room for; those of entries that rest are not another's. */
static void test_ways(void **state)
{
    struct way_key way = plain_way;
    for (u32 i = 0; i < array_len(world.actions); i++) {
        way.action.device = i;
        assert_true(add(2 * i, &way) && add(2 * i + 1, &way));
        assert_int_equal(world.flows[2 * i].action, world.flows[2 * i + 1].action);
        assert_int_equal(world.actions[world.flows[2 * i].action].device, i);
    }
    way.action.device = 9;
    assert_false(add(100, &way));
    assert_int_equal(world.s.n.full, 1);
    fast_path_clear(&world.s);
    tick();
    assert_false(add(100, &way));
    later(2 * NS_PER_SEC);
    tick();
    assert_true(add(100, &way));
    assert_int_equal(world.actions[world.flows[100].action].device, 9);
}

/* As many as there may be, and no more; when there are others, those go that had no packet for the
 * longest time. What is counted stays the entry's own. */
static void test_a_million(void **state)
{
    struct fast_path *s = &world.s;
    for (u32 i = 0; i < FLOWS; i++)
        assert_true(add(i, &plain_way));
    assert_false(add(FLOWS, &plain_way));
    assert_int_equal(world.n, FLOWS);
    later(500 * NS_PER_MSEC);
    packets_pass(0, FLOWS);
    assert_int_equal(s->n.packets, FLOWS);
    assert_int_equal(s->n.bytes, 60ull * FLOWS);
    later(2 * NS_PER_SEC);
    packets_pass(0, FLOWS / 2);
    later(2 * NS_PER_SEC); /* it is busy with something else: all the same */
    tick();
    assert_int_equal(s->n_live, FLOWS / 2);
    for (u32 i = 0; i < FLOWS; i++)
        assert_int_equal(!world.flows[i].generation, i >= FLOWS / 2);
    no_time_has_passed();
    assert_false(add(FLOWS, &plain_way)); /* numbers rest */
    later(2 * NS_PER_SEC);
    tick();
    for (u32 i = FLOWS; i < FLOWS + FLOWS / 2; i++)
        assert_true(add(i, &plain_way));
    assert_false(add(FLOWS + FLOWS / 2, &plain_way));
    assert_int_equal(world.n, FLOWS);
    assert_int_equal(s->entries[world.flows[FLOWS].entry].packets, 0);
    assert_int_equal(s->entries[world.flows[1].entry].packets, 2);
    fast_path_clear(s);
    assert_int_equal(fast_path_n_flows(s), 0);
    loop_once(world.p.loop, 0);
    assert_true(loop_has_work(world.p.loop)); /* not all at once */
    tick();
    assert_int_equal(world.n, 0);
}

/* Probes as often as they may come, each of a new flow; packets go by one entry in `used_in`, 0: by
 * none. */
static void new_flows(u32 *flow, u32 n, u32 used_in)
{
    for (u32 end = *flow + n; *flow < end; ++*flow) {
        struct fast_path_key k = numbered(*flow);
        u32 entry = fast_path_add(&world.s, &k, &plain_way, 1500);
        fast_path_pace(&world.s, entry);
        if (used_in && *flow % used_in == 0)
            world.counts[entry].packets++;
        later(250 * NS_PER_USEC << world.s.pace.rare);
        world.s.n.probes++;
    }
}

/* Probes get rare where no entry is used, and none else; what tells that one is brings them back. */
static void test_pace(void **state)
{
    const struct fast_path_pace *pace = &world.s.pace;
    u32 flow = 0;
    new_flows(&flow, 5000, 100);
    assert_int_equal(pace->rare, 0);
    new_flows(&flow, 2000, 0);
    assert_int_equal(pace->rare, PROBE_RARE_MOST);

    new_flows(&flow, 1, 1); /* after the time that each has to be used: a few probes */
    new_flows(&flow, 30, 0);
    assert_int_equal(pace->rare, 0);
    new_flows(&flow, 300, 0);
    assert_int_equal(pace->rare, 0);

    new_flows(&flow, 2000, 0);
    fast_path_pace_tick(&world.s);
    assert_int_equal(pace->rare, PROBE_RARE_MOST);
    fast_path_pace_tick(&world.s); /* there was no probe for a second */
    assert_int_equal(pace->rare, 0);

    new_flows(&flow, 2000, 0);
    assert_int_equal(pace->rare, PROBE_RARE_MOST);
    fast_path_pace_reset(&world.s); /* forwarding has changed */
    new_flows(&flow, 300, 0);
    assert_int_equal(pace->rare, 0);

    world.s.n.packets += 16 * world.s.n.probes; /* of other flows */
    fast_path_pace_tick(&world.s);
    u64 before = world.s.n.probes;
    new_flows(&flow, 2000, 0);
    assert_int_equal(pace->rare, 0);
    world.s.n.packets += 16 * (world.s.n.probes - before) - 1; /* one too few */
    fast_path_pace_tick(&world.s);
    new_flows(&flow, 2000, 0);
    assert_int_equal(pace->rare, PROBE_RARE_MOST);

    fast_path_pace_reset(&world.s);
    for (u32 i = 0; i < 1000; i++)
        fast_path_pace(&world.s, UINT32_MAX); /* probes that make nothing */
    assert_int_equal(pace->rare, PROBE_RARE_MOST);

    fast_path_pace_reset(&world.s);
    new_flows(&flow, 300, 0);
    forwarding_changed(world.p.engine); /* of what has ended nobody knows */
    later(NS_PER_SEC);
    new_flows(&flow, 100, 0);
    assert_int_equal(pace->n_useless, 0);
}

/* What a probe says again is no new entry. */
static void test_the_same_again(void **state)
{
    struct way_key other = plain_way;
    other.action.device = 8;
    assert_true(add(0, &plain_way));
    assert_false(add(0, &plain_way));
    assert_int_equal(world.s.n_live, 1);
    assert_int_equal(world.s.n.full, 0);
    assert_true(add(0, &other));
    assert_int_equal(world.actions[world.flows[0].action].device, 8);
    forwarding_changed(world.p.engine);
    assert_true(add(0, &other));
    assert_int_equal(world.s.n_live, 1);
    assert_int_equal(fast_path_n_flows(&world.s), 1);
}

/* Whoever shows counters gets all, however long adding up takes; others need not wait for it. */
static void test_counters_are_exact(void **state)
{
    struct fast_path *s = &world.s;
    assert_true(add(0, &plain_way));
    world.counts[world.flows[0].entry].packets = 5;
    s->folded_ns = clock_ns();
    s->fold_took_ns = 100 * NS_PER_SEC;
    fast_path_watch_before(s, "sw_interface_dump");
    assert_int_equal(s->n.packets, 0);
    fast_path_watch_before(s, "show interface [<interface>]");
    assert_int_equal(s->n.packets, 5);
    world.counts[world.flows[0].entry].packets = 5; /* or they would be there again behind it */
    s->fold_took_ns = 100 * NS_PER_SEC;
    fast_path_watch_before(s, "sw_interface_clear_stats");
    assert_int_equal(s->n.packets, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layer_2),
        cmocka_unit_test(test_routed),
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_each_byte),
        cmocka_unit_test(test_others),
        cmocka_unit_test_setup_teardown(test_parts, entries_setup, entries_teardown),
        cmocka_unit_test_setup_teardown(test_parts_of_many, entries_setup, entries_teardown),
        cmocka_unit_test_setup_teardown(test_ways, entries_setup, entries_teardown),
        cmocka_unit_test_setup_teardown(test_pace, entries_setup, entries_teardown),
        cmocka_unit_test_setup_teardown(test_the_same_again, entries_setup, entries_teardown),
        cmocka_unit_test_setup_teardown(test_counters_are_exact, entries_setup, entries_teardown),
        cmocka_unit_test_setup_teardown(test_a_million, entries_setup, entries_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
