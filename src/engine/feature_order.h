/* The order of one arc's slots: those it declares, and features that say where they stand among
 * them. */
#pragma once

#include "base/error.h"
#include "base/vec.h"
#include "engine/feature.h"

struct order_place {
    const char *name;              /* of the node */
    const struct feature_def *def; /* NULL: no module has it */
};

struct feature_order {
    const struct feature_arc_def *arc;
    VEC(struct order_place) places; /* in walking order */
};

/* -EEXIST: a slot comes twice. */
int feature_order_init(struct feature_order *o, const struct feature_arc_def *arc,
                       struct error *e) MUST_CHECK;
void feature_order_fini(struct feature_order *o);
/* -ENOENT: it names what is not there (yet: another plugin's feature); -EEXIST: it is there;
 * -EINVAL: it says nothing, or cannot stand where it wants to. The sentence names all of it. */
int feature_order_add(struct feature_order *o, const struct feature_def *f,
                      struct error *e) MUST_CHECK;
