/* Addresses of interfaces, of both protocols: who may have which, whom an address belongs to, the
 * routes that they bring while their interface is up; all beside a plain list. Borrowed ones;
 * replacing all. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>

#include "net/ip/address/address.h"
#include "net/ip/address/address_source.h"
#include "net/ip/ip4/ip4_input.h"
#include "net/ip/ip4/ip4_world.h"

static const struct module *const modules[] = {&ip4_arcs_module, &fib_module, &address_module,
                                               NULL};

enum { N_IFS = 4 };
static struct if_index ifs[N_IFS];
static enum ip_family family;
static struct fib_index tables[2];

static struct fib *fib(void)
{
    return fib_of(&world.p);
}

static int open_world(void **state)
{
    static const u8 macs[N_IFS][6] = {
        {2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}, {2, 0, 0, 0, 0, 3}, {2, 0, 0, 0, 0, 4}};
    static const char *const names[N_IFS] = {"a", "b", "c", "d"};
    struct error e = {0};
    world_open(modules);
    world_interface("local0", NULL);
    for (u32 i = 0; i < N_IFS; i++)
        ifs[i] = world_interface(names[i], macs[i]);
    for (u32 i = 0; i < 2; i++)
        assert_int_equal(
            fib_table_lock(fib(), family, i * 10, NULL, FIB_SOURCE_CLI, &tables[i], &e), 0);
    return 0;
}

static int open_ip4(void **state)
{
    family = IP_FAMILY_4;
    return open_world(state);
}

static int open_ip6(void **state)
{
    family = IP_FAMILY_6;
    return open_world(state);
}

static int close_world(void **state)
{
    world_free_caught();
    world_close();
    return 0;
}

/* --- a plain list --- */

struct known {
    struct ip_prefix a;
    u32 i; /* of ifs */
};

static struct known known[64];
static u32 n_known, table_of[N_IFS];
static bool down[N_IFS];

static bool contains(const struct ip_prefix *p, const u8 *a)
{
    for (u32 bit = 0; bit < p->len; bit++)
        if ((p->addr.bytes[bit / 8] ^ a[bit / 8]) & (0x80 >> bit % 8))
            return false;
    return true;
}

/* What adding says. */
static int verdict(const struct ip_prefix *a, u32 i)
{
    static const u8 zero[16];
    u32 n = family == IP_FAMILY_4 ? 4 : 16;
    if (!memcmp(a->addr.bytes, zero, n))
        return -EINVAL;
    for (u32 k = 0; k < n_known; k++) {
        const struct ip_prefix *b = &known[k].a;
        if (table_of[known[k].i] != table_of[i] ||
            !(contains(a, b->addr.bytes) || contains(b, a->addr.bytes)))
            continue;
        bool beside = known[k].i == i && a->len == b->len && memcmp(&a->addr, &b->addr, n);
        if (!beside)
            return -EADDRINUSE;
    }
    return 0;
}

static u32 random_u32(void)
{
    return (u32)random() << 16 ^ (u32)random();
}

/* Of few, so that they meet. */
static struct ip_prefix random_prefix(void)
{
    static const u8 lens[] = {14, 15, 16, 24, 30, 31, 32};
    struct ip_prefix p = {.family = (u8)family, .len = lens[random_u32() % array_len(lens)]};
    p.addr.bytes[0] = 10;
    p.addr.bytes[1] = (u8)(random_u32() % 4);
    p.addr.bytes[2] = (u8)(random_u32() % 2);
    p.addr.bytes[3] = (u8)(random_u32() % 8);
    if (family == IP_FAMILY_6 && random_u32() % 2)
        p.len = (u8)(p.len == 32 ? 128 : p.len + 95);
    if (family == IP_FAMILY_6 && random_u32() % 2)
        p.addr.bytes[15] = (u8)(random_u32() % 4);
    return p;
}

/* --- checks --- */

static void add_expected(struct ip_prefix *v, u32 *n, struct ip_prefix p)
{
    for (u32 k = 0; k < *n; k++)
        if (ip_prefix_equal(&v[k], &p))
            return;
    v[(*n)++] = p;
}

