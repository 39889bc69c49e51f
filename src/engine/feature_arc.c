/* Feature arcs: which there are, and the slots of their features in order. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/engine_internal.h"
#include "engine/feature_internal.h"

struct arc *feature_arc_get(const struct engine *e, const char *name)
{
    for (u32 i = 0; i < e->arcs.n; i++)
        if (!strcmp(e->arcs.v[i]->def->name, name))
            return e->arcs.v[i];
    return NULL;
}

const struct feature_arc *feature_arc_find(const struct engine *e, const char *arc)
{
    struct arc *a = feature_arc_get(e, arc);
    return a ? &a->arc : NULL;
}

static int arc_add(struct engine *e, const struct feature_arc_def *def, struct error *err)
{
    struct feature_order order;
    if (feature_arc_get(e, def->name))
        return error_set(err, EEXIST, "there is a feature arc %s already", def->name);
    int rc = feature_order_init(&order, def, err);
    if (rc)
        return rc;
    struct arc *a = mem_alloc(sizeof(*a));
    *a = (struct arc){.def = def, .order = order};
    rc = feature_walk_new(a, err);
    if (rc) {
        feature_order_fini(&a->order);
        free(a);
        return rc;
    }
    if (!def->end_node)
        a->ends = mem_reserve(&a->ends_map, def->name, FEATURE_IF_MAX * sizeof(*a->ends));
    vec_add(&e->arcs, a);
    return 0;
}

static void arc_free(struct arc *a)
{
    for (u32 i = 0; i < a->ifs.n; i++) {
        free((void *)a->arc.chains[i]);
        a->arc.chains[i] = NULL;
        vec_free(&a->ifs.v[i].on);
        vec_free(&a->ifs.v[i].by_user);
    }
    vec_free(&a->ifs);
    vec_free(&a->listeners);
    feature_order_fini(&a->order);
    mem_map_free(&a->ends_map);
    feature_walk_free(a);
    free(a->slots);
    free(a);
}

void feature_fini(struct engine *e)
{
    for (u32 k = 0; k < e->arcs.n; k++)
        arc_free(e->arcs.v[k]);
    vec_free(&e->arcs);
    for (u32 k = 0; k < e->feature_faults.n; k++)
        free(e->feature_faults.v[k].text);
    vec_free(&e->feature_faults);
    vec_free(&e->features_pending);
}

/* --- registration --- */

static void feature_refuse(struct engine *e, const void *def, const struct error *err)
{
    vec_add(&e->feature_faults, ((struct feature_fault){def, mem_strdup(err->text)}));
}

/* Slots are numbered when all features are there: nothing is enabled before. */
static void number_slots(struct arc *a)
{
    a->n_slots = 0;
    free(a->slots);
    a->slots = mem_alloc((a->order.places.n + 2) * sizeof(*a->slots));
    for (u32 i = 0; i < a->order.places.n; i++)
        if (a->order.places.v[i].def)
            a->slots[++a->n_slots].def = a->order.places.v[i].def;
    if (a->n_slots > FEATURE_SLOTS_MAX)
        panic("feature arc %s has more than %u features", a->def->name, FEATURE_SLOTS_MAX);
}

/* Returns whether the feature is dealt with: it has its place, or never will have one. */
static bool feature_place_in_order(struct engine *e, const struct feature_def *f, bool last_try)
{
    struct error err;
    struct arc *a = feature_arc_get(e, f->arc);
    int rc = a ? feature_order_add(&a->order, f, &err)
               : error_set(&err, ENOENT, "feature %s: no feature arc %s", f->node, f->arc);
    if (rc && (rc != -ENOENT || last_try)) {
        feature_refuse(e, f, &err);
        return true;
    }
    return !rc;
}

void feature_register(struct engine *e, const struct feature_arc_def *const *arcs,
                      const struct feature_def *const *features)
{
    struct error err;
    for (; arcs && *arcs; arcs++)
        if (arc_add(e, *arcs, &err))
            feature_refuse(e, *arcs, &err);
    for (; features && *features; features++)
        vec_add(&e->features_pending, *features);
}

void feature_place_all(struct engine *e)
{
    bool more = true, last_try = false;
    while (e->features_pending.n) {
        last_try = !more; /* what is left names what is not there */
        more = false;
        for (u32 i = 0; i < e->features_pending.n;) {
            if (!feature_place_in_order(e, e->features_pending.v[i], last_try)) {
                i++;
                continue;
            }
            vec_del(&e->features_pending, i);
            more = true;
        }
    }
    for (u32 k = 0; k < e->arcs.n; k++)
        number_slots(e->arcs.v[k]);
}

int feature_check(const struct engine *e, const struct feature_arc_def *const *arcs,
                  const struct feature_def *const *features, struct error *err)
{
    for (u32 k = 0; k < e->feature_faults.n; k++) {
        const struct feature_fault *fault = &e->feature_faults.v[k];
        for (u32 i = 0; arcs && arcs[i]; i++)
            if (arcs[i] == fault->def)
                return error_set(err, EINVAL, "%s", fault->text);
        for (u32 i = 0; features && features[i]; i++)
            if (features[i] == fault->def)
                return error_set(err, EINVAL, "%s", fault->text);
    }
    return 0;
}
