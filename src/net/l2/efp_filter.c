/* The control side of l2-efp-filter. Tags that a rewrite takes away on the way out are looked at by
 * l2-output, which does that (struct l2_rewrites: strict). Source: VPP's behaviour and words. */
#include "net/l2/efp_filter.h"

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "base/vec.h"
#include "control/module.h"
#include "engine/engine.h"
#include "engine/trace.h"
#include "net/packet/ethernet_format.h"
#include "net/link/interface/interface.h"
#include "net/l2/l2.h"

NODE_DECLARE(l2_efp_filter);

struct efp_filter {
    VEC(struct if_index) on;
};

static struct efp_filter *state_of(const struct piste *p)
{
    return module_state(p, efp_filter_module.name);
}

/* Place of i in the list, or its length. */
static u32 place_of(const struct efp_filter *s, struct if_index i)
{
    u32 k = 0;
    while (k < s->on.n && !if_equal(s->on.v[k], i))
        k++;
    return k;
}

bool efp_filter_is_on(const struct piste *p, struct if_index i)
{
    const struct efp_filter *s = state_of(p);
    return s && place_of(s, i) < s->on.n;
}

int efp_filter_set(struct piste *p, struct if_index i, bool on, struct error *e)
{
    struct efp_filter *s = state_of(p);
    const struct interface *f = interface_at(p, i);
    u32 k = place_of(s, i);
    if (!f || !f->has_mac || f->cls->is_ip)
        return error_set(e, EOPNOTSUPP, "bridged interface must be ethernet");
    if (on == (k < s->on.n))
        return 0;
    int rc = feature_enable(engine_of(p), "l2-output", "l2-efp-filter", i, on, f->parent.i, e);
    if (rc)
        return rc;
    if (on)
        vec_add(&s->on, i);
    else
        vec_del(&s->on, k);
    l2_rewrites_changed(p, i);
    return 0;
}

static void on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    struct efp_filter *s = arg;
    (void)p;
    u32 k = place_of(s, f->index);
    if (ev == IF_EVENT_DELETE && k < s->on.n)
        vec_del(&s->on, k); /* its features go with it */
}

/* --- commands --- */

static int set(struct cli_call *c)
{
    return efp_filter_set(c->piste, cli_interface(c, "interface")->index, !cli_has(c, "disable"),
                          c->err);
}

static const struct cli_command commands[] = {
    {"set interface l2 efp-filter <interface> [disable]",
     "Drops what layer 2 would send with tags that do not come in by the interface", set, 0},
    {0},
};

static void running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct efp_filter *s = state;
    for (u32 k = 0; phase == RC_INTERFACE && k < s->on.n; k++)
        text_add(t, "set interface l2 efp-filter %s\n", interface_at(p, s->on.v[k])->name);
}

/* --- node --- */

static void format_trace(struct piste *p, const struct trace_record *r, struct text *out)
{
    (void)p;
    ethernet_format_header(out, r->data, r->data_len);
}

static const struct node_error errors[EFP_FILTER_ERR_N] = {
    [EFP_FILTER_ERR_PACKETS] = {"l2_efp_filter", "L2 EFP filter packets", SEVERITY_ERROR},
    [EFP_FILTER_ERR_DROP] = {"drop", "L2 EFP filter post-rewrite drops", SEVERITY_ERROR},
};

static const struct node_def node = {.name = "l2-efp-filter",
                                     .run = NODE_VARIANTS(l2_efp_filter),
                                     .next = {"error-drop"},
                                     .n_next = 1,
                                     .errors = errors,
                                     .errors_by_description = true,
                                     .n_errors = EFP_FILTER_ERR_N,
                                     .format_trace = format_trace};
static const struct node_def *const nodes[] = {&node, NULL};
static const struct feature_def feature = {"l2-output", "l2-efp-filter"};
static const struct feature_def *const features[] = {&feature, NULL};

/* --- module --- */

static int init(struct piste *p, void **state, struct error *e)
{
    struct efp_filter *s = mem_alloc(sizeof(*s));
    (void)e;
    interface_on_event(p, on_interface, s);
    *state = s;
    return 0;
}

static void stop(struct piste *p, void *state)
{
    struct efp_filter *s = state;
    (void)p;
    vec_free(&s->on);
    free(s);
}

static const char *const needs[] = {"interface", "vlan", "l2", NULL};

const struct module efp_filter_module = {
    .abi = MODULE_ABI,
    .name = "efp-filter",
    .description = "Tags checked of what layer 2 sends",
    .needs = needs,
    .nodes = nodes,
    .features = features,
    .commands = commands,
    .init = init,
    .stop = stop,
    .running_config = running_config,
};