/* The routes that addresses bring in a table. */
static u32 expected_routes(u32 table, struct ip_prefix *v)
{
    u32 n = 0;
    for (u32 k = 0; k < n_known; k++) {
        const struct ip_prefix *a = &known[k].a;
        if (table_of[known[k].i] != table || down[known[k].i])
            continue;
        add_expected(v, &n, ip_prefix_host(family, a->addr));
        struct ip_prefix subnet = *a;
        subnet.addr = ip_address_mask(&a->addr, a->len);
        add_expected(v, &n, subnet);
        if (family == IP_FAMILY_4 && a->len < 31) {
            add_expected(v, &n, ip_prefix_host(family, subnet.addr));
            add_expected(v, &n, ip_prefix_host(family, ip_address_last(family, &a->addr, a->len)));
        }
    }
    return n;
}

struct walk {
    struct ip_prefix *v;
    u32 n, found;
};

static void is_expected(const struct fib_route *r, struct walk *w)
{
    if (!fib_route_has_source(fib(), r->lb, FIB_SOURCE_INTERFACE))
        return;
    u32 k = 0;
    while (k < w->n && !ip_prefix_equal(&w->v[k], &r->prefix))
        k++;
    assert_true(k < w->n);
    w->found++;
}

static void check_routes(void)
{
    struct ip_prefix v[300];
    for (u32 t = 0; t < 2; t++) {
        struct walk w = {.v = v, .n = expected_routes(t, v)};
        struct fib_walk routes = {fib(), fib_family(tables[t]), tables[t], NULL};
        struct fib_route r;
        for (int rc; (rc = fib_walk_next(&routes, &r));)
            if (rc == 1)
                is_expected(&r, &w);
        free(routes.keys);
        assert_int_equal(w.found, w.n);
    }
    for (u32 k = 0; k < n_known; k++) {
        const struct known *x = &known[k];
        assert_int_equal(ip_address_is_local(&world.p, tables[table_of[x->i]], &x->a.addr),
                         !down[x->i]);
    }
}

static void check_owners(void)
{
    for (u32 round = 0; round < 20; round++) {
        struct ip_prefix p = random_prefix();
        for (u32 t = 0; t < 2; t++) {
            struct if_index expected = IF_NONE;
            for (u32 k = 0; k < n_known; k++)
                if (table_of[known[k].i] == t && !memcmp(&known[k].a.addr, &p.addr, sizeof(p.addr)))
                    expected = ifs[known[k].i];
            assert_int_equal(ip_address_find(&world.p, tables[t], &p.addr).i, expected.i);
        }
        for (u32 i = 0; i < N_IFS; i++) {
            const struct known *best = NULL;
            u32 bits = 0;
            for (u32 k = 0; k < n_known; k++) { /* all of one scope and label: rule 8 */
                u32 common = 0;
                while (known[k].i == i && common < known[k].a.len &&
                       !((known[k].a.addr.bytes[common / 8] ^ p.addr.bytes[common / 8]) &
                         (0x80 >> common % 8)))
                    common++;
                if (ip_address_equal(&known[k].a.addr, &p.addr))
                    common = IP6_ADDRESS_BITS + 1; /* rule 1 */
                if (known[k].i != i || (best && common <= bits))
                    continue;
                best = &known[k];
                bits = common;
            }
            const struct ip_address *src = ip_if_source(family, ifs[i], &p.addr);
            assert_int_equal(src != NULL, best != NULL);
            if (best)
                assert_memory_equal(src, &best->a.addr, sizeof(*src));
            assert_int_equal(ip_if_enabled(family, ifs[i]), best != NULL);
        }
    }
}

static void check_lists(void)
{
    for (u32 i = 0; i < N_IFS; i++) {
        u32 n = 0;
        struct ip_prefix p;
        for (u32 k = 0; k < n_known; k++)
            if (known[k].i == i) {
                assert_true(ip_address_at(&world.p, family, ifs[i], n++, &p));
                assert_true(ip_prefix_equal(&p, &known[k].a));
            }
        assert_false(ip_address_at(&world.p, family, ifs[i], n, &p));
    }
}

/* --- tests --- */

static void add_one(void)
{
    struct ip_prefix p = random_prefix();
    u32 i = random_u32() % N_IFS;
    int expected = verdict(&p, i);
    assert_int_equal(ip_address_add(&world.p, ifs[i], p, NULL), expected);
    if (!expected)
        known[n_known++] = (struct known){p, i};
}

