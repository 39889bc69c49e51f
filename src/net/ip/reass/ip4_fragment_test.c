/* Datagrams are cut up, shuffled, doubled, overlapped, and put together again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/engine_test.h"
#include "net/ip/reass/frag.h"
#include "net/ip/reass/reass.h"
#include "net/packet/random_test.h"

static void no_buffer_is_lost(void)
{
    for (u32 i = 0; i < buffer_pool_count(); i++) {
        struct buffer_pool_info info;
        buffer_pool_get_info(piste.engine, i, &info);
        assert_int_equal(info.used, 0);
    }
}

#define LENGTH_MAX 65535
static u8 whole[LENGTH_MAX + 1], got[LENGTH_MAX + 1];

/* A datagram in `whole`, and as a packet. */
static u32 make_datagram(u32 length, u32 option_bytes, u16 id)
{
    struct ip4_header *h = (struct ip4_header *)whole;
    u32 bi;

    for (u32 i = 0; i < length; i++)
        whole[i] = (u8)random_u32();
    h->version_ihl = (u8)(0x45 + option_bytes / 4);
    h->tos = 0x12;
    h->length = be16_from_host((u16)length);
    h->id = be16_from_host(id);
    h->fragment = (be16){0};
    h->protocol = 17;
    for (u32 i = 0; i < option_bytes; i += 4) {
        put_be32(whole + 20 + i, 0x07030401); /* record route: stays with the first */
        if (i == 4)
            put_be32(whole + 20 + i, 0x94040000); /* router alert: goes with all */
    }
    ip4_set_checksum(h);
    assert_int_equal(buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1), 1);
    struct buffer *b = buffer_at(bi);
    assert_int_equal(buffer_append(t, b, whole, length), 0);
    b->rx_if.i = 3;
    b->scratch[0] = 42;
    return bi;
}

/* Fragments of packet bi, which goes. */
static u32 cut(u32 bi, u32 mtu, u32 *out, u32 max)
{
    struct frag f;
    u32 n = 0;

    assert_int_equal(ip4_frag_begin(&f, buffer_at(bi), mtu), 0);
    while (!frag_done(&f)) {
        assert_true(n < max);
        out[n] = frag_next(t, &f);
        assert_int_not_equal(out[n], BUFFER_NONE);
        struct buffer *b = buffer_at(out[n++]);
        const struct ip4_header *h = buffer_current(b);
        assert_true(buffer_packet_len(b) <= mtu);
        assert_int_equal(ip4_length(h), buffer_packet_len(b));
        assert_true(ip4_checksum_is_right(h));
        assert_true(b->rx_if.i == 3 && b->scratch[0] == 42);
    }
    buffer_free_one(t, bi);
    return n;
}

static void fragments_cover_the_datagram(void **state)
{
    static u32 out[2000];
    static u8 piece[LENGTH_MAX + 1];

    for (unsigned round = 0; round < 300; round++) {
        u32 option_bytes = round % 3 ? 0 : 4 * (random_u32() % 11);
        u32 header_bytes = 20 + option_bytes,
            length = header_bytes + 1 + random_u32() % (20000 - header_bytes);
        u32 mtu = 68 + random_u32() % (round % 2 ? 9000 : 1500), at = 0;
        u32 n = cut(make_datagram(length, option_bytes, 7), mtu, out, 2000);
        for (u32 i = 0; i < n; i++) {
            u32 bytes = buffer_copy_out(buffer_at(out[i]), 0, piece, sizeof(piece));
            const struct ip4_header *h = (const struct ip4_header *)piece;
            assert_int_equal(ip4_fragment_offset_bytes(h), at);
            assert_int_equal(!!(be16_to_host(h->fragment) & IP4_MF), i + 1 < n);
            if (i == 0)
                assert_memory_equal(piece + 20, whole + 20, option_bytes);
            else
                assert_int_equal(ip4_header_bytes(h), option_bytes > 4 ? 24 : 20);
            u32 payload = bytes - ip4_header_bytes(h);
            if (i + 1 < n) /* as long as can be */
                assert_true(bytes + 8 > mtu);
            assert_memory_equal(piece + ip4_header_bytes(h), whole + header_bytes + at, payload);
            at += payload;
        }
        assert_int_equal(at, length - header_bytes);
        buffer_free(t, out, n);
    }
    no_buffer_is_lost();
}

