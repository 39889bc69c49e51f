/* A graph in process for tests of IPv4 nodes: modules are brought up as the daemon does it, without
 * threads or ports; nodes that a test has not brought are replaced by catchers, which keep what
 * reaches them. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "control/cli.h"
#include "control/loop.h"
#include "control/module.h"
#include "control/piste.h"
#include "engine/engine.h"
#include "net/interface/interface.h"
#include "net/ip/ip4_packet.h"

#define CAUGHT_MAX 4096

struct world {
    struct piste p;
    u32 n_caught;
    struct caught {
        const char *node;
        u32 bi;
    } caught[CAUGHT_MAX];
};

static struct world world;

static void catch_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        assert_true(world.n_caught < CAUGHT_MAX);
        world.caught[world.n_caught++] = (struct caught){n->state, buffer_index(b[i])};
        next[i] = NEXT_CONSUMED;
    }
}

static inline void world_catch(const char *name)
{
    static const struct node_def catcher = {.name = "catcher", .run = {catch_run}};
    node_register(world.p.engine, &catcher, name, (void *)(uintptr_t)name);
}

/* modules, ended by NULL; the engine and interfaces are there. catchers: node names, ended by NULL.
 */
static inline void world_open(const struct module *const *modules, const char *const *catchers)
{
    static const struct module *const base[] = {&engine_module, &interface_module};
    struct error e = {0};

    memset(&world, 0, sizeof(world));
    world.p.loop = loop_new(&e);
    world.p.cli = cli_new(&world.p);
    world.p.modules = modules_new(&world.p);
    modules_on_init(world.p.modules, engine_add_module);
    for (u32 i = 0; i < array_len(base); i++)
        assert_int_equal(modules_add(world.p.modules, base[i], NULL, &e), 0);
    for (; *modules; modules++)
        assert_int_equal(modules_add(world.p.modules, *modules, NULL, &e), 0);
    if (modules_init(world.p.modules, &e))
        fail_msg("%s", e.text);
    for (; *catchers; catchers++)
        world_catch(*catchers);
}

static inline void world_close(void)
{
    modules_stop(world.p.modules);
    modules_free(world.p.modules);
    cli_free(world.p.cli);
    loop_free(world.p.loop);
}

static inline struct thread *world_thread(void)
{
    return engine_main_thread(world.p.engine);
}

/* A packet of these bytes. */
static inline struct buffer *world_packet(const void *bytes, u32 n)
{
    u32 bi;
    assert_int_equal(buffer_alloc(world_thread(), BUFFER_POOL_DEFAULT, &bi, 1), 1);
    struct buffer *b = buffer_at(bi);
    assert_int_equal(buffer_append(world_thread(), b, bytes, n), 0);
    b->rx_if.i = 1;
    return b;
}

/* Lets the packet enter at a node, and the graph come to rest. */
static inline void world_run(const char *node, struct buffer *b)
{
    struct node_index n;
    u32 bi = buffer_index(b);
    assert_true(node_find(world.p.engine, node, &n));
    assert_int_equal(thread_inject(world.p.engine, n, &bi, 1), 1);
    engine_round(world.p.engine, 1);
}

/* The only packet caught since last time, which was caught there. The caller frees it. */
static inline struct buffer *world_take(const char *node)
{
    assert_int_equal(world.n_caught, 1);
    assert_string_equal(world.caught[0].node, node);
    world.n_caught = 0;
    return buffer_at(world.caught[0].bi);
}

static inline void world_free(struct buffer *b)
{
    buffer_free_one(world_thread(), buffer_index(b));
}

static inline char *world_command(const char *command)
{
    char *out = NULL;
    int rc = cli_run(world.p.cli, command, OUT_TEXT, &out);
    if (rc)
        fail_msg("%s: %s", command, out);
    return out;
}

/* What `show errors` says of that reason at that node: its count, 0 without a line. */
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

static inline void world_no_buffer_is_lost(void)
{
    for (u32 i = 0; i < buffer_pool_count(); i++) {
        struct buffer_pool_info info;
        buffer_pool_get_info(world.p.engine, i, &info);
        assert_int_equal(info.used, 0);
    }
}
