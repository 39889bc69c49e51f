/* A FIB with interfaces of paper, for tests of this folder. */
#pragma once

#include "base/byteorder.h"
#include "base/vec.h"
#include "net/ip/fib/fib_internal.h"

#define TEST_IFS 8

/* Tests run for both protocols. They speak of IPv4: for IPv6 an address of 32 bits is the first 32
 * of 128, and a host's length 128. */
static enum ip_family test_family;

/* The protocol's table 0, and the routes that all its tables have. */
#define T0 ((struct fib_index){test_family == IP_FAMILY_4 ? 0 : FIB_TABLES_MAX})
#define TEST_FIXED (test_family == IP_FAMILY_4 ? 5u : 2u)

struct test_call {
    void (*fn)(void *arg);
    void *arg;
};

struct test_world {
    struct fib *f;
    bool present[TEST_IFS], down[TEST_IFS], no_ethernet[TEST_IFS];
    u16 mtu[TEST_IFS];
    char names[TEST_IFS][16];
    struct fib_index tables[TEST_IFS][IP_FAMILY_N]; /* of interfaces */
    /* calls that wait for a grace period */
    VEC(struct test_call) calls;
};

static inline void test_grace(struct test_world *w)
{
    while (w->calls.n) {
        struct test_call call = w->calls.v[0];
        vec_del(&w->calls, 0);
        call.fn(call.arg);
    }
}

static inline void test_defer(void *ctx, void (*fn)(void *arg), void *arg)
{
    struct test_world *w = ctx;
    vec_add(&w->calls, ((struct test_call){fn, arg}));
}

static inline enum fib_if_state test_if_state(void *ctx, struct if_index i)
{
    const struct test_world *w = ctx;
    if (i.i >= TEST_IFS || !w->present[i.i])
        return FIB_IF_NONE;
    return w->down[i.i] ? FIB_IF_DOWN : FIB_IF_UP;
}

static inline bool test_interface(void *ctx, struct if_index i, struct fib_interface *out)
{
    struct test_world *w = ctx;
    if (test_if_state(ctx, i) == FIB_IF_NONE)
        return false;
    *out = (struct fib_interface){.name = w->names[i.i],
                                  .ethernet = !w->no_ethernet[i.i],
                                  .mac = {2, 0xfe, 0, 0, 0, (u8)i.i},
                                  .mtu = {w->mtu[i.i], (u16)(w->mtu[i.i] - 1)},
                                  .rewrite_next = {(u16)(2 + i.i), (u16)(102 + i.i)},
                                  .midchain_next = {(u16)(202 + i.i), (u16)(302 + i.i)}};
    return true;
}

static inline u16 test_edge(void *ctx, enum ip_family family, struct node_index node)
{
    return (u16)(FIB_NEXT_N + 100 * family + node.i);
}

/* Where packets end that no route of the user leads anywhere. */
static inline struct adj_index test_miss(void)
{
    return test_family == IP_FAMILY_6 ? ADJ_NO_ROUTE : ADJ_DROP;
}

/* Path lists that every FIB has: those that drop, and that of IPv6's default route. */
static inline u32 test_lists(void)
{
    return IP_FAMILY_N + (test_family == IP_FAMILY_6);
}

/* Entries when nothing was added: the one that drops, and those of table 0. */
static inline u32 test_entries(void)
{
    return 1 + 5 + (test_family == IP_FAMILY_6 ? 2 : 0);
}

static inline void test_world_open(struct test_world *w)
{
    *w = (struct test_world){0};
    for (u32 i = 1; i < TEST_IFS; i++) {
        w->present[i] = true;
        w->mtu[i] = 1500;
        w->names[i][0] = 'i';
        w->names[i][1] = 'f';
        w->names[i][2] = (char)('0' + i);
        w->tables[i][IP_FAMILY_6].i = FIB_TABLES_MAX;
    }
    struct fib_ops ops = {.ctx = w,
                          .defer = test_defer,
                          .if_state = test_if_state,
                          .interface = test_interface,
                          .lookup_edge = test_edge};
    w->f = fib_new(NULL, &ops);
    struct fib_index t = {0};
    struct error e = {0};
    if (test_family == IP_FAMILY_6 && /* IPv4's is always there */
        fib_table_lock(w->f, IP_FAMILY_6, 0, NULL, FIB_SOURCE_DEFAULT_ROUTE, &t, &e))
        panic("%s", e.text);
}

static inline void test_world_close(struct test_world *w)
{
    test_grace(w);
    fib_free(w->f);
    test_grace(w);
    vec_free(&w->calls);
}

static inline be32 ip(u32 a, u32 b, u32 c, u32 d)
{
    return be32_from_host(a << 24 | b << 16 | c << 8 | d);
}

static inline struct ip_address address(be32 a)
{
    return ip_address_from_ip4(a);
}

