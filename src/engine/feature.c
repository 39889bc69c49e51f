/* Feature arcs: ordering, and building of chains. See feature.h. */
#include "engine/feature.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/engine_internal.h"

#define FEATURE_IF_MAX 65536u
#define ARC_STARTS_MAX 16

struct enabled {
    u32 feature; /* index into arc->features */
    u64 data;
};

struct if_features {
    VEC(struct enabled) on;
    struct node_index start, end;
    bool has_start, has_end;
};

struct change_listener {
    void (*fn)(void *arg, struct if_index i, bool any);
    void *arg;
};

struct arc {
    struct feature_arc arc; /* what data paths see */
    const struct feature_arc_def *def;
    VEC(const struct feature_def *) features; /* in walking order */
    VEC(struct if_features) ifs;
    VEC(struct change_listener) listeners;
    struct mem_map map;
};

static struct arc *arc_find(const struct engine *e, const char *name)
{
    for (u32 i = 0; i < e->arcs.n; i++)
        if (!strcmp(e->arcs.v[i]->def->name, name))
            return e->arcs.v[i];
    return NULL;
}

const struct feature_arc *feature_arc_find(const struct engine *e, const char *arc)
{
    struct arc *a = arc_find(e, arc);
    return a ? &a->arc : NULL;
}

static void arc_add(struct engine *e, const struct feature_arc_def *def)
{
    struct arc *a = mem_alloc(sizeof(*a));
    struct mem_page_size page = {.kind = MEM_PAGE_DEFAULT};
    struct error err;
    if (arc_find(e, def->name))
        panic("feature arc %s registered twice", def->name);
    if (mem_map_new(&a->map, def->name, FEATURE_IF_MAX * sizeof(void *), page, false, &err))
        panic("feature arc %s: %s", def->name, err.text);
    a->def = def;
    a->arc.chains = a->map.base;
    a->arc.id = e->arcs.n;
    vec_add(&e->arcs, a);
}

static bool name_in(const char *const *list, const char *name)
{
    for (; list && *list; list++)
        if (!strcmp(*list, name))
            return true;
    return false;
}

/* Whether a must be walked before b. */
static bool must_precede(const struct feature_def *a, const struct feature_def *b)
{
    return name_in(a->before, b->node) || name_in(b->after, a->node);
}

/* Stable topological order: of those that nothing remaining must precede, the one registered first.
 */
static void arc_sort(struct arc *a)
{
    VEC(const struct feature_def *) left = {0}, sorted = {0};
    for (u32 i = 0; i < a->features.n; i++)
        vec_add(&left, a->features.v[i]);
    while (left.n) {
        u32 pick = left.n;
        for (u32 i = 0; i < left.n && pick == left.n; i++) {
            bool first = true;
            for (u32 k = 0; k < left.n && first; k++)
                first = k == i || !must_precede(left.v[k], left.v[i]);
            if (first)
                pick = i;
        }
        if (pick == left.n)
            panic("features of arc %s have a circular order at %s", a->def->name, left.v[0]->node);
        vec_add(&sorted, left.v[pick]);
        vec_del(&left, pick);
    }
    if (sorted.n)
        memcpy(a->features.v, sorted.v, sorted.n * sizeof(sorted.v[0]));
    vec_free(&left);
    vec_free(&sorted);
}

/* Enabled features keep naming the same feature when the order of the arc changes. */
static void arc_insert(struct arc *a, const struct feature_def *f)
{
    u32 n = a->features.n;
    const struct feature_def **old = mem_alloc((n + 1) * sizeof(*old));
    if (n)
        memcpy(old, a->features.v, n * sizeof(*old));
    vec_add(&a->features, f);
    arc_sort(a);
    for (u32 i = 0; i < a->ifs.n; i++)
        for (u32 k = 0; k < a->ifs.v[i].on.n; k++)
            for (u32 j = 0; j <= n; j++)
                if (a->features.v[j] == old[a->ifs.v[i].on.v[k].feature]) {
                    a->ifs.v[i].on.v[k].feature = j;
                    break;
                }
    free(old);
}

