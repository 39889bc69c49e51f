/* What a probe may become: each way that an entry can say, and what may differ in none. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/byteorder.h"
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

/* Entries that depend on as much as there may be are found by each part, and write nowhere else. */
static void test_parts(void **state)
{
    static struct fast_path s;
    static struct fast_path_entry entries[3];
    static const struct entry_counts echo = {
        .routed = true, .echo = true, .n_via = 2, .route = 1, .via = {2, 3}, .adj = 4, .own = 5};
    static const struct forwarding_part parts[] = {{1, FORWARDING_ROUTE},
                                                   {2, FORWARDING_ROUTE},
                                                   {3, FORWARDING_ROUTE},
                                                   {4, FORWARDING_ADJACENCY},
                                                   {5, FORWARDING_ROUTE}};
    const struct fast_path_entry untouched = {0};
    s.entries = entries;
    fast_path_parts_init(&s, array_len(entries));
    for (u32 i = 0; i < 2; i++) {
        entries[i].counts = echo;
        fast_path_parts_add(&s, i);
    }
    assert_memory_equal(&entries[2], &untouched, sizeof(untouched));
    assert_int_equal(entries[1].key.port, 0);
    for (u32 i = 0; i < 2; i++) {
        for (u32 k = 0; k < array_len(parts); k++)
            assert_int_equal(fast_path_parts_find(&s, parts[k]), 1 - i);
        fast_path_parts_del(&s, 1 - i);
    }
    for (u32 k = 0; k < array_len(parts); k++)
        assert_int_equal(fast_path_parts_find(&s, parts[k]), UINT32_MAX);
    fast_path_parts_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layer_2), cmocka_unit_test(test_routed),
        cmocka_unit_test(test_echo),    cmocka_unit_test(test_each_byte),
        cmocka_unit_test(test_others),  cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
