/* A FIB with interfaces of paper, for tests of this folder. */
#pragma once

#include "base/byteorder.h"
#include "base/vec.h"
#include "net/ip/fib/fib_internal.h"

#define TEST_IFS 8

struct test_call {
    void (*fn)(void *arg);
    void *arg;
};

struct test_world {
    struct fib *f;
    bool present[TEST_IFS], down[TEST_IFS];
    u16 mtu[TEST_IFS];
    char names[TEST_IFS][16];
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

static inline bool test_interface(void *ctx, struct if_index i, struct fib_interface *out)
{
    struct test_world *w = ctx;
    if (i.i >= TEST_IFS || !w->present[i.i])
        return false;
    *out = (struct fib_interface){.name = w->names[i.i],
                                  .up = !w->down[i.i],
                                  .ethernet = true,
                                  .mac = {2, 0xfe, 0, 0, 0, (u8)i.i},
                                  .mtu = w->mtu[i.i],
                                  .rewrite_next = (u16)(2 + i.i)};
    return true;
}

static inline u16 test_edge(void *ctx, struct node_index node)
{
    return (u16)(FIB_NEXT_N + node.i);
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
    }
    struct fib_ops ops = {
        .ctx = w, .defer = test_defer, .interface = test_interface, .lookup_edge = test_edge};
    w->f = fib_new(NULL, &ops);
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

static inline struct ip4_prefix prefix(be32 addr, u8 len)
{
    return (struct ip4_prefix){addr, len};
}

static inline struct if_index iface(u32 i)
{
    return (struct if_index){i};
}
