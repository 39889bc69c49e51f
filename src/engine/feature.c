/* Feature arcs: what is enabled on each interface, as chains that packets follow. See feature.h. */
#include "engine/feature.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/engine_internal.h"
#include "engine/feature_internal.h"

#define ARC_STARTS_MAX 16

static struct arc *arc_must_find(const struct engine *e, const char *name)
{
    struct arc *a = feature_arc_get(e, name);
    if (!a)
        panic("no feature arc %s", name);
    return a;
}

/* --- chains --- */

static struct if_features *if_features(struct arc *a, struct if_index i)
{
    while (a->ifs.n <= i.i)
        vec_add(&a->ifs, ((struct if_features){0}));
    return &a->ifs.v[i.i];
}

/* Edge from the arc's start nodes, as far as they exist, to `to`: they all have the same number. */
static int start_edge(struct engine *e, struct arc *a, const struct if_features *f,
                      struct node_index to, u16 *edge, struct error *err)
{
    struct node_index from[ARC_STARTS_MAX];
    u32 n = 0;
    if (f->has_start)
        from[n++] = f->start;
    for (const char *const *s = a->def->start_nodes; s && *s && n < ARC_STARTS_MAX; s++)
        if (node_find(e, *s, &from[n]))
            n++;
    if (!n)
        return error_set(err, ENOENT, "feature arc %s has no start node", a->def->name);
    *edge = node_common_edge(e, from, n, to);
    return 0;
}

static struct node_index slot_node(const struct engine *e, const struct arc *a, u32 slot)
{
    struct node_index n = {0};
    if (!node_find(e, a->slots[slot].def->node, &n))
        panic("feature %s of arc %s has no node", a->slots[slot].def->node, a->def->name);
    return n;
}

/* A packet that waits in this slot may find later that nothing is enabled any more. */
static void make_resume_edge(struct engine *e, struct feature_slot *s, struct node_index from)
{
    if (s->has_resume_edge)
        return;
    s->has_resume_edge = true;
    __atomic_store_n(&s->resume_edge, node_edge(e, from, e->feature_resume), __ATOMIC_RELEASE);
}

static int end_of(struct engine *e, struct arc *a, const struct if_features *f,
                  struct node_index *end, struct error *err)
{
    *end = f->end;
    if (a->def->end_node ? !node_find(e, a->def->end_node, end) : !f->has_end)
        return error_set(err, ENOENT, "feature arc %s has no end on this interface", a->def->name);
    if (a->def->end_node)
        __atomic_store_n(&a->end.i, end->i, __ATOMIC_RELAXED);
    return 0;
}

/* Steps and their nodes in one piece of memory. */
static struct feature_chain *chain_new(const struct arc *a, struct if_index i)
{
    u32 n = a->n_slots + 2;
    struct feature_chain *c =
        mem_alloc(sizeof(*c) + n * (sizeof(c->step[0]) + sizeof(c->nodes[0])));
    c->generation = feature_generation_of(i);
    c->nodes = (u32 *)(void *)&c->step[n];
    for (u32 k = 1; k < n; k++)
        c->step[k].at = feature_at(a->arc.walk + i.i, k, c->generation, a->slots[k].resume_edge);
    return c;
}

static void chain_link(struct feature_chain *c, const struct arc *a, struct if_index i, u32 from,
                       u32 to, u16 edge, struct node_index node, u64 data)
{
    c->step[from] =
        (struct feature_step){feature_at(a->arc.walk + i.i, to, c->generation, edge), data};
    ((u32 *)(uintptr_t)c->nodes)[from] = node.i;
}

static int chain_build(struct engine *e, struct arc *a, struct if_index i, struct if_features *f,
                       struct feature_chain **out, struct error *err)
{
    struct node_index end, at, next;
    u16 edge = 0;
    *out = NULL;
    if (!f->on.n)
        return 0;
    int rc = end_of(e, a, f, &end, err);
    at = slot_node(e, a, f->on.v[0].slot);
    if (!rc)
        rc = start_edge(e, a, f, at, &edge, err);
    if (rc)
        return rc;
    struct feature_chain *c = chain_new(a, i);
    u32 slot = f->on.v[0].slot;
    chain_link(c, a, i, 0, slot, edge, at, f->on.v[0].data);
    for (u32 k = 1; k < f->on.n; k++) {
        u32 to = f->on.v[k].slot;
        next = slot_node(e, a, to);
        chain_link(c, a, i, slot, to, node_edge(e, at, next), next, f->on.v[k].data);
        make_resume_edge(e, &a->slots[slot], at);
        slot = to;
        at = next;
    }
    chain_link(c, a, i, slot, a->n_slots + 1, node_edge(e, at, end), end, 0);
    make_resume_edge(e, &a->slots[slot], at);
    *out = c;
    return 0;
}

