/* The FIB in a running switch: grace periods by the engine, interfaces by the interface module,
 * counters. */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "control/module.h"
#include "engine/counter.h"
#include "engine/thread.h"
#include "net/ip/fib/fib_cli.h"
#include "net/ip/fib/fib_internal.h"
#include "net/link/interface/interface.h"
#include "net/link/vlan/vlan.h"

struct counter_vec *fib_counters_to, *fib_counters_via, *fib_counters_adj;
bool adj_counting;

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

static bool is_up(const struct piste *p, const struct interface *f)
{
    if (!f->admin_up || !f->link_up)
        return false;
    const struct interface *parent =
        if_equal(f->parent, f->index) || if_is_none(f->parent) ? NULL : interface_at(p, f->parent);
    return !parent || (parent->admin_up && parent->link_up);
}

static u16 rewrite_edge(const struct piste *p, const struct interface *f)
{
    struct node_index rewrite;
    struct engine *e = engine_of(p);
    const struct fib *fib = fib_of(p);
    struct node_index to = f->output_node;
    if (fib && fib->output)
        to = fib->output((struct piste *)(uintptr_t)p, f->index, to);
    return node_find(e, "ip4-rewrite", &rewrite) ? node_edge(e, rewrite, to) : 0;
}

static bool describe_interface(void *ctx, struct if_index i, struct fib_interface *out)
{
    struct piste *p = ctx;
    struct fib *f = fib_of(p);
    const struct interface *it = if_is_none(i) ? NULL : interface_at(p, i);
    if (!it || (f && if_equal(f->leaving, i)))
        return false;
    *out = (struct fib_interface){
        .name = it->name,
        .up = is_up(p, it),
        .ethernet = it->has_mac && !it->cls->is_ip,
        .mtu = (u16)min_u64(interface_mtu(it, IF_MTU_IP4), UINT16_MAX),
        .rewrite_next = rewrite_edge(p, it),
    };
    memcpy(out->mac, it->mac, 6);
    out->n_tags_bytes = vlan_tags(p, i, out->tags);
    return true;
}

/* All siblings get the edge: their lists stay the same. */
static u16 lookup_edge(void *ctx, struct node_index node)
{
    static const char *const siblings[] = {"ip4-lookup", "ip4-load-balance", "lookup-ip4-dst"};
    struct engine *e = engine_of(ctx);
    u16 next = 0;
    for (u32 i = 0; i < array_len(siblings); i++) {
        struct node_index sibling;
        if (!node_find(e, siblings[i], &sibling))
            panic("no node %s", siblings[i]);
        u16 n = node_edge(e, sibling, node);
        if (i && n != next)
            panic("edges of %s and %s differ", siblings[0], siblings[i]);
        next = n;
    }
    return next;
}

static void route_new(void *ctx, u32 lb)
{
    counter_zero(fib_counters_to, lb);
    counter_zero(fib_counters_via, lb);
}

static void new_adj(void *ctx, u32 adj)
{
    counter_zero(fib_counters_adj, adj);
}

void fib_set_output(struct fib *f, struct node_index (*fn)(struct piste *p, struct if_index i,
                                                           struct node_index normal))
{
    f->output = fn;
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

/* --- interfaces --- */

static void fib_changed(struct piste *p, struct fib *f, const struct interface *it)
{
    fib_interface_changed(f, it->index);
    struct interface *sub;
    for (u32 i = 0; (sub = interface_next(p, i)); i = sub->index.i + 1)
        if (if_equal(sub->parent, it->index) && !if_equal(sub->index, it->index))
            fib_interface_changed(f, sub->index);
}

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
    default:
        fib_changed(p, f, it);
        break;
    }
}

/* --- module --- */

static int fib_init(struct piste *p, void **state, struct error *e)
{
    struct fib_ops ops = {
        .ctx = p,
        .defer = fib_defer,
        .interface = describe_interface,
        .lookup_edge = lookup_edge,
        .route_new = route_new,
        .adj_new = new_adj,
    };
    fib_counters_to = counter_vec_new(engine_of(p), "/net/route/to", true, FIB_ROUTES_MAX);
    fib_counters_via = counter_vec_new(engine_of(p), "/net/route/via", true, FIB_ROUTES_MAX);
    fib_counters_adj = counter_vec_new(engine_of(p), "/net/adjacency", true, FIB_ADJS_MAX);
    struct fib *f = fib_new(p, &ops);
    interface_on_event(p, fib_on_interface, f);
    *state = f;
    return 0;
}

static void fib_stop(struct piste *p, void *state)
{
    fib_free(state);
    counter_vec_free(fib_counters_to);
    counter_vec_free(fib_counters_via);
    counter_vec_free(fib_counters_adj);
    fib_counters_to = fib_counters_via = fib_counters_adj = NULL;
    adj_counting = false;
}

static void fib_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    if (phase == RC_GLOBAL && adj_is_counting())
        text_puts(t, "adjacency counters enable\n");
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
};
