/* Index spaces: each is a type of its own, so that the compiler tells an interface from an
 * adjacency. */
#pragma once

#include "base/types.h"

struct if_index { /* software interface, "sw_if_index" in API messages */
    u32 i;
};
struct node_index {
    u32 i;
};

#define IF_NONE ((struct if_index){UINT32_MAX})

static inline bool if_is_none(struct if_index x)
{
    return x.i == UINT32_MAX;
}

static inline bool if_equal(struct if_index a, struct if_index b)
{
    return a.i == b.i;
}
