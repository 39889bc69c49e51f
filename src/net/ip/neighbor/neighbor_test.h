/* A link with neighbours of IPv4, for tests of this folder: what they say comes in by interface a,
 * 10.0.1.1/24, and what leaves is caught. */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_input.h"
#include "net/ip/ip4/ip4_world.h"
#include "net/ip/neighbor/arp_internal.h"
#include "net/ip/neighbor/neighbor_internal.h"
#include "net/packet/arp_packet.h"

static const struct module *const neighbor_modules[] = {
    &ip4_arcs_module,  &fib_module, &address_module,  &ip4_module,
    &ip4_input_module, &arp_module, &neighbor_module, NULL};

static const u8 own[6] = {2, 0xfe, 0, 0, 0, 1}, peer[6] = {2, 0, 0, 0, 0, 0x77},
                other[6] = {2, 0, 0, 0, 0, 0x78}, everybody[6] = {255, 255, 255, 255, 255, 255};
static struct if_index a;

/* From when on a packet for one that is being asked for makes another request. Tests do not wait
 * for it. */
static inline void set_burst(u64 from_ns)
{
    struct neighbors *ns = neighbors_of(&world.p);
    pool_each(&ns->resolving, i)
    {
        ((struct resolving *)pool_at(&ns->resolving, i))->burst_ns = from_ns;
    }
}

static inline void settle(void)
{
    for (u32 i = 0; i < 3; i++) {
        loop_once(world.p.loop, 0);
        engine_round(world.p.engine, 1);
    }
    set_burst(UINT64_MAX);
}

/* The work that changes have left. */
static inline void finish(void)
{
    while (loop_has_work(world.p.loop))
        loop_once(world.p.loop, 0);
}

static inline void run(const char *command)
{
    free(world_command(command));
}

static inline int open_world(void **state)
{
    world_open(neighbor_modules);
    world_catch("ip4-icmp-error");
    world_catch("ip4-frag");
    world_catch("ip4-receive");
    world_interface("local0", NULL);
    a = world_interface("a", own);
    run("set interface ip address a 10.0.1.1/24");
    settle();
    world_free_caught();
    return 0;
}

static inline int close_world(void **state)
{
    settle();
    world_free_caught();
    struct neighbors *ns = neighbors_of(&world.p);
    resolving_forget(ns, IF_NONE);
    settle();
    world_free_caught();
    assert_int_equal(neighbor_pending, 0);
    assert_int_equal(world_buffers_used(), 0);
    world_close();
    return 0;
}

static inline be32 ip(u32 w, u32 x, u32 y, u32 z)
{
    return be32_from_host(w << 24 | x << 16 | y << 8 | z);
}

/* --- ARP packets --- */

struct frame {
    u8 dst[6], src[6];
    be16 type;
    struct arp_header arp;
    u8 padding[18];
} __attribute__((packed));

static inline struct frame frame_make(u16 opcode, const u8 *mac, be32 sender, be32 target)
{
    struct frame f = {.type = be16_from_host(0x0806)};
    f.arp = (struct arp_header){
        .hardware_type = be16_from_host(ARP_HARDWARE_ETHERNET),
        .protocol_type = be16_from_host(ARP_PROTOCOL_IP4),
        .hardware_len = 6,
        .protocol_len = 4,
        .opcode = be16_from_host(opcode),
        .sender = sender,
        .target = target,
    };
    memcpy(f.dst, everybody, 6);
    memcpy(f.src, mac, 6);
    memcpy(f.arp.sender_mac, mac, 6);
    return f;
}

static inline struct buffer *received(const struct frame *f, u32 bytes)
{
    struct buffer *b = world_packet(f, bytes);
    b->rx_if = a;
    b->l2_start = b->start;
    buffer_advance(b, 14);
    b->l3_start = b->start;
    return b;
}

static inline void receive(const struct frame *f)
{
    world_run("arp-input", received(f, sizeof(*f)));
    settle();
}

/* --- what is known --- */

static inline bool knows_on(struct if_index i, be32 addr, const u8 *mac)
{
    struct neighbor n;
    struct link_host host = link_host4(addr, i);
    return neighbor_find(&world.p, &host, &n) && !memcmp(n.mac, mac, 6);
}

static inline bool knows(be32 addr, const u8 *mac)
{
    return knows_on(a, addr, mac);
}

static inline bool is_known(be32 addr)
{
    struct neighbor n;
    struct link_host host = link_host4(addr, a);
    return neighbor_find(&world.p, &host, &n);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_world, close_world)