void feature_register(struct engine *e, const struct feature_arc_def *const *arcs,
                      const struct feature_def *const *features)
{
    for (; arcs && *arcs; arcs++)
        arc_add(e, *arcs);
    for (; features && *features; features++)
        vec_add(&e->features_pending, *features);
    feature_resolve(e);
}

/* Puts features on their arcs as soon as the arc and the node exist. */
void feature_resolve(struct engine *e)
{
    for (u32 i = 0; i < e->features_pending.n;) {
        const struct feature_def *f = e->features_pending.v[i];
        struct node_index n;
        struct arc *a = arc_find(e, f->arc);
        if (!a || !node_find(e, f->node, &n)) {
            i++;
            continue;
        }
        vec_del(&e->features_pending, i);
        arc_insert(a, f);
    }
}

static struct if_features *if_features(struct arc *a, struct if_index i)
{
    while (a->ifs.n <= i.i)
        vec_add(&a->ifs, ((struct if_features){0}));
    return &a->ifs.v[i.i];
}

static int by_feature(const void *x, const void *y)
{
    const struct enabled *a = x, *b = y;
    return a->feature < b->feature ? -1 : a->feature > b->feature;
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

static int chain_build(struct engine *e, struct arc *a, struct if_features *f,
                       struct feature_chain **out, struct error *err)
{
    *out = NULL;
    if (!f->on.n)
        return 0;
    struct feature_chain *c = mem_alloc(sizeof(*c));
    if (f->on.n >= array_len(c->next)) {
        free(c);
        return error_set(err, ENOSPC, "at most %zu features on arc %s of one interface",
                         array_len(c->next) - 1, a->def->name);
    }
    struct node_index end = f->end, at = {0}, to;
    if (a->def->end_node ? !node_find(e, a->def->end_node, &end) : !f->has_end) {
        free(c);
        return error_set(err, ENOENT, "feature arc %s has no end on this interface", a->def->name);
    }
    for (u32 k = 0; k <= f->on.n; k++) {
        int rc = 0;
        to = end;
        if (k < f->on.n)
            node_find(e, a->features.v[f->on.v[k].feature]->node, &to);
        if (k)
            c->next[k] = node_edge(e, at, to);
        else
            rc = start_edge(e, a, f, to, &c->next[0], err);
        if (rc) {
            free(c);
            return rc;
        }
        if (k < f->on.n)
            c->data[k] = f->on.v[k].data;
        at = to;
    }
    c->n = (u16)(f->on.n + 1);
    *out = c;
    return 0;
}

static void tell_change(struct arc *a, struct if_index i, bool any)
{
    for (u32 k = 0; k < a->listeners.n; k++)
        a->listeners.v[k].fn(a->listeners.v[k].arg, i, any);
}

static int chain_publish(struct engine *e, struct arc *a, struct if_index i, struct error *err)
{
    struct feature_chain *new, *old;
    int rc = chain_build(e, a, if_features(a, i), &new, err);
    if (rc)
        return rc;
    old = __atomic_exchange_n((struct feature_chain **)&a->arc.chains[i.i], new, __ATOMIC_ACQ_REL);
    if (old)
        engine_defer_free(e, free, old);
    if (!old != !new)
        tell_change(a, i, new != NULL);
    return 0;
}

static int feature_index(struct arc *a, const char *node, u32 *out)
{
    for (*out = 0; *out < a->features.n; (*out)++)
        if (!strcmp(a->features.v[*out]->node, node))
            return 0;
    return -ENOENT;
}

int feature_enable(struct engine *e, const char *arc, const char *node, struct if_index i,
                   bool enable, u64 data, struct error *err)
{
    struct arc *a = arc_find(e, arc);
    u32 feature;
    if (!a)
        return error_set(err, ENOENT, "no feature arc %s", arc);
    if (feature_index(a, node, &feature))
        return error_set(err, ENOENT, "no feature %s on arc %s", node, arc);
    if (i.i >= FEATURE_IF_MAX)
        return error_set(err, EINVAL, "no interface %u", i.i);
    struct if_features *f = if_features(a, i);
    u32 at = 0;
    while (at < f->on.n && f->on.v[at].feature != feature)
        at++;
    bool is_on = at < f->on.n;
    if (enable == is_on && (!is_on || f->on.v[at].data == data))
        return 0;
    struct enabled before = is_on ? f->on.v[at] : (struct enabled){feature, data};
    if (is_on)
        vec_del(&f->on, at);
    if (enable) {
        vec_add(&f->on, ((struct enabled){feature, data}));
        qsort(f->on.v, f->on.n, sizeof(f->on.v[0]), by_feature);
    }
    int rc = chain_publish(e, a, i, err);
    if (rc) { /* as it was */
        for (at = 0; enable && at < f->on.n; at++)
            if (f->on.v[at].feature == feature)
                vec_del(&f->on, at);
        if (is_on)
            vec_add(&f->on, before);
        qsort(f->on.v, f->on.n, sizeof(f->on.v[0]), by_feature);
    }
    return rc;
}

bool feature_exists(const struct engine *e, const char *arc, const char *node)
{
    struct arc *a = arc_find(e, arc);
    u32 feature;
    return a && !feature_index(a, node, &feature);
}

bool feature_is_enabled(const struct engine *e, const char *arc, const char *node,
                        struct if_index i)
{
    struct arc *a = arc_find(e, arc);
    u32 feature;
    if (!a || feature_index(a, node, &feature) || i.i >= a->ifs.n)
        return false;
    for (u32 k = 0; k < a->ifs.v[i.i].on.n; k++)
        if (a->ifs.v[i.i].on.v[k].feature == feature)
            return true;
    return false;
}

void feature_set_start(struct engine *e, const char *arc, struct if_index i,
                       struct node_index start)
{
    struct arc *a = arc_find(e, arc);
    if (!a)
        panic("no feature arc %s", arc);
    struct if_features *f = if_features(a, i);
    f->start = start;
    f->has_start = true;
}

void feature_set_end(struct engine *e, const char *arc, struct if_index i, struct node_index end)
{
    struct arc *a = arc_find(e, arc);
    if (!a)
        panic("no feature arc %s", arc);
    struct if_features *f = if_features(a, i);
    f->end = end;
    f->has_end = true;
}

void feature_on_change(struct engine *e, const char *arc,
                       void (*fn)(void *arg, struct if_index i, bool any), void *arg)
{
    struct arc *a = arc_find(e, arc);
    if (!a)
        panic("no feature arc %s", arc);
    vec_add(&a->listeners, ((struct change_listener){fn, arg}));
}

void feature_forget_interface(struct engine *e, struct if_index i)
{
    for (u32 k = 0; k < e->arcs.n; k++) {
        struct arc *a = e->arcs.v[k];
        if (i.i >= a->ifs.n)
            continue;
        vec_free(&a->ifs.v[i.i].on);
        a->ifs.v[i.i].has_start = a->ifs.v[i.i].has_end = false;
        struct feature_chain *old = __atomic_exchange_n(
            (struct feature_chain **)&a->arc.chains[i.i], NULL, __ATOMIC_ACQ_REL);
        if (old)
            engine_defer_free(e, free, old);
    }
}

void feature_each(const struct engine *e, struct if_index i,
                  void (*fn)(void *arg, const char *arc, const char *node, bool enabled), void *arg)
{
    for (u32 k = 0; k < e->arcs.n; k++) {
        struct arc *a = e->arcs.v[k];
        fn(arg, a->def->name, NULL, false);
        for (u32 j = 0; j < a->features.n; j++)
            fn(arg, a->def->name, a->features.v[j]->node,
               !if_is_none(i) && feature_is_enabled(e, a->def->name, a->features.v[j]->node, i));
        if (a->def->end_node)
            fn(arg, a->def->name, a->def->end_node, false);
    }
}

void feature_fini(struct engine *e)
{
    for (u32 k = 0; k < e->arcs.n; k++) {
        struct arc *a = e->arcs.v[k];
        for (u32 i = 0; i < a->ifs.n; i++) {
            free((void *)a->arc.chains[i]);
            vec_free(&a->ifs.v[i].on);
        }
        vec_free(&a->ifs);
        vec_free(&a->features);
        vec_free(&a->listeners);
        mem_map_free(&a->map);
        free(a);
    }
    vec_free(&e->arcs);
    vec_free(&e->features_pending);
}