static void del_one(void)
{
    if (!n_known)
        return;
    u32 k = random_u32() % n_known;
    assert_int_equal(ip_address_del(&world.p, ifs[known[k].i], known[k].a, NULL), 0);
    assert_int_equal(ip_address_del(&world.p, ifs[known[k].i], known[k].a, NULL), -ENOENT);
    memmove(&known[k], &known[k + 1], (--n_known - k) * sizeof(known[0]));
}

static void change_state(void)
{
    struct error e = {0};
    u32 i = random_u32() % N_IFS;
    down[i] = !down[i];
    if (random_u32() % 2 || !interface_at(&world.p, ifs[i])->admin_up ||
        !interface_at(&world.p, ifs[i])->link_up) {
        assert_int_equal(interface_set_admin(&world.p, ifs[i], !down[i], &e), 0);
        interface_set_link(&world.p, ifs[i], true);
    } else {
        interface_set_link(&world.p, ifs[i], !down[i]);
    }
}

static void as_a_plain_list(void **state)
{
    n_known = 0;
    memset(table_of, 0, sizeof(table_of));
    memset(down, 0, sizeof(down));
    srandom(family + 1);
    assert_int_equal(ip_set_table(&world.p, family, ifs[3], 10, NULL), 0);
    table_of[3] = 1;
    for (u32 round = 0; round < 4000; round++) {
        u32 what = random_u32() % 100;
        if (what < 10)
            change_state();
        else if (n_known == array_len(known) || what < 50)
            del_one();
        else
            add_one();
        if (round % 20 == 0) {
            check_routes();
            check_owners();
            check_lists();
        }
        if (n_known && what == 99)
            assert_int_equal(ip_set_table(&world.p, family, ifs[known[0].i], 10, NULL),
                             table_of[known[0].i] ? 0 : -EBUSY);
    }
    /* with their interface */
    for (u32 i = 0; i < N_IFS; i++) {
        interface_delete(&world.p, ifs[i]);
        for (u32 k = n_known; k--;)
            if (known[k].i == i)
                memmove(&known[k], &known[k + 1], (--n_known - k) * sizeof(known[0]));
        check_routes();
    }
    assert_int_equal(n_known, 0);
}

static struct ip_prefix prefix_of(u8 second, u8 fourth, u8 len)
{
    struct ip_prefix p = {.family = (u8)family, .len = len};
    p.addr.bytes[0] = 10;
    p.addr.bytes[1] = second;
    p.addr.bytes[3] = fourth;
    return p;
}

static void impossible_addresses(void **state)
{
    struct ip_prefix p = prefix_of(1, 1, 24);
    p.addr.bytes[0] = family == IP_FAMILY_4 ? 224 : 0xff;
    assert_int_equal(ip_address_add(&world.p, ifs[0], p, NULL), -EINVAL);
    p = prefix_of(1, 1, family == IP_FAMILY_4 ? 33 : 129);
    assert_int_equal(ip_address_add(&world.p, ifs[0], p, NULL), -EINVAL);
    p = prefix_of(1, 1, 24);
    assert_int_equal(ip_address_add(&world.p, (struct if_index){0}, p, NULL), -EOPNOTSUPP);
    assert_int_equal(ip_address_add(&world.p, (struct if_index){99}, p, NULL), -ENODEV);
    /* nobody speaks the other protocol */
    if (family == IP_FAMILY_4) {
        p.family = IP_FAMILY_6;
        assert_int_equal(ip_address_add(&world.p, ifs[0], p, NULL), -EAFNOSUPPORT);
    }
}

