/* The MAC table against a slow oracle, and under many writers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "net/l2/mac_table.h"

#define MULTIPLIER 0x9e3779b97f4a7c15ull
#define ORACLE_KEYS 4096

static u64 seed = 1;

static u32 rnd(u32 below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (u32)(seed >> 11) % below;
}

static u64 nth_key(u32 n)
{
    u8 mac[6] = {2, 0, (u8)(n >> 24), (u8)(n >> 16), (u8)(n >> 8), (u8)n};
    return mac_key_of(mac, 1 + n % 3);
}

static u32 lookup(const struct mac_table *t, u64 key)
{
    const struct mac_generation *g = mac_table_current(t);
    return mac_table_find(g, mac_home(g, key), key);
}

/* Until it has what it grows into. */
static void grow_room(struct mac_table *t)
{
    while (mac_table_grow_touch(t, 100))
        ;
    mac_table_grow_follow(t);
}

/* From bucket `at` of the old one on, if it is not 0: behind the last. */
static void grow_rest(struct mac_table *t, u32 at)
{
    while (at)
        at = mac_table_grow_copy(t, at, 7);
    mac_table_grow_end(t);
    mac_table_grow_drop(t);
}

static void grow(struct mac_table *t)
{
    struct error e;
    assert_int_equal(mac_table_grow_begin(t, &e), 0);
    grow_room(t);
    grow_rest(t, mac_table_grow_copy(t, 0, 7));
}

static void new_table(struct mac_table *t, u32 buckets, u32 max)
{
    struct error e;
    assert_int_equal(mac_table_new(t, buckets, max, MULTIPLIER, &e), 0);
}

static void keys_hold_what_went_in(void **state)
{
    const u8 mac[8] = {0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0xee, 0xff};
    u8 out[6];
    u64 key = mac_key(mac, 0x1234);
    assert_true(key == mac_key_of(mac, 0x1234));
    assert_int_equal(mac_key_bd(key), 0x1234);
    mac_key_address(key, out);
    assert_memory_equal(out, mac, 6);
    u32 v = mac_value(0xabcd, 0x7f, MAC_VALID | MAC_STATIC);
    assert_int_equal(mac_value_if(v), 0xabcd);
    assert_int_equal(mac_value_stamp(v), 0x7f);
}

static void learners_respect_what_is_configured(void **state)
{
    struct mac_table t;
    u32 was;
    new_table(&t, 16, 16);
    u64 k = nth_key(1);
    assert_int_equal(mac_table_learn(&t, k, mac_value(5, 0, MAC_VALID), &was), MAC_LEARN_NEW);
    assert_int_equal(was, 0);
    assert_int_equal(mac_table_learn(&t, k, mac_value(6, 1, MAC_VALID), &was), MAC_LEARN_UPDATED);
    assert_int_equal(mac_value_if(was), 5);
    assert_int_equal(t.n_learned, 1);
    assert_int_equal(
        mac_table_set(&t, k, mac_value(7, 0, MAC_VALID | MAC_STATIC | MAC_PROVISIONED), &was), 0);
    assert_int_equal(t.n_learned, 0);
    assert_int_equal(t.n_entries, 1);
    assert_int_equal(mac_table_learn(&t, k, mac_value(6, 1, MAC_VALID), &was), MAC_LEARN_STATIC);
    assert_int_equal(mac_value_if(lookup(&t, k)), 7);
    assert_true(mac_table_del(&t, k) & MAC_STATIC);
    assert_int_equal(mac_table_del(&t, k), 0);
    assert_int_equal(lookup(&t, k), 0);
    assert_int_equal(t.n_entries, 0);
    mac_table_free(&t);
}

static void what_does_not_fit_is_refused_and_fits_later(void **state)
{
    struct mac_table t;
    u32 was, n = 0;
    new_table(&t, 8, 32);
    while (mac_table_learn(&t, nth_key(n), mac_value(1, 0, MAC_VALID), &was) == MAC_LEARN_NEW)
        n++;
    assert_in_range(n, 8, 8 * MAC_SLOTS);
    assert_int_equal(t.want_bigger, 1);
    assert_int_equal(t.n_entries, n);
    grow(&t);
    assert_int_equal(t.want_bigger, 0);
    assert_int_equal(mac_table_learn(&t, nth_key(n), mac_value(1, 0, MAC_VALID), &was),
                     MAC_LEARN_NEW);
    for (u32 i = 0; i <= n; i++)
        assert_true(lookup(&t, nth_key(i)));
    struct error e;
    assert_int_equal(mac_table_grow_begin(&t, &e), -ENOSPC);
    mac_table_free(&t);
}

struct oracle {
    u32 value[ORACLE_KEYS];
    u32 seen;
};

