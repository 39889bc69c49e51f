/* Multicast routes: the longest match, held against a slow, obvious table; what sources say; memory
 * that comes back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/ip/ip6/ip6_world.h"
#include "net/ip/mfib/mfib_internal.h"

#define N_IFS 4
#define N_TABLES 3
#define MOST 256

static const u8 mac[6] = {2, 0, 0, 0, 0, 1};
static const char *const names[N_IFS] = {"a", "b", "c", "d"};
static struct if_index ifs[N_IFS];

static int open_world(void **state)
{
    world_open(world_ip6);
    world_interface("local0", NULL);
    for (u32 i = 0; i < N_IFS; i++)
        ifs[i] = world_interface(names[i], mac);
    return 0;
}

static int close_world(void **state)
{
    world_close();
    return 0;
}

static struct mfib *mfib(void)
{
    return mfib_of(&world.p);
}

static struct mfib_path through(struct if_index i, u32 flags)
{
    struct mfib_path p = {fib_path_special(FIB_PATH_ATTACHED), flags};
    p.via.interface = i;
    return p;
}

static u32 n_routes(enum ip_family f)
{
    struct mfib_place at = mfib_place_first(f);
    u32 n = 0;
    while (mfib_next(mfib(), &at) != MFIB_NO_ROUTE)
        n++;
    return n;
}

/* Returns how many pieces it took. */
static u32 sweep(struct fib_index t, enum fib_sweep what)
{
    struct fib_sweep_place at = {0};
    u32 n = 1;
    while (fib_table_sweep_next(fib_of(&world.p), t, FIB_SOURCE_CLI, what, &at))
        n++;
    return n;
}

/* --- the longest match --- */

struct oracle {
    struct fib_index tables[N_TABLES];
    u32 n;
    struct mfib_name names[MOST];
};

/* Few bits differ, so that much is found. */
static struct ip_address random_address(enum ip_family f, bool group)
{
    struct ip_address a = {{{0}}};
    u32 bytes = ip_family_bits(f) / 8;
    a.bytes[0] = f == IP_FAMILY_6 ? 0xff : group ? 239 : 10;
    if (!group && f == IP_FAMILY_6)
        a.bytes[0] = 0x20;
    for (u32 k = 1; k < bytes; k++)
        a.bytes[k] = (u8)(random() & 1);
    return a;
}

static struct mfib_name random_name(const struct oracle *o, enum ip_family f)
{
    struct mfib_name x = {.table = o->tables[random() % N_TABLES]};
    u32 bits = ip_family_bits(f), len = random() & 1 ? bits : 8 + (u32)random() % (bits - 7);
    struct ip_address group = random_address(f, true);
    x.has_source = !(random() % 3);
    if (x.has_source) {
        len = bits;
        x.source = random_address(f, false);
    }
    x.group = (struct ip_prefix){ip_address_mask(&group, len), (u8)f, (u8)len, {0}};
    return x;
}

static bool same_name(const struct mfib_name *a, const struct mfib_name *b)
{
    return a->table.i == b->table.i && a->has_source == b->has_source &&
           ip_prefix_equal(&a->group, &b->group) && ip_address_equal(&a->source, &b->source);
}

static u32 oracle_find(const struct oracle *o, const struct mfib_name *x)
{
    u32 k = 0;
    while (k < o->n && !same_name(&o->names[k], x))
        k++;
    return k;
}

/* Index in names; o->n: none. */
static u32 oracle_longest(const struct oracle *o, const struct mfib_name *packet)
{
    u32 best = o->n, best_len = 0;
    for (u32 k = 0; k < o->n; k++) {
        const struct mfib_name *x = &o->names[k];
        u32 len = x->group.len + x->has_source + 1u;
        if (x->table.i != packet->table.i || !ip_prefix_has(&x->group, &packet->group.addr) ||
            (x->has_source && !ip_address_equal(&x->source, &packet->source)) || len <= best_len)
            continue;
        best = k;
        best_len = len;
    }
    return best;
}

static void change(struct oracle *o, enum ip_family f)
{
    struct mfib_name x = random_name(o, f);
    struct mfib_path path = through(ifs[random() % N_IFS], MFIB_ITF_FORWARD);
    struct mfib_said said = {.n_paths = 1, .paths = &path};
    struct error e = {0};
    u32 k = o->n && random() & 1 ? (u32)random() % o->n : oracle_find(o, &x), index;
    if (k < o->n) {
        said.n_paths = 0;
        assert_int_equal(mfib_del(mfib(), &o->names[k], FIB_SOURCE_CLI, &said, &e), 0);
        o->names[k] = o->names[--o->n];
    } else if (o->n < MOST) {
        assert_int_equal(mfib_add(mfib(), &x, FIB_SOURCE_CLI, &said, &index, &e), 0);
        assert_int_equal(mfib_find_exact(mfib(), &x), index);
        o->names[o->n++] = x;
    }
}

