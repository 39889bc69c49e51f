/* Token buckets: rates over a time that is made up, types against buckets of whole bytes, many
 * threads at one policer. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>

#include <cmocka.h>

#include "plugins/policer/policer.h"

static struct policer computed(struct policer_config c)
{
    struct policer x;
    struct error e;
    if (policer_compute(&c, &x, &e))
        fail_msg("%s", e.text);
    return x;
}

static u32 random_u32(void)
{
    static u64 x = 88172645463325252ull;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (u32)(x >> 16);
}

/* --- rates --- */

/* Bytes that conform in that time, of a source that always has a packet. */
static u64 conforming(struct policer *x, u64 ns, u32 steps, u32 bytes)
{
    u64 sum = 0;
    for (u32 i = 0; i <= steps; i++)
        while (policer_police(x, 1000000000 + ns / steps * i, bytes, POLICER_CONFORM) ==
               POLICER_CONFORM)
            sum += bytes;
    return sum;
}

static void check_rate(u32 kbps, u64 burst, u64 seconds)
{
    struct policer x = computed((struct policer_config){.cir = kbps, .cb = burst});
    policer_police(&x, 1000000000, UINT32_MAX, POLICER_CONFORM); /* time begins */
    u64 steps = seconds * kbps * 125 / burst * 4 + 10;           /* the bucket never runs over */
    u64 want = burst + seconds * kbps * 125;
    u64 have = conforming(&x, seconds * 1000000000, (u32)steps, 100);
    assert_in_range(have, want - want / 100 - 100, want + want / 100);
}

static void test_rates(void **state)
{
    check_rate(1, 1500, 1000);
    check_rate(8, 1000, 100);
    check_rate(1000, 15000, 10);
    check_rate(1000000, 1000000, 1);
    check_rate(1000, 4000000000, 100);
    check_rate(10000000, 200000, 1);
}

static void test_rounding(void **state)
{
    struct policer_config c = {.cir = 333, .cb = 100000000, .round = POLICER_DOWN};
    struct policer down = computed(c);
    c.round = POLICER_UP;
    struct policer up = computed(c);
    c.round = POLICER_CLOSEST;
    struct policer closest = computed(c);
    assert_int_equal(up.current_rate, down.current_rate + 1);
    assert_true(closest.current_rate == up.current_rate ||
                closest.current_rate == down.current_rate);
}

static void test_packets(void **state)
{
    struct policer x = computed(
        (struct policer_config){.cir = 1000, .cb = 50, .rate = POLICER_PPS}); /* a burst of 50 */
    u32 n = 0;
    while (policer_police(&x, 1, 65535, POLICER_CONFORM) == POLICER_CONFORM)
        n++;
    assert_int_equal(n, 50);
    n = 0;
    for (u32 ms = 1; ms <= 10000; ms++)
        while (policer_police(&x, 1000000ull * ms, 1, POLICER_CONFORM) == POLICER_CONFORM)
            n++;
    assert_in_range(n, 9980, 10010);
}

/* Whatever is accepted has a burst as it was asked for, and tokens that come. */
static void test_any_configuration(void **state)
{
    for (u32 i = 0; i < 200000; i++) {
        struct policer_config c = {
            .type = (u8)(random_u32() % 6),
            .rate = (u8)(random_u32() % 3),
            .round = (u8)(random_u32() % 4),
            .cir = random_u32() >> random_u32() % 32,
            .eir = random_u32() >> random_u32() % 32,
            .cb = ((u64)random_u32() << 32 | random_u32()) >> random_u32() % 64,
            .eb = ((u64)random_u32() << 32 | random_u32()) >> random_u32() % 64,
        };
        struct policer x;
        struct error e;
        if (policer_compute(&c, &x, &e))
            continue;
        assert_true(c.type < POLICER_TYPE_N && c.rate < POLICER_RATE_N && c.cir && c.cb);
        assert_true(x.current_rate && x.extended_rate);
        if (c.rate == POLICER_KBPS)
            assert_int_equal(x.current_limit >> x.scale, c.cb);
        assert_int_equal((u32)x.buckets, x.current_limit);
        assert_int_equal(x.buckets >> 32, x.extended_limit);
        u64 before = x.buckets; /* full stays full, however long it was */
        if (c.rate == POLICER_KBPS)
            policer_police(&x, UINT64_MAX, 0, POLICER_CONFORM);
        assert_int_equal(x.buckets, before);
    }
}