static inline struct ip_prefix prefix(be32 a, u8 len)
{
    return (struct ip_prefix){.addr = address(a),
                              .family = (u8)test_family,
                              .len = len == 32 ? ip_family_bits(test_family) : len};
}

static inline u32 prefix_mask(u8 len)
{
    return len ? ~0u << (32 - len) : 0;
}

static inline struct if_index iface(u32 i)
{
    return (struct if_index){i};
}

static inline u32 random_u32(void)
{
    return (u32)random() << 16 ^ (u32)random();
}

static inline struct fib_path path_via(be32 next_hop, struct if_index i)
{
    return fib_path_via(test_family, address(next_hop), i);
}

static inline struct link_host host(be32 a, u32 if_no)
{
    return (struct link_host){address(a), {if_no}, test_family};
}

/* Of packets of its own protocol. */
static inline struct adj_index test_neighbor(const struct test_world *w, be32 a, u32 if_no)
{
    struct link_host h = host(a, if_no);
    return adj_neighbor_find(w->f, &h, test_family);
}

static inline struct adj_index test_resolve(const struct test_world *w, struct fib_index t,
                                            be32 dst)
{
    struct ip_address a = address(dst);
    return fib_resolve(w->f, t, &a, 0);
}

static inline bool test_lookup(const struct test_world *w, be32 dst, struct fib_route *out)
{
    struct ip_address a = address(dst);
    return fib_lookup(w->f, T0, &a, out);
}

/* Interface by which packets to dst leave; 0: none. */
static inline u32 test_resolve_if(const struct test_world *w, be32 dst)
{
    struct adj_index a = test_resolve(w, T0, dst);
    return a.i < ADJ_N_SPECIAL ? 0 : adj_at(a.i)->tx_if.i;
}

static inline void test_set_down(struct test_world *w, u32 if_no, bool down)
{
    w->down[if_no] = down;
    fib_interface_changed(w->f, iface(if_no));
}

static inline void test_route(struct test_world *w, struct fib_index t, be32 net, u8 len,
                              enum fib_source s, struct fib_path path)
{
    struct error e = {0};
    if (fib_route_update(w->f, t, prefix(net, len), s, &path, 1, &e))
        panic("%s", e.text);
}

/* The subnet of an address of that interface. */
static inline void test_connect(struct test_world *w, struct fib_index t, be32 net, u8 len,
                                u32 if_no)
{
    struct fib_path path = fib_path_special(FIB_PATH_ATTACHED);
    path.interface = iface(if_no);
    path.flags = FIB_PATH_GLEAN;
    path.next_hop = address(net);
    path.prefix_len = len;
    test_route(w, t, net, len, FIB_SOURCE_INTERFACE, path);
}

/* Through a next hop that other routes lead to. */
static inline void test_via(struct test_world *w, be32 net, u8 len, be32 next_hop)
{
    test_route(w, T0, net, len, FIB_SOURCE_CLI, path_via(next_hop, IF_NONE));
}

static inline void test_left(const char *what, u32 n, u32 expected)
{
    if (n != expected)
        panic("%u %s are left, and not %u", n, what, expected);
}

/* Takes the routes of table 0 out: what is left then is what every FIB has. */
static inline void test_world_end(struct test_world *w)
{
    for (u32 s = 0; s < FIB_SOURCE_N; s++)
        if (s != FIB_SOURCE_SPECIAL && s != FIB_SOURCE_DEFAULT_ROUTE && s != FIB_SOURCE_RR)
            fib_table_flush(w->f, T0, (enum fib_source)s);
    test_grace(w);
    test_left("entries", w->f->entries.n_used, test_entries());
    test_left("path lists", w->f->lists.n_used, test_lists());
    test_left("paths", w->f->paths.n_used, test_lists());
    test_left("next hops", w->f->vias.n_used, 0);
    test_left("tracked addresses", w->f->tracks.n_used, 0);
    test_left("adjacencies", w->f->adjs.n_used, ADJ_N_SPECIAL);
    for (u32 i = 0; i < TEST_IFS; i++) {
        test_left("adjacencies of an interface", fib_if_at(w->f, iface(i))->adjs, 0);
        test_left("paths of an interface", fib_if_at(w->f, iface(i))->paths, 0);
    }
    test_world_close(w);
}

static inline int test_of_ip4(void **state)
{
    test_family = IP_FAMILY_4;
    return 0;
}

static inline int test_of_ip6(void **state)
{
    test_family = IP_FAMILY_6;
    return 0;
}

/* A main's result: its tests, for one protocol and then for the other. */
#define TEST_RUN_BOTH(tests)                                                                       \
    (cmocka_run_group_tests_name("IPv4", tests, test_of_ip4, NULL) |                               \
     cmocka_run_group_tests_name("IPv6", tests, test_of_ip6, NULL))