static u32 oracle_sees(void *arg, u64 key, u32 value)
{
    struct oracle *o = arg;
    u8 mac[6];
    mac_key_address(key, mac);
    u32 n = (u32)mac[2] << 24 | (u32)mac[3] << 16 | (u32)mac[4] << 8 | mac[5];
    assert_in_range(n, 0, ORACLE_KEYS - 1);
    assert_int_equal(o->value[n], value);
    o->seen++;
    return value;
}

struct owned {
    enum mac_owner kind;
    u32 owner, asked, gone;
};

static u32 owned_go(void *arg, u64 key, u32 value)
{
    struct owned *x = arg;
    x->asked++;
    return x->owner == (x->kind == MAC_OF_INTERFACE ? mac_value_if(value) : mac_key_bd(key))
               ? 0
               : value;
}

/* What is configured while the table grows is there, and counted once, as what it is. */
static void entries_are_set_while_it_grows(void **state)
{
    struct mac_table t;
    struct error e;
    u32 was, learnt = mac_value(1, 0, MAC_VALID);
    u32 own = mac_value(2, 0, MAC_VALID | MAC_PROVISIONED | MAC_STATIC);
    new_table(&t, 256, 4096);
    for (u32 n = 0; n < 300; n++)
        mac_table_learn(&t, nth_key(n), n < 200 ? learnt : own, &was);
    assert_int_equal(mac_table_grow_begin(&t, &e), 0);
    assert_true(mac_table_grow_touch(&t, 1) && mac_table_growing(&t));
    assert_int_equal(mac_table_set(&t, nth_key(0), own, &was), 0); /* not frozen yet */
    grow_room(&t);
    u32 at = mac_table_grow_copy(&t, 0, 100);
    for (u32 n = 50; n < 400; n++) {
        assert_int_equal(mac_table_set(&t, nth_key(n), n % 2 ? own : learnt, &was), 0);
        assert_int_equal(was, n < 200 ? learnt : n < 300 ? own : 0);
        assert_int_equal(lookup(&t, nth_key(n)), n % 2 ? own : learnt);
    }
    grow_rest(&t, at);
    for (u32 n = 50; n < 400; n++)
        assert_int_equal(lookup(&t, nth_key(n)), n % 2 ? own : learnt);
    assert_int_equal(t.n_entries, 400);
    assert_int_equal(t.n_learned, 49 + 175);
    mac_table_free(&t);
}

static void owned_gone(void *arg, u64 key, u32 value)
{
    ((struct owned *)arg)->gone++;
}

static void walk_owned(struct mac_table *t, struct owned *x)
{
    u32 region = 0;
    while (mac_table_walk_of(t, x->kind, x->owner, &region, 3, owned_go, owned_gone, x))
        ;
}

/* So goes what is taken out meanwhile: once, wherever it was. */
static void entries_go_while_it_grows(void **state)
{
    struct mac_table t;
    struct error e;
    u32 was, learnt = mac_value(1, 0, MAC_VALID);
    u32 own = mac_value(2, 0, MAC_VALID | MAC_PROVISIONED | MAC_STATIC);
    new_table(&t, 256, 4096);
    for (u32 n = 0; n < 400; n++)
        mac_table_learn(&t, nth_key(n), n % 2 ? own : learnt, &was);
    assert_int_equal(mac_table_grow_begin(&t, &e), 0);
    assert_true(mac_table_take_over(&t, nth_key(0)));
    assert_int_equal(mac_table_del(&t, nth_key(0)), learnt); /* there is one generation yet */
    grow_room(&t);
    u32 at = mac_table_grow_copy(&t, 0, 100);
    for (u32 n = 1; n < 400; n += 3) {
        if (n % 4 == 0)
            mac_table_learn(&t, nth_key(n), mac_value(3, 0, MAC_VALID), &was); /* it moved */
        u32 value = lookup(&t, nth_key(n));
        assert_true(value);
        assert_true(mac_table_take_over(&t, nth_key(n)));
        assert_int_equal(lookup(&t, nth_key(n)), value);
        assert_int_equal(mac_table_del(&t, nth_key(n)), value);
        assert_false(lookup(&t, nth_key(n)));
        assert_true(mac_table_take_over(&t, nth_key(n)));
        assert_int_equal(mac_table_del(&t, nth_key(n)), 0);
    }
    grow_rest(&t, at);
    u32 left = 0, learned = 0;
    for (u32 n = 0; n < 400; n++) {
        bool gone = !n || n % 3 == 1;
        left += !gone;
        learned += !gone && n % 2 == 0;
        assert_int_equal(lookup(&t, nth_key(n)), gone ? 0 : n % 2 ? own : learnt);
    }
    assert_int_equal(t.n_entries, left);
    assert_int_equal(t.n_learned, learned);
    mac_table_free(&t);
}