static void check(const struct oracle *o, enum ip_family f)
{
    struct mfib_name packet = {.table = o->tables[random() % N_TABLES],
                               .group = ip_prefix_host(f, random_address(f, true)),
                               .source = random_address(f, false)};
    u32 found = mfib_find_longest(mfib(), &packet), want = oracle_longest(o, &packet);
    struct mfib_name got = mfib_name_of(mfib(), found);
    if (want < o->n)
        assert_true(same_name(&got, &o->names[want]));
    else
        assert_true(!got.group.len && !got.has_source);
}

static void random_routes(enum ip_family f)
{
    struct oracle o = {.n = 0};
    struct fib *fib = fib_of(&world.p);
    struct error e = {0};
    u32 before = n_routes(f), most = 0;
    for (u32 k = 0; k < N_TABLES; k++)
        assert_int_equal(fib_table_lock(fib, f, k, NULL, FIB_SOURCE_CLI, &o.tables[k], &e), 0);
    srandom(7);
    for (u32 n = 0; n < 20000; n++) {
        change(&o, f);
        check(&o, f);
        most = o.n > most ? o.n : most;
    }
    assert_true(most > 10);
    /* tables go with what is in them; that of all stays */
    for (u32 k = 1; k < N_TABLES; k++)
        fib_table_unlock(fib, o.tables[k], FIB_SOURCE_CLI);
    (void)sweep(o.tables[0], FIB_SWEEP_FLUSH);
    fib_table_unlock(fib, o.tables[0], FIB_SOURCE_CLI);
    assert_int_equal(n_routes(f), before);
}

static void longest_match_ip4(void **state)
{
    random_routes(IP_FAMILY_4);
}

static void longest_match_ip6(void **state)
{
    random_routes(IP_FAMILY_6);
}

/* --- sources --- */

static void say(const struct mfib_name *x, enum fib_source s, struct if_index i)
{
    struct mfib_path path = through(i, MFIB_ITF_FORWARD | MFIB_ITF_ACCEPT);
    const struct mfib_said said = {.n_paths = 1, .paths = &path};
    struct error e = {0};
    u32 index;
    assert_int_equal(mfib_add(mfib(), x, s, &said, &index, &e), 0);
}

/* Whether packets of that route come from, and go to, just this interface. */
static bool goes_by(const struct mfib_name *x, struct if_index i)
{
    const struct mfib_route *r = mfib_route_at(mfib(), mfib_find_exact(mfib(), x));
    const struct mfib_forwarding *w = r->forwarding;
    return w->n_itf == 1 && w->itf[0].interface == i.i && w->itf[0].flags & MFIB_ITF_ACCEPT &&
           w->n_to == 1 && if_equal(adj_at(w->to[0])->tx_if, i);
}

static void best_source_counts(void **state)
{
    const struct mfib_name x = {.table = world_table(0),
                                .group = {{.bytes = {239, 1, 1, 1}}, IP_FAMILY_4, 32, {0}}};
    const struct mfib_said all = {0};
    struct error e = {0};
    say(&x, FIB_SOURCE_CLI, ifs[0]);
    assert_true(goes_by(&x, ifs[0]));
    say(&x, FIB_SOURCE_API, ifs[1]);
    assert_true(goes_by(&x, ifs[1]));
    assert_int_equal(mfib_del(mfib(), &x, FIB_SOURCE_API, &all, &e), 0);
    assert_true(goes_by(&x, ifs[0]));
    assert_int_equal(mfib_del(mfib(), &x, FIB_SOURCE_CLI, &all, &e), 0);
    assert_int_equal(mfib_find_exact(mfib(), &x), MFIB_NO_ROUTE);
}

/* As many as a route can have, and one more. */
static void paths_have_an_end(void **state)
{
    const struct mfib_name x = {.table = world_table(0),
                                .group = {{.bytes = {239, 1, 1, 2}}, IP_FAMILY_4, 32, {0}}};
    const struct mfib_said all = {0};
    struct mfib_path paths[MFIB_PATHS_MAX + 1];
    struct mfib_said said = {.n_paths = MFIB_PATHS_MAX, .paths = paths};
    struct error e = {0};
    u32 index;
    for (u32 k = 0; k < array_len(paths); k++) {
        paths[k] = through(ifs[0], MFIB_ITF_FORWARD);
        paths[k].via.kind = FIB_PATH_NEXT_HOP;
        paths[k].via.next_hop = ip_address_from_ip4(be32_from_host(0x0a000000 + k));
    }
    assert_int_equal(mfib_add(mfib(), &x, FIB_SOURCE_CLI, &said, &index, &e), 0);
    said.n_paths = 1;
    said.paths = &paths[MFIB_PATHS_MAX];
    assert_int_equal(mfib_add(mfib(), &x, FIB_SOURCE_CLI, &said, &index, &e), -ENOSPC);
    index = mfib_find_exact(mfib(), &x);
    assert_true(mfib_said_by(mfib(), index, FIB_SOURCE_CLI, &said));
    assert_int_equal(said.n_paths, MFIB_PATHS_MAX);
    /* all through one interface, whose link gets one copy */
    assert_int_equal(mfib_route_at(mfib(), index)->forwarding->n_to, 1);
    assert_int_equal(mfib_del(mfib(), &x, FIB_SOURCE_CLI, &all, &e), 0);
}

