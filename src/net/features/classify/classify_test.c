/* Classifier tables against a list that is searched from end to end; masks and matches as people
 * write them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "control/loop.h"
#include "net/features/classify/classify.h"
#include "net/features/classify/classify_internal.h"
#include "net/features/classify/classify_parse.h"
#include "net/ip/fib/fib.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_input.h"
#include "net/ip/ip4/ip4_world.h"

static int open_world(void **state)
{
    static const struct module *const modules[] = {
        &ethernet_module, &ip4_arcs_module, &fib_module, &address_module,
        &ip4_module,      &classify_module, NULL};
    world_open(modules);
    world_interface("local0", NULL);
    return 0;
}

static int close_world(void **state)
{
    assert_int_equal(world_buffers_used(), 0);
    world_close();
    return 0;
}

static u32 random_u32(void)
{
    static u64 x = 88172645463325252ull;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (u32)(x >> 16);
}

/* --- tables --- */

#define SKIP 1u
#define MATCH 2u
#define KEY_BYTES (MATCH * CLASSIFY_VECTOR_BYTES)
#define MATCH_BYTES ((SKIP + MATCH) * CLASSIFY_VECTOR_BYTES)

static u32 new_table(u32 buckets)
{
    struct classify_table_args a = {.skip = SKIP,
                                    .match = MATCH,
                                    .next_table = CLASSIFY_NONE,
                                    .miss_next = CLASSIFY_NONE,
                                    .buckets = buckets};
    struct error e;
    u32 index = CLASSIFY_NONE;
    for (u32 i = 0; i < KEY_BYTES; i++)
        a.mask[i] = (u8)(i % 3 ? 0xf3 : 0);
    assert_int_equal(classify_table_add(&world.p, &a, &index, &e), 0);
    return index;
}

/* The bytes of packet number n: those that the mask leaves are n's alone. */
static void match_of(u32 n, u8 *match)
{
    for (u32 i = 0; i < MATCH_BYTES; i++)
        match[i] = (u8)random_u32(); /* masked, or skipped */
    for (u32 i = 0; i < KEY_BYTES; i++)
        if (i % 3)
            match[SKIP * CLASSIFY_VECTOR_BYTES + i] &= 0x0c;
    for (u32 i = 0; i < 4; i++, n >>= 4)
        match[SKIP * CLASSIFY_VECTOR_BYTES + (u32[]){1, 11, 22, 31}[i]] |=
            (u8)((n & 3) | (n & 12) << 4);
}

static struct classify_session *look(u32 table, u32 n)
{
    u8 match[MATCH_BYTES];
    match_of(n, match);
    struct buffer *b = world_packet(match, sizeof(match));
    struct classify_session *s = classify_find(classify_table_at(table), b, b->start, b->start);
    world_free(b);
    return s;
}

#define OF_NUMBERS 3000

static void test_against_a_list(void **state)
{
    static u32 list[OF_NUMBERS]; /* opaque + 1; 0: no session */
    u32 table = new_table(2), n = 0;
    u8 match[MATCH_BYTES];
    struct error e;
    for (u32 i = 0; i < 60000; i++) {
        u32 number = random_u32() % OF_NUMBERS;
        match_of(number, match);
        if (random_u32() % 5 < 3) {
            struct classify_session_args a = {.match = match, .next = 7, .opaque = i};
            assert_int_equal(classify_session_add(&world.p, table, &a, &e), 0);
            n += !list[number];
            list[number] = i + 1;
        } else {
            int rc = classify_session_del(&world.p, table, match, &e);
            assert_int_equal(rc, list[number] ? 0 : -ENOENT);
            n -= list[number] != 0;
            list[number] = 0;
        }
        if (i % 50 == 0)
            loop_once(world.p.loop, 0); /* places come back */
        number = random_u32() % OF_NUMBERS;
        const struct classify_session *s = look(table, number);
        assert_int_equal(s ? s->opaque + 1 : 0, list[number]);
    }
    assert_int_equal(classify_session_count(&world.p, table), n);
    for (u32 i = 0; i < OF_NUMBERS; i++) {
        const struct classify_session *s = look(table, i);
        assert_int_equal(s ? s->opaque + 1 : 0, list[i]);
    }
    assert_int_equal(classify_table_del(&world.p, table, false, &e), 0);
    assert_null(classify_table_at(table));
}