/* What an interface has is found without looking at what others have, also after growing. */
static void walks_cost_what_they_find(void **state)
{
    struct mac_table t;
    u32 was;
    new_table(&t, 16384, 65536);
    for (u32 n = 0; n < 40000; n++)
        mac_table_learn(&t, nth_key(n), mac_value(n % 10000 ? 1 : 2, 0, MAC_VALID), &was);
    grow(&t);
    struct owned x = {.kind = MAC_OF_INTERFACE, .owner = 2};
    walk_owned(&t, &x);
    assert_int_equal(x.gone, 4);
    assert_in_range(x.asked, 4, 4 * (8 + MAC_PROBES) * MAC_SLOTS);
    mac_table_forget(&t, x.kind, x.owner);
    x = (struct owned){.kind = MAC_OF_INTERFACE, .owner = 2};
    walk_owned(&t, &x);
    assert_int_equal(x.asked, 0);
    assert_int_equal(t.n_entries, 40000 - 4);
    mac_table_free(&t);
}

/* Random learning, configuring, deleting, growing: the table says what a plain array says. */
static void table_agrees_with_oracle(void **state)
{
    struct mac_table t;
    struct oracle *o = calloc(1, sizeof(*o));
    u32 live = 0;
    new_table(&t, 64, 4096);
    for (u32 step = 0; step < 200000; step++) {
        u32 n = rnd(ORACLE_KEYS), was, v;
        u64 key = nth_key(n);
        switch (rnd(8)) {
        case 0:
            assert_int_equal(mac_table_del(&t, key), o->value[n]);
            live -= o->value[n] != 0;
            o->value[n] = 0;
            if (rnd(100) == 0)
                mac_table_reap(&t, t.dead.n);
            break;
        case 1:
            v = mac_value(rnd(100), (u8)rnd(256), MAC_VALID | MAC_PROVISIONED | MAC_STATIC);
            if (mac_table_set(&t, key, v, &was))
                break;
            assert_int_equal(was, o->value[n]);
            live += !o->value[n];
            o->value[n] = v;
            break;
        default:
            v = mac_value(rnd(100), (u8)rnd(256), MAC_VALID);
            switch (mac_table_learn(&t, key, v, &was)) {
            case MAC_LEARN_NEW:
                assert_int_equal(o->value[n], 0);
                live++;
                o->value[n] = v;
                break;
            case MAC_LEARN_UPDATED:
                assert_int_equal(was, o->value[n]);
                o->value[n] = v;
                break;
            case MAC_LEARN_STATIC:
                assert_true(o->value[n] & MAC_PROVISIONED);
                break;
            case MAC_LEARN_FULL:
                assert_int_equal(o->value[n], 0);
                break;
            }
        }
        assert_int_equal(lookup(&t, key), o->value[n]);
        assert_int_equal(t.n_entries, live);
        if (t.want_bigger && t.cur->mask + 1 < t.max_buckets && rnd(50) == 0)
            grow(&t);
    }
    assert_int_equal(mac_table_walk(&t, 0, UINT32_MAX, oracle_sees, NULL, o), 0);
    assert_int_equal(o->seen, live);
    u32 of_interfaces = 0, of_domains = 0;
    for (u32 i = 0; i < 100; i++) {
        struct owned x = {.kind = MAC_OF_INTERFACE, .owner = i};
        walk_owned(&t, &x);
        of_interfaces += x.gone;
    }
    assert_int_equal(of_interfaces, live);
    assert_int_equal(t.n_entries, 0);
    mac_table_reap(&t, t.dead.n);
    for (u32 n = 0; n < 1000; n++) {
        u32 was;
        assert_int_equal(mac_table_set(&t, nth_key(n), mac_value(7, 0, MAC_VALID), &was), 0);
    }
    for (u32 i = 1; i <= 3; i++) {
        struct owned x = {.kind = MAC_OF_DOMAIN, .owner = i};
        walk_owned(&t, &x);
        mac_table_forget(&t, x.kind, i);
        of_domains += x.gone;
    }
    assert_int_equal(of_domains, 1000);
    free(o);
    mac_table_free(&t);
}

/* --- many writers --- */

enum { WRITERS = 3, SHARED_KEYS = 20000 };

struct shared {
    struct mac_table t;
    atomic_uint stop, phase[WRITERS]; /* odd: inside a critical section */
    u64 full;
};

struct writer {
    struct shared *s;
    u32 id;
    pthread_t tid;
};

