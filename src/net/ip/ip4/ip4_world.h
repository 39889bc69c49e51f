/* A graph in process, for tests and fuzz targets of IPv4: modules are brought up as the daemon does
 * it, without threads or ports. Nodes that a test has not brought are replaced by catchers, which
 * keep what reaches them. */
#pragma once

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/cli.h"
#include "control/loop.h"
#include "control/module.h"
#include "control/piste.h"
#include "engine/engine.h"
#include "net/link/ethernet/ethernet.h"
#include "net/packet/ethernet_packet.h"
#include "net/ip/fib/fib.h"
#include "net/link/interface/interface.h"
#include "net/ip/icmp/icmp4.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/reass/frag.h"
#include "net/ip/express/ip_express.h"
#include "net/ip/ip4/ip4_input.h"
#include "net/ip/ip4/ip4_local.h"
#include "net/packet/ip4_packet.h"
#include "net/ip/reass/reass_module.h"
#include "net/ip/mfib/mfib.h"
#include "net/ip/neighbor/arp.h"
#include "net/ip/neighbor/neighbor.h"

#define CAUGHT_MAX 4096

#define world_must(x)                                                                              \
    do {                                                                                           \
        if (!(x))                                                                                  \
            panic("%s:%d: not so: %s", __FILE__, __LINE__, #x);                                    \
    } while (0)

struct world {
    struct piste p;
    u32 buffers_before; /* in use when it was opened: pools outlive an engine */
    u32 n_caught;
    struct caught {
        const char *node;
        u32 bi;
    } caught[CAUGHT_MAX];
};

static struct world world;

/* --- catchers --- */

static void catch_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        world_must(world.n_caught < CAUGHT_MAX);
        world.caught[world.n_caught++] = (struct caught){n->state, buffer_index(b[i])};
        next[i] = NEXT_CONSUMED;
    }
}

static const struct node_def world_catcher = {.name = "catcher", .run = {catch_run}};

static inline void world_catch(const char *name)
{
    node_register(world.p.engine, &world_catcher, name, (void *)(uintptr_t)name);
}

/* --- life --- */

/* Since the world was opened. */
static inline u32 world_buffers_used(void)
{
    u32 used = 0;
    for (u32 i = 0; i < buffer_pool_count(); i++) {
        struct buffer_pool_info info;
        buffer_pool_get_info(world.p.engine, i, &info);
        used += info.used;
    }
    return used - world.buffers_before;
}

/* modules, ended by NULL, beside the engine and interfaces. */
static inline void world_open(const struct module *const *modules)
{
    static const struct module *const base[] = {&engine_module, &interface_module};
    struct error e = {0};

    memset(&world, 0, sizeof(world));
    world.p.loop = loop_new(&e);
    world.p.cli = cli_new(&world.p);
    world.p.modules = modules_new(&world.p);
    modules_on_init(world.p.modules, engine_add_module);
    for (u32 i = 0; i < array_len(base); i++)
        world_must(!modules_add(world.p.modules, base[i], NULL, &e));
    for (; *modules; modules++)
        world_must(!modules_add(world.p.modules, *modules, NULL, &e));
    if (modules_init(world.p.modules, &e))
        panic("%s", e.text);
    world.buffers_before = world_buffers_used();
}

static inline void world_close(void)
{
    loop_once(world.p.loop, 0); /* events of the graph, before their modules go */
    modules_stop(world.p.modules);
    modules_free(world.p.modules);
    cli_free(world.p.cli);
    loop_free(world.p.loop);
}

/* An interface that is up; what it sends is caught. name is borrowed. The first one is local0,
 * without IP. */
static inline struct if_index world_interface(const char *name, const u8 *mac)
{
    static const struct if_class with_ip = {.name = "test", .tx = &world_catcher};
    static const struct if_class without = {.name = "local", .tx = &world_catcher, .no_ip = true};
    struct if_new_args args = {.name = name,
                               .cls = mac ? &with_ip : &without,
                               .port = (void *)(uintptr_t)name,
                               .mac = mac,
                               .mtu = 9000,
                               .max_frame_bytes = 9000,
                               .caps = IF_CAP_TX_ALL};
    struct error e = {0};
    struct if_index i;

    world_must(!interface_new(&world.p, &args, &i, &e));
    world_must(!interface_set_admin(&world.p, i, true, &e));
    interface_set_link(&world.p, i, true);
    return i;
}