static void what_cannot_be_cut_is_refused(void **state)
{
    struct frag f;
    u32 bi = make_datagram(1000, 40, 1);
    struct buffer *b = buffer_at(bi);
    struct ip4_header *h = buffer_current(b);
    assert_int_equal(ip4_frag_begin(&f, b, 67), -EMSGSIZE);
    assert_int_equal(ip4_frag_begin(&f, b, 68), 0);
    h->length = be16_from_host(1001);
    assert_int_equal(ip4_frag_begin(&f, b, 500), -EINVAL);
    h->length = be16_from_host(60);
    assert_int_equal(ip4_frag_begin(&f, b, 500), -EINVAL);
    h->length = be16_from_host(1000);
    h->fragment = be16_from_host(0x1fff); /* would end behind 64 KB */
    assert_int_equal(ip4_frag_begin(&f, b, 500), -EINVAL);
    h->fragment = be16_from_host(IP4_MF | 10);
    assert_int_equal(ip4_frag_begin(&f, b, 500), -EINVAL); /* 940 is no multiple of 8 */
    buffer_free_one(t, bi);
    no_buffer_is_lost();
}

/* --- together again --- */

struct result {
    u32 n[16]; /* by fate */
    u32 last;  /* whole datagram, kept */
};

static void take(void *arg, u32 bi, enum reass_fate fate)
{
    struct result *r = arg;
    r->n[fate]++;
    if (fate == REASS_WHOLE)
        r->last = bi;
    else
        buffer_free_one(t, bi);
}

static void shuffle(u32 *v, u32 n)
{
    for (u32 i = n; i > 1; i--) {
        u32 k = random_u32() % i, x = v[k];
        v[k] = v[i - 1];
        v[i - 1] = x;
    }
}

static void expect_whole(const struct result *r, u32 length, u32 header_bytes)
{
    assert_int_equal(r->n[REASS_WHOLE], 1);
    struct buffer *b = buffer_at(r->last);
    assert_int_equal(buffer_copy_out(b, 0, got, sizeof(got)), length);
    assert_int_equal(buffer_packet_len(b), length);
    assert_memory_equal(got, whole, header_bytes);
    assert_memory_equal(got + header_bytes, whole + header_bytes, length - header_bytes);
    assert_true(ip4_checksum_is_right((const struct ip4_header *)got));
    assert_true(b->scratch[0] == 42 && b->rx_if.i == 3);
    buffer_free_one(t, r->last);
}

/* --- a table, and its timers --- */

static struct wheel wheel;
static struct wheel_timer timers[REASS_DATAGRAMS_MAX];
static struct sessions *sessions;

static struct reass *table_new(const struct reass_config *config)
{
    struct sessions_args a = reass_sessions(&ip4_reass_protocol, (struct node_index){0});
    sessions = sessions_new(piste.engine, &a);
    struct session_table *table = sessions->of_thread[1];
    /* the time is the test's own */
    memset(timers, 0, sizeof(timers));
    wheel_init(&wheel, "test", REASS_DATAGRAMS_MAX, 1);
    wheel_set_kind(&wheel, table->kind.i, timers);
    table->wheel = &wheel;
    return reass_new(&ip4_reass_protocol, config, table);
}

static void table_free(struct reass *r)
{
    reass_free(r, t);
    assert_int_equal(wheel.n_running, 0);
    sessions_free(sessions);
    wheel_fini(&wheel);
}

/* Returns how many datagrams are still waited for then. */
static u32 expire(struct reass *r, u64 now_ns, struct reass_out *out)
{
    u32 handles[16], n;
    bool more = true;
    while (more) {
        n = wheel_advance(&wheel, (u32)(now_ns >> TIMER_TICK_SHIFT), handles, 16, &more);
        for (u32 i = 0; i < n; i++)
            reass_timeout(r, wheel_handle_index(handles[i]), out);
    }
    return reass_n_datagrams(r);
}