static void all_are_replaced(void **state)
{
    struct ip_prefix stays = prefix_of(1, 1, 24), goes = prefix_of(2, 1, 24), found;
    assert_int_equal(ip_address_add(&world.p, ifs[0], stays, NULL), 0);
    assert_int_equal(ip_address_add(&world.p, ifs[0], goes, NULL), 0);
    ip_addresses_replace_begin(&world.p);
    assert_int_equal(ip_address_add(&world.p, ifs[0], stays, NULL), 0);
    assert_int_equal(ip_address_add(&world.p, ifs[0], stays, NULL), -EADDRINUSE);
    /* one that is as good as gone is in nobody's way */
    assert_int_equal(ip_address_add(&world.p, ifs[1], prefix_of(2, 7, 16), NULL), 0);
    assert_int_equal(ip_address_add(&world.p, ifs[1], prefix_of(1, 7, 16), NULL), -EADDRINUSE);
    ip_addresses_replace_end(&world.p);
    assert_true(ip_address_at(&world.p, family, ifs[0], 0, &found));
    assert_true(ip_prefix_equal(&found, &stays));
    assert_false(ip_address_at(&world.p, family, ifs[0], 1, &found));
    assert_true(ip_address_at(&world.p, family, ifs[1], 0, &found));
}

static void addresses_are_borrowed(void **state)
{
    struct ip_prefix own = prefix_of(1, 1, 24), other = prefix_of(2, 1, 24);
    struct ip_address src;
    struct error e = {0};
    assert_int_equal(ip_address_add(&world.p, ifs[0], own, NULL), 0);
    assert_int_equal(ip_set_unnumbered(&world.p, ifs[1], IF_NONE, NULL), -ENOENT);
    assert_int_equal(ip_set_unnumbered(&world.p, ifs[1], ifs[1], NULL), -EINVAL);
    assert_int_equal(ip_set_unnumbered(&world.p, ifs[0], ifs[1], NULL), -EBUSY);
    /* one that had addresses before may borrow */
    assert_int_equal(ip_address_add(&world.p, ifs[1], other, NULL), 0);
    assert_int_equal(ip_address_del(&world.p, ifs[1], other, NULL), 0);
    assert_false(ip_if_enabled(family, ifs[1]));
    assert_int_equal(ip_set_unnumbered(&world.p, ifs[1], ifs[0], NULL), 0);
    assert_true(ip_if_enabled(family, ifs[1]));
    assert_true(ip_link_source(family, ifs[1], &other.addr, &src));
    assert_memory_equal(&src, &own.addr, sizeof(src));
    assert_int_equal(ip_address_add(&world.p, ifs[1], other, NULL), -EBUSY);
    assert_int_equal(ip_set_unnumbered(&world.p, ifs[2], ifs[1], NULL), -EINVAL);
    assert_int_equal(ip_set_table(&world.p, family, ifs[1], 10, &e), -EBUSY);
    /* it borrows what the lender has at the time, for as long as there is one */
    assert_int_equal(ip_address_del(&world.p, ifs[0], own, NULL), 0);
    /* IPv6 has the link's own address */
    assert_int_equal(ip_link_source(family, ifs[1], &other.addr, &src), family == IP_FAMILY_6);
    assert_true(family == IP_FAMILY_4 || ip6_is_link_local(src.bytes));
    assert_int_equal(ip_set_table(&world.p, family, ifs[0], 10, &e), -EBUSY);
    assert_int_equal(ip_address_add(&world.p, ifs[0], own, NULL), 0);
    assert_true(ip_link_source(family, ifs[1], &other.addr, &src));
    interface_delete(&world.p, ifs[0]);
    assert_true(if_is_none(ip_unnumbered(&world.p, ifs[1])));
    assert_false(ip_if_enabled(family, ifs[1]));
    assert_false(ip_link_source(family, ifs[1], &other.addr, &src));
}

static void a_sub_interface_is_down_with_its_port(void **state)
{
    struct if_new_args args = {.name = "a.1",
                               .cls = interface_at(&world.p, ifs[0])->cls,
                               .has_parent = true,
                               .parent = ifs[0]};
    struct if_index sub;
    struct error e = {0};
    struct ip_prefix p = prefix_of(1, 1, 24);
    assert_int_equal(interface_new(&world.p, &args, &sub, &e), 0);
    assert_int_equal(interface_set_admin(&world.p, sub, true, &e), 0);
    assert_int_equal(ip_address_add(&world.p, sub, p, NULL), 0);
    assert_true(ip_address_is_local(&world.p, tables[0], &p.addr));
    assert_int_equal(interface_set_admin(&world.p, ifs[0], false, &e), 0);
    assert_false(ip_address_is_local(&world.p, tables[0], &p.addr));
    assert_int_equal(interface_set_admin(&world.p, ifs[0], true, &e), 0);
    assert_true(ip_address_is_local(&world.p, tables[0], &p.addr));
    interface_set_link(&world.p, ifs[0], false);
    assert_false(ip_address_is_local(&world.p, tables[0], &p.addr));
    interface_set_link(&world.p, ifs[0], true);
    assert_int_equal(interface_set_admin(&world.p, sub, false, &e), 0);
    assert_false(ip_address_is_local(&world.p, tables[0], &p.addr));
    interface_delete(&world.p, sub);
}