static void tell_change(struct arc *a, struct if_index i, bool any)
{
    for (u32 k = 0; k < a->listeners.n; k++)
        a->listeners.v[k].fn(a->listeners.v[k].arg, i, any);
}

static struct feature_chain *chain_exchange(struct arc *a, struct if_index i,
                                            struct feature_chain *new)
{
    return __atomic_exchange_n((struct feature_chain **)&a->arc.chains[i.i], new, __ATOMIC_ACQ_REL);
}

static int chain_publish(struct engine *e, struct arc *a, struct if_index i, struct error *err)
{
    struct feature_chain *new, *old;
    int rc = chain_build(e, a, i, if_features(a, i), &new, err);
    if (rc)
        return rc;
    old = chain_exchange(a, i, new);
    forwarding_changed(e);
    engine_defer_free(e, free, old);
    if (!old != !new)
        tell_change(a, i, new != NULL);
    return 0;
}

/* 0: there is none of that name. */
static u16 feature_slot_of(const struct engine *e, const struct arc *a, const char *node)
{
    struct node_index n;
    for (u16 k = 1; k <= a->n_slots; k++)
        if (!strcmp(a->slots[k].def->node, node))
            return node_find(e, node, &n) ? k : 0;
    return 0;
}

/* Index in f->on, where slot is or would be. */
static u32 feature_position(const struct if_features *f, u16 slot, bool *is_on)
{
    u32 at = 0;
    while (at < f->on.n && f->on.v[at].slot < slot)
        at++;
    *is_on = at < f->on.n && f->on.v[at].slot == slot;
    return at;
}

static bool is_enabled(const struct arc *a, u16 slot, struct if_index i)
{
    bool is_on = false;
    if (slot && i.i < a->ifs.n)
        feature_position(&a->ifs.v[i.i], slot, &is_on);
    return is_on;
}

static void on_insert(struct if_features *f, u32 at, struct feature_on x)
{
    vec_add(&f->on, x);
    memmove(&f->on.v[at + 1], &f->on.v[at], (f->on.n - 1 - at) * sizeof(x));
    f->on.v[at] = x;
}

static int feature_find_slot(const struct engine *e, const char *arc, const char *node,
                             struct if_index i, struct arc **a, u16 *slot, struct error *err)
{
    *a = feature_arc_get(e, arc);
    if (!*a)
        return error_set(err, ENOENT, "no feature arc %s", arc);
    *slot = feature_slot_of(e, *a, node);
    if (!*slot)
        return error_set(err, ENOENT,
                         "Feature (%s) not registered to arc (%s)... See 'show features verbose' "
                         "for valid feature/arc combinations.",
                         node, arc);
    return i.i < FEATURE_IF_MAX ? 0 : error_set(err, EINVAL, "no interface %u", i.i);
}

static int feature_set_enabled(struct engine *e, struct arc *a, u16 slot, struct if_index i,
                               bool enable, u64 data, struct error *err)
{
    struct if_features *f = if_features(a, i);
    bool is_on;
    u32 at = feature_position(f, slot, &is_on);
    if (enable == is_on && (!is_on || f->on.v[at].data == data))
        return 0;
    struct feature_on before = is_on ? f->on.v[at] : (struct feature_on){0};
    if (is_on)
        vec_del(&f->on, at);
    if (enable)
        on_insert(f, at, (struct feature_on){slot, data});
    int rc = chain_publish(e, a, i, err);
    if (rc) { /* as it was */
        if (enable)
            vec_del(&f->on, at);
        if (is_on)
            on_insert(f, at, before);
    }
    return rc;
}

/* Returns whether there was one. */
static bool forget_choice(struct if_features *f, u16 slot, struct feature_choice *was)
{
    for (u32 k = 0; k < f->by_user.n; k++)
        if (f->by_user.v[k].slot == slot) {
            *was = f->by_user.v[k];
            vec_del(&f->by_user, k);
            return true;
        }
    return false;
}

