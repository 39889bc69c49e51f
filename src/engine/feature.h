/* Feature arcs: an ordered walk of optional nodes at one point of the graph, per interface. Where
 * nothing is enabled an arc costs one load and one test.
 *
 *     ip4-input ──(arc "ip4-unicast", starts here)──► acl ► nat ► ... ► ip4-lookup (arc's end)
 *
 * A chain is immutable: enabling builds a new one beside the old and publishes it by one pointer
 * store. */
#pragma once

#include "base/error.h"
#include "engine/buffer.h"
#include "engine/index.h"
#include "engine/node.h"

struct engine;

struct feature_arc_def {
    const char *name; /* "ip4-unicast" */
    const char *const
        *start_nodes; /* NULL-terminated: nodes that start the walk; NULL: each interface's own */
    const char *end_node; /* where a walk ends, NULL: the interface's own (output arcs: X-tx) */
};

struct feature_def {
    const char *arc;
    const char *node;
    const char *const *before; /* NULL-terminated node names on the same arc, or NULL */
    const char *const *after;
};

/* What a walk needs in the data path. next[k] is the edge from the node at position k-1 (position
 * 0: the start node) to the node at position k; the last one leads to the arc's end. */
struct feature_chain {
    u16 n; /* positions, with the end */
    u16 next[15];
    u64 data[15]; /* a word for each feature, set when it was enabled */
};

struct feature_arc {
    struct feature_chain *_Atomic *chains; /* by interface index; NULL: nothing enabled */
    u32 id;
};

/* For a start node: returns next to take: `otherwise` when nothing is enabled on this interface. */
ALWAYS_INLINE u16 feature_start(const struct feature_arc *arc, struct if_index i, struct buffer *b,
                                u16 otherwise)
{
    const struct feature_chain *c =
        __atomic_load_n((struct feature_chain **)&arc->chains[i.i], __ATOMIC_ACQUIRE);
    if (likely(!c))
        return otherwise;
    b->chain = c;
    b->chain_pos = 0;
    return c->next[0];
}

/* For a feature node: next node of the walk that b is on. */
ALWAYS_INLINE u16 feature_next(struct buffer *b)
{
    return b->chain->next[++b->chain_pos];
}

/* The word that feature_enable gave for the feature whose node runs now. */
ALWAYS_INLINE u64 feature_data(const struct buffer *b)
{
    return b->chain->data[b->chain_pos];
}

/* NULL when there is no arc of that name. Stable for the life of the engine. */
const struct feature_arc *feature_arc_find(const struct engine *e, const char *arc);
/* Enabling twice, or disabling what is not enabled, does nothing and returns 0. */
int feature_enable(struct engine *e, const char *arc, const char *node, struct if_index i,
                   bool enable, u64 data, struct error *err) MUST_CHECK;
/* Whether there is a feature of that name on that arc. */
bool feature_exists(const struct engine *e, const char *arc, const char *node);
bool feature_is_enabled(const struct engine *e, const char *arc, const char *node,
                        struct if_index i);
/* The node that starts walks on this interface, for arcs without start_nodes. */
void feature_set_start(struct engine *e, const char *arc, struct if_index i,
                       struct node_index start);
/* Where a walk on this interface ends, for arcs without end_node. */
void feature_set_end(struct engine *e, const char *arc, struct if_index i, struct node_index end);
/* fn is called after the first feature of an arc was enabled on an interface, and after the last
 * one was disabled: for those who send packets past the start node while there are none. For ever.
 */
void feature_on_change(struct engine *e, const char *arc,
                       void (*fn)(void *arg, struct if_index i, bool any), void *arg);
/* All chains of an interface go (it is deleted). */
void feature_forget_interface(struct engine *e, struct if_index i);
/* fn for each arc in order; node NULL first, then each feature in order, enabled on i (when i is
 * one), then the node that ends the arc, which is not a feature and never enabled. */
void feature_each(const struct engine *e, struct if_index i,
                  void (*fn)(void *arg, const char *arc, const char *node, bool enabled),
                  void *arg);