/* --- sources --- */

static struct ip_address address_of_text(enum ip_family f, const char *text)
{
    struct ip_address a = {{{0}}};
    assert_int_equal(inet_pton(f == IP_FAMILY_4 ? AF_INET : AF_INET6, text, &a), 1);
    return a;
}

/* "!" before it: deprecated */
static struct ip_prefix give_address(struct if_index i, const char *text)
{
    bool deprecated = *text == '!';
    char address[64];
    struct ip_prefix p = {.family = (u8)family};
    const char *slash = strchr(text, '/');
    snprintf(address, sizeof(address), "%.*s", (int)(slash - text - deprecated), text + deprecated);
    p.addr = address_of_text(family, address);
    p.len = (u8)atoi(slash + 1);
    assert_int_equal(ip_address_add(&world.p, i, p, NULL), 0);
    ip_address_set_deprecated(&world.p, i, &p, deprecated);
    return p;
}

struct source_case {
    const char *own[3]; /* of the interface, in that order */
    const char *peer, *best;
};

/* By the rule of RFC 6724 5 that decides. */
static const struct source_case source_cases_ip4[] = {
    /* 1: the same */
    {{"10.0.0.2/24", "!10.0.0.1/24"}, "10.0.0.1", "10.0.0.1"},
    /* 2: scope */
    {{"169.254.1.1/16", "10.0.0.1/24"}, "192.0.2.1", "10.0.0.1"},
    {{"10.0.0.1/24", "169.254.1.1/16"}, "169.254.9.9", "169.254.1.1"},
    {{"169.254.1.1/16", "!10.0.0.1/24"}, "192.0.2.1", "10.0.0.1"},
    /* 3: not deprecated */
    {{"!10.1.0.1/24", "10.2.0.1/24"}, "10.1.0.9", "10.2.0.1"},
    {{"!10.1.0.1/24", "!10.2.0.1/24"}, "10.2.0.9", "10.2.0.1"},
    /* 8: longest match */
    {{"10.1.0.1/24", "10.2.0.1/24"}, "10.2.0.9", "10.2.0.1"},
    {{"10.1.0.1/24", "10.2.0.1/24"}, "192.168.0.1", "10.1.0.1"},
};
static const struct source_case source_cases_ip6[] = {
    {{"2001:db8:1::2/64", "!2001:db8:1::1/64"}, "2001:db8:1::1", "2001:db8:1::1"},
    {{"2001:db8:1::1/64"}, "fe80::9", "fe80::ff:fe00:1"},
    {{"2001:db8:1::1/64"}, "ff02::1", "fe80::ff:fe00:1"},
    {{"2001:db8:1::1/64"}, "ff05::1", "2001:db8:1::1"},
    {{"!2001:db8:1::1/64"}, "2001:db8:1::9", "2001:db8:1::1"},
    {{NULL}, "2001:db8:1::9", "fe80::ff:fe00:1"},
    {{"!2001:db8:1::1/64", "2001:db8:2::1/64"}, "2001:db8:1::9", "2001:db8:2::1"},
    /* 6: label */
    {{"fd00:1::1/64", "2001:db8:1::1/64"}, "2a00::1", "2001:db8:1::1"},
    {{"2001:db8:1::1/64", "fd00:1::1/64"}, "fc00:2::1", "fd00:1::1"},
    {{"2001:0:1::1/64", "2a00:1::1/64"}, "2001:1::1", "2a00:1::1"},
    {{"2a00:1::1/64", "2002:1::1/64"}, "2002:8000::1", "2002:1::1"},
    {{"2001:db8:1::1/64", "2001:db8:2::1/64"}, "2001:db8:2::9", "2001:db8:2::1"},
};

