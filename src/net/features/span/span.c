#include "net/features/span/span.h"

#include <errno.h>
#include <stdlib.h>

#include "control/module.h"
#include "net/link/interface/interface.h"
#include "net/features/span/span_internal.h"

static const struct {
    const char *arc, *node;
} points[SPAN_LAYERS][2] = {
    [SPAN_DEVICE] = {{"device-input", "span-input"}, {"interface-output", "span-output"}},
    [SPAN_L2] = {{"l2-input", "span-l2-input"}, {"l2-output", "span-l2-output"}},
};

const char span_module_name[] = "span";

struct span *span_of(const struct piste *p)
{
    return module_state(p, span_module_name);
}

/* On whose arc packets of an interface are seen: devices receive for their sub-interfaces. */
static struct if_index span_seen_on(const struct piste *p, struct if_index from,
                                    enum span_layer layer, u32 direction)
{
    const struct interface *f = interface_at(p, from);
    return layer == SPAN_DEVICE && direction == SPAN_RX && f->super ? f->super->index : from;
}

static struct span_targets *targets_of(struct piste *p, const struct span *s, struct if_index on,
                                       enum span_layer layer, u32 direction)
{
    struct span_targets *t = mem_alloc(sizeof(*t) + s->entries.n * sizeof(t->to[0]));
    struct node_index node;
    if (!node_find(engine_of(p), points[layer][direction == SPAN_TX].node, &node))
        return t;
    for (u32 i = 0; i < s->entries.n; i++) {
        const struct span_entry *x = &s->entries.v[i];
        if (!(x->directions[layer] & direction) ||
            !if_equal(span_seen_on(p, x->from, layer, direction), on))
            continue;
        bool sub = !if_equal(x->from, on);
        t->by_sub |= sub;
        t->to[t->n].interface = x->to;
        t->to[t->n].only = sub ? x->from : IF_NONE;
        t->to[t->n++].edge = node_edge(engine_of(p), node, interface_at(p, x->to)->output_node);
    }
    return t;
}

/* Brings the arc in line with the entries. */
static int span_publish(struct piste *p, struct span *s, struct if_index from,
                        enum span_layer layer, u32 direction, struct error *e)
{
    struct engine *engine = engine_of(p);
    struct span_targets *new = targets_of(p, s, from, layer, direction), *old = NULL;
    bool on = new->n;
    int rc = feature_enable(engine, points[layer][direction == SPAN_TX].arc,
                            points[layer][direction == SPAN_TX].node, from, on,
                            on ? (u64)(uintptr_t) new : 0, e);
    if (rc || !on) {
        free(new);
        new = NULL;
    }
    if (rc)
        return rc;
    for (u32 i = 0; i < s->active.n; i++) {
        struct span_active *a = &s->active.v[i];
        if (if_equal(a->from, from) && a->layer == layer && a->direction == direction) {
            old = a->targets;
            vec_del(&s->active, i);
            break;
        }
    }
    if (on)
        vec_add(&s->active, ((struct span_active){from, layer, direction, new}));
    engine_defer_free(engine, free, old);
    return 0;
}

static int publish_both(struct piste *p, struct span *s, struct if_index from,
                        enum span_layer layer, struct error *e)
{
    int rc = span_publish(p, s, span_seen_on(p, from, layer, SPAN_RX), layer, SPAN_RX, e);
    return rc ? rc : span_publish(p, s, from, layer, SPAN_TX, e);
}

static struct span_entry *span_entry_of(struct span *s, struct if_index from, struct if_index to)
{
    for (u32 i = 0; i < s->entries.n; i++)
        if (if_equal(s->entries.v[i].from, from) && if_equal(s->entries.v[i].to, to))
            return &s->entries.v[i];
    vec_add(&s->entries, ((struct span_entry){.from = from, .to = to}));
    return &s->entries.v[s->entries.n - 1];
}

static struct span_entries entries_copy(const struct span_entries *from)
{
    struct span_entries to = {0};
    for (u32 i = 0; i < from->n; i++)
        vec_add(&to, from->v[i]);
    return to;
}

static void drop_empty(struct span *s)
{
    for (u32 i = s->entries.n; i-- > 0;)
        if (!s->entries.v[i].directions[SPAN_DEVICE] && !s->entries.v[i].directions[SPAN_L2])
            vec_del(&s->entries, i);
}

int span_set(struct piste *p, struct if_index from, struct if_index to, enum span_layer layer,
             u32 directions, struct error *e)
{
    struct span *s = span_of(p);
    if (if_equal(from, to) || (directions && if_is_none(to)))
        return error_set(e, EINVAL, "Invalid interface");
    if (!if_is_none(to) && !interface_at(p, to)->cls->tx)
        return error_set(e, EINVAL, "%s cannot send", interface_at(p, to)->name);
    u32 n = 0;
    for (u32 i = 0; i < s->entries.n; i++)
        n += if_equal(s->entries.v[i].from, from) && !if_equal(s->entries.v[i].to, to) &&
             s->entries.v[i].directions[layer];
    if (directions && n >= SPAN_TARGETS_MAX)
        return error_set(e, ENOSPC, "at most %d destinations", SPAN_TARGETS_MAX);
    struct span_entries before = entries_copy(&s->entries);
    for (u32 i = 0; if_is_none(to) && i < s->entries.n; i++)
        if (if_equal(s->entries.v[i].from, from))
            s->entries.v[i].directions[layer] = 0;
    if (!if_is_none(to))
        span_entry_of(s, from, to)->directions[layer] = (u8)directions;
    drop_empty(s);
    int rc = publish_both(p, s, from, layer, e);
    if (rc) { /* as it was: what was published once can be again */
        vec_free(&s->entries);
        s->entries = before;
        (void)!publish_both(p, s, from, layer, NULL);
    } else {
        vec_free(&before);
    }
    return rc;
}

const struct span_entry *span_at(const struct piste *p, u32 k)
{
    const struct span *s = span_of(p);
    return k < s->entries.n ? &s->entries.v[k] : NULL;
}

static void span_on_event(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    struct span *s = arg;
    struct error e;
    if (ev != IF_EVENT_DELETE)
        return;
    for (u32 i = s->entries.n; i-- > 0;) {
        struct if_index from = s->entries.v[i].from;
        if (!if_equal(from, f->index) && !if_equal(s->entries.v[i].to, f->index))
            continue;
        vec_del(&s->entries, i);
        for (u32 layer = 0; layer < SPAN_LAYERS; layer++)
            if (publish_both(p, s, from, (enum span_layer)layer, &e)) {
                /* it goes with the interface */
            }
    }
}

/* --- commands --- */

/* --- nodes --- */

/* --- module --- */

int span_init(struct piste *p, void **state, struct error *e)
{
    struct span *s = mem_alloc(sizeof(*s));
    interface_on_event(p, span_on_event, s);
    *state = s;
    return 0;
}

void span_stop(struct piste *p, void *state)
{
    struct span *s = state;
    for (u32 i = 0; i < s->active.n; i++)
        free(s->active.v[i].targets);
    vec_free(&s->active);
    vec_free(&s->entries);
    free(s);
}