static void *write_keys(void *arg)
{
    struct writer *w = arg;
    struct shared *s = w->s;
    u64 x = w->id + 1;
    while (!atomic_load(&s->stop)) {
        atomic_fetch_add(&s->phase[w->id], 1);
        for (int i = 0; i < 64; i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            u32 n = (u32)(x >> 20) % SHARED_KEYS, was;
            u64 key = nth_key(n);
            u32 v = lookup(&s->t, key);
            /* an entry's stamp is made from its key: nobody ever sees another key's value */
            if (v && mac_value_stamp(v) != (u8)n)
                abort();
            if (mac_table_learn(&s->t, key, mac_value(w->id, (u8)n, MAC_VALID), &was) ==
                MAC_LEARN_FULL)
                __atomic_fetch_add(&s->full, 1, __ATOMIC_RELAXED);
            if (was && mac_value_stamp(was) != (u8)n)
                abort();
        }
        atomic_fetch_add(&s->phase[w->id], 1);
    }
    return NULL;
}

static void grace(struct shared *s)
{
    for (u32 i = 0; i < WRITERS; i++) {
        u32 at = atomic_load(&s->phase[i]);
        while ((at & 1) && atomic_load(&s->phase[i]) == at)
            sched_yield();
    }
}

static u32 drop_a_third(void *arg, u64 key, u32 value)
{
    u32 *n = arg;
    return (*n)++ % 3 ? value : 0;
}

static u32 count_keys(void *arg, u64 key, u32 value)
{
    u8 *seen = arg, mac[6];
    mac_key_address(key, mac);
    seen[(u32)mac[2] << 24 | (u32)mac[3] << 16 | (u32)mac[4] << 8 | mac[5]]++;
    return value;
}

static void writers_do_not_disturb_each_other(void **state)
{
    struct shared *s = aligned_alloc(64, round_up_u64(sizeof(*s), 64));
    struct writer w[WRITERS];
    struct error e;
    u32 n = 0;
    memset(s, 0, sizeof(*s));
    new_table(&s->t, 64, 16384);
    for (u32 i = 0; i < WRITERS; i++) {
        w[i] = (struct writer){.s = s, .id = i};
        pthread_create(&w[i].tid, NULL, write_keys, &w[i]);
    }
    for (int round = 0; round < 60 || (s->t.cur->mask < 1024 && round < 100000); round++) {
        struct mac_table *t = &s->t;
        u32 dead;
        if (__atomic_load_n(&t->want_bigger, __ATOMIC_RELAXED) &&
            t->cur->mask + 1 < t->max_buckets && !mac_table_grow_begin(t, &e)) {
            while (mac_table_grow_touch(t, 64))
                sched_yield();
            grace(s);
            mac_table_grow_follow(t);
            grace(s);
            for (u32 at = 0; (at = mac_table_grow_copy(t, at, 64));) {
                u64 key = nth_key(rnd(SHARED_KEYS)); /* which others learn meanwhile */
                sched_yield();
                if (!mac_table_take_over(t, key))
                    continue;
                grace(s);
                mac_table_del(t, key);
            }
            mac_table_grow_end(t);
            grace(s);
            mac_table_grow_drop(t);
        }
        if (round % 8 == 0)
            mac_table_walk(t, 0, UINT32_MAX, drop_a_third, NULL, &n);
        sched_yield();
        dead = t->dead.n;
        grace(s);
        mac_table_reap(t, dead);
    }
    atomic_store(&s->stop, 1);
    for (u32 i = 0; i < WRITERS; i++)
        pthread_join(w[i].tid, NULL);
    u8 *seen = calloc(1, SHARED_KEYS);
    mac_table_walk(&s->t, 0, UINT32_MAX, count_keys, NULL, seen);
    u32 total = 0;
    for (u32 i = 0; i < SHARED_KEYS; i++) {
        assert_in_range(seen[i], 0, 1); /* never twice */
        total += seen[i];
    }
    assert_int_equal(s->t.n_entries, total);
    assert_int_equal(s->t.n_learned, total);
    assert_int_equal(mac_table_learned_of(&s->t, 1) + mac_table_learned_of(&s->t, 2) +
                         mac_table_learned_of(&s->t, 3),
                     total);
    assert_true(s->t.cur->mask > 64);
    free(seen);
    mac_table_free(&s->t);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_hold_what_went_in),
        cmocka_unit_test(learners_respect_what_is_configured),
        cmocka_unit_test(what_does_not_fit_is_refused_and_fits_later),
        cmocka_unit_test(table_agrees_with_oracle),
        cmocka_unit_test(entries_are_set_while_it_grows),
        cmocka_unit_test(entries_go_while_it_grows),
        cmocka_unit_test(walks_cost_what_they_find),
        cmocka_unit_test(writers_do_not_disturb_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