static void sources_by_the_rules(void **state)
{
    bool ip4 = family == IP_FAMILY_4;
    const struct source_case *cases = ip4 ? source_cases_ip4 : source_cases_ip6;
    for (u32 k = 0; k < (ip4 ? array_len(source_cases_ip4) : array_len(source_cases_ip6)); k++) {
        const struct source_case *x = &cases[k];
        struct ip_address peer = address_of_text(family, x->peer),
                          best = address_of_text(family, x->best), found;
        if (!ip4)
            assert_int_equal(ip_enable(&world.p, family, ifs[0], true, NULL), 0);
        for (u32 n = 0; n < array_len(x->own) && x->own[n]; n++)
            (void)give_address(ifs[0], x->own[n]);
        assert_true(ip_link_source(family, ifs[0], &peer, &found));
        assert_memory_equal(&found, &best, sizeof(found));
        ip_address_del_all(&world.p, ifs[0]);
    }
}

/* What the user says of an address counts. */
static void a_users_address_is_preferred(void **state)
{
    struct ip_prefix p =
        give_address(ifs[0], family == IP_FAMILY_4 ? "!10.0.0.1/24" : "!2001:db8::1/64");
    ip_address_set_learnt(&world.p, ifs[0], &p);
    assert_true(ip_address_is_deprecated(&world.p, ifs[0], &p));
    assert_int_equal(ip_address_add(&world.p, ifs[0], p, NULL), 0);
    assert_false(ip_address_is_deprecated(&world.p, ifs[0], &p));
}

/* Rule 5, and what there is beyond the outgoing interface. */
static void sources_of_other_interfaces(void **state)
{
    bool ip4 = family == IP_FAMILY_4;
    struct ip_address dst = address_of_text(family, ip4 ? "192.0.2.9" : "2001:db8:9::9"), src;
    struct ip_prefix far = ip_prefix_host(family, dst);
    struct ip_prefix link = give_address(ifs[1], ip4 ? "169.254.1.1/16" : "fe80::7/128");
    struct ip_prefix other = give_address(ifs[2], ip4 ? "10.0.0.1/24" : "2001:db8:1::1/64");
    struct fib_path path =
        fib_path_via(family, address_of_text(family, ip4 ? "169.254.1.9" : "fe80::9"), ifs[1]);
    struct if_index out;
    struct error e = {0};
    assert_int_equal(fib_route_update(fib(), tables[0], far, FIB_SOURCE_CLI, &path, 1, &e), 0);
    assert_int_equal(ip_source_address(&world.p, tables[0], &dst, &src, &out), 0);
    assert_int_equal(out.i, ifs[1].i);
    assert_memory_equal(&src, &other.addr, sizeof(src));
    /* one that is down is not spoken to */
    assert_int_equal(interface_set_admin(&world.p, ifs[2], false, &e), 0);
    assert_int_equal(ip_source_address(&world.p, tables[0], &dst, &src, &out), 0);
    assert_memory_equal(&src, &link.addr, sizeof(src));
    assert_int_equal(interface_set_admin(&world.p, ifs[2], true, &e), 0);
    /* the outgoing interface's comes first, however good the others are */
    struct ip_prefix own = give_address(ifs[1], ip4 ? "10.7.0.1/24" : "2a00:7::1/64");
    (void)give_address(ifs[3], ip4 ? "192.0.2.1/30" : "2001:db8:9:1::1/64");
    assert_int_equal(ip_source_address(&world.p, tables[0], &dst, &src, &out), 0);
    assert_memory_equal(&src, &own.addr, sizeof(src));
}

#define TEST(fn)                                                                                   \
    {#fn "_ip4", fn, open_ip4, close_world, NULL},                                                 \
    {                                                                                              \
#fn "_ip6", fn, open_ip6, close_world, NULL                                                \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(as_a_plain_list),
        TEST(impossible_addresses),
        TEST(all_are_replaced),
        TEST(addresses_are_borrowed),
        TEST(a_sub_interface_is_down_with_its_port),
        TEST(sources_by_the_rules),
        TEST(a_users_address_is_preferred),
        TEST(sources_of_other_interfaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
