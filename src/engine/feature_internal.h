/* What the files of feature arcs share: arcs and registration (feature_arc.c), walks and packets
 * that come back to them (feature_walk.c), chains (feature.c). */
#pragma once

#include "base/mem.h"
#include "base/vec.h"
#include "engine/feature.h"
#include "engine/feature_order.h"

struct feature_on {
    u16 slot;
    u64 data;
};

struct feature_choice {
    u16 slot;
    bool on;
    u64 data; /* what it was enabled with before, if it is disabled now */
};

struct if_features {
    VEC(struct feature_on) on;          /* by slot */
    VEC(struct feature_choice) by_user; /* not changed by a module since */
    struct node_index start, end;
    bool has_start, has_end;
};

struct feature_listener {
    void (*fn)(void *arg, struct if_index i, bool any);
    void *arg;
};

struct feature_slot {
    const struct feature_def *def;
    u16 resume_edge; /* to feature-resume, once it was enabled anywhere; read by data threads */
    bool has_resume_edge;
};

struct arc {
    struct feature_arc arc; /* what data paths see */
    const struct feature_arc_def *def;
    struct feature_order order;
    struct feature_slot *slots; /* 1..n_slots, in walking order; 0 is the start, one more the end */
    u32 n_slots;
    VEC(struct if_features) ifs;
    VEC(struct feature_listener) listeners;
    struct node_index end;   /* of all interfaces; or, by interface: */
    struct node_index *ends; /* read by data threads */
    struct mem_map ends_map;
};

/* --- feature_arc.c --- */

struct arc *feature_arc_get(const struct engine *e, const char *name); /* NULL: there is none */

/* --- feature_walk.c --- */

/* Gives the arc its walks; they are its own until feature_walk_free. */
int feature_walk_new(struct arc *a, struct error *err) MUST_CHECK;
void feature_walk_free(struct arc *a);
/* Of an interface's index: how often it has changed hands. Any thread. */
u16 feature_generation_of(struct if_index i);
/* What packets that wait in an arc remember of i is of nobody any more. */
void feature_generation_next(struct if_index i);