/* IPv4, all of it. */
static const struct module *const world_ip4[] __attribute__((unused)) = {
    &ethernet_module,  &ip4_arcs_module,    &fib_module,      &address_module,   &ip4_module,
    &ip4_input_module, &ip4_express_module, &ip4_frag_module, &ip4_local_module, &ip4_reass_module,
    &icmp4_module,     &neighbor_module,    &mfib_module,     &arp_module,       NULL};

/* --- packets --- */

static inline struct thread *world_thread(void)
{
    return engine_main_thread(world.p.engine);
}

static inline void world_free(struct buffer *b)
{
    buffer_free_one(world_thread(), buffer_index(b));
}

static inline void world_free_caught(void)
{
    while (world.n_caught)
        world_free(buffer_at(world.caught[--world.n_caught].bi));
}

/* A packet of these bytes, received by interface 1. */
static inline struct buffer *world_packet(const void *bytes, u32 n)
{
    u32 bi;
    world_must(buffer_alloc(world_thread(), BUFFER_POOL_DEFAULT, &bi, 1) == 1);
    struct buffer *b = buffer_at(bi);
    world_must(!buffer_append(world_thread(), b, bytes, n));
    b->rx_if.i = 1;
    return b;
}

/* The same in two buffers, the first of so many bytes. */
static inline struct buffer *world_packet_in_two(const u8 *bytes, u32 n, u32 first)
{
    struct buffer *b = world_packet(bytes, first), *second = world_packet(bytes + first, n - first);
    b->flags |= BUFFER_NEXT;
    b->next = buffer_index(second);
    b->tail_len = n - first;
    return b;
}

/* Lets the packet enter at a node, and the graph come to rest. */
static inline void world_run(const char *node, struct buffer *b)
{
    struct node_index n;
    u32 bi = buffer_index(b);
    world_must(node_find(world.p.engine, node, &n));
    world_must(thread_handoff(engine_main_thread(world.p.engine), 1, n, &bi, 1) == 1);
    engine_round(world.p.engine, 1);
}

/* The only packet caught since last time, which was caught there. The caller frees it. */
static inline struct buffer *world_take(const char *node)
{
    if (world.n_caught != 1 || strcmp(world.caught[0].node, node))
        panic("%" PRIu32 " packets caught, the first at %s; one was expected at %s", world.n_caught,
              world.n_caught ? world.caught[0].node : "no node", node);
    world.n_caught = 0;
    return buffer_at(world.caught[0].bi);
}

/* --- routes and neighbors of IPv4 --- */

/* Somebody configured for ever. */
static inline void world_neighbor(struct if_index i, be32 addr, const u8 mac[6])
{
    struct link_host host = link_host4(addr, i);
    struct error e = {0};
    if (neighbor_add(&world.p, &host, mac, NEIGHBOR_STATIC, &e))
        panic("%s", e.text);
}

static inline struct fib_index world_table(u32 id)
{
    return fib_table_find(fib_of(&world.p), IP_FAMILY_4, id);
}

/* Longest match in table 0. */
static inline bool world_lookup(be32 addr, struct fib_route *r)
{
    struct ip_address a = ip_address_from_ip4(addr);
    return fib_lookup(fib_of(&world.p), world_table(0), &a, r);
}

/* --- what people see --- */

static inline char *world_command(const char *command)
{
    char *out = NULL;
    if (cli_run(world.p.cli, command, OUT_TEXT, &out))
        panic("%s: %s", command, out);
    return out;
}

/* What `show errors` says of that reason (it shows 35 characters) at that node: its count, 0
 * without a line. */
static inline u64 world_errors(const char *node, const char *reason)
{
    char *text = world_command("show errors"), *rest = text;
    u64 n = 0;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (strstr(line, node) && strstr(line, reason))
            n += strtoull(line, NULL, 10);
    free(text);
    return n;
}