/* --- types --- */

/* A nanosecond brings a byte: no rounding, and periods of 8192 ns. */
#define PERIOD_NS 8192
#define CIR 8000000u
#define EIR 16000000u

struct model {
    i64 c, e, c_limit, e_limit;
};

static void model_fill(struct model *m, u8 type, i64 ns)
{
    i64 over = 0;
    m->c += ns;
    if (m->c > m->c_limit) {
        over = m->c - m->c_limit;
        m->c = m->c_limit;
    }
    if (type == POLICER_1R3C_2697 || type == POLICER_2R3C_MEF5CF1)
        m->e += over;
    if (type >= POLICER_2R3C_2698)
        m->e += 2 * ns;
    if (m->e > m->e_limit)
        m->e = m->e_limit;
}

static enum policer_color model_police(struct model *m, u8 type, i64 bytes,
                                       enum policer_color color)
{
    if (type == POLICER_2R3C_2698) {
        if (color == POLICER_VIOLATE || m->e < bytes)
            return POLICER_VIOLATE;
        m->e -= bytes;
        if (color == POLICER_EXCEED || m->c < bytes)
            return POLICER_EXCEED;
        m->c -= bytes;
        return POLICER_CONFORM;
    }
    if (color == POLICER_CONFORM && m->c >= bytes) {
        m->c -= bytes;
        return POLICER_CONFORM;
    }
    if (color != POLICER_VIOLATE && m->e >= bytes) {
        m->e -= bytes;
        return POLICER_EXCEED;
    }
    return POLICER_VIOLATE;
}

static void one_type(u8 type, bool aware)
{
    u64 eb = type == POLICER_1R2C ? 0 : 70000;
    struct policer x = computed((struct policer_config){
        .type = type, .cir = CIR, .eir = EIR, .cb = 30000, .eb = eb, .color_aware = aware});
    struct model m = {30000, (i64)eb, 30000, (i64)eb};
    u64 now = 0;
    assert_int_equal(x.period_shift, 13);
    for (u32 i = 0; i < 200000; i++) {
        u64 periods = random_u32() % 4 ? 0 : random_u32() % 3;
        u32 bytes = random_u32() % 9000;
        enum policer_color color = (enum policer_color)(random_u32() % POLICER_COLOR_N);
        now += periods * PERIOD_NS;
        model_fill(&m, type, (i64)(periods * PERIOD_NS));
        enum policer_color want = model_police(&m, type, bytes, aware ? color : POLICER_CONFORM);
        assert_int_equal(policer_police(&x, now, bytes, color), want);
    }
}

static void test_types(void **state)
{
    for (int type = 0; type < POLICER_TYPE_N; type++) {
        one_type((u8)type, false);
        one_type((u8)type, true);
    }
}

/* --- threads --- */

#define THREADS 4
#define TRIES 100000
#define BURST_PKTS 150001

static void *police_many(void *arg)
{
    struct policer *x = arg;
    u64 n = 0;
    for (u32 i = 0; i < TRIES; i++)
        n += policer_police(x, 5, 10, POLICER_CONFORM) == POLICER_CONFORM;
    return (void *)(uintptr_t)n;
}

static void test_threads(void **state)
{
    struct policer x = computed((struct policer_config){.cir = 1, .cb = (u64)BURST_PKTS * 10 + 9});
    pthread_t threads[THREADS];
    u64 sum = 0;
    for (u32 i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, police_many, &x), 0);
    for (u32 i = 0; i < THREADS; i++) {
        void *n;
        assert_int_equal(pthread_join(threads[i], &n), 0);
        sum += (u64)(uintptr_t)n;
    }
    assert_int_equal(sum, BURST_PKTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates),   cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_packets), cmocka_unit_test(test_any_configuration),
        cmocka_unit_test(test_types),   cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
