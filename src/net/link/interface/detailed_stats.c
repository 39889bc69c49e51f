/* The control side of stats-collect-rx and stats-collect-tx. Source: VPP's commands, messages and
 * counters. */
#include "net/link/interface/detailed_stats.h"

#include "net/link/interface/detailed_stats_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "api/api_interface.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "engine/feature.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"

static struct log_class log_class = {"interface", "detailed-stats"};

struct detailed_stats {
    bool all; /* those to come, too */
    VEC(struct if_index) on;
};

const char detailed_stats_module_name[] = "detailed-stats";

static struct detailed_stats *detailed_stats_state_of(const struct piste *p)
{
    return module_state(p, detailed_stats_module_name);
}

/* Place of i in the list, or its length. */
static u32 detailed_stats_place_of(const struct detailed_stats *s, struct if_index i)
{
    u32 k = 0;
    while (k < s->on.n && !if_equal(s->on.v[k], i))
        k++;
    return k;
}

/* Frames of a sub-interface are those of its port. */
static bool has_frames(const struct interface *f)
{
    return f->has_mac && !f->cls->is_ip && f->cls->tx && !f->super;
}

static int detailed_stats_switch(struct piste *p, struct detailed_stats *s,
                                 const struct interface *f, bool on, struct error *e)
{
    struct engine *engine = engine_of(p);
    u32 k = detailed_stats_place_of(s, f->index);
    if (on == (k < s->on.n))
        return 0;
    int rc = feature_enable(engine, "device-input", "stats-collect-rx", f->index, on, 0, e);
    if (!rc)
        rc = feature_enable(engine, "interface-output", "stats-collect-tx", f->index, on, 0, e);
    if (rc)
        return rc;
    if (on)
        vec_add(&s->on, f->index);
    else
        vec_del(&s->on, k);
    return 0;
}

/* Of one interface; -EOPNOTSUPP when it has no Ethernet frames of its own. */
static int detailed_stats_set(struct piste *p, struct if_index i, bool on, struct error *e)
{
    const struct interface *f = interface_at(p, i);
    if (!f)
        return error_set(e, ENODEV, "no such interface");
    if (!has_frames(f))
        return error_set(e, EOPNOTSUPP, "%s has no Ethernet frames of its own", f->name);
    return detailed_stats_switch(p, detailed_stats_state_of(p), f, on, e);
}

/* Of all that can, also those to come. */
static int detailed_stats_set_all(struct piste *p, bool on, struct error *e)
{
    struct detailed_stats *s = detailed_stats_state_of(p);
    struct interface *f;
    int rc = 0;
    for (u32 i = 0; !rc && (f = interface_next(p, i)); i = f->index.i + 1)
        if (has_frames(f))
            rc = detailed_stats_switch(p, s, f, on, e);
    if (!rc)
        s->all = on;
    return rc;
}

static void detailed_stats_on_interface(struct piste *p, struct interface *f, enum if_event ev,
                                        void *arg)
{
    struct detailed_stats *s = arg;
    u32 k = detailed_stats_place_of(s, f->index);
    struct error e;
    if (ev == IF_EVENT_DELETE && k < s->on.n)
        vec_del(&s->on, k); /* its features go with it */
    if (ev == IF_EVENT_NEW && s->all && has_frames(f) && detailed_stats_switch(p, s, f, true, &e))
        log_warn(&log_class, "%s: %s", f->name, e.text);
}

/* --- commands and messages --- */

static int detailed_stats_collect(struct cli_call *c)
{
    const struct interface *f = cli_interface(c, "interface");
    bool on = cli_has(c, "enable");
    return f ? detailed_stats_set(c->piste, f->index, on, c->err)
             : detailed_stats_set_all(c->piste, on, c->err);
}

const struct cli_command detailed_stats_commands[] = {
    {"interface collect detailed-stats ( enable | disable ) [<interface>]",
     "Counts unicast, multicast and broadcast apart", detailed_stats_collect, 0},
    {0},
};

static void collect_message(struct api_call *c)
{
    const struct api_collect_detailed_interface_stats *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (m->sw_if_index == UINT32_MAX)
        api_reply_errno(c, detailed_stats_set_all(c->piste, m->enable_disable, NULL));
    else if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        api_reply_errno(c, detailed_stats_set(c->piste, f->index, m->enable_disable, NULL));
}

const struct api_handler detailed_stats_api[] = {
    {&api_message_collect_detailed_interface_stats, collect_message},
    {0},
};

void detailed_stats_running_config(struct piste *p, void *state, enum rc_phase phase,
                                   struct text *t)
{
    const struct detailed_stats *s = state;
    struct interface *f;
    if (phase == RC_GLOBAL && s->all)
        text_puts(t, "interface collect detailed-stats enable\n");
    for (f = interface_next_written(p, NULL); phase == RC_INTERFACE && f;
         f = interface_next_written(p, f)) {
        bool on = detailed_stats_place_of(s, f->index) < s->on.n;
        if (has_frames(f) && on != s->all)
            text_add(t, "interface collect detailed-stats %s %s\n", on ? "enable" : "disable",
                     f->name);
    }
}

/* --- life --- */

int detailed_stats_init(struct piste *p, void **state, struct error *e)
{
    struct detailed_stats *s = mem_alloc(sizeof(*s));
    interface_on_event(p, detailed_stats_on_interface, s);
    *state = s;
    return 0;
}

void detailed_stats_stop(struct piste *p, void *state)
{
    struct detailed_stats *s = state;
    vec_free(&s->on);
    free(s);
}