/* A deleted table is gone at once, and its sessions in pieces: a table that comes meanwhile, of the
 * same index, has none of them. */
static void test_large_table(void **state)
{
    enum { MANY = 5000 };
    const struct pool *ids = &classify_of(&world.p)->ids;
    u32 table = new_table(2), rounds = 0;
    u8 match[MATCH_BYTES];
    struct classify_session_args a = {.match = match, .next = 7};
    struct error e;
    for (u32 n = 0; n < MANY; n++) {
        match_of(n, match);
        assert_int_equal(classify_session_add(&world.p, table, &a, &e), 0);
    }
    assert_int_equal(classify_table_del(&world.p, table, false, &e), 0);
    assert_null(classify_table_at(table));
    assert_true(loop_has_work(world.p.loop));
    assert_in_range(ids->n_used, MANY / 2, MANY - 1);
    assert_int_equal(new_table(2), table);
    assert_null(look(table, MANY - 1));
    match_of(MANY - 1, match);
    assert_int_equal(classify_session_add(&world.p, table, &a, &e), 0);
    for (; loop_has_work(world.p.loop); rounds++)
        loop_once(world.p.loop, 0);
    assert_int_equal(ids->n_used, 1);
    assert_non_null(look(table, MANY - 1));
    assert_true(rounds);
    for (u32 n = 0; n < MANY; n++) { /* those that are left go with the switch */
        match_of(n, match);
        assert_int_equal(classify_session_add(&world.p, table, &a, &e), 0);
    }
    assert_int_equal(classify_table_del(&world.p, table, false, &e), 0);
    assert_true(loop_has_work(world.p.loop));
}

static void test_indices(void **state)
{
    struct error e;
    u8 match[MATCH_BYTES] = {0};
    u32 a = new_table(100), b = new_table(100);
    assert_int_equal(classify_table_next(&world.p, 0), a);
    assert_int_equal(classify_table_next(&world.p, a + 1), b);
    assert_int_equal(classify_table_next(&world.p, b + 1), CLASSIFY_NONE);
    assert_int_equal(classify_table_ref(&world.p, a, &e), 0);
    assert_int_equal(classify_table_del(&world.p, a, false, &e), -EBUSY);
    classify_table_unref(&world.p, a);
    /* a chain goes as a whole, or not at all */
    assert_int_equal(classify_table_set(&world.p, a, b, CLASSIFY_NONE, &e), 0);
    assert_int_equal(classify_table_ref(&world.p, b, &e), 0);
    assert_int_equal(classify_table_del(&world.p, a, true, &e), -EBUSY);
    assert_non_null(classify_table_at(a));
    classify_table_unref(&world.p, b);
    assert_int_equal(classify_table_del(&world.p, a, true, &e), 0);
    assert_null(classify_table_at(b));
    assert_int_equal(classify_table_del(&world.p, a, false, &e), -ENOENT);
    assert_int_equal(classify_session_del(&world.p, a, match, &e), -ENOENT);
    assert_int_equal(classify_table_next(&world.p, 0), CLASSIFY_NONE);
}

/* A session holds the table of routes that it names, for as long as it is there. */
static void test_tables_of_routes(void **state)
{
    struct fib *f = fib_of(&world.p);
    struct error e;
    u32 table = new_table(2);
    u8 match[MATCH_BYTES] = {0};
    struct classify_session_args a = {
        .match = match, .next = 1, .action = CLASSIFY_ACTION_SET_IP4_FIB, .metadata = 55};
    assert_int_equal(classify_session_add(&world.p, table, &a, &e), 0);
    assert_false(fib_is_none(fib_table_find(f, IP_FAMILY_4, 55)));
    a.metadata = 56;
    assert_int_equal(classify_session_add(&world.p, table, &a, &e), 0);
    assert_true(fib_is_none(fib_table_find(f, IP_FAMILY_4, 55)));
    assert_int_equal(classify_session_del(&world.p, table, match, &e), 0);
    assert_true(fib_is_none(fib_table_find(f, IP_FAMILY_4, 56)));
    assert_int_equal(classify_session_add(&world.p, table, &a, &e), 0);
    assert_int_equal(classify_table_del(&world.p, table, false, &e), 0);
    assert_true(fib_is_none(fib_table_find(f, IP_FAMILY_4, 56)));
}