static void round_trips(void **state)
{
    static u32 out[4000];
    struct reass_config config = reass_config_default();
    config.max_fragments = 10000;
    config.max_buffers = 10000;
    struct reass *r = table_new(&config);

    for (unsigned round = 0; round < 300; round++) {
        u32 option_bytes = round % 3 ? 0 : 4 * (random_u32() % 11),
            header_bytes = 20 + option_bytes;
        u32 most = round % 4 ? 9000 : LENGTH_MAX;
        u32 length = header_bytes + 100 + random_u32() % (most - header_bytes - 100);
        u32 mtu = (u32)min_u64(68 + random_u32() % 3000, length - 1), n;
        n = cut(make_datagram(length, option_bytes, (u16)round), mtu, out, 2000);
        if (round % 2) { /* cut once more, on a narrower link */
            assert_true(n > 1);
            u32 again = random_u32() % n;
            if (buffer_packet_len(buffer_at(out[again])) > 120) {
                u32 bi = out[again];
                out[again] = out[--n];
                n += cut(bi, 100, out + n, 2000);
            }
        }
        struct result result = {.last = BUFFER_NONE};
        struct reass_out to = {.give = take, .arg = &result};
        if (round % 5) /* some arrive in order */
            shuffle(out, n);
        u32 doubles = 0;
        for (u32 i = 0; i < n; i++) {
            u32 copy =
                random_u32() % 8 || i + 1 == n ? BUFFER_NONE : buffer_copy(t, buffer_at(out[i]));
            reass_add(r, t, out[i], 1, round, &to);
            if (copy != BUFFER_NONE) {
                reass_add(r, t, copy, 1, round, &to);
                doubles++;
            }
        }
        assert_int_equal(result.n[REASS_DUPLICATE], doubles);
        assert_int_equal(to.n_joined, n);
        expect_whole(&result, length, header_bytes);
        assert_int_equal(reass_n_datagrams(r), 0);
        assert_int_equal(reass_n_buffers(r), 0);
    }
    table_free(r);
    no_buffer_is_lost();
}

/* A fragment made by hand. */
static u32 fragment(u16 id, u32 offset, u32 bytes, bool more)
{
    static u8 p[70000];
    struct ip4_header *h = (struct ip4_header *)p;
    u32 bi;
    for (u32 i = 0; i < 20 + bytes; i++)
        p[i] = (u8)random_u32();
    h->version_ihl = 0x45;
    h->tos = 0;
    h->length = be16_from_host((u16)(20 + bytes));
    h->id = be16_from_host(id);
    h->fragment = be16_from_host((u16)(offset / 8 | (more ? IP4_MF : 0)));
    h->protocol = 17;
    h->src = be32_from_host(0x0a000001);
    h->dst = be32_from_host(0x0a000002);
    ip4_set_checksum(h);
    assert_int_equal(buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1), 1);
    assert_int_equal(buffer_append(t, buffer_at(bi), p, 20 + bytes), 0);
    return bi;
}

/* Random soups of fragments against a bitmap: the datagram comes whole exactly when its bytes are
 * there, nothing overlapped, and all agree about its end. */
static void soups_against_an_oracle(void **state)
{
    enum { UNITS = 8 };
    struct reass_config config = reass_config_default();
    struct reass *r = table_new(&config);
    u32 n_whole = 0, n_void = 0;

    for (unsigned round = 0; round < 30000; round++) {
        struct result result = {.last = BUFFER_NONE};
        struct reass_out to = {.give = take, .arg = &result};
        u32 owner[UNITS] = {0}, end = 0, size = 0; /* who brought each unit: first * 16 + end */
        bool dead = false, done = false;
        u64 now = (round + 1) * 20 * NS_PER_SEC;
        for (unsigned k = 0; k < 10 && !done; k++) {
            u32 first = random_u32() % UNITS, units = 1 + random_u32() % 3, last = first + units;
            bool more = random_u32() % 3;
            if (last > UNITS) {
                last = UNITS;
                units = last - first;
            }
            u32 before = result.n[REASS_WHOLE], key = (first + 1) * 16 + last;
            reass_add(r, t, fragment((u16)round, first * 8, units * 8, more), 0, now, &to);
            if (dead) {
                assert_int_equal(result.n[REASS_WHOLE], before);
                continue;
            }
            if (more ? end && last >= end : (end ? end != last : size >= last)) {
                dead = true;
                continue;
            }
            if (!more)
                end = last;
            bool same = true, any = false;
            for (u32 u = first; u < last; u++) {
                same &= owner[u] == key;
                any |= owner[u] != 0;
            }
            if (any && !same) {
                dead = true;
                continue;
            }
            for (u32 u = first; u < last; u++)
                owner[u] = key;
            if (last > size)
                size = last;
            done = end != 0;
            for (u32 u = 0; u < end; u++)
                done &= owner[u] != 0;
            assert_int_equal(result.n[REASS_WHOLE] - before, done);
        }
        n_whole += done;
        n_void += dead;
        if (done)
            buffer_free_one(t, result.last);
        struct result rest = {.last = BUFFER_NONE};
        assert_int_equal(
            expire(r, now + 10 * NS_PER_SEC, &(struct reass_out){.give = take, .arg = &rest}), 0);
    }
    assert_true(n_whole > 100 && n_void > 1000);
    table_free(r);
    no_buffer_is_lost();
}