int feature_enable(struct engine *e, const char *arc, const char *node, struct if_index i,
                   bool enable, u64 data, struct error *err)
{
    struct arc *a;
    u16 slot;
    int rc = feature_find_slot(e, arc, node, i, &a, &slot, err);
    if (rc)
        return rc;
    struct feature_choice was;
    forget_choice(if_features(a, i), slot, &was);
    return feature_set_enabled(e, a, slot, i, enable, data, err);
}

int feature_enable_by_user(struct engine *e, const char *arc, const char *node, struct if_index i,
                           bool enable, struct error *err)
{
    struct arc *a;
    u16 slot;
    int rc = feature_find_slot(e, arc, node, i, &a, &slot, err);
    if (rc || is_enabled(a, slot, i) == enable)
        return rc;
    struct if_features *f = if_features(a, i);
    struct feature_choice was = {0}, now = {slot, enable, 0};
    bool again = forget_choice(f, slot, &was), is_on;
    u32 at = feature_position(f, slot, &is_on);
    now.data = is_on ? f->on.v[at].data : 0;
    rc = feature_set_enabled(e, a, slot, i, enable, enable ? was.data : 0, err);
    if (rc && again)
        vec_add(&f->by_user, was);
    if (!rc && !again) /* else it is as modules want it */
        vec_add(&f->by_user, now);
    return rc;
}

void feature_each_by_user(const struct engine *e, struct if_index i,
                          void (*fn)(void *arg, const char *arc, const char *node, bool enabled),
                          void *arg)
{
    for (u32 k = 0; k < e->arcs.n; k++) {
        const struct arc *a = e->arcs.v[k];
        for (u32 j = 0; i.i < a->ifs.n && j < a->ifs.v[i.i].by_user.n; j++) {
            const struct feature_choice *u = &a->ifs.v[i.i].by_user.v[j];
            fn(arg, a->def->name, a->slots[u->slot].def->node, u->on);
        }
    }
}

bool feature_exists(const struct engine *e, const char *arc, const char *node)
{
    struct arc *a = feature_arc_get(e, arc);
    return a && feature_slot_of(e, a, node);
}

bool feature_is_enabled(const struct engine *e, const char *arc, const char *node,
                        struct if_index i)
{
    struct arc *a = feature_arc_get(e, arc);
    return a && is_enabled(a, feature_slot_of(e, a, node), i);
}

void feature_set_start(struct engine *e, const char *arc, struct if_index i,
                       struct node_index start)
{
    struct if_features *f = if_features(arc_must_find(e, arc), i);
    f->start = start;
    f->has_start = true;
}

void feature_set_end(struct engine *e, const char *arc, struct if_index i, struct node_index end)
{
    struct arc *a = arc_must_find(e, arc);
    struct if_features *f = if_features(a, i);
    f->end = end;
    f->has_end = true;
    __atomic_store_n(&a->ends[i.i].i, end.i, __ATOMIC_RELAXED);
}

void feature_on_change(struct engine *e, const char *arc,
                       void (*fn)(void *arg, struct if_index i, bool any), void *arg)
{
    vec_add(&arc_must_find(e, arc)->listeners, ((struct feature_listener){fn, arg}));
}

void feature_forget_interface(struct engine *e, struct if_index i)
{
    feature_generation_next(i);
    for (u32 k = 0; k < e->arcs.n; k++) {
        struct arc *a = e->arcs.v[k];
        if (i.i >= a->ifs.n)
            continue;
        vec_free(&a->ifs.v[i.i].on);
        vec_free(&a->ifs.v[i.i].by_user);
        a->ifs.v[i.i].has_start = a->ifs.v[i.i].has_end = false;
        engine_defer_free(e, free, chain_exchange(a, i, NULL));
    }
}

void feature_each(const struct engine *e, struct if_index i,
                  void (*fn)(void *arg, const char *arc, const char *node, bool enabled), void *arg)
{
    struct node_index n;
    for (u32 k = 0; k < e->arcs.n; k++) {
        struct arc *a = e->arcs.v[k];
        fn(arg, a->def->name, NULL, false);
        for (u16 j = 1; j <= a->n_slots; j++)
            if (node_find(e, a->slots[j].def->node, &n))
                fn(arg, a->def->name, a->slots[j].def->node, !if_is_none(i) && is_enabled(a, j, i));
        if (a->def->end_node)
            fn(arg, a->def->name, a->def->end_node, false);
    }
}
