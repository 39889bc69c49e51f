/* The FIB in a running switch: grace periods by the engine, interfaces by the interface module,
 * counters. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "control/loop.h"
#include "control/module.h"
#include "engine/counter.h"
#include "engine/counter_pages.h"
#include "engine/probe.h"
#include "engine/thread.h"
#include "net/ip/fib/fib_cli.h"
#include "net/ip/fib/fib_graph.h"
#include "net/ip/fib/ip6_long.h"
#include "net/ip/fib/fib_internal.h"
#include "net/link/interface/interface.h"
#include "net/link/vlan/vlan.h"

struct counter_vec *fib_counters_to, *fib_counters_via, *fib_counters_adj;
bool adj_counting;
u32 fib_flow_router_id;

const char fib_module_name[] = "fib";

struct fib *fib_of(const struct piste *p)
{
    return module_state(p, fib_module_name);
}

/* --- what the FIB asks for --- */

static void fib_defer(void *ctx, void (*fn)(void *arg), void *arg)
{
    engine_defer_free(engine_of(ctx), fn, arg);
}

static void on_changed(void *ctx)
{
    forwarding_changed(engine_of(ctx));
}

static void route_changed(void *ctx, u32 lb)
{
    forwarding_part_changed(engine_of(ctx), (struct forwarding_part){lb, FORWARDING_ROUTE});
}

static void adj_changed(void *ctx, u32 adj)
{
    forwarding_part_changed(engine_of(ctx), (struct forwarding_part){adj, FORWARDING_ADJACENCY});
}

static void fib_leave_work(void *ctx, bool (*piece)(void *arg), void *arg)
{
    loop_work_add(((struct piste *)ctx)->loop, piece, arg);
}

static enum fib_if_state fib_if_state(void *ctx, struct if_index i)
{
    struct piste *p = ctx;
    const struct fib *f = fib_of(p);
    const struct interface *it = if_is_none(i) ? NULL : interface_at(p, i);
    if (!it || (f && if_equal(f->leaving, i)))
        return FIB_IF_NONE;
    return interface_is_up(it) ? FIB_IF_UP : FIB_IF_DOWN;
}

static u16 fib_mtu(const struct interface *f, enum if_mtu which)
{
    return (u16)min_u64(interface_mtu(f, which), UINT16_MAX);
}

static bool fib_describe_interface(void *ctx, struct if_index i, struct fib_interface *out)
{
    struct piste *p = ctx;
    if (fib_if_state(ctx, i) == FIB_IF_NONE)
        return false;
    const struct interface *it = interface_at(p, i);
    *out = (struct fib_interface){
        .name = it->name,
        .ethernet = it->has_mac && !it->cls->is_ip,
        .mtu = {fib_mtu(it, IF_MTU_IP4), fib_mtu(it, IF_MTU_IP6)},
    };
    memcpy(out->mac, it->mac, 6);
    out->n_tags_bytes = vlan_tags(p, i, out->tags);
    fib_graph_interface(fib_of(p)->graph, it, out);
    return true;
}

static u16 fib_lookup_edge(void *ctx, enum ip_family family, struct node_index node)
{
    return fib_graph_lookup_edge(fib_of(ctx)->graph, family, node);
}

/* Counters of so many routes are on more pages than a processor remembers. */
#define MANY_ROUTES (1u << 16)
#define MANY_PERIOD_NS (NS_PER_SEC / 4)

struct fib_many {
    struct counter_pages *pages;
    struct loop_timer *timer;
};

static void many_end(struct fib *f)
{
    if (!f->many)
        return;
    loop_timer_del(f->piste->loop, f->many->timer);
    counter_pages_free(f->many->pages);
    free(f->many);
    f->many = NULL;
}

static void on_many(void *arg)
{
    struct fib *f = arg;
    counter_pages_join(f->many->pages);
    if (f->entries.n_used < MANY_ROUTES)
        many_end(f);
}

static void many_begin(struct fib *f)
{
    if (f->many)
        return;
    f->many = mem_alloc(sizeof(*f->many));
    f->many->pages = counter_pages_new(fib_counters_to);
    f->many->timer =
        loop_timer_add(f->piste->loop, clock_ns() + MANY_PERIOD_NS, MANY_PERIOD_NS, on_many, f);
}

static void route_new(void *ctx, u32 lb)
{
    counter_zero(fib_counters_to, lb);
    counter_zero(fib_counters_via, lb);
    if (lb >= MANY_ROUTES)
        many_begin(fib_of(ctx));
}

static void new_adj(void *ctx, u32 adj)
{
    counter_zero(fib_counters_adj, adj);
}

void fib_output_changed(struct fib *f, struct if_index i)
{
    fib_interface_changed(f, i);
}

static struct fib_counts fib_module_counts(const struct counter_vec *v, u32 index)
{
    struct counter_pair pair = counter_get_pair(v, index);
    return (struct fib_counts){pair.packets, pair.bytes};
}

struct fib_counts fib_route_counts(const struct fib *f, struct lb_index route)
{
    return fib_module_counts(fib_counters_to, route.i);
}

struct fib_counts fib_route_via_counts(const struct fib *f, struct lb_index route)
{
    return fib_module_counts(fib_counters_via, route.i);
}

struct fib_counts adj_counts(const struct fib *f, struct adj_index a)
{
    return fib_module_counts(fib_counters_adj, a.i);
}

void adj_set_counting(struct fib *f, bool on)
{
    __atomic_store_n(&adj_counting, on, __ATOMIC_RELAXED);
}