static void time_runs_out(void **state)
{
    struct reass_config config = reass_config_default();
    struct reass *r = table_new(&config);
    struct result result = {.last = BUFFER_NONE};
    struct reass_out to = {.give = take, .arg = &result};

    reass_add(r, t, fragment(1, 0, 80, true), 0, 0, &to);
    reass_add(r, t, fragment(1, 160, 80, true), 0, 5, &to);
    reass_add(r, t, fragment(2, 8, 80, true), 0, NS_PER_SEC, &to);
    assert_int_equal(expire(r, 2 * NS_PER_SEC - 1, &to), 2);
    assert_int_equal(expire(r, 2 * NS_PER_SEC + 2 * NS_PER_MSEC, &to), 1);
    assert_int_equal(result.n[REASS_TIMEOUT_FIRST], 1);
    assert_int_equal(result.n[REASS_TIMEOUT], 1);
    assert_int_equal(expire(r, 4 * NS_PER_SEC, &to), 0);
    assert_int_equal(result.n[REASS_TIMEOUT_FIRST], 1); /* the second one's start never came */
    table_free(r);
    no_buffer_is_lost();
}

static void bounds_hold(void **state)
{
    struct reass_config config = reass_config_default();
    config.max_datagrams = 10;
    config.max_buffers = 30;
    config.max_fragments = 4;
    struct reass *r = table_new(&config);
    struct result result = {.last = BUFFER_NONE};
    struct reass_out to = {.give = take, .arg = &result};

    for (u32 i = 0; i < 100; i++) {
        reass_add(r, t, fragment((u16)i, 800, 80, true), 0, i, &to);
        assert_true(reass_n_datagrams(r) <= 10);
    }
    assert_int_equal(result.n[REASS_LIMIT], 90);
    for (u32 i = 0; i < 10; i++) {
        reass_add(r, t, fragment((u16)(200 + i), 800, 16000, true), 0, 1000, &to);
        assert_true(reass_n_buffers(r) <= 30);
    }
    for (u32 i = 0; i < 6; i++)
        reass_add(r, t, fragment(500, i * 16, 8, true), 0, 1000, &to);
    assert_int_equal(result.n[REASS_TOO_MANY], 6);
    config.max_datagrams = 0;
    reass_add(r, t, fragment(600, 0, 8, true), 0, 1000, &to);
    assert_int_equal(result.n[REASS_WHOLE], 0);
    table_free(r);
    no_buffer_is_lost();
}

static void malformed_fragments_are_refused(void **state)
{
    struct reass_config config = reass_config_default();
    struct reass *r = table_new(&config);
    struct result result = {.last = BUFFER_NONE};
    struct reass_out to = {.give = take, .arg = &result};

    reass_add(r, t, fragment(1, 0, 81, true), 0, 0, &to);       /* no multiple of 8 */
    reass_add(r, t, fragment(1, 0, 0, true), 0, 0, &to);        /* nothing */
    reass_add(r, t, fragment(1, 65528, 100, false), 0, 0, &to); /* the ping of death */
    assert_int_equal(result.n[REASS_MALFORMED], 3);
    assert_int_equal(reass_n_datagrams(r), 0);
    /* two ends */
    reass_add(r, t, fragment(1, 80, 80, false), 0, 0, &to);
    reass_add(r, t, fragment(1, 160, 80, false), 0, 0, &to);
    assert_int_equal(result.n[REASS_MALFORMED], 5);
    reass_add(r, t, fragment(1, 0, 80, true), 0, 0, &to); /* void by now */
    assert_int_equal(result.n[REASS_MALFORMED], 6);
    table_free(r);
    no_buffer_is_lost();
}