/* --- many --- */

#define MANY (4 * FIB_SWEEP_PIECE)

/* Source s says something of the k-th of many groups. */
static struct mfib_name of_many(u32 k, enum fib_source s)
{
    struct mfib_name x = {.table = world_table(0), .group = {{{{0}}}, IP_FAMILY_4, 32, {0}}};
    x.group.addr = ip_address_from_ip4(be32_from_host(0xe8000000 + k));
    say(&x, s, ifs[0]);
    return x;
}

/* What one source said of all goes or is replaced, a piece after the other, which leave the others'
 * alone. */
static void many_go_in_pieces(void **state)
{
    u32 before = n_routes(IP_FAMILY_4);
    for (u32 k = 0; k < MANY; k++)
        (void)of_many(k, FIB_SOURCE_CLI);
    const struct mfib_name also = of_many(7, FIB_SOURCE_API);
    assert_int_equal(n_routes(IP_FAMILY_4), before + MANY);
    assert_true(sweep(world_table(0), FIB_SWEEP_REPLACE_BEGIN) > MANY / FIB_SWEEP_PIECE);
    const struct mfib_name again = of_many(9, FIB_SOURCE_CLI);
    assert_true(sweep(world_table(0), FIB_SWEEP_REPLACE_END) > MANY / FIB_SWEEP_PIECE);
    assert_int_equal(n_routes(IP_FAMILY_4), before + 2);
    assert_int_not_equal(mfib_find_exact(mfib(), &also), MFIB_NO_ROUTE);
    assert_int_not_equal(mfib_find_exact(mfib(), &again), MFIB_NO_ROUTE);
    (void)sweep(world_table(0), FIB_SWEEP_FLUSH);
    assert_int_equal(n_routes(IP_FAMILY_4), before + 1);
    const struct mfib_said all = {0};
    struct error e = {0};
    assert_int_equal(mfib_del(mfib(), &also, FIB_SOURCE_API, &all, &e), 0);
    assert_int_equal(n_routes(IP_FAMILY_4), before);
}

/* --- signals --- */

/* As a data thread does when a packet of the route comes from ifs[0]. */
static void signal_of(const struct mfib_name *x)
{
    const struct mfib_signalled about = {mfib_find_exact(mfib(), x), ifs[0]};
    struct mfib_itf *itf = mfib_itf_find(mfib_route_at(mfib(), about.route)->forwarding, ifs[0]);
    itf->flags |= MFIB_ITF_SIGNAL_PRESENT;
    mfib_on_signal(&world.p, &about);
}

static bool signal_waits(const struct mfib_name *x)
{
    u32 route = mfib_find_exact(mfib(), x);
    return mfib_itf_flags(mfib(), route, ifs[0]) & MFIB_ITF_SIGNAL_PRESENT;
}

/* So many wait, and no more: the oldest go, and may be signalled again. */
static void the_newest_signals_wait(void **state)
{
    static struct mfib_name x[MFIB_SIGNALS_MAX + 2];
    for (u32 k = 0; k < array_len(x); k++) {
        x[k] = of_many(k, FIB_SOURCE_CLI);
        signal_of(&x[k]);
    }
    assert_int_equal(mfib()->n_signals, MFIB_SIGNALS_MAX);
    for (u32 k = 0; k < array_len(x); k++)
        assert_int_equal(signal_waits(&x[k]), k >= 2);
    signal_of(&x[0]); /* instead of x[2]'s */
    for (u32 k = 3; k <= array_len(x); k++) {
        const struct mfib_signal *s = mfib_signal_first(mfib());
        u32 next = mfib_find_exact(mfib(), &x[k % array_len(x)]);
        assert_int_equal(mfib_find(&mfib()->data, &s->route), next);
        mfib_signal_done(mfib());
    }
    assert_null(mfib_signal_first(mfib()));
    (void)sweep(world_table(0), FIB_SWEEP_FLUSH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longest_match_ip4),  cmocka_unit_test(longest_match_ip6),
        cmocka_unit_test(best_source_counts), cmocka_unit_test(paths_have_an_end),
        cmocka_unit_test(many_go_in_pieces),  cmocka_unit_test(the_newest_signals_wait),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
