#pragma once

#include "base/vec.h"
#include "control/api.h"
#include "engine/feature.h"
#include "net/features/span/span.h"

#define SPAN_TARGETS_MAX 16 /* of one interface, layer and direction */

enum { SPAN_ERR_COPIES, SPAN_ERR_NO_BUFFER, SPAN_ERR_N };

/* What a node knows of an interface: who gets copies. Replaced as a whole; the feature's word
 * points to it. */
struct span_targets {
    u32 n;
    struct {
        struct if_index interface;
        u16 edge;
    } to[SPAN_TARGETS_MAX];
};

extern const struct api_handler span_api[];
