/* SPAN: what passes an interface is copied to others: frames as the port receives or sends them
 * ("device"), or as layer 2 does ("l2": before its input rewrite, after its output rewrite). A copy
 * is not mirrored again. Control thread. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "engine/index.h"

struct module;
struct piste;

extern const struct module span_module;

enum span_layer { SPAN_DEVICE, SPAN_L2, SPAN_LAYERS };
enum { SPAN_RX = 1 << 0, SPAN_TX = 1 << 1 };

struct span_entry {
    struct if_index from, to;
    u8 directions[SPAN_LAYERS]; /* SPAN_* */
};

/* directions: SPAN_RX | SPAN_TX; 0: no more. to: IF_NONE with directions 0: to nobody any more.
 * -EINVAL: to itself. */
int span_set(struct piste *p, struct if_index from, struct if_index to, enum span_layer layer,
             u32 directions, struct error *e) MUST_CHECK;
/* The k-th, NULL behind the last; borrowed until the next change. */
const struct span_entry *span_at(const struct piste *p, u32 k);