/* --- words --- */

static void says(bool match, const char *words, const char *hex)
{
    struct classify_bytes b;
    char got[2 * CLASSIFY_TEXT_BYTES_MAX + 1] = "";
    const char *p = words;
    int rc = match ? classify_parse_match(&p, &b) : classify_parse_mask(&p, &b);
    assert_int_equal(rc, hex ? 0 : -ENOENT);
    if (!hex)
        return;
    for (u32 i = 0; i < b.n; i++)
        snprintf(got + (size_t)2 * i, 3, "%02x", b.bytes[i]);
    assert_string_equal(got, hex);
}

#define ZERO6 "000000000000"
#define ZERO14 "0000000000000000000000000000"

static void test_masks(void **state)
{
    says(false, "l2 dst", "ffffffffffff" ZERO6 "0000");
    says(false, "l2 src proto", ZERO6 "ffffffffffffffff");
    says(false, "l2 tag1", ZERO14 "0fff0000");
    says(false, "l2 cos1 tag2", ZERO14 "e00000000fff0000");
    says(false, "l2 dot1q proto", ZERO14 "0000ffff");
    says(false, "l3 ip4 src", ZERO14 "000000000000000000000000ffffffff00000000");
    says(false, "l3 ip4 src/20 proto", ZERO14 "000000000000000000ff0000fffff00000000000");
    says(false, "l3 ip4 version ttl", ZERO14 "f000000000000000ff0000000000000000000000");
    says(false, "l2 dot1q l3 ip4 dst l4 dst_port",
         ZERO14 "00000000"
                "00000000000000000000000000000000ffffffff"
                "0000ffff");
    says(false, "l4 src_port",
         ZERO14 "0000000000000000000000000000000000000000"
                "ffff0000");
    says(false, "l3 ip6 hop_limit",
         ZERO14 "00000000000000ff"
                "0000000000000000000000000000000000000000000000000000000000000000");
    says(false, "hex 00ff", "00ff");
    says(false, "", NULL);
    says(false, "l2", NULL);
    says(false, "l2 nonsense", NULL);
    says(false, "l3 src", NULL);
    says(false, "l3 ip4 src/33", NULL);
    says(false, "l3 ip4 ttl/4", NULL);
    says(false, "hex 0", NULL);
    says(false, "hex 0g", NULL);
}

static void test_matches(void **state)
{
    says(true, "l2 src 02:00:00:00:00:2a proto 0x0806", ZERO6 "02000000002a0806");
    says(true, "l2 tag1 42", ZERO14 "002a0000");
    says(true, "l2 cos1 5 tag1 42 proto 2048",
         "000000000000000000000000"
         "0000a02a0800");
    says(true, "l3 ip4 src 10.1.2.3 proto udp",
         ZERO14 "000000000000000000110000"
                "0a01020300000000");
    says(true, "l4 src_port 53 dst_port 65535",
         ZERO14 "0000000000000000000000000000000000000000"
                "0035ffff");
    says(true, "l4 tcp flags 2",
         ZERO14 "0000000000000000000000000000000000000000"
                "0000000000000000000000000002000000000000");
    says(true, "l2 tag1 4096", NULL);
    says(true, "l2 src 2:0:0:0:0", NULL);
    says(true, "l3 ip4 src 10.1.2", NULL);
    says(true, "l3 ip4 ttl 256", NULL);
    says(true, "l4 dst_port", NULL);
    says(true, "l4 dst_port -1", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_against_a_list, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_large_table, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_indices, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_tables_of_routes, open_world, close_world),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_matches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
