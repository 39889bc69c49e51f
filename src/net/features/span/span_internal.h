#pragma once

#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "engine/feature.h"
#include "net/features/span/span.h"

#define SPAN_TARGETS_MAX 16 /* of one interface, layer and direction */

enum { SPAN_ERR_COPIES, SPAN_ERR_NO_BUFFER, SPAN_ERR_N };

/* What a node knows of an interface: who gets copies. Replaced as a whole; the feature's word
 * points to it. */
struct span_targets {
    u32 n;
    bool by_sub; /* some are only for frames that a sub-interface takes */
    struct {
        struct if_index interface;
        struct if_index only; /* the sub-interface; IF_NONE: all */
        u16 edge;
    } to[];
};

/* What the arc of a layer and direction has for an interface now. */
struct span_active {
    struct if_index from;
    enum span_layer layer;
    u32 direction;
    struct span_targets *targets;
};

struct span_entries {
    struct span_entry *v;
    u32 n, cap;
};

struct span {
    struct span_entries entries;
    VEC(struct span_active) active;
};

struct span *span_of(const struct piste *p);

/* --- for the record in span_module.c --- */
extern const char span_module_name[];
extern const struct api_handler span_api[];
extern const struct cli_command span_commands[];
int span_init(struct piste *p, void **state, struct error *e);
void span_stop(struct piste *p, void *state);
void span_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