static void tables_and_datagrams_are_kept_apart(void **state)
{
    struct reass_config config = reass_config_default();
    struct reass *r = table_new(&config);
    struct result result = {.last = BUFFER_NONE};
    struct reass_out to = {.give = take, .arg = &result};

    reass_add(r, t, fragment(1, 0, 80, true), 0, 0, &to);
    reass_add(r, t, fragment(1, 80, 80, false), 1, 0, &to); /* another table */
    reass_add(r, t, fragment(2, 80, 80, false), 0, 0, &to); /* another datagram */
    assert_int_equal(reass_n_datagrams(r), 3);
    reass_add(r, t, fragment(1, 80, 80, false), 0, 0, &to);
    assert_int_equal(result.n[REASS_WHOLE], 1);
    buffer_free_one(t, result.last);
    table_free(r);
    no_buffer_is_lost();
}

static void congestion_is_joined(void **state)
{
    struct reass_config config = reass_config_default();
    struct reass *r = table_new(&config);
    static const struct {
        u8 a, b;
        bool whole;
        u8 ecn;
    } cases[] = {
        {0, 0, true, 0}, {2, 2, true, 2}, {2, 3, true, 3}, {1, 3, true, 3}, {0, 3, false, 0}};
    for (unsigned i = 0; i < array_len(cases); i++) {
        struct result result = {.last = BUFFER_NONE};
        struct reass_out to = {.give = take, .arg = &result};
        u32 a = fragment((u16)i, 0, 80, true), b = fragment((u16)i, 80, 80, false);
        ((struct ip4_header *)buffer_current(buffer_at(a)))->tos = cases[i].a;
        ((struct ip4_header *)buffer_current(buffer_at(b)))->tos = cases[i].b;
        reass_add(r, t, a, 0, 0, &to);
        reass_add(r, t, b, 0, 0, &to);
        assert_int_equal(result.n[REASS_WHOLE], cases[i].whole);
        if (!cases[i].whole)
            continue;
        const struct ip4_header *h = buffer_current(buffer_at(result.last));
        assert_int_equal(h->tos & 3, cases[i].ecn);
        buffer_free_one(t, result.last);
    }
    table_free(r);
    no_buffer_is_lost();
}

static void shared_packets_are_left_alone(void **state)
{
    struct reass_config config = reass_config_default();
    struct reass *r = table_new(&config);
    struct result result = {.last = BUFFER_NONE};
    struct reass_out to = {.give = take, .arg = &result};
    u8 before[128], after[128];
    u32 a = fragment(1, 0, 80, true), b = fragment(1, 80, 16, false);
    buffer_copy_out(buffer_at(b), 0, before, sizeof(before));
    assert_true(buffer_share(buffer_at(a)));
    assert_true(buffer_share(buffer_at(b)));
    reass_add(r, t, a, 0, 0, &to);
    reass_add(r, t, b, 0, 0, &to);
    assert_int_equal(result.n[REASS_WHOLE], 1);
    assert_int_equal(buffer_copy_out(buffer_at(b), 0, after, sizeof(after)), 36);
    assert_memory_equal(before, after, 36);
    assert_int_equal(buffer_packet_len(buffer_at(a)), 100);
    buffer_free_one(t, result.last);
    buffer_free_one(t, a);
    buffer_free_one(t, b);
    table_free(r);
    no_buffer_is_lost();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fragments_cover_the_datagram),
        cmocka_unit_test(what_cannot_be_cut_is_refused),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(soups_against_an_oracle),
        cmocka_unit_test(time_runs_out),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(malformed_fragments_are_refused),
        cmocka_unit_test(tables_and_datagrams_are_kept_apart),
        cmocka_unit_test(congestion_is_joined),
        cmocka_unit_test(shared_packets_are_left_alone),
    };
    return cmocka_run_group_tests(tests, engine_setup, engine_teardown);
}