void fib_set_flow_router_id(struct fib *f, u32 id)
{
    __atomic_store_n(&fib_flow_router_id, id, __ATOMIC_RELAXED);
    fib_tell_changed(f);
}

static bool is_remembered(void *ctx)
{
    return forwarding_is_remembered(engine_of(ctx));
}

/* --- interfaces --- */

static void fib_on_interface(struct piste *p, struct interface *it, enum if_event ev, void *arg)
{
    struct fib *f = arg;
    switch (ev) {
    case IF_EVENT_NEW:
        break;
    case IF_EVENT_DELETE:
        f->leaving = it->index;
        fib_interface_deleted(f, it->index);
        f->leaving = IF_NONE;
        break;
    case IF_EVENT_ADMIN:
        fib_interface_changed(f, it->index);
        /* they are as good as down; of all else that befalls it they are told themselves */
        for (struct interface *sub = it->subs; sub; sub = sub->next_sub)
            fib_interface_changed(f, sub->index);
        break;
    default:
        fib_interface_changed(f, it->index);
        break;
    }
}

/* --- module --- */

static int fib_init(struct piste *p, void **state, struct error *e)
{
    struct fib_ops ops = {
        .ctx = p,
        .defer = fib_defer,
        .if_state = fib_if_state,
        .interface = fib_describe_interface,
        .lookup_edge = fib_lookup_edge,
        .route_new = route_new,
        .adj_new = new_adj,
        .changed = on_changed,
        .route_changed = route_changed,
        .adj_changed = adj_changed,
        .is_remembered = is_remembered,
        .work = fib_leave_work,
    };
    fib_counters_to = counter_vec_new(engine_of(p), "/net/route/to", true, FIB_ROUTES_MAX);
    fib_counters_via = counter_vec_new(engine_of(p), "/net/route/via", true, FIB_ROUTES_MAX);
    fib_counters_adj = counter_vec_new(engine_of(p), "/net/adjacency", true, FIB_ADJS_MAX);
    struct fib *f = fib_new(p, &ops);
    f->graph = fib_graph_new(p);
    interface_on_event(p, fib_on_interface, f);
    *state = f;
    return 0;
}

static void fib_stop(struct piste *p, void *state)
{
    loop_work_del(p->loop, fib_stamp_piece, state);
    many_end(state);
    fib_graph_free(((struct fib *)state)->graph);
    fib_free(state);
    counter_vec_free(fib_counters_to);
    counter_vec_free(fib_counters_via);
    counter_vec_free(fib_counters_adj);
    fib_counters_to = fib_counters_via = fib_counters_adj = NULL;
    adj_counting = false;
    fib_flow_router_id = 0;
    for (u32 k = 0; k < array_len(fib_added_sources); k++) {
        free((char *)(uintptr_t)fib_added_sources[k].name);
        fib_added_sources[k] = (struct fib_source_def){0};
    }
}

static void fib_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct fib *f = state;
    if (phase == RC_GLOBAL && adj_is_counting())
        text_puts(t, "adjacency counters enable\n");
    if (phase == RC_GLOBAL && fib_flow_router_id)
        text_add(t, "set ip flow-hash router-id %u\n", fib_flow_router_id);
    const struct fib_source_def *def;
    for (u32 s = FIB_SOURCE_ADDED; phase == RC_GLOBAL && (def = fib_source_def(s)); s++)
        text_add(t, "set fib source %s priority %u\n", def->name, def->priority);
    if (phase == RC_GLOBAL && f->walk_quota != FIB_STAMPS_A_PIECE)
        text_add(t, "set fib walk quota %u\n", f->walk_quota);
}

static void fib_tell_ip6(module_table_fn *tell, void *arg)
{
    const struct ip6_long *h = ip6_long_routes;
    struct module_table it = {"IPv6 routes longer than /64"};
    if (h) {
        it.entries = h->n_used;
        it.places = (u64)h->mask + 1;
        it.bytes = ip6_long_bytes();
    }
    tell(arg, &it);
}

static void fib_tables(struct piste *p, void *state, module_table_fn *tell, void *arg)
{
    const struct fib *f = state;
    module_tell_hash(tell, arg, "adjacencies", &f->adj_by_key);
    module_tell_hash(tell, arg, "path lists", &f->list_by_hash);
    module_tell_hash(tell, arg, "tables of routes", &f->table_by_id);
    fib_tell_ip6(tell, arg);
}

static const struct fib_settings default_settings;

static void fib_settings_free(void *settings)
{
    free(((struct fib_settings *)settings)->ip4_table_name);
}

static int fib_set_table_name_at_start(struct cli_call *c)
{
    struct fib_settings *s = module_settings(c->piste, fib_module_name);
    free(s->ip4_table_name);
    s->ip4_table_name = mem_strdup(cli_str(c, "name", ""));
    return 0;
}

static const struct config_key ip_keys[] = {
    {"default-table-name <name:string>", "name of IPv4 table 0", fib_set_table_name_at_start},
    {NULL, NULL, NULL},
};

static const struct config_section sections[] = {{"ip", ip_keys}, {NULL, NULL}};

static const char *const needs[] = {"interface", NULL};

const struct module fib_module = {
    .abi = MODULE_ABI,
    .name = fib_module_name,
    .description = "Tables, routes and adjacencies",
    .needs = needs,
    .commands = fib_commands,
    .config = sections,
    .settings = &default_settings,
    .settings_bytes = sizeof(default_settings),
    .settings_free = fib_settings_free,
    .init = fib_init,
    .stop = fib_stop,
    .running_config = fib_running_config,
    .tables = fib_tables,
};
