/* See feature_order.h. */
#include "engine/feature_order.h"

#include <errno.h>

#define NOWHERE UINT32_MAX

static u32 feature_order_place_of(const struct feature_order *o, const char *name)
{
    for (u32 i = 0; i < o->places.n; i++)
        if (!strcmp(o->places.v[i].name, name))
            return i;
    return NOWHERE;
}

int feature_order_init(struct feature_order *o, const struct feature_arc_def *arc, struct error *e)
{
    *o = (struct feature_order){.arc = arc};
    for (const char *const *s = arc->slots; s && *s; s++) {
        if (feature_order_place_of(o, *s) != NOWHERE) {
            feature_order_fini(o);
            return error_set(e, EEXIST, "feature arc %s has two slots %s", arc->name, *s);
        }
        vec_add(&o->places, ((struct order_place){.name = *s}));
    }
    return 0;
}

void feature_order_fini(struct feature_order *o)
{
    vec_free(&o->places);
}

/* Places from *first to *last are those behind all of `after` and before all of `before`. */
static int find_room(const struct feature_order *o, const struct feature_def *f, u32 *first,
                     u32 *last, struct error *e)
{
    *first = 0;
    *last = o->places.n;
    for (const char *const *s = f->after; s && *s; s++) {
        u32 i = feature_order_place_of(o, *s);
        if (i == NOWHERE)
            return error_set(e, ENOENT, "feature %s stands after %s, which is not on arc %s",
                             f->node, *s, f->arc);
        *first = (u32)max_u64(*first, i + 1);
    }
    for (const char *const *s = f->before; s && *s; s++) {
        u32 i = feature_order_place_of(o, *s);
        bool is_end = o->arc->end_node && !strcmp(*s, o->arc->end_node);
        if (i == NOWHERE && !is_end)
            return error_set(e, ENOENT, "feature %s stands before %s, which is not on arc %s",
                             f->node, *s, f->arc);
        *last = (u32)min_u64(*last, is_end ? o->places.n : i);
    }
    if (*first > *last)
        return error_set(e, EINVAL, "feature %s of arc %s wants to stand after %s and before %s",
                         f->node, f->arc, o->places.v[*first - 1].name, o->places.v[*last].name);
    return 0;
}

int feature_order_add(struct feature_order *o, const struct feature_def *f, struct error *e)
{
    bool says = (f->before && *f->before) || (f->after && *f->after);
    u32 first, last, slot = feature_order_place_of(o, f->node);
    if (slot != NOWHERE && o->places.v[slot].def)
        return error_set(e, EEXIST, "arc %s has a feature %s already", f->arc, f->node);
    if (slot != NOWHERE && says)
        return error_set(e, EINVAL, "feature %s has its slot on arc %s, and cannot stand elsewhere",
                         f->node, f->arc);
    if (slot != NOWHERE) {
        o->places.v[slot].def = f;
        return 0;
    }
    if (!says)
        return error_set(e, EINVAL,
                         "arc %s has no slot %s, and the feature does not say where it stands",
                         f->arc, f->node);
    int rc = find_room(o, f, &first, &last, e);
    if (rc)
        return rc;
    u32 at = f->before && *f->before ? last : first;
    vec_add(&o->places, ((struct order_place){0}));
    memmove(&o->places.v[at + 1], &o->places.v[at],
            (o->places.n - 1 - at) * sizeof(o->places.v[0]));
    o->places.v[at] = (struct order_place){f->node, f};
    return 0;
}
